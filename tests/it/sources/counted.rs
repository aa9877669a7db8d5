//! HTTP whose pages are counted, from a server that says no total and gives fewer rows a page than it
//! is asked for.

use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::{PERSONS, Rig};
use crate::support::server::{Seen, Server};

/// No page has more, whatever is asked for.
const CAP: usize = 2;

fn mapping(paging: &str) -> String {
    format!(
        "format: holdfast/mapping/v1
source: c3ms
title: C3MS
time_zone: Australia/Adelaide
http_json:
  authorization: bearer
  rows: rows
  id: id
  updated_at: at
  enabled: enabled
  updated_since: since
  sweep_interval: 0 s
  paging: {paging}
  page_size: {{ parameter: limit, rows: 3 }}
collections:
  - id: persons
    path: /persons
    ignored: [enabled]
    records:
      - kind: person
{PERSONS}"
    )
}

fn answer(rows: &[Value], seen: &Seen) -> Response<Full<Bytes>> {
    let path = seen.line.split(' ').nth(1).unwrap();
    let url = url::Url::parse(&format!("http://localhost{path}")).unwrap();
    let parameter = |name: &str| url.query_pairs().find(|(found, _)| found == name);
    let number = |name| parameter(name).map(|(_, text)| text.parse::<usize>().unwrap());
    let skip = number("skip").or_else(|| Some((number("page")? - 1) * CAP)).unwrap_or(0);
    let since = parameter("since").map(|(_, text)| text.into_owned()).unwrap_or_default();
    let changed = rows.iter().filter(|row| row["at"].as_str().unwrap() >= since.as_str());
    let page: Vec<&Value> = changed.skip(skip).take(CAP).collect();
    Response::new(Full::new(json!({ "rows": page }).to_string().into()))
}

#[tokio::test]
async fn pages_are_read_to_an_empty_one_and_until_a_pass_brings_nothing_new() {
    for paging in ["{ offset: { parameter: skip } }", "{ number: { parameter: page, first: 1 } }"] {
        let row = |id: u32| {
            let at = format!("2023-03-01T09:{:02}:00Z", 2 * id);
            json!({"id": id, "name": "Synthetic", "at": at, "enabled": true})
        };
        let rows = Arc::new(Mutex::new((1..=5).map(row).collect::<Vec<_>>()));
        let held = Arc::clone(&rows);
        let server = Server::start(move |seen| answer(&held.lock().unwrap(), seen), None).await;
        let rig = Rig::new(&format!("http://{}", server.address), &mapping(paging), true).await;
        rig.capture().await;
        assert_eq!(rig.names().len(), 5, "{paging}");
        let asked = server.requests();
        assert_eq!(asked.len(), 8, "three pages and an empty one, twice: {asked:?}");

        // Deleted without a word of when: its key is there, and it is not.
        rows.lock().unwrap()[1]["enabled"] = false.into();
        let report = rig.capture().await;
        assert_eq!(report.build.as_str(), "full", "{paging}");
        let names = rig.names();
        assert!(names.len() == 4 && names.iter().all(|(id, _)| id != "2"), "{paging}");
    }
}
