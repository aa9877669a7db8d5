//! What pages, the API and the dossier show of continuity: read from the store, nothing changed.
//!
//! Every view carries ids and sentences ready to print; none carries case data.

pub mod pending;
pub mod timeline;

use jiff::Timestamp;
use serde::Serialize;

use super::activation::Activation;
use super::incident::Incident;
pub use super::incident::Line;
use crate::domain::ids::{FunctionId, PersonId, PlaybookId, RoleId};
use crate::domain::incident::{ActivationId, IncidentId, Phase};
use crate::domain::notice::{Channel, NoticeKind, NoticeState, Severity};
use crate::domain::outage::Outage;
use crate::domain::playbook::Playbook;
use crate::store::continuity::find::{self, AttemptRow, StoredActivation};
use crate::store::continuity::outbox::OutboxRow;
use crate::store::{Store, StoreError};

/// Incidents on one page.
const MOST_INCIDENTS: u32 = 500;

/// An incident in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IncidentLine {
    pub id: IncidentId,
    pub sentence: String,
    pub severity: Severity,
    pub opened_at: Timestamp,
    pub began_at: Timestamp,
    pub recovered_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub outages: usize,
    pub taken_by: Option<PersonId>,
}

/// An incident with everything that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentView {
    pub line: IncidentLine,
    /// Oldest first.
    pub outages: Vec<Outage>,
    pub history: Vec<Line>,
    pub activations: Vec<ActivationLine>,
    /// In doubt first, then oldest first.
    pub notices: Vec<NoticeView>,
}

/// An activation in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActivationLine {
    pub id: ActivationId,
    pub playbook: PlaybookId,
    pub title: String,
    pub unit: String,
    pub owner: RoleId,
    pub phase: Phase,
    pub exercise: bool,
    pub incident: Option<IncidentId>,
    pub opened_at: Timestamp,
    pub stood_down_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// Functions that are suspended now.
    pub suspended: Vec<FunctionId>,
}

/// A notice with its attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeView {
    pub id: String,
    pub person: Option<PersonId>,
    pub role: String,
    pub channel: Channel,
    pub address: String,
    pub kind: NoticeKind,
    pub step: String,
    pub subject: String,
    pub body: String,
    pub state: NoticeState,
    pub created_at: Timestamp,
    pub settled_at: Option<Timestamp>,
    pub answer: String,
    /// Oldest first.
    pub attempts: Vec<AttemptRow>,
}

/// Incidents opened in `[from, to)` or still open, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn incidents(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<IncidentLine>, StoreError> {
    let rows = find::incidents(store, from, to, MOST_INCIDENTS).await?;
    rows.iter().map(|row| Ok(incident_line(&read_incident(&row.document)?))).collect()
}

/// One incident; none when there is none of that id.
///
/// # Errors
/// When the database cannot be read.
pub async fn incident(store: &Store, id: &IncidentId) -> Result<Option<IncidentView>, StoreError> {
    let Some(row) = find::incident_by_id(store, id).await? else { return Ok(None) };
    let incident = read_incident(&row.document)?;
    let activations = find::activations_of(store, id).await?;
    let activations = activations
        .iter()
        .map(|stored| Ok(activation_line(&read_activation(stored)?)))
        .collect::<Result<_, StoreError>>()?;
    let notices = with_attempts(store, find::notices_of_incident(store, id).await?).await?;
    let line = incident_line(&incident);
    let mut outages: Vec<Outage> = incident.outages.into_values().collect();
    outages.sort_by_key(|outage| outage.began_at);
    Ok(Some(IncidentView { line, outages, history: incident.history, activations, notices }))
}

/// Activations that are not over, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn open_activations(store: &Store) -> Result<Vec<ActivationLine>, StoreError> {
    let stored = find::open_activations(store, Timestamp::MAX).await?;
    stored.iter().map(|stored| Ok(activation_line(&read_activation(stored)?))).collect()
}

/// A notice by its id, as the page behind its link shows it.
///
/// # Errors
/// When the database cannot be read.
pub async fn notice(store: &Store, id: &str) -> Result<Option<OutboxRow>, StoreError> {
    find::notice(store, id).await
}

/// An activation with its pinned plan; none when there is none of that id.
///
/// # Errors
/// When the database cannot be read.
pub async fn activation_and_plan(
    store: &Store,
    id: &ActivationId,
) -> Result<Option<(Activation, Playbook)>, StoreError> {
    let Some(stored) = find::activation_by_id(store, id).await? else { return Ok(None) };
    let pinned = find::pinned_playbook(store, &stored.playbook_hash).await?;
    let pinned = pinned.ok_or(StoreError::Unreadable("playbook"))?;
    let playbook =
        serde_json::from_str(&pinned.document).map_err(|_| StoreError::Unreadable("playbook"))?;
    Ok(Some((read_activation(&stored)?, playbook)))
}

async fn with_attempts(store: &Store, rows: Vec<OutboxRow>) -> Result<Vec<NoticeView>, StoreError> {
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let attempts = find::attempts(store, &row.id).await?;
        views.push(NoticeView {
            id: row.id,
            person: row.person,
            role: row.role,
            channel: row.channel,
            address: row.address,
            kind: row.kind,
            step: row.step,
            subject: row.subject,
            body: row.body,
            state: row.state,
            created_at: row.created_at,
            settled_at: row.settled_at,
            answer: row.answer,
            attempts,
        });
    }
    views.sort_by_key(|view| (view.state != NoticeState::InDoubt, view.created_at));
    Ok(views)
}

fn read_incident(document: &str) -> Result<Incident, StoreError> {
    serde_json::from_str(document).map_err(|_| StoreError::Unreadable("incident"))
}

fn read_activation(stored: &StoredActivation) -> Result<Activation, StoreError> {
    serde_json::from_str(&stored.document).map_err(|_| StoreError::Unreadable("activation"))
}

fn incident_line(incident: &Incident) -> IncidentLine {
    IncidentLine {
        id: incident.id.clone(),
        sentence: incident.sentence.clone(),
        severity: incident.severity,
        opened_at: incident.opened_at,
        began_at: incident.began_at,
        recovered_at: incident.recovered_at,
        closed_at: incident.closed_at,
        outages: incident.outages.len(),
        taken_by: incident.taken_by.as_ref().map(|(by, _)| by.clone()),
    }
}

fn activation_line(state: &Activation) -> ActivationLine {
    let header = &state.header;
    ActivationLine {
        id: header.id.clone(),
        playbook: header.playbook.clone(),
        title: header.title.clone(),
        unit: header.unit.clone(),
        owner: header.owner.clone(),
        phase: state.phase,
        exercise: header.exercise,
        incident: header.incident.clone(),
        opened_at: state.opened_at,
        stood_down_at: state.stood_down_at,
        closed_at: state.closed_at,
        suspended: state.suspended().map(|one| one.function.clone()).collect(),
    }
}
