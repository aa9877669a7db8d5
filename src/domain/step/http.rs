//! A step of HTTP: one request under the target's base URL.

use super::template::Template;

/// One HTTP request under the target's base URL.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    pub method: Method,
    pub path: Template,
    pub query: Vec<(String, Template)>,
    pub headers: Vec<(String, Template)>,
    pub body: Body,
    /// Redirects followed; none unless asked for.
    pub max_redirects: u8,
}

/// HTTP methods a probe may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a request carries.
#[derive(Clone, Debug)]
pub enum Body {
    Empty,
    Form(Vec<(String, Template)>),
    /// JSON text with templates inside its strings.
    Json(serde_json::Value),
    Raw {
        content_type: String,
        text: Template,
    },
}
