//! What stands behind a probe's verdict: its rules, what was found lately, what would change it.
//!
//! It reads the record beside a service that runs, replays what is recorded through the code that
//! detects, and changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;

use crate::config::installation::Installation;
use crate::detection::forecast::{Forecast, Turn, forecast};
use crate::detection::{Input, State};
use crate::domain::check::Outcome;
use crate::domain::ids::{CohortId, LocationId, ProbeId, TargetId};
use crate::domain::outage::Outage;
use crate::domain::step::{Effect, Step};
use crate::domain::target::{Probe, ProbeKind, Target, Weight};
use crate::domain::verdict::Verdict;
use crate::probing::schedule::Slots;
use crate::store::ledger::{Range, Recorded};
use crate::store::{Store, detection, ledger, recall};

/// Samples a track looks back on at the most, and the least and most time that is replayed.
const SAMPLES: u32 = 64;
const LEAST_REPLAYED: Duration = Duration::from_secs(600);
const MOST_REPLAYED: Duration = Duration::from_secs(2 * 86_400);
/// Failures whose evidence is shown for a location.
const FAILURES_SHOWN: u32 = 3;

/// All there is to say of a probe.
#[derive(Debug, Serialize)]
pub struct Explanation {
    pub target: TargetId,
    pub probe: ProbeId,
    pub title: String,
    pub kind: &'static str,
    pub weight: &'static str,
    pub interval_s: f64,
    pub timeout_s: f64,
    pub availability_percent: Option<f64>,
    pub latency_s: Option<f64>,
    pub steps: Vec<StepFacts>,
    /// How many locations it runs at, asked for or not.
    pub all_locations: usize,
    pub forecast: Forecast,
    /// By chance alone, at all of its locations together.
    pub false_outages_a_year: f64,
    /// Whether a service has recorded anything here.
    pub recorded: bool,
    pub locations: Vec<At>,
    pub cohorts: Vec<CohortStanding>,
    pub open_outages: Vec<Outage>,
}

#[derive(Debug, Serialize)]
pub struct StepFacts {
    pub id: String,
    pub kind: &'static str,
    pub effect: &'static str,
}

/// The probe at one location.
#[derive(Debug, Serialize)]
pub struct At {
    pub location: LocationId,
    pub title: String,
    pub next_slot_at: Timestamp,
    /// None when nothing is recorded of it.
    pub seen: Option<Seen>,
}

/// What was found there lately.
#[derive(Debug, Serialize)]
pub struct Seen {
    pub verdict: Verdict,
    pub since: Timestamp,
    pub last_at: Timestamp,
    pub checks: usize,
    /// How they ended, as in `failed (timeout)`.
    pub outcomes: BTreeMap<String, u32>,
    pub failed_in_a_row: u32,
    /// The latest first.
    pub failures: Vec<Failure>,
    pub turns: Vec<Turn>,
}

#[derive(Debug, Serialize)]
pub struct Failure {
    pub at: Timestamp,
    pub step: Option<String>,
    pub detail: String,
}

/// The target's verdict for a cohort that this probe speaks for.
#[derive(Debug, Serialize)]
pub struct CohortStanding {
    pub cohort: CohortId,
    pub title: String,
    pub verdict: Verdict,
    pub since: Timestamp,
    pub detected_at: Timestamp,
    /// What this probe alone says.
    pub probe_verdict: Verdict,
}

/// Explains a probe, at one of its locations or at all of them.
///
/// # Errors
/// When the record cannot be read.
pub async fn explain(
    service: &Installation,
    target: &Target,
    probe: &Arc<Probe>,
    only: Option<&LocationId>,
    now: Timestamp,
) -> anyhow::Result<Explanation> {
    let wanted = |location: &&LocationId| only.is_none_or(|only| only == *location);
    let wanted: Vec<&LocationId> = probe.locations.iter().filter(wanted).collect();
    let first = wanted.first().context("the probe runs nowhere")?;
    let forecast = forecast(target, probe, first);
    let places = u32::try_from(probe.locations.len()).unwrap_or(u32::MAX);
    let mut explanation = Explanation {
        target: target.id.clone(),
        probe: probe.id.clone(),
        title: probe.title.clone(),
        kind: match probe.kind {
            ProbeKind::Journey => "journey",
            ProbeKind::Feed => "feed",
            ProbeKind::Signal => "signal",
        },
        weight: match probe.weight {
            Weight::Essential => "essential",
            Weight::Supporting => "supporting",
        },
        interval_s: probe.interval.as_secs_f64(),
        timeout_s: probe.timeout.as_secs_f64(),
        availability_percent: probe.objectives.availability.map(|share| share * 100.0),
        latency_s: probe.objectives.latency.map(|latency| latency.as_secs_f64()),
        steps: probe.steps.iter().chain(&probe.finally).map(facts).collect(),
        all_locations: probe.locations.len(),
        false_outages_a_year: forecast.false_alarms.a_year * f64::from(places),
        forecast,
        recorded: false,
        locations: Vec::new(),
        cohorts: Vec::new(),
        open_outages: Vec::new(),
    };
    let database = service.data.join("holdfast.db");
    let store = match database.exists() {
        true => Some(Store::open(&database).await.context("opening the record")?),
        false => None,
    };
    let replayed = match &store {
        Some(store) => Some(replay(store, target, probe, now).await?),
        None => None,
    };
    for location in wanted {
        let seen = match (&store, &replayed) {
            (Some(store), Some(replayed)) => replayed.seen(store, probe, location, now).await?,
            _ => None,
        };
        explanation.locations.push(At {
            location: location.clone(),
            title: target.location(location).map_or_else(String::new, |it| it.title.clone()),
            next_slot_at: Slots::of(probe, location).after(now),
            seen,
        });
    }
    if let (Some(store), Some(replayed)) = (&store, &replayed) {
        explanation.recorded = true;
        standings(&mut explanation, store, target, &replayed.state, probe).await?;
        store.close().await;
    }
    Ok(explanation)
}

fn facts(step: &Step) -> StepFacts {
    let effect = match step.effect {
        Effect::Read => "read",
        Effect::Write => "write",
        Effect::Compensate => "compensate",
    };
    StepFacts { id: step.id.to_string(), kind: step.action.kind(), effect }
}

/// What is recorded of a probe, taken in as it was when it happened.
struct Replayed {
    state: State,
    checks: Vec<Recorded>,
    from: Timestamp,
}

async fn replay(
    store: &Store,
    target: &Target,
    probe: &Arc<Probe>,
    now: Timestamp,
) -> anyhow::Result<Replayed> {
    let back = (probe.interval * SAMPLES).clamp(LEAST_REPLAYED, MOST_REPLAYED);
    let from = now.checked_sub(back).unwrap_or(now);
    let alone = Target { probes: vec![Arc::clone(probe)], ..target.clone() };
    let mut state = State::new(Arc::new(alone), BTreeMap::new(), Vec::new());
    let (target, probe) = (Some(target.id.clone()), Some(probe.id.clone()));
    let range = Range { target, probe, location: None, from, to: now };
    let checks = ledger::range(store, &range).await.context("reading recent checks")?;
    for recorded in &checks {
        // Silence counted while it lasted.
        state.advance(Input::Tick, recorded.slot_at);
        state.recall(&recall::check(recorded.clone(), None));
    }
    state.advance(Input::Tick, now);
    Ok(Replayed { state, checks, from })
}

impl Replayed {
    async fn seen(
        &self,
        store: &Store,
        probe: &Probe,
        location: &LocationId,
        now: Timestamp,
    ) -> anyhow::Result<Option<Seen>> {
        let checks: Vec<&Recorded> =
            self.checks.iter().filter(|check| check.location == *location).collect();
        let (Some(last), Some(post)) = (checks.last(), self.state.seen(&probe.id, location)) else {
            return Ok(None);
        };
        let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
        for check in &checks {
            let reason = check.outcome.reason().map(|why| format!(" ({why})")).unwrap_or_default();
            *outcomes.entry(check.outcome.class().to_owned() + &reason).or_default() += check.slots;
        }
        let range = Range {
            target: Some(probe.target.clone()),
            probe: Some(probe.id.clone()),
            location: Some(location.clone()),
            from: self.from,
            to: now,
        };
        let detailed = ledger::latest_detailed(store, &range, true, FAILURES_SHOWN).await;
        let failures = detailed.context("reading evidence")?.into_iter().filter_map(|one| {
            let evidence =
                one.evidence.filter(|_| matches!(one.check.outcome, Outcome::Failed(_)))?;
            let step = evidence.step.map(|step| step.to_string());
            Some(Failure { at: one.check.slot_at, step, detail: evidence.detail })
        });
        Ok(Some(Seen {
            verdict: post.verdict,
            since: post.since,
            last_at: last.slot_at,
            checks: checks.len(),
            outcomes,
            failed_in_a_row: post.failed_in_a_row,
            failures: failures.collect(),
            turns: post.turns,
        }))
    }
}

/// The verdicts in force for whom the probe speaks, and the outages that name it.
async fn standings(
    explanation: &mut Explanation,
    store: &Store,
    target: &Target,
    state: &State,
    probe: &Probe,
) -> anyhow::Result<()> {
    let asked = |cohort: &LocationId| explanation.locations.iter().any(|at| at.location == *cohort);
    let cohorts: Vec<_> = target
        .cohorts
        .iter()
        .filter(|cohort| cohort.sees(probe) && cohort.locations.iter().any(asked))
        .collect();
    for standing in detection::standings(store).await.context("reading verdicts")? {
        let cohort = cohorts.iter().find(|cohort| cohort.id == standing.cohort);
        let Some(cohort) = cohort.filter(|_| standing.target == target.id) else { continue };
        explanation.cohorts.push(CohortStanding {
            cohort: cohort.id.clone(),
            title: cohort.title.clone(),
            verdict: standing.verdict,
            since: standing.since,
            detected_at: standing.detected_at,
            probe_verdict: state.probe_standing(cohort, probe).verdict,
        });
    }
    let open = detection::open_outages(store).await.context("reading outages")?;
    explanation.open_outages = open
        .into_iter()
        .filter(|outage| {
            let probes = &outage.scope.probes;
            outage.target == target.id
                && (probes.is_empty() || probes.contains(&probe.id))
                && cohorts.iter().any(|cohort| outage.scope.cohorts.contains(&cohort.id))
        })
        .collect();
    Ok(())
}
