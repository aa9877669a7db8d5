//! One run of a probe at a location: its steps in order, `finally` steps always, one check.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::accounts::Accounts;
use super::browser::Browsers;
use super::readings::Readings;
use super::steps::Fault;
use super::steps::expect::{Parsed, check};
use super::steps::http::Browser;
use super::steps::reach::Reach;
use super::steps::until::as_one;
use super::steps::{Hop, timed_out};
use super::tls::Tls;
use super::values::Values;
use super::writes::{Pending, Writes};
use crate::clock::{Clock, Stopwatch};
use crate::domain::check::{Check, CheckKind, Evidence, InconclusiveReason, Outcome, StepTiming};
use crate::domain::ids::{LocationId, SignalId, StepId};
use crate::domain::step::{Effect, Step, StepAction, before_write};
use crate::domain::target::{Location, Probe, Target};
use crate::store::compensations::Planned;

/// What `finally` steps may take together; the main steps have the probe's timeout.
pub(super) const FINALLY_TIMEOUT: Duration = Duration::from_secs(5);
/// A run waits this long for our own disk.
const NOTE_TIMEOUT: Duration = Duration::from_secs(2);

/// What every run of a target's probes shares.
#[derive(Debug)]
pub struct Setting {
    pub target: Arc<Target>,
    pub accounts: Accounts,
    pub tls: Tls,
    pub browsers: Arc<Browsers>,
    pub clock: Clock,
    pub writes: Arc<Writes>,
    /// Where the numbers go that probes read.
    pub readings: Readings,
    /// Locations that are probed by somebody else.
    pub elsewhere: Arc<BTreeSet<LocationId>>,
}

/// Runs a probe once. `slot_at` is the intended start, from which latency counts.
pub async fn run(
    setting: &Setting,
    probe: &Probe,
    location: &Location,
    kind: CheckKind,
    slot_at: Timestamp,
) -> Check {
    let late = setting.clock.now().duration_since(slot_at);
    let late = Duration::try_from(late).unwrap_or_default();
    let watch = Stopwatch::start();
    let Ran { ended, mut steps, held, awaited, .. } =
        signed_in(setting, probe, location, kind).await;
    let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
    for step in &mut steps {
        step.offset_us = step.offset_us.saturating_add(late_us);
    }
    let latency = late + watch.elapsed().saturating_sub(held + awaited);
    let (outcome, evidence) = match ended {
        Ok(()) => match probe.objectives.latency {
            Some(objective) if latency > objective => (Outcome::Slow, None),
            _ => (Outcome::Passed, None),
        },
        Err((step, fault)) => {
            let evidence = Evidence { step, address: fault.address, detail: fault.detail };
            (fault.outcome, Some(evidence))
        }
    };
    Check {
        target: probe.target.clone(),
        probe: probe.id.clone(),
        location: location.id.clone(),
        kind,
        slot_at,
        finished_at: setting.clock.now(),
        latency_ms: u32::try_from(latency.as_millis()).unwrap_or(u32::MAX),
        outcome,
        steps,
        evidence,
    }
}

pub(super) type StepFault = (Option<StepId>, Fault);

/// What came of a run.
struct Ran {
    ended: Result<(), StepFault>,
    steps: Vec<StepTiming>,
    /// Time spent on our own disk, which says nothing of the target.
    held: Duration,
    /// Time spent waiting for a browser's turn, which neither does; the probe's own time goes on.
    awaited: Duration,
    entry: Entry,
}

/// What the target made of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// The run did not come to where that shows.
    Unknown,
    Accepted,
    Refused,
}

/// A run under way: its browser, the values captured so far and the time its steps took.
pub(super) struct Run<'a> {
    pub(super) setting: &'a Setting,
    pub(super) probe: &'a Probe,
    location: &'a Location,
    pub(super) browser: Browser,
    pub(super) reach: Reach,
    /// Since it began.
    pub(super) watch: Stopwatch,
    pub(super) values: Values<'a>,
    timings: Vec<StepTiming>,
    /// The numbers read so far.
    pub(super) numbers: BTreeMap<SignalId, f64>,
    may_write: bool,
    /// What was written and is not known to be taken back.
    pending: Option<Pending>,
    /// Whether steps that take back are run: there is something to take back.
    pub(super) takes_back: bool,
    taken_back: usize,
    /// A step that writes failed: it may still be carried out.
    write_failed: bool,
    /// Time spent on our own disk, or looking through large documents.
    pub(super) held: Duration,
    /// Time spent waiting for a browser's turn.
    pub(super) awaited: Duration,
    /// Which of the target's accounts it uses.
    account: usize,
    entry: Entry,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        setting: &'a Setting,
        probe: &'a Probe,
        location: &'a Location,
        (account, values): (usize, Values<'a>),
    ) -> Self {
        let networks = Arc::clone(&setting.target.networks);
        let reach = Reach { source_address: location.source_address, networks };
        let browser = Browser::new(reach.clone(), setting.tls.clone(), values.run_id().to_owned());
        Self {
            setting,
            probe,
            location,
            browser,
            reach,
            watch: Stopwatch::start(),
            values,
            timings: Vec::new(),
            numbers: BTreeMap::new(),
            may_write: false,
            pending: None,
            takes_back: false,
            taken_back: 0,
            write_failed: false,
            held: Duration::ZERO,
            awaited: Duration::ZERO,
            account,
            entry: Entry::Unknown,
        }
    }

    /// Runs steps in order within the budget. Ends without a fault before a write that may not
    /// be sent.
    pub(super) async fn steps(
        &mut self,
        budget: Duration,
        steps: &[Step],
    ) -> Result<(), StepFault> {
        let (watch, held) = (Stopwatch::start(), self.held);
        for step in steps {
            match step.effect {
                Effect::Write => match self.may_send(step).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(()),
                    Err(fault) => return Err((Some(step.id.clone()), fault)),
                },
                Effect::Compensate if !self.can_take_back(step) => continue,
                _ => {}
            }
            let spent = watch.elapsed().saturating_sub(self.held.saturating_sub(held));
            let left = budget.saturating_sub(spent);
            let started = Stopwatch::start();
            let mut hops = Vec::new();
            let ended = tokio::time::timeout(left, self.until(step, left, &mut hops)).await;
            let ended =
                ended.unwrap_or_else(|_| Err(timed_out(hops.last(), budget, started.elapsed())));
            let timings = hops.iter_mut().map(|hop| hop.timing(&step.id));
            if step.until.is_some() {
                self.timings.extend(as_one(&timings.collect::<Vec<_>>()));
            } else {
                self.timings.extend(timings);
            }
            match ended {
                Ok(()) => self.step_done(step).await,
                Err(fault) => {
                    self.write_failed |= step.effect == Effect::Write;
                    return Err((Some(step.id.clone()), fault));
                }
            }
        }
        Ok(())
    }

    /// Whether a step that writes may be sent: the first one of a run is noted on disk before.
    async fn may_send(&mut self, step: &Step) -> Result<bool, Fault> {
        if self.pending.is_some() || !self.may_write {
            return Ok(self.pending.is_some());
        }
        let planned = Planned {
            run: self.values.run_id().to_owned(),
            run_time: self.values.run_time().to_owned(),
            target: self.probe.target.clone(),
            probe: self.probe.id.clone(),
            location: self.location.id.clone(),
            step: step.id.clone(),
            account: u32::try_from(self.account).unwrap_or_default(),
            test_office: self.setting.writes.test_office().unwrap_or_default().to_owned(),
            planned_at: self.setting.clock.now(),
        };
        let watch = Stopwatch::start();
        let planning = self.setting.writes.plan(&planned).await;
        self.held += watch.elapsed();
        self.pending = planning?;
        self.takes_back = self.pending.is_some();
        Ok(self.takes_back)
    }

    /// Whether there is something to take back, and what that needs is known.
    fn can_take_back(&self, step: &Step) -> bool {
        let known = |name: &String| self.values.captured(name).is_some();
        self.takes_back && step.uses.captured.iter().all(known)
    }

    async fn step_done(&mut self, step: &Step) {
        if !step.account_refused.is_empty() {
            self.entry = Entry::Accepted;
        }
        if step.effect == Effect::Compensate {
            self.taken_back += 1;
        } else if let Some(pending) = &self.pending
            && !step.captures.is_empty()
        {
            let watch = Stopwatch::start();
            let captured = self.values.untainted(&kept_names(self.probe));
            noted(self.probe, "keeping what was captured", pending.keep(&captured)).await;
            self.held += watch.elapsed();
        }
    }

    /// What was written is settled when everything that takes it back was done, after a write
    /// that was carried out.
    async fn settle(&mut self) {
        let Some(pending) = self.pending.take() else { return };
        if self.write_failed || self.taken_back < taking_back(self.probe).count() {
            let probe = &self.probe.id;
            tracing::warn!(%probe, "a synthetic record was left behind: it will be taken back");
            return;
        }
        let watch = Stopwatch::start();
        let settling = pending.settle(self.setting.clock.now());
        noted(self.probe, "settling what was taken back", settling).await;
        self.held += watch.elapsed();
    }

    /// Notes it when a failed step's answer is what the file says a refused account gets.
    pub(super) fn note_refusal(&mut self, step: &Step, parsed: &Parsed<'_>) {
        let mut signs = step.account_refused.iter();
        if !step.account_refused.is_empty()
            && signs.all(|sign| check(sign, parsed, &self.values).is_ok())
        {
            self.entry = Entry::Refused;
        }
    }

    pub(super) async fn step(
        &mut self,
        step: &Step,
        budget: Duration,
        hops: &mut Vec<Hop>,
    ) -> Result<(), Fault> {
        match &step.action {
            StepAction::Http(request) => self.exchange(step, request, hops).await,
            // Apart on the heap: the largest kind of step would make every run as large.
            _ => Box::pin(self.look(step, budget, hops)).await,
        }
    }
}

/// Runs the journey with the account whose turn it is. When that is refused, another one says
/// whether it was the account or the target, in what is left of the probe's time.
async fn signed_in(setting: &Setting, probe: &Probe, location: &Location, kind: CheckKind) -> Ran {
    let (accounts, now) = (&setting.accounts, setting.clock.monotonic());
    let (account, watch) = (accounts.next(now), Stopwatch::start());
    let ran = journey(setting, (probe, probe.timeout), location, (kind, account)).await;
    match ran.entry {
        Entry::Unknown => return ran,
        Entry::Accepted => {
            accounts.accept(account);
            return ran;
        }
        Entry::Refused => {}
    }
    let detail = match accounts.other(account) {
        // Neither came in a moment ago: nobody does.
        Some(_) if accounts.alone(now).is_some() => return ran,
        Some(other) => {
            let left = probe.timeout.saturating_sub(watch.elapsed().saturating_sub(ran.held));
            // Rare, and so apart on the heap, like the steps that come last.
            let second = journey(setting, (probe, left), location, (kind, other));
            let second = Box::pin(second).await;
            match second.entry {
                Entry::Accepted => accounts.accept(other),
                Entry::Refused => {
                    accounts.refuse_all(account, now);
                    return ran;
                }
                Entry::Unknown => return ran,
            }
            format!("account {} was refused and another was not: see to it", account + 1)
        }
        None => "the only account was refused: see to it, and name a second one, so that this can \
                 be told from a failure"
            .to_owned(),
    };
    accounts.refuse(account, now);
    let step = ran.ended.err().and_then(|(step, _)| step);
    let fault = Fault::new(Outcome::Inconclusive(InconclusiveReason::Credentials), detail);
    Ran { ended: Err((step, fault)), ..ran }
}

/// Runs the steps within the time they have, then the `finally` steps whatever came of them.
async fn journey(
    setting: &Setting,
    (probe, budget): (&Probe, Duration),
    location: &Location,
    (kind, account): (CheckKind, usize),
) -> Ran {
    let run_id = format!("{:032x}", rand::random::<u128>());
    let secrets = setting.accounts.secrets(account);
    let values = Values::new(secrets, run_id, setting.clock.now().to_string())
        .within(setting.writes.test_office());
    let mut run = Run::new(setting, probe, location, (account, values));
    run.may_write = setting.writes.may_be_due(kind, &setting.clock);
    let main = run.steps(budget, &probe.steps).await;
    let told = run.tell_numbers(&main);
    let main = main.and(told).and(run.measured());
    let last = Box::pin(run.steps(FINALLY_TIMEOUT, &probe.finally)).await;
    run.settle().await;
    // What fails there after the journey failed is no news of the target.
    let Run { timings: steps, held, awaited, entry, .. } = run;
    Ran { ended: main.and(last), steps, held, awaited, entry }
}

/// Steps that take back what the probe writes.
pub(super) fn taking_back(probe: &Probe) -> impl Iterator<Item = &Step> {
    probe.all_steps().filter(|step| step.effect == Effect::Compensate)
}

/// The name of the one value by which the record is found again, when taking back needs it.
/// Everything else is had anew: sessions end, and what opens one is not written down.
fn kept_names(probe: &Probe) -> BTreeSet<String> {
    let found = probe.recover.last().map(|step| step.captures.as_slice());
    let Some([reference]) = found else { return BTreeSet::new() };
    let mut before = before_write(&probe.steps).iter().flat_map(|step| &step.captures);
    let needed = taking_back(probe).any(|step| step.uses.captured.contains(&reference.name));
    let kept = needed && before.all(|capture| capture.name != reference.name);
    kept.then(|| reference.name.clone()).into_iter().collect()
}

/// Waits for our own disk, with a bound; what it does not take the janitor finds out.
async fn noted(
    probe: &Probe,
    what: &str,
    noting: impl Future<Output = Result<(), crate::store::StoreError>>,
) {
    match tokio::time::timeout(NOTE_TIMEOUT, noting).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(probe = %probe.id, %error, "{what} failed"),
        Err(_) => tracing::error!(probe = %probe.id, "{what} took too long"),
    }
}
