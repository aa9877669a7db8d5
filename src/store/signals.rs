//! Numbers that probes read: how many cases nobody has, how old a feed is.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, instant, micros};
use crate::domain::ids::{SignalId, TargetId};
use crate::domain::signal::Reading;

const MINUTE_US: i64 = 60_000_000;

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

/// Keeps readings: the newest of each signal, and one row a minute of what it was.
///
/// # Errors
/// When the database cannot be written.
pub async fn keep(store: &Store, readings: &[Reading]) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin().await?;
    keep_within(&mut transaction, readings).await?;
    transaction.commit().await?;
    Ok(())
}

/// The same within a transaction of somebody else.
pub(in crate::store) async fn keep_within(
    connection: &mut sqlx::SqliteConnection,
    readings: &[Reading],
) -> Result<(), StoreError> {
    for reading in readings {
        let at = micros(reading.read_at);
        sqlx::query(
            "INSERT INTO signals (target, signal, read_at, value) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (target, signal) DO UPDATE \
             SET read_at = excluded.read_at, value = excluded.value \
             WHERE excluded.read_at >= signals.read_at",
        )
        .bind(reading.target.as_str())
        .bind(reading.signal.as_str())
        .bind(at)
        .bind(reading.value)
        .execute(&mut *connection)
        .await?;
        sqlx::query(
            "INSERT INTO signal_minutes (minute, target, signal, least, most, last, read_at) \
             VALUES ($1, $2, $3, $4, $4, $4, $5) ON CONFLICT (minute, target, signal) DO UPDATE \
             SET least = CASE WHEN excluded.least < signal_minutes.least \
             THEN excluded.least ELSE signal_minutes.least END, \
             most = CASE WHEN excluded.most > signal_minutes.most \
             THEN excluded.most ELSE signal_minutes.most END, \
             last = excluded.last, read_at = excluded.read_at",
        )
        .bind(minute(at))
        .bind(reading.target.as_str())
        .bind(reading.signal.as_str())
        .bind(reading.value)
        .bind(at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The first microsecond of the minute an instant is in.
fn minute(at: i64) -> i64 {
    at - at.rem_euclid(MINUTE_US)
}

/// The newest reading of every signal.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(store: &Store) -> Result<Vec<Reading>, StoreError> {
    let rows = sqlx::query("SELECT target, signal, read_at, value FROM signals ORDER BY 1, 2")
        .fetch_all(store.reader())
        .await?;
    let reading = |row: &SqliteRow| {
        let (target, signal) = whose(row)?;
        let (value, read_at) = (row.try_get("value")?, instant(row.try_get("read_at")?)?);
        Ok(Reading { target, signal, value, read_at })
    };
    rows.iter().map(reading).collect()
}

/// What each signal was from the minute that `from` is in until `to`.
///
/// # Errors
/// When the database cannot be read.
pub async fn between(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Range>, StoreError> {
    let rows = sqlx::query(
        "SELECT p.target, p.signal, p.least, p.most, m.last, m.read_at FROM \
         (SELECT target, signal, MIN(least) AS least, MAX(most) AS most, MAX(minute) AS minute \
         FROM signal_minutes WHERE minute >= $1 AND minute < $2 GROUP BY target, signal) p \
         JOIN signal_minutes m ON m.minute = p.minute AND m.target = p.target \
         AND m.signal = p.signal ORDER BY p.target, p.signal",
    )
    .bind(minute(micros(from)))
    .bind(micros(to))
    .fetch_all(store.reader())
    .await?;
    let range = |row: &SqliteRow| {
        let (target, signal) = whose(row)?;
        Ok(Range {
            target,
            signal,
            least: row.try_get("least")?,
            most: row.try_get("most")?,
            last: row.try_get("last")?,
            last_read_at: instant(row.try_get("read_at")?)?,
        })
    };
    rows.iter().map(range).collect()
}

/// Forgets readings from before an instant.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(store: &Store, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM signal_minutes WHERE minute < $1")
        .bind(micros(before))
        .execute(store.writer())
        .await?;
    Ok(())
}

fn whose(row: &SqliteRow) -> Result<(TargetId, SignalId), StoreError> {
    let target = TargetId::new(row.try_get("target")?);
    let signal = SignalId::new(row.try_get("signal")?);
    let signal = signal.map_err(|_| StoreError::Unreadable("signal"))?;
    Ok((target.map_err(|_| StoreError::Unreadable("target"))?, signal))
}
