//! Incidents, activations, events and notices, found again for pages, the register and a start.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::commit::{EventRow, IncidentRow, PinnedPlaybook};
use super::outbox::{self, OutboxRow};
use crate::domain::ids::PlaybookId;
use crate::domain::incident::{ActivationId, IncidentId};
use crate::domain::notice::NoticeKind;
use crate::store::{Store, StoreError, instant, micros};

/// An activation as it is kept: its document, and how many events led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredActivation {
    pub id: ActivationId,
    pub playbook_hash: String,
    pub events: u64,
    pub document: String,
}

/// One attempt to send a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    pub at: Timestamp,
    pub outcome: String,
    pub detail: String,
}

const ACTIVATION: &str = "SELECT id, playbook_hash, events, document FROM activations ";

/// Activations that are not over, oldest first, and those closed after `since`, which may resume.
///
/// # Errors
/// When the database cannot be read.
pub async fn open_activations(
    store: &Store,
    since: Timestamp,
) -> Result<Vec<StoredActivation>, StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{ACTIVATION} WHERE closed_at IS NULL OR closed_at >= $1 ORDER BY opened_at, id"
    )))
    .bind(micros(since))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(activation).collect()
}

/// Activations opened in `[from, to)`, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn activations_between(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<StoredActivation>, StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{ACTIVATION} WHERE opened_at >= $1 AND opened_at < $2 ORDER BY opened_at DESC, id"
    )))
    .bind(micros(from))
    .bind(micros(to))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(activation).collect()
}

/// Activations of one incident, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn activations_of(
    store: &Store,
    incident: &IncidentId,
) -> Result<Vec<StoredActivation>, StoreError> {
    let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
        "{ACTIVATION} WHERE incident = $1 ORDER BY opened_at, id"
    )))
    .bind(&incident.0)
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(activation).collect()
}

/// One activation.
///
/// # Errors
/// When the database cannot be read.
pub async fn activation_by_id(
    store: &Store,
    id: &ActivationId,
) -> Result<Option<StoredActivation>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("{ACTIVATION} WHERE id = $1")))
        .bind(&id.0)
        .fetch_optional(store.reader())
        .await?;
    row.as_ref().map(activation).transpose()
}

fn activation(row: &SqliteRow) -> Result<StoredActivation, StoreError> {
    Ok(StoredActivation {
        id: ActivationId(row.try_get("id")?),
        playbook_hash: row.try_get("playbook_hash")?,
        events: u64::try_from(row.try_get::<i64, _>("events")?)
            .map_err(|_| StoreError::Unreadable("activation"))?,
        document: row.try_get("document")?,
    })
}

/// A plan as it was pinned.
///
/// # Errors
/// When the database cannot be read.
pub async fn pinned_playbook(
    store: &Store,
    hash: &str,
) -> Result<Option<PinnedPlaybook>, StoreError> {
    let row = sqlx::query("SELECT * FROM pinned_playbooks WHERE hash = $1")
        .bind(hash)
        .fetch_optional(store.reader())
        .await?;
    row.map(|row| {
        Ok(PinnedPlaybook {
            hash: row.try_get("hash")?,
            playbook: PlaybookId::new(row.try_get("playbook")?)
                .map_err(|_| StoreError::Unreadable("playbook"))?,
            version: u32::try_from(row.try_get::<i64, _>("version")?).unwrap_or(u32::MAX),
            source: row.try_get("source")?,
            document: row.try_get("document")?,
        })
    })
    .transpose()
}

/// The events of an activation, in order.
///
/// # Errors
/// When the database cannot be read.
pub async fn events(store: &Store, id: &ActivationId) -> Result<Vec<EventRow>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM activation_events WHERE activation = $1 ORDER BY sequence")
            .bind(&id.0)
            .fetch_all(store.reader())
            .await?;
    rows.iter()
        .map(|row| {
            let unreadable = || StoreError::Unreadable("event");
            Ok(EventRow {
                activation: id.clone(),
                sequence: u64::try_from(row.try_get::<i64, _>("sequence")?)
                    .map_err(|_| unreadable())?,
                at: instant(row.try_get("at")?)?,
                version: u16::try_from(row.try_get::<i64, _>("version")?)
                    .map_err(|_| unreadable())?,
                document: row.try_get("document")?,
                previous_hash: row.try_get("previous_hash")?,
                hash: row.try_get("hash")?,
            })
        })
        .collect()
}

/// Incidents that are not closed, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn open_incidents(store: &Store) -> Result<Vec<IncidentRow>, StoreError> {
    let rows =
        sqlx::query("SELECT * FROM incidents WHERE closed_at IS NULL ORDER BY opened_at, id")
            .fetch_all(store.reader())
            .await?;
    rows.iter().map(incident).collect()
}

/// Incidents opened in `[from, to)` or still open, newest first, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn incidents(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
    limit: u32,
) -> Result<Vec<IncidentRow>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM incidents WHERE (opened_at >= $1 AND opened_at < $2) OR closed_at IS NULL \
         ORDER BY opened_at DESC, id DESC LIMIT $3",
    )
    .bind(micros(from))
    .bind(micros(to))
    .bind(i64::from(limit))
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(incident).collect()
}

/// One incident.
///
/// # Errors
/// When the database cannot be read.
pub async fn incident_by_id(
    store: &Store,
    id: &IncidentId,
) -> Result<Option<IncidentRow>, StoreError> {
    let row = sqlx::query("SELECT * FROM incidents WHERE id = $1")
        .bind(&id.0)
        .fetch_optional(store.reader())
        .await?;
    row.as_ref().map(incident).transpose()
}

fn incident(row: &SqliteRow) -> Result<IncidentRow, StoreError> {
    let at = |column: &str| -> Result<Option<Timestamp>, StoreError> {
        row.try_get::<Option<i64>, _>(column)?.map(instant).transpose()
    };
    Ok(IncidentRow {
        id: IncidentId(row.try_get("id")?),
        opened_at: instant(row.try_get("opened_at")?)?,
        recovered_at: at("recovered_at")?,
        closed_at: at("closed_at")?,
        document: row.try_get("document")?,
    })
}

/// How many incidents, and activations, have ids that open with a text; for the next counter.
///
/// # Errors
/// When the database cannot be read.
pub async fn ids_like(store: &Store, prefix: &str) -> Result<u64, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM incidents WHERE substr(id, 1, $2) = $1) + \
         (SELECT COUNT(*) FROM activations WHERE substr(id, 1, $2) = $1) AS ids",
    )
    .bind(prefix)
    .bind(i64::try_from(prefix.len()).unwrap_or(i64::MAX))
    .fetch_one(store.reader())
    .await?;
    Ok(u64::try_from(row.try_get::<i64, _>("ids")?).unwrap_or_default())
}

/// Notices of an incident, those of its activations included, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn notices_of_incident(
    store: &Store,
    id: &IncidentId,
) -> Result<Vec<OutboxRow>, StoreError> {
    let rows = sqlx::query("SELECT * FROM notices WHERE incident = $1 ORDER BY created_at, id")
        .bind(&id.0)
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(outbox::read).collect()
}

/// Notices of an activation, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn notices_of_activation(
    store: &Store,
    id: &ActivationId,
) -> Result<Vec<OutboxRow>, StoreError> {
    let rows = sqlx::query("SELECT * FROM notices WHERE activation = $1 ORDER BY created_at, id")
        .bind(&id.0)
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(outbox::read).collect()
}

/// Notices written in `[from, to)`, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn notices_between(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<OutboxRow>, StoreError> {
    let sql = "SELECT * FROM notices WHERE created_at >= $1 AND created_at < $2 \
               ORDER BY created_at, id";
    let rows =
        sqlx::query(sql).bind(micros(from)).bind(micros(to)).fetch_all(store.reader()).await?;
    rows.iter().map(outbox::read).collect()
}

/// One notice.
///
/// # Errors
/// When the database cannot be read.
pub async fn notice(store: &Store, id: &str) -> Result<Option<OutboxRow>, StoreError> {
    let row = sqlx::query("SELECT * FROM notices WHERE id = $1")
        .bind(id)
        .fetch_optional(store.reader())
        .await?;
    row.as_ref().map(outbox::read).transpose()
}

/// When a notice of this kind was last written about this step.
///
/// # Errors
/// When the database cannot be read.
pub async fn last_notice(
    store: &Store,
    kind: NoticeKind,
    step: &str,
) -> Result<Option<Timestamp>, StoreError> {
    let row =
        sqlx::query("SELECT MAX(created_at) AS last_at FROM notices WHERE kind = $1 AND step = $2")
            .bind(kind.as_str())
            .bind(step)
            .fetch_one(store.reader())
            .await?;
    row.try_get::<Option<i64>, _>("last_at")?.map(instant).transpose()
}

/// The attempts of one notice, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn attempts(store: &Store, id: &str) -> Result<Vec<AttemptRow>, StoreError> {
    let rows = sqlx::query("SELECT * FROM notice_attempts WHERE notice = $1 ORDER BY id")
        .bind(id)
        .fetch_all(store.reader())
        .await?;
    rows.iter()
        .map(|row| {
            Ok(AttemptRow {
                at: instant(row.try_get("at")?)?,
                outcome: row.try_get("outcome")?,
                detail: row.try_get("detail")?,
            })
        })
        .collect()
}

/// How many notices stand in each state, by channel: `(channel, state, rows)`.
///
/// # Errors
/// When the database cannot be read.
pub async fn notice_counts(store: &Store) -> Result<Vec<(String, String, u64)>, StoreError> {
    let rows = sqlx::query(
        "SELECT channel, state, COUNT(*) AS rows FROM notices GROUP BY channel, state \
         ORDER BY channel, state",
    )
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let count = u64::try_from(row.try_get::<i64, _>("rows")?).unwrap_or_default();
            Ok((row.try_get("channel")?, row.try_get("state")?, count))
        })
        .collect()
}
