//! What changes slowly and is shown in two places: how the case system stands, in one sentence for
//! the portal's banner, and the gauges of incidents, plans and notices in doubt.

use std::time::Duration;

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::continuity::views;
use crate::domain::ids::PlaybookId;
use crate::store::continuity::{find, outbox};
use crate::store::{Store, detection};
use crate::telemetry::labels::ActivationMode;
use crate::telemetry::metrics::Metrics;

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

/// Keeps the gauges of continuity as the store has them.
pub async fn keep_gauges(
    store: Store,
    clock: Clock,
    metrics: Arc<Metrics>,
    playbooks: Vec<PlaybookId>,
) {
    loop {
        if let Ok(count) = outbox::in_doubt(&store).await {
            metrics.set_notices_in_doubt(usize::try_from(count).unwrap_or(usize::MAX));
        }
        if let Ok(incidents) = find::open_incidents(&store).await {
            metrics.set_open_incidents("major", incidents.len());
        }
        if let Ok(lines) = views::open_activations(&store).await {
            for playbook in &playbooks {
                let open = lines.iter().filter(|line| line.playbook == *playbook).count();
                metrics.set_open_activations(playbook, ActivationMode::Live, open);
            }
        }
        clock.sleep(GAUGE_INTERVAL).await;
    }
}
