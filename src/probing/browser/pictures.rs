//! Pictures of pages that failed, for whoever looks into it.
//!
//! A picture shows what the probe's account sees, so it is readable by the service's own user
//! alone, and only the newest few are kept.

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::sitting::Sitting;
use crate::clock::Clock;

/// Older ones are removed.
const MOST_PICTURES: usize = 40;

/// Keeps a picture of the page; its file name, or none when there is nothing to see.
pub async fn take(sitting: &Sitting, folder: &Path, label: &str, clock: &Clock) -> Option<String> {
    let picture = sitting.picture().await?;
    let at = clock.now().strftime("%Y%m%dT%H%M%S%3fZ");
    let name = format!("{label}-{at}.png");
    let (pictures, file) = (folder.join("pictures"), name.clone());
    let keeping = tokio::task::spawn_blocking(move || keep(&pictures, &file, &picture)).await;
    match keeping.map_err(std::io::Error::other).flatten() {
        Ok(()) => Some(name),
        Err(error) => {
            tracing::warn!(%error, "a picture of a page could not be kept");
            None
        }
    }
}

fn keep(folder: &Path, name: &str, picture: &[u8]) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut names: Vec<_> = std::fs::read_dir(folder)?.filter_map(Result::ok).collect();
    names.sort_by_key(|entry| entry.metadata().and_then(|about| about.modified()).ok());
    for entry in names.iter().rev().skip(MOST_PICTURES - 1) {
        std::fs::remove_file(entry.path())?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(folder.join(name))?.write_all(picture)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_newest_are_kept_and_only_for_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let pictures = folder.path().join("pictures");
        for index in 0..MOST_PICTURES + 3 {
            keep(&pictures, &format!("{index}.png"), b"picture").unwrap();
        }
        assert_eq!(std::fs::read_dir(&pictures).unwrap().count(), MOST_PICTURES);
        let newest = pictures.join(format!("{}.png", MOST_PICTURES + 2));
        let mode = std::fs::metadata(newest).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::metadata(&pictures).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
