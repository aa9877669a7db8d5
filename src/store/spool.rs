//! An agent's spool: what it found and its hub has not acknowledged, in a file of its own.
//!
//! A finding is durable here before it is sent, and has a number that is never used again. The
//! spool is bounded by age and bytes: the oldest goes, and is counted. It must not decide what is
//! sent.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};

use super::{StoreError, durable, instant, is_clear, micros};
use crate::domain::agent::{Finding, Numbered};
use crate::domain::check::CheckKind;
use crate::domain::ids::{LocationId, ProbeId};

/// What is older has no place in any account that is still open.
pub const KEPT_FOR: Duration = Duration::from_hours(24 * 31);
/// About a million checks: ten days of one each second.
pub const MOST_BYTES: i64 = 512 * 1024 * 1024;
/// Findings dropped in one go.
const DROP_BATCH: i64 = 1_000;

/// The spool; cheap to clone.
#[derive(Clone, Debug)]
pub struct Spool {
    /// A single connection: what is written and what is read take turns.
    pool: SqlitePool,
    location: LocationId,
    most_bytes: i64,
}

/// Findings that are to be sent next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Next {
    /// Names the numbers, so that a new spool's are not taken for an older one's.
    pub spool: String,
    pub findings: Vec<Numbered>,
    /// How many more there are.
    pub behind: u64,
    /// Findings that were lost since the spool was made.
    pub dropped: u64,
    /// Those of them that could not be read just now.
    pub unreadable: u64,
    /// The last number that was ever given.
    pub last_given: i64,
}

impl Spool {
    /// Opens the file, making it when it is not there; its location is for good.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn open(path: &Path, location: &LocationId) -> Result<Self, StoreError> {
        Self::bounded(path, location, MOST_BYTES).await
    }

    async fn bounded(
        path: &Path,
        location: &LocationId,
        most_bytes: i64,
    ) -> Result<Self, StoreError> {
        // What a write may have to take back fits into memory, and no connection that a full disk
        // left within a transaction is used again.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .after_release(|connection, _| Box::pin(is_clear(connection)))
            .connect_with(durable(path).pragma("temp_store", "memory"))
            .await?;
        sqlx::migrate!("src/store/spool_migrations").run(&pool).await?;
        let row = sqlx::query("SELECT location FROM spool").fetch_optional(&pool).await?;
        let Some(row) = row else {
            sqlx::query("INSERT INTO spool (name, location, dropped) VALUES ($1, $2, 0)")
                .bind(new_name())
                .bind(location.as_str())
                .execute(&pool)
                .await?;
            return Ok(Self { pool, location: location.clone(), most_bytes });
        };
        let location = LocationId::new(row.try_get("location")?)
            .map_err(|_| StoreError::Unreadable("location"))?;
        Ok(Self { pool, location, most_bytes })
    }

    /// Whose findings are in it.
    #[must_use]
    pub fn location(&self) -> &LocationId {
        &self.location
    }

    /// Keeps findings, all of them or none; durable when it returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn keep(&self, findings: &[Finding]) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for finding in findings {
            let document =
                serde_json::to_string(finding).map_err(|_| StoreError::Unreadable("finding"))?;
            sqlx::query("INSERT INTO findings (found_at, document) VALUES ($1, $2)")
                .bind(micros(finding.at()))
                .bind(document)
                .execute(&mut *transaction)
                .await?;
            let Some((probe, location, slot_at)) = last_slot(finding) else { continue };
            sqlx::query(
                "INSERT INTO last_slots (probe, location, slot_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (probe, location) DO UPDATE SET slot_at = excluded.slot_at \
                 WHERE excluded.slot_at > last_slots.slot_at",
            )
            .bind(probe.as_str())
            .bind(location.as_str())
            .bind(slot_at)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The oldest findings, in order: at most so many, and no more once their bytes went over. One
    /// that cannot be read is lost and counted: it must not keep those behind it.
    ///
    /// # Errors
    /// When the file cannot be read, or what is lost cannot be counted.
    pub async fn next(&self, most: usize, most_bytes: usize) -> Result<Next, StoreError> {
        let rows = sqlx::query("SELECT number, document FROM findings ORDER BY number LIMIT $1")
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?;
        let (mut findings, mut unreadable, mut bytes) = (Vec::new(), Vec::new(), 0);
        for row in &rows {
            if bytes > most_bytes {
                break;
            }
            let number = row.try_get("number")?;
            let document = row.try_get("document").unwrap_or_default();
            bytes += str::len(document);
            match serde_json::from_str(document) {
                Ok(finding) => findings.push(Numbered { number, finding }),
                Err(_) => unreadable.push(number),
            }
        }
        self.lose(&unreadable).await?;
        let all = self.waiting().await?;
        let row = sqlx::query(
            "SELECT name, dropped, COALESCE((SELECT seq FROM sqlite_sequence \
             WHERE name = 'findings'), 0) AS last_given FROM spool",
        )
        .fetch_one(&self.pool)
        .await?;
        let dropped: i64 = row.try_get("dropped")?;
        Ok(Next {
            spool: row.try_get("name")?,
            behind: all.saturating_sub(findings.len() as u64),
            findings,
            dropped: u64::try_from(dropped).unwrap_or(0),
            unreadable: unreadable.len() as u64,
            last_given: row.try_get("last_given")?,
        })
    }

    /// Drops these findings and counts them.
    async fn lose(&self, numbers: &[i64]) -> Result<(), StoreError> {
        if numbers.is_empty() {
            return Ok(());
        }
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for number in numbers {
            sqlx::query("DELETE FROM findings WHERE number = $1")
                .bind(number)
                .execute(&mut *transaction)
                .await?;
        }
        count_dropped(&mut transaction, numbers.len() as u64).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How many findings wait to be acknowledged.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn waiting(&self) -> Result<u64, StoreError> {
        let count: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM findings").fetch_one(&self.pool).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Forgets what the hub has.
    ///
    /// # Errors
    /// When the file cannot be written; the hub is then told again, and takes it once.
    pub async fn acknowledge(&self, number: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM findings WHERE number <= $1")
            .bind(number)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Takes another name: this file was put back from a copy, and its numbers were given before.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn begin_anew(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE spool SET name = $1").bind(new_name()).execute(&self.pool).await?;
        Ok(())
    }

    /// Drops the oldest beyond the bounds and counts them. Returns how many.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn bound(&self, now: Timestamp) -> Result<u64, StoreError> {
        let too_old = micros(now.checked_sub(KEPT_FOR).unwrap_or(Timestamp::MIN));
        let mut dropped = 0;
        loop {
            let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
            let bytes: i64 = sqlx::query_scalar(
                "SELECT (SELECT page_count FROM pragma_page_count) \
                 - (SELECT freelist_count FROM pragma_freelist_count)",
            )
            .fetch_one(&mut *transaction)
            .await?;
            let page: i64 = sqlx::query_scalar("SELECT page_size FROM pragma_page_size")
                .fetch_one(&mut *transaction)
                .await?;
            let full = i64::from(bytes * page > self.most_bytes);
            let done = sqlx::query(
                "DELETE FROM findings WHERE number IN (SELECT number FROM findings \
                 WHERE $1 = 1 OR found_at < $2 ORDER BY number LIMIT $3)",
            )
            .bind(full)
            .bind(too_old)
            .bind(DROP_BATCH)
            .execute(&mut *transaction)
            .await?
            .rows_affected();
            if done == 0 {
                return Ok(dropped);
            }
            count_dropped(&mut transaction, done).await?;
            transaction.commit().await?;
            dropped += done;
        }
    }

    /// The last slot of each probe that has an end on record.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn last_slots(&self) -> Result<Vec<(ProbeId, LocationId, Timestamp)>, StoreError> {
        let rows = sqlx::query("SELECT probe, location, slot_at FROM last_slots")
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let probe = ProbeId::new(row.try_get("probe")?);
                let location = LocationId::new(row.try_get("location")?);
                Ok((
                    probe.map_err(|_| StoreError::Unreadable("probe"))?,
                    location.map_err(|_| StoreError::Unreadable("location"))?,
                    instant(row.try_get("slot_at")?)?,
                ))
            })
            .collect()
    }

    /// Closes the file; what was said to be kept is in it.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn count_dropped(
    connection: &mut sqlx::SqliteConnection,
    findings: u64,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE spool SET dropped = dropped + $1")
        .bind(i64::try_from(findings).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

fn new_name() -> String {
    uuid::Uuid::now_v7().simple().to_string()
}

/// The last slot that a finding ends, in microseconds.
fn last_slot(finding: &Finding) -> Option<(&ProbeId, &LocationId, i64)> {
    match finding {
        Finding::Check { check, .. } if check.kind == CheckKind::Slot => {
            Some((&check.probe, &check.location, micros(check.slot_at)))
        }
        Finding::Missed(missed) => {
            let first = micros(missed.first_slot_at);
            let last = first + i64::from(missed.slots.saturating_sub(1)) * missed.interval_us;
            Some((&missed.probe, &missed.location, last))
        }
        Finding::Check { .. } | Finding::Reading(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agent::MissedSlots;
    use crate::domain::check::Gap;
    use crate::domain::ids::TargetId;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn here() -> LocationId {
        LocationId::new("noarlunga").unwrap()
    }

    fn missed(second: i64, slots: u32) -> Finding {
        Finding::Missed(MissedSlots {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("search").unwrap(),
            location: here(),
            first_slot_at: at(second),
            slots,
            interval_us: 1_000_000,
            gap: Gap::Away,
        })
    }

    #[tokio::test]
    async fn what_is_kept_is_there_after_a_restart_and_its_number_is_never_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool.db");
        let spool = Spool::open(&path, &here()).await.unwrap();
        spool.keep(&[missed(1, 1), missed(2, 3)]).await.unwrap();
        let name = spool.next(1, 1).await.unwrap().spool;
        spool.acknowledge(2).await.unwrap();
        spool.close().await;

        let elsewhere = LocationId::new("elizabeth").unwrap();
        let spool = Spool::open(&path, &elsewhere).await.unwrap();
        assert_eq!(spool.location(), &here());
        let empty = Next { spool: name.clone(), last_given: 2, ..Next::default() };
        assert_eq!(spool.next(10, 1_000).await.unwrap(), empty);
        let last = vec![(ProbeId::new("search").unwrap(), here(), at(4))];
        assert_eq!(spool.last_slots().await.unwrap(), last, "though it is acknowledged");
        spool.keep(&[missed(5, 1), missed(6, 1), missed(7, 1)]).await.unwrap();
        let next = spool.next(2, 1_000).await.unwrap();
        assert_eq!(next.findings.iter().map(|one| one.number).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(next.behind, 1);
        assert_eq!(spool.next(10, 1).await.unwrap().findings.len(), 1, "one goes over the bytes");
        spool.begin_anew().await.unwrap();
        assert_ne!(spool.next(1, 1).await.unwrap().spool, name);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_lost_and_counted_and_keeps_nothing_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(&folder.path().join("spool.db"), &here()).await.unwrap();
        spool.keep(&[missed(1, 1), missed(2, 1), missed(3, 1), missed(4, 1)]).await.unwrap();
        for (number, document) in [(2, "'{\"Chek\": 1}'"), (4, "x'ff00fe'")] {
            let text = format!("UPDATE findings SET document = {document} WHERE number = {number}");
            sqlx::query(sqlx::AssertSqlSafe(text)).execute(&spool.pool).await.unwrap();
        }
        let next = spool.next(10, 10_000).await.unwrap();
        assert_eq!(next.findings.iter().map(|one| one.number).collect::<Vec<_>>(), [1, 3]);
        assert_eq!((next.unreadable, next.dropped, next.behind), (2, 2, 0));
        let again = spool.next(10, 10_000).await.unwrap();
        assert_eq!((again.unreadable, again.dropped), (0, 2), "told once");
    }

    #[tokio::test]
    async fn the_oldest_goes_when_it_is_too_much_or_too_old_and_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool.db");
        let spool = Spool::bounded(&path, &here(), 256 * 1024).await.unwrap();
        let many: Vec<_> = (0..3_000).map(|second| missed(second, 1)).collect();
        spool.keep(&many).await.unwrap();
        let dropped = spool.bound(at(3_000)).await.unwrap();
        assert!((1_000..3_000).contains(&dropped), "{dropped}");
        let next = spool.next(1, 1_000).await.unwrap();
        assert_eq!(next.dropped, dropped);
        assert_eq!(next.findings[0].number, i64::try_from(dropped).unwrap() + 1);
        let month_later = at(3_000) + KEPT_FOR;
        assert_eq!(spool.bound(month_later).await.unwrap(), 3_000 - dropped);
        assert_eq!(spool.waiting().await.unwrap(), 0);
    }
}
