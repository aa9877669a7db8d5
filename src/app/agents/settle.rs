//! What agents found on its way to detection: at once while it is fresh; as history when it is
//! not.
//!
//! Once an agent has caught up, the stretch that came late is judged anew from the ledger and
//! history revised with it, without a word to anybody; what is younger than ten minutes becomes
//! evidence, so that an outage that still goes on is told, and one that is over is not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::Word;
use crate::app::resume::{RECALL_WINDOW, recalled};
use crate::clock::Clock;
use crate::detection::hindsight::{BEFORE, Hindsight, Judged};
use crate::domain::agent::Finding;
use crate::domain::ids::{CohortId, LocationId};
use crate::domain::outage::Outage;
use crate::domain::signal::Reading;
use crate::domain::target::Target;
use crate::store::detection::Revision;
use crate::store::ledger::{self, Range};
use crate::store::{Store, agents, detection};
use crate::telemetry::metrics::Metrics;
use crate::web::agents::Delivered;

/// The ledger is read in pieces of this length, so that a week of checks is never in memory.
const PIECE: Duration = Duration::from_hours(1);

/// A location whose history is to be revised, from when on, and whether it becomes evidence too.
type Due = (LocationId, Timestamp, bool);

/// Settles what agents deliver.
pub struct Settling {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub targets: watch::Receiver<Arc<Vec<Arc<Target>>>>,
    pub words: mpsc::Sender<Word>,
    /// Takes numbers that probes read to whoever shows them.
    pub readings: mpsc::Sender<Reading>,
    pub changed: Arc<dyn Fn() + Send + Sync>,
}

impl Settling {
    /// Runs until nobody delivers any more.
    pub async fn run(self, mut deliveries: mpsc::Receiver<Delivered>) {
        let settling = Arc::new(self);
        let (mut late, mut due) = (BTreeMap::new(), settling.left_over().await);
        // One at a time, and beside what comes fresh: an office's month must not keep another's
        // outage waiting.
        let mut at_work = JoinSet::new();
        loop {
            if at_work.is_empty()
                && let Some((location, from, as_evidence)) = due.pop_front()
            {
                let settling = Arc::clone(&settling);
                at_work.spawn(async move { settling.settle(&location, from, as_evidence).await });
            }
            tokio::select! {
                delivered = deliveries.recv() => match delivered {
                    Some(delivered) => due.extend(settling.deliver(delivered, &mut late).await),
                    None => return,
                },
                Some(_) = at_work.join_next() => {}
            }
        }
    }

    /// Takes a delivery. Returns what is to be settled when a late agent has caught up with it.
    async fn deliver(
        &self,
        delivered: Delivered,
        late: &mut BTreeMap<LocationId, Timestamp>,
    ) -> Option<Due> {
        let location = delivered.location.clone();
        self.metrics.set_agent_dropped(&location, delivered.dropped);
        let from = late.get(&location).copied().into_iter().chain(delivered.late_from).min();
        let caught_up = delivered.behind == 0;
        self.take(delivered, from.is_none()).await;
        let from = from?;
        if caught_up {
            late.remove(&location);
            return Some((location, from, true));
        }
        late.insert(location, from);
        None
    }

    /// What came before a stop and history was not yet revised with. Evidence of it was recalled
    /// at the start.
    async fn left_over(&self) -> VecDeque<Due> {
        let mut due = VecDeque::new();
        match agents::all(&self.store).await {
            Ok(all) => {
                for agent in all {
                    self.metrics.set_agent_dropped(&agent.location, agent.dropped);
                    due.extend(agent.late_from.map(|from| (agent.location, from, false)));
                }
            }
            Err(error) => tracing::error!(%error, "what came late before cannot be looked up"),
        }
        due
    }

    /// Counts what was found; what is fresh goes to detection at once.
    async fn take(&self, delivered: Delivered, fresh: bool) {
        let now = self.clock.now();
        for one in delivered.findings {
            match one.finding {
                Finding::Check { check, .. } if fresh => {
                    let _ = self.words.send(Word::Check(check)).await;
                }
                Finding::Check { check, .. } => self.metrics.record_check(&check),
                Finding::Missed(missed) => self.metrics.record_missed(&missed),
                Finding::Reading(reading) => {
                    let age = Duration::try_from(now.duration_since(reading.read_at));
                    if age.unwrap_or_default() < RECALL_WINDOW {
                        let _ = self.readings.send(reading).await;
                    }
                }
            }
        }
    }

    /// Revises history from `from` on with what a location found, and hands the rest on as
    /// evidence.
    async fn settle(&self, location: &LocationId, from: Timestamp, as_evidence: bool) {
        let now = self.clock.now();
        tracing::info!(%location, %from, "checks that came late complete the record");
        let targets = Arc::clone(&self.targets.borrow());
        for target in targets.iter().filter(|target| target.location(location).is_some()) {
            if let Err(error) = self.revise(target, location, (from, now)).await {
                tracing::error!("{error:#}");
                return;
            }
        }
        let recent = now.checked_sub(RECALL_WINDOW).unwrap_or(now).max(from);
        let range =
            Range { location: Some(location.clone()), from: recent, to: now, ..Range::default() };
        match ledger::range(&self.store, &range).await {
            Ok(rows) if as_evidence => {
                let checks = rows.into_iter().map(recalled).collect();
                let _ = self.words.send(Word::Recalled(checks)).await;
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "late checks cannot be read back"),
        }
        if let Err(error) = agents::settled(&self.store, location).await {
            tracing::error!(%error, "history is revised once more after the next start");
        }
        (self.changed)();
    }

    async fn revise(
        &self,
        target: &Arc<Target>,
        location: &LocationId,
        (from, to): (Timestamp, Timestamp),
    ) -> anyhow::Result<()> {
        let begin = from.checked_sub(BEFORE).unwrap_or(from);
        let mut hindsight = Hindsight::new(Arc::clone(target), begin);
        let mut piece = begin;
        while piece < to {
            let end = piece.checked_add(PIECE).unwrap_or(to).min(to);
            let target = Some(target.id.clone());
            let range = Range { target, from: piece, to: end, ..Range::default() };
            let rows = ledger::range(&self.store, &range).await.context("reading the ledger")?;
            // A busy hour of thousands of probes takes a while, and no page may wait for that.
            let judging = tokio::task::spawn_blocking(move || {
                rows.into_iter().for_each(|row| hindsight.take(&recalled(row)));
                hindsight
            });
            hindsight = judging.await.context("judging anew")?;
            piece = end;
        }
        let known = detection::outages(&self.store, begin, to).await.context("reading outages")?;
        let speaks = |cohort: &&crate::domain::target::Cohort| cohort.locations.contains(location);
        let cohorts = target.cohorts.iter().filter(speaks).map(|cohort| cohort.id.clone());
        let cohorts: Vec<CohortId> = cohorts.collect();
        let judged = hindsight.finish(to);
        let revision = revision(judged, cohorts, &known, (from, to));
        detection::revise(&self.store, &target.id, (from, to), &revision, to)
            .await
            .context("revising history")
    }
}

/// What of it is news. An outage that goes on is told by detection, as far as it is recent.
fn revision(
    judged: Judged,
    cohorts: Vec<CohortId>,
    known: &[Outage],
    (from, to): (Timestamp, Timestamp),
) -> Revision {
    let told_from = to.checked_sub(RECALL_WINDOW).unwrap_or(to);
    let is_known = |outage: &Outage| {
        known.iter().any(|other| {
            other.target == outage.target
                && other.began_at <= outage.ended_at.unwrap_or(to)
                && other.ended_at.is_none_or(|ended| ended >= outage.began_at)
                && !other.scope.cohorts.is_disjoint(&outage.scope.cohorts)
        })
    };
    let news = judged.outages.into_iter().filter(|outage| {
        outage.detected_at >= from
            && cohorts.iter().any(|cohort| outage.scope.cohorts.contains(cohort))
            && !is_known(outage)
    });
    let outages = news.filter_map(|outage| {
        let ended_at = outage.ended_at.or((outage.began_at < told_from).then_some(told_from))?;
        Some(Outage { detected_at: to, ended_at: Some(ended_at), ..outage })
    });
    let outages = outages.collect();
    let mut verdicts = judged.verdicts;
    verdicts.retain(|change| cohorts.contains(&change.cohort) && change.detected_at >= from);
    Revision { cohorts, verdicts, outages }
}
