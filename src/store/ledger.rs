//! The record of every slot: what each probe found at each location.
//!
//! Checks are written and read only here. A slot has one terminal check; appending it again
//! changes nothing. Missed slots in a row are one row. It must not judge what it keeps.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, instant, micros};
use crate::domain::check::{Check, CheckKind, Evidence, Outcome, StepTiming};
use crate::domain::ids::{LocationId, ProbeId, TargetId};

/// Rows pruned in one go, so that pruning never holds the writer for long.
const PRUNE_BATCH: i64 = 2_000;

/// What is appended: a check, or a run of slots that went by with nobody there.
#[derive(Clone, Debug)]
pub enum Entry {
    Check { check: Check, interval_us: i64 },
    Missed(MissedRun),
}

/// Slots in a row that nobody ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedRun {
    pub target: TargetId,
    pub probe: ProbeId,
    pub location: LocationId,
    pub first_slot_at: Timestamp,
    pub slots: u32,
    pub interval_us: i64,
}

/// One row of the ledger: a check, or `slots` missed ones in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub target: TargetId,
    pub probe: ProbeId,
    pub location: LocationId,
    pub kind: CheckKind,
    pub slot_at: Timestamp,
    pub slots: u32,
    pub interval_us: i64,
    pub latency_ms: u32,
    pub outcome: Outcome,
}

/// Which part of the ledger is wanted; absent fields do not restrict.
#[derive(Clone, Debug, Default)]
pub struct Range {
    pub target: Option<TargetId>,
    pub probe: Option<ProbeId>,
    pub location: Option<LocationId>,
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// A check with the timings and evidence that were kept of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Detailed {
    pub check: Recorded,
    pub steps: Vec<StepTiming>,
    pub evidence: Option<Evidence>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Details {
    steps: Vec<StepTiming>,
    evidence: Option<Evidence>,
}

/// Writes checks, all of them or none; durable when it returns.
///
/// # Errors
/// When the database cannot be written; nothing of the batch is kept then.
pub async fn append(store: &Store, entries: &[Entry]) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    for entry in entries {
        match entry {
            Entry::Check { check, interval_us } => {
                append_check(&mut transaction, check, *interval_us).await?;
            }
            Entry::Missed(run) => append_missed(&mut transaction, run).await?,
        }
    }
    transaction.commit().await?;
    Ok(())
}

const INSERT: &str = "INSERT INTO checks (target, probe, location, kind, slot_at, slots, \
    interval_us, finished_at, latency_ms, outcome) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING id";

async fn append_check(
    connection: &mut sqlx::SqliteConnection,
    check: &Check,
    interval_us: i64,
) -> Result<(), StoreError> {
    let inserted: Option<i64> = sqlx::query_scalar(INSERT)
        .bind(check.target.as_str())
        .bind(check.probe.as_str())
        .bind(check.location.as_str())
        .bind(kind_code(check.kind))
        .bind(micros(check.slot_at))
        .bind(1_i64)
        .bind(interval_us)
        .bind(micros(check.finished_at))
        .bind(i64::from(check.latency_ms))
        .bind(outcome_code(check.outcome))
        .fetch_optional(&mut *connection)
        .await?;
    let Some(id) = inserted else { return Ok(()) };
    if check.steps.is_empty() && check.evidence.is_none() {
        return Ok(());
    }
    let details = Details { steps: check.steps.clone(), evidence: check.evidence.clone() };
    let document =
        serde_json::to_string(&details).map_err(|_| StoreError::Unreadable("check's details"))?;
    sqlx::query(
        "INSERT INTO check_details (check_id, slot_at, keep, document) VALUES ($1, $2, $3, $4)",
    )
    .bind(id)
    .bind(micros(check.slot_at))
    .bind(i64::from(check.outcome != Outcome::Passed))
    .bind(document)
    .execute(connection)
    .await?;
    Ok(())
}

async fn append_missed(
    connection: &mut sqlx::SqliteConnection,
    run: &MissedRun,
) -> Result<(), StoreError> {
    let _: Option<i64> = sqlx::query_scalar(INSERT)
        .bind(run.target.as_str())
        .bind(run.probe.as_str())
        .bind(run.location.as_str())
        .bind(kind_code(CheckKind::Slot))
        .bind(micros(run.first_slot_at))
        .bind(i64::from(run.slots))
        .bind(run.interval_us)
        .bind(micros(run.first_slot_at))
        .bind(0_i64)
        .bind(outcome_code(Outcome::Missed))
        .fetch_optional(connection)
        .await?;
    Ok(())
}

const COLUMNS: &str = "c.id, c.target, c.probe, c.location, c.kind, c.slot_at, c.slots, \
    c.interval_us, c.latency_ms, c.outcome";

/// A run of missed slots that began before the range may reach into it, hence the second bound.
const WITHIN: &str = "c.slot_at < $2 AND c.slot_at + (c.slots - 1) * c.interval_us >= $1 \
    AND ($3 IS NULL OR c.target = $3) AND ($4 IS NULL OR c.probe = $4) \
    AND ($5 IS NULL OR c.location = $5)";

/// The checks of a range by slot, confirmations included.
///
/// # Errors
/// When the database cannot be read.
pub async fn range(store: &Store, range: &Range) -> Result<Vec<Recorded>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM checks c WHERE {WITHIN} ORDER BY c.slot_at, c.id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(micros(range.from))
        .bind(micros(range.to))
        .bind(range.target.as_ref().map(TargetId::as_str))
        .bind(range.probe.as_ref().map(ProbeId::as_str))
        .bind(range.location.as_ref().map(LocationId::as_str))
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(recorded).collect()
}

/// The latest checks of a range that have details, newest first, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest_detailed(
    store: &Store,
    range: &Range,
    only_failures: bool,
    limit: u32,
) -> Result<Vec<Detailed>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, d.document FROM checks c JOIN check_details d ON d.check_id = c.id \
         WHERE {WITHIN} AND ($6 = 0 OR d.keep = 1) ORDER BY c.slot_at DESC, c.id DESC LIMIT $7"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(micros(range.from))
        .bind(micros(range.to))
        .bind(range.target.as_ref().map(TargetId::as_str))
        .bind(range.probe.as_ref().map(ProbeId::as_str))
        .bind(range.location.as_ref().map(LocationId::as_str))
        .bind(i64::from(only_failures))
        .bind(i64::from(limit))
        .fetch_all(store.reader())
        .await?;
    rows.iter()
        .map(|row| {
            let document: String = row.try_get("document")?;
            let details: Details = serde_json::from_str(&document)
                .map_err(|_| StoreError::Unreadable("check's details"))?;
            Ok(Detailed { check: recorded(row)?, steps: details.steps, evidence: details.evidence })
        })
        .collect()
}

/// The last slot on record of each probe and location, from which missed slots are counted.
///
/// # Errors
/// When the database cannot be read.
pub async fn last_slots(
    store: &Store,
) -> Result<Vec<(ProbeId, LocationId, Timestamp)>, StoreError> {
    let rows = sqlx::query(
        "SELECT probe, location, MAX(slot_at + (slots - 1) * interval_us) AS last \
         FROM checks WHERE kind = 0 GROUP BY probe, location",
    )
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let probe = id(row, "probe", ProbeId::new)?;
            let location = id(row, "location", LocationId::new)?;
            Ok((probe, location, instant(row.try_get("last")?)?))
        })
        .collect()
}

/// Forgets the step timings of passed checks before `before`; a batch at a time.
///
/// # Errors
/// When the database cannot be written.
pub async fn prune_details(store: &Store, before: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM check_details WHERE check_id IN (SELECT check_id FROM check_details \
         WHERE keep = 0 AND slot_at < $1 ORDER BY slot_at LIMIT $2)",
    )
    .bind(micros(before))
    .bind(PRUNE_BATCH)
    .execute(store.writer())
    .await?;
    Ok(done.rows_affected())
}

fn recorded(row: &SqliteRow) -> Result<Recorded, StoreError> {
    let outcome: i64 = row.try_get("outcome")?;
    let outcome = usize::try_from(outcome).ok().and_then(|code| Outcome::ALL.get(code).copied());
    Ok(Recorded {
        target: id(row, "target", TargetId::new)?,
        probe: id(row, "probe", ProbeId::new)?,
        location: id(row, "location", LocationId::new)?,
        kind: if row.try_get::<i64, _>("kind")? == 0 {
            CheckKind::Slot
        } else {
            CheckKind::Confirmation
        },
        slot_at: instant(row.try_get("slot_at")?)?,
        slots: u32::try_from(row.try_get::<i64, _>("slots")?)
            .map_err(|_| StoreError::Unreadable("count of slots"))?,
        interval_us: row.try_get("interval_us")?,
        latency_ms: u32::try_from(row.try_get::<i64, _>("latency_ms")?)
            .map_err(|_| StoreError::Unreadable("latency"))?,
        outcome: outcome.ok_or(StoreError::Unreadable("outcome"))?,
    })
}

fn id<T, E>(
    row: &SqliteRow,
    column: &'static str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    read(row.try_get::<&str, _>(column)?).map_err(|_| StoreError::Unreadable(column))
}

fn kind_code(kind: CheckKind) -> i64 {
    match kind {
        CheckKind::Slot => 0,
        CheckKind::Confirmation => 1,
    }
}

fn outcome_code(outcome: Outcome) -> i64 {
    let code = Outcome::ALL.iter().position(|known| *known == outcome);
    code.and_then(|code| i64::try_from(code).ok()).unwrap_or(i64::MAX)
}
