//! What an agent's data folder holds: its key and certificate, the authority of its hub, the last
//! plan and the spool. The folder is its owner's alone.

use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use crate::crypto::authority::Seen;
use crate::domain::ids::LocationId;
use crate::vault::durable;

/// Certificate and key, one file so that they are never of two makings.
const IDENTITY: &str = "identity.pem";
const AUTHORITY: &str = "authority.pem";
const PLAN: &str = "plan.json";
const SPOOL: &str = "spool.db";

/// The folder; other agents keep off it while this is held.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

/// Who the agent is.
pub struct Keys {
    pub location: LocationId,
    pub seen: Seen,
    /// Certificate and key in PEM.
    pub identity: Zeroizing<String>,
    /// PEM.
    pub authority: String,
}

impl Folder {
    /// Takes the folder, making it when it is not there.
    ///
    /// # Errors
    /// When it cannot be used, or an agent runs on it.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.with_context(|| format!("making {shown}"))?;
        let lock = File::open(path).with_context(|| format!("opening {shown}"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!("an agent runs on {shown}: stop it first"),
            Err(TryLockError::Error(error)) => Err(error).context(format!("locking {shown}")),
        }
    }

    #[must_use]
    pub fn plan(&self) -> PathBuf {
        self.path.join(PLAN)
    }

    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.path.join(SPOOL)
    }

    /// Who was enrolled here; none when nobody was.
    ///
    /// # Errors
    /// When a file cannot be read or is not what it should be.
    pub fn keys(&self) -> anyhow::Result<Option<Keys>> {
        let identity = self.path.join(IDENTITY);
        if !identity.exists() {
            return Ok(None);
        }
        let text = |path: PathBuf| {
            let text = std::fs::read_to_string(&path);
            text.with_context(|| format!("reading {}", path.display()))
        };
        let identity = Zeroizing::new(text(identity)?);
        let seen = Seen::in_pem(&identity);
        let seen =
            seen.with_context(|| format!("reading {IDENTITY} in {}", self.path.display()))?;
        let location = LocationId::new(&seen.name)?;
        Ok(Some(Keys { location, seen, identity, authority: text(self.path.join(AUTHORITY))? }))
    }

    /// Keeps the authority of the hub; the identity follows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_authority(&self, pem: &str) -> anyhow::Result<()> {
        durable::replace(&self.path.join(AUTHORITY), pem.as_bytes())
            .with_context(|| format!("writing {AUTHORITY}"))
    }

    /// Keeps a certificate with its key, in place of the one before. Returns both as they are kept.
    ///
    /// # Errors
    /// When they cannot be written; what was there before is there still.
    pub fn keep_identity(&self, certificate: &str, key: &str) -> anyhow::Result<Zeroizing<String>> {
        let path = self.path.join(IDENTITY);
        let both = Zeroizing::new(format!("{certificate}{key}"));
        let new = durable::temporary(&path);
        if new.exists() {
            std::fs::remove_file(&new).context("removing what an interrupted renewal left")?;
        }
        durable::write_key(&new, both.as_bytes())
            .and_then(|()| durable::rename(&new, &path))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(both)
    }
}
