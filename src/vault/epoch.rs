//! Epochs: one key pair per tier, made by the opener for a full build and its deltas.
//!
//! The public halves are announced beside the copy, signed by the node, for capture to seal to. The
//! private halves stay at the opener, each in a key slot file: the standard one sealed to the node
//! key and the custody key, the restricted one to the custody key only.

use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::durable;
use super::site::{NodeKey, Site};
use crate::crypto::digest;
use crate::crypto::sealed::{self, OpenError, OpeningKey, SealingKey};
use crate::crypto::signed::{self, SignedError};
use crate::domain::records::Tier;

const EPOCH_FORMAT: &str = "holdfast/epoch/v1";
const SLOT_FORMAT: &str = "holdfast/key-slot/v1";

/// The public halves of an epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epoch {
    /// 16 lower-case hex digits, random.
    pub id: String,
    pub site: String,
    pub created_at: Timestamp,
    pub standard: SealingKey,
    pub restricted: SealingKey,
}

impl Epoch {
    #[must_use]
    pub fn sealing_key(&self, tier: Tier) -> &SealingKey {
        match tier {
            Tier::Standard => &self.standard,
            Tier::Restricted => &self.restricted,
        }
    }
}

/// Who can open a slot. Later kinds (keeper, TPM) get words of their own; a reader refuses a slot
/// of a kind it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlotKind {
    Node,
    Custody,
}

/// The private half of one tier's key pair, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeySlot {
    epoch: String,
    tier: Tier,
    /// Whom it is sealed to.
    sealed_to: Vec<SlotKind>,
    /// The public half of what is sealed.
    opens: SealingKey,
    /// An age file in hex, whose content is `AGE-SECRET-KEY-1…`.
    sealed: String,
}

/// Why an epoch cannot be made, sealed to or opened.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    #[error("epoch {epoch} is not believed: {fault}")]
    Unsigned { epoch: String, fault: SignedError },
    #[error("epoch {0} has no key slot here: this machine is not its opener")]
    NoSlot(String),
    #[error("this key does not open the {tier} tier of epoch {epoch}")]
    WrongKey { epoch: String, tier: Tier },
    #[error("the key slot of epoch {0} is damaged")]
    Damaged(String),
    #[error("the files of an epoch cannot be used: {0}")]
    Io(#[from] io::Error),
}

/// Makes an epoch at the opener and announces its public halves beside the copy.
///
/// # Errors
/// When its files cannot be written; what was written of it is then of no use to anybody.
pub fn create(site: &Site, node: &NodeKey, now: Timestamp) -> Result<Epoch, EpochError> {
    let id = digest::to_hex(&digest::random()[..8]);
    let (standard, restricted) = (OpeningKey::generate(), OpeningKey::generate());
    let description = site.description();
    for (tier, key) in [(Tier::Standard, &standard), (Tier::Restricted, &restricted)] {
        let (sealed_to, keys) = match tier {
            Tier::Standard => (
                vec![SlotKind::Node, SlotKind::Custody],
                vec![description.node.clone(), description.custody.clone()],
            ),
            Tier::Restricted => (vec![SlotKind::Custody], vec![description.custody.clone()]),
        };
        let sealed = sealed::seal(&keys, key.to_secret().expose_secret().as_bytes())?;
        let slot = KeySlot {
            epoch: id.clone(),
            tier,
            sealed_to,
            opens: key.sealing_key(),
            sealed: digest::to_hex(&sealed),
        };
        let bytes = signed::write(SLOT_FORMAT, &slot, &node.identity);
        durable::replace(&slot_path(site, &id, tier), &bytes)?;
    }
    let epoch = Epoch {
        id: id.clone(),
        site: description.site.clone(),
        created_at: now,
        standard: standard.sealing_key(),
        restricted: restricted.sealing_key(),
    };
    let bytes = signed::write(EPOCH_FORMAT, &epoch, &node.identity);
    durable::replace(&site.copy().epochs().join(&id), &bytes)?;
    Ok(epoch)
}

/// Reads the public halves, for sealing.
///
/// # Errors
/// When the announcement is missing or not signed by this site's node.
pub fn read(site: &Site, id: &str) -> Result<Epoch, EpochError> {
    let unsigned = |fault| EpochError::Unsigned { epoch: id.to_owned(), fault };
    let bytes = fs::read(site.copy().epochs().join(checked(id)?))?;
    let epoch: Epoch =
        signed::read(EPOCH_FORMAT, &bytes, &site.description().node_identity).map_err(unsigned)?;
    if epoch.id == id && epoch.site == site.name() {
        Ok(epoch)
    } else {
        Err(unsigned(SignedError::Content))
    }
}

/// Opens the private half of a tier with the node key or the custody key.
///
/// # Errors
/// See [`EpochError`].
pub fn open(site: &Site, id: &str, tier: Tier, key: &OpeningKey) -> Result<OpeningKey, EpochError> {
    let damaged = || EpochError::Damaged(id.to_owned());
    let bytes = match fs::read(slot_path(site, checked(id)?, tier)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(EpochError::NoSlot(id.to_owned()));
        }
        other => other?,
    };
    let slot: KeySlot = signed::read(SLOT_FORMAT, &bytes, &site.description().node_identity)
        .map_err(|fault| EpochError::Unsigned { epoch: id.to_owned(), fault })?;
    if slot.epoch != id || slot.tier != tier {
        return Err(damaged());
    }
    let sealed = digest::from_hex(&slot.sealed).ok_or_else(damaged)?;
    let secret = sealed::open(key, &sealed).map_err(|error| match error {
        OpenError::WrongKey => EpochError::WrongKey { epoch: id.to_owned(), tier },
        _ => damaged(),
    })?;
    let secret = std::str::from_utf8(&secret).map_err(|_| damaged())?;
    let opened =
        OpeningKey::parse(&SecretString::from(secret.to_owned())).map_err(|_| damaged())?;
    if opened.sealing_key() == slot.opens { Ok(opened) } else { Err(damaged()) }
}

/// Removes the files of epochs that no retained generation needs. Only the opener calls it, and
/// never before a newer generation has passed a trial opening.
///
/// # Errors
/// When a folder cannot be read or a file not be removed.
pub fn forget_all_but(site: &Site, needed: &[String]) -> io::Result<usize> {
    let mut forgotten = 0;
    for folder in [site.opener_folder().join("epochs"), site.copy().epochs()] {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let id = name.to_string_lossy();
            let id = id.split('.').next().unwrap_or_default();
            if !needed.iter().any(|kept| kept == id) {
                fs::remove_file(entry.path())?;
                forgotten += 1;
            }
        }
    }
    Ok(forgotten)
}

fn slot_path(site: &Site, id: &str, tier: Tier) -> PathBuf {
    site.opener_folder().join("epochs").join(format!("{id}.{tier}"))
}

/// An epoch's id comes from a manifest and becomes a file name.
fn checked(id: &str) -> Result<&str, EpochError> {
    match digest::from_hex(id) {
        Some(bytes) if bytes.len() == 8 => Ok(id),
        _ => Err(EpochError::Damaged(id.to_owned())),
    }
}
