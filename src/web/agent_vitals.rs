//! `/healthz` and `/metrics` of an agent: whether it reports, for whoever looks after its machine.

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::headers;
use super::vitals::METRICS_TYPE;
use crate::telemetry::metrics::Metrics;

/// Says whether the agent reports, in words.
pub type Words = Arc<dyn Fn() -> (bool, String) + Send + Sync>;

/// Serves both until `stop`.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    words: Words,
    stop: CancellationToken,
) {
    let health = move || async move {
        let (reports, words) = words();
        let status = if reports { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, words)
    };
    let numbers = move || async move {
        match metrics.render() {
            Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    };
    let router = Router::new().route("/healthz", get(health)).route("/metrics", get(numbers));
    let serving = axum::serve(listener, headers::protect(router));
    if let Err(error) = serving.with_graceful_shutdown(stop.cancelled_owned()).await {
        tracing::error!(%error, "nobody can look at this agent any more");
    }
}
