//! What probes wrote and must take back: on disk before the write is sent.
//!
//! A row is settled when the record is known to be gone. It must not hold a secret, nor a value
//! that a session depends on: those are had anew by whoever takes the record back.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError, instant, micros};
use crate::domain::ids::{LocationId, ProbeId, StepId, TargetId};

/// Records of a target that may be left behind at once; then nothing more is written to it.
const MOST_OPEN: i64 = 3;
/// Settled rows are kept this long, for whoever asks what was written.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// A write that is about to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// `${run.id}` and `${run.time}` of the run that writes.
    pub run: String,
    pub run_time: String,
    pub target: TargetId,
    pub probe: ProbeId,
    pub location: LocationId,
    /// The first step of the run that writes.
    pub step: StepId,
    /// Which of the target's accounts writes, counted from 0.
    pub account: u32,
    pub test_office: String,
    pub planned_at: Timestamp,
}

/// A write that was not taken back yet, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compensation {
    pub id: i64,
    #[serde(flatten)]
    pub planned: Planned,
    /// What the write's answer gave and taking back needs.
    pub captured: BTreeMap<String, String>,
    /// How often taking it back was tried after its run.
    pub attempts: u32,
    /// What the last attempt failed at.
    pub fault: Option<String>,
}

/// How it came to be known that the record is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettledBy {
    /// The run took it back itself.
    Run,
    Janitor,
    /// The target says that there is no such record.
    Absent,
    /// Somebody took it back by hand and said so.
    Person,
}

impl SettledBy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Janitor => "janitor",
            Self::Absent => "absent",
            Self::Person => "person",
        }
    }
}

/// Notes a write before it is sent, if it may be sent: none to the same target since
/// `none_since`, and not too many left behind there. Durable when it returns.
///
/// # Errors
/// When the database cannot be written; then the write must not be sent.
pub async fn plan(
    store: &Store,
    planned: &Planned,
    none_since: Timestamp,
) -> Result<Option<i64>, StoreError> {
    // A transaction of its own: a row comes back before the statement's end is on disk, and whether
    // it got there only a commit says.
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    let id = sqlx::query_scalar(
        "INSERT INTO compensations (run, run_time, target, probe, location, step, account, \
         test_office, captured, planned_at, attempts) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, '{}', $9, 0 \
         WHERE NOT EXISTS (SELECT 1 FROM compensations WHERE target = $3 AND planned_at > $10) \
         AND (SELECT COUNT(*) FROM compensations WHERE target = $3 AND settled_at IS NULL) < $11 \
         RETURNING id",
    )
    .bind(&planned.run)
    .bind(&planned.run_time)
    .bind(planned.target.as_str())
    .bind(planned.probe.as_str())
    .bind(planned.location.as_str())
    .bind(planned.step.as_str())
    .bind(i64::from(planned.account))
    .bind(&planned.test_office)
    .bind(micros(planned.planned_at))
    .bind(micros(none_since))
    .bind(MOST_OPEN)
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(id)
}

/// Keeps what the write's answer gave. Durable when it returns.
///
/// # Errors
/// When the database cannot be written.
pub async fn keep(
    store: &Store,
    id: i64,
    captured: &BTreeMap<String, String>,
) -> Result<(), StoreError> {
    let captured =
        serde_json::to_string(captured).map_err(|_| StoreError::Unreadable("captured value"))?;
    sqlx::query("UPDATE compensations SET captured = $2 WHERE id = $1")
        .bind(id)
        .bind(captured)
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Notes that an attempt to take it back failed, and at what.
///
/// # Errors
/// When the database cannot be written.
pub async fn failed(store: &Store, id: i64, fault: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE compensations SET attempts = attempts + 1, fault = $2 WHERE id = $1")
        .bind(id)
        .bind(fault)
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Notes that the record is gone; false when that was known already. Forgets rows long settled.
///
/// # Errors
/// When the database cannot be written.
pub async fn settle(
    store: &Store,
    id: i64,
    by: SettledBy,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let settled = sqlx::query(
        "UPDATE compensations SET settled_at = $2, settled_by = $3, fault = NULL \
         WHERE id = $1 AND settled_at IS NULL",
    )
    .bind(id)
    .bind(micros(now))
    .bind(by.as_str())
    .execute(store.writer())
    .await?;
    sqlx::query("DELETE FROM compensations WHERE settled_at < $1")
        .bind(micros(now.checked_sub(KEPT).unwrap_or(Timestamp::MIN)))
        .execute(store.writer())
        .await?;
    Ok(settled.rows_affected() > 0)
}

/// Every write that is not known to be taken back, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn open(store: &Store) -> Result<Vec<Compensation>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, run, run_time, target, probe, location, step, account, test_office, captured, \
         planned_at, attempts, fault FROM compensations WHERE settled_at IS NULL \
         ORDER BY planned_at, id",
    )
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(compensation).collect()
}

fn compensation(row: &SqliteRow) -> Result<Compensation, StoreError> {
    let wrong = |what| move |_| StoreError::Unreadable(what);
    let captured: &str = row.try_get("captured")?;
    let count = |column, what| -> Result<u32, StoreError> {
        u32::try_from(row.try_get::<i64, _>(column)?).map_err(wrong(what))
    };
    Ok(Compensation {
        id: row.try_get("id")?,
        planned: Planned {
            run: row.try_get("run")?,
            run_time: row.try_get("run_time")?,
            target: TargetId::new(row.try_get("target")?)
                .map_err(|_| StoreError::Unreadable("target"))?,
            probe: ProbeId::new(row.try_get("probe")?)
                .map_err(|_| StoreError::Unreadable("probe"))?,
            location: LocationId::new(row.try_get("location")?)
                .map_err(|_| StoreError::Unreadable("location"))?,
            step: StepId::new(row.try_get("step")?).map_err(|_| StoreError::Unreadable("step"))?,
            account: count("account", "number of an account")?,
            test_office: row.try_get("test_office")?,
            planned_at: instant(row.try_get("planned_at")?)?,
        },
        captured: serde_json::from_str(captured)
            .map_err(|_| StoreError::Unreadable("captured value"))?,
        attempts: count("attempts", "count of attempts")?,
        fault: row.try_get("fault")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(run: &str, at: Timestamp) -> Planned {
        Planned {
            run: run.to_owned(),
            run_time: at.to_string(),
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("intake").unwrap(),
            location: LocationId::new("noarlunga").unwrap(),
            step: StepId::new("lodge").unwrap(),
            account: 1,
            test_office: "Test office".to_owned(),
            planned_at: at,
        }
    }

    #[tokio::test]
    async fn writes_are_seldom_and_stop_when_too_many_are_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("holdfast.db");
        let store = Store::open(&path).await.unwrap();
        let start: Timestamp = "2023-03-01T09:00:00Z".parse().unwrap();
        let minutes = SignedDuration::from_mins;
        let write = async |store: &Store, minute: i64| {
            let at = start + minutes(minute);
            let planned = planned(&format!("run-{minute}"), at);
            plan(store, &planned, at - minutes(15)).await.unwrap()
        };
        let first = write(&store, 0).await.unwrap();
        assert_eq!(write(&store, 14).await, None, "one in fifteen minutes");
        assert!(write(&store, 15).await.is_some());
        assert!(write(&store, 30).await.is_some());
        assert_eq!(write(&store, 60).await, None, "three are left behind");

        let captured = [("reference".to_owned(), "N-00042".to_owned())].into();
        keep(&store, first, &captured).await.unwrap();
        failed(&store, first, "the connection was refused").await.unwrap();
        store.close().await;
        let store = Store::open(&path).await.unwrap();
        let left = open(&store).await.unwrap();
        assert_eq!(left.len(), 3);
        assert_eq!(left[0].planned, planned("run-0", start));
        assert_eq!((&left[0].captured, left[0].attempts), (&captured, 1));
        assert_eq!(left[0].fault.as_deref(), Some("the connection was refused"));

        assert!(settle(&store, first, SettledBy::Janitor, start).await.unwrap());
        assert!(!settle(&store, first, SettledBy::Person, start).await.unwrap());
        assert!(write(&store, 60).await.is_some(), "there is room for one more");
        let later = start + minutes(60 * 24 * 91);
        for one in open(&store).await.unwrap() {
            settle(&store, one.id, SettledBy::Run, later).await.unwrap();
        }
        let kept: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM compensations")
            .fetch_one(store.reader())
            .await
            .unwrap();
        assert_eq!(kept, 3, "the one settled three months ago is forgotten");
    }
}
