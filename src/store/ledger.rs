//! The record of every slot: what each probe found at each location.
//!
//! Checks are written and read only here. A slot has one terminal check; appending it again
//! changes nothing. Missed slots in a row are one row. It must not judge what it keeps.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};

use super::{Store, StoreError, instant, micros};
use crate::domain::agent::MissedSlots;
use crate::domain::check::{Check, CheckKind, Evidence, Gap, Outcome, StepTiming};
use crate::domain::ids::{LocationId, ProbeId, TargetId};

/// Rows pruned in one go, so that pruning never holds the writer for long.
const PRUNE_BATCH: i64 = 2_000;

/// What is appended: a check, or a run of slots that went by with nobody there.
#[derive(Clone, Debug)]
pub enum Entry {
    Check { check: Check, interval_us: i64 },
    Missed(MissedSlots),
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

#[derive(serde::Serialize)]
struct DetailsRef<'a> {
    steps: &'a [StepTiming],
    evidence: Option<&'a Evidence>,
}

#[derive(serde::Deserialize)]
pub(in crate::store) struct Details {
    steps: Vec<StepTiming>,
    pub(in crate::store) evidence: Option<Evidence>,
}

/// Rows a statement takes; a batch is cut into these, so that few statements serve every length.
const CHUNKS: [usize; 5] = [256, 64, 16, 4, 1];

/// Writes checks, all of them or none; durable when it returns.
///
/// # Errors
/// When the database cannot be written; nothing of the batch is kept then.
pub async fn append(store: &Store, entries: &[Entry]) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    append_within(&mut transaction, entries).await?;
    transaction.commit().await?;
    Ok(())
}

/// The same within a transaction of somebody else.
pub(in crate::store) async fn append_within(
    connection: &mut sqlx::SqliteConnection,
    entries: &[Entry],
) -> Result<(), StoreError> {
    let rows: Vec<Row> = entries.iter().map(row).collect::<Result<_, _>>()?;
    let mut rows = rows.as_slice();
    for length in CHUNKS {
        while rows.len() >= length {
            let (chunk, rest) = rows.split_at(length);
            append_chunk(connection, chunk).await?;
            rows = rest;
        }
    }
    Ok(())
}

/// A row of the ledger as it is written, with the details that go beside it.
struct Row<'a> {
    target: &'a TargetId,
    probe: &'a ProbeId,
    location: &'a LocationId,
    kind: CheckKind,
    slot_at: i64,
    slots: u32,
    interval_us: i64,
    finished_at: i64,
    latency_ms: u32,
    outcome: Outcome,
    details: Option<String>,
}

fn row(entry: &Entry) -> Result<Row<'_>, StoreError> {
    Ok(match entry {
        Entry::Check { check, interval_us } => Row {
            target: &check.target,
            probe: &check.probe,
            location: &check.location,
            kind: check.kind,
            slot_at: micros(check.slot_at),
            slots: 1,
            interval_us: *interval_us,
            finished_at: micros(check.finished_at),
            latency_ms: check.latency_ms,
            outcome: check.outcome,
            details: details(check)?,
        },
        Entry::Missed(run) => Row {
            target: &run.target,
            probe: &run.probe,
            location: &run.location,
            kind: CheckKind::Slot,
            slot_at: micros(run.first_slot_at),
            slots: run.slots,
            interval_us: run.interval_us,
            finished_at: micros(run.first_slot_at),
            latency_ms: 0,
            outcome: run.gap.outcome(),
            details: Some(written(&[], Some(&why(run.gap)))?),
        },
    })
}

fn details(check: &Check) -> Result<Option<String>, StoreError> {
    if check.steps.is_empty() && check.evidence.is_none() {
        return Ok(None);
    }
    written(&check.steps, check.evidence.as_ref()).map(Some)
}

fn written(steps: &[StepTiming], evidence: Option<&Evidence>) -> Result<String, StoreError> {
    let text = serde_json::to_string(&DetailsRef { steps, evidence });
    text.map_err(|_| StoreError::Unreadable("check's details"))
}

/// Why slots have no check of their own.
fn why(gap: Gap) -> Evidence {
    Evidence { step: None, address: None, detail: gap.words().to_owned() }
}

async fn append_chunk(
    connection: &mut sqlx::SqliteConnection,
    rows: &[Row<'_>],
) -> Result<(), StoreError> {
    let sql = insert(
        "checks (target, probe, location, kind, slot_at, slots, interval_us, finished_at, \
         latency_ms, outcome)",
        rows.len(),
        10,
    );
    let sql = sql + " ON CONFLICT DO NOTHING RETURNING id, probe, location, kind, slot_at";
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for row in rows {
        query = query
            .bind(row.target.as_str())
            .bind(row.probe.as_str())
            .bind(row.location.as_str())
            .bind(kind_code(row.kind))
            .bind(row.slot_at)
            .bind(i64::from(row.slots))
            .bind(row.interval_us)
            .bind(row.finished_at)
            .bind(i64::from(row.latency_ms))
            .bind(outcome_code(row.outcome));
    }
    let written = query.fetch_all(&mut *connection).await?;
    // Those that stood there already keep the details they have; order is not promised.
    let mut ids: HashMap<(&str, &str, i64, i64), i64> = HashMap::with_capacity(written.len());
    for row in &written {
        let key = (
            row.try_get("probe")?,
            row.try_get("location")?,
            row.try_get("kind")?,
            row.try_get("slot_at")?,
        );
        ids.insert(key, row.try_get("id")?);
    }
    let detailed: Vec<(i64, &Row<'_>, &str)> = rows
        .iter()
        .filter_map(|row| {
            let details = row.details.as_deref()?;
            let (probe, location) = (row.probe.as_str(), row.location.as_str());
            let id = ids.remove(&(probe, location, kind_code(row.kind), row.slot_at))?;
            Some((id, row, details))
        })
        .collect();
    append_details(connection, &detailed).await
}

async fn append_details(
    connection: &mut sqlx::SqliteConnection,
    rows: &[(i64, &Row<'_>, &str)],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = insert("check_details (check_id, slot_at, keep, document)", rows.len(), 4);
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for (id, row, document) in rows {
        let keep = i64::from(row.outcome != Outcome::Passed);
        query = query.bind(*id).bind(row.slot_at).bind(keep).bind(*document);
    }
    query.execute(connection).await?;
    Ok(())
}

/// `INSERT INTO … VALUES (?, …), …` for so many rows of so many columns. The marks have no numbers,
/// because the driver looks each number up among all of them, which is slow for thousands.
fn insert(into: &str, rows: usize, columns: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("INSERT INTO {into} VALUES {}", vec![row.as_str(); rows].join(", "))
}

pub(in crate::store) const COLUMNS: &str = "c.id, c.target, c.probe, c.location, c.kind, \
    c.slot_at, c.slots, c.interval_us, c.latency_ms, c.outcome";

/// A run of missed slots that began before the range may reach into it, hence the second bound.
pub(in crate::store) const WITHIN: &str = "c.slot_at < $2 \
    AND c.slot_at + (c.slots - 1) * c.interval_us >= $1 \
    AND ($3 IS NULL OR c.target = $3) AND ($4 IS NULL OR c.probe = $4) \
    AND ($5 IS NULL OR c.location = $5)";

/// A query with [`WITHIN`] in it, its parameters bound; further ones begin at `$6`.
pub(in crate::store) fn within(sql: String, range: &Range) -> Query<'_, Sqlite, SqliteArguments> {
    sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(micros(range.from))
        .bind(micros(range.to))
        .bind(range.target.as_ref().map(TargetId::as_str))
        .bind(range.probe.as_ref().map(ProbeId::as_str))
        .bind(range.location.as_ref().map(LocationId::as_str))
}

/// The checks of a range by slot, confirmations included.
///
/// # Errors
/// When the database cannot be read.
pub async fn range(store: &Store, range: &Range) -> Result<Vec<Recorded>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM checks c WHERE {WITHIN} ORDER BY c.slot_at, c.id");
    let rows = within(sql, range).fetch_all(store.reader()).await?;
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
    let rows = within(sql, range)
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

pub(in crate::store) fn recorded(row: &SqliteRow) -> Result<Recorded, StoreError> {
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
