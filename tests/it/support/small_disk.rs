//! A disk of two megabytes, to be filled.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A file system of its own in memory; gone when dropped.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// # Panics
    /// Where this user may not mount one: `tests/run` is for root, or for who may become root.
    pub fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"]).arg(folder.path());
        let output = mount.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self(folder)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Leaves no room on it.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        // To the last page: where no long piece fits any more a short one may.
        for length in [65_536, 4_096, 1] {
            while filler.write_all(&vec![0; length]).is_ok() {}
        }
        assert!(std::fs::write(self.path().join("more"), [0; 4_096]).is_err(), "it is full");
        let _ = std::fs::remove_file(self.path().join("more"));
    }

    pub fn make_room(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: what is open on it goes with its process.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
