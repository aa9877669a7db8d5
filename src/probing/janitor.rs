//! Takes back what a run wrote and could not take back itself: it was killed, its answer was lost,
//! or the target would not.
//!
//! It signs in as the probe does, finds the record by the lost run's id where its reference is not
//! known, takes it back and looks again. It tries for ever, ever less often; what is left behind
//! meanwhile is a metric whose objective is zero. It must not write anything new.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::run::{FINALLY_TIMEOUT, Run, Setting, StepFault, taking_back};
use super::values::Values;
use crate::domain::check::{FailureReason, Outcome};
use crate::domain::step::{Effect, StepAction, before_write};
use crate::domain::target::Probe;
use crate::store::compensations::{self, Compensation, SettledBy};
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;

/// How often it is looked whether something was left behind.
const ROUND_INTERVAL: Duration = Duration::from_secs(2);
/// The second attempt waits this long, each further one twice as long, up to the most.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const MOST_WAIT: Duration = Duration::from_secs(300);
/// A write whose answer was lost may still be carried out this long. That nothing is found, or
/// that taking back without looking went well, counts only after it.
const LATE_WRITE: SignedDuration = SignedDuration::from_mins(5);
/// Records that one run may have left behind; more are taken back in the next attempt.
const RECORDS_AN_ATTEMPT: usize = 5;

/// Sees to what probes of one target left behind.
#[derive(Debug)]
pub struct Janitor {
    setting: Arc<Setting>,
    store: Store,
    metrics: Arc<Metrics>,
    /// When each is tried next, monotonic.
    due: BTreeMap<i64, Duration>,
}

/// What came of looking for a record.
enum Found {
    There,
    Absent,
}

impl Janitor {
    #[must_use]
    pub fn new(setting: Arc<Setting>, store: Store, metrics: Arc<Metrics>) -> Self {
        Self { setting, store, metrics, due: BTreeMap::new() }
    }

    /// Whether there is anything for it to see to, now or later.
    #[must_use]
    pub fn is_needed(setting: &Setting, open: &[Compensation]) -> bool {
        let target = &setting.target;
        let writes = |probe: &Arc<Probe>| probe.steps.iter().any(|s| s.effect == Effect::Write);
        let may_write = setting.writes.test_office().is_some();
        open.iter().any(|one| one.planned.target == target.id)
            || (may_write && target.probes.iter().any(writes))
    }

    /// Goes round until it is dropped. Dropping it is safe at any moment: what it had not settled
    /// it begins again after the next start.
    pub async fn run(mut self) {
        loop {
            if let Err(error) = self.round().await {
                tracing::error!(%error, "what probes left behind cannot be told");
            }
            tokio::select! {
                () = self.setting.clock.sleep(ROUND_INTERVAL) => {}
                () = self.setting.writes.run_ended() => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        for one in self.open().await? {
            let now = self.setting.clock.monotonic();
            let waits = self.due.get(&one.id).is_some_and(|due| *due > now);
            if waits || self.setting.writes.is_under_way(&one.planned.run) {
                continue;
            }
            self.see_to(&one).await?;
        }
        let open = self.open().await?;
        self.due.retain(|id, _| open.iter().any(|one| one.id == *id));
        let now = self.setting.clock.now();
        let residual = open.iter().filter(|one| self.is_residual(one, now)).count();
        self.metrics.set_residual_records(&self.setting.target.id, residual);
        Ok(())
    }

    /// What is not known to be taken back, of this target.
    async fn open(&self) -> Result<Vec<Compensation>, StoreError> {
        let mut open = compensations::open(&self.store).await?;
        open.retain(|one| one.planned.target == self.setting.target.id);
        Ok(open)
    }

    /// Whether its run should have taken it back by now.
    fn is_residual(&self, one: &Compensation, now: Timestamp) -> bool {
        let probe = self.setting.target.probe(&one.planned.probe);
        let length = probe.map_or(Duration::ZERO, |probe| probe.timeout + FINALLY_TIMEOUT);
        let age = Duration::try_from(now.duration_since(one.planned.planned_at));
        age.unwrap_or_default() > length
    }

    async fn see_to(&mut self, one: &Compensation) -> Result<(), StoreError> {
        let (target, probe, run) = (&one.planned.target, &one.planned.probe, &one.planned.run);
        match self.take_back(one).await {
            Ok(by) => {
                compensations::settle(&self.store, one.id, by, self.setting.clock.now()).await?;
                tracing::info!(%target, %probe, run, ?by, "nothing of it is left behind");
            }
            Err(fault) => {
                let wait = FIRST_WAIT.saturating_mul(1 << one.attempts.min(16)).min(MOST_WAIT);
                self.due.insert(one.id, self.setting.clock.monotonic() + wait);
                let wait_s = wait.as_secs();
                tracing::warn!(%target, %probe, run, wait_s, fault, "still left behind");
                compensations::failed(&self.store, one.id, &fault).await?;
            }
        }
        Ok(())
    }

    /// One attempt. The error is a sentence without secrets and without what the target answered.
    async fn take_back(&self, one: &Compensation) -> Result<SettledBy, String> {
        let (setting, planned) = (&self.setting, &one.planned);
        let gone = || "its probe is no longer in its file: take it back by hand".to_owned();
        let probe = setting.target.probe(&planned.probe).ok_or_else(gone)?;
        if taking_back(probe).next().is_none() {
            return Err(gone());
        }
        let place = setting.target.location(&planned.location);
        let place = place.or_else(|| setting.target.location(probe.locations.first()?));
        let place = place.ok_or_else(gone)?;
        // The account that wrote; each further attempt takes the next one.
        let account = (planned.account as usize).wrapping_add(one.attempts as usize);
        let secrets = setting.accounts.secrets(account);
        let values = Values::new(secrets, planned.run.clone(), planned.run_time.clone())
            .within(Some(&planned.test_office));
        let mut run = Run::new(setting, probe, place, (account, values));
        let ended = attempt(&mut run, probe, one, setting.clock.now()).await;
        run.takes_back = false;
        if let Err(fault) = run.steps(FINALLY_TIMEOUT, &probe.finally).await {
            tracing::debug!(probe = %probe.id, fault = words(&fault), "after taking back");
        }
        ended
    }
}

async fn attempt(
    run: &mut Run<'_>,
    probe: &Probe,
    one: &Compensation,
    now: Timestamp,
) -> Result<SettledBy, String> {
    run.steps(probe.timeout, before_write(&probe.steps)).await.map_err(|fault| words(&fault))?;
    // What the answer gave shows that the write was carried out. It is tried once: it may not
    // hold any more.
    let is_given = one.attempts == 0 && !one.captured.is_empty();
    if is_given {
        for (name, value) in &one.captured {
            run.values.keep(name, value.clone());
        }
    }
    let mut needed = taking_back(probe).flat_map(|step| &step.uses.captured);
    if !is_given || !needed.all(|name| run.values.captured(name).is_some()) {
        let is_late = now.duration_since(one.planned.planned_at) > LATE_WRITE;
        let early = |what| format!("{what}; the write may still be carried out");
        if probe.recover.is_empty() {
            // Nobody can look: what is taken back once must be the last of it.
            is_late.then_some(()).ok_or_else(|| early("nothing says that it is there"))?;
        } else if matches!(find(run, probe).await?, Found::Absent) {
            let absent = is_late.then_some(SettledBy::Absent);
            return absent.ok_or_else(|| early("it is not there"));
        }
    }
    run.takes_back = true;
    let steps: Vec<_> = taking_back(probe).cloned().collect();
    for _ in 0..RECORDS_AN_ATTEMPT {
        let taken = run.steps(probe.timeout, &steps).await;
        if probe.recover.is_empty() {
            return taken.map(|()| SettledBy::Janitor).map_err(|fault| words(&fault));
        }
        // Whether it is gone the target says, not the answer to taking it back: an earlier
        // attempt may have been carried out, and a run may have left several.
        match (find(run, probe).await?, taken) {
            (Found::Absent, Ok(())) => return Ok(SettledBy::Janitor),
            (Found::Absent, Err(_)) => return Ok(SettledBy::Absent),
            (Found::There, Err(fault)) => return Err(words(&fault)),
            (Found::There, Ok(())) => {}
        }
    }
    Err("there is still a record of that run".to_owned())
}

/// Looks for a record of the lost run. That there is none is said by the last step, or by one that
/// searches by the run's id: by an answer that is as expected and from which nothing can be
/// captured.
async fn find(run: &mut Run<'_>, probe: &Probe) -> Result<Found, String> {
    match run.steps(probe.timeout, &probe.recover).await {
        Ok(()) => Ok(Found::There),
        Err(fault) if says_absent(probe, &fault) => Ok(Found::Absent),
        Err(fault) => Err(words(&fault)),
    }
}

fn says_absent(probe: &Probe, (step, fault): &StepFault) -> bool {
    let at = probe.recover.iter().position(|one| Some(&one.id) == step.as_ref());
    let Some(at) = at else { return false };
    let step = &probe.recover[at];
    // A request to a captured address that is none is not sent.
    let is_answered = fault.address.is_some() || !matches!(step.action, StepAction::Http(_));
    let nothing_captured = fault.outcome == Outcome::Failed(FailureReason::Capture);
    // A form that searching begins with may lack what it should have for any reason.
    let searches = step.uses.run_id && step.expects_of_page();
    nothing_captured && is_answered && (searches || at + 1 == probe.recover.len())
}

fn words((step, fault): &StepFault) -> String {
    let step = step.as_ref().map_or("before the first step", |step| step.as_str());
    format!("{step}: {}", fault.detail)
}
