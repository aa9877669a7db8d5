//! One file a kind of step, and what every kind of step shares.

pub mod browser;
pub mod capture;
pub mod conversation;
pub mod dns;
pub mod expect;
pub mod handshake;
pub mod http;
pub mod icmp;
pub mod lap;
pub mod network;
pub mod reach;
pub mod smtp;
pub mod sql;
pub mod tcp;
pub mod tls;

use std::time::Duration;

use self::handshake::Trust;
use self::reach::Reach;
use super::values::{Unknown, Values};
use crate::clock::{Clock, Stopwatch};
use crate::domain::check::{FailureReason, InconclusiveReason, Outcome};
use crate::domain::step::{Fact, Server, Template};

/// Why a step did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub outcome: Outcome,
    /// The address spoken to, when it came that far.
    pub address: Option<String>,
    /// One sentence without secrets and without what the target answered.
    pub detail: String,
}

impl Fault {
    #[must_use]
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, address: None, detail: detail.into() }
    }

    /// The target's failure.
    #[must_use]
    pub fn failed(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self::new(Outcome::Failed(reason), detail)
    }

    /// Nothing that says anything of the target.
    #[must_use]
    pub fn inconclusive(reason: InconclusiveReason, detail: impl Into<String>) -> Self {
        Self::new(Outcome::Inconclusive(reason), detail)
    }

    /// The same at an address, unless one is known already.
    #[must_use]
    pub fn at(mut self, address: impl ToString) -> Self {
        self.address.get_or_insert_with(|| address.to_string());
        self
    }
}

/// A secret that was not supplied is a fault of our own set-up.
impl From<Unknown> for Fault {
    fn from(unknown: Unknown) -> Self {
        Self::inconclusive(InconclusiveReason::Credentials, unknown.to_string())
    }
}

/// What a step of any kind but HTTP runs with.
#[derive(Clone, Copy, Debug)]
pub struct Bearings<'a> {
    pub reach: &'a Reach,
    pub trust: &'a Trust,
    pub base_url: &'a url::Url,
    pub values: &'a Values<'a>,
    pub clock: &'a Clock,
    /// Since the run began.
    pub run: Stopwatch,
    /// What is left of the journey's time.
    pub budget: Duration,
}

impl Bearings<'_> {
    /// The host of a step that names none is the target's own.
    #[must_use]
    pub fn host<'h>(&'h self, named: Option<&'h str>) -> &'h str {
        named.or_else(|| self.base_url.host_str()).unwrap_or_default()
    }

    /// Where a server of a step is.
    #[must_use]
    pub fn place<'h>(&'h self, server: &'h Server) -> (&'h str, u16) {
        (self.host(server.host.as_deref()), server.port)
    }

    /// The text of a template.
    ///
    /// # Errors
    /// When a value is missing.
    pub fn fill(&self, template: &Template) -> Result<String, Fault> {
        Ok(self.values.fill(template)?)
    }
}

/// What a step of any kind but HTTP found out.
#[derive(Debug, Default)]
pub struct Findings {
    /// The address spoken to.
    pub address: Option<String>,
    /// From the step's start to its end.
    pub took: Duration,
    /// All that was read, where the kind reads text.
    pub text: Vec<u8>,
    /// Where it ended, where the kind goes places.
    pub url: Option<url::Url>,
    facts: Vec<(Fact, String)>,
}

impl Findings {
    #[must_use]
    pub fn at(address: impl ToString) -> Self {
        Self { address: Some(address.to_string()), ..Self::default() }
    }

    pub fn add(&mut self, fact: Fact, value: impl ToString) {
        self.facts.push((fact, value.to_string()));
    }

    /// Every value of one fact.
    pub fn values_of<'a>(&'a self, fact: &'a Fact) -> impl Iterator<Item = &'a str> {
        self.facts.iter().filter(move |(found, _)| found == fact).map(|(_, value)| value.as_str())
    }
}
