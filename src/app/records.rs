//! Writes what was observed: checks into the ledger, what detection said beside them.
//!
//! Off the way from a check to its verdict. It must not lose what it was given while the disk can
//! be written at all.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::domain::outage::DetectionEvent;
use crate::store::ledger::Entry;
use crate::store::{Store, detection, ledger};

/// Events of detection on their way to the store.
pub const EVENT_QUEUE: usize = 1_024;
/// Checks written in one transaction, and how long the first of them waits for the others. What a
/// transaction costs is its sync; a check that waits when the machine loses power is a gap.
const LEDGER_BATCH: usize = 4_096;
const LEDGER_DELAY: Duration = Duration::from_secs(1);
/// Step timings of passed checks are kept this long.
const DETAIL_WINDOW: Duration = Duration::from_secs(3_600);
const PRUNE_INTERVAL: Duration = Duration::from_secs(60);

/// Writes checks in batches; a failed batch is tried again until the disk takes it.
pub async fn keep_checks(store: Store, clock: Clock, mut entries: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(LEDGER_BATCH);
    let mut pruned_at = clock.now();
    while entries.recv_many(&mut batch, LEDGER_BATCH).await > 0 {
        // A full batch has waited long enough: more than so many a second are kept up with.
        if batch.len() < LEDGER_BATCH {
            tokio::time::sleep(LEDGER_DELAY).await;
        }
        while batch.len() < LEDGER_BATCH
            && let Ok(entry) = entries.try_recv()
        {
            batch.push(entry);
        }
        while let Err(error) = ledger::append(&store, &batch).await {
            let checks = batch.len();
            tracing::error!(%error, checks, "the ledger cannot be written; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
            if entries.is_closed() {
                break;
            }
        }
        batch.clear();
        let now = clock.now();
        if Duration::try_from(now.duration_since(pruned_at)).unwrap_or_default() >= PRUNE_INTERVAL {
            pruned_at = now;
            let before = now.checked_sub(DETAIL_WINDOW).unwrap_or(now);
            if let Err(error) = ledger::prune_details(&store, before).await {
                tracing::warn!(%error, "old step timings could not be forgotten");
            }
        }
    }
}

/// Writes what detection said, then passes it on: what others act on is durable.
pub async fn keep_events(
    store: Store,
    clock: Clock,
    mut events: mpsc::Receiver<DetectionEvent>,
    told: mpsc::Sender<DetectionEvent>,
    changed: Arc<dyn Fn() + Send + Sync>,
) {
    let mut batch = Vec::new();
    while events.recv_many(&mut batch, EVENT_QUEUE).await > 0 {
        while let Err(error) = detection::record(&store, &batch, clock.now()).await {
            tracing::error!(%error, "what was detected cannot be written; trying again");
            tokio::time::sleep(Duration::from_secs(1)).await;
            if events.is_closed() {
                break;
            }
        }
        for event in batch.drain(..) {
            let _ = told.send(event).await;
        }
        changed();
    }
}
