//! What detection said: the verdicts in force, their history, and outages with theirs.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreError, instant, micros};
use crate::domain::ids::{CohortId, TargetId};
use crate::domain::outage::{DetectionEvent, Outage, OutageChange, OutageId, VerdictChange};
use crate::domain::verdict::Verdict;

/// The verdict in force of a target for a cohort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub target: TargetId,
    pub cohort: CohortId,
    pub verdict: Verdict,
    pub since: Timestamp,
    pub detected_at: Timestamp,
}

/// Writes what detection said, in order, all of it or none; durable when it returns.
///
/// # Errors
/// When the database cannot be written.
pub async fn record(
    store: &Store,
    events: &[DetectionEvent],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    for event in events {
        match event {
            DetectionEvent::Verdict(change) => record_verdict(&mut transaction, change).await?,
            DetectionEvent::Outage { change, outage } => {
                record_outage(&mut transaction, change, outage, now).await?;
            }
        }
    }
    transaction.commit().await?;
    Ok(())
}

async fn record_verdict(
    connection: &mut sqlx::SqliteConnection,
    change: &VerdictChange,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO verdicts (target, cohort, verdict, since, detected_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (target, cohort) DO UPDATE SET \
         verdict = excluded.verdict, since = excluded.since, detected_at = excluded.detected_at",
    )
    .bind(change.target.as_str())
    .bind(change.cohort.as_str())
    .bind(change.to.as_str())
    .bind(micros(change.since))
    .bind(micros(change.detected_at))
    .execute(&mut *connection)
    .await?;
    record_change(connection, change).await
}

async fn record_change(
    connection: &mut sqlx::SqliteConnection,
    change: &VerdictChange,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO verdict_changes (target, cohort, was, became, since, detected_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(change.target.as_str())
    .bind(change.cohort.as_str())
    .bind(change.from.as_str())
    .bind(change.to.as_str())
    .bind(micros(change.since))
    .bind(micros(change.detected_at))
    .execute(connection)
    .await?;
    Ok(())
}

async fn record_outage(
    connection: &mut sqlx::SqliteConnection,
    change: &OutageChange,
    outage: &Outage,
    now: Timestamp,
) -> Result<(), StoreError> {
    // What says it began later did not know yet what came late.
    let known: Option<i64> = sqlx::query_scalar("SELECT began_at FROM outages WHERE id = $1")
        .bind(&outage.id.0)
        .fetch_optional(&mut *connection)
        .await?;
    let began_at = known.map(instant).transpose()?.unwrap_or(outage.began_at).min(outage.began_at);
    let outage = &Outage { began_at, ..outage.clone() };
    let document = serde_json::to_string(outage).map_err(|_| StoreError::Unreadable("outage"))?;
    sqlx::query(
        "INSERT INTO outages (id, target, began_at, detected_at, ended_at, document) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET \
         began_at = excluded.began_at, ended_at = excluded.ended_at, document = excluded.document",
    )
    .bind(&outage.id.0)
    .bind(outage.target.as_str())
    .bind(micros(outage.began_at))
    .bind(micros(outage.detected_at))
    .bind(outage.ended_at.map(micros))
    .bind(&document)
    .execute(&mut *connection)
    .await?;
    let word = match change {
        OutageChange::Began => "began",
        OutageChange::Changed => "changed",
        OutageChange::Ended => "ended",
    };
    sqlx::query(
        "INSERT INTO outage_changes (outage, at, change, document) VALUES ($1, $2, $3, $4)",
    )
    .bind(&outage.id.0)
    .bind(micros(now))
    .bind(word)
    .bind(document)
    .execute(connection)
    .await?;
    Ok(())
}

/// What history is revised with: of one target, over a stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Revision {
    /// In place of what was said of these cohorts in the stretch.
    pub cohorts: Vec<CohortId>,
    pub verdicts: Vec<VerdictChange>,
    /// Outages that are over and were not known.
    pub outages: Vec<Outage>,
    /// Known ones, and what they are widened by.
    pub wider: Vec<(OutageId, Outage)>,
}

/// Revises history, all of it or nothing; what is in force stays.
///
/// # Errors
/// When the database cannot be written.
pub async fn revise(
    store: &Store,
    target: &TargetId,
    (from, to): (Timestamp, Timestamp),
    revision: &Revision,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    for cohort in &revision.cohorts {
        sqlx::query(
            "DELETE FROM verdict_changes WHERE target = $1 AND cohort = $2 \
             AND detected_at >= $3 AND detected_at < $4",
        )
        .bind(target.as_str())
        .bind(cohort.as_str())
        .bind(micros(from))
        .bind(micros(to))
        .execute(&mut *transaction)
        .await?;
    }
    for change in &revision.verdicts {
        record_change(&mut transaction, change).await?;
    }
    for outage in &revision.outages {
        record_outage(&mut transaction, &OutageChange::Began, outage, now).await?;
        record_outage(&mut transaction, &OutageChange::Ended, outage, now).await?;
    }
    for (id, by) in &revision.wider {
        widen(&mut transaction, (id, by), now).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Widens an outage as it stands now: detection may have gone on with it meanwhile.
async fn widen(
    connection: &mut sqlx::SqliteConnection,
    (id, by): (&OutageId, &Outage),
    now: Timestamp,
) -> Result<(), StoreError> {
    let document: Option<String> = sqlx::query_scalar("SELECT document FROM outages WHERE id = $1")
        .bind(&id.0)
        .fetch_optional(&mut *connection)
        .await?;
    let Some(known) = document.map(|document| outage_from(&document)).transpose()? else {
        return Ok(());
    };
    let wider = known.clone().widened(by);
    if wider == known {
        return Ok(());
    }
    record_outage(connection, &OutageChange::Changed, &wider, now).await
}

/// Every verdict in force.
///
/// # Errors
/// When the database cannot be read.
pub async fn standings(store: &Store) -> Result<Vec<Standing>, StoreError> {
    let rows = sqlx::query(
        "SELECT target, cohort, verdict, since, detected_at FROM verdicts ORDER BY target, cohort",
    )
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Standing {
                target: TargetId::new(row.try_get("target")?)
                    .map_err(|_| StoreError::Unreadable("target"))?,
                cohort: CohortId::new(row.try_get("cohort")?)
                    .map_err(|_| StoreError::Unreadable("cohort"))?,
                verdict: verdict(row.try_get("verdict")?)?,
                since: instant(row.try_get("since")?)?,
                detected_at: instant(row.try_get("detected_at")?)?,
            })
        })
        .collect()
}

/// Changes of the target's verdicts that were detected in the range, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn verdict_changes(
    store: &Store,
    target: &TargetId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<VerdictChange>, StoreError> {
    let rows = sqlx::query(
        "SELECT cohort, was, became, since, detected_at FROM verdict_changes \
         WHERE target = $1 AND detected_at >= $2 AND detected_at < $3 ORDER BY detected_at, id",
    )
    .bind(target.as_str())
    .bind(micros(from))
    .bind(micros(to))
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(VerdictChange {
                target: target.clone(),
                cohort: CohortId::new(row.try_get("cohort")?)
                    .map_err(|_| StoreError::Unreadable("cohort"))?,
                from: verdict(row.try_get("was")?)?,
                to: verdict(row.try_get("became")?)?,
                since: instant(row.try_get("since")?)?,
                detected_at: instant(row.try_get("detected_at")?)?,
            })
        })
        .collect()
}

/// Outages that lasted into the range `[from, to)`, oldest first; open ones included.
///
/// # Errors
/// When the database cannot be read.
pub async fn outages(
    store: &Store,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Outage>, StoreError> {
    let documents: Vec<String> = sqlx::query_scalar(
        "SELECT document FROM outages WHERE began_at < $2 AND (ended_at IS NULL OR ended_at >= $1) \
         ORDER BY began_at, id",
    )
    .bind(micros(from))
    .bind(micros(to))
    .fetch_all(store.reader())
    .await?;
    documents.iter().map(|document| outage_from(document)).collect()
}

/// Outages that have not ended, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn open_outages(store: &Store) -> Result<Vec<Outage>, StoreError> {
    let documents: Vec<String> = sqlx::query_scalar(
        "SELECT document FROM outages WHERE ended_at IS NULL ORDER BY began_at, id",
    )
    .fetch_all(store.reader())
    .await?;
    documents.iter().map(|document| outage_from(document)).collect()
}

/// One outage, if there is one of that id.
///
/// # Errors
/// When the database cannot be read.
pub async fn outage(store: &Store, id: &OutageId) -> Result<Option<Outage>, StoreError> {
    let document: Option<String> = sqlx::query_scalar("SELECT document FROM outages WHERE id = $1")
        .bind(&id.0)
        .fetch_optional(store.reader())
        .await?;
    document.map(|document| outage_from(&document)).transpose()
}

/// What the outage was at each change, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn outage_history(
    store: &Store,
    id: &OutageId,
) -> Result<Vec<(Timestamp, OutageChange, Outage)>, StoreError> {
    let rows = sqlx::query(
        "SELECT at, change, document FROM outage_changes WHERE outage = $1 ORDER BY id",
    )
    .bind(&id.0)
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            let change = match row.try_get::<&str, _>("change")? {
                "began" => OutageChange::Began,
                "ended" => OutageChange::Ended,
                _ => OutageChange::Changed,
            };
            Ok((instant(row.try_get("at")?)?, change, outage_from(row.try_get("document")?)?))
        })
        .collect()
}

fn outage_from(document: &str) -> Result<Outage, StoreError> {
    serde_json::from_str(document).map_err(|_| StoreError::Unreadable("outage"))
}

fn verdict(word: &str) -> Result<Verdict, StoreError> {
    Verdict::parse(word).ok_or(StoreError::Unreadable("verdict"))
}
