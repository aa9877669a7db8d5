//! Publishing a generation, so that a power cut anywhere leaves exactly one valid generation in
//! force: the one before or the new one.
//!
//! Segments are on disk already. The order is: prove every segment as a reader would, write the
//! manifest as `.tmp`, sync, read it back, rename, sync the folder, swap `CURRENT`, note the
//! highest number, collect what no retained generation names.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::copy::{CopyError, CopyFolder, Pointer, pointer_line, read_pointer, write_pointer};
use super::durable;
use super::manifest::{self, Manifest};
use crate::crypto::digest::Digest;
use crate::crypto::sign::{SigningKey, VerifyingKey};

/// Fewer would leave nothing to fall back on while the newest has not passed a trial opening.
pub const MIN_KEPT_GENERATIONS: usize = 2;

/// What has just become durable. Tests stop here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    SegmentsProven,
    ManifestWritten,
    ManifestRenamed,
    CurrentWritten,
    CurrentSwapped,
    HighestNoted,
    Collected,
}

impl Step {
    pub const ALL: [Self; 7] = [
        Self::SegmentsProven,
        Self::ManifestWritten,
        Self::ManifestRenamed,
        Self::CurrentWritten,
        Self::CurrentSwapped,
        Self::HighestNoted,
        Self::Collected,
    ];
}

/// Where capture notes the highest number it has published.
pub struct Publisher<'a> {
    pub folder: &'a CopyFolder,
    pub key: &'a SigningKey,
    /// The file with the highest generation this publisher has seen.
    pub highest: &'a Path,
    /// At least [`MIN_KEPT_GENERATIONS`].
    pub kept_generations: usize,
}

impl Publisher<'_> {
    /// The number for the next generation and the digest of the one in force.
    ///
    /// # Errors
    /// When `CURRENT` was put back to an older one or cannot be read.
    pub fn next(&self) -> Result<(u64, Option<Digest>), CopyError> {
        let current = read_pointer(&self.folder.current())?;
        let highest = read_pointer(self.highest)?;
        match (current, highest) {
            (None, None) => Ok((1, None)),
            (Some(current), Some(seen)) if current.number < seen.number => {
                Err(CopyError::RolledBack { found: current.number, seen: seen.number })
            }
            (Some(current), _) => Ok((current.number + 1, Some(current.sha256))),
            (None, Some(seen)) => Err(CopyError::RolledBack { found: 0, seen: seen.number }),
        }
    }

    /// Puts a generation in force. `after` is called when a step is durable; its error stops there.
    ///
    /// # Errors
    /// When a step fails; the generation before is then still in force, or the new one whole.
    pub fn publish(
        &self,
        manifest: &Manifest,
        after: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> Result<Pointer, CopyError> {
        for entry in &manifest.segments {
            self.folder.verify_segment(entry)?;
        }
        after(Step::SegmentsProven)?;

        let path = self.folder.generation(manifest.number);
        let temporary = durable::temporary(&path);
        let bytes = manifest::write(manifest, self.key);
        durable::write_synced(&temporary, &bytes)?;
        let pointer = Pointer { number: manifest.number, sha256: Digest::of(&bytes) };
        read_back(&temporary, manifest, &self.key.verifying_key())?;
        after(Step::ManifestWritten)?;
        durable::rename(&temporary, &path)?;
        after(Step::ManifestRenamed)?;

        let current = self.folder.current();
        durable::write_synced(&durable::temporary(&current), pointer_line(pointer).as_bytes())?;
        after(Step::CurrentWritten)?;
        durable::rename(&durable::temporary(&current), &current)?;
        after(Step::CurrentSwapped)?;
        write_pointer(self.highest, pointer)?;
        after(Step::HighestNoted)?;
        self.collect(pointer)?;
        after(Step::Collected)?;
        Ok(pointer)
    }

    /// Removes what a run left behind that did not end: temporary files, segments and manifests
    /// that no generation up to the one in force names.
    ///
    /// # Errors
    /// When a retained manifest does not verify: then nothing is removed, for it may be needed.
    pub fn tidy(&self) -> Result<(), CopyError> {
        match read_pointer(&self.folder.current())? {
            Some(pointer) => self.collect(pointer),
            None => {
                self.remove_beyond(0)?;
                remove_all_but(&self.folder.segments(), &BTreeSet::new())?;
                Ok(())
            }
        }
    }

    fn collect(&self, current: Pointer) -> Result<(), CopyError> {
        self.remove_beyond(current.number)?;
        let retained = self.retained(current)?;
        let named: BTreeSet<String> = retained
            .iter()
            .flat_map(|manifest| &manifest.segments)
            .map(|entry| format!("{}.age", entry.id))
            .collect();
        let oldest = retained.last().map_or(current.number, |manifest| manifest.number);
        for number in self.folder.generation_numbers()? {
            if number < oldest {
                fs::remove_file(self.folder.generation(number))?;
            }
        }
        durable::sync_folder(&self.folder.generations())?;
        remove_all_but(&self.folder.segments(), &named)?;
        Ok(())
    }

    /// The generation in force and those before it that are kept, newest first, each proven by the
    /// digest its successor holds.
    fn retained(&self, current: Pointer) -> Result<Vec<Manifest>, CopyError> {
        retained(self.folder, current, &self.key.verifying_key(), self.kept_generations)
    }

    fn remove_beyond(&self, current: u64) -> io::Result<()> {
        for entry in fs::read_dir(self.folder.generations())? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok());
            if number.is_none_or(|number| number > current) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}

/// The newest `kept` generations from `current` back, as far as they are on disk.
///
/// # Errors
/// When one of them was changed.
pub fn retained(
    folder: &CopyFolder,
    current: Pointer,
    key: &VerifyingKey,
    kept: usize,
) -> Result<Vec<Manifest>, CopyError> {
    let mut manifests = vec![folder.read_generation(current, key)?];
    while manifests.len() < kept.max(MIN_KEPT_GENERATIONS) {
        let Some(newest) = manifests.last() else { break };
        let Some(sha256) = newest.previous else { break };
        let Some(number) = newest.number.checked_sub(1) else { break };
        if !folder.generation(number).exists() {
            break;
        }
        manifests.push(folder.read_generation(Pointer { number, sha256 }, key)?);
    }
    Ok(manifests)
}

fn read_back(path: &Path, expected: &Manifest, key: &VerifyingKey) -> Result<(), CopyError> {
    let number = expected.number;
    let read = manifest::read(&fs::read(path)?, key)
        .map_err(|fault| CopyError::Unsigned { number, fault })?;
    if read == *expected {
        return Ok(());
    }
    Err(CopyError::Damaged {
        file: format!("generation {number}"),
        fault: "it reads back as another",
    })
}

fn remove_all_but(folder: &Path, named: &BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
            fs::remove_file(entry.path())?;
        }
    }
    durable::sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::super::open::current;
    use super::super::sample;
    use super::*;

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn stopped_after_any_step_exactly_one_generation_is_in_force() {
        for stop in Step::ALL {
            let folder = tempfile::tempdir().unwrap();
            let site = sample::site(folder.path());
            let first = sample::publish_two(&site);
            let stopped = sample::publish(&site, first.segments.clone(), &mut |step| {
                if step == stop { Err(io::Error::other("power cut")) } else { Ok(()) }
            });
            assert!(stopped.is_err());

            let (pointer, manifest) = current(&site).unwrap();
            let swapped =
                matches!(stop, Step::CurrentSwapped | Step::HighestNoted | Step::Collected);
            assert_eq!(pointer.number, if swapped { 2 } else { 1 }, "{stop:?}");
            for entry in &manifest.segments {
                site.copy().verify_segment(entry).unwrap();
            }

            let next = sample::publish(&site, first.segments, &mut |_| Ok(())).unwrap();
            assert_eq!(next.number, pointer.number + 1, "{stop:?}");
            assert_eq!(current(&site).unwrap().1, next);
        }
    }

    #[test]
    fn two_generations_and_their_segments_are_kept_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        let first = sample::publish_two(&site);
        for expected in [2, 2, 2] {
            let last = sample::publish_two(&site);
            assert_eq!(files(&site.copy().generations()), expected);
            assert_eq!(files(&site.copy().segments()), 2 * last.segments.len());
        }
        for entry in first.segments {
            assert!(!site.copy().segment(&entry.id).exists());
        }
    }

    #[test]
    fn what_an_unended_run_left_is_tidied_away() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        let manifest = sample::publish_two(&site);
        let segments = site.copy().segments();
        fs::write(segments.join("00.age.tmp"), b"half").unwrap();
        fs::write(segments.join("00.age"), b"whole, not named").unwrap();
        fs::write(site.copy().generation(9), b"not in force").unwrap();
        let (copy, key) = (site.copy(), site.manifest_key().unwrap());
        let highest = site.capture_folder().join("highest");
        Publisher { folder: &copy, key: &key, highest: &highest, kept_generations: 2 }
            .tidy()
            .unwrap();
        assert_eq!(files(&segments), manifest.segments.len());
        assert_eq!(files(&site.copy().generations()), 1);
        assert_eq!(current(&site).unwrap().1, manifest);
    }

    #[test]
    fn an_older_copy_put_back_is_not_published_over() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        sample::publish_two(&site);
        let old = fs::read(site.copy().current()).unwrap();
        let second = sample::publish_two(&site);
        fs::write(site.copy().current(), old).unwrap();
        let again = sample::publish(&site, second.segments, &mut |_| Ok(()));
        assert!(matches!(again, Err(CopyError::RolledBack { found: 1, seen: 2 })));
    }
}
