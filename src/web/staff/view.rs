//! The staff page in words: made from what is known, before any template.

use std::sync::Arc;

use crate::domain::outage::Outage;
use crate::domain::target::{Cohort, Target};
use crate::domain::verdict::Verdict;

use super::super::history;
use super::super::names::listed;
use super::super::picture::{HISTORY_WINDOW, Picture};
use super::super::states::State;
use super::super::strip::Strip;
use super::super::times::{Moment, Times};

/// Three-hour cells over seven days.
const STRIP_CELLS: usize = 56;

/// The sentence on top of the page.
#[derive(Clone, Debug)]
pub struct Headline {
    pub state: State,
    /// "C3MS is not working for Noarlunga".
    pub sentence: String,
    /// What is known beside: since when, elsewhere, what colleagues say.
    pub lines: Vec<String>,
}

/// One service with how it stands for every office or team.
#[derive(Clone, Debug)]
pub struct TargetStates {
    pub title: String,
    pub rows: Vec<OfficeState>,
}

/// How one service stands for one office or team.
#[derive(Clone, Debug)]
pub struct OfficeState {
    pub title: String,
    pub mine: bool,
    pub state: State,
    /// Since when, where it is trouble.
    pub since: Option<Moment>,
}

/// The last seven days of one service at one office.
#[derive(Clone, Debug)]
pub struct Week {
    pub title: String,
    pub strip: Strip,
    pub sentence: String,
    pub from: Moment,
}

/// The sentence for one office, over all its services: the worst one leads.
#[must_use]
pub fn headline(
    targets: &[Arc<Target>],
    picture: &Picture,
    cohort: Option<&Cohort>,
    times: &Times,
) -> Headline {
    match cohort {
        Some(cohort) => for_cohort(targets, picture, cohort, times),
        None => for_everybody(targets, picture),
    }
}

fn for_cohort(
    targets: &[Arc<Target>],
    picture: &Picture,
    cohort: &Cohort,
    times: &Times,
) -> Headline {
    let mut services: Vec<(State, &Target)> = targets
        .iter()
        .map(Arc::as_ref)
        .filter(|target| target.cohort(&cohort.id).is_some())
        .map(|target| (picture.standing(&target.id, &cohort.id).0.into(), target))
        .collect();
    services.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
    let Some(((state, target), others)) = services.split_first() else {
        return unwatched(&cohort.title);
    };
    let mut lines = Vec::new();
    let (verdict, since) = picture.standing(&target.id, &cohort.id);
    if let Some(since) = since.filter(|_| *state != State::Working) {
        lines.push(format!("Since {}.", times.moment(since).since()));
    }
    lines.extend(only_tasks(target, cohort, &picture.outages));
    lines.push(elsewhere(target, cohort, picture));
    for (state, other) in others.iter().filter(|(state, _)| *state > State::Working) {
        lines.push(format!("{}.", said(&other.title, *state, &cohort.title)));
    }
    lines.extend(colleagues(target, cohort, picture, verdict, times));
    Headline { state: *state, sentence: said(&target.title, *state, &cohort.title), lines }
}

fn unwatched(title: &str) -> Headline {
    Headline {
        state: State::NotKnown,
        sentence: format!("No service is watched for {title}"),
        lines: vec!["Ring operations if something does not work for you.".to_owned()],
    }
}

/// Without an office: the worst that holds for anybody.
fn for_everybody(targets: &[Arc<Target>], picture: &Picture) -> Headline {
    let worst = targets
        .iter()
        .flat_map(|target| target.cohorts.iter().map(move |cohort| (target, cohort)))
        .map(|(target, cohort)| (State::from(picture.standing(&target.id, &cohort.id).0), target))
        .max_by_key(|(state, _)| *state);
    let lines = vec!["Choose your office or team to see what holds for you.".to_owned()];
    let Some((state, target)) = worst else {
        return Headline {
            state: State::NotKnown,
            sentence: "Nothing is watched yet".to_owned(),
            lines: vec!["Operations have not set up a service.".to_owned()],
        };
    };
    let title = &target.title;
    let sentence = match state {
        State::Down => format!("{title} is not working for some offices or teams"),
        State::ComesAndGoes => format!("{title} comes and goes for some offices or teams"),
        State::Slow => format!("{title} is slow for some offices or teams"),
        State::Maintenance => format!("{title} is under maintenance"),
        State::Working => "Everything watched is working".to_owned(),
        State::NotKnown => format!("It is not known whether {title} is working"),
    };
    Headline { state, sentence, lines }
}

fn said(target: &str, state: State, cohort: &str) -> String {
    match state {
        State::Down => format!("{target} is not working for {cohort}"),
        State::ComesAndGoes => format!("{target} comes and goes for {cohort}"),
        State::Slow => format!("{target} is slow for {cohort}"),
        State::Working => format!("{target} is working for {cohort}"),
        State::Maintenance => format!("{target} is under maintenance"),
        State::NotKnown => format!("It is not known whether {target} is working for {cohort}"),
    }
}

/// Which tasks fail, where it is not every one.
fn only_tasks(target: &Target, cohort: &Cohort, outages: &[Outage]) -> Option<String> {
    let outage = outages
        .iter()
        .find(|outage| outage.target == target.id && outage.scope.cohorts.contains(&cohort.id))?;
    let titles: Vec<&str> = outage
        .scope
        .probes
        .iter()
        .filter_map(|id| target.probe(id))
        .map(|probe| probe.title.as_str())
        .collect();
    (!titles.is_empty()).then(|| format!("Affected: {}. Other tasks work.", titles.join("; ")))
}

/// How the same service stands for everybody else.
fn elsewhere(target: &Target, cohort: &Cohort, picture: &Picture) -> String {
    let others: Vec<(State, &str)> = target
        .cohorts
        .iter()
        .filter(|other| other.id != cohort.id)
        .map(|other| (picture.standing(&target.id, &other.id).0.into(), other.title.as_str()))
        .collect();
    let Some(worst) = others.iter().map(|(state, _)| *state).max() else {
        return "It is watched for this office or team only.".to_owned();
    };
    if others.iter().all(|(state, _)| *state == worst) {
        return match worst {
            State::Working => "Everywhere else it is working.",
            State::Slow => "Everywhere else it is slow.",
            State::ComesAndGoes => "Everywhere else it comes and goes.",
            State::Down => "It is down everywhere else too.",
            State::Maintenance => "It is under maintenance everywhere.",
            State::NotKnown => "Elsewhere it is not known.",
        }
        .to_owned();
    }
    if worst <= State::Working {
        return "Elsewhere it is working, or not known.".to_owned();
    }
    let kinds = [
        (State::Down, "down"),
        (State::ComesAndGoes, "coming and going"),
        (State::Slow, "slow"),
        (State::Maintenance, "under maintenance"),
    ];
    let parts: Vec<String> = kinds
        .into_iter()
        .filter_map(|(kind, how)| {
            let hit: Vec<&str> = others
                .iter()
                .filter(|(state, _)| *state == kind)
                .map(|(_, title)| *title)
                .collect();
            (!hit.is_empty()).then(|| format!("{how} for {}", some_of(&hit)))
        })
        .collect();
    format!("Elsewhere it is {}.", parts.join("; "))
}

/// The names where there are few, their number where there are many.
fn some_of(names: &[&str]) -> String {
    match names.len() {
        0..=3 => listed(names),
        many => format!("{many} offices or teams"),
    }
}

/// What staff say beside what the checks say; a disagreement is said as one.
fn colleagues(
    target: &Target,
    cohort: &Cohort,
    picture: &Picture,
    verdict: Verdict,
    times: &Times,
) -> Option<String> {
    let count = picture.reports_of(&target.id, &cohort.id).count();
    let first = picture.reports_of(&target.id, &cohort.id).map(|report| report.since_at).min()?;
    let people =
        if count == 1 { "1 colleague says".into() } else { format!("{count} colleagues say") };
    Some(if verdict.is_outage() {
        format!("{people} the same.")
    } else {
        format!(
            "{people} it has not been working since {}, while our checks pass. \
             Operations see both.",
            times.moment(first).short()
        )
    })
}

/// Offices and services with the state of each, in the order of the files.
#[must_use]
pub fn services(
    targets: &[Arc<Target>],
    picture: &Picture,
    mine: Option<&Cohort>,
    times: &Times,
) -> Vec<TargetStates> {
    targets
        .iter()
        .map(|target| TargetStates {
            title: target.title.clone(),
            rows: target
                .cohorts
                .iter()
                .map(|cohort| {
                    let (verdict, since) = picture.standing(&target.id, &cohort.id);
                    OfficeState {
                        title: cohort.title.clone(),
                        mine: mine.is_some_and(|mine| mine.id == cohort.id),
                        state: verdict.into(),
                        since: since
                            .filter(|_| verdict.is_outage())
                            .map(|since| times.moment(since)),
                    }
                })
                .collect(),
        })
        .collect()
}

/// The last seven days of every service of an office.
#[must_use]
pub fn weeks(
    targets: &[Arc<Target>],
    picture: &Picture,
    cohort: &Cohort,
    times: &Times,
) -> Vec<Week> {
    let to = picture.read_at;
    let from = to.saturating_sub(HISTORY_WINDOW).unwrap_or(to);
    targets
        .iter()
        .filter(|target| target.cohort(&cohort.id).is_some())
        .map(|target| {
            let standing = picture.standing(&target.id, &cohort.id).0.into();
            let changes = picture.changes_of(&target.id, &cohort.id);
            let stretches = history::stretches(&changes, standing, from, to);
            let sentence = history::sentence(&stretches, times);
            let title = format!("{} for {}", target.title, cohort.title);
            Week {
                strip: Strip {
                    label: format!("{title}, the last 7 days. {sentence}"),
                    cells: history::cells(&stretches, from, to, STRIP_CELLS),
                },
                title,
                sentence,
                from: times.moment(from),
            }
        })
        .collect()
}
