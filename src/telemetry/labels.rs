//! What may stand in a metric's label: the configured ids, and closed lists of words.
//!
//! The configured sets bound the number of series and let every one of them be exported as zero
//! from the start, so that a rule never meets a series that does not exist yet.

use std::time::Duration;

use crate::domain::ids::{CohortId, LocationId, PlaybookId, ProbeId, SignalId, TargetId};
use crate::domain::verdict::Verdict;

/// How much metrics tell apart; what they leave out, the console and the ledger have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// A series for each probe at each location.
    #[default]
    Probe,
    /// All probes of a target together, labelled `TARGET/*`.
    Target,
}

/// Everything configured that appears as a label.
#[derive(Clone, Debug, Default)]
pub struct LabelSets {
    pub detail: Detail,
    pub targets: Vec<TargetLabels>,
    pub probes: Vec<ProbeLabels>,
    pub playbooks: Vec<PlaybookId>,
    /// Ways to send a notice, as configured: `email`, `webhook`, `console`.
    pub channels: Vec<String>,
    /// Severities of incidents.
    pub severities: Vec<String>,
    /// Kinds of overdue preparation that are looked for.
    pub readiness_kinds: Vec<String>,
    /// Locations that agents probe.
    pub agents: Vec<LocationId>,
    /// Latency objectives, which become bucket limits.
    pub objectives: Vec<Duration>,
}

/// A target and the cohorts that use it.
#[derive(Clone, Debug)]
pub struct TargetLabels {
    pub target: TargetId,
    pub cohorts: Vec<CohortId>,
    /// Numbers that are counted.
    pub signals: Vec<SignalId>,
    /// Feeds whose age is measured.
    pub feeds: Vec<SignalId>,
    /// From which number on a signal is at a level, the level being the word of it.
    pub thresholds: Vec<(SignalId, &'static str, f64)>,
    /// How old what a feed delivered may be, in seconds.
    pub age_limits: Vec<(SignalId, f64)>,
}

/// A probe and the locations it runs at.
#[derive(Clone, Debug)]
pub struct ProbeLabels {
    pub target: TargetId,
    pub probe: ProbeId,
    pub locations: Vec<LocationId>,
}

/// States of time: every second of a probe's life is in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeState {
    Verdict(Verdict),
    Maintenance,
}

impl TimeState {
    /// Every state, in the order tables show them.
    pub fn all() -> impl Iterator<Item = Self> {
        Verdict::ALL.into_iter().map(Self::Verdict).chain([Self::Maintenance])
    }

    /// The word in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verdict(verdict) => verdict.as_str(),
            Self::Maintenance => "maintenance",
        }
    }
}

macro_rules! words {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$about:meta])* $variant:ident => $word:literal),+ $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$about])* $variant),+
        }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }
    };
}

words!(
    /// How an attempt to deliver a notice ended.
    NoticeOutcome {
        Sent => "sent",
        /// The recipient was refused for good.
        Refused => "refused",
        /// It will be tried again.
        Retried => "retried",
        /// Its time ran out before it could be delivered.
        GivenUp => "given-up",
        /// The receiver may have it; nobody can tell.
        InDoubt => "in-doubt",
        /// It was no longer needed, or its channel depends on what is down.
        Skipped => "skipped",
    }
);

words!(
    /// Whether a playbook runs for real or is rehearsed.
    ActivationMode { Live => "live", Drill => "drill" }
);

words!(
    /// A sensitivity class of records.
    TierLabel { Standard => "standard", Restricted => "restricted" }
);
