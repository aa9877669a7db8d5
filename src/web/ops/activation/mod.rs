//! `/ops/activations/{id}`: a plan in force, with what it asks for now and every notice it sent.

pub mod answers;
mod asks;
mod timeline;

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::IntoResponse;

use crate::continuity::activation::Activation;
use crate::continuity::event::StartedBy;
use crate::domain::incident::{ActivationId, Phase};
use crate::domain::people::People;
use crate::domain::playbook::Playbook;
use crate::store::continuity::find::{self, StoredActivation};
use crate::store::{Store, StoreError};

use super::super::Web;
use super::super::error::WebError;
use super::super::gate::Visitor;
use super::super::layout::{Layout, Section, page};
use super::super::names::{Names, in_plain};
use super::super::states::Progress;
use super::super::times::Times;
use super::notices::{self, NoticeLine};

use asks::Ask;
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
    suspensions: Vec<SuspensionLine>,
    /// A decision on standing down that waits for somebody.
    stand_down: Option<String>,
    proposed: bool,
    can_stand_down: bool,
    notices: Vec<NoticeLine>,
}

/// An activation with the plan it is pinned to.
pub struct Loaded {
    pub activation: Activation,
    pub playbook: Playbook,
}

impl Loaded {
    /// Reads what a stored activation says.
    ///
    /// # Errors
    /// When the database cannot be read, or holds what this version cannot read.
    pub async fn from_row(store: &Store, row: &StoredActivation) -> Result<Self, StoreError> {
        let unreadable = |_| StoreError::Unreadable("activation");
        let activation = serde_json::from_str(&row.document).map_err(unreadable)?;
        let pinned = find::pinned_playbook(store, &row.playbook_hash)
            .await?
            .ok_or(StoreError::Unreadable("pinned playbook"))?;
        let playbook = serde_json::from_str(&pinned.document)
            .map_err(|_| StoreError::Unreadable("pinned playbook"))?;
        Ok(Self { activation, playbook })
    }
}

pub(in crate::web) async fn activation(
    State(web): State<Arc<Web>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse, WebError> {
    let id = ActivationId(id);
    let row = find::activation_by_id(&web.store, &id)
        .await
        .map_err(WebError::internal)?
        .ok_or(WebError::NotFound("There is no plan in force of that number."))?;
    let loaded = Loaded::from_row(&web.store, &row).await.map_err(WebError::internal)?;
    let sent = find::notices_of_activation(&web.store, &id).await.map_err(WebError::internal)?;
    let people = web.people();
    let times = web.times();
    let notices = notices::lines(&web.store, &sent, Names(&people), &times)
        .await
        .map_err(WebError::internal)?;
    page(&compose(&web, &visitor, &loaded, &people, notices))
}

fn compose(
    web: &Web,
    visitor: &Visitor,
    loaded: &Loaded,
    people: &People,
    notices: Vec<NoticeLine>,
) -> ActivationPage {
    let times = web.times();
    let Loaded { activation, playbook } = loaded;
    let source = Source { playbook, activation, names: Names(people), times: &times };
    let opened = times.moment(activation.t0);
    let phase = activation.phase.title();
    let title =
        format!("{}: {} since {}", activation.header.title, phase.to_lowercase(), opened.short());
    let approval = activation.stand_down.approval.as_ref().filter(|one| one.is_open());
    ActivationPage {
        layout: web.layout(&title, Section::Operations, visitor).at("/ops").live(),
        id: activation.header.id.to_string(),
        title: activation.header.title.clone(),
        phase,
        tone: tone(activation.phase),
        exercise: activation.header.exercise,
        sentence: activation
            .standing
            .as_ref()
            .map_or_else(|| activation.header.reason.clone(), |one| one.sentence.clone()),
        summary: summary(activation, source.names, &times),
        lines: source.lines(),
        suspensions: suspensions(activation, source.names, &times),
        stand_down: approval
            .map(|state| source.approved(state, Some(&playbook.stand_down.approve))),
        proposed: activation.phase == Phase::Proposed,
        can_stand_down: activation.phase == Phase::Active && approval.is_none(),
        notices,
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
