//! Checks on their way to the ledger that it has no room for, because our disk does not take them.
//!
//! Detection saw what they found; what is lost is the record. Their slots are put on record as
//! *inconclusive (disk)* as soon as there is room again, so that none goes without an end. It must
//! not wait: a check is never held up by the disk.

use tokio::sync::mpsc;

use crate::domain::agent::MissedSlots;
use crate::domain::left_out::LeftOut;
use crate::store::ledger::Entry;

/// The way to the ledger, and what could not go it yet.
#[derive(Debug)]
pub struct ToLedger {
    entries: mpsc::Sender<Entry>,
    left_out: LeftOut,
}

impl ToLedger {
    #[must_use]
    pub fn new(entries: mpsc::Sender<Entry>) -> Self {
        Self { entries, left_out: LeftOut::default() }
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
        while !self.left_out.is_empty()
            && let Ok(room) = self.entries.try_reserve()
            && let Some(run) = self.left_out.pop()
        {
            room.send(Entry::Missed(run));
        }
    }

    fn leave_out(&mut self, entry: Entry) {
        let run = match entry {
            Entry::Check { check, interval_us } => MissedSlots::not_kept(check, interval_us),
            Entry::Missed(run) => Some(run),
        };
        if let Some(run) = run
            && !self.left_out.add(run)
        {
            tracing::error!("the ledger is too far behind: slots go without an end on record");
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::check::{Check, CheckKind, InconclusiveReason, Outcome};
    use crate::domain::ids::{LocationId, ProbeId, TargetId};
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
