//! The report as one value: JSON, CSV, HTML and the page on the console are all made from it.
//!
//! Shares are between 0 and 1 and cut to six digits, instants are UTC, durations whole seconds,
//! user-minutes whole minutes. It holds no case data and names no member of staff.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::accounting::TimeState;
use super::accounting::figures::{Figures, Promise};
use super::accounting::track::SlotCounts;
use crate::domain::verdict::Verdict;

/// The word its JSON begins with.
pub const FORMAT: &str = "holdfast/report/v1";

/// What happened in a period, accounted for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub format: String,
    /// Version of the accounting method.
    pub method: u32,
    /// True when everything observed is synthetic.
    pub synthetic: bool,
    pub period: ReportPeriod,
    /// The last slot on record in the period: nothing later is in these figures.
    pub watermark: Option<Timestamp>,
    /// One sentence.
    pub verdict: String,
    pub targets: Vec<TargetReport>,
    pub outages: Vec<OutageLine>,
    /// From beginning to detection, of outages detected in the period.
    pub time_to_detect: Mean,
    /// From beginning to end, of outages that ended in the period.
    pub time_to_restore: Mean,
    /// Scopes that were hit more than once, most often first.
    pub recurrences: Vec<Recurrence>,
    pub incidents: Vec<IncidentLine>,
    /// Continuity plans that came into force, exercises among them.
    pub plans: Vec<PlanLine>,
    /// Notices by how they ended.
    pub notices: Vec<NoticeCount>,
    pub staff_reports: Vec<StaffReportLine>,
    /// Numbers that were read; left out where none is configured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<SignalLine>,
}

impl Report {
    /// Says that everything observed is synthetic, where it is.
    #[must_use]
    pub fn synthetic(mut self, synthetic: bool) -> Self {
        self.synthetic = synthetic;
        self
    }
}

/// Which period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportPeriod {
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    /// IANA name of the zone its days are counted in.
    pub zone: String,
    /// "1 to 31 March 2026".
    pub words: String,
    /// `2026-03-01_2026-03-31`.
    pub slug: String,
    /// Where the cells of every strip begin; the last one ends with the period.
    pub cells: Vec<Timestamp>,
}

/// One target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetReport {
    pub target: String,
    pub title: String,
    /// Over its cohorts, each weighted by its head count.
    pub figures: Figures,
    pub user_minutes: UserMinutes,
    pub cohorts: Vec<CohortReport>,
    pub probes: Vec<ProbeReport>,
}

/// Staff who share fate, and what they had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CohortReport {
    pub cohort: String,
    pub title: String,
    pub head_count: u32,
    pub figures: Figures,
    pub seconds: StateSeconds,
    pub user_minutes: UserMinutes,
    /// Outages that hit it.
    pub outages: u32,
    /// What detection said, the worst in each cell; unknown where half of the cell is.
    pub strip: Vec<TimeState>,
}

/// Minutes of people: head count times minutes, each person and minute once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserMinutes {
    pub down: u64,
    pub intermittent: u64,
    pub slow: u64,
    pub unknown: u64,
}

/// Time by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateSeconds {
    pub up: u64,
    pub slow: u64,
    pub intermittent: u64,
    pub down: u64,
    pub unknown: u64,
}

/// One probe over its locations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    pub probe: String,
    pub title: String,
    pub essential: bool,
    pub interval_seconds: u64,
    pub figures: Figures,
    pub slots: SlotCounts,
    pub latency: Option<Latency>,
    pub latency_objective_ms: Option<u64>,
    pub availability: Option<AvailabilityPromise>,
    pub locations: Vec<LocationReport>,
}

/// What was promised of a probe's availability, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AvailabilityPromise {
    pub objective: f64,
    pub promise: Promise,
    /// Probing at this interval from every location would have decided; none when nothing more is
    /// needed or no rate would do.
    pub provable_with_interval_seconds: Option<u64>,
}

/// One probe at one location.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocationReport {
    pub location: String,
    pub title: String,
    pub figures: Figures,
    pub slots: SlotCounts,
    pub latency: Option<Latency>,
}

/// Milliseconds by which that share of passed checks had ended, slow ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    pub p50_ms: u64,
    pub p95_ms: u64,
    pub p99_ms: u64,
    pub checks: u64,
}

/// One outage that lasted into the period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutageLine {
    pub outage: String,
    pub target: String,
    pub verdict: Verdict,
    pub sentence: String,
    pub head_count: u32,
    pub began_at: Timestamp,
    pub detected_at: Timestamp,
    /// None while it lasts.
    pub ended_at: Option<Timestamp>,
    pub seconds_to_detect: u64,
    /// Until it ended, or until the period did.
    pub seconds: u64,
}

/// A mean with what it is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mean {
    pub n: u32,
    /// None below three: a mean of two is an anecdote.
    pub mean_seconds: Option<u64>,
}

/// A scope that was hit more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    pub target: String,
    /// "Noarlunga and Ceduna, only lodging an intake".
    pub scope: String,
    pub outages: u32,
    pub seconds: u64,
}

/// What people managed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentLine {
    pub incident: String,
    pub opened_at: Timestamp,
    pub recovered_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub notices: u32,
}

/// A continuity plan in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanLine {
    pub activation: String,
    pub playbook: String,
    pub unit: String,
    pub ground: String,
    pub phase: String,
    pub exercise: bool,
    pub opened_at: Timestamp,
    pub stood_down_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
}

/// Notices of the period's incidents in one state, over one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeCount {
    pub channel: String,
    pub state: String,
    pub notices: u64,
}

/// The numbers of one signal, in its unit; ages in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignalLine {
    pub target: String,
    pub signal: String,
    pub title: String,
    pub least: f64,
    pub most: f64,
    pub last: f64,
    /// The same three with their unit, for a reader.
    pub words: Vec<String>,
}

/// What staff of one cohort said of one task, beside what probes found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaffReportLine {
    pub target: String,
    pub cohort: String,
    /// How the cohort and the task are called.
    pub cohort_title: String,
    pub task: String,
    pub reports: u32,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// Probes failed, or were slow, between since when and when it was said.
    pub probes_agree: u32,
    /// They passed all that time.
    pub probes_disagree: u32,
    /// Not enough is known to tell.
    pub probes_unknown: u32,
    /// So many disagree that both cannot be right.
    pub disagreement: bool,
}
