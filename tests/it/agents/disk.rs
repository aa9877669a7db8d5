//! An agent whose disk is full: no slot goes without an end on record.

use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::agent::{Finding, Trouble};
use holdfast::domain::check::{Check, CheckKind, Gap, Outcome};
use holdfast::domain::ids::{ProbeId, TargetId};
use holdfast::probing::agent::keeping::Keeping;
use holdfast::probing::agent::troubles::Troubles;
use holdfast::probing::scheduler::Report;
use holdfast::store::spool::Spool;
use holdfast::telemetry::labels::LabelSets;
use holdfast::telemetry::metrics::Metrics;
use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};

use super::rig::noarlunga;
use crate::support::eventually;
use crate::support::small_disk::SmallDisk;

/// More than is held while the disk takes nothing, and then fills half the queue.
const FOUND: i64 = 23_500;
const QUEUE: usize = 4_096;

fn report(second: i64) -> Report {
    let slot_at = Timestamp::from_second(1_677_661_200 + second).unwrap();
    let check = Check {
        target: TargetId::new("c3ms").unwrap(),
        probe: ProbeId::new("search").unwrap(),
        location: noarlunga(),
        kind: CheckKind::Slot,
        slot_at,
        finished_at: slot_at,
        latency_ms: 20,
        outcome: Outcome::Passed,
        steps: Vec::new(),
        evidence: None,
    };
    Report::Check { check, interval_us: 1_000_000 }
}

/// The seconds of its slots, and how many of them are without a record.
fn slots(findings: &[Finding]) -> (Vec<i64>, u32) {
    let (mut seconds, mut lost) = (Vec::new(), 0);
    for finding in findings {
        let (first, slots) = match finding {
            Finding::Check { check, .. } => (check.slot_at, 1),
            Finding::Missed(run) => {
                assert_eq!((run.gap, run.interval_us), (Gap::Disk, 1_000_000));
                lost += run.slots;
                (run.first_slot_at, run.slots)
            }
            Finding::Reading(_) => continue,
        };
        let first = first.as_second() - 1_677_661_200;
        seconds.extend(first..first + i64::from(slots));
    }
    (seconds, lost)
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_the_spool_had_no_room_for_are_on_record_once_it_has() {
    let disk = SmallDisk::mount();
    let spool = Spool::open(&disk.path().join("spool.db"), &noarlunga()).await.unwrap();
    let troubles = Troubles::default();
    let (send, reports) = mpsc::channel(QUEUE);
    let (_read, readings) = mpsc::channel(1);
    let keeping = Keeping {
        spool: spool.clone(),
        clock: Clock::system(),
        metrics: Arc::new(Metrics::new(&LabelSets::default()).unwrap()),
        troubles: troubles.clone(),
        kept: Arc::new(Notify::new()),
    };
    let keeping = tokio::spawn(keeping.run(reports, readings));
    send.send(report(0)).await.unwrap();
    eventually("the first", || async { (spool.waiting().await.unwrap() == 1).then_some(()) }).await;
    disk.fill();
    for second in 1..FOUND {
        send.send(report(second)).await.unwrap();
    }
    let [Trouble::Disk { why }] = &troubles.all()[..] else { panic!("{troubles:?}") };
    assert!(why.contains("full"), "{why}");
    // It goes on taking reports while they would fill the queue.
    let taken = || async { (send.capacity() > QUEUE / 2).then_some(()) };
    eventually("the queue being half empty", taken).await;
    disk.make_room();
    send.send(report(FOUND)).await.unwrap();
    drop(send);
    tokio::time::timeout(Duration::from_secs(30), keeping).await.unwrap().unwrap();
    assert_eq!(troubles.all(), []);
    let kept = spool.next(usize::MAX >> 1, usize::MAX).await.unwrap().findings;
    let (seconds, lost) = slots(&kept.into_iter().map(|one| one.finding).collect::<Vec<_>>());
    assert!(lost > 20_000, "{lost}");
    assert_eq!(seconds, (0..=FOUND).collect::<Vec<_>>(), "each slot once, and in order");
}
