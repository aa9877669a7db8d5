//! One probe at one location over a period: its slots counted, its time as stretches.
//!
//! A slot belongs to the period it is scheduled in and stands for the time until the next one is
//! due. Where the ledger has no row the slots are *absent* and their time is unknown.

use std::ops::Range;

use hdrhistogram::Histogram;

use super::{Span, Tally, TimeState};
use crate::domain::check::{CheckKind, Outcome};
use crate::store::ledger::Recorded;

/// Latencies are kept to three significant digits, which quantiles on paper never need more than.
const DIGITS: u8 = 3;

/// How the slots of a period ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SlotCounts {
    pub passed: u64,
    pub slow: u64,
    pub failed: u64,
    pub inconclusive: u64,
    /// Went by while nobody was there, and that is on record.
    pub missed: u64,
    /// Due by the interval, with no row in the ledger.
    pub absent: u64,
}

impl SlotCounts {
    #[must_use]
    pub fn known(&self) -> u64 {
        self.passed + self.slow + self.failed
    }

    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.inconclusive + self.missed + self.absent
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.known() + self.unknown()
    }

    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.slow += other.slow;
        self.failed += other.failed;
        self.inconclusive += other.inconclusive;
        self.missed += other.missed;
        self.absent += other.absent;
    }

    fn count(&mut self, outcome: Outcome, slots: u64) {
        match outcome {
            Outcome::Passed => self.passed += slots,
            Outcome::Slow => self.slow += slots,
            Outcome::Failed(_) => self.failed += slots,
            Outcome::Inconclusive(_) => self.inconclusive += slots,
            Outcome::Missed => self.missed += slots,
        }
    }
}

/// A track while rows are taken in, oldest first.
#[derive(Clone, Debug)]
pub struct Track {
    period: Range<i64>,
    /// Between slots as configured, for a period without any row.
    interval_us: i64,
    /// Rows cover the time up to here; none before the first.
    covered_to: Option<i64>,
    pub slots: SlotCounts,
    /// Without gaps and in order; neighbours differ in state.
    pub spans: Vec<Span<TimeState>>,
    /// Milliseconds of slots that passed, slow ones included.
    pub latencies: Histogram<u64>,
    /// The last slot on record in the period.
    pub last_slot: Option<i64>,
}

impl Track {
    #[must_use]
    pub fn new(period: Range<i64>, interval_us: i64) -> Self {
        Self {
            period,
            interval_us: interval_us.max(1),
            covered_to: None,
            slots: SlotCounts::default(),
            spans: Vec::new(),
            latencies: latencies(),
            last_slot: None,
        }
    }

    /// Takes in a row's slots that are due in `within`: the ledger is read piece by piece, and a
    /// run of missed slots may reach over several.
    pub fn take(&mut self, row: &Recorded, within: &Range<i64>) {
        if row.kind == CheckKind::Confirmation {
            return;
        }
        let interval = row.interval_us.max(1);
        let first = row.slot_at.as_microsecond();
        let skipped = div_ceil(within.start - first, interval).max(0);
        let end = div_ceil(within.end - first, interval).min(i64::from(row.slots));
        if skipped < end {
            self.run(first + skipped * interval..first + end * interval, interval, row);
        }
    }

    /// Slots in a row with one outcome, `interval` apart.
    fn run(&mut self, run: Range<i64>, interval: i64, row: &Recorded) {
        self.gap(run.start, interval);
        let due = slots_between(run.start, interval, self.period.start.max(run.start)..run.end);
        self.slots.count(row.outcome, due);
        if due > 0 {
            self.last_slot = Some(run.end - interval);
            if matches!(row.outcome, Outcome::Passed | Outcome::Slow) {
                // The histogram grows to any latency; its clamping kin would hide the slow ones.
                let _ = self.latencies.record(u64::from(row.latency_ms));
            }
        }
        self.cut(run.start);
        self.cover(&run, state_of(row.outcome));
        self.covered_to = Some(run.end);
        self.interval_us = interval;
    }

    /// Closes the period: what no row covers is unknown.
    pub fn finish(&mut self) {
        let (end, interval) = (self.period.end, self.interval_us);
        self.gap(end, interval);
    }

    /// Everything up to `to` that no row covers is unknown. Slots go on at the interval of the row
    /// before; where there is none, they lie on the grid of what comes next.
    fn gap(&mut self, to: i64, interval: i64) {
        let (anchor, interval) = match self.covered_to {
            Some(covered) => (covered, self.interval_us),
            None => (to, interval),
        };
        let from = self.covered_to.unwrap_or(i64::MIN).max(self.period.start);
        let to = to.min(self.period.end);
        if from < to {
            self.slots.absent += slots_between(anchor, interval, from..to);
            self.cover(&(from..to), TimeState::Unknown);
        }
    }

    /// A slot ends where the next one begins, when the interval became shorter.
    fn cut(&mut self, at: i64) {
        while self.spans.last().is_some_and(|span| span.from >= at) {
            self.spans.pop();
        }
        if let Some(last) = self.spans.last_mut() {
            last.to = last.to.min(at);
        }
    }

    fn cover(&mut self, time: &Range<i64>, state: TimeState) {
        let from = time.start.max(self.period.start);
        let to = time.end.min(self.period.end);
        if from >= to {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if last.state == state && last.to == from => last.to = to,
            _ => self.spans.push(Span { from, to, state }),
        }
    }

    /// Time by state.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for span in &self.spans {
            tally.add(span.state, span.length(), span.state == TimeState::Down);
        }
        tally
    }
}

/// An empty histogram of milliseconds.
///
/// # Panics
/// Never: three digits are among those the histogram knows.
#[must_use]
pub fn latencies() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("the histogram takes one to five digits")
}

fn state_of(outcome: Outcome) -> TimeState {
    match outcome {
        Outcome::Passed => TimeState::Up,
        Outcome::Slow => TimeState::Slow,
        Outcome::Failed(_) => TimeState::Down,
        Outcome::Inconclusive(_) | Outcome::Missed => TimeState::Unknown,
    }
}

/// How many of the instants `anchor + k × interval`, for any whole k, lie in the range.
fn slots_between(anchor: i64, interval: i64, range: Range<i64>) -> u64 {
    let before = |at: i64| div_ceil(at - anchor, interval);
    u64::try_from(before(range.end) - before(range.start)).unwrap_or(0)
}

fn div_ceil(number: i64, by: i64) -> i64 {
    -(-number).div_euclid(by)
}
