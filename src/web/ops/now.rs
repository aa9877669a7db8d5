//! `/ops`: every target on one page, what is wrong with it in words, and whether we are well.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::IntoResponse;

use crate::domain::ids::CohortId;
use crate::domain::outage::Outage;
use crate::domain::target::Target;

use super::super::Web;
use super::super::error::WebError;
use super::super::gate::Visitor;
use super::super::history::{self, Stretch};
use super::super::layout::{Layout, Section, page};
use super::super::names::counted;
use super::super::picture::{Picture, Seen};
use super::super::states::State as Shown;
use super::super::strip::Strip;
use super::super::times::Times;
use super::copy::{self, CopyLine};
use super::figures::{self, Figures};
use super::numbers::{self, NumberLine};
use super::plans::{self, PlanLine, WaitingLine};

/// The strip of a row: three hours in cells of five minutes.
const STRIP_WINDOW: Duration = Duration::from_hours(3);
const STRIP_CELLS: usize = 36;

/// One open outage on top of the page.
pub struct OutageBanner {
    pub id: String,
    pub state: Shown,
    pub sentence: String,
    pub lines: Vec<String>,
}

/// One target.
pub struct TargetRow {
    pub title: String,
    /// In the order of the page's columns; none where the target has no such office or team.
    pub cells: Vec<Option<Cell>>,
    pub strip: Strip,
}

/// How a target stands for one office or team.
pub struct Cell {
    pub cohort: String,
    pub state: Shown,
    pub figure: String,
}

/// What staff say beside what the checks say.
pub struct ReportLine {
    pub title: String,
    pub state: Shown,
    pub words: String,
    pub disagrees: bool,
}

/// One line of "is Holdfast itself well".
pub struct WellLine {
    pub title: &'static str,
    pub state: Shown,
    pub words: String,
}

#[derive(Template)]
#[template(path = "web/ops/now.html")]
struct NowPage {
    layout: Layout,
    headline: String,
    banners: Vec<OutageBanner>,
    columns: Vec<String>,
    rows: Vec<TargetRow>,
    waiting: Vec<WaitingLine>,
    plans: Vec<PlanLine>,
    /// What would be missing on the worst day.
    overdue: Vec<String>,
    reports: Vec<ReportLine>,
    numbers: Vec<NumberLine>,
    copy: Vec<CopyLine>,
    well: Vec<WellLine>,
}

pub(in crate::web) async fn now(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<impl IntoResponse, WebError> {
    let targets = web.targets();
    let times = web.times();
    let seen = web.pages.pictures.see(&web.store, &targets, times.now()).await;
    let figures = Figures::read(&web.store, times.now()).await.unwrap_or_default();
    let picture = &seen.picture;
    let headline = headline(&targets, picture, &times);
    page(&NowPage {
        layout: web.layout(&headline, Section::Operations, &visitor).live(),
        headline,
        banners: picture
            .outages
            .iter()
            .map(|outage| banner(outage, &targets, picture, &times))
            .collect(),
        columns: columns(&targets).into_iter().map(|(_, title)| title).collect(),
        rows: targets
            .iter()
            .map(|target| row(target, &targets, picture, &figures, &times))
            .collect(),
        // Not being able to ask says so in "is Holdfast itself well".
        waiting: plans::waiting(&web, &visitor, &times).await.unwrap_or_default(),
        plans: picture.plans.iter().map(|plan| PlanLine::new(plan, &times)).collect(),
        overdue: plans::overdue(&web, times.now()),
        reports: reports(&targets, picture, &times),
        numbers: numbers::lines(&web, &targets, &times).await,
        copy: copy::lines(&web, &times).await,
        well: well(&targets, &seen, &figures, &times)
            .into_iter()
            .chain(web.agent_faults.borrow().iter().cloned().map(agent))
            .collect(),
    })
}

/// The page's title: the worst outage, or that there is none.
fn headline(targets: &[Arc<Target>], picture: &Picture, times: &Times) -> String {
    let Some(outage) = picture.outages.first() else {
        return match targets.len() {
            0 => "Nothing is watched yet".to_owned(),
            1 => "The target is served as expected".to_owned(),
            count => format!("All {count} targets are served as expected"),
        };
    };
    let title = targets
        .iter()
        .find(|target| target.id == outage.target)
        .map_or_else(|| outage.target.to_string(), |target| target.title.clone());
    let how = Shown::from(outage.verdict).word().to_lowercase();
    let more = match picture.outages.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    format!("{title} {how} since {}{more}", times.moment(outage.began_at).short())
}

fn banner(
    outage: &Outage,
    targets: &[Arc<Target>],
    picture: &Picture,
    times: &Times,
) -> OutageBanner {
    let began = times.moment(outage.began_at);
    let mut lines = vec![format!(
        "Began {} ({}), detected {}.",
        began.to_the_second(),
        began.relative(),
        times.moment(outage.detected_at).to_the_second()
    )];
    lines.push(evidence_in_words(outage));
    lines.extend(staff_in_words(outage, picture));
    if let Some(target) = targets.iter().find(|target| target.id == outage.target) {
        let reached: Vec<&str> = target
            .locations
            .iter()
            .filter(|location| !outage.locations.contains(&location.id))
            .map(|location| location.title.as_str())
            .collect();
        if !reached.is_empty() && !outage.locations.is_empty() {
            lines.push(format!("Not failing from: {}.", reached.join(", ")));
        }
    }
    OutageBanner {
        id: outage.id.to_string(),
        state: outage.verdict.into(),
        sentence: outage.sentence.trim_end_matches('.').to_owned(),
        lines,
    }
}

/// How much evidence there is, and how much of it the sentence explains.
pub(super) fn evidence_in_words(outage: &Outage) -> String {
    let locations = match outage.locations.len() {
        1 => "1 location".to_owned(),
        count => format!("{count} locations"),
    };
    format!(
        "For {} people. It explains {} of {} failures, {} of them confirmations, from {locations}.",
        outage.head_count, outage.failures_explained, outage.failures, outage.confirmations
    )
}

fn staff_in_words(outage: &Outage, picture: &Picture) -> Option<String> {
    let agree = outage
        .scope
        .cohorts
        .iter()
        .flat_map(|cohort| picture.reports_of(&outage.target, cohort))
        .count();
    match agree {
        0 => Some("No staff report in the last half hour.".to_owned()),
        1 => Some("1 staff report agrees.".to_owned()),
        count => Some(format!("{count} staff reports agree.")),
    }
}

/// The offices and teams of all targets, each once.
fn columns(targets: &[Arc<Target>]) -> Vec<(CohortId, String)> {
    super::super::staff::office::all(targets)
        .into_iter()
        .map(|cohort| (cohort.id.clone(), cohort.title.clone()))
        .collect()
}

fn row(
    target: &Target,
    targets: &[Arc<Target>],
    picture: &Picture,
    figures: &Figures,
    times: &Times,
) -> TargetRow {
    let cells = columns(targets).into_iter().map(|(id, title)| {
        let cohort = target.cohort(&id)?;
        let (verdict, since) = picture.standing(&target.id, &id);
        let lasted = since.map(|since| times.moment(since).age());
        let figure = figures.telling(target, cohort, verdict, lasted.as_deref());
        Some(Cell { cohort: title, state: verdict.into(), figure })
    });
    TargetRow {
        title: target.title.clone(),
        cells: cells.collect(),
        strip: worst_strip(target, picture, times),
    }
}

/// The last hours of the worst-served office at each moment.
fn worst_strip(target: &Target, picture: &Picture, times: &Times) -> Strip {
    let to = picture.read_at;
    let from = to.saturating_sub(STRIP_WINDOW).unwrap_or(to);
    let week = to.saturating_sub(super::super::picture::HISTORY_WINDOW).unwrap_or(to);
    let mut worst: Vec<Option<Shown>> = vec![None; STRIP_CELLS];
    for cohort in &target.cohorts {
        let standing = picture.standing(&target.id, &cohort.id).0.into();
        let changes = picture.changes_of(&target.id, &cohort.id);
        let stretches: Vec<Stretch> = history::stretches(&changes, standing, week, to);
        for (cell, state) in worst.iter_mut().zip(history::cells(&stretches, from, to, STRIP_CELLS))
        {
            *cell = (*cell).max(state);
        }
    }
    let now = worst.last().copied().flatten().unwrap_or(Shown::NotKnown);
    let label = format!(
        "{} since {}, worst office or team at each moment; now: {}.",
        target.title,
        times.moment(from).short(),
        now.word()
    );
    Strip { label, cells: worst }
}

/// What staff say, per target and office, most reports first.
fn reports(targets: &[Arc<Target>], picture: &Picture, times: &Times) -> Vec<ReportLine> {
    let mut lines: Vec<(usize, ReportLine)> = Vec::new();
    for target in targets {
        for cohort in &target.cohorts {
            let reports: Vec<_> = picture.reports_of(&target.id, &cohort.id).collect();
            let Some(last) = reports.last() else { continue };
            let (verdict, _) = picture.standing(&target.id, &cohort.id);
            let last = times.moment(last.received_at).relative();
            let line = ReportLine {
                title: format!("{} for {}", target.title, cohort.title),
                state: verdict.into(),
                words: format!("{}, the last {last}", counted(reports.len(), "report")),
                disagrees: !verdict.is_outage(),
            };
            lines.push((reports.len(), line));
        }
    }
    lines.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    lines.into_iter().map(|(_, line)| line).collect()
}

/// What an agent cannot do, in its own words or ours.
fn agent(words: String) -> WellLine {
    WellLine { title: "Agent", state: Shown::NotKnown, words }
}

fn well(targets: &[Arc<Target>], seen: &Seen, figures: &Figures, times: &Times) -> Vec<WellLine> {
    let records = if seen.current {
        WellLine { title: "Records", state: Shown::Working, words: "read and written".to_owned() }
    } else {
        let read = times.moment(seen.picture.read_at).full();
        let words = format!("cannot be read; this page is of {read}");
        WellLine { title: "Records", state: Shown::Down, words }
    };
    let checks = match figures.latest() {
        Some(last) => WellLine {
            title: "Last check",
            state: Shown::Working,
            words: times.moment(last).relative(),
        },
        None => WellLine {
            title: "Last check",
            state: Shown::NotKnown,
            words: "none in the last 5 min".to_owned(),
        },
    };
    let mut lines = vec![records, checks];
    let silent = figures::silent(targets, figures, times.now());
    if silent.is_empty() {
        let words = "every one reports".to_owned();
        lines.push(WellLine { title: "Locations", state: Shown::Working, words });
    }
    lines.extend(silent.into_iter().map(|silent| WellLine {
        title: "Location",
        state: Shown::NotKnown,
        words: match silent.last_at {
            Some(last) => format!("{} silent for {}", silent.title, times.moment(last).age()),
            None => format!("{} silent for 5 min or longer", silent.title),
        },
    }));
    lines
}
