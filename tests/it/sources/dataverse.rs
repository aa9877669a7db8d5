//! A stand-in for Microsoft Dataverse, after its public documentation: "Use change tracking to
//! synchronize data with external systems", "Service protection API limits" and "Microsoft identity
//! platform and the OAuth 2.0 client credentials flow". It knows one table.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};

use super::SECRET;
use crate::support::server::{Seen, Server};

/// Rows of `contacts`, each with the number of its last change; none once it is deleted.
#[derive(Default)]
pub struct State {
    pub rows: BTreeMap<String, (u64, Option<Value>)>,
    pub changes: u64,
    /// Changes up to this one are no longer kept.
    pub forgotten: u64,
    /// So many requests are refused as too many.
    pub busy: u32,
    /// Of tokens; the newest alone is good.
    pub issued: u32,
    pub expires_in: u64,
    pub tracks_changes: bool,
    /// Put into every page of changes, as they are.
    pub beside: Vec<Value>,
}

pub struct Dataverse {
    pub server: Server,
    pub state: Arc<Mutex<State>>,
}

impl Dataverse {
    pub async fn start() -> Self {
        let first = State { expires_in: 3_599, tracks_changes: true, ..State::default() };
        let state = Arc::new(Mutex::new(first));
        let held = Arc::clone(&state);
        let server = Server::start(move |seen| answer(&mut held.lock().unwrap(), seen), None);
        Self { server: server.await, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Adds a row or changes it; deletes it without a name.
    pub fn put(&self, id: &str, name: Option<&str>) {
        let mut state = self.state.lock().unwrap();
        state.changes += 1;
        let changes = state.changes;
        let row = name.map(|name| {
            json!({
                "@odata.etag": format!("W/\"{changes}\""), "contactid": id, "fullname": name,
                "modifiedon": format!("2023-03-01T09:{changes:02}:00Z")
            })
        });
        state.rows.insert(id.to_owned(), (changes, row));
    }

    /// The addresses that were asked for, tokens left out.
    pub fn asked(&self) -> Vec<String> {
        let seen = self.server.requests();
        seen.into_iter().map(|seen| seen.line).filter(|line| line.starts_with("GET")).collect()
    }
}

fn answer(state: &mut State, seen: &Seen) -> Response<Full<Bytes>> {
    let path = seen.line.split(' ').nth(1).unwrap_or_default();
    if path == "/tenant/oauth2/v2.0/token" {
        return token(state, seen);
    }
    let bearer = format!("Bearer synthetic-token-{}", state.issued);
    if seen.headers.get("authorization").is_none_or(|text| text != bearer.as_str()) {
        return told(401, &[], &json!({"error": {"code": "0x80072560", "message": "no"}}));
    }
    if state.busy > 0 {
        state.busy -= 1;
        let error = json!({"error": {"code": "0x80072322", "message": "too many requests"}});
        return told(429, &[("retry-after", "0")], &error);
    }
    table(state, seen, path)
}

fn token(state: &mut State, seen: &Seen) -> Response<Full<Bytes>> {
    let pairs: BTreeMap<String, String> =
        url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect();
    let expected = [
        ("grant_type", "client_credentials"),
        ("client_id", "synthetic-client"),
        ("client_secret", SECRET),
        ("scope", "https://synthetic.example.com/.default"),
    ];
    if expected.iter().any(|(name, value)| pairs.get(*name).is_none_or(|held| held != value)) {
        return told(401, &[], &json!({"error": "invalid_client", "error_description": SECRET}));
    }
    state.issued += 1;
    let token = format!("synthetic-token-{}", state.issued);
    let body =
        json!({"token_type": "Bearer", "expires_in": state.expires_in, "access_token": token});
    told(200, &[], &body)
}

/// `contacts`: a page of everything, or of what has changed since a token.
fn table(state: &State, seen: &Seen, path: &str) -> Response<Full<Bytes>> {
    let url = url::Url::parse(&format!("http://{}{path}", seen.headers["host"].to_str().unwrap()));
    let url = url.unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    if url.path() != "/api/data/v9.2/contacts" {
        return told(404, &[], &json!({"error": {"code": "0x80060888", "message": "no resource"}}));
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
    let (since, skip) = (number("$deltatoken"), number("$skiptoken").unwrap_or(0) as usize);
    if since.is_some_and(|since| since < state.forgotten) {
        return told(410, &[], &json!({"error": {"code": "expired", "message": "full sync"}}));
    }
    let prefer = seen.headers.get("prefer").and_then(|text| text.to_str().ok()).unwrap_or_default();
    let size = prefer.split("odata.maxpagesize=").nth(1).map_or(5_000, |n| n.parse().unwrap());
    let mut rows: Vec<(u64, &String, &Option<Value>)> =
        state.rows.iter().map(|(id, (at, row))| (*at, id, row)).collect();
    rows.sort_by_key(|(at, _, _)| *at);
    let shown: Vec<Value> = rows
        .into_iter()
        .filter(|(at, _, row)| since.map_or(row.is_some(), |since| *at > since))
        .map(|(_, id, row)| row.clone().unwrap_or_else(|| tombstone(id)))
        .collect();
    let link = |pairs: &[(&str, u64)]| {
        let mut link = url.clone();
        link.set_query(None);
        let since = since.map(|since| ("$deltatoken", since));
        let kept = since.into_iter().filter(|_| pairs[0].0 == "$skiptoken");
        let all = kept.chain(pairs.iter().copied()).map(|(name, at)| (name, at.to_string()));
        link.query_pairs_mut().extend_pairs(all);
        link.to_string()
    };
    let page: Vec<Value> = shown.iter().skip(skip).take(size).cloned().collect();
    let beside = since.map(|_| state.beside.clone()).unwrap_or_default();
    let page: Vec<Value> = page.into_iter().chain(beside).collect();
    let mut body = json!({"@odata.context": "…/$metadata#contacts/$delta", "value": page});
    if skip + size < shown.len() {
        body["@odata.nextLink"] = link(&[("$skiptoken", (skip + size) as u64)]).into();
    } else if state.tracks_changes && prefer.contains("odata.track-changes") {
        body["@odata.deltaLink"] = link(&[("$deltatoken", state.changes)]).into();
    }
    told(200, &[], &body)
}

fn tombstone(id: &str) -> Value {
    json!({
        "@odata.context": "…/$metadata#contacts/$deletedEntity", "id": id, "reason": "deleted"
    })
}

fn told(status: u16, headers: &[(&str, &str)], body: &Value) -> Response<Full<Bytes>> {
    let mut response =
        Response::builder().status(status).header("content-type", "application/json");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(Bytes::from(body.to_string()))).unwrap()
}
