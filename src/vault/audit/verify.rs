//! Checking a trail offline, against the checkpoint signed beside it.

use std::io;
use std::path::{Path, PathBuf};

use super::frames::scan;
use super::{CHECKPOINT_FORMAT, Checkpoint, Entry};
use crate::crypto::digest::Digest;
use crate::crypto::merkle::{leaf_hash, root};
use crate::crypto::sign::VerifyingKey;
use crate::crypto::signed;

/// What a trail that checks out holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub entries: u64,
    pub root: Digest,
    /// How many of them the signed checkpoint vouches for; none without a checkpoint.
    pub vouched: Option<u64>,
}

/// Why a trail does not check out.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it is not an audit trail")]
    NotATrail,
    #[error("its checkpoint is not signed by the expected key, or was changed")]
    Checkpoint,
    #[error("it ends after {found} entries, but {signed} were signed for")]
    Shorter { found: u64, signed: u64 },
    #[error("one of its first {signed} entries was changed")]
    Changed { signed: u64 },
    #[error("there is something that is no entry after entry {after}")]
    Damaged { after: u64 },
    #[error("entry {0} is not understood")]
    Content(u64),
}

/// Checks every frame of a trail, and its root against the checkpoint.
///
/// # Errors
/// See [`VerifyError`].
pub fn verify(path: &Path, key: &VerifyingKey) -> Result<Verified, VerifyError> {
    let contents = scan(&std::fs::read(path)?).map_err(|_| VerifyError::NotATrail)?;
    let checkpoint = read_checkpoint(path, key)?;
    if let Some(checkpoint) = &checkpoint {
        check_against(checkpoint, &contents.entries)?;
    }
    let entries = contents.end.tree.size();
    if contents.has_rest {
        return Err(VerifyError::Damaged { after: entries });
    }
    let vouched = checkpoint.map(|checkpoint| checkpoint.size);
    Ok(Verified { entries, root: contents.end.tree.root(), vouched })
}

/// Every entry of a trail, in order, without checking its checkpoint.
///
/// # Errors
/// When it cannot be read or an entry is of a newer version.
pub fn entries(path: &Path) -> Result<Vec<Entry>, VerifyError> {
    let contents = scan(&std::fs::read(path)?).map_err(|_| VerifyError::NotATrail)?;
    let parsed = (0..)
        .zip(&contents.entries)
        .map(|(index, json)| serde_json::from_slice(json).map_err(|_| VerifyError::Content(index)));
    parsed.collect()
}

pub(super) fn check_against(
    checkpoint: &Checkpoint,
    entries: &[Vec<u8>],
) -> Result<(), VerifyError> {
    let found = entries.len() as u64;
    let signed = usize::try_from(checkpoint.size).unwrap_or(usize::MAX);
    let Some(vouched) = entries.get(..signed) else {
        return Err(VerifyError::Shorter { found, signed: checkpoint.size });
    };
    let leaves: Vec<Digest> = vouched.iter().map(|json| leaf_hash(json)).collect();
    if root(&leaves) == checkpoint.root {
        Ok(())
    } else {
        Err(VerifyError::Changed { signed: checkpoint.size })
    }
}

pub(super) fn checkpoint_path(trail: &Path) -> PathBuf {
    let mut name = trail.as_os_str().to_owned();
    name.push(".checkpoint");
    name.into()
}

pub(super) fn read_checkpoint(
    trail: &Path,
    key: &VerifyingKey,
) -> Result<Option<Checkpoint>, VerifyError> {
    match std::fs::read(checkpoint_path(trail)) {
        Ok(bytes) => {
            let read = signed::read(CHECKPOINT_FORMAT, &bytes, key);
            read.map(Some).map_err(|_| VerifyError::Checkpoint)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
