//! A check: the one terminal outcome of a slot, or a confirmation beside it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{LocationId, ProbeId, StepId, TargetId};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Passed,
    /// Everything was as expected, later than the latency objective.
    Slow,
    /// The target did not serve the journey.
    Failed(FailureReason),
    /// The prober could not tell; nothing is said of the target.
    Inconclusive(InconclusiveReason),
    /// The slot went by while nobody was there to run it.
    Missed,
}

/// Why the target failed a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    Dns,
    Refused,
    Reset,
    ConnectTimeout,
    Timeout,
    Tls,
    Protocol,
    Redirect,
    Status,
    Content,
    Capture,
    TooLarge,
    Stale,
    SiteNetwork,
}

/// Why a check says nothing about the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InconclusiveReason {
    /// The prober itself was stalled or out of resources.
    Prober,
    Clock,
    Disk,
    Credentials,
    /// What it measures takes a write, and it was not the time for one.
    Unmeasured,
}

/// Why slots in a row have no check of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// Holdfast was not running.
    Away,
    /// It stood still: frozen, or starved of the processor.
    Stalled,
    /// The machine was suspended.
    Asleep,
    /// The clock was set forward over them.
    Stepped,
    /// They were run, and our disk did not take the record.
    Disk,
}

impl Gap {
    /// How the slots ended.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Disk => Outcome::Inconclusive(InconclusiveReason::Disk),
            Self::Away | Self::Stalled | Self::Asleep | Self::Stepped => Outcome::Missed,
        }
    }

    /// The reason in a sentence's words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Away => "Holdfast was not running",
            Self::Stalled => "Holdfast stood still",
            Self::Asleep => "this machine was suspended",
            Self::Stepped => "the clock was set forward over it",
            Self::Disk => "it was run, and our disk did not take the record",
        }
    }
}

impl Outcome {
    /// Every outcome that can be recorded; the position of each is its code in the ledger, so new
    /// ones go at the end.
    pub const ALL: [Self; 22] = [
        Self::Passed,
        Self::Slow,
        Self::Missed,
        Self::Failed(FailureReason::Dns),
        Self::Failed(FailureReason::Refused),
        Self::Failed(FailureReason::Reset),
        Self::Failed(FailureReason::ConnectTimeout),
        Self::Failed(FailureReason::Timeout),
        Self::Failed(FailureReason::Tls),
        Self::Failed(FailureReason::Protocol),
        Self::Failed(FailureReason::Redirect),
        Self::Failed(FailureReason::Status),
        Self::Failed(FailureReason::Content),
        Self::Failed(FailureReason::Capture),
        Self::Failed(FailureReason::TooLarge),
        Self::Failed(FailureReason::Stale),
        Self::Failed(FailureReason::SiteNetwork),
        Self::Inconclusive(InconclusiveReason::Prober),
        Self::Inconclusive(InconclusiveReason::Clock),
        Self::Inconclusive(InconclusiveReason::Disk),
        Self::Inconclusive(InconclusiveReason::Credentials),
        Self::Inconclusive(InconclusiveReason::Unmeasured),
    ];

    /// The class, as metrics label it.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Slow => "slow",
            Self::Failed(_) => "failed",
            Self::Inconclusive(_) => "inconclusive",
            Self::Missed => "missed",
        }
    }

    /// Why, for outcomes that have a reason.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Failed(reason) => Some(reason.as_str()),
            Self::Inconclusive(reason) => Some(reason.as_str()),
            Self::Passed | Self::Slow | Self::Missed => None,
        }
    }
}

impl FailureReason {
    pub const ALL: [Self; 14] = [
        Self::Dns,
        Self::Refused,
        Self::Reset,
        Self::ConnectTimeout,
        Self::Timeout,
        Self::Tls,
        Self::Protocol,
        Self::Redirect,
        Self::Status,
        Self::Content,
        Self::Capture,
        Self::TooLarge,
        Self::Stale,
        Self::SiteNetwork,
    ];

    /// The word in metrics and interfaces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::ConnectTimeout => "connect-timeout",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Protocol => "protocol",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::Content => "content",
            Self::Capture => "capture",
            Self::TooLarge => "too-large",
            Self::Stale => "stale",
            Self::SiteNetwork => "site-network",
        }
    }
}

impl InconclusiveReason {
    /// The word in metrics and interfaces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prober => "prober",
            Self::Clock => "clock",
            Self::Disk => "disk",
            Self::Credentials => "credentials",
            Self::Unmeasured => "unmeasured",
        }
    }
}

/// Whether a check fills a slot or was an extra run on suspicion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    Slot,
    /// Evidence for detection only, never counted in availability.
    Confirmation,
}

/// One check, as probing makes it and the ledger keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub target: TargetId,
    pub probe: ProbeId,
    pub location: LocationId,
    pub kind: CheckKind,
    /// The scheduled instant, which is also where latency counts from.
    pub slot_at: Timestamp,
    pub finished_at: Timestamp,
    /// From the intended start to the end; for a missed slot zero.
    pub latency_ms: u32,
    pub outcome: Outcome,
    /// Time of each step that ran, in order.
    pub steps: Vec<StepTiming>,
    /// What was seen, for every outcome but passed, slow and missed.
    pub evidence: Option<Evidence>,
}

/// How long one step took, by phase, in microseconds; a phase that did not happen is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTiming {
    pub step: StepId,
    /// From the run's intended start to the step's start.
    pub offset_us: u64,
    pub total_us: u64,
    pub dns_us: Option<u64>,
    /// The handshake of TCP.
    pub connect_us: Option<u64>,
    #[serde(default)]
    pub tls_us: Option<u64>,
    /// From the standing connection to the first byte of the answer.
    pub first_byte_us: Option<u64>,
    pub body_us: Option<u64>,
}

/// A part of a step's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Name resolution.
    Dns,
    /// The handshake of TCP.
    Connect,
    /// The handshake of TLS.
    Tls,
    /// Waiting for the answer.
    FirstByte,
    /// Reading it.
    Body,
}

impl Phase {
    pub const ALL: [Self; 5] = [Self::Dns, Self::Connect, Self::Tls, Self::FirstByte, Self::Body];

    /// The word in metrics and interfaces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::FirstByte => "first-byte",
            Self::Body => "body",
        }
    }
}

impl StepTiming {
    /// The phases that happened, in order, with their length in microseconds.
    pub fn phases(&self) -> impl Iterator<Item = (Phase, u64)> {
        let lengths = [self.dns_us, self.connect_us, self.tls_us, self.first_byte_us, self.body_us];
        let measured = Phase::ALL.into_iter().zip(lengths);
        measured.filter_map(|(phase, length_us)| Some((phase, length_us?)))
    }
}

/// Where and how a check went wrong; never a secret, never case data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub step: Option<StepId>,
    /// The address spoken to, when it came that far.
    pub address: Option<String>,
    /// One sentence: what was expected and what came.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_code_of_its_own() {
        for (code, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(Outcome::ALL.iter().position(|other| other == outcome), Some(code));
        }
        for reason in FailureReason::ALL {
            assert!(Outcome::ALL.contains(&Outcome::Failed(reason)));
        }
    }
}
