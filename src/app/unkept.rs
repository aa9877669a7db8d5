//! Checks on their way to the ledger that it has no room for, because our disk does not take them.
//!
//! Detection saw what they found; what is lost is the record. Their slots are put on record as
//! *inconclusive (disk)* as soon as there is room again, so that none goes without an end. It must
//! not wait: a check is never held up by the disk.

use std::collections::BTreeMap;

use tokio::sync::mpsc;

use crate::domain::agent::MissedSlots;
use crate::domain::check::{CheckKind, Gap};
use crate::domain::ids::{LocationId, ProbeId};
use crate::store::ledger::Entry;

/// Runs of slots that are remembered: one a probe and location, and more where reloads change
/// their interval.
const MOST_RUNS: usize = 200_000;

/// By where they are and their first slot, in microseconds.
type Runs = BTreeMap<(ProbeId, LocationId, i64), MissedSlots>;

/// The way to the ledger, and what could not go it yet.
#[derive(Debug)]
pub struct ToLedger {
    entries: mpsc::Sender<Entry>,
    left_out: Runs,
}

impl ToLedger {
    #[must_use]
    pub fn new(entries: mpsc::Sender<Entry>) -> Self {
        Self { entries, left_out: Runs::new() }
    }

    /// Sends an entry after what was left out before it, or leaves it out as well.
    pub fn send(&mut self, entry: Entry) {
        let was_behind = !self.left_out.is_empty();
        self.catch_up();
        let refused = match self.left_out.is_empty() {
            true => self.entries.try_send(entry).err().map(mpsc::error::TrySendError::into_inner),
            false => Some(entry),
        };
        match refused {
            Some(entry) => {
                if !was_behind {
                    tracing::error!(
                        "the ledger is behind: what checks find is lost until it is not"
                    );
                }
                self.leave_out(entry);
            }
            None if was_behind => tracing::info!("the ledger has caught up"),
            None => {}
        }
    }

    fn catch_up(&mut self) {
        while let Some((at, run)) = self.left_out.pop_first() {
            if self.entries.try_send(Entry::Missed(run.clone())).is_err() {
                self.left_out.insert(at, run);
                return;
            }
        }
    }

    fn leave_out(&mut self, entry: Entry) {
        let run = match entry {
            // It fills no slot.
            Entry::Check { check, .. } if check.kind == CheckKind::Confirmation => return,
            Entry::Check { check, interval_us } => MissedSlots {
                target: check.target,
                probe: check.probe,
                location: check.location,
                first_slot_at: check.slot_at,
                slots: 1,
                interval_us,
                gap: Gap::Disk,
            },
            Entry::Missed(run) => run,
        };
        let at = run.first_slot_at.as_microsecond();
        let key = (run.probe.clone(), run.location.clone(), at);
        if let Some((_, last)) = self.left_out.range_mut(..=key.clone()).next_back()
            && goes_on(last, &run)
        {
            last.slots = last.slots.saturating_add(run.slots);
        } else if self.left_out.len() < MOST_RUNS {
            self.left_out.insert(key, run);
        } else {
            tracing::error!("the ledger is too far behind: slots go without an end on record");
        }
    }
}

/// Whether a run goes on where another one ends.
fn goes_on(last: &MissedSlots, next: &MissedSlots) -> bool {
    let length_us = i64::from(last.slots) * last.interval_us;
    let end_us = last.first_slot_at.as_microsecond() + length_us;
    (&last.probe, &last.location) == (&next.probe, &next.location)
        && (last.interval_us, last.gap) == (next.interval_us, next.gap)
        && end_us == next.first_slot_at.as_microsecond()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::check::{Check, InconclusiveReason, Outcome};
    use crate::domain::ids::TargetId;
    use crate::store::Store;
    use crate::store::ledger::{self, Range};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_677_661_200 + second).unwrap()
    }

    fn check(location: &str, second: i64, kind: CheckKind) -> Entry {
        Entry::Check {
            check: Check {
                target: TargetId::new("c3ms").unwrap(),
                probe: ProbeId::new("search").unwrap(),
                location: LocationId::new(location).unwrap(),
                kind,
                slot_at: at(second),
                finished_at: at(second),
                latency_ms: 20,
                outcome: Outcome::Passed,
                steps: Vec::new(),
                evidence: None,
            },
            interval_us: 10_000_000,
        }
    }

    #[tokio::test]
    async fn slots_that_the_disk_did_not_take_end_on_record_once_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        let (entries, mut received) = mpsc::channel(4);
        let mut to_ledger = ToLedger::new(entries);
        for second in [0, 10, 20, 30, 40, 50] {
            for location in ["noarlunga", "ceduna"] {
                to_ledger.send(check(location, second, CheckKind::Slot));
            }
            to_ledger.send(check("ceduna", second + 1, CheckKind::Confirmation));
        }
        // The disk takes what waits, and then all that comes.
        let mut kept = Vec::new();
        for second in [60, 70] {
            while let Ok(entry) = received.try_recv() {
                kept.push(entry);
            }
            to_ledger.send(check("ceduna", second, CheckKind::Slot));
        }
        drop(to_ledger);
        while let Some(entry) = received.recv().await {
            kept.push(entry);
        }
        ledger::append(&store, &kept).await.unwrap();
        let range = Range { from: at(-60), to: at(600), ..Range::default() };
        let rows = ledger::range(&store, &range).await.unwrap();
        for (location, until) in [("noarlunga", 60), ("ceduna", 80)] {
            let mut slots = Vec::new();
            let here = rows.iter().filter(|row| row.kind == CheckKind::Slot);
            for row in here.filter(|row| row.location.as_str() == location) {
                slots.extend((0..i64::from(row.slots)).map(|n| {
                    let second = row.slot_at.as_second() - at(0).as_second() + 10 * n;
                    (second, row.outcome)
                }));
            }
            let seconds: Vec<i64> = slots.iter().map(|(second, _)| *second).collect();
            let due: Vec<i64> = (0..until).step_by(10).collect();
            assert_eq!(seconds, due, "{location}: {rows:?}");
            let disk = Outcome::Inconclusive(InconclusiveReason::Disk);
            let lost = slots.iter().filter(|(_, outcome)| *outcome == disk).count();
            assert!(lost >= 3, "{location}: {slots:?}");
        }
    }
}
