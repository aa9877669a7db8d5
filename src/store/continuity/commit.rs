//! One input, one transaction: events, state, timers, effects and notices, all or nothing.

use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};

use crate::domain::ids::{FunctionId, PersonId, PlaybookId, RoleId};
use crate::domain::incident::{ActivationId, IncidentId, Phase};
use crate::domain::notice::{Channel, NoticeKind, NoticeState, Severity};
use crate::domain::playbook::Ground;
use crate::store::{Store, StoreError, micros};

/// Everything that follows from one input.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    pub playbook: Option<PinnedPlaybook>,
    pub incident: Option<IncidentRow>,
    pub activation: Option<ActivationRow>,
    pub events: Vec<EventRow>,
    pub effects: Vec<EffectRow>,
    /// Keys of effects that have been answered.
    pub answered: Vec<String>,
    pub notices: Vec<NewNotice>,
    /// Notices under these steps that are still queued are not needed any more.
    pub withdrawn: Vec<(ActivationId, String)>,
}

/// A plan as it stood when it came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnedPlaybook {
    pub hash: String,
    pub playbook: PlaybookId,
    pub version: u32,
    pub source: String,
    pub document: String,
}

/// An incident's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentRow {
    pub id: IncidentId,
    pub opened_at: Timestamp,
    pub recovered_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub document: String,
}

/// An activation's state, with what queries look for beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationRow {
    pub id: ActivationId,
    pub playbook: PlaybookId,
    pub playbook_hash: String,
    pub unit: String,
    pub ground: Ground,
    pub phase: Phase,
    pub exercise: bool,
    pub incident: Option<IncidentId>,
    pub opened_at: Timestamp,
    pub stood_down_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    /// Events before this input, and after it.
    pub events_before: u64,
    pub events_after: u64,
    pub document: String,
    pub timers: Vec<(Timestamp, String)>,
    pub suspensions: Vec<SuspensionRow>,
}

/// A function set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspensionRow {
    pub function: FunctionId,
    pub risk_owner: RoleId,
    pub accepted_by: Option<PersonId>,
    pub from: Timestamp,
    pub until: Option<Timestamp>,
}

/// One event, chained to the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub activation: ActivationId,
    pub sequence: u64,
    pub at: Timestamp,
    pub version: u16,
    pub document: String,
    pub previous_hash: String,
    pub hash: String,
}

/// An effect on the copy or the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectRow {
    pub key: String,
    pub activation: ActivationId,
    pub document: String,
}

/// A notice to be put into the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotice {
    /// Made from the idempotency key, so that asking twice makes one row.
    pub id: String,
    pub idempotency_key: String,
    pub incident: Option<IncidentId>,
    pub activation: Option<ActivationId>,
    pub step: String,
    /// None for a webhook.
    pub person: Option<PersonId>,
    pub role: String,
    pub channel: Channel,
    pub address: String,
    pub kind: NoticeKind,
    pub severity: Severity,
    pub life_safety: bool,
    pub subject: String,
    pub body: String,
    pub link: Option<String>,
    pub message_id: String,
    pub fallback: Vec<(Channel, String)>,
    pub give_up_at: Timestamp,
}

/// Why a commit was refused.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another writer was there: load again.
    #[error("the activation has moved on in the store")]
    Conflict,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for CommitError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Writes everything or nothing; durable when it returns.
///
/// # Errors
/// [`CommitError::Conflict`] when the activation is not at `events_before`.
pub async fn commit(store: &Store, commit: &Commit, now: Timestamp) -> Result<(), CommitError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    if let Some(playbook) = &commit.playbook {
        pin(&mut transaction, playbook, now).await?;
    }
    if let Some(incident) = &commit.incident {
        write_incident(&mut transaction, incident).await?;
    }
    if let Some(activation) = &commit.activation {
        write_activation(&mut transaction, activation).await?;
    }
    for event in &commit.events {
        write_event(&mut transaction, event).await?;
    }
    for effect in &commit.effects {
        sqlx::query(
            "INSERT INTO effects (key, activation, document, asked_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(&effect.key)
        .bind(&effect.activation.0)
        .bind(&effect.document)
        .bind(micros(now))
        .execute(&mut *transaction)
        .await?;
    }
    for key in &commit.answered {
        sqlx::query("UPDATE effects SET answered_at = $2 WHERE key = $1 AND answered_at IS NULL")
            .bind(key)
            .bind(micros(now))
            .execute(&mut *transaction)
            .await?;
    }
    for (activation, step) in &commit.withdrawn {
        sqlx::query(
            "UPDATE notices SET state = 'cancelled', settled_at = $3, answer = 'no longer needed' \
             WHERE activation = $1 AND step = $2 AND state = 'queued'",
        )
        .bind(&activation.0)
        .bind(step)
        .bind(micros(now))
        .execute(&mut *transaction)
        .await?;
    }
    for notice in &commit.notices {
        insert_notice(&mut transaction, notice, now).await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn pin(
    connection: &mut SqliteConnection,
    playbook: &PinnedPlaybook,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO pinned_playbooks (hash, playbook, version, source, document, pinned_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hash) DO NOTHING",
    )
    .bind(&playbook.hash)
    .bind(playbook.playbook.as_str())
    .bind(i64::from(playbook.version))
    .bind(&playbook.source)
    .bind(&playbook.document)
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_incident(
    connection: &mut SqliteConnection,
    incident: &IncidentRow,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO incidents (id, opened_at, recovered_at, closed_at, document) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET \
         recovered_at = excluded.recovered_at, closed_at = excluded.closed_at, \
         document = excluded.document",
    )
    .bind(&incident.id.0)
    .bind(micros(incident.opened_at))
    .bind(incident.recovered_at.map(micros))
    .bind(incident.closed_at.map(micros))
    .bind(&incident.document)
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_activation(
    connection: &mut SqliteConnection,
    row: &ActivationRow,
) -> Result<(), CommitError> {
    let events_before = i64::try_from(row.events_before).unwrap_or(i64::MAX);
    let events_after = i64::try_from(row.events_after).unwrap_or(i64::MAX);
    let written = if row.events_before == 0 {
        sqlx::query(
            "INSERT INTO activations (id, playbook, playbook_hash, unit, ground, phase, exercise, \
             incident, opened_at, stood_down_at, closed_at, events, document) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&row.id.0)
        .bind(row.playbook.as_str())
        .bind(&row.playbook_hash)
        .bind(&row.unit)
        .bind(row.ground.as_str())
        .bind(row.phase.as_str())
        .bind(i64::from(row.exercise))
        .bind(row.incident.as_ref().map(|id| &id.0))
        .bind(micros(row.opened_at))
        .bind(row.stood_down_at.map(micros))
        .bind(row.closed_at.map(micros))
        .bind(events_after)
        .bind(&row.document)
        .execute(&mut *connection)
        .await?
    } else {
        sqlx::query(
            "UPDATE activations SET phase = $2, stood_down_at = $3, closed_at = $4, events = $5, \
             document = $6 WHERE id = $1 AND events = $7",
        )
        .bind(&row.id.0)
        .bind(row.phase.as_str())
        .bind(row.stood_down_at.map(micros))
        .bind(row.closed_at.map(micros))
        .bind(events_after)
        .bind(&row.document)
        .bind(events_before)
        .execute(&mut *connection)
        .await?
    };
    if written.rows_affected() != 1 {
        return Err(CommitError::Conflict);
    }
    replace_timers(connection, row).await?;
    replace_suspensions(connection, row).await?;
    Ok(())
}

async fn replace_timers(
    connection: &mut SqliteConnection,
    row: &ActivationRow,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM activation_timers WHERE activation = $1")
        .bind(&row.id.0)
        .execute(&mut *connection)
        .await?;
    for (due_at, timer) in &row.timers {
        sqlx::query(
            "INSERT INTO activation_timers (activation, due_at, timer) VALUES ($1, $2, $3)",
        )
        .bind(&row.id.0)
        .bind(micros(*due_at))
        .bind(timer)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn replace_suspensions(
    connection: &mut SqliteConnection,
    row: &ActivationRow,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM suspensions WHERE activation = $1")
        .bind(&row.id.0)
        .execute(&mut *connection)
        .await?;
    for one in &row.suspensions {
        sqlx::query(
            "INSERT INTO suspensions (activation, function, risk_owner, accepted_by, from_at, \
             until_at) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&row.id.0)
        .bind(one.function.as_str())
        .bind(one.risk_owner.as_str())
        .bind(one.accepted_by.as_ref().map(PersonId::as_str))
        .bind(micros(one.from))
        .bind(one.until.map(micros))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn write_event(
    connection: &mut SqliteConnection,
    event: &EventRow,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO activation_events (activation, sequence, at, version, document, \
         previous_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&event.activation.0)
    .bind(i64::try_from(event.sequence).unwrap_or(i64::MAX))
    .bind(micros(event.at))
    .bind(i64::from(event.version))
    .bind(&event.document)
    .bind(&event.previous_hash)
    .bind(&event.hash)
    .execute(connection)
    .await?;
    Ok(())
}

/// Puts a notice into the outbox, in its thread. The console's own need no sender.
pub(super) async fn insert_notice(
    connection: &mut SqliteConnection,
    notice: &NewNotice,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let in_reply_to = thread(connection, notice).await?;
    let (state, settled_at) = match notice.channel {
        Channel::Console => (NoticeState::Sent, Some(micros(now))),
        _ => (NoticeState::Queued, None),
    };
    let fallback = serde_json::to_string(&notice.fallback).unwrap_or_else(|_| "[]".to_owned());
    sqlx::query(
        "INSERT INTO notices (id, idempotency_key, incident, activation, step, person, role, \
         channel, address, kind, severity, life_safety, subject, body, link, message_id, \
         in_reply_to, fallback, state, attempts, fence, next_attempt_at, give_up_at, created_at, \
         settled_at, resent, answer) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, \
         $13, $14, $15, $16, $17, $18, $19, 0, 0, $20, $21, $20, $22, 0, '') \
         ON CONFLICT (idempotency_key) DO NOTHING",
    )
    .bind(&notice.id)
    .bind(&notice.idempotency_key)
    .bind(notice.incident.as_ref().map(|id| &id.0))
    .bind(notice.activation.as_ref().map(|id| &id.0))
    .bind(&notice.step)
    .bind(notice.person.as_ref().map(PersonId::as_str))
    .bind(&notice.role)
    .bind(notice.channel.as_str())
    .bind(&notice.address)
    .bind(notice.kind.as_str())
    .bind(notice.severity.as_str())
    .bind(i64::from(notice.life_safety))
    .bind(&notice.subject)
    .bind(&notice.body)
    .bind(&notice.link)
    .bind(&notice.message_id)
    .bind(in_reply_to)
    .bind(fallback)
    .bind(state.as_str())
    .bind(micros(now))
    .bind(micros(notice.give_up_at))
    .bind(settled_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// The first message of the thread to this address; this one becomes it when there is none.
async fn thread(
    connection: &mut SqliteConnection,
    notice: &NewNotice,
) -> Result<Option<String>, sqlx::Error> {
    let thread = notice.incident.as_ref().map(|id| &id.0);
    let Some(thread) = thread.or(notice.activation.as_ref().map(|id| &id.0)) else {
        return Ok(None);
    };
    sqlx::query(
        "INSERT INTO notice_threads (thread, address, message_id) VALUES ($1, $2, $3) \
         ON CONFLICT (thread, address) DO NOTHING",
    )
    .bind(thread)
    .bind(&notice.address)
    .bind(&notice.message_id)
    .execute(&mut *connection)
    .await?;
    let row =
        sqlx::query("SELECT message_id FROM notice_threads WHERE thread = $1 AND address = $2")
            .bind(thread)
            .bind(&notice.address)
            .fetch_one(connection)
            .await?;
    let first: String = row.try_get("message_id")?;
    Ok((first != notice.message_id).then_some(first))
}
