//! The rehearsal's own API: faults on demand and life going on.
//!
//! Served on an address of its own, so that no fault can keep out whoever clears it. All of it
//! takes `Authorization: Bearer` with the control token.
//!
//! - `GET /standin/faults` → `{"faults": [fault]}`
//! - `POST /standin/faults`, a fault as JSON → `{"name"}`; 422 says what to write
//! - `DELETE /standin/faults` clears all, `DELETE /standin/faults/{name}` one
//! - `POST /standin/change?count=N` adds, changes and deletes N records →
//!   `{"added", "changed", "deleted"}`

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::Application;
use super::sign_in::bearer;
use crate::standin::faults::{Fault, Faults};

/// More changes at once would hold the register's lock for too long.
const MAX_CHANGES: usize = 10_000;

#[derive(Clone)]
pub(in crate::standin) struct Control {
    pub app: Application,
    pub faults: Arc<Faults>,
    pub token: SecretString,
}

pub(in crate::standin) fn router(control: Control) -> Router {
    Router::new()
        .route("/standin/faults", get(list).post(apply).delete(clear_all))
        .route("/standin/faults/{name}", axum::routing::delete(clear))
        .route("/standin/change", post(change))
        .layer(middleware::from_fn_with_state(control.clone(), admit))
        .with_state(control)
}

async fn admit(State(control): State<Control>, request: Request, next: Next) -> Response {
    if bearer(request.headers()) == Some(control.token.expose_secret()) {
        next.run(request).await
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn list(State(control): State<Control>) -> Response {
    Json(json!({ "faults": control.faults.list() })).into_response()
}

async fn apply(State(control): State<Control>, Json(fault): Json<Fault>) -> Response {
    match control.faults.apply(fault, control.app.current()) {
        Ok(name) => Json(json!({ "name": name })).into_response(),
        Err(invalid) => {
            let error = json!({ "error": invalid.to_string() });
            (StatusCode::UNPROCESSABLE_ENTITY, Json(error)).into_response()
        }
    }
}

async fn clear_all(State(control): State<Control>) -> StatusCode {
    control.faults.clear_all();
    StatusCode::NO_CONTENT
}

async fn clear(State(control): State<Control>, Path(name): Path<String>) -> StatusCode {
    if control.faults.clear(&name) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

#[derive(Deserialize)]
struct Count {
    count: usize,
}

async fn change(State(control): State<Control>, Query(query): Query<Count>) -> Response {
    Json(control.app.live(query.count.min(MAX_CHANGES))).into_response()
}
