//! A step of a probe: one exchange, what is expected of it and what is kept from it.
//!
//! Texts in steps may hold `${name}`: a value captured earlier or a secret. They are parsed once,
//! when the file is read, into [`Template`]s, so that an unknown name is a fault of the file.

use std::time::Duration;

use super::ids::StepId;

/// One exchange of a journey.
#[derive(Clone, Debug)]
pub struct Step {
    pub id: StepId,
    pub action: StepAction,
    pub effect: Effect,
    pub expectations: Vec<Expectation>,
    pub captures: Vec<Capture>,
    /// How old what it shows may be.
    pub age: Option<Age>,
    /// Asked again until what is expected holds.
    pub until: Option<Until>,
    /// What all holds of the answer when the probe's account is refused, and nobody else's; none
    /// for a step that does not sign in.
    pub account_refused: Vec<Expectation>,
    /// What its texts are filled with, expectations included.
    pub uses: Uses,
}

/// An instant in an answer, and how long ago it may be: up but stale is a failure.
#[derive(Clone, Debug)]
pub struct Age {
    pub of: CaptureSource,
    pub at_most: Duration,
}

/// Repeating a step that reads, for what takes time to appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Until {
    /// Between the end of one try and the next.
    pub interval: Duration,
    /// From the first try on.
    pub at_most: Duration,
}

/// Values that texts ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Names of values captured by earlier steps.
    pub captured: std::collections::BTreeSet<String>,
    pub run_id: bool,
    pub test_office: bool,
}

impl Uses {
    /// Notes what a text asks for.
    pub fn add(&mut self, template: &Template) {
        self.captured.extend(template.captured().map(str::to_owned));
        self.run_id |= template.0.contains(&Piece::Run(RunValue::Id));
        self.test_office |= template.0.contains(&Piece::TestOffice);
    }
}

/// The steps before the first one that changes something.
#[must_use]
pub fn before_write(steps: &[Step]) -> &[Step] {
    let write = steps.iter().position(|step| step.effect != Effect::Read);
    &steps[..write.unwrap_or(steps.len())]
}

/// What a step does, one variant a kind.
#[derive(Clone, Debug)]
pub enum StepAction {
    Http(HttpRequest),
    Pause(Duration),
}

/// What a step does to the target's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
    Compensate,
}

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

/// What must hold of an exchange.
#[derive(Clone, Debug)]
pub enum Expectation {
    Status(Vec<u16>),
    Header {
        name: String,
        test: Test,
    },
    /// RFC 9535 JSONPath; the test holds for the first node found.
    Json {
        path: serde_json_path::JsonPath,
        test: Test,
    },
    /// A CSS selector; the test holds for the text of the first element found.
    Html {
        select: String,
        test: Test,
    },
    /// The whole body as text.
    Text(Test),
    SizeBytes {
        at_least: Option<u64>,
        at_most: Option<u64>,
    },
    /// Of this step alone.
    Within(Duration),
}

/// A comparison with what was found.
#[derive(Clone, Debug)]
pub enum Test {
    Exists,
    Absent,
    Equals(Template),
    Contains(Template),
    Matches(regex::Regex),
    AtLeast(f64),
    AtMost(f64),
}

/// A value kept for later steps, a string unless read as a number by a test.
#[derive(Clone, Debug)]
pub struct Capture {
    pub name: String,
    pub from: CaptureSource,
}

/// Where a captured value comes from.
#[derive(Clone, Debug)]
pub enum CaptureSource {
    Json(serde_json_path::JsonPath),
    /// The element's attribute, or its text.
    Html {
        select: String,
        attribute: Option<String>,
    },
    Header(String),
    Cookie(String),
    /// The first group of the expression.
    Regex(regex::Regex),
    /// The address the exchange ended at.
    Url,
}

/// A text with values to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// `${name}`: captured by an earlier step.
    Captured(String),
    /// `${secret.name}`: from the target's secrets, never printed.
    Secret(String),
    /// `${run.id}`, `${run.time}`: made afresh for each run.
    Run(RunValue),
    /// `${target.test_office}`: where the installation lets probes write.
    TestOffice,
}

/// Values that each run makes for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunValue {
    Id,
    Time,
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    #[error("'${{' is not closed: write '}}' after the name")]
    Unclosed,
    #[error(
        "'${{{0}}}' is not a name: write a captured name, 'secret.NAME', 'run.id', 'run.time' \
         or 'target.test_office'"
    )]
    Name(String),
}

impl Template {
    /// Reads `${…}` pieces; `$${` stands for a literal `${`.
    ///
    /// # Errors
    /// When a piece is not closed or not a name.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                literal.push_str(&rest[..at]);
                literal.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let inside = &rest[at + 2..];
            let end = inside.find('}').ok_or(InvalidTemplate::Unclosed)?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(piece(&inside[..end])?);
            rest = &inside[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self(pieces))
    }

    /// Whether `${name}` would be read as a captured value.
    #[must_use]
    pub fn is_name(name: &str) -> bool {
        matches!(piece(name), Ok(Piece::Captured(_)))
    }

    /// Names of captured values used.
    pub fn captured(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Captured(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Names of secrets used.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Secret(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

fn piece(name: &str) -> Result<Piece, InvalidTemplate> {
    let word = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    match name.split_once('.') {
        None if word(name) => Ok(Piece::Captured(name.to_owned())),
        Some(("secret", secret)) if word(secret) => Ok(Piece::Secret(secret.to_owned())),
        Some(("run", "id")) => Ok(Piece::Run(RunValue::Id)),
        Some(("run", "time")) => Ok(Piece::Run(RunValue::Time)),
        Some(("target", "test_office")) => Ok(Piece::TestOffice),
        _ => Err(InvalidTemplate::Name(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_name_their_values() {
        let template = Template::parse("/p/${id}?u=${secret.user}&r=${run.id}").unwrap();
        assert_eq!(template.captured().collect::<Vec<_>>(), ["id"]);
        assert_eq!(template.secrets().collect::<Vec<_>>(), ["user"]);
        assert_eq!(
            Template::parse("$${x}").unwrap().0,
            [Piece::Text("${x}".to_owned())],
            "a doubled sign is a literal"
        );
        assert_eq!(Template::parse("${id"), Err(InvalidTemplate::Unclosed));
        assert_eq!(Template::parse("${a.b}"), Err(InvalidTemplate::Name("a.b".into())));
    }
}
