//! One file a kind of step, and what every kind of step shares.

pub mod browser;
pub mod capture;
pub mod conversation;
pub mod dns;
pub mod document;
pub mod expect;
pub mod freshness;
pub mod handshake;
pub mod http;
pub mod icmp;
pub mod reach;
pub mod smtp;
pub mod sql;
pub mod tcp;
pub mod tls;
pub mod until;

use std::time::Duration;

use self::reach::{Reach, Resolved};
use super::tls::Tls;
use super::values::{Unknown, Values};
use crate::clock::{Clock, Stopwatch};
use crate::domain::check::{FailureReason, InconclusiveReason, Outcome, Phase, StepTiming};
use crate::domain::ids::StepId;
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

    /// A fault of our own, whoever reads it.
    #[must_use]
    pub fn prober(detail: impl Into<String>) -> Self {
        Self::inconclusive(InconclusiveReason::Prober, detail)
    }

    /// Our own disk does not take what there is to keep before anything can be said.
    #[must_use]
    pub fn disk(detail: impl Into<String>) -> Self {
        Self::inconclusive(InconclusiveReason::Disk, detail)
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
    pub tls: &'a Tls,
    pub base_url: &'a url::Url,
    pub values: &'a Values<'a>,
    pub clock: &'a Clock,
    /// Since the run began.
    pub run: Stopwatch,
    /// What is left of the journey's time.
    pub budget: Duration,
}

impl Bearings<'_> {
    /// What a name leads to; the hop learns how long that took.
    ///
    /// # Errors
    /// As for [`Reach::resolve`].
    pub async fn resolve(&self, host: &str, hop: &mut Hop) -> Result<Resolved, Fault> {
        hop.begin(Phase::Dns);
        let resolved = self.reach.resolve(host).await?;
        if resolved.by_name {
            hop.finish();
        } else {
            hop.forget();
        }
        Ok(resolved)
    }

    /// The host of a step that names none is the target's own.
    #[must_use]
    pub fn host<'h>(&'h self, named: Option<&'h str>) -> &'h str {
        named.or_else(|| self.base_url.host_str()).unwrap_or_default()
    }

    /// A hop that begins now, among the others.
    ///
    /// It is there from its start on, so that one which is cut short shows how far it came.
    pub fn hop<'h>(&self, hops: &'h mut Vec<Hop>) -> &'h mut Hop {
        let at = hops.len();
        hops.push(Hop::start(self.run.elapsed_us()));
        &mut hops[at]
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
    pub fn values_of<'f>(&'f self, fact: &Fact) -> Vec<&'f str> {
        let of_fact = self.facts.iter().filter(|(found, _)| found == fact);
        of_fact.map(|(_, value)| value.as_str()).collect()
    }
}

/// One exchange of a step, timed while it goes on.
///
/// What is under way when a run's time is up is known by it, so that a failure says whether
/// nobody answered the connection or the answer never ended.
#[derive(Debug)]
pub struct Hop {
    watch: Stopwatch,
    under_way: Option<(Phase, u64)>,
    timing: HopTiming,
}

/// Lengths in microseconds.
#[derive(Clone, Copy, Debug, Default)]
struct HopTiming {
    /// From the run's start.
    offset_us: u64,
    total_us: Option<u64>,
    dns_us: Option<u64>,
    connect_us: Option<u64>,
    tls_us: Option<u64>,
    first_byte_us: Option<u64>,
    body_us: Option<u64>,
}

impl Hop {
    /// A hop that begins now, so long after its run did.
    #[must_use]
    pub fn start(offset_us: u64) -> Self {
        let timing = HopTiming { offset_us, ..HopTiming::default() };
        Self { watch: Stopwatch::start(), under_way: None, timing }
    }

    /// Ends the phase under way and begins another.
    pub fn begin(&mut self, phase: Phase) {
        self.finish();
        self.under_way = Some((phase, self.watch.elapsed_us()));
    }

    /// Ends the phase under way. A phase that came twice, as on a second connection, adds up.
    pub fn finish(&mut self) {
        let Some((phase, from_us)) = self.under_way.take() else { return };
        // What was measured happened: never zero.
        let length_us = (self.watch.elapsed_us() - from_us).max(1);
        let timing = &mut self.timing;
        let slot = match phase {
            Phase::Dns => &mut timing.dns_us,
            Phase::Connect => &mut timing.connect_us,
            Phase::Tls => &mut timing.tls_us,
            Phase::FirstByte => &mut timing.first_byte_us,
            Phase::Body => &mut timing.body_us,
        };
        *slot = Some(slot.unwrap_or(0) + length_us);
    }

    /// Takes over how a connection came about that somebody else made while this hop waited for
    /// its first byte.
    pub fn adopt(&mut self, connection: &Self) {
        let HopTiming { dns_us, connect_us, .. } = connection.timing;
        let before_us = dns_us.unwrap_or(0) + connect_us.unwrap_or(0);
        self.timing.dns_us = dns_us;
        self.timing.connect_us = connect_us;
        self.timing.first_byte_us =
            self.timing.first_byte_us.map(|waited_us| waited_us.saturating_sub(before_us));
    }

    /// There was no such phase after all: an address that was written as one needs no name server.
    pub fn forget(&mut self) {
        self.under_way = None;
    }

    /// The hop is over.
    pub fn end(&mut self) {
        self.finish();
        self.timing.total_us = Some(self.watch.elapsed_us());
    }

    /// The hop as a part of its step; one that was cut short took until now.
    #[must_use]
    pub fn timing(&mut self, step: &StepId) -> StepTiming {
        if self.timing.total_us.is_none() {
            self.end();
        }
        let HopTiming { offset_us, dns_us, connect_us, tls_us, first_byte_us, body_us, .. } =
            self.timing;
        StepTiming {
            step: step.clone(),
            offset_us,
            total_us: self.timing.total_us.unwrap_or_default(),
            dns_us,
            connect_us,
            tls_us,
            first_byte_us,
            body_us,
        }
    }

    /// What it means that a run's time was up during this hop.
    #[must_use]
    pub fn timed_out(&self) -> (FailureReason, &'static str) {
        match self.under_way {
            Some((Phase::Dns, _)) => (FailureReason::Dns, "the name was not resolved"),
            Some((Phase::Connect, _)) => {
                (FailureReason::ConnectTimeout, "nothing answered the connection")
            }
            Some((Phase::Tls, _)) => (FailureReason::Timeout, "TLS was not agreed on"),
            Some((Phase::Body, _)) => (FailureReason::Timeout, "the answer did not end"),
            Some((Phase::FirstByte, _)) | None => (FailureReason::Timeout, "no answer came"),
        }
    }
}

/// What it means that a run's time was up in a step.
#[must_use]
pub fn timed_out(hop: Option<&Hop>, budget: Duration, spent: Duration) -> Fault {
    let (reason, what) = hop.map_or((FailureReason::Timeout, "no answer came"), Hop::timed_out);
    let detail = format!(
        "{what} within {} ms, {} ms of them in this step",
        budget.as_millis(),
        spent.as_millis()
    );
    Fault::new(Outcome::Failed(reason), detail)
}
