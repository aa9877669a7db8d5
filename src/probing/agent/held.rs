//! Findings on their way to the spool; where its disk takes nothing for long, no more of them than
//! how many slots ended without a record.

use crate::domain::agent::{Finding, MissedSlots};
use crate::domain::left_out::LeftOut;
use crate::store::StoreError;
use crate::store::spool::Spool;

/// Findings held while the disk does not take them.
const MOST_HELD: usize = 20_000;

/// What is to be written next.
#[derive(Debug, Default)]
pub struct Held {
    findings: Vec<Finding>,
    left_out: LeftOut,
}

impl Held {
    pub fn extend(&mut self, findings: impl Iterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Puts what is held into the spool, slots without a record first; durable when it returns.
    ///
    /// # Errors
    /// When the file cannot be written; everything is held still.
    pub async fn keep(&mut self, spool: &Spool) -> Result<(), StoreError> {
        let held = self.findings.len();
        self.findings.splice(0..0, self.left_out.runs().cloned().map(Finding::Missed));
        let kept = spool.keep(&self.findings).await;
        match &kept {
            Ok(()) => {
                self.left_out.clear();
                self.findings.clear();
            }
            Err(_) => drop(self.findings.drain(..self.findings.len() - held)),
        }
        kept
    }

    /// Lets go of what is too much to hold. Its slots are put on record when the disk takes them;
    /// confirmations and numbers that were read are lost. Returns how many findings went.
    pub fn shorten(&mut self) -> usize {
        if self.findings.len() <= MOST_HELD {
            return 0;
        }
        let let_go = self.findings.len();
        let mut has_room = true;
        for finding in self.findings.drain(..) {
            let run = match finding {
                Finding::Check { check, interval_us } => MissedSlots::not_kept(check, interval_us),
                Finding::Missed(run) => Some(run),
                Finding::Reading(_) => None,
            };
            has_room &= run.is_none_or(|run| self.left_out.add(run));
        }
        if !has_room {
            tracing::error!("the spool is too far behind: slots go without an end on record");
        }
        let_go
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::check::{Check, CheckKind, Gap, Outcome};
    use crate::domain::ids::{LocationId, ProbeId, TargetId};

    const SECOND_US: i64 = 1_000_000;

    fn check(kind: CheckKind, second: i64) -> Finding {
        let slot_at = Timestamp::from_second(1_700_000_000 + second).unwrap();
        let check = Check {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("search").unwrap(),
            location: LocationId::new("noarlunga").unwrap(),
            kind,
            slot_at,
            finished_at: slot_at,
            latency_ms: 5,
            outcome: Outcome::Passed,
            steps: Vec::new(),
            evidence: None,
        };
        Finding::Check { check, interval_us: SECOND_US }
    }

    #[tokio::test]
    async fn slots_whose_findings_were_let_go_end_on_record_before_what_came_after() {
        let folder = tempfile::tempdir().unwrap();
        let here = LocationId::new("noarlunga").unwrap();
        let spool = Spool::open(&folder.path().join("spool.db"), &here).await.unwrap();
        let mut held = Held::default();
        let many = i64::try_from(MOST_HELD).unwrap() + 5;
        held.extend((0..many).map(|second| check(CheckKind::Slot, second)));
        held.extend((0..many).map(|second| check(CheckKind::Confirmation, second)));
        assert_eq!(held.shorten(), 2 * MOST_HELD + 10);
        assert_eq!(held.len(), 0);
        held.extend([check(CheckKind::Slot, many)].into_iter());
        assert_eq!(held.shorten(), 0, "little is held");
        held.keep(&spool).await.unwrap();
        held.keep(&spool).await.unwrap();
        let kept = spool.next(10, usize::MAX).await.unwrap().findings;
        let [lost, after] = &kept[..] else { panic!("{kept:?}") };
        let Finding::Missed(run) = &lost.finding else { panic!("{lost:?}") };
        assert_eq!((i64::from(run.slots), run.gap, run.interval_us), (many, Gap::Disk, SECOND_US));
        assert_eq!(run.first_slot_at.as_second(), 1_700_000_000);
        assert_eq!(after.finding, check(CheckKind::Slot, many));
    }
}
