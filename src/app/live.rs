//! What changes slowly and is shown in two places: how the case system stands, in one sentence for
//! the portal's banner, and the gauges of incidents, plans and notices in doubt.

use std::time::Duration;

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::continuity::readiness;
use crate::continuity::views::{self, ActivationLine};
use crate::domain::notice::Severity;
use crate::store::continuity::outbox;
use crate::store::{Store, StoreError, detection};
use crate::telemetry::labels::ActivationMode;
use crate::telemetry::metrics::Metrics;
use crate::web::plans::Plans;

/// Gauges are read from the store this often.
const GAUGE_INTERVAL: Duration = Duration::from_secs(5);

/// Says how the case system stands whenever something changed, and at least every minute.
pub async fn keep_saying(
    store: Store,
    clock: Clock,
    mut changes: watch::Receiver<u64>,
    live: watch::Sender<String>,
) {
    loop {
        let words = match detection::open_outages(&store).await {
            Ok(open) if open.is_empty() => "No outage is known now.".to_owned(),
            Ok(open) => {
                let words: Vec<_> = open.iter().map(|outage| outage.sentence.as_str()).collect();
                words.join(" ")
            }
            // The copy works with the database down; it then says what it does not know.
            Err(_) => "How the live system stands is not known here.".to_owned(),
        };
        live.send_if_modified(|before| {
            let differs = *before != words;
            if differs {
                *before = words;
            }
            differs
        });
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = clock.sleep(Duration::from_secs(60)) => {}
        }
    }
}

/// Keeps the gauges of continuity as the store and the plans have them.
pub async fn keep_gauges(store: Store, clock: Clock, metrics: Arc<Metrics>, plans: Plans) {
    loop {
        let now = clock.now();
        if let Err(error) = show_continuity(&store, &metrics, &plans, now).await {
            tracing::warn!(%error, "the gauges of continuity are as they were");
        }
        let overdue = plans.overdue(now);
        for kind in readiness::KINDS {
            let count = overdue.iter().filter(|fault| fault.kind == kind).count();
            metrics.set_readiness_faults(kind, count);
        }
        clock.sleep(GAUGE_INTERVAL).await;
    }
}

async fn show_continuity(
    store: &Store,
    metrics: &Metrics,
    plans: &Plans,
    now: Timestamp,
) -> Result<(), StoreError> {
    let in_doubt = outbox::in_doubt(store).await?;
    metrics.set_notices_in_doubt(usize::try_from(in_doubt).unwrap_or(usize::MAX));
    let incidents = views::incidents(store, now, now).await?;
    for severity in Severity::ALL {
        let open = incidents.iter().filter(|one| one.severity == *severity);
        let open = open.filter(|one| one.closed_at.is_none()).count();
        metrics.set_open_incidents(severity.as_str(), open);
    }
    let lines = views::open_activations(store).await?;
    for playbook in plans.playbooks.borrow().iter() {
        for (mode, exercise) in [(ActivationMode::Live, false), (ActivationMode::Drill, true)] {
            let of =
                |line: &&ActivationLine| line.playbook == playbook.id && line.exercise == exercise;
            metrics.set_open_activations(&playbook.id, mode, lines.iter().filter(of).count());
        }
    }
    Ok(())
}
