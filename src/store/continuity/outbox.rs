//! The outbox: claims with a lease and a fencing number, attempts, and what is in doubt.
//!
//! Nothing here sends. A row is claimed, marked as possibly sent, and its result recorded, each
//! in a transaction of its own; no transaction spans the sending.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use crate::domain::ids::PersonId;
use crate::domain::incident::{ActivationId, IncidentId};
use crate::domain::notice::{Channel, NoticeKind, NoticeState, Severity};
use crate::store::{Store, StoreError, instant, micros};

/// Rows in one claim: few enough to be sent within a lease.
pub const BATCH: u32 = 32;
/// The first pause after a temporary failure; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// After so many attempts that reached nobody, the next channel is tried as well.
const UNREACHABLE_ATTEMPTS: u32 = 3;

/// One notice to one recipient over one channel, as a sender gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: String,
    pub incident: Option<IncidentId>,
    pub activation: Option<ActivationId>,
    pub step: String,
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
    pub in_reply_to: Option<String>,
    pub state: NoticeState,
    pub attempts: u32,
    pub fence: i64,
    pub created_at: Timestamp,
    pub settled_at: Option<Timestamp>,
    pub next_attempt_at: Timestamp,
    pub give_up_at: Timestamp,
    /// What the receiver said, or why it failed.
    pub answer: String,
}

/// How an attempt ended, as far as the outbox has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    Sent(String),
    /// This recipient cannot be reached this way.
    Refused(String),
    /// Not now.
    Temporary(String, Option<Duration>),
    /// Nobody took it and nothing is known of the recipient.
    Unreachable(String),
    /// Nobody knows whether it was taken.
    InDoubt(String),
}

/// Claims what is due, most urgent first, under a lease; each row carries its fencing number.
///
/// # Errors
/// When the database cannot be written.
pub async fn claim_batch(
    store: &Store,
    now: Timestamp,
    lease: Duration,
) -> Result<Vec<OutboxRow>, StoreError> {
    let lease_until = now.checked_add(lease).unwrap_or(Timestamp::MAX);
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    give_up(&mut transaction, now).await?;
    release(&mut transaction, Some(now), now).await?;
    let rows = sqlx::query(
        "UPDATE notices SET state = 'claimed', fence = fence + 1, lease_until = $2, \
         attempts = attempts + 1 WHERE id IN (SELECT id FROM notices WHERE state = 'queued' \
         AND next_attempt_at <= $1 ORDER BY life_safety DESC, next_attempt_at, id LIMIT $3) \
         RETURNING *",
    )
    .bind(micros(now))
    .bind(micros(lease_until))
    .bind(i64::from(BATCH))
    .fetch_all(&mut *transaction)
    .await?;
    let mut claimed = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    claimed.sort_by_key(|row| (!row.life_safety, row.created_at));
    for row in &claimed {
        note(&mut transaction, &row.id, now, ("claimed", "")).await?;
    }
    transaction.commit().await?;
    Ok(claimed)
}

/// Marks a row as possibly sent, just before its text goes out. False when the claim was lost:
/// then it must not be sent.
///
/// # Errors
/// When the database cannot be written: then it must not be sent either.
pub async fn mark_data_sent(
    store: &Store,
    row: &OutboxRow,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    let marked = sqlx::query(
        "UPDATE notices SET state = 'data-sent' WHERE id = $1 AND fence = $2 AND state = 'claimed'",
    )
    .bind(&row.id)
    .bind(row.fence)
    .execute(&mut *transaction)
    .await?;
    if marked.rows_affected() == 1 {
        note(&mut transaction, &row.id, now, ("data-sent", "")).await?;
    }
    transaction.commit().await?;
    Ok(marked.rows_affected() == 1)
}

/// Records how an attempt ended. False when the claim was lost meanwhile; nothing changes then.
///
/// # Errors
/// When the database cannot be written.
pub async fn record_result(
    store: &Store,
    row: &OutboxRow,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    let held = sqlx::query(
        "SELECT resent FROM notices WHERE id = $1 AND fence = $2 \
         AND state IN ('claimed', 'data-sent')",
    )
    .bind(&row.id)
    .bind(row.fence)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(held) = held else { return Ok(false) };
    let resent: i64 = held.try_get("resent")?;
    match attempt {
        Attempt::Sent(answer) => {
            settle(&mut transaction, &row.id, (NoticeState::Sent, answer), now).await?;
            note(&mut transaction, &row.id, now, ("sent", answer)).await?;
        }
        Attempt::Refused(why) => {
            settle(&mut transaction, &row.id, (NoticeState::Failed, why), now).await?;
            note(&mut transaction, &row.id, now, ("refused", why)).await?;
            next_channel(&mut transaction, &row.id, now).await?;
        }
        Attempt::Temporary(why, retry_after) => {
            let pause = retry_after.unwrap_or_else(|| pause(row.attempts));
            requeue(&mut transaction, &row.id, now, pause).await?;
            note(&mut transaction, &row.id, now, ("temporary", why)).await?;
        }
        Attempt::Unreachable(why) => {
            requeue(&mut transaction, &row.id, now, pause(row.attempts)).await?;
            note(&mut transaction, &row.id, now, ("unreachable", why)).await?;
            if row.attempts >= UNREACHABLE_ATTEMPTS {
                next_channel(&mut transaction, &row.id, now).await?;
            }
        }
        Attempt::InDoubt(why) => {
            doubt(&mut transaction, &row.id, (row.life_safety && resent == 0, why), now).await?;
        }
    }
    transaction.commit().await?;
    Ok(true)
}

/// Takes back what a dead process held, at start: what was not sent is queued again; what may
/// have been sent is in doubt, and life-safety notices among those are sent once more with the
/// same Message-ID. Answers how many rows are in doubt now.
///
/// # Errors
/// When the database cannot be written.
pub async fn recover(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    release(&mut transaction, None, now).await?;
    transaction.commit().await?;
    in_doubt(store).await
}

/// How many notices wait for a person to say whether they arrived.
///
/// # Errors
/// When the database cannot be read.
pub async fn in_doubt(store: &Store) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) AS rows FROM notices WHERE state = 'in-doubt'")
        .fetch_one(store.reader())
        .await?;
    let rows: i64 = row.try_get("rows")?;
    Ok(u64::try_from(rows).unwrap_or_default())
}

/// A person settles a notice in doubt: it arrived, or it is sent once more. False when it was not
/// in doubt.
///
/// # Errors
/// When the database cannot be written.
pub async fn settle_doubt(
    store: &Store,
    id: &str,
    arrived: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let word = if arrived { "sent" } else { "queued" };
    let done = sqlx::query(
        "UPDATE notices SET state = $2, next_attempt_at = $3, settled_at = $3, \
         answer = 'settled by a person' WHERE id = $1 AND state = 'in-doubt'",
    )
    .bind(id)
    .bind(word)
    .bind(micros(now))
    .execute(store.writer())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The earliest instant at which a queued row is due.
///
/// # Errors
/// When the database cannot be read.
pub async fn next_due(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let row = sqlx::query("SELECT MIN(next_attempt_at) AS due FROM notices WHERE state = 'queued'")
        .fetch_one(store.reader())
        .await?;
    row.try_get::<Option<i64>, _>("due")?.map(instant).transpose()
}

/// Rows whose lease has run out, or all rows held when no instant is given.
async fn release(
    connection: &mut SqliteConnection,
    expired_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let before = expired_at.map_or(i64::MAX, micros);
    let held = sqlx::query(
        "SELECT id, state, life_safety, resent FROM notices \
         WHERE state IN ('claimed', 'data-sent') AND lease_until <= $1",
    )
    .bind(before)
    .fetch_all(&mut *connection)
    .await?;
    for row in held {
        let id: String = row.try_get("id")?;
        let state: String = row.try_get("state")?;
        if state == NoticeState::Claimed.as_str() {
            requeue(connection, &id, now, Duration::ZERO).await?;
            note(connection, &id, now, ("requeued", "the sender stopped before sending")).await?;
        } else {
            let life_safety: i64 = row.try_get("life_safety")?;
            let resent: i64 = row.try_get("resent")?;
            let again = life_safety == 1 && resent == 0;
            let why = "the sender stopped before it knew the answer";
            doubt(connection, &id, (again, why), now).await?;
        }
    }
    Ok(())
}

async fn doubt(
    connection: &mut SqliteConnection,
    id: &str,
    (send_again, why): (bool, &str),
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    note(connection, id, now, ("in-doubt", why)).await?;
    if send_again {
        sqlx::query("UPDATE notices SET resent = 1 WHERE id = $1")
            .bind(id)
            .execute(&mut *connection)
            .await?;
        requeue(connection, id, now, Duration::ZERO).await?;
        note(connection, id, now, ("requeued", "sent once more under the same Message-ID")).await
    } else {
        settle(connection, id, (NoticeState::InDoubt, why), now).await
    }
}

async fn give_up(connection: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
    let rows = sqlx::query("SELECT id FROM notices WHERE state = 'queued' AND give_up_at <= $1")
        .bind(micros(now))
        .fetch_all(&mut *connection)
        .await?;
    for row in rows {
        let id: String = row.try_get("id")?;
        settle(connection, &id, (NoticeState::Failed, "given up: too late to help"), now).await?;
        note(connection, &id, now, ("gave-up", "")).await?;
        next_channel(connection, &id, now).await?;
    }
    Ok(())
}

async fn settle(
    connection: &mut SqliteConnection,
    id: &str,
    (state, answer): (NoticeState, &str),
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE notices SET state = $2, answer = $3, settled_at = $4, lease_until = NULL \
         WHERE id = $1",
    )
    .bind(id)
    .bind(state.as_str())
    .bind(answer)
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

async fn requeue(
    connection: &mut SqliteConnection,
    id: &str,
    now: Timestamp,
    pause: Duration,
) -> Result<(), sqlx::Error> {
    let at = now.checked_add(pause).unwrap_or(Timestamp::MAX);
    sqlx::query(
        "UPDATE notices SET state = 'queued', next_attempt_at = $2, lease_until = NULL \
         WHERE id = $1",
    )
    .bind(id)
    .bind(micros(at))
    .execute(connection)
    .await?;
    Ok(())
}

async fn note(
    connection: &mut SqliteConnection,
    id: &str,
    now: Timestamp,
    (outcome, detail): (&str, &str),
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO notice_attempts (notice, at, outcome, detail) VALUES ($1, $2, $3, $4)",
    )
    .bind(id)
    .bind(micros(now))
    .bind(outcome)
    .bind(detail)
    .execute(connection)
    .await?;
    Ok(())
}

/// The same notice over the recipient's next channel, once; the id tells it apart.
async fn next_channel(
    connection: &mut SqliteConnection,
    id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT fallback FROM notices WHERE id = $1")
        .bind(id)
        .fetch_one(&mut *connection)
        .await?;
    let fallback: String = row.try_get("fallback")?;
    let mut fallback: Vec<(Channel, String)> =
        serde_json::from_str(&fallback).map_err(|_| StoreError::Unreadable("fallback"))?;
    if fallback.is_empty() {
        return Ok(());
    }
    let (channel, address) = fallback.remove(0);
    let rest = serde_json::to_string(&fallback).unwrap_or_else(|_| "[]".to_owned());
    let state = match channel {
        Channel::Console => NoticeState::Sent,
        _ => NoticeState::Queued,
    };
    sqlx::query(
        "INSERT INTO notices (id, idempotency_key, incident, activation, step, person, role, \
         channel, address, kind, severity, life_safety, subject, body, link, message_id, \
         in_reply_to, fallback, state, attempts, fence, next_attempt_at, give_up_at, created_at, \
         resent, answer) SELECT id || '-' || $2, idempotency_key || '/' || $2, incident, \
         activation, step, person, role, $2, $3, kind, severity, life_safety, subject, body, \
         link, $2 || '.' || message_id, NULL, $4, $5, 0, 0, $6, give_up_at + ($6 - created_at), \
         $6, 0, '' FROM notices WHERE id = $1 ON CONFLICT (idempotency_key) DO NOTHING",
    )
    .bind(id)
    .bind(channel.as_str())
    .bind(address)
    .bind(rest)
    .bind(state.as_str())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(())
}

fn pause(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(1).min(10);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

/// Reads one row of `notices`.
pub(super) fn read(row: &SqliteRow) -> Result<OutboxRow, StoreError> {
    let channel: String = row.try_get("channel")?;
    let kind: String = row.try_get("kind")?;
    let severity: String = row.try_get("severity")?;
    let state: String = row.try_get("state")?;
    let person: Option<String> = row.try_get("person")?;
    let incident: Option<String> = row.try_get("incident")?;
    let activation: Option<String> = row.try_get("activation")?;
    let unreadable = || StoreError::Unreadable("notice");
    Ok(OutboxRow {
        id: row.try_get("id")?,
        incident: incident.map(IncidentId),
        activation: activation.map(ActivationId),
        step: row.try_get("step")?,
        person: person.map(|id| PersonId::new(&id)).transpose().map_err(|_| unreadable())?,
        role: row.try_get("role")?,
        channel: Channel::parse(&channel).ok_or_else(unreadable)?,
        address: row.try_get("address")?,
        kind: NoticeKind::parse(&kind).ok_or_else(unreadable)?,
        severity: Severity::parse(&severity).ok_or_else(unreadable)?,
        life_safety: row.try_get::<i64, _>("life_safety")? == 1,
        subject: row.try_get("subject")?,
        body: row.try_get("body")?,
        link: row.try_get("link")?,
        message_id: row.try_get("message_id")?,
        in_reply_to: row.try_get("in_reply_to")?,
        state: NoticeState::parse(&state).ok_or_else(unreadable)?,
        attempts: u32::try_from(row.try_get::<i64, _>("attempts")?).unwrap_or(u32::MAX),
        fence: row.try_get("fence")?,
        created_at: instant(row.try_get("created_at")?)?,
        settled_at: row.try_get::<Option<i64>, _>("settled_at")?.map(instant).transpose()?,
        next_attempt_at: instant(row.try_get("next_attempt_at")?)?,
        give_up_at: instant(row.try_get("give_up_at")?)?,
        answer: row.try_get("answer")?,
    })
}
