//! The folder of a chromedriver's browser profiles: made for the service's user alone, cleared away
//! when it is no longer needed.
//!
//! A profile holds cookies and pages of the target. A folder in use is locked, and the system lifts
//! the lock of a process that was killed, so that what it left is known. Its number would not tell:
//! in a container every life of the service has the same.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A locked folder; whatever uses it is ended, and it is removed, when this is dropped.
#[derive(Debug)]
pub struct Profiles {
    path: PathBuf,
    _lock: File,
}

impl Profiles {
    /// Makes one among the others, and clears away those that nobody holds.
    ///
    /// # Errors
    /// When it cannot be made or locked.
    pub fn open(all: &Path) -> std::io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(all)?;
        // Nobody clears away meanwhile: a folder is made before it is locked.
        let turn = File::open(all)?;
        turn.lock()?;
        end_unheld(all);
        let path = make(all)?;
        let lock = File::open(&path)?;
        lock.lock()?;
        Ok(Self { path, _lock: lock })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Profiles {
    fn drop(&mut self) {
        end(&self.path);
    }
}

/// Makes a new folder in one that is there.
///
/// # Errors
/// When that one is gone, for instance.
pub fn make(folder: &Path) -> std::io::Result<PathBuf> {
    let path = folder.join(uuid::Uuid::now_v7().simple().to_string());
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}

/// Writes a small file into a profile, as its browser does first of all.
///
/// # Errors
/// When the disk is full, for instance.
pub fn take_file(profile: &Path) -> std::io::Result<()> {
    std::fs::write(profile.join("holdfast"), [0; 65_536])
}

/// Clears away the folders that nobody holds.
pub fn sweep(all: &Path) {
    if let Ok(turn) = File::open(all)
        && turn.lock().is_ok()
    {
        end_unheld(all);
    }
}

fn end_unheld(all: &Path) {
    for entry in std::fs::read_dir(all).into_iter().flatten().filter_map(Result::ok) {
        if File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            end(&entry.path());
        }
    }
}

/// Ends the browsers whose profile this is, or is in it, and removes it.
pub fn end(folder: &Path) {
    use rustix::process::{Pid, Signal, kill_process};
    for entry in std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok) {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        let Some(pid) = pid.and_then(Pid::from_raw) else { continue };
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if uses(&command, folder) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    let _ = std::fs::remove_dir_all(folder);
}

/// The argument that gives Chromium its profile.
pub fn argument(profile: &Path) -> String {
    format!("--user-data-dir={}", profile.display())
}

/// Whether a command line, its arguments each ended by a zero, is a browser's with such a profile.
/// Chromium's other processes end with the one that was given the argument.
fn uses(command: &[u8], folder: &Path) -> bool {
    let own = argument(folder);
    command.split(|byte| *byte == 0).any(|argument| {
        let rest = argument.strip_prefix(own.as_bytes());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_browser_is_known_by_its_whole_argument() {
        let uses = |argument: &str| {
            uses(format!("chromium\0{argument}\0--mute\0").as_bytes(), Path::new("/d/profiles/1"))
        };
        assert!(uses("--user-data-dir=/d/profiles/1"));
        assert!(uses("--user-data-dir=/d/profiles/1/a"));
        assert!(!uses("--user-data-dir=/d/profiles/12/a"));
        assert!(!uses("/d/profiles/1/a"), "an editor");
        assert!(!uses("see --user-data-dir=/d/profiles/1"), "a note");
    }

    #[test]
    fn one_clears_away_what_nobody_holds_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let all = folder.path().join("browser/profiles");
        sweep(&all);
        let held = Profiles::open(&all).unwrap();
        let left = all.join(std::process::id().to_string());
        std::fs::create_dir(&left).unwrap();
        sweep(&all);
        assert!(held.path().exists() && !left.exists());

        std::fs::create_dir(&left).unwrap();
        let other = Profiles::open(&all).unwrap();
        assert!(held.path().exists() && !left.exists());
        let profile = make(other.path()).unwrap();
        for private in [&all, other.path(), &profile] {
            let mode = std::fs::metadata(private).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", private.display());
        }
        let gone = other.path().to_owned();
        drop(other);
        assert!(held.path().exists() && !gone.exists());
        assert!(make(&gone).is_err(), "nothing is made where everything was cleared away");
    }
}
