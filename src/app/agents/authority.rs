//! The hub's private authority for agents, in its data folder, and the invitations it stands
//! behind.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::crypto::authority::{Authority, fingerprint};
use crate::crypto::digest::{Digest, random, to_hex};
use crate::domain::ids::LocationId;
use crate::store::{Store, agents};
use crate::vault::durable;

/// In the hub's data folder.
const FOLDER: &str = "agents";
const KEY: &str = "authority.key";
const CERTIFICATE: &str = "authority.pem";
/// An invitation is for somebody who is at the machine now.
pub const INVITATION_LIFE: Duration = Duration::from_hours(1);

/// An invitation, as it is handed over.
pub struct Invitation {
    /// The token, and what to trust the hub by.
    pub token: SecretString,
    pub expires_at: Timestamp,
    /// What people compare where they doubt whose hub it is.
    pub fingerprint: Digest,
}

/// The authority, made when there is none yet.
///
/// # Errors
/// When its files cannot be read or written, or are not what they should be.
pub fn open(data: &Path, now: Timestamp) -> anyhow::Result<Authority> {
    let folder = data.join(FOLDER);
    let making = || format!("making {}", folder.display());
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).with_context(making)?;
    // The service and an invitation may both be the first.
    let turn = File::open(&folder).with_context(making)?;
    turn.lock().with_context(making)?;
    let (key, certificate) = (folder.join(KEY), folder.join(CERTIFICATE));
    if !certificate.exists() {
        make(&key, &certificate, now)?;
    }
    let certificate = text(&certificate)?;
    Authority::open(certificate, &zeroize::Zeroizing::new(text(&key)?))
        .with_context(|| format!("reading the authority in {}", folder.display()))
}

/// The certificate is there last: without it nothing was made.
fn make(key: &Path, certificate: &Path, now: Timestamp) -> anyhow::Result<()> {
    let (authority, secret) = Authority::create(now)?;
    if key.exists() {
        std::fs::remove_file(key).with_context(|| format!("replacing {}", key.display()))?;
    }
    durable::write_key(key, secret.as_bytes())
        .with_context(|| format!("writing {}", key.display()))?;
    durable::replace(certificate, authority.certificate_pem().as_bytes())
        .with_context(|| format!("writing {}", certificate.display()))
}

fn text(path: &PathBuf) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Invites an agent for a location: a token for one use, of which only the digest is kept.
///
/// # Errors
/// When it cannot be noted.
pub async fn invite(
    (store, authority): (&Store, &Authority),
    location: &LocationId,
    now: Timestamp,
) -> anyhow::Result<Invitation> {
    let secret = to_hex(random().as_slice());
    let expires_at = now.checked_add(INVITATION_LIFE)?;
    let hash = Digest::of(secret.as_bytes()).to_hex();
    agents::invite(store, location, &hash, expires_at).await.context("noting the invitation")?;
    let certificate = authority.certificate_pem();
    Ok(Invitation {
        token: crate::app::agent::token::write(location, &secret, certificate).into(),
        expires_at,
        fingerprint: fingerprint(certificate)?,
    })
}
