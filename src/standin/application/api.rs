//! The JSON API for programs, and the export for capture.
//!
//! Every answer says `as_of` when its data is from. Nothing is changed here.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::caseload::Caseload;
use super::super::export::{self, PageRequest};
use super::super::model::legal::{Hearing, Order};
use super::super::register::{Kind, Register};
use super::pages::{Search, case_notes, person_alerts};
use super::sign_in::{ApiCaller, CaptureAccount};
use super::{Application, View, search};

pub(super) fn routes() -> Router<Application> {
    Router::new()
        .route("/api/status", get(status))
        .route("/api/persons", get(persons))
        .route("/api/persons/{id}", get(person))
        .route("/api/persons/{id}/{part}", get(person_part))
        .route("/api/cases/{id}", get(case))
        .route("/api/cases/{id}/{part}", get(case_part))
        .route("/api/orders", get(orders))
        .route("/api/hearings", get(hearings))
        .route("/api/caseload", get(caseload))
        .route("/api/export/kinds", get(export_kinds))
        .route("/api/export/{kind}", get(export_page))
}

/// A list as every answer of the API gives it.
fn list<T: Serialize>(results: Vec<T>, as_of: Timestamp) -> Response {
    Json(json!({ "count": results.len(), "results": results, "as_of": as_of })).into_response()
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "no such record" }))).into_response()
}

async fn status(View(view): View) -> Response {
    let persons = view.register.persons.len();
    Json(json!({ "status": "ok", "persons": persons, "as_of": view.as_of })).into_response()
}

async fn persons(_: ApiCaller, View(view): View, Query(query): Query<Search>) -> Response {
    let (results, count) = search::persons(&view.register, &query.q);
    Json(json!({ "results": results, "count": count, "as_of": view.as_of })).into_response()
}

async fn person(_: ApiCaller, View(view): View, Path(id): Path<String>) -> Response {
    match view.register.persons.get(&id) {
        Some(person) => Json(json!({ "person": person, "as_of": view.as_of })).into_response(),
        None => missing(),
    }
}

async fn person_part(
    _: ApiCaller,
    View(view): View,
    Path((id, part)): Path<(String, String)>,
) -> Response {
    let register: &Register = &view.register;
    let Some(person) = register.persons.get(&id) else { return missing() };
    let as_of = view.as_of;
    match part.as_str() {
        "relationships" => {
            let relationships = register.relationships.iter();
            list(relationships.filter(|r| r.person_id == id || r.other_id == id).collect(), as_of)
        }
        "alerts" => list(person_alerts(register, person).collect(), as_of),
        "placements" => {
            list(register.placements.iter().filter(|p| p.child_id == id).collect(), as_of)
        }
        _ => missing(),
    }
}

async fn case(_: ApiCaller, View(view): View, Path(id): Path<String>) -> Response {
    match view.register.cases.get(&id) {
        Some(case) => Json(json!({ "case": case, "as_of": view.as_of })).into_response(),
        None => missing(),
    }
}

async fn case_part(
    _: ApiCaller,
    View(view): View,
    Path((id, part)): Path<(String, String)>,
) -> Response {
    let register: &Register = &view.register;
    if register.cases.get(&id).is_none() {
        return missing();
    }
    let as_of = view.as_of;
    let ours = |case_id: &Option<String>| case_id.as_ref() == Some(&id);
    match part.as_str() {
        "notes" => list(case_notes(register, &id), as_of),
        "alerts" => {
            list(register.safety_alerts.iter().filter(|a| ours(&a.case_id)).collect(), as_of)
        }
        "orders" => list(register.orders.iter().filter(|o| o.case_id == id).collect(), as_of),
        "hearings" => list(register.hearings.iter().filter(|h| h.case_id == id).collect(), as_of),
        "placements" => {
            list(register.placements.iter().filter(|p| p.case_id == id).collect(), as_of)
        }
        "tasks" => list(register.tasks.iter().filter(|t| ours(&t.case_id)).collect(), as_of),
        _ => missing(),
    }
}

/// Orders in force, those that end first in front.
async fn orders(_: ApiCaller, View(view): View) -> Response {
    let in_force = |order: &&Order| order.expires_at.is_none_or(|at| at > view.as_of);
    let mut orders: Vec<&Order> = view.register.orders.iter().filter(in_force).collect();
    orders.sort_by_key(|order| order.expires_at.unwrap_or(Timestamp::MAX));
    list(orders, view.as_of)
}

/// Hearings to come, the next one in front.
async fn hearings(_: ApiCaller, View(view): View) -> Response {
    let to_come = |hearing: &&Hearing| hearing.starts_at >= view.as_of;
    let mut hearings: Vec<&Hearing> = view.register.hearings.iter().filter(to_come).collect();
    hearings.sort_by_key(|hearing| hearing.starts_at);
    list(hearings, view.as_of)
}

async fn caseload(_: ApiCaller, View(view): View) -> Response {
    #[derive(Serialize)]
    struct Answer {
        #[serde(flatten)]
        caseload: Caseload,
        as_of: Timestamp,
    }
    let caseload = Caseload::count(&view.register);
    Json(Answer { caseload, as_of: view.as_of }).into_response()
}

async fn export_kinds(_: CaptureAccount, View(view): View) -> Response {
    Json(export::kinds(&view.register, view.as_of)).into_response()
}

#[derive(Deserialize)]
struct ExportQuery {
    updated_since: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

async fn export_page(
    _: CaptureAccount,
    View(view): View,
    Path(kind): Path<String>,
    Query(query): Query<ExportQuery>,
) -> Response {
    let Some(kind) = Kind::parse(&kind) else { return missing() };
    let Some(request) = page_request(&query) else {
        let error =
            json!({ "error": "updated_since must be RFC 3339, after a `next` given before" });
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    };
    match export::page(&view.register, kind, &request, view.as_of) {
        Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => {
            tracing::error!(%error, kind = kind.as_str(), "a record cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// None when a parameter cannot be read.
fn page_request(query: &ExportQuery) -> Option<PageRequest> {
    let updated_since = match &query.updated_since {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    let after = match &query.after {
        Some(token) => Some(export::parse_token(token)?),
        None => None,
    };
    Some(PageRequest { updated_since, after, limit: query.limit })
}
