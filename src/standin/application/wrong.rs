//! What the application answers while a fault makes it answer wrongly.

use axum::Json;
use axum::body::Body;
use axum::http::{Response, StatusCode};
use axum::response::{Html, IntoResponse};
use jiff::Timestamp;
use serde_json::json;

use super::super::faults::WrongContent;
use super::super::system::System;
use super::html;

/// An error page with this status.
pub(in crate::standin) fn status(system: System, status: u16) -> Response<Body> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = format!("{} is not available", system.title());
    let page = html::message(system, &title, "The server could not finish the request.");
    (status, Html(page)).into_response()
}

/// Status 200 with something else than was asked for at `path`; `now` is the `as_of` of a list that
/// pretends to be complete.
pub(in crate::standin) fn content(
    system: System,
    what: WrongContent,
    path: &str,
    now: Timestamp,
) -> Response<Body> {
    match what {
        WrongContent::ErrorPage => {
            let text = "An unexpected error has occurred. Please try again later.";
            Html(html::message(system, "Error", text)).into_response()
        }
        WrongContent::EmptyList if path.starts_with("/api/export/") => {
            Json(json!({ "records": [], "next": null, "as_of": now })).into_response()
        }
        WrongContent::EmptyList if path.starts_with("/api/") => {
            Json(json!({ "results": [], "count": 0, "as_of": now })).into_response()
        }
        WrongContent::EmptyList => {
            Html(html::message(system, "Search", "No records found.")).into_response()
        }
    }
}
