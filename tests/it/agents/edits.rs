//! What an agent found by an earlier plan, when it comes after an edit of the probe files.

use std::collections::BTreeSet;
use std::sync::Arc;

use holdfast::clock::Clock;
use holdfast::domain::agent::Finding;
use holdfast::domain::ids::LocationId;
use holdfast::domain::length::Length;
use holdfast::store::ledger::{self, Range};
use holdfast::web::agents::{Assignment, Plans};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::own_hub::{OwnHub, plan};
use super::rig::noarlunga;
use crate::support::eventually;

/// The plan of that name, with this done to it.
fn edited(edit: impl FnOnce(&mut Assignment)) -> Arc<Plans> {
    let mut plans = plan("first", "");
    let here: LocationId = noarlunga();
    let mut assignment = Assignment::clone(&plans[&here]);
    assignment.planned.plan.targets[0].interval = Some(Length::from_secs(1));
    edit(&mut assignment);
    plans.insert(here, Arc::new(assignment));
    Arc::new(plans)
}

/// The probes of which the hub has slots since then.
async fn on_record(hub: &OwnHub, from: Timestamp) -> BTreeSet<String> {
    let to = Clock::system().now();
    let range = Range { location: Some(noarlunga()), from, to, ..Range::default() };
    let rows = ledger::range(&hub.store, &range).await.unwrap();
    rows.into_iter().map(|row| row.probe.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_found_by_an_earlier_plan_is_on_record_and_no_more() {
    let mut hub = OwnHub::new().await;
    let mut delivered = hub.delivered.take().unwrap();
    let (keep, mut kept) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(one) = delivered.recv().await {
            let _ = keep.send(one);
        }
    });
    let mut never = None;
    let given = edited(|plan| never = plan.probes.pop_first());
    let never = never.unwrap().1.to_string();
    let probes: BTreeSet<String> =
        given[&noarlunga()].probes.iter().map(|(_, probe)| probe.to_string()).collect();
    hub.plans.send_replace(given);
    let mut agent = hub.agent().await;
    hub.serve().await;
    agent.run();
    eventually("every probe on record", || async {
        (on_record(&hub, Timestamp::UNIX_EPOCH).await == probes).then_some(())
    })
    .await;

    // Its name stays, so that the agent goes on by the one it has, as if its line was cut.
    hub.plans.send_replace(edited(|plan| plan.probes.clear()));
    let edited_at = Clock::system().now();
    eventually("every probe on record again", || async {
        (on_record(&hub, edited_at).await == probes).then_some(())
    })
    .await;
    agent.stop();
    let mut refused = 0;
    while let Ok(one) = kept.try_recv() {
        refused += one.refused;
        let checks = one.findings.iter().filter_map(|one| match &one.finding {
            Finding::Check { check, .. } => Some(check),
            _ => None,
        });
        for check in checks {
            assert!(check.slot_at <= edited_at, "handed on though no plan has it: {check:?}");
        }
    }
    assert!(refused > 0, "'{never}' was never planned");
    assert!(!on_record(&hub, Timestamp::UNIX_EPOCH).await.contains(&never));
}
