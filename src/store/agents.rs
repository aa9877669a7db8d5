//! Agents as the hub keeps them: invitations, certificates, and what each has delivered.
//!
//! What an agent delivers becomes durable together with the number up to which it was taken: one
//! transaction, so that a lost answer or a kill of either side doubles nothing.

use jiff::Timestamp;
use sqlx::Row as _;

use super::ledger::{self, Entry};
use super::signals;
use super::{Store, StoreError, instant, micros};
use crate::domain::agent::{Finding, Measured, Numbered};
use crate::domain::ids::LocationId;

/// Expired invitations and certificates are kept this long, to say that they were there.
const KEPT_US: i64 = 90 * 24 * 3_600 * 1_000_000;

/// An agent, as a person is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub location: LocationId,
    pub heard_at: Option<Timestamp>,
    pub offset_us: Option<i64>,
    /// Checks that were lost because its spool was full.
    pub dropped: u64,
    /// When the certificate ends that lasts longest; none when all are revoked.
    pub certified_until: Option<Timestamp>,
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

/// What comes with a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: Timestamp,
    pub measured: Option<Measured>,
}

/// Notes an invitation by its token's digest. An earlier one for the same location ends.
///
/// # Errors
/// When the database cannot be written.
pub async fn invite(
    store: &Store,
    location: &LocationId,
    token_hash: &str,
    expires_at: Timestamp,
) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("DELETE FROM agent_invitations WHERE location = $1")
        .bind(location.as_str())
        .execute(&mut *transaction)
        .await?;
    sqlx::query(
        "INSERT INTO agent_invitations (token_hash, location, expires_at) VALUES ($1, $2, $3)",
    )
    .bind(token_hash)
    .bind(location.as_str())
    .bind(micros(expires_at))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(())
}

/// The invitations that have not expired, by the digest of their token.
///
/// # Errors
/// When the database cannot be read.
pub async fn invitations(
    store: &Store,
    now: Timestamp,
) -> Result<Vec<(String, LocationId)>, StoreError> {
    let rows =
        sqlx::query("SELECT token_hash, location FROM agent_invitations WHERE expires_at > $1")
            .bind(micros(now))
            .fetch_all(store.reader())
            .await?;
    rows.iter().map(|row| Ok((row.try_get("token_hash")?, location(row)?))).collect()
}

/// Enrols with an invitation, which is then used up; earlier certificates of the location are
/// revoked. False when somebody was quicker.
///
/// # Errors
/// When the database cannot be written.
pub async fn enrol(
    store: &Store,
    token_hash: &str,
    (location, serial, expires_at): (&LocationId, &str, Timestamp),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    let used = sqlx::query("DELETE FROM agent_invitations WHERE token_hash = $1")
        .bind(token_hash)
        .execute(&mut *transaction)
        .await?;
    if used.rows_affected() == 0 {
        return Ok(false);
    }
    revoke_within(&mut transaction, location, now).await?;
    certify_within(&mut transaction, (location, serial, expires_at), now).await?;
    sqlx::query("INSERT INTO agents (location) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(location.as_str())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(true)
}

/// Notes a certificate beside the one it will replace, and revokes any other of the location.
/// False, and nothing is noted, when the one to be replaced was revoked meanwhile.
///
/// # Errors
/// When the database cannot be written.
pub async fn renew(
    store: &Store,
    replaced: &str,
    certificate: (&LocationId, &str, Timestamp),
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    let holds: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM agent_certificates WHERE serial = $1 AND location = $2 \
         AND revoked_at IS NULL",
    )
    .bind(replaced)
    .bind(certificate.0.as_str())
    .fetch_one(&mut *transaction)
    .await?;
    if holds == 0 {
        return Ok(false);
    }
    sqlx::query(
        "UPDATE agent_certificates SET revoked_at = $3 WHERE location = $1 AND serial <> $2 \
         AND revoked_at IS NULL",
    )
    .bind(certificate.0.as_str())
    .bind(replaced)
    .bind(micros(now))
    .execute(&mut *transaction)
    .await?;
    certify_within(&mut transaction, certificate, now).await?;
    transaction.commit().await?;
    Ok(true)
}

async fn certify_within(
    connection: &mut sqlx::SqliteConnection,
    (location, serial, expires_at): (&LocationId, &str, Timestamp),
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM agent_certificates WHERE expires_at < $1")
        .bind(micros(now).saturating_sub(KEPT_US))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO agent_certificates (serial, location, expires_at) VALUES ($1, $2, $3)",
    )
    .bind(serial)
    .bind(location.as_str())
    .bind(micros(expires_at))
    .execute(connection)
    .await?;
    Ok(())
}

/// Refuses every certificate and invitation of a location from this instant on. Returns how many
/// that were.
///
/// # Errors
/// When the database cannot be written.
pub async fn revoke(
    store: &Store,
    location: &LocationId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    let invitations = sqlx::query("DELETE FROM agent_invitations WHERE location = $1")
        .bind(location.as_str())
        .execute(&mut *transaction)
        .await?;
    let revoked = revoke_within(&mut transaction, location, now).await?;
    transaction.commit().await?;
    Ok(revoked + invitations.rows_affected())
}

async fn revoke_within(
    connection: &mut sqlx::SqliteConnection,
    location: &LocationId,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "UPDATE agent_certificates SET revoked_at = $2 WHERE location = $1 AND revoked_at IS NULL",
    )
    .bind(location.as_str())
    .bind(micros(now))
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Whether a certificate of this serial is a location's and neither revoked nor over.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_certified(
    store: &Store,
    location: &LocationId,
    serial: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM agent_certificates WHERE serial = $1 AND location = $2 \
         AND revoked_at IS NULL AND expires_at > $3",
    )
    .bind(serial)
    .bind(location.as_str())
    .bind(micros(now))
    .fetch_one(store.reader())
    .await?;
    Ok(found > 0)
}

/// Takes what of a delivery is not there yet, all of it or nothing; durable when it returns.
///
/// `last` is the last number of the delivery, whether its finding is kept or not; `late_from` is
/// the slot of the earliest check that came too late to be judged as it comes.
///
/// # Errors
/// When the database cannot be written; nothing is taken then.
pub async fn take(
    store: &Store,
    (location, spool): (&LocationId, &str),
    (findings, last): (Vec<Numbered>, i64),
    (dropped, late_from): (u64, Option<Timestamp>),
) -> Result<Taken, StoreError> {
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
        "INSERT INTO agent_spools (location, spool, number) VALUES ($1, $2, $3) \
         ON CONFLICT (location, spool) DO UPDATE SET number = excluded.number",
    )
    .bind(location.as_str())
    .bind(spool)
    .bind(number)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "UPDATE agents SET dropped = $2, late_from = CASE WHEN late_from IS NULL OR \
         late_from > $3 THEN $3 ELSE late_from END WHERE location = $1",
    )
    .bind(location.as_str())
    .bind(i64::try_from(dropped).unwrap_or(i64::MAX))
    .bind(late_from.map(micros))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(Taken { number, new })
}

fn parted(findings: &[Numbered]) -> (Vec<Entry>, Vec<crate::domain::signal::Reading>) {
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

/// Notes when an agent was last heard, and how its clock stood.
///
/// # Errors
/// When the database cannot be written.
pub async fn hear(store: &Store, location: &LocationId, heard: Heard) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE agents SET heard_at = $2, offset_us = COALESCE($3, offset_us) WHERE location = $1",
    )
    .bind(location.as_str())
    .bind(micros(heard.at))
    .bind(heard.measured.map(|measured| measured.offset_us))
    .execute(store.writer())
    .await?;
    Ok(())
}

/// History is revised with everything that came late so far.
///
/// # Errors
/// When the database cannot be written.
pub async fn settled(store: &Store, location: &LocationId) -> Result<(), StoreError> {
    sqlx::query("UPDATE agents SET late_from = NULL WHERE location = $1")
        .bind(location.as_str())
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Every agent that was ever enrolled.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(store: &Store) -> Result<Vec<Agent>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.location, a.heard_at, a.offset_us, a.dropped, a.late_from, \
         (SELECT MAX(c.expires_at) FROM agent_certificates c WHERE c.location = a.location \
         AND c.revoked_at IS NULL) AS certified_until FROM agents a ORDER BY a.location",
    )
    .fetch_all(store.reader())
    .await?;
    let at = |micros: Option<i64>| micros.map(instant).transpose();
    rows.iter()
        .map(|row| {
            Ok(Agent {
                location: location(row)?,
                heard_at: at(row.try_get("heard_at")?)?,
                offset_us: row.try_get("offset_us")?,
                dropped: u64::try_from(row.try_get::<i64, _>("dropped")?).unwrap_or(0),
                certified_until: at(row.try_get("certified_until")?)?,
                late_from: at(row.try_get("late_from")?)?,
            })
        })
        .collect()
}

fn location(row: &sqlx::sqlite::SqliteRow) -> Result<LocationId, StoreError> {
    let text: &str = row.try_get("location")?;
    LocationId::new(text).map_err(|_| StoreError::Unreadable("location"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{Check, CheckKind, Outcome};
    use crate::domain::ids::{ProbeId, TargetId};
    use crate::store::ledger::Range;

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

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&folder.path().join("holdfast.db")).await.unwrap()
    }

    #[tokio::test]
    async fn a_delivery_taken_twice_counts_once_and_a_new_spool_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let here = noarlunga();
        invite(&store, &here, "digest", at(3_600)).await.unwrap();
        assert!(enrol(&store, "digest", (&here, "01", at(9_000)), at(0)).await.unwrap());
        let take = async |spool: &str, numbers: std::ops::Range<i64>, late: Option<i64>| {
            let last = numbers.end - 1;
            let findings = (numbers.map(finding).collect(), last);
            super::take(&store, (&here, spool), findings, (0, late.map(at))).await.unwrap()
        };
        assert_eq!(take("a", 1..4, None).await.number, 3);
        let again = take("a", 2..6, Some(4)).await;
        assert_eq!(again.number, 5);
        assert_eq!(again.new.iter().map(|one| one.number).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(take("a", 1..1, None).await, Taken { number: 5, new: Vec::new() });
        assert_eq!(take("b", 6..8, Some(6)).await.new.len(), 2);
        let range = Range { from: at(0), to: at(100), ..Range::default() };
        let rows = ledger::range(&store, &range).await.unwrap();
        let slots: Vec<_> = rows.iter().map(|row| row.slot_at).collect();
        assert_eq!(slots, (1..8).map(at).collect::<Vec<_>>());
        assert_eq!(all(&store).await.unwrap()[0].late_from, Some(at(4)), "the earliest counts");
        settled(&store, &here).await.unwrap();
        assert_eq!(all(&store).await.unwrap()[0].late_from, None);
    }

    #[tokio::test]
    async fn an_invitation_is_used_once_and_a_revoked_certificate_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let here = noarlunga();
        invite(&store, &here, "first", at(3_600)).await.unwrap();
        invite(&store, &here, "second", at(3_600)).await.unwrap();
        assert!(!enrol(&store, "first", (&here, "01", at(9_000)), at(0)).await.unwrap(), "ended");
        assert!(enrol(&store, "second", (&here, "02", at(9_000)), at(0)).await.unwrap());
        assert!(!enrol(&store, "second", (&here, "03", at(9_000)), at(0)).await.unwrap(), "used");
        assert_eq!(invitations(&store, at(0)).await.unwrap(), []);
        let elizabeth = LocationId::new("elizabeth").unwrap();
        assert!(is_certified(&store, &here, "02", at(1)).await.unwrap());
        assert!(!is_certified(&store, &elizabeth, "02", at(1)).await.unwrap());
        assert!(!is_certified(&store, &here, "02", at(9_000)).await.unwrap(), "over");
        assert!(renew(&store, "02", (&here, "04", at(9_000)), at(1)).await.unwrap());
        assert!(renew(&store, "02", (&here, "05", at(9_000)), at(1)).await.unwrap());
        assert!(!is_certified(&store, &here, "04", at(1)).await.unwrap(), "two at most");
        assert_eq!(revoke(&store, &here, at(2)).await.unwrap(), 2);
        assert!(!is_certified(&store, &here, "05", at(3)).await.unwrap());
        assert!(!renew(&store, "05", (&here, "06", at(9_000)), at(2)).await.unwrap(), "revoked");
        assert!(!is_certified(&store, &here, "06", at(3)).await.unwrap());
        assert_eq!(all(&store).await.unwrap()[0].certified_until, None);
    }
}
