//! A step of a probe: one exchange, what is expected of it and what is kept from it.
//!
//! One file a kind of step. A kind other than HTTP finds out [`Fact`]s, each of them a word or a
//! number under a name of its own, which expectations test and captures keep.

mod browser;
mod http;
mod network;
mod sql;
mod template;

use std::time::Duration;

pub use browser::{BrowserAction, BrowserVisit};
pub use http::{Body, HttpRequest, HttpVersion, Method, Part};
pub use network::{
    DnsQuestion, DnsRecord, DnsTransport, Exchange, IcmpEcho, MailEnvelope, Server, SmtpDialogue,
    StartTls, TcpDialogue, TlsHandshake,
};
pub use sql::{Database, DatabaseServer, DatabaseTls, Engine, SqlQuery};
pub use template::{InvalidTemplate, Piece, RunValue, Template};

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

impl Step {
    /// Whether not every page passes for the one that is meant; what is no page is what it is.
    #[must_use]
    pub fn expects_of_page(&self) -> bool {
        use Expectation::{Html, Json, Text};
        let is_page = matches!(self.action, StepAction::Http(_) | StepAction::Browser(_));
        let holds = |it: &Expectation| matches!(it, Html { .. } | Json { .. } | Text(_));
        !is_page || self.expectations.iter().any(holds)
    }
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
    Tcp(TcpDialogue),
    Tls(TlsHandshake),
    Dns(DnsQuestion),
    Smtp(SmtpDialogue),
    Sql(SqlQuery),
    Browser(BrowserVisit),
    Icmp(IcmpEcho),
    Pause(Duration),
}

impl StepAction {
    /// The word of the kind, as files have it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Tls(_) => "tls",
            Self::Dns(_) => "dns",
            Self::Smtp(_) => "smtp",
            Self::Sql(_) => "sql",
            Self::Browser(_) => "browser",
            Self::Icmp(_) => "icmp",
            Self::Pause(_) => "pause",
        }
    }
}

/// What a step does to the target's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Read,
    Write,
    Compensate,
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
    /// The whole of what came back, as text.
    Text(Test),
    SizeBytes {
        at_least: Option<u64>,
        at_most: Option<u64>,
    },
    /// Of this step alone.
    Within(Duration),
    /// The test holds for one of the values of the fact at least.
    Fact {
        fact: Fact,
        test: Test,
    },
    /// The answers are these, each once, in any order.
    Answers(Vec<Template>),
}

/// What a step of another kind than HTTP finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Whole days until the first certificate of a chain ends; below zero after that.
    DaysLeft,
    /// A name the server's own certificate is for.
    San,
    /// The version of TLS, as in `TLSv1.3`.
    Protocol,
    /// How a name server ended its answer, as in `NOERROR`.
    ResponseCode,
    /// One record of a name server's answer, as a zone file has it.
    Answer,
    /// How many records there are of the type asked for.
    AnswerCount,
    /// The three digits of a mail server's last answer.
    ReplyCode,
    /// A word a mail server announces, as in `SIZE 10240000`.
    Capability,
    /// How many rows a query gave.
    Rows,
    /// A column of the first row; nothing where it is NULL.
    Column(String),
    /// How many echoes did not come back.
    Lost,
}

/// A comparison with what was found.
#[derive(Clone, Debug)]
pub enum Test {
    Exists,
    Absent,
    Equals(Template),
    Contains(Template),
    Matches(regex::Regex),
    OneOf(Vec<String>),
    AtLeast(f64),
    AtMost(f64),
    /// Holds when the other does not, so mostly of what is not there too.
    Not(Box<Test>),
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
    /// The first value of the fact.
    Fact(Fact),
}

impl Fact {
    /// How sentences name it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::DaysLeft => "the days left of the certificates".to_owned(),
            Self::San => "the names in the certificate".to_owned(),
            Self::Protocol => "the version of TLS".to_owned(),
            Self::ResponseCode => "the response code".to_owned(),
            Self::Answer => "the answers".to_owned(),
            Self::AnswerCount => "the number of answers".to_owned(),
            Self::ReplyCode => "the reply code".to_owned(),
            Self::Capability => "the capabilities".to_owned(),
            Self::Rows => "the number of rows".to_owned(),
            Self::Column(name) => format!("column '{name}'"),
            Self::Lost => "the echoes lost".to_owned(),
        }
    }

    /// Whether evidence may quote it: codes and counts are no case data, anything else may be.
    #[must_use]
    pub fn is_public(&self) -> bool {
        !matches!(self, Self::San | Self::Answer | Self::Capability | Self::Column(_))
    }
}
