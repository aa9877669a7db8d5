//! `/metrics`, `/healthz` and `/readyz`: for Prometheus and for whoever restarts us.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use crate::store::detection;

use super::Web;
use super::error::WebError;

/// The text format that `render` writes.
pub const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(State(web): State<Arc<Web>>) -> Result<impl IntoResponse, WebError> {
    let text = web.metrics.render().map_err(WebError::internal)?;
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text))
}

/// The process answers.
pub(super) async fn health() -> &'static str {
    "alive\n"
}

/// The process can do its work: its records can be read.
pub(super) async fn readiness(State(web): State<Arc<Web>>) -> impl IntoResponse {
    match detection::open_outages(&web.store).await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the records cannot be read\n")
        }
    }
}
