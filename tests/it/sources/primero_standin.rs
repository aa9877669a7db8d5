//! A stand-in for Primero 2, after its public source: `TokensController`, `Concerns::Record`,
//! `Concerns::Pagination`, `Search::SearchResult` and `records/index.json.jbuilder` of
//! <https://github.com/primeroIMS/primero>. It knows cases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use holdfast::clock::Clock;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::SECRET;
use crate::support::server::{Seen, Server};

/// Cases by the order in which they were opened.
#[derive(Default)]
pub struct State {
    pub cases: Vec<Case>,
    /// The database refuses: the list is empty then, with status 200.
    pub broken: bool,
    /// Fields that the export's role may not read.
    pub withheld: BTreeSet<String>,
    /// Cases that leave the export's scope, one before each page.
    pub leaving: Vec<String>,
    /// The newest alone is good.
    pub sessions: u32,
    /// After so many pages the session ends.
    pub pages_left: Option<u32>,
    pub signed_in: u32,
    /// After this page, counted down, the first case changes.
    pub renames_after: Option<u32>,
    /// Before this page, counted down, the capture run with such an argument is killed.
    pub kills: Option<(u32, String)>,
}

#[derive(Clone)]
pub struct Case {
    pub id: String,
    pub name: String,
    pub enabled: bool,
    pub updated_at: Timestamp,
}

pub struct Primero {
    pub server: Server,
    pub state: Arc<Mutex<State>>,
}

impl Primero {
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let held = Arc::clone(&state);
        let server = Server::start(move |seen| answer(&mut held.lock().unwrap(), seen), None);
        Self { server: server.await, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Opens cases of these numbers, a minute apart.
    pub fn open(&self, numbers: std::ops::Range<u32>) {
        let first: Timestamp = "2023-03-01T09:00:00Z".parse().unwrap();
        let mut state = self.state.lock().unwrap();
        state.cases.extend(numbers.map(|number| Case {
            id: format!("case-{number}"),
            name: format!("Synthetic-{number}"),
            enabled: true,
            updated_at: first + SignedDuration::from_mins(number.into()),
        }));
    }

    /// Changes a case at a minute past ten.
    pub fn change(&self, number: u32, minute: u32, change: impl FnOnce(&mut Case)) {
        let mut state = self.state.lock().unwrap();
        let id = format!("case-{number}");
        let case = state.cases.iter_mut().find(|case| case.id == id).unwrap();
        case.updated_at = format!("2023-03-01T10:{minute:02}:00Z").parse().unwrap();
        change(case);
    }
}

fn answer(state: &mut State, seen: &Seen) -> Response<Full<Bytes>> {
    let mut parts = seen.line.split(' ');
    let (method, path) = (parts.next().unwrap(), parts.next().unwrap_or_default());
    let url = url::Url::parse(&format!("http://primero{path}")).unwrap();
    match (method, url.path()) {
        ("POST", "/api/v2/tokens") => sign_in(state, &seen.body),
        ("GET", "/api/v2/cases") => {
            let cookie = format!("_app_session=synthetic-{}", state.sessions);
            if seen.headers.get("cookie").is_none_or(|sent| sent != cookie.as_str()) {
                return told(401, None, &json!({"errors": [{"status": 401}]}));
            }
            cases(state, &url.query_pairs().into_owned().collect())
        }
        _ => told(404, None, &json!({})),
    }
}

fn sign_in(state: &mut State, body: &str) -> Response<Full<Bytes>> {
    let expected = json!({"user": {"user_name": "export", "password": SECRET}});
    if serde_json::from_str::<Value>(body).unwrap_or_default() != expected {
        return told(401, None, &json!({"error": "Invalid User name or password."}));
    }
    state.sessions += 1;
    state.signed_in += 1;
    let cookie = format!("_app_session=synthetic-{}; path=/; HttpOnly", state.sessions);
    told(200, Some(&cookie), &json!({"id": 1, "user_name": "export"}))
}

fn cases(state: &mut State, query: &BTreeMap<String, String>) -> Response<Full<Bytes>> {
    if let Some((left, argument)) = &mut state.kills {
        *left -= 1;
        if *left == 0 {
            kill_capture(argument);
            state.kills = None;
        }
    }
    if let Some(left) = &mut state.pages_left {
        *left -= 1;
        if *left == 0 {
            (state.pages_left, state.sessions) = (None, state.sessions + 1);
        }
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (page, per) = (number("page").unwrap_or(1), number("per").unwrap_or(20).min(1_000));
    if let Some(leaving) = state.leaving.pop() {
        state.cases.retain(|case| case.id != leaving);
    }
    let from: Option<Timestamp> = query.get("last_updated_at[from]").map(|at| at.parse().unwrap());
    let mut shown: Vec<&Case> =
        state.cases.iter().filter(|case| from.is_none_or(|from| case.updated_at >= from)).collect();
    // The newest first, unless asked otherwise.
    if query.get("order").is_none_or(|order| order == "desc") {
        shown.reverse();
    }
    if state.broken {
        shown.clear();
    }
    let rows: Vec<Value> = shown
        .iter()
        .skip((page - 1) * per)
        .take(per)
        .map(|case| {
            let mut row = json!({
                "id": case.id, "enabled": case.enabled, "name": case.name, "sex": "female",
                "short_id": case.id, "last_updated_at": case.updated_at
            });
            row.as_object_mut().unwrap().retain(|name, _| !state.withheld.contains(name));
            row
        })
        .collect();
    let total = shown.len();
    if let Some(left) = &mut state.renames_after {
        *left -= 1;
        if *left == 0 {
            state.renames_after = None;
            state.cases[0].name = "Synthetic-Renamed".to_owned();
            state.cases[0].updated_at = Clock::system().now();
        }
    }
    let metadata = json!({"total": total, "per": per, "page": page});
    told(200, None, &json!({"data": rows, "metadata": metadata}))
}

/// As a power cut would end it: with no time for anything.
fn kill_capture(argument: &str) {
    let of_processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    for process in of_processes {
        let Ok(line) = std::fs::read(process.path().join("cmdline")) else { continue };
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        if words.contains(&&b"capture-run"[..]) && words.contains(&argument.as_bytes()) {
            let id = process.file_name();
            let status = std::process::Command::new("kill").arg("-KILL").arg(id).status();
            assert!(status.unwrap().success());
        }
    }
}

fn told(status: u16, cookie: Option<&str>, body: &Value) -> Response<Full<Bytes>> {
    let mut response =
        Response::builder().status(status).header("content-type", "application/json");
    if let Some(cookie) = cookie {
        response = response.header("set-cookie", cookie);
    }
    response.body(Full::new(Bytes::from(body.to_string()))).unwrap()
}
