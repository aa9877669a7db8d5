//! An outage as detection states it and everybody else reads it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{CohortId, LocationId, TargetId};
use super::verdict::{Scope, Verdict};

/// Names one outage for good: target and the second it was detected at, with a counter where two
/// were detected in the same second: `c3ms-20230301T093109-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutageId(pub String);

impl std::fmt::Display for OutageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An interval in which a target's verdict is slow, intermittent or down for a stated scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    pub id: OutageId,
    pub target: TargetId,
    pub verdict: Verdict,
    pub scope: Scope,
    /// When the first failure of the run happened that led to the verdict.
    pub began_at: Timestamp,
    /// When the evidence sufficed to say so.
    pub detected_at: Timestamp,
    /// When the first success of the run happened that ended it; none while it lasts.
    pub ended_at: Option<Timestamp>,
    /// Staff in the cohorts of the scope.
    pub head_count: u32,
    /// The scope in words, as printed everywhere.
    pub sentence: String,
    /// Locations whose checks failed since it began.
    pub locations: BTreeSet<LocationId>,
    /// Failures in the window looked at, and how many of them the scope explains.
    pub failures: u32,
    pub failures_explained: u32,
    /// Confirmations that failed, kept as evidence.
    pub confirmations: u32,
    /// The most it ever was; scope, verdict and sentence say so again once it is over.
    #[serde(default)]
    pub widest: Option<Box<Extent>>,
}

/// How far an outage reached at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    pub verdict: Verdict,
    pub scope: Scope,
    pub head_count: u32,
    pub sentence: String,
}

impl Outage {
    /// The same outage with what was found later: it began no later, was over no sooner, and was
    /// as much as the more of both. One that goes on goes on, and says itself how far it reaches.
    #[must_use]
    pub fn widened(self, by: &Self) -> Self {
        let began_at = self.began_at.min(by.began_at);
        let locations = self.locations.union(&by.locations).cloned().collect();
        let Some(ended_at) = self.ended_at else { return Self { began_at, locations, ..self } };
        let ended_at = Some(by.ended_at.map_or(ended_at, |other| other.max(ended_at)));
        let wider = Extent::of(by);
        if wider.rank() <= Extent::of(&self).rank() {
            return Self { began_at, ended_at, locations, ..self };
        }
        let widest = Some(Box::new(wider.clone()));
        let Extent { verdict, scope, head_count, sentence } = wider;
        Self { began_at, ended_at, locations, verdict, scope, head_count, sentence, widest, ..self }
    }
}

impl Extent {
    #[must_use]
    pub fn of(outage: &Outage) -> Self {
        let Outage { verdict, scope, head_count, sentence, .. } = outage.clone();
        Self { verdict, scope, head_count, sentence }
    }

    /// Worse first by verdict, then by people, then by journeys (none named means all).
    #[must_use]
    pub fn rank(&self) -> (Verdict, u32, usize) {
        let probes = &self.scope.probes;
        (self.verdict, self.head_count, if probes.is_empty() { usize::MAX } else { probes.len() })
    }
}

/// What happened to an outage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutageChange {
    Began,
    /// Its verdict or scope is another than before.
    Changed,
    Ended,
}

/// The roll-up of a target for one cohort, when it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictChange {
    pub target: TargetId,
    pub cohort: CohortId,
    pub from: Verdict,
    pub to: Verdict,
    /// When the first check of the run happened that led to it.
    pub since: Timestamp,
    pub detected_at: Timestamp,
}

/// What detection tells the rest of Holdfast, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetectionEvent {
    Verdict(VerdictChange),
    Outage { change: OutageChange, outage: Outage },
}
