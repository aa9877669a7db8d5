//! From the spool to the hub, and confirmations from the hub to probing.
//!
//! Everything is tried again for ever, more slowly while nobody answers; the log says once when the
//! hub is lost and once when it has everything again.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc, watch};

use super::troubles::Troubles;
use super::uplink::{Uplink, UplinkError};
use crate::clock::Clock;
use crate::domain::agent::{Ask, DELIVERY_BYTES, DELIVERY_INTERVAL, Delivery, MOST_FINDINGS};
use crate::domain::ids::LocationId;
use crate::probing::scheduler::Confirm;
use crate::store::StoreError;
use crate::store::spool::{Next, Spool};
use crate::telemetry::metrics::Metrics;

const DISK_PAUSE: Duration = Duration::from_secs(1);
/// The first pause after a failure, and the longest: a hub that is back is told within that.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A hub that refuses will do so again.
const REFUSED_PAUSE: Duration = Duration::from_secs(15);

/// How reporting stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// When the hub last took what it was handed.
    pub delivered_at: Option<Timestamp>,
    /// Why it does not, since it last did.
    pub trouble: Option<String>,
    /// Why confirmations are not fetched.
    pub unasked: Option<String>,
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
    pub troubles: Troubles,
}

impl Sending {
    /// Hands the spool over to the hub, for ever; where there is nothing to hand over it says so,
    /// for only who delivers is known to report.
    pub async fn send(self) {
        let (mut pause, mut delivered) = (PAUSE, None);
        loop {
            let next = match self.next().await {
                Ok(next) => next,
                Err(error) => {
                    self.lost(format!("the spool cannot be read: {error}"));
                    tokio::time::sleep(DISK_PAUSE).await;
                    continue;
                }
            };
            let now = self.clock.monotonic();
            let since = delivered.map_or(DELIVERY_INTERVAL, |at| now.saturating_sub(at));
            if next.findings.is_empty() && since < DELIVERY_INTERVAL {
                let _ = tokio::time::timeout(DELIVERY_INTERVAL - since, self.kept.notified()).await;
                continue;
            }
            match self.deliver(next).await {
                Ok(()) => (pause, delivered) = (PAUSE, Some(now)),
                Err(error) => {
                    self.lost(error.to_string());
                    pause = after(&error, pause).await;
                }
            }
        }
    }

    async fn next(&self) -> Result<Next, StoreError> {
        let next = self.spool.next(MOST_FINDINGS, DELIVERY_BYTES).await?;
        let waiting = next.behind + next.findings.len() as u64;
        self.metrics.set_spool_findings(waiting);
        self.standing.send_modify(|standing| standing.waiting = waiting);
        if next.unreadable > 0 {
            let unreadable = next.unreadable;
            self.metrics.record_spool_unreadable(unreadable);
            tracing::error!(unreadable, "findings in the spool cannot be read, and are lost");
        }
        Ok(next)
    }

    async fn deliver(&self, next: Next) -> Result<(), UplinkError> {
        let Next { spool, findings, behind, dropped, last_given, .. } = next;
        let troubles = self.troubles.all();
        let measured = self.uplink.measured();
        let delivery = Delivery { spool, findings, behind, dropped, measured, troubles };
        let acknowledged = self.uplink.deliver(&delivery).await?;
        self.named(&acknowledged.plan);
        self.delivered();
        // The hub has numbers that we never gave: this spool is an older copy of itself.
        let done = match acknowledged.number > last_given {
            true => self.spool.begin_anew().await,
            false if delivery.findings.is_empty() => Ok(()),
            false => self.spool.acknowledge(acknowledged.number).await,
        };
        if let Err(error) = done {
            tracing::error!(%error, "the spool cannot be written: the hub is told again");
            tokio::time::sleep(DISK_PAUSE).await;
        }
        Ok(())
    }

    /// Takes what the hub asks to probing, for ever.
    pub async fn listen(self, confirm: mpsc::Sender<Confirm>) {
        let mut pause = PAUSE;
        loop {
            let asked = self.uplink.wait().await;
            let unasked = asked.as_ref().err().map(ToString::to_string);
            self.standing.send_modify(|standing| standing.unasked = unasked);
            match asked {
                Ok(asked) => {
                    pause = PAUSE;
                    self.named(&asked.plan);
                    for ask in asked.asks {
                        if confirm.send(self.confirm(ask)).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => pause = after(&error, pause).await,
            }
        }
    }

    fn confirm(&self, ask: Ask) -> Confirm {
        let now = self.clock.now();
        let at = now.checked_add(Duration::from_millis(ask.delay_ms.into())).unwrap_or(now);
        Confirm { probe: ask.probe, location: self.location.clone(), at }
    }

    fn named(&self, plan: &str) {
        self.plan.send_if_modified(|known| {
            let differs = known != plan;
            if differs {
                plan.clone_into(known);
            }
            differs
        });
    }

    fn delivered(&self) {
        let now = self.clock.now();
        self.standing.send_modify(|standing| {
            if standing.trouble.take().is_some() {
                tracing::info!(waiting = standing.waiting, "the hub is reached again");
            }
            standing.delivered_at = Some(now);
        });
    }

    fn lost(&self, words: String) {
        self.standing.send_modify(|standing| {
            if standing.trouble.is_none() {
                tracing::warn!("{words}; probing goes on, and what is found is kept");
            }
            standing.trouble = Some(words);
        });
    }
}

/// Waits after a failure, and says how long to wait after the next.
async fn after(error: &UplinkError, pause: Duration) -> Duration {
    let refused = matches!(error, UplinkError::Refused(_));
    tokio::time::sleep(if refused { REFUSED_PAUSE } else { pause }).await;
    (pause * 2).min(LONGEST_PAUSE)
}
