//! `/ops/outages/{id}`: the sentence, the timeline, checks by location, and the evidence.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::IntoResponse;
use jiff::Timestamp;

use crate::domain::check::Outcome;
use crate::domain::outage::{Outage, OutageChange, OutageId, VerdictChange};
use crate::domain::target::Target;
use crate::domain::verdict::Verdict;
use crate::store::ledger::{self, Detailed, Range, Recorded};
use crate::store::{detection, staff_reports};

use super::super::Web;
use super::super::error::WebError;
use super::super::gate::Visitor;
use super::super::layout::{Layout, Section, page};
use super::super::names::counted;
use super::super::states::State as Shown;
use super::super::times::{Moment, Times, in_words, latency};
use super::bands::{self, Band, Window};
use super::now::evidence_in_words;

/// Shown before it began and after it ended.
const MARGIN: Duration = Duration::from_mins(10);
/// Bands are of this much at most: the first hours tell what an outage is.
const BANDS_WINDOW: Duration = Duration::from_hours(3);
const BAND_CELLS: usize = 60;
/// Failed checks listed; the newest tell how it fails now.
const EVIDENCE_LISTED: usize = 40;
/// Read for that, since other offices' troubles stand between them.
const EVIDENCE_READ: u32 = 400;

/// A line of the timeline.
pub struct Happening {
    pub at: Moment,
    pub state: Shown,
    pub words: String,
}

/// A failed check.
pub struct Failure {
    pub at: Moment,
    pub location: String,
    pub probe: String,
    pub step: String,
    pub reason: &'static str,
    pub detail: String,
    pub address: String,
    pub took: String,
}

#[derive(Template)]
#[template(path = "web/ops/outage.html")]
struct OutagePage {
    layout: Layout,
    state: Shown,
    sentence: String,
    /// Title and words, in order.
    summary: Vec<(&'static str, String)>,
    bands: Vec<Band>,
    from: Moment,
    to: Moment,
    shortened: bool,
    happenings: Vec<Happening>,
    failures: Vec<Failure>,
}

pub(in crate::web) async fn outage(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, WebError> {
    let outage = detection::outage(&web.store, &OutageId(id))
        .await
        .map_err(WebError::internal)?
        .ok_or(WebError::NotFound("There is no outage of that number."))?;
    let targets = web.targets();
    let target = targets
        .iter()
        .find(|target| target.id == outage.target)
        .ok_or(WebError::NotFound("The outage is of a target that is no longer configured."))?;
    let times = web.times();
    let span = Span::of(&outage, times.now());
    let evidence = Evidence::read(&web, &outage, span).await?;
    let state = if outage.ended_at.is_some() { Shown::Working } else { outage.verdict.into() };
    page(&OutagePage {
        layout: web
            .layout(&title(&outage, target, &times), Section::Operations, &visitor)
            .at("/ops")
            .live(),
        state,
        sentence: outage.sentence.trim_end_matches('.').to_owned(),
        summary: summary(&outage, target, &times),
        bands: bands::by_location(target, &evidence.checks, span.window()),
        from: times.moment(span.from),
        to: times.moment(span.bands_to),
        shortened: span.bands_to < span.to,
        happenings: happenings(&evidence, target, &times),
        failures: evidence
            .failures
            .iter()
            .filter(|one| belongs(one, &outage))
            .take(EVIDENCE_LISTED)
            .map(|one| failure(one, target, &times))
            .collect(),
    })
}

/// "C3MS down since 09:31", "C3MS was down 09:31 to 10:02".
fn title(outage: &Outage, target: &Target, times: &Times) -> String {
    let how = Shown::from(outage.verdict).word().to_lowercase();
    let began = times.moment(outage.began_at).short();
    match outage.ended_at {
        None => format!("{} {how} since {began}", target.title),
        Some(end) => {
            format!("{}, over: {how} {began} to {}", target.title, times.moment(end).short())
        }
    }
}

/// The stretch of time the page shows.
#[derive(Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
    bands_to: Timestamp,
}

impl Span {
    fn of(outage: &Outage, now: Timestamp) -> Self {
        let from = outage.began_at.saturating_sub(MARGIN).unwrap_or(outage.began_at);
        let to = match outage.ended_at {
            Some(ended_at) => ended_at.saturating_add(MARGIN).unwrap_or(now).min(now),
            None => now,
        };
        let bands_to = from.saturating_add(BANDS_WINDOW).unwrap_or(to).min(to);
        Self { from, to, bands_to }
    }

    fn window(self) -> Window {
        Window { from: self.from, to: self.bands_to, cells: BAND_CELLS }
    }
}

/// Everything on record about the stretch.
struct Evidence {
    checks: Vec<Recorded>,
    failures: Vec<Detailed>,
    history: Vec<(Timestamp, OutageChange, Outage)>,
    verdicts: Vec<VerdictChange>,
    reports: Vec<staff_reports::StaffReport>,
}

impl Evidence {
    async fn read(web: &Web, outage: &Outage, span: Span) -> Result<Self, WebError> {
        let store = &web.store;
        let target = &outage.target;
        let range =
            |to| Range { target: Some(target.clone()), from: span.from, to, ..Range::default() };
        let read = async {
            let reports = staff_reports::between(store, span.from, span.to).await?;
            Ok::<_, crate::store::StoreError>(Self {
                checks: ledger::range(store, &range(span.bands_to)).await?,
                failures: ledger::latest_detailed(store, &range(span.to), true, EVIDENCE_READ)
                    .await?,
                history: detection::outage_history(store, &outage.id).await?,
                verdicts: detection::verdict_changes(store, target, span.from, span.to).await?,
                reports: reports
                    .into_iter()
                    .filter(|report| {
                        &report.target == target && outage.scope.cohorts.contains(&report.cohort)
                    })
                    .collect(),
            })
        };
        read.await.map_err(WebError::internal)
    }
}

fn summary(outage: &Outage, target: &Target, times: &Times) -> Vec<(&'static str, String)> {
    let moment = |at| times.moment(at);
    let whom: Vec<&str> = outage
        .scope
        .cohorts
        .iter()
        .filter_map(|id| target.cohort(id))
        .map(|cohort| cohort.title.as_str())
        .collect();
    let tasks: Vec<&str> = outage
        .scope
        .probes
        .iter()
        .filter_map(|id| target.probe(id))
        .map(|probe| probe.title.as_str())
        .collect();
    let delay = outage.detected_at.duration_since(outage.began_at).unsigned_abs();
    let mut lines = vec![
        (
            "Began",
            format!("{}, {}", moment(outage.began_at).to_the_second(), {
                moment(outage.began_at).full()
            }),
        ),
        (
            "Detected",
            format!("{}, {} later", moment(outage.detected_at).to_the_second(), in_words(delay)),
        ),
    ];
    lines.push(match outage.ended_at {
        Some(end) => {
            let lasted = in_words(end.duration_since(outage.began_at).unsigned_abs());
            ("Ended", format!("{}, after {lasted}", moment(end).full()))
        }
        None => ("Ended", format!("Not yet: it lasts {}", moment(outage.began_at).age())),
    });
    let everyone = if outage.scope.everyone { "Everyone: " } else { "" };
    lines.push(("For whom", format!("{everyone}{}", whom.join(", "))));
    let tasks = if tasks.is_empty() { "Every task".to_owned() } else { tasks.join("; ") };
    lines.push(("What", tasks));
    if let Some(step) = &outage.scope.step {
        lines.push(("At step", step.to_string()));
    }
    lines.push(("Evidence", evidence_in_words(outage)));
    lines
}

/// Verdicts, changes of the outage and staff reports, oldest first.
fn happenings(evidence: &Evidence, target: &Target, times: &Times) -> Vec<Happening> {
    let mut happenings: Vec<Happening> = Vec::new();
    let mut tell = |at: Timestamp, state: Shown, words: String| {
        happenings.push(Happening { at: times.moment(at), state, words });
    };
    for (_, change, outage) in &evidence.history {
        match change {
            OutageChange::Began => tell(
                outage.detected_at,
                outage.verdict.into(),
                format!("Detected: {}", outage.sentence),
            ),
            OutageChange::Changed => {}
            OutageChange::Ended => {
                let at = outage.ended_at.unwrap_or(outage.detected_at);
                tell(at, Shown::Working, "Over.".to_owned());
            }
        }
    }
    for (at, _, outage) in evidence.history.iter().filter(|one| one.1 == OutageChange::Changed) {
        tell(*at, outage.verdict.into(), format!("Now: {}", outage.sentence));
    }
    for change in &evidence.verdicts {
        let title = target
            .cohort(&change.cohort)
            .map_or_else(|| change.cohort.to_string(), |cohort| cohort.title.clone());
        let to = Shown::from(change.to);
        let words = format!("{title}: {}, before that {}.", to.word(), {
            Shown::from(change.from).word().to_lowercase()
        });
        tell(change.since, to, words);
    }
    if let (Some(first), Some(last)) = (evidence.reports.first(), evidence.reports.last()) {
        let until = times.moment(last.received_at).to_the_second();
        let words = match evidence.reports.len() {
            1 => "A member of staff reports it.".to_owned(),
            count => format!("First of {}; the last at {until}.", counted(count, "staff report")),
        };
        tell(first.received_at, Shown::Slow, words);
    }
    happenings.sort_by_key(|happening| happening.at.at());
    happenings
}

/// Whether a check is evidence for this outage and not for another one at the same time.
fn belongs(detailed: &Detailed, outage: &Outage) -> bool {
    let Recorded { location, probe, outcome, .. } = &detailed.check;
    let here = outage.locations.is_empty() || outage.locations.contains(location);
    let this = outage.scope.probes.is_empty() || outage.scope.probes.contains(probe);
    let so = matches!(outcome, Outcome::Failed(_))
        || (*outcome == Outcome::Slow && outage.verdict == Verdict::Slow);
    here && this && so
}

fn failure(detailed: &Detailed, target: &Target, times: &Times) -> Failure {
    let check = &detailed.check;
    let evidence = detailed.evidence.as_ref();
    Failure {
        at: times.moment(check.slot_at),
        location: target
            .location(&check.location)
            .map_or_else(|| check.location.to_string(), |location| location.title.clone()),
        probe: target
            .probe(&check.probe)
            .map_or_else(|| check.probe.to_string(), |probe| probe.title.clone()),
        step: evidence
            .and_then(|one| one.step.as_ref())
            .map_or_else(|| "before the first".to_owned(), ToString::to_string),
        reason: check.outcome.reason().unwrap_or_else(|| check.outcome.class()),
        detail: evidence.map_or_else(String::new, |one| one.detail.clone()),
        address: evidence
            .and_then(|one| one.address.clone())
            .unwrap_or_else(|| "none reached".to_owned()),
        took: latency(check.latency_ms.into()),
    }
}
