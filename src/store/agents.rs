//! Agents as the hub keeps them: invitations, certificates, what each was given to probe, when it
//! was heard and what troubles it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::Row as _;

use super::deliveries::forget_within;
use super::{Store, StoreError, instant, micros};
use crate::domain::agent::{Measured, Trouble};
use crate::domain::ids::{LocationId, ProbeId, TargetId};

/// Certificates that are over, and spools that nothing comes from any more, are kept this long: an
/// agent forgets what it found much sooner.
const KEPT_US: i64 = 90 * 24 * 3_600 * 1_000_000;

/// An agent, as a person is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub location: LocationId,
    pub heard_at: Option<Timestamp>,
    pub offset_us: Option<i64>,
    /// Checks that were lost because its spool was full or damaged.
    pub dropped: u64,
    /// When the certificate ends that lasts longest; none when all are revoked.
    pub certified_until: Option<Timestamp>,
    pub late_from: Option<Timestamp>,
    /// What it says keeps it from its work.
    pub troubles: Vec<Trouble>,
}

/// What comes with a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: Timestamp,
    pub measured: Option<Measured>,
    pub troubles: Vec<Trouble>,
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
    let long_ago = micros(now).saturating_sub(KEPT_US);
    sqlx::query("DELETE FROM agent_certificates WHERE expires_at < $1")
        .bind(long_ago)
        .execute(&mut *connection)
        .await?;
    forget_within(connection, long_ago).await?;
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

/// Notes when an agent was last heard, how its clock stood, and what it said of itself.
///
/// # Errors
/// When the database cannot be written.
pub async fn hear(store: &Store, location: &LocationId, heard: Heard) -> Result<(), StoreError> {
    let troubles = serde_json::to_string(&heard.troubles);
    sqlx::query(
        "UPDATE agents SET heard_at = $2, offset_us = COALESCE($3, offset_us), troubles = $4 \
         WHERE location = $1",
    )
    .bind(location.as_str())
    .bind(micros(heard.at))
    .bind(heard.measured.map(|measured| measured.offset_us))
    .bind(troubles.map_err(|_| StoreError::Unreadable("agent's troubles"))?)
    .execute(store.writer())
    .await?;
    Ok(())
}

/// Notes what probes an agent is given.
///
/// # Errors
/// When the database cannot be written.
pub async fn give(
    store: &Store,
    location: &LocationId,
    probes: &BTreeSet<(TargetId, ProbeId)>,
) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin_with("BEGIN IMMEDIATE").await?;
    for (target, probe) in probes {
        sqlx::query(
            "INSERT INTO agent_probes (location, target, probe) VALUES ($1, $2, $3) \
             ON CONFLICT DO NOTHING",
        )
        .bind(location.as_str())
        .bind(target.as_str())
        .bind(probe.as_str())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Every probe that an agent was ever given.
///
/// # Errors
/// When the database cannot be read.
pub async fn given(
    store: &Store,
    location: &LocationId,
) -> Result<BTreeSet<(TargetId, ProbeId)>, StoreError> {
    let rows = sqlx::query("SELECT target, probe FROM agent_probes WHERE location = $1")
        .bind(location.as_str())
        .fetch_all(store.reader())
        .await?;
    rows.iter()
        .map(|row| {
            let target = TargetId::new(row.try_get::<&str, _>("target")?);
            let probe = ProbeId::new(row.try_get::<&str, _>("probe")?);
            let unreadable = |what| move |_| StoreError::Unreadable(what);
            Ok((target.map_err(unreadable("target"))?, probe.map_err(unreadable("probe"))?))
        })
        .collect()
}

/// Every agent that was ever enrolled.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(store: &Store) -> Result<Vec<Agent>, StoreError> {
    let rows = sqlx::query(
        "SELECT a.location, a.heard_at, a.offset_us, a.dropped, a.late_from, a.troubles, \
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
                // An older or newer version may have other words for them.
                troubles: serde_json::from_str(row.try_get("troubles")?).unwrap_or_default(),
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

    fn noarlunga() -> LocationId {
        LocationId::new("noarlunga").unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + second).unwrap()
    }

    async fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&folder.path().join("holdfast.db")).await.unwrap()
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

    #[tokio::test]
    async fn what_an_agent_says_of_itself_holds_until_it_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder).await;
        let here = noarlunga();
        invite(&store, &here, "first", at(3_600)).await.unwrap();
        assert!(enrol(&store, "first", (&here, "01", at(9_000)), at(0)).await.unwrap());
        assert_eq!(all(&store).await.unwrap()[0].troubles, []);
        let full = vec![Trouble::Disk { why: "no space left".to_owned() }];
        for troubles in [full, Vec::new()] {
            let heard = Heard { at: at(5), measured: None, troubles: troubles.clone() };
            hear(&store, &here, heard).await.unwrap();
            assert_eq!(all(&store).await.unwrap()[0].troubles, troubles);
        }
    }
}
