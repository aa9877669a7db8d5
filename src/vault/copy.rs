//! The folder that holds a copy, and finding the generation in force in it.
//!
//! It holds nothing that opens anything, so it may be copied anywhere.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::durable;
use super::manifest::{self, Manifest};
use super::segment::{SegmentEntry, SegmentId, age_header};
use crate::crypto::digest::{Digest, Hasher};
use crate::crypto::sign::VerifyingKey;
use crate::crypto::signed::SignedError;

/// A folder with segments, generations, epochs, `CURRENT` and perhaps an open order.
#[derive(Clone, Debug)]
pub struct CopyFolder(PathBuf);

/// Names a generation: what `CURRENT` and a highest-seen mark hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    pub number: u64,
    /// Of the manifest's file.
    pub sha256: Digest,
}

/// Why the copy on this disk is not to be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("there is no copy yet")]
    Nothing,
    #[error(
        "generation {found} is offered, but {seen} was already seen: an older copy was put back"
    )]
    RolledBack { found: u64, seen: u64 },
    #[error("generation {0} is not the one seen before under this number")]
    Replaced(u64),
    #[error("{file} was changed or cut short: {fault}")]
    Damaged { file: String, fault: &'static str },
    #[error("generation {number} is not believed: {fault}")]
    Unsigned { number: u64, fault: SignedError },
    #[error("the copy is of site {0}")]
    OtherSite(String),
    #[error("the copy cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl CopyFolder {
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self(root.to_owned())
    }

    /// # Errors
    /// When the folders cannot be made.
    pub fn create(root: &Path) -> io::Result<Self> {
        for folder in ["segments", "generations", "epochs"] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Self(root.to_owned()))
    }

    #[must_use]
    pub fn segments(&self) -> PathBuf {
        self.0.join("segments")
    }

    #[must_use]
    pub fn segment(&self, id: &SegmentId) -> PathBuf {
        self.segments().join(format!("{id}.age"))
    }

    #[must_use]
    pub fn generations(&self) -> PathBuf {
        self.0.join("generations")
    }

    #[must_use]
    pub fn generation(&self, number: u64) -> PathBuf {
        self.generations().join(format!("{number:010}"))
    }

    #[must_use]
    pub fn epochs(&self) -> PathBuf {
        self.0.join("epochs")
    }

    #[must_use]
    pub fn current(&self) -> PathBuf {
        self.0.join("CURRENT")
    }

    #[must_use]
    pub fn open_order(&self) -> PathBuf {
        self.0.join("OPEN")
    }

    /// The generation `CURRENT` names, its signature checked. `seen` is the highest this reader
    /// has seen before; a lower one is refused.
    ///
    /// # Errors
    /// See [`CopyError`].
    pub fn read_current(
        &self,
        site: &str,
        key: &VerifyingKey,
        seen: Option<Pointer>,
    ) -> Result<(Pointer, Manifest), CopyError> {
        let pointer = read_pointer(&self.current())?.ok_or(CopyError::Nothing)?;
        match seen {
            Some(seen) if pointer.number < seen.number => {
                return Err(CopyError::RolledBack { found: pointer.number, seen: seen.number });
            }
            Some(seen) if pointer.number == seen.number && pointer.sha256 != seen.sha256 => {
                return Err(CopyError::Replaced(pointer.number));
            }
            _ => {}
        }
        let manifest = self.read_generation(pointer, key)?;
        if manifest.site != site {
            return Err(CopyError::OtherSite(manifest.site));
        }
        Ok((pointer, manifest))
    }

    /// Reads the manifest a pointer names.
    ///
    /// # Errors
    /// When its digest, signature or number is another.
    pub fn read_generation(
        &self,
        pointer: Pointer,
        key: &VerifyingKey,
    ) -> Result<Manifest, CopyError> {
        let bytes = fs::read(self.generation(pointer.number))?;
        let number = pointer.number;
        if Digest::of(&bytes) != pointer.sha256 {
            return Err(damaged(&format!("generation {number}"), "its digest is another"));
        }
        let manifest =
            manifest::read(&bytes, key).map_err(|fault| CopyError::Unsigned { number, fault })?;
        if manifest.number != number {
            return Err(damaged(&format!("generation {number}"), "it has another number"));
        }
        Ok(manifest)
    }

    /// Proves the bytes of one segment, with no key: length, digest of its header, digest of all.
    ///
    /// # Errors
    /// When any differs from the manifest.
    pub fn verify_segment(&self, entry: &SegmentEntry) -> Result<(), CopyError> {
        let name = format!("segment {}", entry.id);
        let file = match File::open(self.segment(&entry.id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(damaged(&name, "it is missing"));
            }
            other => other?,
        };
        if file.metadata()?.len() != entry.length_bytes {
            return Err(damaged(&name, "its length is another"));
        }
        let mut reader = BufReader::new(file);
        let mut hasher = Hasher::new();
        let mut chunk = vec![0; 256 * 1024];
        let mut first = true;
        loop {
            let read = reader.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            if std::mem::take(&mut first) {
                let header = age_header(&chunk[..read]).map(Digest::of);
                if header != Some(entry.header_sha256) {
                    return Err(damaged(&name, "its header is another"));
                }
            }
            hasher.update(&chunk[..read]);
        }
        if hasher.finish() == entry.file_sha256 {
            Ok(())
        } else {
            Err(damaged(&name, "its digest is another"))
        }
    }

    /// The numbers of all generations on disk, newest first.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn generation_numbers(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.generations())? {
            let name = entry?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }
}

fn damaged(file: &str, fault: &'static str) -> CopyError {
    CopyError::Damaged { file: file.to_owned(), fault }
}

/// Reads `0000000007 <64 hex digits>` and a line feed; none when there is no such file.
///
/// # Errors
/// When there is something else in it.
pub fn read_pointer(path: &Path) -> Result<Option<Pointer>, CopyError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let pointer = std::str::from_utf8(&text).ok().and_then(parse_pointer);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    pointer.map(Some).ok_or_else(|| damaged(&name, "it names no generation"))
}

/// Writes a pointer whole and synced.
///
/// # Errors
/// When it cannot be written.
pub fn write_pointer(path: &Path, pointer: Pointer) -> io::Result<()> {
    durable::replace(path, pointer_line(pointer).as_bytes())
}

pub(in crate::vault) fn pointer_line(pointer: Pointer) -> String {
    format!("{:010} {}\n", pointer.number, pointer.sha256)
}

fn parse_pointer(text: &str) -> Option<Pointer> {
    let (number, sha256) = text.strip_suffix('\n')?.split_once(' ')?;
    let pointer = Pointer { number: number.parse().ok()?, sha256: sha256.parse().ok()? };
    (pointer_line(pointer) == text).then_some(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_has_one_spelling() {
        let pointer = Pointer { number: 7, sha256: Digest::of(b"manifest") };
        let line = pointer_line(pointer);
        assert_eq!(parse_pointer(&line), Some(pointer));
        for wrong in ["", "7 ", &line[1..], &line.to_uppercase(), &format!("+{}", &line[1..])] {
            assert_eq!(parse_pointer(wrong), None, "{wrong}");
        }
    }
}
