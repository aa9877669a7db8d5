//! What every answer carries: headers that keep pages to themselves, and bounds on requests.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use super::error::WebError;

/// No form here is longer than a few paragraphs.
const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// A page that takes longer has lost its reader; streams are bounded by themselves.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// Wraps every route in bounds and headers.
pub fn protect(router: Router) -> Router {
    router
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ANSWER_TIMEOUT))
        .layer(CatchPanicLayer::custom(|_| {
            WebError::internal("a handler panicked").into_response()
        }))
        .layer(from_fn(add_headers))
}

async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut fixed = |name, value| headers.insert(name, HeaderValue::from_static(value));
    fixed(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    fixed(header::X_FRAME_OPTIONS, "DENY");
    fixed(header::REFERRER_POLICY, "same-origin");
    forbid_keeping(headers);
    response
}

/// Nothing is kept by browsers or proxies unless its handler says otherwise.
fn forbid_keeping(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
