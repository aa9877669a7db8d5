//! What agents deliver: in the ledger once, and what came late until history is revised with it.
//!
//! A delivery becomes durable together with the number up to which it was taken: one transaction,
//! so that a lost answer or a kill of either side doubles nothing.

use jiff::Timestamp;
use sqlx::Row as _;

use super::ledger::{self, Entry};
use super::signals;
use super::{Store, StoreError, instant, micros};
use crate::domain::agent::{Finding, Numbered};
use crate::domain::ids::LocationId;
use crate::domain::signal::Reading;

/// What an agent hands over.
#[derive(Clone, Debug, PartialEq)]
pub struct Handed {
    pub findings: Vec<Numbered>,
    /// The last number of the delivery, whether its finding is kept or not.
    pub last: i64,
    pub dropped: u64,
    /// The slot of the earliest check that came too late to be judged as it comes.
    pub late_from: Option<Timestamp>,
}

/// What a delivery led to.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Everything up to this number of the spool is durable.
    pub number: i64,
    /// What of the delivery was not there before.
    pub new: Vec<Numbered>,
}

/// What came late of a location and history is not revised with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// The slot of the earliest check.
    pub from: Timestamp,
    /// Tells what had come when this was read from what came after.
    count: i64,
}

/// Takes what of a delivery is not there yet, all of it or nothing; durable when it returns.
///
/// # Errors
/// When the database cannot be written; nothing is taken then.
pub async fn take(
    store: &Store,
    (location, spool): (&LocationId, &str),
    handed: Handed,
    now: Timestamp,
) -> Result<Taken, StoreError> {
    let Handed { findings, last, dropped, late_from } = handed;
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    let before: Option<i64> =
        sqlx::query_scalar("SELECT number FROM agent_spools WHERE location = $1 AND spool = $2")
            .bind(location.as_str())
            .bind(spool)
            .fetch_optional(&mut *transaction)
            .await?;
    let before = before.unwrap_or(0);
    let number = before.max(last);
    let new: Vec<Numbered> = findings.into_iter().filter(|one| one.number > before).collect();
    if number == before {
        return Ok(Taken { number, new });
    }
    let (entries, readings) = parted(&new);
    ledger::append_within(&mut transaction, &entries).await?;
    signals::keep_within(&mut transaction, &readings).await?;
    sqlx::query(
        "INSERT INTO agent_spools (location, spool, number, delivered_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (location, spool) DO UPDATE SET \
         number = excluded.number, delivered_at = excluded.delivered_at",
    )
    .bind(location.as_str())
    .bind(spool)
    .bind(number)
    .bind(micros(now))
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "UPDATE agents SET dropped = $2, late_from = CASE WHEN late_from IS NULL OR \
         late_from > $3 THEN $3 ELSE late_from END, \
         late_count = late_count + CASE WHEN $3 IS NULL THEN 0 ELSE 1 END WHERE location = $1",
    )
    .bind(location.as_str())
    .bind(i64::try_from(dropped).unwrap_or(i64::MAX))
    .bind(late_from.map(micros))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Taken { number, new })
}

fn parted(findings: &[Numbered]) -> (Vec<Entry>, Vec<Reading>) {
    let (mut entries, mut readings) = (Vec::new(), Vec::new());
    for one in findings {
        match one.finding.clone() {
            Finding::Check { check, interval_us } => {
                entries.push(Entry::Check { check, interval_us });
            }
            Finding::Missed(missed) => entries.push(Entry::Missed(missed)),
            Finding::Reading(reading) => readings.push(reading),
        }
    }
    (entries, readings)
}

/// What came late so far of a location; none when history is revised with all of it.
///
/// # Errors
/// When the database cannot be read.
pub async fn late(store: &Store, location: &LocationId) -> Result<Option<Late>, StoreError> {
    let row = sqlx::query(
        "SELECT late_from, late_count FROM agents \
         WHERE location = $1 AND late_from IS NOT NULL",
    )
    .bind(location.as_str())
    .fetch_optional(store.reader())
    .await?;
    let late = row.map(|row| {
        let from = instant(row.try_get("late_from")?)?;
        Ok(Late { from, count: row.try_get("late_count")? })
    });
    late.transpose()
}

/// History is revised with what had come when `late` was read. What came after that waits still.
///
/// # Errors
/// When the database cannot be written; history is then revised once more.
pub async fn settled(store: &Store, location: &LocationId, late: Late) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET late_from = NULL WHERE location = $1 AND late_count = $2")
        .bind(location.as_str())
        .bind(late.count)
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Forgets the numbers of spools that delivered nothing since then, in microseconds. Of one that
/// delivered last before that was noted nobody knows, and it is kept.
pub(in crate::store) async fn forget_within(
    connection: &mut sqlx::SqliteConnection,
    since: i64,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM agent_spools WHERE delivered_at > 0 AND delivered_at < $1")
        .bind(since)
        .execute(connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{Check, CheckKind, Outcome};
    use crate::domain::ids::{ProbeId, TargetId};
    use crate::store::agents::{all, enrol, invite};
    use crate::store::ledger::Range;

    const DAY: i64 = 24 * 3_600;

    fn noarlunga() -> LocationId {
        LocationId::new("noarlunga").unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    fn finding(number: i64) -> Numbered {
        let check = Check {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("search").unwrap(),
            location: noarlunga(),
            kind: CheckKind::Slot,
            slot_at: at(number),
            finished_at: at(number),
            latency_ms: 5,
            outcome: Outcome::Passed,
            steps: Vec::new(),
            evidence: None,
        };
        Numbered { number, finding: Finding::Check { check, interval_us: 1_000_000 } }
    }

    async fn enrolled(folder: &tempfile::TempDir) -> Store {
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        certified(&store, "01", 0).await;
        store
    }

    async fn certified(store: &Store, serial: &str, second: i64) {
        let here = noarlunga();
        invite(store, &here, serial, at(second + 3_600)).await.unwrap();
        let certificate = (&here, serial, at(second + 30 * DAY));
        assert!(enrol(store, serial, certificate, at(second)).await.unwrap());
    }

    async fn take(
        store: &Store,
        (spool, numbers): (&str, std::ops::Range<i64>),
        late: Option<i64>,
        now: i64,
    ) -> Taken {
        let last = numbers.end - 1;
        let findings = numbers.map(finding).collect();
        let handed = Handed { findings, last, dropped: 0, late_from: late.map(at) };
        super::take(store, (&noarlunga(), spool), handed, at(now)).await.unwrap()
    }

    #[tokio::test]
    async fn a_delivery_taken_twice_counts_once_and_a_new_spool_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = enrolled(&folder).await;
        assert_eq!(take(&store, ("a", 1..4), None, 0).await.number, 3);
        let again = take(&store, ("a", 2..6), None, 0).await;
        assert_eq!(again.number, 5);
        assert_eq!(again.new.iter().map(|one| one.number).collect::<Vec<_>>(), [4, 5]);
        let nothing = Taken { number: 5, new: Vec::new() };
        assert_eq!(take(&store, ("a", 1..1), None, 0).await, nothing);
        assert_eq!(take(&store, ("b", 6..8), None, 0).await.new.len(), 2);
        let range = Range { from: at(0), to: at(100), ..Range::default() };
        let rows = ledger::range(&store, &range).await.unwrap();
        let slots: Vec<_> = rows.iter().map(|row| row.slot_at).collect();
        assert_eq!(slots, (1..8).map(at).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_comes_late_while_history_is_revised_waits_for_the_next_revision() {
        let folder = tempfile::tempdir().unwrap();
        let store = enrolled(&folder).await;
        take(&store, ("a", 1..6), Some(4), 0).await;
        take(&store, ("a", 6..8), Some(6), 0).await;
        let here = noarlunga();
        let first = late(&store, &here).await.unwrap().unwrap();
        assert_eq!(first.from, at(4), "the earliest counts");
        // It is revised with that, and more comes meanwhile; then the hub is killed.
        take(&store, ("a", 8..9), Some(8), 0).await;
        settled(&store, &here, first).await.unwrap();
        assert_eq!(all(&store).await.unwrap()[0].late_from, Some(at(4)), "to be done once more");
        take(&store, ("a", 9..10), None, 0).await;
        let second = late(&store, &here).await.unwrap().unwrap();
        settled(&store, &here, second).await.unwrap();
        assert_eq!(late(&store, &here).await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_numbers_of_a_spool_are_forgotten_long_after_its_last_delivery() {
        let folder = tempfile::tempdir().unwrap();
        let store = enrolled(&folder).await;
        take(&store, ("gone", 1..3), None, 0).await;
        take(&store, ("here", 1..3), None, 60 * DAY).await;
        let spools = async || -> Vec<String> {
            let rows = sqlx::query_scalar("SELECT spool FROM agent_spools ORDER BY spool");
            rows.fetch_all(store.reader()).await.unwrap()
        };
        sqlx::query(
            "INSERT INTO agent_spools (location, spool, number) VALUES ('noarlunga', 'older', 7)",
        )
        .execute(store.writer())
        .await
        .unwrap();
        certified(&store, "02", 80 * DAY).await;
        assert_eq!(spools().await, ["gone", "here", "older"]);
        certified(&store, "03", 100 * DAY).await;
        assert_eq!(spools().await, ["here", "older"]);
    }
}
