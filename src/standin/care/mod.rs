//! CARE's own: what police, health and education send, and how fresh it is.
//!
//! - `GET /feeds`: `#feeds` with a `tr.feed` each, a `time` in it says when it last delivered.
//! - `GET /api/feeds/{agency}` → `{"agency", "title", "last_received_at", "received_today"}`.
//! - `POST /police/notifications` (`{"text", "office"}`; bearer token of the interface) → 201
//!   `{"id"}`: what police send. `GET /police/notifications?q=` → `{"found": [{"id"}]}` with those
//!   words in it. `DELETE /police/notifications/{id}` takes it back, 204.
//! - `GET /api/notifications/{id}` → `{"id", "text"}` once it has arrived in CARE, 404 before.
//!
//! A feed that is stale falls behind at the stand-in's pace, so that hours can pass in seconds.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::application::sign_in::{ApiCaller, OtherSide, Session};
use super::application::{Application, View, html};
use super::crossing::Stage;

/// Agencies that send, with how many seconds lie between two deliveries and their own system.
const FEEDS: [(&str, &str, i64); 3] = [
    ("police", "Police (PROMIS)", 2),
    ("health", "Health (clinics and hospitals)", 3),
    ("education", "Education (attendance)", 4),
];

/// Longer lists nobody reads.
const FOUND_AT_MOST: usize = 50;

pub(super) fn routes() -> Router<Application> {
    Router::new()
        .route("/feeds", get(page))
        .route("/api/feeds/{agency}", get(feed))
        .route("/api/notifications/{id}", get(arrived))
        .route("/police/notifications", get(sent).post(send))
        .route("/police/notifications/{id}", delete(withdraw))
}

/// One feed as it stands.
struct Feed {
    agency: &'static str,
    title: &'static str,
    last_received_at: Timestamp,
    received_today: i64,
}

impl Feed {
    /// `as_of` stands still while the feed is stale.
    fn of(agency: &str, as_of: Timestamp, app: &Application) -> Option<Self> {
        let found = FEEDS.iter().find(|(known, _, _)| *known == agency);
        let (agency, title, every) = *found?;
        let behind = app.now().duration_since(as_of).as_millis().max(0) * i128::from(app.pace());
        let behind = SignedDuration::from_millis(i64::try_from(behind).unwrap_or(i64::MAX));
        let last = app.now().checked_sub(behind).unwrap_or(Timestamp::UNIX_EPOCH).as_second();
        let last = last - last.rem_euclid(every);
        let received_today = last.rem_euclid(86_400) / every;
        let last_received_at = Timestamp::from_second(last).unwrap_or(Timestamp::UNIX_EPOCH);
        Some(Self { agency, title, last_received_at, received_today })
    }
}

async fn page(session: Session, State(app): State<Application>, View(view): View) -> Html<String> {
    let feeds = FEEDS.iter().filter_map(|(agency, _, _)| Feed::of(agency, view.as_of, &app));
    Html(html::page("Feeds", &session, &Feeds { feeds: feeds.collect() }))
}

async fn feed(
    _: ApiCaller,
    State(app): State<Application>,
    View(view): View,
    Path(agency): Path<String>,
) -> Response {
    let Some(feed) = Feed::of(&agency, view.as_of, &app) else { return missing() };
    Json(json!({
        "agency": feed.agency,
        "title": feed.title,
        "last_received_at": feed.last_received_at,
        "received_today": feed.received_today,
    }))
    .into_response()
}

#[derive(Deserialize)]
struct Notification {
    text: String,
    #[serde(default)]
    office: String,
}

#[derive(Deserialize)]
struct Asked {
    q: String,
}

async fn send(
    _: OtherSide,
    State(app): State<Application>,
    Json(notification): Json<Notification>,
) -> Response {
    let id = app.crossing().send(&notification.text, &notification.office, app.now());
    (StatusCode::CREATED, Json(json!({ "id": id }))).into_response()
}

async fn sent(
    _: OtherSide,
    State(app): State<Application>,
    Query(asked): Query<Asked>,
) -> Json<serde_json::Value> {
    let found = app.crossing().latest(&asked.q, FOUND_AT_MOST).into_iter();
    Json(json!({ "found": found.map(|(id, _)| json!({ "id": id })).collect::<Vec<_>>() }))
}

async fn arrived(
    _: ApiCaller,
    State(app): State<Application>,
    View(view): View,
    Path(id): Path<String>,
) -> Response {
    match app.crossing().find(&id).filter(|item| item.stage(view.as_of) != Stage::OnItsWay) {
        Some(item) => Json(json!({ "id": id, "text": item.text })).into_response(),
        None => missing(),
    }
}

async fn withdraw(
    _: OtherSide,
    State(app): State<Application>,
    Path(id): Path<String>,
) -> StatusCode {
    if app.crossing().withdraw(&id) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "no such record" }))).into_response()
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Feeds</h1>
<table id="feeds"><tr><th>From</th><th>Last delivered</th><th>Today</th></tr>
{% for feed in feeds %}<tr class="feed" id="feed-{{ feed.agency }}"><td>{{ feed.title }}</td>
<td><time datetime="{{ feed.last_received_at }}">{{ feed.last_received_at }}</time></td>
<td>{{ feed.received_today }}</td></tr>{% endfor %}</table>"#
)]
struct Feeds {
    feeds: Vec<Feed>,
}
