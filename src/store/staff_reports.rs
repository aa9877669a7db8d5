//! "It is not working for me": evidence of its own, never mixed into availability.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, instant, micros};
use crate::domain::ids::{CohortId, TargetId};

/// What a member of staff said; who said it is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffReport {
    /// Made by whoever receives it, so that sending the form twice counts once.
    pub id: String,
    pub target: TargetId,
    pub cohort: CohortId,
    /// What did not work: a probe's id, or `other`.
    pub task: String,
    pub since_at: Timestamp,
    pub received_at: Timestamp,
}

/// Keeps a report; durable when it returns. The same id changes nothing and answers false.
///
/// # Errors
/// When the database cannot be written.
pub async fn add(store: &Store, report: &StaffReport) -> Result<bool, StoreError> {
    let added = sqlx::query(
        "INSERT INTO staff_reports (id, target, cohort, task, since_at, received_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING",
    )
    .bind(&report.id)
    .bind(report.target.as_str())
    .bind(report.cohort.as_str())
    .bind(&report.task)
    .bind(micros(report.since_at))
    .bind(micros(report.received_at))
    .execute(store.writer())
    .await?;
    Ok(added.rows_affected() > 0)
}

/// Reports received in `[from, to)`, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn between(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<StaffReport>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, target, cohort, task, since_at, received_at FROM staff_reports \
         WHERE received_at >= $1 AND received_at < $2 ORDER BY received_at, id",
    )
    .bind(micros(from))
    .bind(micros(to))
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(StaffReport {
                id: row.try_get("id")?,
                target: TargetId::new(row.try_get("target")?)
                    .map_err(|_| StoreError::Unreadable("target"))?,
                cohort: CohortId::new(row.try_get("cohort")?)
                    .map_err(|_| StoreError::Unreadable("cohort"))?,
                task: row.try_get("task")?,
                since_at: instant(row.try_get("since_at")?)?,
                received_at: instant(row.try_get("received_at")?)?,
            })
        })
        .collect()
}
