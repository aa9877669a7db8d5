//! Lodging a notification with the report line, and taking it back.
//!
//! A probe that lodges must withdraw; what it lodged is deleted and leaves a tombstone.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use serde::Deserialize;

use super::super::model::casework::{ConcernReport, Reporter, Screening};
use super::super::register::Kind;
use super::sign_in::{Forged, OnlyCsrf, Session};
use super::{C3ms, html, pages};

/// Longer narratives belong into an attachment.
const MAX_NARRATIVE_BYTES: usize = 20_000;
/// Lodged notifications shown at once.
const MAX_FOUND: usize = 50;

pub(super) fn routes() -> Router<C3ms> {
    Router::new()
        .route("/intake", get(form).post(lodge))
        .route("/intake/{id}", get(lodged))
        .route("/intake/{id}/withdraw", post(withdraw))
}

#[derive(Deserialize)]
struct Notification {
    csrf: String,
    concern: String,
    narrative: String,
    #[serde(default)]
    person_id: String,
    #[serde(default)]
    reporter_name: String,
    #[serde(default)]
    reporter_phone: String,
    #[serde(default)]
    source_type: String,
    #[serde(default)]
    office: String,
}

#[derive(Deserialize)]
struct Asked {
    q: Option<String>,
}

/// The empty form, or what was lodged and holds the words asked for.
async fn form(
    State(app): State<C3ms>,
    session: Session,
    Query(asked): Query<Asked>,
) -> Html<String> {
    let Some(words) = asked.q.filter(|words| !words.trim().is_empty()) else {
        return form_page(&session, None);
    };
    let register = app.current().register;
    let reports = register.concern_reports.iter().filter(|report| is_ours(report));
    let found = reports.filter(|report| report.narrative.contains(words.trim()));
    let found = found.take(MAX_FOUND).collect();
    Html(html::page("Lodged notifications", &session, &Found { words: &words, found }))
}

fn form_page(session: &Session, error: Option<&str>) -> Html<String> {
    Html(html::page("Intake", session, &IntakeForm { csrf: &session.csrf, error }))
}

async fn lodge(
    State(app): State<C3ms>,
    session: Session,
    Form(form): Form<Notification>,
) -> Result<Response, Forged> {
    session.check(&form.csrf)?;
    let narrative_bytes = form.narrative.trim().len();
    if form.concern.trim().is_empty() || narrative_bytes == 0 {
        let page = form_page(&session, Some("Concern and narrative are required."));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    if narrative_bytes > MAX_NARRATIVE_BYTES {
        let page = form_page(&session, Some("The narrative is too long."));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let id = app.lodge(form);
    Ok(Redirect::to(&format!("/intake/{id}")).into_response())
}

impl C3ms {
    /// Adds the notification and says its reference number.
    fn lodge(&self, form: Notification) -> String {
        self.write(|register, now| {
            let id = register.next_id(Kind::ConcernReports);
            let person = register.persons.get(form.person_id.trim());
            let child_ids: Vec<String> =
                person.map(|person| person.id.clone()).into_iter().collect();
            let case_id = register
                .cases
                .iter()
                .find(|case| child_ids.iter().any(|id| case.child_ids.contains(id)))
                .map(|case| case.id.clone());
            let updated_at = register.next_change_at(now);
            register.concern_reports.put(ConcernReport {
                id: id.clone(),
                updated_at,
                received_at: updated_at,
                child_ids,
                case_id,
                concern_category: form.concern.trim().to_owned(),
                narrative: form.narrative.trim().to_owned(),
                reporter: Reporter {
                    name: form.reporter_name,
                    phone: form.reporter_phone,
                    source_type: form.source_type,
                },
                screening: Screening::Waiting,
                response_due_at: None,
                responded_at: None,
                outcome: None,
                lodged_by_worker_id: None,
                receiving_office: form.office.trim().to_owned(),
            });
            id
        })
    }
}

/// Only what came through the form: the families' history is not for withdrawing.
fn is_ours(report: &ConcernReport) -> bool {
    report.lodged_by_worker_id.is_none()
}

async fn lodged(State(app): State<C3ms>, session: Session, Path(id): Path<String>) -> Response {
    // The live register, not a stale view: what was lodged has been lodged.
    let register = app.current().register;
    let Some(report) = register.concern_reports.get(&id) else { return pages::missing(&session) };
    let page = Lodged { csrf: &session.csrf, report };
    Html(html::page("Lodged", &session, &page)).into_response()
}

async fn withdraw(
    State(app): State<C3ms>,
    session: Session,
    Path(id): Path<String>,
    Form(form): Form<OnlyCsrf>,
) -> Result<Response, Forged> {
    session.check(&form.csrf)?;
    let deleted = app.write(|register, now| {
        register.concern_reports.get(&id).is_some_and(is_ours) && {
            let at = register.next_change_at(now);
            register.concern_reports.delete(&id, at)
        }
    });
    Ok(if deleted { Redirect::to("/intake").into_response() } else { pages::missing(&session) })
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Intake: lodge a notification</h1>
{% if let Some(error) = error %}<p id="error" role="alert">{{ error }}</p>{% endif %}
<form id="intake" method="post" action="/intake">
<input type="hidden" name="csrf" value="{{ csrf }}">
<label>Concern <input name="concern"></label>
<label>What was told <textarea name="narrative" rows="6" cols="60"></textarea></label>
<label>Person number, if known <input name="person_id"></label>
<label>Reporter's name <input name="reporter_name"></label>
<label>Reporter's telephone <input name="reporter_phone"></label>
<label>Reporter is a <input name="source_type"></label>
<label>For office <input name="office"></label>
<button>Lodge</button>
</form>"#
)]
struct IntakeForm<'a> {
    csrf: &'a str,
    error: Option<&'a str>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Lodged notifications</h1>
<p><span id="count">{{ found.len() }}</span> with “{{ words }}” in what was told.</p>
<table id="found"><tr><th>Reference</th><th>Concern</th><th>Received</th></tr>
{% for report in found %}
<tr class="notification"><td class="reference">{{ report.id }}</td>
<td>{{ report.concern_category }}</td><td>{{ report.received_at }}</td></tr>
{% endfor %}
</table>"#
)]
struct Found<'a> {
    words: &'a str,
    found: Vec<&'a ConcernReport>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Notification lodged</h1>
<p>Reference number <strong id="reference">{{ report.id }}</strong></p>
<p>{{ report.concern_category }}, received {{ report.received_at }}
{% if !report.receiving_office.is_empty() %}
for <span id="office">{{ report.receiving_office }}</span>{% endif %}</p>
<form id="withdraw" method="post" action="/intake/{{ report.id }}/withdraw">
<input type="hidden" name="csrf" value="{{ csrf }}"><button>Withdraw</button>
</form>"#
)]
struct Lodged<'a> {
    csrf: &'a str,
    report: &'a ConcernReport,
}
