//! What agents found on its way to detection: at once while it is fresh; as history when it is
//! not.
//!
//! Once an agent has caught up, what of the late stretch is younger than ten minutes becomes
//! evidence: once, and before anything that comes after it, so that an outage that still goes on is
//! told, and one that is over is not. The whole stretch is then judged anew from the ledger and
//! history revised with it, without a word to anybody.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::Word;
use super::revision::Stretch;
use crate::app::resume::RECALL_WINDOW;
use crate::clock::Clock;
use crate::detection::hindsight::{BEFORE, Hindsight};
use crate::domain::agent::Finding;
use crate::domain::check::Check;
use crate::domain::ids::LocationId;
use crate::domain::outage::OutageId;
use crate::domain::signal::Reading;
use crate::domain::target::Target;
use crate::store::ledger::Range;
use crate::store::{Store, agents, deliveries, detection, recall};
use crate::telemetry::metrics::Metrics;
use crate::web::agents::Delivered;

/// The ledger is read in pieces of this length, so that a week of checks is never in memory.
const PIECE: Duration = Duration::from_hours(1);

/// A revision that could not be written is tried again after this.
const AGAIN_AFTER: Duration = Duration::from_mins(1);

/// Late checks of a location that are remembered as evidence: ten minutes of fifty a second.
const MOST_EVIDENCE: usize = 30_000;

/// A location whose history is to be revised, and from when on.
type Due = (LocationId, Timestamp);

/// What came of a location that is late and has not caught up.
struct Behind {
    from: Timestamp,
    /// What of it is still evidence, in the order in which it was found.
    evidence: Vec<Check>,
}

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
                && let Some((location, from)) = due.pop_front()
            {
                let settling = Arc::clone(&settling);
                at_work.spawn(async move {
                    let done = settling.settle(&location, from).await;
                    if !done {
                        settling.clock.sleep(AGAIN_AFTER).await;
                    }
                    (!done).then_some((location, from))
                });
            }
            tokio::select! {
                delivered = deliveries.recv() => match delivered {
                    Some(delivered) => due.extend(settling.deliver(delivered, &mut late).await),
                    None => return,
                },
                Some(undone) = at_work.join_next() => due.extend(undone.ok().flatten()),
            }
        }
    }

    /// Takes a delivery. Returns what is to be settled when a late agent has caught up with it;
    /// what of that is still evidence was handed on then, ahead of whatever is delivered next.
    async fn deliver(
        &self,
        delivered: Delivered,
        late: &mut BTreeMap<LocationId, Behind>,
    ) -> Option<Due> {
        let location = delivered.location.clone();
        self.metrics.set_agent_dropped(&location, delivered.dropped);
        let (before, mut evidence) =
            late.remove(&location).map(|behind| (behind.from, behind.evidence)).unzip();
        let from = before.into_iter().chain(delivered.late_from).min();
        if from.is_some() {
            evidence.get_or_insert_default();
        }
        let caught_up = delivered.behind == 0;
        self.take(delivered, evidence.as_mut()).await;
        let (from, evidence) = (from?, evidence?);
        if !caught_up {
            late.insert(location, Behind { from, evidence });
            return None;
        }
        if !evidence.is_empty() {
            let _ = self.words.send(Word::Recalled(evidence)).await;
        }
        Some((location, from))
    }

    /// What came before a stop and history was not yet revised with. Evidence of it was recalled
    /// at the start, from the ledger.
    async fn left_over(&self) -> VecDeque<Due> {
        let mut due = VecDeque::new();
        match agents::all(&self.store).await {
            Ok(all) => {
                for agent in all {
                    self.metrics.set_agent_dropped(&agent.location, agent.dropped);
                    due.extend(agent.late_from.map(|from| (agent.location, from)));
                }
            }
            Err(error) => tracing::error!(%error, "what came late before cannot be looked up"),
        }
        due
    }

    /// Counts what was found. Checks go to detection at once, or where they are late to the
    /// evidence that is handed on later, of which no more is kept than that needs.
    async fn take(&self, delivered: Delivered, mut evidence: Option<&mut Vec<Check>>) {
        let now = self.clock.now();
        self.metrics.record_refused_findings(&delivered.location, delivered.refused);
        for one in delivered.findings {
            match one.finding {
                Finding::Check { check, .. } => match &mut evidence {
                    Some(evidence) => {
                        self.metrics.record_check(&check);
                        evidence.push(Check { steps: Vec::new(), ..check });
                    }
                    None => {
                        let _ = self.words.send(Word::Check(check)).await;
                    }
                },
                Finding::Missed(missed) => self.metrics.record_missed(&missed),
                Finding::Reading(reading) => {
                    let age = Duration::try_from(now.duration_since(reading.read_at));
                    if age.unwrap_or_default() < RECALL_WINDOW {
                        let _ = self.readings.send(reading).await;
                    }
                }
            }
        }
        if let Some(evidence) = evidence {
            evidence.retain(|check| {
                let age = Duration::try_from(now.duration_since(check.slot_at));
                age.is_ok_and(|age| age < RECALL_WINDOW)
            });
            evidence.drain(..evidence.len().saturating_sub(MOST_EVIDENCE));
        }
    }

    /// Revises history from `from` on with what a location found. Whatever stops it in between, it
    /// is done once more: that changes nothing twice. False when it could not be done.
    async fn settle(&self, location: &LocationId, from: Timestamp) -> bool {
        let done = self.revise_all(location, from).await;
        if let Err(error) = &done {
            tracing::error!(%location, "history is not revised, and will be later: {error:#}");
        }
        (self.changed)();
        done.is_ok()
    }

    async fn revise_all(&self, location: &LocationId, from: Timestamp) -> anyhow::Result<()> {
        // Looked up before the ledger is: what comes after this waits for the next time.
        let late = deliveries::late(&self.store, location).await;
        let late = late.context("looking up what came late")?;
        let from = late.map_or(from, |late| late.from.min(from));
        let now = self.clock.now();
        tracing::info!(%location, %from, "checks that came late complete the record");
        let targets = Arc::clone(&self.targets.borrow());
        for target in targets.iter().filter(|target| target.location(location).is_some()) {
            self.revise(target, location, (from, now)).await?;
        }
        if let Some(late) = late {
            let settled = deliveries::settled(&self.store, location, late).await;
            settled.context("noting that it is done")?;
        }
        Ok(())
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
            let checks = recall::checks(&self.store, &range).await.context("reading the ledger")?;
            // A busy hour of thousands of probes takes a while, and no page may wait for that.
            let judging = tokio::task::spawn_blocking(move || {
                checks.iter().for_each(|check| hindsight.take(check));
                hindsight
            });
            hindsight = judging.await.context("judging anew")?;
            piece = end;
        }
        let known = detection::outages(&self.store, begin, to).await.context("reading outages")?;
        let stretch = Stretch { target, location, from, to };
        let revision = stretch.revision(hindsight.finish(to), &known);
        detection::revise(&self.store, &target.id, (from, to), &revision, to)
            .await
            .context("revising history")?;
        // What detection holds open goes on from there.
        let open = |id: &OutageId| known.iter().any(|one| one.id == *id && one.ended_at.is_none());
        for (id, by) in revision.wider.into_iter().filter(|(id, _)| open(id)) {
            let _ = self.words.send(Word::Earlier(id, by.began_at)).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::SignedDuration;

    use super::*;
    use crate::domain::agent::Numbered;
    use crate::domain::check::{CheckKind, Evidence, FailureReason, Outcome};
    use crate::domain::ids::{CohortId, StepId};
    use crate::domain::outage::{DetectionEvent, Outage, OutageChange};
    use crate::domain::verdict::{Scope, Verdict};
    use crate::store::deliveries::Handed;
    use crate::telemetry::labels::LabelSets;

    /// The stretch that comes late, the outage in it, and how often its probes ran, in seconds.
    const STRETCH: i64 = 3_600;
    const FAILING: std::ops::Range<i64> = 1_200..1_500;
    const INTERVAL: i64 = 10;

    struct Rig {
        settling: Settling,
        words: mpsc::Receiver<Word>,
        target: Arc<Target>,
        _folder: tempfile::TempDir,
    }

    fn noarlunga() -> LocationId {
        LocationId::new("noarlunga").unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_677_661_200 + second).unwrap()
    }

    impl Rig {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
            let here = noarlunga();
            agents::invite(&store, &here, "token", at(3_600)).await.unwrap();
            agents::enrol(&store, "token", (&here, "01", at(STRETCH * 9)), at(0)).await.unwrap();
            let text = include_str!("../../../probes/c3ms.yaml");
            let target = Arc::new(crate::config::probes::read("c3ms.yaml", text).unwrap());
            let (words, heard) = mpsc::channel(64);
            let settling = Settling {
                store,
                clock: Clock::manual(at(STRETCH)),
                metrics: Arc::new(Metrics::new(&LabelSets::default()).unwrap()),
                targets: watch::channel(Arc::new(vec![Arc::clone(&target)])).1,
                words,
                readings: mpsc::channel(8).0,
                changed: Arc::new(|| {}),
            };
            Self { settling, words: heard, target, _folder: folder }
        }

        /// What every probe there found at this second.
        fn found(&self, second: i64) -> Vec<Finding> {
            let failed = FAILING.contains(&second);
            let here = noarlunga();
            let probes = self.target.probes.iter().filter(|one| one.locations.contains(&here));
            let check = |probe: &Arc<crate::domain::target::Probe>| Finding::Check {
                check: Check {
                    target: probe.target.clone(),
                    probe: probe.id.clone(),
                    location: here.clone(),
                    kind: CheckKind::Slot,
                    slot_at: at(second),
                    finished_at: at(second),
                    latency_ms: 20,
                    outcome: match failed {
                        true => Outcome::Failed(FailureReason::Status),
                        false => Outcome::Passed,
                    },
                    steps: Vec::new(),
                    evidence: failed.then(|| Evidence {
                        step: Some(StepId::new("sign-in").unwrap()),
                        address: None,
                        detail: "expected status 200 and got 503".to_owned(),
                    }),
                },
                interval_us: INTERVAL * 1_000_000,
            };
            probes.map(check).collect()
        }

        /// What these seconds found is durable, as a delivery makes it.
        async fn take(&self, seconds: std::ops::Range<i64>, is_late: bool) -> Delivered {
            let late_from = is_late.then(|| at(seconds.start));
            let spool = seconds.start.to_string();
            let seconds = seconds.step_by(usize::try_from(INTERVAL).unwrap());
            let found = seconds.flat_map(|second| self.found(second));
            let findings: Vec<Numbered> =
                (1..).zip(found).map(|(number, finding)| Numbered { number, finding }).collect();
            let last = findings.last().unwrap().number;
            let handed = Handed { findings: findings.clone(), last, dropped: 0, late_from };
            let here = noarlunga();
            let store = &self.settling.store;
            deliveries::take(store, (&here, &spool), handed, at(STRETCH)).await.unwrap();
            Delivered { location: here, findings, behind: 0, dropped: 0, late_from, refused: 0 }
        }

        async fn outages(&self) -> Vec<Outage> {
            detection::outages(&self.settling.store, at(0), at(STRETCH)).await.unwrap()
        }

        async fn verdicts(&self) -> Vec<(String, Verdict, Timestamp)> {
            let store = &self.settling.store;
            let all = detection::verdict_changes(store, &self.target.id, at(0), at(STRETCH)).await;
            let all = all.unwrap().into_iter();
            all.map(|one| (one.cohort.to_string(), one.to, one.since)).collect()
        }

        /// An outage that was known while Noarlunga's line was cut.
        async fn known(&self, cohort: &str, began: i64, ended: Option<i64>) -> Outage {
            let scope = Scope {
                cohorts: BTreeSet::from([CohortId::new(cohort).unwrap()]),
                everyone: false,
                probes: BTreeSet::new(),
                step: None,
                site_network: false,
            };
            let outage = Outage {
                id: OutageId(format!("c3ms-{began}")),
                target: self.target.id.clone(),
                verdict: Verdict::Down,
                sentence: scope.sentence(Verdict::Down, &self.target.titles()),
                scope,
                began_at: at(began),
                detected_at: at(began + 5),
                ended_at: None,
                head_count: 1,
                locations: BTreeSet::new(),
                failures: 3,
                failures_explained: 3,
                confirmations: 0,
                widest: None,
            };
            let began = (OutageChange::Began, outage.clone());
            let ended = ended.map(|ended| {
                let outage = Outage { ended_at: Some(at(ended)), ..outage.clone() };
                (OutageChange::Ended, outage)
            });
            self.say([began].into_iter().chain(ended)).await;
            outage
        }

        async fn say(&self, said: impl IntoIterator<Item = (OutageChange, Outage)>) {
            let events = said.into_iter();
            let events: Vec<_> =
                events.map(|(change, outage)| DetectionEvent::Outage { change, outage }).collect();
            detection::record(&self.settling.store, &events, at(STRETCH)).await.unwrap();
        }
    }

    fn near(one: Timestamp, second: i64) -> bool {
        one.duration_since(at(second)).abs() <= SignedDuration::from_secs(2 * INTERVAL)
    }

    #[tokio::test]
    async fn an_outage_of_late_checks_is_history_with_the_step_it_failed_at() {
        let mut rig = Rig::new().await;
        rig.take(0..STRETCH, true).await;
        assert!(rig.settling.settle(&noarlunga(), at(0)).await);
        let outages = rig.outages().await;
        let [outage] = &outages[..] else { panic!("{outages:?}") };
        assert_eq!(outage.scope.step, Some(StepId::new("sign-in").unwrap()), "{outage:?}");
        assert!(near(outage.began_at, FAILING.start), "{outage:?}");
        assert!(near(outage.ended_at.unwrap(), FAILING.end), "{outage:?}");
        assert_eq!(outage.detected_at, at(STRETCH), "when it became known");
        assert!(rig.words.try_recv().is_err(), "nobody is told");
    }

    #[tokio::test]
    async fn what_is_done_again_after_a_kill_changes_nothing_and_loses_nothing() {
        let rig = Rig::new().await;
        rig.take(0..STRETCH / 2, true).await;
        let here = noarlunga();
        // History is revised with what there is; then the hub dies before it is noted.
        rig.settling.revise(&rig.target, &here, (at(0), at(STRETCH))).await.unwrap();
        let (outages, verdicts) = (rig.outages().await, rig.verdicts().await);
        assert_eq!(outages.len(), 1);
        // It is up again, more comes late while the rest is done anew, and it dies once more.
        let due = rig.settling.left_over().await;
        assert_eq!(due, [(here.clone(), at(0))]);
        let late = deliveries::late(&rig.settling.store, &here).await.unwrap().unwrap();
        rig.take(STRETCH / 2..STRETCH, true).await;
        deliveries::settled(&rig.settling.store, &here, late).await.unwrap();
        let due = rig.settling.left_over().await;
        assert_eq!(due, [(here.clone(), at(0))], "the second half waits still");
        assert!(rig.settling.settle(&here, at(0)).await);
        assert_eq!(rig.settling.left_over().await, []);
        assert_eq!(rig.outages().await, outages);
        assert_eq!(rig.verdicts().await[..verdicts.len()], verdicts);
        rig.settling.store.close().await;
        assert!(!rig.settling.settle(&here, at(0)).await, "to be done later");
    }

    #[tokio::test]
    async fn a_late_outage_widens_the_one_that_was_known() {
        let mut rig = Rig::new().await;
        let known = rig.known("noarlunga", 1_300, Some(1_400)).await;
        rig.take(0..STRETCH, true).await;
        assert!(rig.settling.settle(&noarlunga(), at(0)).await);
        let outages = rig.outages().await;
        let [outage] = &outages[..] else { panic!("{outages:?}") };
        assert_eq!((&outage.id, outage.detected_at), (&known.id, known.detected_at));
        assert!(near(outage.began_at, FAILING.start), "{outage:?}");
        assert!(near(outage.ended_at.unwrap(), FAILING.end), "{outage:?}");
        assert!(rig.words.try_recv().is_err(), "nobody is told");
    }

    #[tokio::test]
    async fn two_known_outages_that_were_one_meet_and_do_not_overlap() {
        let rig = Rig::new().await;
        rig.known("noarlunga", 1_250, Some(1_300)).await;
        rig.known("noarlunga", 1_400, Some(1_450)).await;
        rig.take(0..STRETCH, true).await;
        assert!(rig.settling.settle(&noarlunga(), at(0)).await);
        let outages = rig.outages().await;
        let [first, second] = &outages[..] else { panic!("{outages:?}") };
        assert!(near(first.began_at, FAILING.start), "{first:?}");
        assert_eq!((first.ended_at, second.began_at), (Some(at(1_400)), at(1_400)));
        assert!(near(second.ended_at.unwrap(), FAILING.end), "{second:?}");
    }

    #[tokio::test]
    async fn an_open_outage_began_earlier_and_goes_on() {
        let mut rig = Rig::new().await;
        let known = rig.known("noarlunga", 1_400, None).await;
        rig.take(0..STRETCH, true).await;
        assert!(rig.settling.settle(&noarlunga(), at(0)).await);
        let Ok(Word::Earlier(id, began_at)) = rig.words.try_recv() else { panic!("not told") };
        assert_eq!(id, known.id);
        assert!(near(began_at, FAILING.start), "{began_at}");
        // What detection said before it heard of that does not take it back.
        rig.say([(OutageChange::Changed, known.clone())]).await;
        let outages = rig.outages().await;
        let [outage] = &outages[..] else { panic!("{outages:?}") };
        assert_eq!((outage.began_at, outage.ended_at), (began_at, None));
        assert_eq!(outage.scope, known.scope, "how far it reaches is detection's to say");
    }

    #[tokio::test]
    async fn late_checks_are_evidence_once_and_before_what_comes_after_them() {
        let rig = Rig::new().await;
        // The second half is there by the time it has caught up; another settling follows.
        let mut first = rig.take(0..STRETCH - 300, true).await;
        first.behind = 1;
        let second = rig.take(STRETCH - 300..STRETCH - 20, true).await;
        let fresh = rig.take(STRETCH - 20..STRETCH - 10, false).await;
        let again = rig.take(STRETCH - 10..STRETCH, true).await;
        let count = |from| fresh.findings.len() * usize::try_from((STRETCH - from) / 10).unwrap();
        let Rig { settling, mut words, _folder, target } = rig;
        let store = settling.store.clone();
        let (deliver, deliveries) = mpsc::channel(4);
        for one in [first, second, fresh.clone(), again.clone()] {
            deliver.send(one).await.unwrap();
        }
        let running = tokio::spawn(settling.run(deliveries));
        let Some(Word::Recalled(recalled)) = words.recv().await else { panic!("fresh first") };
        let oldest = STRETCH - 590;
        assert_eq!(recalled.iter().map(|check| check.slot_at).min(), Some(at(oldest)), "history");
        assert_eq!(recalled.len(), count(oldest) - count(STRETCH - 20), "each once");
        assert!(recalled.is_sorted_by_key(|check| check.slot_at));
        for one in &fresh.findings {
            let Some(Word::Check(check)) = words.recv().await else { panic!("not fresh") };
            assert_eq!(Finding::Check { check, interval_us: INTERVAL * 1_000_000 }, one.finding);
        }
        let Some(Word::Recalled(recalled)) = words.recv().await else { panic!("not recalled") };
        assert_eq!(recalled.len(), again.findings.len(), "and nothing of before");
        while deliveries::late(&store, &noarlunga()).await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
        let outages = detection::outages(&store, at(0), at(STRETCH)).await.unwrap();
        assert_eq!(outages.len(), 1, "{} {outages:?}", target.id);
        drop(deliver);
        running.await.unwrap();
        assert!(words.recv().await.is_none(), "history is no evidence");
    }
}
