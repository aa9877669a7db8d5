//! Probe files read again by a running service: whole or not at all, and nothing is forgotten.

use std::collections::BTreeMap;

use holdfast::clock::Clock;
use holdfast::domain::check::{CheckKind, Outcome};
use holdfast::domain::verdict::Verdict;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::store::ledger::{self, Range};
use holdfast::store::{Store, detection};
use jiff::{SignedDuration, Timestamp};

use crate::support::served::{Installation, edit};
use crate::support::{eventually, standin};

const IN_FORCE: &str = "holdfast_config_last_reload_success";
const OPEN: &str = "holdfast_outage_open{target=\"c3ms\"}";

const NEW_PROBE: &str = "probes:
  - id: status
    title: Asking how it is
    kind: journey
    weight: supporting
    interval: 30 s
    timeout: 10 s
    steps:
      - { id: status, http: { get: /api/status } }

";

/// Slots of a probe at Noarlunga in order, with how they ended.
async fn slots(store: &Store, probe: &str, from: Timestamp) -> Vec<(Timestamp, Outcome)> {
    let to = Clock::system().now();
    let rows = ledger::range(store, &Range { from, to, ..Range::default() }).await.unwrap();
    let here = rows.iter().filter(|row| row.kind == CheckKind::Slot);
    let here = here.filter(|row| row.probe.as_str() == probe);
    let here = here.filter(|row| row.location.as_str() == "noarlunga");
    here.map(|row| (row.slot_at, row.outcome)).collect()
}

async fn verdicts(store: &Store) -> BTreeMap<String, Verdict> {
    let standings = detection::standings(store).await.unwrap();
    standings.into_iter().map(|one| (one.cohort.to_string(), one.verdict)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_again_whole_or_not_at_all_and_history_goes_on() {
    let standin = standin(&Clock::system()).await;
    let care = Installation::of(&standin, "2 s", "");
    let started_at = Clock::system().now();
    let served = care.serve().await;
    let store = care.store().await;
    let here = "127.0.1.2".parse().unwrap();
    standin.apply(Fault::new(Effect::Status(503)).path("/cases/").from(here)).unwrap();
    served.shows(OPEN, |open| open == 1.0).await;
    eventually("the others being up", || async {
        let up = verdicts(&store).await.into_values().filter(|one| *one == Verdict::Up).count();
        (up == 8).then_some(())
    })
    .await;

    // A fault in a file changes nothing, and is told with its place.
    edit(&care.folder, "probes/c3ms.yaml", "weight: essential", "wieght: essential");
    served.signal("-HUP");
    served.shows(IN_FORCE, |good| good == 0.0).await;
    let log = served.log();
    let told = log.lines().find(|line| line.contains("wieght")).unwrap();
    assert!(told.contains("did you mean 'weight'?") && told.contains("c3ms.yaml"), "{told}");
    assert!(told.contains("line=") && told.contains("column="), "{told}");
    assert_eq!(served.metrics().await[OPEN], 1.0, "the last good files are in force");

    // One probe goes, one comes, the others stay.
    edit(&care.folder, "probes/c3ms.yaml", "wieght: essential", "weight: essential");
    let path = care.folder.join("probes/c3ms.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once("  - id: case-notes\n").unwrap();
    let after = &rest[rest.find("  - id: intake\n").unwrap()..];
    let text = format!("{before}{after}").replacen("probes:\n", NEW_PROBE, 1);
    std::fs::write(&path, text).unwrap();
    let reloaded_at = Clock::system().now();
    served.signal("-HUP");
    served.shows(IN_FORCE, |good| good == 1.0).await;
    served.shows(OPEN, |open| open == 0.0).await;
    eventually("the new probe running", || async {
        (slots(&store, "status", reloaded_at).await.len() >= 3).then_some(())
    })
    .await;
    eventually("Noarlunga being up", || async {
        (verdicts(&store).await["noarlunga"] == Verdict::Up).then_some(())
    })
    .await;

    assert_eq!(detection::open_outages(&store).await.unwrap(), [], "it is no longer observed");
    let second = SignedDuration::from_secs(1);
    let late = slots(&store, "case-notes", reloaded_at + second).await;
    assert_eq!(late, [], "what is gone does not run");
    let all = slots(&store, "search", started_at).await;
    assert!(all.len() > 3 && all.iter().all(|(_, ended)| *ended == Outcome::Passed), "{all:?}");
    for pair in all.windows(2) {
        assert_eq!(pair[1].0.duration_since(pair[0].0), second * 2, "no slot is lost: {all:?}");
    }
    let target = holdfast::domain::ids::TargetId::new("c3ms").unwrap();
    let now = Clock::system().now();
    let changes = detection::verdict_changes(&store, &target, reloaded_at, now).await.unwrap();
    let others: Vec<_> =
        changes.iter().filter(|change| change.cohort.as_str() != "noarlunga").collect();
    assert!(others.is_empty(), "what is known of the others stays: {others:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_section_that_only_a_restart_takes_is_said_to_wait_for_one() {
    const WAITING: &str = "holdfast_readiness_faults{kind=\"restart-awaited\"}";
    let standin = standin(&Clock::system()).await;
    let care = Installation::of(&standin, "2 s", "");
    let served = care.serve().await;
    served.shows(WAITING, |faults| faults == 0.0).await;
    edit(&care.folder, "holdfast.yaml", "interval: 2 s", "interval: 3 s");
    edit(&care.folder, "holdfast.yaml", "synthetic: true", "synthetic: false");
    served.signal("-HUP");
    served.shows(IN_FORCE, |good| good == 0.0).await;
    served.shows(WAITING, |faults| faults == 1.0).await;
    served.says("holdfast.yaml changed where only a restart takes it").await;
    assert!(served.log().contains("sections=synthetic"), "{}", served.log());
    assert!(served.log().contains("the newest files are in force"), "of targets they are");
    edit(&care.folder, "holdfast.yaml", "synthetic: false", "synthetic: true");
    served.signal("-HUP");
    served.shows(IN_FORCE, |good| good == 1.0).await;
    served.shows(WAITING, |faults| faults == 0.0).await;
}
