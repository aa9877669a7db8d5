//! One file a kind of step, and what every kind of step shares.

pub mod capture;
pub mod expect;
pub mod freshness;
pub mod http;
pub mod reach;
pub mod until;

use std::time::Duration;

use crate::clock::Stopwatch;
use crate::domain::check::{FailureReason, Outcome, Phase, StepTiming};
use crate::domain::ids::StepId;

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
