//! The policy and directory: who may sign in and what ties them to cases, as a numbered artefact of
//! its own.
//!
//! Each is signed by the portal's policy key and sealed to the node key, so that it is loaded at
//! start without opening case data and keeps working when capture is quarantined. The newest valid
//! one wins; once a number was loaded, a lower one is refused for good. It must not be trusted for
//! its file name: the number inside counts.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::crypto::passphrase::PassphraseHash;
use crate::crypto::sealed::{self, OpeningKey, SealingKey};
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::crypto::signed::{self, SignedError};
use crate::crypto::totp::TotpSecret;
use crate::domain::ids::PersonId;
use crate::domain::session::{Account, Phones};

use super::durable;
use super::site::{NodeKey, Site};

const FORMAT: &str = "holdfast/directory/v1";
const EXTENSION: &str = "directory";
/// The highest number ever loaded here, as text.
const HIGHEST: &str = "HIGHEST";
/// Old artefacts beside the newest are for people to look at; more than this is not read.
const CANDIDATES_AT_MOST: usize = 16;

/// Everybody who may sign in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// From 1, without gaps expected.
    pub number: u64,
    pub issued_at: Timestamp,
    pub phones: Phones,
    /// What people search for and why they open without usual access is sealed to it: only a
    /// reviewer, who holds the other half, reads it.
    pub review_key: SealingKey,
    pub people: Vec<Enrolled>,
}

/// An account with what its person proves themselves by; none before their enrolment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolled {
    pub account: Account,
    pub credential: Option<Credential>,
}

/// A passphrase and a code, for signing in with nothing else up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    pub passphrase: PassphraseHash,
    pub totp: TotpSecret,
}

/// Why there is no directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("no directory in {0}: compile one with `holdfast people compile`")]
    Missing(PathBuf),
    #[error("{path}: {why}")]
    Invalid { path: PathBuf, why: Fault },
    /// An older one than was loaded before: rolled back by somebody, or restored from a backup.
    #[error("the newest directory is number {found}, but number {highest} was loaded before")]
    Older { found: u64, highest: u64 },
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] io::Error),
}

/// Why one file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Sealed(#[from] sealed::OpenError),
    #[error(transparent)]
    Signed(#[from] SignedError),
}

impl Directory {
    #[must_use]
    pub fn find(&self, person: &PersonId) -> Option<&Enrolled> {
        self.people.iter().find(|enrolled| enrolled.account.person == *person)
    }
}

/// Where a site keeps its directories.
#[must_use]
pub fn folder(site: &Site) -> PathBuf {
    site.root().join("directory")
}

/// Signs a directory with the policy key, seals it to the node and writes it; it becomes the
/// newest one.
///
/// # Errors
/// When the file cannot be written durably.
pub fn publish(
    site: &Site,
    directory: &Directory,
    policy_key: &SigningKey,
) -> Result<PathBuf, DirectoryError> {
    let folder = folder(site);
    let sealed_to = std::slice::from_ref(&site.description().node);
    let path = folder.join(format!("{:06}.{EXTENSION}", directory.number));
    let signed = signed::write(FORMAT, directory, policy_key);
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| sealed::seal(sealed_to, &signed))
        .and_then(|bytes| durable::replace(&path, &bytes));
    written.map_err(|error| DirectoryError::Io(path.clone(), error))?;
    Ok(path)
}

/// The newest valid directory of a site, whose number is remembered so that no older one is taken
/// afterwards.
///
/// # Errors
/// See [`DirectoryError`]; with several files at fault, the newest one's.
pub fn load(
    site: &Site,
    node: &NodeKey,
    policy_key: &VerifyingKey,
) -> Result<Directory, DirectoryError> {
    let folder = &folder(site);
    let mut first_fault = None;
    let mut newest: Option<Directory> = None;
    for path in candidates(folder)? {
        match read(&path, &node.opening, policy_key) {
            Ok(directory) => {
                if newest.as_ref().is_none_or(|best| best.number < directory.number) {
                    newest = Some(directory);
                }
            }
            Err(fault) => {
                first_fault.get_or_insert(fault);
            }
        }
    }
    let Some(directory) = newest else {
        return Err(first_fault.unwrap_or_else(|| DirectoryError::Missing(folder.to_owned())));
    };
    let highest = highest(folder)?;
    if directory.number < highest {
        return Err(DirectoryError::Older { found: directory.number, highest });
    }
    if directory.number > highest {
        let path = folder.join(HIGHEST);
        durable::replace(&path, directory.number.to_string().as_bytes())
            .map_err(|error| DirectoryError::Io(path, error))?;
    }
    Ok(directory)
}

/// The number the next directory of a site takes.
///
/// # Errors
/// When the folder cannot be read.
pub fn next_number(site: &Site) -> Result<u64, DirectoryError> {
    let folder = folder(site);
    let named = candidates(&folder)?.iter().filter_map(|path| number_in_name(path)).max();
    Ok(named.unwrap_or(0).max(highest(&folder)?) + 1)
}

fn read(
    path: &Path,
    node_key: &OpeningKey,
    policy_key: &VerifyingKey,
) -> Result<Directory, DirectoryError> {
    let invalid = |why: Fault| DirectoryError::Invalid { path: path.to_owned(), why };
    let bytes = std::fs::read(path).map_err(|error| DirectoryError::Io(path.to_owned(), error))?;
    let opened = sealed::open(node_key, &bytes).map_err(|error| invalid(error.into()))?;
    signed::read(FORMAT, &opened, policy_key).map_err(|error| invalid(error.into()))
}

/// The files that call themselves directories, newest name first.
fn candidates(folder: &Path) -> Result<Vec<PathBuf>, DirectoryError> {
    let io_error = |error| DirectoryError::Io(folder.to_owned(), error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(io_error)?.path();
        if number_in_name(&path).is_some() {
            paths.push(path);
        }
    }
    paths.sort_by_key(|path| std::cmp::Reverse(number_in_name(path)));
    paths.truncate(CANDIDATES_AT_MOST);
    Ok(paths)
}

fn number_in_name(path: &Path) -> Option<u64> {
    let is_directory = path.extension()? == EXTENSION;
    path.file_stem()?.to_str()?.parse().ok().filter(|_| is_directory)
}

fn highest(folder: &Path) -> Result<u64, DirectoryError> {
    let path = folder.join(HIGHEST);
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| {
            DirectoryError::Io(path, io::Error::other("this is not the number of a directory"))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(DirectoryError::Io(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::sample;

    struct Desk {
        folder: tempfile::TempDir,
        site: Site,
        policy: SigningKey,
    }

    impl Desk {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let site = sample::site(folder.path());
            let (policy, _) = SigningKey::generate();
            Self { folder, site, policy }
        }

        fn publish(&self, number: u64) -> PathBuf {
            let directory = Directory {
                number,
                issued_at: sample::now(),
                phones: Phones::default(),
                review_key: self.site.description().custody.clone(),
                people: Vec::new(),
            };
            publish(&self.site, &directory, &self.policy).unwrap()
        }

        fn load(&self) -> Result<Directory, DirectoryError> {
            load(&self.site, &self.site.node_key().unwrap(), &self.policy.verifying_key())
        }
    }

    #[test]
    fn the_newest_valid_one_wins_and_an_older_one_is_refused_afterwards() {
        let desk = Desk::new();
        assert!(matches!(desk.load(), Err(DirectoryError::Missing(_))));
        assert_eq!(next_number(&desk.site).unwrap(), 1);
        desk.publish(1);
        let second = desk.publish(2);
        assert_eq!(desk.load().unwrap().number, 2);
        assert_eq!(next_number(&desk.site).unwrap(), 3);
        let third = desk.publish(3);
        std::fs::write(&third, b"cut short").unwrap();
        assert_eq!(desk.load().unwrap().number, 2, "a damaged newest one is passed over");
        std::fs::remove_file(second).unwrap();
        assert!(matches!(desk.load(), Err(DirectoryError::Older { found: 1, highest: 2 })));
    }

    #[test]
    fn a_renamed_old_one_counts_by_what_it_says_inside() {
        let desk = Desk::new();
        let first = desk.publish(1);
        desk.publish(2);
        assert_eq!(desk.load().unwrap().number, 2);
        std::fs::rename(&first, desk.folder.path().join("directory/000009.directory")).unwrap();
        assert_eq!(desk.load().unwrap().number, 2);
    }

    #[test]
    fn another_signer_or_another_node_is_refused() {
        let desk = Desk::new();
        let published = desk.publish(1);
        let (other, _) = SigningKey::generate();
        let node = desk.site.node_key().unwrap();
        let loaded = load(&desk.site, &node, &other.verifying_key());
        let wrong_signer = matches!(
            loaded,
            Err(DirectoryError::Invalid { why: Fault::Signed(SignedError::WrongSigner), .. })
        );
        assert!(wrong_signer, "{loaded:?}");

        let elsewhere = Desk::new();
        std::fs::create_dir_all(folder(&elsewhere.site)).unwrap();
        std::fs::copy(published, folder(&elsewhere.site).join("000001.directory")).unwrap();
        let stolen = elsewhere.load();
        assert!(matches!(stolen, Err(DirectoryError::Invalid { why: Fault::Sealed(_), .. })));
    }
}
