//! Staff reports: they confirm an outage for a plan, and contradict probes that pass.

use holdfast::continuity::command::Command;
use holdfast::domain::ids::{CohortId, TargetId};
use holdfast::domain::notice::NoticeKind;
use holdfast::domain::verdict::Verdict;
use holdfast::store::continuity::outbox::{OutboxRow, claim_batch};
use holdfast::store::staff_reports::{self, StaffReport};

use super::world::{World, instant, outage, served};

const CASE_SYSTEM_DOWN: &str = include_str!("../../../playbooks/c3ms/case-system-down.yaml");

/// Somebody at Noarlunga says it at this second: kept first, then told.
async fn say(world: &mut World, id: &str, second: i64) {
    world.until(second).await;
    let report = StaffReport {
        id: id.to_owned(),
        target: TargetId::new("c3ms").unwrap(),
        cohort: CohortId::new("noarlunga").unwrap(),
        task: "other".into(),
        since_at: instant(second - 60),
        received_at: instant(second),
    };
    staff_reports::add(&world.store, &report).await.unwrap();
    world.ask(Command::StaffReport(report)).await.unwrap();
}

/// Notices about the disagreement that were not there at the last look.
async fn disagreements(world: &World) -> Vec<OutboxRow> {
    let lease = std::time::Duration::from_secs(3_600 * 24);
    let rows = claim_batch(&world.store, world.clock.now(), lease).await.unwrap();
    rows.into_iter().filter(|row| row.kind == NoticeKind::StaffReports).collect()
}

#[tokio::test]
async fn three_staff_reports_confirm_an_outage_that_one_location_saw() {
    let mut world = World::with(CASE_SYSTEM_DOWN).await;
    world.detect(served(Verdict::Down, 3)).await;
    world.detect(outage(1, Verdict::Down, (0, 3, None))).await;
    say(&mut world, "one", 60).await;
    say(&mut world, "two", 70).await;
    // The same form again is the same person.
    say(&mut world, "two", 80).await;
    world.until(240).await;
    assert_eq!(world.engine.activations().count(), 0, "two people are not three");
    say(&mut world, "three", 250).await;
    assert_eq!(world.engine.activations().count(), 1);
    assert!(disagreements(&world).await.is_empty(), "they agree with the probes");
}

#[tokio::test]
async fn reports_of_an_hour_ago_confirm_nothing() {
    let mut world = World::with(CASE_SYSTEM_DOWN).await;
    for (id, second) in [("one", 10), ("two", 20), ("three", 30)] {
        say(&mut world, id, second).await;
    }
    world.jump(3_600);
    world.detect(outage(1, Verdict::Down, (3_300, 3_310, None))).await;
    assert_eq!(world.engine.activations().count(), 0);
}

#[tokio::test]
async fn three_of_one_office_against_passing_probes_are_told_to_operations_once() {
    let mut world = World::with(CASE_SYSTEM_DOWN).await;
    for (id, second) in [("one", 10), ("two", 20), ("three", 30)] {
        say(&mut world, id, second).await;
    }
    assert!(disagreements(&world).await.is_empty(), "nothing is known of the probes yet");
    world.detect(served(Verdict::Up, 40)).await;
    let told = disagreements(&world).await;
    assert_eq!(told.len(), 1, "one person is on call");
    assert_eq!(told[0].address, "ops-1@example.org");
    assert!(
        told[0].body.starts_with(
            "Noarlunga says C3MS is not working, and every probe from there passes: 3 staff \
             reports in the last 30 minutes."
        ),
        "{}",
        told[0].body
    );
    assert_eq!(told[0].link.as_deref(), Some("https://holdfast.example.org/ops"));

    say(&mut world, "four", 50).await;
    world.stop_and_start().await;
    say(&mut world, "five", 60).await;
    // A restart hands out again what was claimed before it.
    let again = disagreements(&world).await;
    assert!(again.iter().all(|row| row.id == told[0].id), "once a window, across a restart");
    for (id, second) in [("six", 2_000), ("seven", 2_010), ("eight", 2_020)] {
        say(&mut world, id, second).await;
    }
    assert_eq!(disagreements(&world).await.len(), 1, "in the next window it is said again");
}

#[tokio::test]
async fn what_was_said_of_an_outage_does_not_contradict_its_end() {
    let mut world = World::with(CASE_SYSTEM_DOWN).await;
    world.detect(served(Verdict::Down, 3)).await;
    world.detect(outage(1, Verdict::Down, (0, 3, None))).await;
    for (id, second) in [("one", 10), ("two", 20), ("three", 30)] {
        say(&mut world, id, second).await;
    }
    world.until(100).await;
    world.detect(outage(1, Verdict::Down, (0, 3, Some(90)))).await;
    world.detect(served(Verdict::Up, 100)).await;
    assert!(disagreements(&world).await.is_empty());
}
