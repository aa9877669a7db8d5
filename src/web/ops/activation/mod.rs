//! `/ops/activations/{id}`: a plan in force, with what it asks at present and every notice it sent.

pub mod answers;
mod asks;
mod timeline;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::IntoResponse;

use crate::continuity::activation::Activation;
use crate::continuity::event::StartedBy;
use crate::continuity::views;
use crate::continuity::views::timeline::activation as view_of;
use crate::domain::incident::{ActivationId, Phase};

use super::super::Web;
use super::super::error::WebError;
use super::super::gate::Visitor;
use super::super::layout::{Layout, Section, page};
use super::super::names::{Names, in_plain};
use super::super::times::Times;
use super::notices::{self, NoticeLine};

use asks::{Ask, TickLine};
use timeline::{Line, Source};

/// A function that is set aside.
pub struct SuspensionLine {
    pub function: String,
    pub title: String,
    pub words: String,
    pub open: bool,
}

#[derive(Template)]
#[template(path = "web/ops/activation/activation.html")]
struct ActivationPage {
    layout: Layout,
    id: String,
    title: String,
    phase: &'static str,
    tone: &'static str,
    exercise: bool,
    sentence: String,
    /// Title and words.
    summary: Vec<(&'static str, String)>,
    lines: Vec<Line>,
    /// What is left to put back into the system: the step, and its lines.
    reconcile: Option<(String, Vec<TickLine>)>,
    suspensions: Vec<SuspensionLine>,
    /// A decision on standing down that waits for somebody.
    stand_down: Option<String>,
    proposed: bool,
    can_stand_down: bool,
    notices: Vec<NoticeLine>,
}

pub(in crate::web) async fn activation(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, WebError> {
    let missing = || WebError::NotFound("There is no plan in force of that number.");
    let (id, times) = (ActivationId(id), web.times());
    let found = views::activation_and_plan(&web.store, &id).await.map_err(WebError::internal)?;
    let (state, playbook) = found.ok_or_else(missing)?;
    let found = view_of(&web.store, &id, times.now()).await.map_err(WebError::internal)?;
    let view = found.ok_or_else(missing)?;
    let people = web.people();
    let source = Source {
        view: &view,
        state: &state,
        playbook: &playbook,
        names: Names(&people),
        times: &times,
    };
    page(&compose(&web, &visitor, &source))
}

fn compose(web: &Web, visitor: &Visitor, source: &Source<'_>) -> ActivationPage {
    let Source { view, state, playbook, names, times } = *source;
    let opened = times.moment(view.t0);
    let phase = state.phase.title();
    let title = format!("{}: {} since {}", view.line.title, phase.to_lowercase(), opened.short());
    let asked = view.stand_down.approval.as_ref().filter(|asked| asked.open);
    ActivationPage {
        layout: web.layout(&title, Section::Operations, visitor).at("/ops").live(),
        id: view.line.id.to_string(),
        title: view.line.title.clone(),
        phase,
        tone: tone(state.phase),
        exercise: view.header.exercise,
        sentence: view
            .standing
            .as_ref()
            .map_or_else(|| view.header.reason.clone(), |one| one.sentence.clone()),
        summary: summary(state, names, times),
        lines: source.lines(),
        reconcile: view
            .reconcile
            .as_ref()
            .filter(|list| list.open)
            .map(|list| (list.step.to_string(), asks::tick_lines(list, source))),
        suspensions: suspensions(state, names, times),
        stand_down: asked
            .map(|asked| source.awaited(asked, playbook.stand_down.approve.if_no_answer)),
        proposed: state.phase == Phase::Proposed,
        can_stand_down: state.phase == Phase::Active && asked.is_none(),
        notices: notices::lines(&view.notices, names, times),
    }
}

/// The banner's tone: which state's colours it borrows.
pub(super) fn tone(phase: Phase) -> &'static str {
    match phase {
        Phase::Active => "slow",
        Phase::Proposed | Phase::StandingDown | Phase::Reconciling => "maintenance",
        Phase::Closed | Phase::Declined => "unknown",
    }
}

fn summary(
    activation: &Activation,
    names: Names<'_>,
    times: &Times,
) -> Vec<(&'static str, String)> {
    let header = &activation.header;
    let started = match &header.started_by {
        StartedBy::Signal => "by the measured signal".to_owned(),
        StartedBy::Person(person) => format!("by {}", names.person(person)),
    };
    let mut lines = vec![
        ("Unit", header.unit.clone()),
        ("Ground", header.ground.title().to_owned()),
        ("Why", header.reason.clone()),
        ("Began", format!("{}, {started}", times.moment(activation.opened_at).full())),
        ("Plan", format!("{}, version {}", header.playbook, header.playbook_version)),
        ("Owner", names.role(&header.owner)),
    ];
    if activation.round > 1 {
        let again = times.moment(activation.t0).full();
        lines.push(("Round", format!("{}: it failed again {again}", activation.round)));
    }
    if let Some(at) = activation.stood_down_at {
        lines.push(("Stood down", times.moment(at).full()));
    }
    if let Some(open) = activation.journal_open.filter(|_| activation.phase == Phase::Reconciling) {
        lines.push(("Still to put back", format!("{open} entries of the downtime journal")));
    }
    if let Some(words) = &activation.closing_words {
        lines.push(("Ended because", words.clone()));
    }
    lines
}

fn suspensions(activation: &Activation, names: Names<'_>, times: &Times) -> Vec<SuspensionLine> {
    activation
        .suspensions
        .iter()
        .map(|one| {
            let accepted = match &one.accepted_by {
                Some(person) => format!("risk accepted by {}", names.person(person)),
                None => format!("risk not yet accepted by {}", names.role(&one.risk_owner)),
            };
            let since = times.moment(one.from).short();
            SuspensionLine {
                function: one.function.to_string(),
                title: in_plain(one.function.as_str()),
                words: match one.until {
                    Some(until) => {
                        format!("{since} to {}, {accepted}", times.moment(until).short())
                    }
                    None => format!("since {since}, {accepted}"),
                },
                open: one.until.is_none(),
            }
        })
        .collect()
}
