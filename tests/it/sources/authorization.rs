//! Every way in which a source of HTTP lets an export in, each against a server that wants it.

use http_body_util::Full;
use hyper::Response;
use serde_json::json;

use super::{PERSONS, Rig, SECRET};
use crate::support::server::{Seen, Server};

fn mapping(authorization: &str) -> String {
    format!(
        "format: holdfast/mapping/v1
source: c3ms
title: C3MS
time_zone: Australia/Adelaide
http_json:
  authorization: {authorization}
  rows: rows
  id: id
  updated_at: at
  paging: {{ link: {{ next: next }} }}
  page_size: {{ parameter: limit, rows: 1 }}
collections:
  - id: persons
    path: /persons
    records:
      - kind: person
{PERSONS}"
    )
}

/// Two pages, for whoever has a header of this value.
async fn server(header: &'static str, value: String) -> Server {
    Server::start(move |seen| answer(seen, header, &value), None).await
}

fn answer(seen: &Seen, header: &str, value: &str) -> Response<Full<hyper::body::Bytes>> {
    let told = |status: u16, body: serde_json::Value| {
        Response::builder().status(status).body(Full::new(body.to_string().into())).unwrap()
    };
    if seen.line.starts_with("POST /sign-in") {
        let given = serde_json::from_str::<serde_json::Value>(&seen.body).unwrap();
        let expected = json!({"login": "export", "password": SECRET});
        let status = if given == expected { 200 } else { 401 };
        return told(status, json!({"data": {"token": "synthetic-session"}}));
    }
    if seen.headers.get(header).is_none_or(|held| held != value) {
        return told(403, json!({"why": SECRET}));
    }
    let row = |id: u32| json!({"id": id, "name": "Synthetic", "at": "2023-03-01T00:00:00Z"});
    if seen.line.contains("page=2") {
        return told(200, json!({"rows": [row(2)], "next": null}));
    }
    told(200, json!({"rows": [row(1)], "next": "/persons?page=2"}))
}

#[tokio::test]
async fn an_export_is_let_in_as_the_mapping_says_and_not_otherwise() {
    let basic = "Basic ZXhwb3J0OnN5bnRoZXRpYy1leHBvcnQtc2VjcmV0";
    let session = "{ session: { path: /sign-in, user: export, user_field: login, \
                   token: data/token } }";
    for (authorization, header, value) in [
        ("bearer", "authorization", format!("Bearer {SECRET}")),
        ("{ basic: { user: export } }", "authorization", basic.to_owned()),
        ("{ header: { name: X-Api-Key } }", "x-api-key", SECRET.to_owned()),
        (session, "authorization", "Bearer synthetic-session".to_owned()),
    ] {
        let server = server(header, value).await;
        let url = format!("http://{}", server.address);
        let rig = Rig::new(&url, &mapping(authorization), true).await;
        rig.capture().await;
        assert_eq!(rig.names().len(), 2, "{authorization}");
        rig.map(&mapping("{ header: { name: X-Other } }"));
        rig.fails("refuses the export's credentials (status 403)").await;
    }
}
