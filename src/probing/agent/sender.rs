//! From probing to the spool, from the spool to the hub, and confirmations from the hub to probing.
//!
//! Everything is tried again for ever, more slowly while nobody answers; the log says once when the
//! hub is lost and once when it is there again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};

use super::uplink::{Uplink, UplinkError};
use crate::clock::Clock;
use crate::domain::agent::{Ask, DELIVERY_BYTES, Delivery, Finding, MOST_FINDINGS};
use crate::domain::ids::LocationId;
use crate::domain::signal::Reading;
use crate::probing::scheduler::{Confirm, Report};
use crate::store::spool::Spool;
use crate::telemetry::metrics::Metrics;

/// Findings kept in one transaction.
const BATCH: usize = 512;
/// Findings held while the disk does not take them; then they are lost, which is logged.
const MOST_HELD: usize = 20_000;
const DISK_PAUSE: Duration = Duration::from_secs(1);
/// How often the spool is looked at for what is too much or too old.
const BOUND_INTERVAL: Duration = Duration::from_mins(1);
/// The first pause after a failure, and the longest: a hub that is back is told within that.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A hub that refuses will do so again.
const REFUSED_PAUSE: Duration = Duration::from_secs(15);

/// How reporting stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When the hub last answered.
    pub reached_at: Option<Timestamp>,
    /// Why it does not, since it last did.
    pub trouble: Option<String>,
    /// Findings that wait for it.
    pub waiting: u64,
}

/// What everything here works with.
#[derive(Clone)]
pub struct Sending {
    pub location: LocationId,
    pub spool: Spool,
    pub uplink: Arc<Uplink>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub standing: watch::Sender<Standing>,
    /// The name of the plan that the hub has in force.
    pub plan: watch::Sender<String>,
    /// Something new is in the spool.
    pub kept: Arc<Notify>,
}

impl Sending {
    /// Puts what was found into the spool until probing has ended.
    pub async fn keep(
        self,
        mut reports: mpsc::Receiver<Report>,
        mut readings: mpsc::Receiver<Reading>,
    ) {
        let (mut found, mut numbers, mut held) = (Vec::new(), Vec::new(), Vec::new());
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

    /// Tries until the disk takes it, while what comes meanwhile fits in its queue; after that it
    /// is better to lose this than to stop probing.
    async fn write(&self, held: &mut Vec<Finding>, reports: &mpsc::Receiver<Report>) {
        while let Err(error) = self.spool.keep(held).await {
            tracing::error!(%error, findings = held.len(), "the spool cannot be written");
            if reports.len() >= reports.max_capacity() / 2 {
                if held.len() > MOST_HELD {
                    tracing::error!(findings = held.len(), "findings are lost");
                    held.clear();
                }
                return;
            }
            tokio::time::sleep(DISK_PAUSE).await;
        }
        held.clear();
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

    /// Hands the spool over to the hub, for ever.
    pub async fn send(self) {
        let mut pause = PAUSE;
        loop {
            match self.deliver().await {
                Ok(true) => pause = PAUSE,
                Ok(false) => self.kept.notified().await,
                Err(error) => pause = self.trouble(&error, pause).await,
            }
        }
    }

    /// Hands the next findings over. False when there are none.
    async fn deliver(&self) -> Result<bool, UplinkError> {
        let next = match self.spool.next(MOST_FINDINGS, DELIVERY_BYTES).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read");
                tokio::time::sleep(DISK_PAUSE).await;
                return Ok(true);
            }
        };
        let waiting = next.behind + next.findings.len() as u64;
        self.metrics.set_spool_findings(waiting);
        self.standing.send_modify(|standing| standing.waiting = waiting);
        let Some(last) = next.findings.last().map(|one| one.number) else { return Ok(false) };
        let delivery = Delivery {
            spool: next.spool,
            findings: next.findings,
            behind: next.behind,
            dropped: next.dropped,
            measured: self.uplink.measured(),
        };
        let acknowledged = self.uplink.deliver(&delivery).await?;
        self.reached(&acknowledged.plan);
        // The hub has numbers that we never gave: this spool is an older copy of itself.
        let done = match acknowledged.number > last {
            true => self.spool.begin_anew().await,
            false => self.spool.acknowledge(acknowledged.number).await,
        };
        if let Err(error) = done {
            tracing::error!(%error, "the spool cannot be written: the hub is told again");
            tokio::time::sleep(DISK_PAUSE).await;
        }
        Ok(true)
    }

    /// Takes what the hub asks to probing, for ever; the hub hears by it that we are there.
    pub async fn listen(self, confirm: mpsc::Sender<Confirm>) {
        let mut pause = PAUSE;
        loop {
            match self.uplink.wait().await {
                Ok(asked) => {
                    pause = PAUSE;
                    self.reached(&asked.plan);
                    for ask in asked.asks {
                        if confirm.send(self.confirm(ask)).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => pause = self.trouble(&error, pause).await,
            }
        }
    }

    fn confirm(&self, ask: Ask) -> Confirm {
        let now = self.clock.now();
        let at = now.checked_add(Duration::from_millis(ask.delay_ms.into())).unwrap_or(now);
        Confirm { probe: ask.probe, location: self.location.clone(), at }
    }

    fn reached(&self, plan: &str) {
        self.plan.send_if_modified(|known| {
            let differs = known != plan;
            if differs {
                plan.clone_into(known);
            }
            differs
        });
        let now = self.clock.now();
        self.standing.send_modify(|standing| {
            if standing.trouble.take().is_some() {
                tracing::info!(waiting = standing.waiting, "the hub is reached again");
            }
            standing.reached_at = Some(now);
        });
    }

    /// Notes a failure, waits, and says how long to wait after the next.
    async fn trouble(&self, error: &UplinkError, pause: Duration) -> Duration {
        let words = error.to_string();
        self.standing.send_modify(|standing| {
            if standing.trouble.is_none() {
                tracing::warn!("{words}; probing goes on, and what is found is kept");
            }
            standing.trouble = Some(words);
        });
        let refused = matches!(error, UplinkError::Refused(_));
        tokio::time::sleep(if refused { REFUSED_PAUSE } else { pause }).await;
        (pause * 2).min(LONGEST_PAUSE)
    }
}
