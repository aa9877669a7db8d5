//! ChildStory's own: a referral handed over to an agency, received and accepted there.
//!
//! - `GET /referrals`, `?q=` for those with these words: `#referrals` with a `tr.referral` each,
//!   `td.reference` in it, and the form.
//! - `POST /referrals` (`csrf`, `text`, `agency`): 303 to `/referrals/{id}`, which shows
//!   `#reference` and `#stage`: "on its way", "received", "accepted".
//! - `POST /referrals/{id}/withdraw` (`csrf`): gone at both sides, 303 to `/referrals`.
//! - `GET /agency/referrals/{id}` (bearer token of the interface) → `{"id", "text", "stage"}` once
//!   the agency has it, 404 before: the agency's own system.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::application::sign_in::{Forged, OnlyCsrf, OtherSide, Session};
use super::application::{Application, View, html, pages};
use super::crossing::{Item, Stage};

/// Longer lists nobody reads.
const SHOWN: usize = 50;

pub(super) fn routes() -> Router<Application> {
    Router::new()
        .route("/referrals", get(list).post(lodge))
        .route("/referrals/{id}", get(show))
        .route("/referrals/{id}/withdraw", post(withdraw))
        .route("/agency/referrals/{id}", get(at_agency))
}

/// One referral as a page shows it.
struct Referral {
    id: String,
    text: String,
    agency: String,
    stage: &'static str,
}

impl Referral {
    fn new(id: String, item: Item, as_of: Timestamp) -> Self {
        let stage = item.stage(as_of).as_str();
        Self { id, text: item.text, agency: item.office, stage }
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    q: String,
}

async fn list(
    session: Session,
    State(app): State<Application>,
    View(view): View,
    Query(asked): Query<Asked>,
) -> Html<String> {
    let latest = app.crossing().latest(&asked.q, SHOWN).into_iter();
    let referrals = latest.map(|(id, item)| Referral::new(id, item, view.as_of)).collect();
    Html(html::page("Referrals", &session, &Referrals { csrf: &session.csrf, referrals }))
}

#[derive(Deserialize)]
struct Lodged {
    csrf: String,
    text: String,
    #[serde(default)]
    agency: String,
}

async fn lodge(
    State(app): State<Application>,
    session: Session,
    Form(form): Form<Lodged>,
) -> Result<Redirect, Forged> {
    session.check(&form.csrf)?;
    let id = app.crossing().send(&form.text, &form.agency, app.now());
    Ok(Redirect::to(&format!("/referrals/{id}")))
}

async fn show(
    State(app): State<Application>,
    session: Session,
    View(view): View,
    Path(id): Path<String>,
) -> Response {
    let Some(item) = app.crossing().find(&id) else { return pages::missing(&session) };
    let referral = Referral::new(id, item, view.as_of);
    let page = ReferralPage { csrf: &session.csrf, referral };
    Html(html::page("Referral", &session, &page)).into_response()
}

async fn withdraw(
    State(app): State<Application>,
    session: Session,
    Path(id): Path<String>,
    Form(form): Form<OnlyCsrf>,
) -> Result<Response, Forged> {
    session.check(&form.csrf)?;
    Ok(match app.crossing().withdraw(&id) {
        true => Redirect::to("/referrals").into_response(),
        false => pages::missing(&session),
    })
}

async fn at_agency(
    _: OtherSide,
    State(app): State<Application>,
    View(view): View,
    Path(id): Path<String>,
) -> Response {
    let item = app.crossing().find(&id);
    match item.map(|item| (item.stage(view.as_of), item)) {
        Some((stage @ (Stage::Received | Stage::Accepted), item)) => {
            Json(json!({ "id": id, "text": item.text, "stage": stage.as_str() })).into_response()
        }
        _ => (StatusCode::NOT_FOUND, Json(json!({ "error": "no such referral" }))).into_response(),
    }
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Referrals to agencies</h1>
<form id="refer" method="post" action="/referrals">
<input type="hidden" name="csrf" value="{{ csrf }}">
<label>Agency <input name="agency"></label>
<label>What the agency is asked to do <textarea name="text" rows="4" cols="60"></textarea></label>
<button>Hand over</button>
</form>
<table id="referrals"><tr><th>Number</th><th>What</th><th>Agency</th><th>Stage</th></tr>
{% for referral in referrals %}<tr class="referral">
<td class="reference"><a href="/referrals/{{ referral.id }}">{{ referral.id }}</a></td>
<td>{{ referral.text }}</td><td>{{ referral.agency }}</td>
<td>{{ referral.stage }}</td></tr>{% endfor %}</table>"#
)]
struct Referrals<'a> {
    csrf: &'a str,
    referrals: Vec<Referral>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Referral handed over</h1>
<p>Reference number <strong id="reference">{{ referral.id }}</strong></p>
<p>{{ referral.text }}</p>
<p>{{ referral.agency }}, at the agency: <span id="stage">{{ referral.stage }}</span></p>
<form id="withdraw" method="post" action="/referrals/{{ referral.id }}/withdraw">
<input type="hidden" name="csrf" value="{{ csrf }}"><button>Withdraw</button>
</form>"#
)]
struct ReferralPage<'a> {
    csrf: &'a str,
    referral: Referral,
}
