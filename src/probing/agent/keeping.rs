//! From probing to the spool.
//!
//! It tries for ever and never holds probing up: what the disk does not take in time becomes slots
//! without a record. It must not know the hub.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::held::Held;
use super::troubles::Troubles;
use crate::clock::Clock;
use crate::domain::agent::Finding;
use crate::domain::signal::Reading;
use crate::probing::scheduler::Report;
use crate::store::spool::Spool;
use crate::telemetry::metrics::Metrics;

/// Findings kept in one transaction.
const BATCH: usize = 512;
const DISK_PAUSE: Duration = Duration::from_secs(1);
/// How often the spool is looked at for what is too much or too old.
const BOUND_INTERVAL: Duration = Duration::from_mins(1);

/// Puts what was found into the spool.
pub struct Keeping {
    pub spool: Spool,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub troubles: Troubles,
    /// Something new is in the spool.
    pub kept: Arc<Notify>,
}

impl Keeping {
    /// Runs until probing has ended.
    pub async fn run(
        self,
        mut reports: mpsc::Receiver<Report>,
        mut readings: mpsc::Receiver<Reading>,
    ) {
        let (mut found, mut numbers, mut held) = (Vec::new(), Vec::new(), Held::default());
        let mut bounded_at = self.clock.monotonic();
        let mut ended = false;
        while !ended {
            tokio::select! {
                count = reports.recv_many(&mut found, BATCH) => ended = count == 0,
                Some(reading) = readings.recv() => numbers.push(reading),
            }
            held.extend(found.drain(..).map(|report| self.counted(report)));
            while let Ok(reading) = readings.try_recv() {
                numbers.push(reading);
            }
            held.extend(numbers.drain(..).map(Finding::Reading));
            self.write(&mut held, &reports).await;
            let now = self.clock.monotonic();
            if now.saturating_sub(bounded_at) >= BOUND_INTERVAL {
                bounded_at = now;
                self.bound().await;
            }
        }
    }

    fn counted(&self, report: Report) -> Finding {
        match report {
            Report::Check { check, interval_us } => {
                self.metrics.record_check(&check);
                Finding::Check { check, interval_us }
            }
            Report::Missed(missed) => {
                self.metrics.record_missed(&missed);
                Finding::Missed(missed)
            }
        }
    }

    /// Tries until the disk takes it, while what comes meanwhile fits in its queue, and once where
    /// nothing more can come: the next start finds which slots have no end.
    async fn write(&self, held: &mut Held, reports: &mpsc::Receiver<Report>) {
        while let Err(error) = held.keep(&self.spool).await {
            if self.troubles.set_disk(Some(error.to_string())) {
                tracing::error!(%error, findings = held.len(), "the spool cannot be written");
            }
            let has_ended = reports.is_closed() && reports.is_empty();
            if has_ended || reports.len() >= reports.max_capacity() / 2 {
                let let_go = held.shorten();
                if let_go > 0 {
                    tracing::error!(let_go, "findings are lost, and their slots remembered");
                }
                return;
            }
            tokio::time::sleep(DISK_PAUSE).await;
        }
        if self.troubles.set_disk(None) {
            tracing::info!("the spool can be written again");
        }
        self.kept.notify_one();
    }

    async fn bound(&self) {
        match self.spool.bound(self.clock.now()).await {
            Ok(0) => {}
            Ok(dropped) => {
                tracing::error!(dropped, "the spool is full: the oldest checks are lost")
            }
            Err(error) => tracing::error!(%error, "the spool cannot be bounded"),
        }
    }
}
