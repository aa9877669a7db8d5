//! Slots whose checks went on no record, because our disk did not take them: as runs, so that a
//! disk that is full for a day costs a few bytes a probe.
//!
//! They are put on record when there is room again, so that none goes without an end.

use std::collections::BTreeMap;

use super::agent::MissedSlots;
use super::ids::{LocationId, ProbeId};

/// Runs that are remembered: one a probe and location, and more where reloads change their
/// interval.
const MOST_RUNS: usize = 200_000;

/// Runs by where they are and their first slot, in microseconds.
#[derive(Debug, Default)]
pub struct LeftOut(BTreeMap<(ProbeId, LocationId, i64), MissedSlots>);

impl LeftOut {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Remembers a run. False when there is no room even for that.
    #[must_use]
    pub fn add(&mut self, run: MissedSlots) -> bool {
        let key = key(&run);
        if let Some((_, last)) = self.0.range_mut(..=key.clone()).next_back()
            && goes_on(last, &run)
        {
            last.slots = last.slots.saturating_add(run.slots);
        } else if self.0.len() < MOST_RUNS {
            self.0.insert(key, run);
        } else {
            return false;
        }
        true
    }

    /// The runs, each probe's in order.
    pub fn runs(&self) -> impl Iterator<Item = &MissedSlots> {
        self.0.values()
    }

    /// Takes the first run out.
    pub fn pop(&mut self) -> Option<MissedSlots> {
        self.0.pop_first().map(|(_, run)| run)
    }

    /// Forgets them: they are on record.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

fn key(run: &MissedSlots) -> (ProbeId, LocationId, i64) {
    (run.probe.clone(), run.location.clone(), run.first_slot_at.as_microsecond())
}

/// Whether a run goes on where another one ends.
fn goes_on(last: &MissedSlots, next: &MissedSlots) -> bool {
    let length_us = i64::from(last.slots) * last.interval_us;
    let end_us = last.first_slot_at.as_microsecond() + length_us;
    (&last.probe, &last.location) == (&next.probe, &next.location)
        && (last.interval_us, last.gap) == (next.interval_us, next.gap)
        && end_us == next.first_slot_at.as_microsecond()
}
