//! The pages staff read: home, search, person, case, notes, court list.
//!
//! Handlers gather, templates below show; nothing is changed here.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::caseload::Caseload;
use super::super::model::care::Placement;
use super::super::model::casework::{Case, Note, SafetyAlert, Task};
use super::super::model::legal::{Hearing, Order};
use super::super::model::people::{Household, Person};
use super::super::register::Register;
use super::sign_in::Session;
use super::{Application, View, html, search};

/// How far the court list looks ahead.
const COURT_DAYS: i64 = 14;

pub(super) fn routes() -> Router<Application> {
    Router::new()
        .route("/", get(home))
        .route("/persons", get(persons))
        .route("/persons/{id}", get(person))
        .route("/cases/{id}", get(case))
        .route("/cases/{id}/notes", get(notes))
        .route("/court", get(court))
}

async fn home(session: Session, View(view): View) -> Html<String> {
    let caseload = Caseload::count(&view.register);
    Html(html::page("Home", &session, &Home { caseload, as_of: view.as_of }))
}

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    pub q: String,
}

async fn persons(session: Session, View(view): View, Query(query): Query<Search>) -> Html<String> {
    let (results, count) = search::persons(&view.register, &query.q);
    Html(html::page("Persons", &session, &Persons { q: &query.q, results, count }))
}

async fn person(session: Session, View(view): View, Path(id): Path<String>) -> Response {
    let register = &*view.register;
    let Some(person) = register.persons.get(&id) else { return missing(&session) };
    let household = person.household_id.as_deref().and_then(|id| register.households.get(id));
    let page = PersonPage {
        name: person.full_name(),
        person,
        household,
        alerts: person_alerts(register, person).collect(),
        relationships: relationships(register, person),
        cases: register
            .cases
            .iter()
            .filter(|case| case.child_ids.contains(&id) || case.adult_ids.contains(&id))
            .collect(),
        placements: register.placements.iter().filter(|p| p.child_id == id).collect(),
    };
    Html(html::page(&page.name, &session, &page)).into_response()
}

/// Alerts about a person or the home the person lives in.
pub(super) fn person_alerts<'a>(
    register: &'a Register,
    person: &'a Person,
) -> impl Iterator<Item = &'a SafetyAlert> {
    register.safety_alerts.iter().filter(|alert| {
        alert.person_id.as_ref() == Some(&person.id)
            || (alert.household_id.is_some() && alert.household_id == person.household_id)
    })
}

fn relationships(register: &Register, person: &Person) -> Vec<String> {
    let name = |id: &str| match id == person.id {
        true => "this person".to_owned(),
        false => register
            .persons
            .get(id)
            .map_or_else(|| id.to_owned(), |other| format!("{} ({id})", other.full_name())),
    };
    register
        .relationships
        .iter()
        .filter(|r| r.person_id == person.id || r.other_id == person.id)
        .map(|r| {
            let restricted = r.restriction.as_deref().unwrap_or_default();
            format!(
                "{}: {} of {} {restricted}",
                name(&r.person_id),
                word(r.kind),
                name(&r.other_id)
            )
        })
        .collect()
}

/// A coded word as the export writes it, with spaces.
fn word(code: impl Serialize) -> String {
    serde_json::to_value(code)
        .ok()
        .and_then(|value| value.as_str().map(|word| word.replace('-', " ")))
        .unwrap_or_default()
}

async fn case(session: Session, View(view): View, Path(id): Path<String>) -> Response {
    let register = &*view.register;
    let Some(case) = register.cases.get(&id) else { return missing(&session) };
    let page = CasePage {
        case,
        children: case.child_ids.iter().filter_map(|id| register.persons.get(id)).collect(),
        orders: register.orders.iter().filter(|order| order.case_id == id).collect(),
        hearings: register.hearings.iter().filter(|hearing| hearing.case_id == id).collect(),
        tasks: register.tasks.iter().filter(|t| t.case_id.as_ref() == Some(&id)).collect(),
    };
    Html(html::page(&case.title, &session, &page)).into_response()
}

async fn notes(session: Session, View(view): View, Path(id): Path<String>) -> Response {
    let register = &*view.register;
    let Some(case) = register.cases.get(&id) else { return missing(&session) };
    let page = Notes { case, notes: case_notes(register, &id) };
    Html(html::page("Notes", &session, &page)).into_response()
}

/// The notes of a case, newest first.
pub(in crate::standin) fn case_notes<'a>(register: &'a Register, case_id: &str) -> Vec<&'a Note> {
    let mut notes: Vec<&Note> =
        register.notes.iter().filter(|note| note.case_id == case_id).collect();
    notes.sort_by_key(|note| std::cmp::Reverse(note.happened_at));
    notes
}

async fn court(session: Session, View(view): View) -> Html<String> {
    let until = view.as_of + SignedDuration::from_hours(COURT_DAYS * 24);
    let due = |at: Timestamp| at >= view.as_of && at <= until;
    let mut hearings: Vec<&Hearing> =
        view.register.hearings.iter().filter(|hearing| due(hearing.starts_at)).collect();
    hearings.sort_by_key(|hearing| hearing.starts_at);
    let mut expiring: Vec<&Order> =
        view.register.orders.iter().filter(|order| order.expires_at.is_some_and(due)).collect();
    expiring.sort_by_key(|order| order.expires_at);
    Html(html::page("Court", &session, &Court { days: COURT_DAYS, hearings, expiring }))
}

pub(in crate::standin) fn missing(session: &Session) -> Response {
    let page = html::page("Not found", session, &NotFound);
    (StatusCode::NOT_FOUND, Html(page)).into_response()
}

#[derive(Template)]
#[template(ext = "html", source = "<h1>Not found</h1><p>There is no such record.</p>")]
struct NotFound;

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Home</h1>
<form action="/persons"><label>Find a person <input name="q"></label><button>Search</button></form>
<table>
<tr><th>Open cases</th><td id="open">{{ caseload.open_cases }}</td></tr>
<tr><th>Unallocated cases</th><td id="unallocated">{{ caseload.unallocated_cases }}</td></tr>
<tr><th>Workers over 15</th><td id="over-15">{{ caseload.workers_over_15 }}</td></tr>
</table>
<p>As of <time id="as-of">{{ as_of }}</time></p>"#
)]
struct Home {
    caseload: Caseload,
    as_of: Timestamp,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Persons</h1>
<form action="/persons"><label>Name, date of birth or number
<input name="q" value="{{ q }}"></label><button>Search</button></form>
{% if !q.is_empty() %}
<p><span id="count">{{ count }}</span> found, {{ results.len() }} shown, by number.</p>
<table id="results"><tr><th>Number</th><th>Name</th><th>Born</th><th>Role</th></tr>
{% for person in results %}
<tr class="person"><td><a href="/persons/{{ person.id }}">{{ person.id }}</a></td>
<td>{{ person.full_name() }}</td>
<td>{% if let Some(born) = person.born_on %}{{ born }}{% endif %}</td>
<td>{{ self::word(person.role) }}</td></tr>
{% endfor %}</table>
{% endif %}"#
)]
struct Persons<'a> {
    q: &'a str,
    results: Vec<&'a Person>,
    count: usize,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ name }}</h1>
<table>
<tr><th>Number</th><td id="number">{{ person.id }}</td></tr>
<tr><th>Born</th><td>{% if let Some(born) = person.born_on %}{{ born }}{% endif %}
{% if person.born_on_estimated %}(estimated){% endif %}</td></tr>
<tr><th>Language</th><td>{{ person.language }}
{% if let Some(interpreter) = person.interpreter %}({{ interpreter }}){% endif %}</td></tr>
{% if let Some(home) = household %}
<tr><th>Lives at</th><td>{% if home.protected %}<strong>Protected address</strong>
{% else %}{{ home.address.street }}, {{ home.address.locality }} {{ home.address.postcode }}
{% endif %}</td></tr>{% endif %}
{% if let Some(seen) = person.last_sighted %}
<tr><th>Last sighted</th><td>{{ seen.at }} {{ seen.place }}, by {{ seen.by }}</td></tr>{% endif %}
</table>
<h2>Alerts</h2>
<ul id="alerts">{% for alert in alerts %}<li>{{ self::word(alert.kind) }}: {{ alert.text }}</li>
{% endfor %}</ul>
<h2>Relationships</h2>
<ul id="relationships">{% for relationship in relationships %}<li>{{ relationship }}</li>
{% endfor %}</ul>
<h2>Cases</h2>
<ul id="cases">{% for case in cases %}<li><a href="/cases/{{ case.id }}">{{ case.id }}
{{ case.title }}</a> {{ self::word(case.status) }}</li>{% endfor %}</ul>
<h2>Placements</h2>
<ul id="placements">{% for placement in placements %}
<li>{{ self::word(placement.kind) }} since {{ placement.began_at }}</li>{% endfor %}</ul>"#
)]
struct PersonPage<'a> {
    name: String,
    person: &'a Person,
    household: Option<&'a Household>,
    alerts: Vec<&'a SafetyAlert>,
    relationships: Vec<String>,
    cases: Vec<&'a Case>,
    placements: Vec<&'a Placement>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>{{ case.title }}</h1>
<table>
<tr><th>Number</th><td>{{ case.id }}</td></tr>
<tr><th>Status</th><td id="status">{{ self::word(case.status) }}</td></tr>
<tr><th>Risk</th><td>{{ self::word(case.risk_level) }}</td></tr>
<tr><th>Accountable for safety</th><td>{{ case.accountable_agency }}</td></tr>
<tr><th>Case management</th><td>{{ case.case_management_agency }}</td></tr>
<tr><th>Office</th><td>{{ case.office }}, {{ case.team }}</td></tr>
<tr><th>Key worker</th><td>{% if let Some(worker) = case.key_worker_id %}{{ worker }}
{% else %}Unallocated, supervised by {{ case.supervisor_id }}{% endif %}</td></tr>
</table>
<p><a id="notes-link" href="/cases/{{ case.id }}/notes">Notes</a></p>
<h2>Children</h2>
<ul id="children">{% for child in children %}<li><a href="/persons/{{ child.id }}">
{{ child.full_name() }}</a></li>{% endfor %}</ul>
<h2>Orders</h2>
<ul id="orders">{% for order in orders %}<li>{{ self::word(order.kind) }}, {{ order.file_number }}
{% if let Some(expires) = order.expires_at %}, expires {{ expires }}{% endif %}</li>
{% endfor %}</ul>
<h2>Hearings</h2>
<ul id="hearings">{% for hearing in hearings %}<li>{{ hearing.starts_at }} {{ hearing.kind }},
{{ hearing.court }}</li>{% endfor %}</ul>
<h2>Tasks</h2>
<ul id="tasks">{% for task in tasks %}<li>{{ task.title }}, due {{ task.due_at }}</li>
{% endfor %}</ul>"#
)]
struct CasePage<'a> {
    case: &'a Case,
    children: Vec<&'a Person>,
    orders: Vec<&'a Order>,
    hearings: Vec<&'a Hearing>,
    tasks: Vec<&'a Task>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Notes: {{ case.title }}</h1>
<p><span id="count">{{ notes.len() }}</span> notes, newest first.</p>
<div id="notes">{% for note in notes %}
<article class="note" id="{{ note.id }}">
<h2>{{ note.kind }}, {{ note.happened_at }}</h2>
<p>{{ note.text }}</p>
<p>{{ note.author }}, written {{ note.written_at }}, version {{ note.version }}</p>
{% for earlier in note.history %}<details><summary>Version {{ earlier.version }}:
{{ earlier.corrected_because }}</summary><p>{{ earlier.text }}</p></details>{% endfor %}
</article>{% endfor %}</div>"#
)]
struct Notes<'a> {
    case: &'a Case,
    notes: Vec<&'a Note>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<h1>Court</h1>
<p>The next {{ days }} days, earliest first.</p>
<h2>Hearings</h2>
<table id="hearings"><tr><th>At</th><th>Hearing</th><th>Case</th><th>Filing due</th></tr>
{% for hearing in hearings %}<tr><td>{{ hearing.starts_at }}</td>
<td>{{ hearing.kind }}, {{ hearing.court }}, {{ hearing.room }}</td>
<td><a href="/cases/{{ hearing.case_id }}">{{ hearing.case_id }}</a></td>
<td>{% if let Some(due) = hearing.filing_due_at %}{{ due }}{% endif %}</td></tr>{% endfor %}</table>
<h2>Orders that expire</h2>
<table id="expiring"><tr><th>Expires</th><th>Order</th><th>Case</th></tr>
{% for order in expiring %}<tr>
<td>{% if let Some(expires) = order.expires_at %}{{ expires }}{% endif %}</td>
<td>{{ order.id }} {{ self::word(order.kind) }}</td>
<td><a href="/cases/{{ order.case_id }}">{{ order.case_id }}</a></td></tr>{% endfor %}</table>"#
)]
struct Court<'a> {
    days: i64,
    hearings: Vec<&'a Hearing>,
    expiring: Vec<&'a Order>,
}
