//! The register: every activation, with what a parliament asks about it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::activation::{Activation, Suspension};
use super::event::StartedBy;
use crate::domain::ids::{PlaybookId, RoleId};
use crate::domain::incident::{ActivationId, IncidentId, Phase};
use crate::domain::playbook::Ground;
use crate::store::continuity::find;
use crate::store::{Store, StoreError};

/// One line of the register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegisterEntry {
    pub id: ActivationId,
    pub playbook: PlaybookId,
    pub title: String,
    pub unit: String,
    pub ground: Ground,
    pub owner: RoleId,
    pub incident: Option<IncidentId>,
    pub started_at: Timestamp,
    pub started_by: StartedBy,
    pub reason: String,
    pub phase: Phase,
    pub exercise: bool,
    pub suspensions: Vec<Suspension>,
    pub stood_down_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// From start to stand-down, or to now while it is in force.
    pub in_force: Duration,
    pub rounds: u32,
}

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterQuery {
    pub ground: Option<Ground>,
    pub unit: Option<String>,
    /// Drills as well.
    pub exercises: bool,
}

/// Activations opened in `[from, to)`, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn register(
    store: &Store,
    (from, to): (Timestamp, Timestamp),
    query: &RegisterQuery,
    now: Timestamp,
) -> Result<Vec<RegisterEntry>, StoreError> {
    let mut entries = Vec::new();
    for stored in find::activations_between(store, from, to).await? {
        let state: Activation = serde_json::from_str(&stored.document)
            .map_err(|_| StoreError::Unreadable("activation"))?;
        let header = &state.header;
        let wanted = query.ground.is_none_or(|ground| ground == header.ground)
            && query.unit.as_ref().is_none_or(|unit| *unit == header.unit)
            && (query.exercises || !header.exercise);
        if wanted {
            entries.push(entry(state, now));
        }
    }
    Ok(entries)
}

fn entry(state: Activation, now: Timestamp) -> RegisterEntry {
    let until = state.stood_down_at.or(state.closed_at).unwrap_or(now);
    let in_force = Duration::try_from(until.duration_since(state.opened_at)).unwrap_or_default();
    let header = state.header;
    RegisterEntry {
        id: header.id,
        playbook: header.playbook,
        title: header.title,
        unit: header.unit,
        ground: header.ground,
        owner: header.owner,
        incident: header.incident,
        started_at: state.opened_at,
        started_by: header.started_by,
        reason: header.reason,
        phase: state.phase,
        exercise: header.exercise,
        suspensions: state.suspensions,
        stood_down_at: state.stood_down_at,
        closed_at: state.closed_at,
        in_force,
        rounds: state.round,
    }
}
