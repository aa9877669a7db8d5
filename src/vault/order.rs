//! Open orders: the signed permission to open, in a file beside `CURRENT`.
//!
//! The opener believes the continuity key's signature and nothing else, so opening works with the
//! database, the network and single sign-on all down. Withdrawing an order removes the file; an
//! order read once is remembered by its serial, so a withdrawn one put back is refused.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::durable;
use super::site::Site;
use crate::crypto::digest::Digest;
use crate::crypto::sign::SigningKey;
use crate::crypto::signed::{self, SignedError};
use crate::domain::ids::{CohortId, PlaybookId};

const FORMAT: &str = "holdfast/open-order/v1";

/// The permission to open the standard tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenOrder {
    pub site: String,
    /// Grows with every order of a site; what was withdrawn cannot be put back.
    pub serial: u64,
    pub ground: Ground,
    pub scope: Scope,
    pub issued_at: Timestamp,
    /// Beyond this instant nothing is opened. Who has it open is asked to renew an hour before.
    pub expires_at: Timestamp,
}

/// What the permission rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ground {
    /// A playbook in force.
    Activation { activation: String, playbook: PlaybookId, playbook_sha256: Digest },
    /// Key holders together, from a local console.
    Quorum { ceremony: String, holders: BTreeSet<String> },
}

/// For whom it opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scope {
    Everyone,
    Cohorts(BTreeSet<CohortId>),
}

/// Why there is no permission to open.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    #[error("there is no open order: a playbook in force has to give one")]
    None,
    #[error("the open order is not believed: {0}")]
    Unsigned(#[from] SignedError),
    #[error("the open order is for site {0}")]
    OtherSite(String),
    #[error("the open order expired at {0}")]
    Expired(Timestamp),
    #[error("the open order is issued for {0}, which is not yet: compare the clocks")]
    NotYet(Timestamp),
    #[error("the open order was withdrawn")]
    Withdrawn,
    #[error("the open order cannot be read or written: {0}")]
    Io(#[from] io::Error),
}

/// Signs an order and puts it beside `CURRENT`, in place of the one before.
///
/// # Errors
/// When it cannot be written.
pub fn issue(site: &Site, order: &OpenOrder, key: &SigningKey) -> io::Result<()> {
    durable::replace(&site.copy().open_order(), &signed::write(FORMAT, order, key))
}

/// The order in force.
///
/// # Errors
/// See [`OrderError`].
pub fn read(site: &Site, now: Timestamp) -> Result<OpenOrder, OrderError> {
    /// Clocks of continuity and opener may differ by this much.
    const CLOCK_TOLERANCE: jiff::SignedDuration = jiff::SignedDuration::from_secs(120);
    let bytes = match fs::read(site.copy().open_order()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OrderError::None),
        other => other?,
    };
    let order: OpenOrder = signed::read(FORMAT, &bytes, &site.description().continuity)?;
    if order.site != site.name() {
        return Err(OrderError::OtherSite(order.site));
    }
    if order.serial <= withdrawn(site)? {
        return Err(OrderError::Withdrawn);
    }
    if now >= order.expires_at {
        return Err(OrderError::Expired(order.expires_at));
    }
    if order.issued_at.duration_since(now) > CLOCK_TOLERANCE {
        return Err(OrderError::NotYet(order.issued_at));
    }
    Ok(order)
}

/// Withdraws the order in force; its serial and every lower one are refused from then on.
///
/// # Errors
/// When a file cannot be written or removed.
pub fn withdraw(site: &Site) -> Result<(), OrderError> {
    let path = site.copy().open_order();
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    if let Ok(order) = signed::read::<OpenOrder>(FORMAT, &bytes, &site.description().continuity) {
        let serial = order.serial.max(withdrawn(site)?);
        durable::replace(&withdrawn_path(site), format!("{serial}\n").as_bytes())?;
    }
    fs::remove_file(&path)?;
    path.parent().map_or(Ok(()), durable::sync_folder)?;
    Ok(())
}

/// The serial for the next order: above every one seen here.
///
/// # Errors
/// When the files cannot be read.
pub fn next_serial(site: &Site) -> Result<u64, OrderError> {
    let in_force = match fs::read(site.copy().open_order()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        other => signed::read::<OpenOrder>(FORMAT, &other?, &site.description().continuity)
            .map_or(0, |order| order.serial),
    };
    Ok(in_force.max(withdrawn(site)?) + 1)
}

fn withdrawn_path(site: &Site) -> std::path::PathBuf {
    site.opener_folder().join("withdrawn")
}

fn withdrawn(site: &Site) -> io::Result<u64> {
    match fs::read_to_string(withdrawn_path(site)) {
        Ok(text) => text.trim().parse().map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::site::{self, Level};

    #[test]
    fn an_order_holds_until_it_expires_or_is_withdrawn() {
        let folder = tempfile::tempdir().unwrap();
        let now: Timestamp = "2023-03-01T09:00:00Z".parse().unwrap();
        let hour = jiff::SignedDuration::from_hours(1);
        let site =
            site::create(folder.path(), "demo", Level::Demo, &"passphrase".into(), now).unwrap();
        let key = site.continuity_key().unwrap();
        let order = OpenOrder {
            site: "demo".into(),
            serial: next_serial(&site).unwrap(),
            ground: Ground::Activation {
                activation: "a-1".into(),
                playbook: PlaybookId::new("case-system-down").unwrap(),
                playbook_sha256: Digest::of(b"playbook"),
            },
            scope: Scope::Cohorts([CohortId::new("crisis-team").unwrap()].into()),
            issued_at: now,
            expires_at: now + hour,
        };
        assert!(matches!(read(&site, now), Err(OrderError::None)));
        issue(&site, &order, &key).unwrap();
        assert_eq!(read(&site, now).unwrap(), order);
        assert!(matches!(read(&site, now + hour), Err(OrderError::Expired(_))));
        assert!(matches!(read(&site, now - hour), Err(OrderError::NotYet(_))));

        let (other, _) = SigningKey::generate();
        issue(&site, &order, &other).unwrap();
        assert!(matches!(read(&site, now), Err(OrderError::Unsigned(_))));

        issue(&site, &order, &key).unwrap();
        withdraw(&site).unwrap();
        assert!(matches!(read(&site, now), Err(OrderError::None)));
        issue(&site, &order, &key).unwrap();
        assert!(matches!(read(&site, now), Err(OrderError::Withdrawn)));
        let next = OpenOrder { serial: next_serial(&site).unwrap(), ..order };
        issue(&site, &next, &key).unwrap();
        assert_eq!(read(&site, now).unwrap(), next);
    }
}
