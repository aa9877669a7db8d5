//! `/ops/probes`: what is probed, how the last runs went, and where each spent its time.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::IntoResponse;

use crate::domain::check::Outcome;
use crate::domain::ids::{ProbeId, TargetId};
use crate::domain::target::{Probe, ProbeKind, Target, Weight};
use crate::store::ledger::{self, Detailed, Range, Recorded};

use super::super::Web;
use super::super::error::WebError;
use super::super::gate::Visitor;
use super::super::layout::{Layout, Section, page};
use super::super::states::State as Shown;
use super::super::times::{Moment, Times, in_words, latency};
use super::bands::{self, Band, Window};
use super::waterfall::{self, Line};

/// How far back the list looks for a probe's last check.
const LIST_WINDOW: Duration = Duration::from_mins(30);
/// How far back a probe's own page looks.
const PROBE_WINDOW: Duration = Duration::from_hours(1);
const BAND_CELLS: usize = 60;
/// Runs shown as waterfalls.
const RUNS_SHOWN: u32 = 6;

/// A target with its probes.
pub struct Group {
    pub title: String,
    pub rows: Vec<Row>,
}

/// One probe of the list.
pub struct Row {
    pub address: String,
    pub title: String,
    pub about: String,
    pub last: Option<Last>,
    pub failures: String,
}

/// The last check of a probe.
pub struct Last {
    pub state: Shown,
    pub words: String,
    pub at: Moment,
}

#[derive(Template)]
#[template(path = "web/ops/probes.html")]
struct ProbesPage {
    layout: Layout,
    groups: Vec<Group>,
    count: usize,
}

pub(in crate::web) async fn list(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<impl IntoResponse, WebError> {
    let targets = web.targets();
    let times = web.times();
    let from = times.now().saturating_sub(LIST_WINDOW).unwrap_or(times.now());
    let to = times.now().saturating_add(Duration::from_secs(1)).unwrap_or(times.now());
    let checks = ledger::range(&web.store, &Range { from, to, ..Range::default() })
        .await
        .map_err(WebError::internal)?;
    let group = |target: &Arc<Target>| Group {
        title: target.title.clone(),
        rows: target.probes.iter().map(|probe| row(target, probe, &checks, &times)).collect(),
    };
    page(&ProbesPage {
        layout: web.layout("Probes", Section::Operations, &visitor).at("/ops/probes"),
        groups: targets.iter().map(group).collect(),
        count: targets.iter().map(|target| target.probes.len()).sum(),
    })
}

fn row(target: &Target, probe: &Probe, checks: &[Recorded], times: &Times) -> Row {
    let of_probe =
        || checks.iter().filter(|check| check.target == target.id && check.probe == probe.id);
    let run = of_probe().filter(|check| check.outcome != Outcome::Missed).count();
    let failed = of_probe().filter(|check| matches!(check.outcome, Outcome::Failed(_))).count();
    Row {
        address: format!("/ops/probes/{}/{}", target.id, probe.id),
        title: probe.title.clone(),
        about: about(probe),
        last: of_probe().next_back().map(|check| last(target, check, times)),
        failures: format!("{failed} of {run}"),
    }
}

/// "journey, essential, every 30 s, promised within 2 s".
fn about(probe: &Probe) -> String {
    let kind = match probe.kind {
        ProbeKind::Journey => "journey",
        ProbeKind::Feed => "feed",
        ProbeKind::Signal => "signal",
    };
    let weight = match probe.weight {
        Weight::Essential => "essential",
        Weight::Supporting => "supporting",
    };
    let promised = probe.objectives.latency.map_or_else(String::new, |length| {
        let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        format!(", promised within {}", latency(millis))
    });
    format!("{kind}, {weight}, every {}{promised}", in_words(probe.interval))
}

fn last(target: &Target, check: &Recorded, times: &Times) -> Last {
    let location = target
        .location(&check.location)
        .map_or_else(|| check.location.to_string(), |location| location.title.clone());
    Last {
        state: state(check.outcome),
        words: format!("{}, {location}", outcome_in_words(check)),
        at: times.moment(check.slot_at),
    }
}

fn state(outcome: Outcome) -> Shown {
    match outcome {
        Outcome::Passed => Shown::Working,
        Outcome::Slow => Shown::Slow,
        Outcome::Failed(_) => Shown::Down,
        Outcome::Inconclusive(_) | Outcome::Missed => Shown::NotKnown,
    }
}

/// "passed in 780 ms", "failed (timeout) after 10.0 s".
fn outcome_in_words(check: &Recorded) -> String {
    let took = latency(check.latency_ms.into());
    match check.outcome {
        Outcome::Passed => format!("passed in {took}"),
        Outcome::Slow => format!("slow, {took}"),
        Outcome::Missed => "missed".to_owned(),
        outcome => {
            let reason = outcome.reason().unwrap_or_default();
            format!("{} ({reason}) after {took}", outcome.class())
        }
    }
}

/// A run with its waterfall.
pub struct Run {
    pub state: Shown,
    pub title: String,
    pub at: Moment,
    pub lines: Vec<Line>,
    pub detail: Option<String>,
}

#[derive(Template)]
#[template(path = "web/ops/probe.html")]
struct ProbePage {
    layout: Layout,
    title: String,
    about: String,
    /// Title and words.
    summary: Vec<(&'static str, String)>,
    bands: Vec<Band>,
    from: Moment,
    runs: Vec<Run>,
}

pub(in crate::web) async fn probe(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path((target, probe)): Path<(TargetId, ProbeId)>,
) -> Result<impl IntoResponse, WebError> {
    let missing = || WebError::NotFound("There is no probe of that name.");
    let targets = web.targets();
    let target = targets.iter().find(|known| known.id == target).ok_or_else(missing)?;
    let probe = target.probe(&probe).ok_or_else(missing)?;
    let times = web.times();
    let from = times.now().saturating_sub(PROBE_WINDOW).unwrap_or(times.now());
    let to = times.now().saturating_add(Duration::from_secs(1)).unwrap_or(times.now());
    let range = Range {
        target: Some(target.id.clone()),
        probe: Some(probe.id.clone()),
        from,
        to,
        ..Range::default()
    };
    let checks = ledger::range(&web.store, &range).await.map_err(WebError::internal)?;
    let runs = ledger::latest_detailed(&web.store, &range, false, RUNS_SHOWN)
        .await
        .map_err(WebError::internal)?;
    page(&ProbePage {
        layout: web
            .layout(&format!("{}, {}", probe.title, target.title), Section::Operations, &visitor)
            .at("/ops/probes")
            .live(),
        title: probe.title.clone(),
        about: format!("{}: {}.", target.title, about(probe)),
        summary: summary(probe, &checks),
        bands: bands::by_location(target, &checks, Window { from, to, cells: BAND_CELLS }),
        from: times.moment(from),
        runs: runs.iter().map(|run| shown(target, run, &times)).collect(),
    })
}

/// The last hour in figures, quantiles from the checks themselves and never averaged.
fn summary(probe: &Probe, checks: &[Recorded]) -> Vec<(&'static str, String)> {
    let mut served: Vec<u32> = checks
        .iter()
        .filter(|check| matches!(check.outcome, Outcome::Passed | Outcome::Slow))
        .map(|check| check.latency_ms)
        .collect();
    served.sort_unstable();
    let quantile = |percent: usize| {
        let at = (served.len() * percent / 100).min(served.len().saturating_sub(1));
        served.get(at).map_or_else(|| "nothing passed".to_owned(), |ms| latency((*ms).into()))
    };
    let failed = checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed(_))).count();
    let missed: u32 = checks
        .iter()
        .filter(|check| check.outcome == Outcome::Missed)
        .map(|check| check.slots)
        .sum();
    let run = checks.iter().filter(|check| check.outcome != Outcome::Missed).count();
    vec![
        ("Checks", format!("{run} run, {failed} failed, {missed} missed")),
        ("Half took less than", quantile(50)),
        ("Nine in ten took less than", quantile(90)),
        ("99 in a hundred took less than", quantile(99)),
        ("Given up after", in_words(probe.timeout)),
    ]
}

fn shown(target: &Target, run: &Detailed, times: &Times) -> Run {
    let last = last(target, &run.check, times);
    Run {
        state: last.state,
        title: last.words,
        at: last.at,
        lines: waterfall::lines(&run.steps),
        detail: run.evidence.as_ref().map(|evidence| {
            let address = match run.check.outcome {
                // Nobody went anywhere.
                Outcome::Missed => return evidence.detail.clone(),
                _ => evidence.address.as_deref().unwrap_or("no address reached"),
            };
            format!("{} ({address})", evidence.detail)
        }),
    }
}
