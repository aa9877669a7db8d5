//! `holdfast probe explain`, through the real binary, over a record that is made for it.

use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::check::{Check, CheckKind, Evidence, FailureReason, Outcome};
use holdfast::domain::ids::{CohortId, LocationId, ProbeId, StepId, TargetId};
use holdfast::domain::outage::{DetectionEvent, VerdictChange};
use holdfast::domain::verdict::Verdict;
use holdfast::store::ledger::{self, Entry};
use holdfast::store::{Store, detection};

use crate::command::{complains, prints, set_up};

#[test]
fn a_probe_is_explained_before_anything_is_recorded() {
    let folder = set_up();
    let care = folder.path().join("care");
    let said = prints(&care, &["probe", "explain", "search"]);
    for expected in [
        "c3ms/search: Finding a person, essential journey",
        "Every 30 s, with 10 s to finish:",
        "  sign-in (http)",
        "Promised: 99.5 % of known time, an answer within 3 s.",
        "down          after 4 failures in a row",
        "slow          after 4 answers in a row over what was promised",
        "up            after so many successes in a row: 3 from down, 13 from intermittent",
        "The budget is 1 false outage a year",
        "everything fails",
        "(down 40 of 40)",
        "Noarlunga (noarlunga)",
        "nothing is recorded of it yet",
    ] {
        assert!(said.contains(expected), "'{expected}' is missing in {said}");
    }
    let (status, complaint) = complains(&care, &["probe", "explain", "serch"]);
    assert_eq!((status, complaint.contains("there is no probe 'serch'")), (2, true));
    let (status, complaint) = complains(&care, &["probe", "explain", "search", "--at", "adelaide"]);
    assert_eq!((status, complaint.contains("does not run at 'adelaide'")), (2, true));
}

#[tokio::test]
async fn a_verdict_is_explained_by_the_checks_it_stands_on() {
    let folder = set_up();
    let care = folder.path().join("care");
    let store = Store::open(&care.join("data/holdfast.db")).await.unwrap();
    let now = Clock::system().now();
    let (target, probe) = (TargetId::new("c3ms").unwrap(), ProbeId::new("search").unwrap());
    let location = LocationId::new("noarlunga").unwrap();
    let check = |back: u64, outcome: Outcome| {
        let slot_at = now - Duration::from_secs(30 * back);
        let failed = matches!(outcome, Outcome::Failed(_));
        let evidence = failed.then(|| Evidence {
            step: Some(StepId::new("person").unwrap()),
            address: None,
            detail: "expected status 200, got 503".to_owned(),
        });
        let check = Check {
            target: target.clone(),
            probe: probe.clone(),
            location: location.clone(),
            kind: CheckKind::Slot,
            slot_at,
            finished_at: slot_at,
            latency_ms: 20,
            outcome,
            steps: Vec::new(),
            evidence,
        };
        Entry::Check { check, interval_us: 30_000_000 }
    };
    let passed = (6..=12).rev().map(|back| check(back, Outcome::Passed));
    let failed = (1..=5).rev().map(|back| check(back, Outcome::Failed(FailureReason::Status)));
    ledger::append(&store, &passed.chain(failed).collect::<Vec<_>>()).await.unwrap();
    let change = DetectionEvent::Verdict(VerdictChange {
        target: target.clone(),
        cohort: CohortId::new("noarlunga").unwrap(),
        from: Verdict::Up,
        to: Verdict::Down,
        since: now - Duration::from_secs(150),
        detected_at: now - Duration::from_secs(60),
    });
    detection::record(&store, &[change], now).await.unwrap();

    let said = prints(&care, &["probe", "explain", "search", "--at", "noarlunga"]);
    for expected in [
        "  down, since ",
        "because: of its last 12 checks 5 failed (status), 7 passed",
        "the last 5 failed in a row",
        "at person: expected status 200, got 503",
        "3 more that pass make it up",
        "Noarlunga: the target is down since ",
        "this probe says the same",
        "No outage of this probe is open.",
    ] {
        assert!(said.contains(expected), "'{expected}' is missing in {said}");
    }
    let said = prints(&care, &["probe", "explain", "search", "--at", "noarlunga", "--json"]);
    let read: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(read["locations"][0]["seen"]["verdict"], "down");
    assert_eq!(read["locations"][0]["seen"]["turns"][0]["verdict"], "up");
    assert_eq!(read["forecast"]["failures_to_down"], 4);
    assert_eq!(read["cohorts"][0]["verdict"], "down");
    store.close().await;
}
