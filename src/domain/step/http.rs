//! A step of HTTP: one request under the target's base URL.

use super::template::Template;

/// One HTTP request under a base URL.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// One of the target's other systems; none for the target itself.
    pub system: Option<String>,
    pub method: Method,
    pub path: Template,
    pub query: Vec<(String, Template)>,
    pub headers: Vec<(String, Template)>,
    pub body: Body,
    /// Redirects followed; none unless asked for.
    pub max_redirects: u8,
    /// None for whichever both sides prefer.
    pub version: Option<HttpVersion>,
}

/// A version of HTTP that a step insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.1.
    One,
    /// HTTP/2, without TLS by prior knowledge.
    Two,
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
    Options,
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
            Self::Options => "OPTIONS",
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
    /// `multipart/form-data`
    Multipart(Vec<Part>),
    Raw {
        content_type: String,
        text: Template,
    },
}

/// One field of a form, or one file sent with it.
#[derive(Clone, Debug)]
pub struct Part {
    pub name: String,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub text: Template,
}
