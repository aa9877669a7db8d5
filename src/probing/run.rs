//! One run of a probe at a location: its steps in order, `finally` steps always, one check.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::browser::Browsers;
use super::steps::capture::take;
use super::steps::expect::{Parsed, check};
use super::steps::http::Browser;
use super::steps::reach::Reach;
use super::steps::{
    Bearings, Fault, Findings, Hop, browser, dns, icmp, smtp, sql, tcp, timed_out, tls,
};
use super::tls::Tls;
use super::values::{Secrets, Values};
use crate::clock::{Clock, Stopwatch};
use crate::domain::check::{Check, CheckKind, Evidence, Outcome, StepTiming};
use crate::domain::ids::StepId;
use crate::domain::step::{Effect, Step, StepAction};
use crate::domain::target::{Location, Probe, Target};

/// What `finally` steps may take together; the main steps have the probe's timeout.
const FINALLY_TIMEOUT: Duration = Duration::from_secs(5);

/// What every run of a target's probes shares.
#[derive(Debug)]
pub struct Setting {
    pub target: Arc<Target>,
    pub secrets: Secrets,
    pub tls: Tls,
    pub browsers: Arc<Browsers>,
    pub clock: Clock,
    pub writes: Writes,
}

/// When a probe of a target may write: seldom, and only where it was allowed.
#[derive(Debug)]
pub struct Writes {
    interval: Option<Duration>,
    last_at: Mutex<Option<Timestamp>>,
}

impl Writes {
    /// At most one write in each `interval`; none at all without one.
    #[must_use]
    pub fn at_most_every(interval: Option<Duration>) -> Self {
        Self { interval, last_at: Mutex::new(None) }
    }

    /// Takes the turn to write, if there is one now.
    fn take(&self, clock: &Clock) -> bool {
        let Some(interval) = self.interval else { return false };
        let now = clock.now();
        let mut last_at = self.last_at.lock().unwrap_or_else(PoisonError::into_inner);
        let over = last_at.is_none_or(|last| {
            Duration::try_from(now.duration_since(last)).unwrap_or_default() >= interval
        });
        if over {
            *last_at = Some(now);
        }
        over
    }
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
    let (ended, mut steps) = journey(setting, probe, location, kind).await;
    let late_us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
    for step in &mut steps {
        step.offset_us = step.offset_us.saturating_add(late_us);
    }
    let latency = late + watch.elapsed();
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

type StepFault = (Option<StepId>, Fault);

/// A run under way: its browser, the values captured so far and the time its steps took.
struct Run<'a> {
    setting: &'a Setting,
    probe: &'a Probe,
    browser: Browser,
    reach: Reach,
    watch: Stopwatch,
    values: Values<'a>,
    timings: Vec<StepTiming>,
    /// Whether a step that writes was begun, so that there is something to take back.
    wrote: bool,
}

impl Run<'_> {
    async fn steps(&mut self, budget: Duration, steps: &[Step]) -> Result<(), StepFault> {
        let watch = Stopwatch::start();
        for step in steps {
            if step.effect == Effect::Compensate && !self.wrote {
                continue;
            }
            self.wrote |= step.effect == Effect::Write;
            let left = budget.saturating_sub(watch.elapsed());
            let started = Stopwatch::start();
            let mut hops = Vec::new();
            let ended = tokio::time::timeout(left, self.step(step, left, &mut hops)).await;
            let ended =
                ended.unwrap_or_else(|_| Err(timed_out(hops.last(), budget, started.elapsed())));
            self.timings.extend(hops.iter_mut().map(|hop| hop.timing(&step.id)));
            match ended {
                Ok(()) => {}
                Err(fault) => return Err((Some(step.id.clone()), fault)),
            }
        }
        Ok(())
    }

    async fn step(
        &mut self,
        step: &Step,
        budget: Duration,
        hops: &mut Vec<Hop>,
    ) -> Result<(), Fault> {
        if let StepAction::Http(request) = &step.action {
            let base_url = &self.setting.target.base_url;
            let answer = self.browser.request(base_url, request, &self.values, hops).await?;
            return judge(step, &Parsed::from(&answer), &mut self.values);
        }
        let watch = Stopwatch::start();
        // Apart on the heap: the largest kind of step would make every run as large.
        let mut findings = Box::pin(self.find_out(step, budget, hops)).await?;
        findings.took = watch.elapsed();
        judge(step, &Parsed::from(&findings), &mut self.values)
    }

    /// Runs a step of any kind but HTTP.
    async fn find_out(
        &self,
        step: &Step,
        budget: Duration,
        hops: &mut Vec<Hop>,
    ) -> Result<Findings, Fault> {
        let Setting { target, tls, clock, browsers, .. } = self.setting;
        let bearings = Bearings {
            reach: &self.reach,
            tls,
            base_url: &target.base_url,
            values: &self.values,
            clock,
            run: self.watch,
            budget,
        };
        match &step.action {
            // Its client is the run's own: see `step`.
            StepAction::Http(_) => Ok(Findings::default()),
            StepAction::Pause(length) => {
                tokio::time::sleep(*length).await;
                Ok(Findings::default())
            }
            StepAction::Tcp(dialogue) => tcp::converse(&bearings, dialogue, hops).await,
            StepAction::Tls(handshake) => tls::look(&bearings, handshake, hops).await,
            StepAction::Dns(question) => dns::ask(&bearings, question, hops).await,
            StepAction::Smtp(dialogue) => smtp::converse(&bearings, dialogue, hops).await,
            StepAction::Sql(query) => sql::query(&bearings, query, hops).await,
            StepAction::Icmp(echo) => icmp::echo(&bearings, echo, hops).await,
            StepAction::Browser(visit) => {
                let label = format!("{}-{}-{}", target.id, self.probe.id, step.id);
                browser::visit(&bearings, (browsers, &label), visit, hops).await
            }
        }
    }
}

/// Runs the steps, then the `finally` steps whatever came of them.
async fn journey(
    setting: &Setting,
    probe: &Probe,
    location: &Location,
    kind: CheckKind,
) -> (Result<(), StepFault>, Vec<StepTiming>) {
    let run_id = format!("{:032x}", rand::random::<u128>());
    let target = &setting.target;
    let reach =
        Reach { source_address: location.source_address, networks: Arc::clone(&target.networks) };
    let browser = Browser::new(reach.clone(), setting.tls.clone(), run_id.clone());
    let values = Values::new(&setting.secrets, run_id, setting.clock.now().to_string());
    let watch = Stopwatch::start();
    let timings = Vec::new();
    let mut run = Run { setting, probe, browser, reach, watch, values, timings, wrote: false };
    let writes = probe.steps.iter().any(|step| step.effect == Effect::Write);
    let may_write = writes && kind == CheckKind::Slot && setting.writes.take(&setting.clock);
    let main = run.steps(probe.timeout, steps_of(probe, may_write)).await;
    let last = run.steps(FINALLY_TIMEOUT, &probe.finally).await;
    if run.wrote
        && let Err((step, fault)) = &last
    {
        let step = step.as_ref().map_or("", StepId::as_str);
        let detail = &fault.detail;
        tracing::warn!(probe = %probe.id, step, detail, "a synthetic record may be left behind");
    }
    // What fails there after the journey failed is no news of the target.
    let ended = main.and(last);
    (ended, run.timings)
}

/// A run that may not write goes as far as it can without.
fn steps_of(probe: &Probe, may_write: bool) -> &[Step] {
    let write = probe.steps.iter().position(|step| step.effect != Effect::Read);
    match write {
        Some(write) if !may_write => &probe.steps[..write],
        _ => &probe.steps,
    }
}

fn judge(step: &Step, parsed: &Parsed<'_>, values: &mut Values<'_>) -> Result<(), Fault> {
    for expectation in &step.expectations {
        check(expectation, parsed, values)?;
    }
    for capture in &step.captures {
        let value = take(capture, parsed)?;
        values.keep(&capture.name, value);
    }
    Ok(())
}
