//! The one way an error becomes an answer.
//!
//! It says what happened, what was kept and what to do. What went wrong inside stays inside: an
//! internal error is logged once, here, under a reference that the page shows.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::gate::Visitor;
use super::layout::{Layout, Section};

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Nobody is signed in where somebody must be; `next` is where they wanted to go.
    #[error("nobody is signed in")]
    SignIn { next: Option<String> },
    /// Signed in, and not entitled; the sentence says who is.
    #[error("not entitled: {0}")]
    Forbidden(String),
    #[error("not found: {0}")]
    NotFound(&'static str),
    #[error("not allowed on this address")]
    MethodNotAllowed,
    /// What was sent cannot be taken; the sentence says what to send instead.
    #[error("not understood: {0}")]
    Invalid(String),
    /// It stands otherwise than the sender thought: already done, no longer open.
    #[error("no longer so: {0}")]
    Conflict(String),
    #[error("too many requests")]
    TooMany { retry_after_seconds: u32 },
    /// A part that is down at present; the sentence says what to do meanwhile.
    #[error("unavailable: {0}")]
    Unavailable(String),
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl WebError {
    /// An error of ours, whatever it is.
    #[must_use]
    pub fn internal(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } => StatusCode::SEE_OTHER,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The heading, and what to say under it.
    fn words(&self) -> (&'static str, Vec<String>) {
        let one = |heading, line: &str| (heading, vec![line.to_owned()]);
        match self {
            Self::SignIn { .. } => one("Sign in first", "This page is for people signed in."),
            Self::Forbidden(who) => one("This page is not for you", who),
            Self::NotFound(what) => one("Not found", what),
            Self::MethodNotAllowed => {
                one("Not found", "There is nothing at this address that can be sent to.")
            }
            Self::Invalid(what) => one("That could not be taken", what),
            Self::Conflict(what) => one("It stands otherwise now", what),
            Self::TooMany { retry_after_seconds } => {
                let wait = format!("Nothing was lost. Try again in {retry_after_seconds} s.");
                ("Too many at once", vec![wait])
            }
            Self::Unavailable(what) => one("Not available just now", what),
            Self::Internal(_) => (
                "Holdfast made a mistake",
                vec![
                    "What you sent may not have been kept. What was kept before is safe.".into(),
                    "Try again. If it happens again, ring operations.".into(),
                ],
            ),
        }
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        if let Self::SignIn { next } = &self {
            return Redirect::to(&sign_in_address(next.as_deref())).into_response();
        }
        let reference = match &self {
            Self::Internal(source) => {
                let reference = format!("{:08X}", rand::random::<u32>());
                tracing::error!(%reference, error = ?source, "a request failed");
                Some(reference)
            }
            _ => None,
        };
        let status = self.status();
        let (heading, lines) = self.words();
        let answer = (status, render(heading, lines, reference)).into_response();
        match self {
            Self::TooMany { retry_after_seconds } => {
                ([(header::RETRY_AFTER, retry_after_seconds.to_string())], answer).into_response()
            }
            _ => answer,
        }
    }
}

/// The sign-in page, which leads back to `next` afterwards.
fn sign_in_address(next: Option<&str>) -> String {
    match next {
        Some(next) => {
            let next: String = next.bytes().map(percent_encode).collect();
            format!("/sign-in?next={next}")
        }
        None => "/sign-in".to_owned(),
    }
}

fn percent_encode(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

#[derive(Template)]
#[template(path = "web/error.html")]
struct ErrorPage {
    layout: Layout,
    heading: &'static str,
    lines: Vec<String>,
    reference: Option<String>,
}

fn render(heading: &'static str, lines: Vec<String>, reference: Option<String>) -> Html<String> {
    let layout = Layout {
        title: heading.to_owned(),
        section: Section::Staff,
        current: "",
        visitor: Visitor::default(),
        live: false,
        synthetic: false,
        language: "en-AU",
        made_at: "for one request".to_owned(),
    };
    let page = ErrorPage { layout, heading, lines, reference };
    // A template without anything that can fail; if it did, the heading is what matters.
    Html(page.render().unwrap_or_else(|_| heading.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_internal_error_is_opaque_and_has_a_reference() {
        let response = WebError::internal("the disk holds secret-7").into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = body(response).await;
        assert!(body.contains("Reference <strong>"), "{body}");
        assert!(!body.contains("secret-7"), "{body}");
    }

    #[tokio::test]
    async fn a_refusal_escapes_what_it_says() {
        let response = WebError::Invalid("<b>office</b>".into()).into_response();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(body(response).await.contains("&#60;b&#62;office"));
    }

    #[test]
    fn signing_in_leads_back() {
        let response = WebError::SignIn { next: Some("/ops?a=b&c".into()) }.into_response();
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[header::LOCATION], "/sign-in?next=/ops%3Fa%3Db%26c");
    }
}
