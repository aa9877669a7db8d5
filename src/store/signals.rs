//! Numbers that probes read: how many cases nobody has, how old a feed is.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, instant, micros};
use crate::domain::ids::{SignalId, TargetId};
use crate::domain::signal::Reading;

/// A number that stays the same, or an age that grows, is kept this often.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// What a signal was over a period.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    pub target: TargetId,
    pub signal: SignalId,
    pub least: f64,
    pub most: f64,
    pub last: f64,
    pub last_read_at: Timestamp,
}

/// Keeps readings that say something new: at most one a minute of each signal.
///
/// # Errors
/// When the database cannot be written.
pub async fn keep(store: &Store, readings: &[Reading]) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin().await?;
    let every_us = i64::try_from(KEPT_EVERY.as_micros()).unwrap_or(i64::MAX);
    for reading in readings {
        let at = micros(reading.read_at);
        sqlx::query(
            "INSERT INTO signals (target, signal, read_at, value) \
             SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM signals \
             WHERE target = $1 AND signal = $2 AND read_at > $3 - $5 AND value = $4) \
             ON CONFLICT (target, signal, read_at) DO UPDATE SET value = excluded.value",
        )
        .bind(reading.target.as_str())
        .bind(reading.signal.as_str())
        .bind(at)
        .bind(reading.value)
        .bind(every_us)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The newest reading of every signal.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(store: &Store) -> Result<Vec<Reading>, StoreError> {
    let rows = sqlx::query(
        "SELECT target, signal, read_at, value FROM signals AS one WHERE read_at = \
         (SELECT MAX(read_at) FROM signals WHERE target = one.target AND signal = one.signal) \
         ORDER BY target, signal",
    )
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(reading).collect()
}

/// What each signal was in `[from, to)`.
///
/// # Errors
/// When the database cannot be read.
pub async fn between(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Range>, StoreError> {
    let rows = sqlx::query(
        "SELECT target, signal, read_at, value FROM signals \
         WHERE read_at >= $1 AND read_at < $2 ORDER BY read_at",
    )
    .bind(micros(from))
    .bind(micros(to))
    .fetch_all(store.reader())
    .await?;
    let mut ranges: BTreeMap<(TargetId, SignalId), Range> = BTreeMap::new();
    for row in &rows {
        let Reading { target, signal, value, read_at } = reading(row)?;
        let range = ranges.entry((target.clone(), signal.clone())).or_insert(Range {
            target,
            signal,
            least: value,
            most: value,
            last: value,
            last_read_at: read_at,
        });
        range.least = range.least.min(value);
        range.most = range.most.max(value);
        (range.last, range.last_read_at) = (value, read_at);
    }
    Ok(ranges.into_values().collect())
}

/// Forgets readings from before an instant.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(store: &Store, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM signals WHERE read_at < $1")
        .bind(micros(before))
        .execute(store.writer())
        .await?;
    Ok(())
}

fn reading(row: &SqliteRow) -> Result<Reading, StoreError> {
    Ok(Reading {
        target: TargetId::new(row.try_get("target")?)
            .map_err(|_| StoreError::Unreadable("target"))?,
        signal: SignalId::new(row.try_get("signal")?)
            .map_err(|_| StoreError::Unreadable("signal"))?,
        value: row.try_get("value")?,
        read_at: instant(row.try_get("read_at")?)?,
    })
}
