//! Files that are there after a power cut, or were never there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes `path` as a whole: a temporary file beside it, synced, renamed over it, folder synced.
///
/// # Errors
/// When any step fails; `path` is then as it was before.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary(path);
    write_synced(&temporary, bytes)?;
    rename(&temporary, path)
}

/// Where [`replace`] and the publisher write before they rename.
#[must_use]
pub fn temporary(path: &Path) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".tmp");
    name.into()
}

/// # Errors
/// When the file cannot be written or synced.
pub fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Renames and syncs the folder.
///
/// # Errors
/// When either fails.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// # Errors
/// When the folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Writes a key file that only its owner reads (0400) and refuses to replace one.
///
/// # Errors
/// When a file is there already or cannot be written.
pub fn write_key(path: &Path, secret: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o400);
    let mut file = options.open(path)?;
    file.write_all(secret)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Reads a key file, unless others could read it too.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`] when group or others have any right on it.
pub fn read_key(path: &Path) -> io::Result<zeroize::Zeroizing<Vec<u8>>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
            let fault = "the key file can be read by others: set its mode to 0400";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, fault));
        }
    }
    fs::read(path).map(zeroize::Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        write_key(&path, b"secret").unwrap();
        assert_eq!(read_key(&path).unwrap().as_slice(), b"secret");
        assert!(write_key(&path, b"other").is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        assert_eq!(read_key(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
