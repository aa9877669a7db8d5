//! From a fault in the case system to the sentence that says it, and back.

use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::check::Outcome;
use holdfast::domain::outage::OutageChange;
use holdfast::domain::verdict::Verdict;
use holdfast::probing::run::Setting;
use holdfast::standin::Standin;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::store::ledger::{self, Range};
use holdfast::store::{Store, detection};
use jiff::Timestamp;

use crate::support::observed::Observed;
use crate::support::small_disk::SmallDisk;
use crate::support::{c3ms, eventually, setting, standin};

fn settings(standin: &Standin, clock: &Clock) -> Vec<Arc<Setting>> {
    vec![setting(c3ms(standin, Duration::from_secs(1)), clock, None)]
}

async fn all_up(observed: &Observed) {
    eventually("every cohort being up", || async {
        let standings = detection::standings(&observed.store).await.unwrap();
        let up = standings.iter().filter(|s| s.verdict == Verdict::Up).count();
        (up == 9).then_some(())
    })
    .await;
}

fn only(address: &str, path: Option<&str>) -> Fault {
    Fault {
        name: "test".to_owned(),
        from: vec![address.parse().unwrap()],
        path: path.map(str::to_owned),
        node: None,
        share: 1.0,
        effect: Effect::Status(503),
    }
}

#[tokio::test]
async fn an_office_that_loses_the_system_is_named_and_so_is_its_recovery() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let mut observed = Observed::start(folder.path(), settings(&standin, &clock), &clock).await;
    all_up(&observed).await;

    standin.apply(only("127.0.1.2", None)).unwrap();
    let began = observed.outage(OutageChange::Began).await;
    assert_eq!(began.sentence, "C3MS is down for Noarlunga: every journey fails.");
    assert_eq!(began.head_count, 62);
    assert!(began.began_at < began.detected_at);
    assert!(began.confirmations > 0, "confirmations are evidence");
    assert_eq!(began.failures, began.failures_explained);

    standin.clear_all();
    let ended = observed.outage(OutageChange::Ended).await;
    assert_eq!(ended.id, began.id);
    assert!(ended.ended_at.unwrap() > began.began_at);
    let store = observed.end().await;
    assert!(detection::open_outages(&store).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_failing_task_is_told_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let mut observed = Observed::start(folder.path(), settings(&standin, &clock), &clock).await;
    all_up(&observed).await;
    standin.apply(only("127.0.1.1", Some("/intake"))).unwrap();
    let began = observed.outage(OutageChange::Began).await;
    assert_eq!(began.sentence, "C3MS is down for Report Line, only lodging an intake.");
    assert_eq!(began.scope.step.unwrap().as_str(), "intake-form");
    observed.end().await;
}

#[tokio::test]
async fn an_outage_goes_on_after_a_restart_and_the_gap_is_missed_slots() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let mut observed = Observed::start(folder.path(), settings(&standin, &clock), &clock).await;
    all_up(&observed).await;
    standin.apply(only("127.0.1.2", None)).unwrap();
    let began = observed.outage(OutageChange::Began).await;
    let store = observed.end().await;
    let stopped_at = clock.now();
    store.close().await;

    eventually("three seconds going by", || async {
        let gone = clock.now().duration_since(stopped_at);
        (gone.as_secs() >= 3).then_some(())
    })
    .await;
    let mut observed = Observed::start(folder.path(), settings(&standin, &clock), &clock).await;
    let missed = eventually("the gap being on record", || async {
        let range = Range { from: stopped_at, to: clock.now(), ..Range::default() };
        let rows = ledger::range(&observed.store, &range).await.unwrap();
        let missed: u32 =
            rows.iter().filter(|row| row.outcome == Outcome::Missed).map(|row| row.slots).sum();
        (missed > 0).then_some(missed)
    })
    .await;
    assert!(missed >= 2 * 28, "28 probes and places went without slots: {missed}");
    standin.clear_all();
    let ended = observed.outage(OutageChange::Ended).await;
    assert_eq!(ended.id, began.id, "it is the same outage");
    let store = observed.end().await;
    slots_end_once(&store, stopped_at).await;
}

/// Every slot has one terminal check.
async fn slots_end_once(store: &Store, around: Timestamp) {
    let minute = jiff::SignedDuration::from_mins(5);
    let range = Range { from: around - minute, to: around + minute, ..Range::default() };
    let rows = ledger::range(store, &range).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for row in rows.iter().filter(|row| row.kind == holdfast::domain::check::CheckKind::Slot) {
        for index in 0..i64::from(row.slots) {
            let at = row.slot_at.as_microsecond() + index * row.interval_us;
            let slot = (row.probe.clone(), row.location.clone(), at);
            assert!(seen.insert(slot), "{row:?} stands for a slot twice");
        }
    }
    assert!(!seen.is_empty());
}

#[tokio::test]
async fn a_full_disk_keeps_nobody_from_watching_and_no_slot_from_its_end() {
    let disk = SmallDisk::mount();
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let observed = Observed::start(disk.path(), settings(&standin, &clock), &clock).await;
    all_up(&observed).await;
    let passed = || {
        let text = observed.metrics.render().unwrap();
        let lines = text.lines().filter(|line| line.starts_with("holdfast_checks_total"));
        let lines = lines.filter(|line| line.contains("outcome=\"passed\""));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>()
    };
    disk.fill();
    let full_at = clock.now();
    let before = passed();
    eventually("probes running on", || async { (passed() > before + 100.0).then_some(()) }).await;
    let range = Range { from: full_at, to: clock.now(), ..Range::default() };
    let kept = ledger::range(&observed.store, &range).await.unwrap().len();
    assert!(kept < 60, "the disk took {kept} checks although it was full");
    disk.make_room();
    let freed_at = clock.now();
    eventually("the ledger catching up", || async {
        let range = Range { from: freed_at, to: clock.now(), ..Range::default() };
        let rows = ledger::range(&observed.store, &range).await.unwrap();
        (!rows.is_empty()).then_some(())
    })
    .await;
    let store = observed.end().await;
    slots_end_once(&store, full_at).await;
    let range = Range { from: full_at, to: freed_at, ..Range::default() };
    let rows = ledger::range(&store, &range).await.unwrap();
    let mut by_post = std::collections::BTreeMap::<_, Vec<_>>::new();
    for row in &rows {
        assert_eq!(row.outcome, Outcome::Passed, "what waited for room is kept as it was");
        by_post.entry((&row.probe, &row.location)).or_default().push(row.slot_at.as_second());
    }
    assert_eq!(by_post.len(), 28);
    for (post, slots) in by_post {
        assert!(slots.windows(2).all(|pair| pair[1] == pair[0] + 1), "{post:?}: {slots:?}");
    }
}
