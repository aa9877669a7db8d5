//! A site: its folder, its keys, and the description that says whose signature counts here.
//!
//! Every key is a file of its own that only its owner reads. A capture run is given the folders
//! `copy` and `capture` alone; what opens is in `opener` and `custody`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::copy::CopyFolder;
use super::durable;
use crate::crypto::digest::{self, MacKey};
use crate::crypto::sealed::{self, OpenError, OpeningKey, SealingKey};
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::crypto::signed::{self, SignedError};

/// scrypt's cost for the custody key: half a second and 128 MiB, for a passphrase of a person.
const CUSTODY_LOG2_WORK: u8 = 17;
/// The demo's key is printed on its screen, so it costs next to nothing.
const DEMO_LOG2_WORK: u8 = 10;
const FORMAT: &str = "holdfast/site/v1";

/// A site's folder inside an installation's data folder.
pub const FOLDER: &str = "site";

const IDENTITY_PURPOSE: &str = "holdfast node identity v1";

/// What keeps the node key, and with that what a thief gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// A file in the data folder; real sources are refused.
    Demo,
    /// A 0400 file or a systemd credential; capture runs as its own process and Unix user.
    Server,
}

impl Level {
    /// What somebody who steals it gets, in words for the console.
    #[must_use]
    pub fn what_a_thief_gets(self) -> &'static str {
        match self {
            Self::Demo => "everything (it is synthetic)",
            Self::Server => {
                "copied segments: nothing. The disk or the whole machine: the standard tier"
            }
        }
    }
}

/// Whose signature counts at this site; signed by the node's identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The site's name: letters, digits and hyphens.
    pub site: String,
    pub level: Level,
    pub created_at: Timestamp,
    /// Signs epochs and this description.
    pub node_identity: VerifyingKey,
    /// Signs generations.
    pub manifest: VerifyingKey,
    /// Signs open orders.
    pub continuity: VerifyingKey,
    /// Standard private halves are sealed to this one and to the custody key.
    pub node: SealingKey,
    /// Restricted private halves are sealed to this one only.
    pub custody: SealingKey,
}

/// A site on this machine.
#[derive(Clone, Debug)]
pub struct Site {
    root: PathBuf,
    description: Description,
    node_key: PathBuf,
}

/// Why a site or one of its keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("the site's description is not believed: {0}")]
    Description(#[from] SignedError),
    #[error("{0} holds no key")]
    NoKey(PathBuf),
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    #[error("the node key is not the one this site was made with")]
    OtherNode,
}

/// Makes a site from nothing, with all its keys. The custody key is wrapped by `passphrase`.
///
/// # Errors
/// When `root` holds a site already or cannot be written.
pub fn create(
    root: &Path,
    name: &str,
    level: Level,
    passphrase: &SecretString,
    now: Timestamp,
) -> Result<Site, SiteError> {
    for folder in ["capture", "opener/epochs", "continuity", "custody"] {
        make_private_folder(&root.join(folder))?;
    }
    CopyFolder::create(&root.join("copy")).map_err(at(&root.join("copy")))?;

    let node = OpeningKey::generate();
    let custody = OpeningKey::generate();
    let (manifest, manifest_seed) = SigningKey::generate();
    let (continuity, continuity_seed) = SigningKey::generate();
    let identity = identity_of(&node);
    let description = Description {
        site: name.to_owned(),
        level,
        created_at: now,
        node_identity: identity.verifying_key(),
        manifest: manifest.verifying_key(),
        continuity: continuity.verifying_key(),
        node: node.sealing_key(),
        custody: custody.sealing_key(),
    };
    let log2_work = if level == Level::Demo { DEMO_LOG2_WORK } else { CUSTODY_LOG2_WORK };
    let wrapped = sealed::seal_with_passphrase(passphrase, log2_work, &secret_bytes(&custody))
        .map_err(at(root))?;

    write_key(&root.join("opener/node.key"), &secret_bytes(&node))?;
    write_key(&root.join("capture/manifest.key"), hex(&manifest_seed).as_bytes())?;
    write_key(&root.join("capture/ledger.key"), hex(&digest::random()).as_bytes())?;
    write_key(&root.join("continuity/continuity.key"), hex(&continuity_seed).as_bytes())?;
    write_key(&root.join("custody/custody.age"), &wrapped)?;
    let path = root.join("site");
    durable::replace(&path, &signed::write(FORMAT, &description, &identity)).map_err(at(&path))?;
    Site::open(root)
}

impl Site {
    /// Opens a site's description. Its signature is checked by the key it names itself; the node
    /// key is compared with it when it is read.
    ///
    /// # Errors
    /// When there is no site at `root` or its description was changed.
    pub fn open(root: &Path) -> Result<Self, SiteError> {
        let path = root.join("site");
        let bytes = fs::read(&path).map_err(at(&path))?;
        let named: Description = unverified(&bytes)?;
        let description = signed::read(FORMAT, &bytes, &named.node_identity)?;
        let node_key = root.join("opener/node.key");
        Ok(Self { root: root.to_owned(), description, node_key })
    }

    /// Takes the node key from another file: a systemd credential, for example.
    #[must_use]
    pub fn with_node_key(self, node_key: PathBuf) -> Self {
        Self { node_key, ..self }
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.description.site
    }

    #[must_use]
    pub fn copy(&self) -> CopyFolder {
        CopyFolder::at(&self.root.join("copy"))
    }

    /// Where capture keeps its ledger.
    #[must_use]
    pub fn capture_folder(&self) -> PathBuf {
        self.root.join("capture")
    }

    /// Where the opener keeps key slots and the highest generation it has seen.
    #[must_use]
    pub fn opener_folder(&self) -> PathBuf {
        self.root.join("opener")
    }

    /// # Errors
    /// When the file cannot be read, is open to others, or is another node's.
    pub fn node_key(&self) -> Result<NodeKey, SiteError> {
        let opening = read_opening_key(&self.node_key)?;
        let identity = identity_of(&opening);
        if identity.verifying_key() != self.description.node_identity {
            return Err(SiteError::OtherNode);
        }
        Ok(NodeKey { opening, identity })
    }

    /// # Errors
    /// When the file cannot be read or is open to others.
    pub fn manifest_key(&self) -> Result<SigningKey, SiteError> {
        read_seed(&self.root.join("capture/manifest.key")).map(|seed| SigningKey::from_seed(&seed))
    }

    /// # Errors
    /// When the file cannot be read or is open to others.
    pub fn ledger_key(&self) -> Result<MacKey, SiteError> {
        read_seed(&self.root.join("capture/ledger.key")).map(|seed| MacKey::new(&seed))
    }

    /// # Errors
    /// When the file cannot be read or is open to others.
    pub fn continuity_key(&self) -> Result<SigningKey, SiteError> {
        read_seed(&self.root.join("continuity/continuity.key"))
            .map(|seed| SigningKey::from_seed(&seed))
    }

    /// Unwraps the custody key; takes about half a second.
    ///
    /// # Errors
    /// [`SiteError::WrongPassphrase`], or when the file cannot be read.
    pub fn custody_key(&self, passphrase: &SecretString) -> Result<OpeningKey, SiteError> {
        let path = self.root.join("custody/custody.age");
        let wrapped = durable::read_key(&path).map_err(at(&path))?;
        let secret =
            sealed::open_with_passphrase(passphrase, &wrapped).map_err(|error| match error {
                OpenError::WrongKey => SiteError::WrongPassphrase,
                _ => SiteError::NoKey(path.clone()),
            })?;
        parse_opening_key(&secret).ok_or(SiteError::NoKey(path))
    }
}

/// The opener's own key: it opens standard epochs, and signs what this node vouches for.
#[derive(Debug)]
pub struct NodeKey {
    pub(in crate::vault) opening: OpeningKey,
    pub(in crate::vault) identity: SigningKey,
}

/// The identity is derived, so that a node has one secret to keep.
fn identity_of(node: &OpeningKey) -> SigningKey {
    SigningKey::from_seed(&digest::derive(&secret_bytes(node), IDENTITY_PURPOSE))
}

fn unverified(bytes: &[u8]) -> Result<Description, SignedError> {
    let json = bytes.split(|byte| *byte == b'\n').nth(1).ok_or(SignedError::Malformed)?;
    serde_json::from_slice(json).map_err(|_| SignedError::Malformed)
}

fn secret_bytes(key: &OpeningKey) -> Zeroizing<Vec<u8>> {
    use secrecy::ExposeSecret;
    Zeroizing::new(key.to_secret().expose_secret().as_bytes().to_vec())
}

fn parse_opening_key(text: &[u8]) -> Option<OpeningKey> {
    let text = SecretString::from(std::str::from_utf8(text).ok()?.to_owned());
    OpeningKey::parse(&text).ok()
}

fn read_opening_key(path: &Path) -> Result<OpeningKey, SiteError> {
    let text = durable::read_key(path).map_err(at(path))?;
    parse_opening_key(&text).ok_or_else(|| SiteError::NoKey(path.to_owned()))
}

fn read_seed(path: &Path) -> Result<Zeroizing<[u8; 32]>, SiteError> {
    let text = durable::read_key(path).map_err(at(path))?;
    std::str::from_utf8(&text)
        .ok()
        .and_then(digest::from_hex)
        .and_then(|bytes| bytes.try_into().ok())
        .map(Zeroizing::new)
        .ok_or_else(|| SiteError::NoKey(path.to_owned()))
}

fn hex(seed: &[u8; 32]) -> Zeroizing<String> {
    Zeroizing::new(digest::to_hex(seed))
}

fn write_key(path: &Path, secret: &[u8]) -> Result<(), SiteError> {
    durable::write_key(path, secret).map_err(at(path))
}

fn make_private_folder(path: &Path) -> Result<(), SiteError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> SiteError {
    let path = path.to_owned();
    move |source| SiteError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_keeps_its_keys_and_its_word() {
        let folder = tempfile::tempdir().unwrap();
        let passphrase = SecretString::from("fifteen letters");
        let now = "2023-03-01T09:00:00Z".parse().unwrap();
        let site = create(folder.path(), "noarlunga", Level::Demo, &passphrase, now).unwrap();
        assert_eq!(
            site.custody_key(&passphrase).unwrap().sealing_key(),
            site.description().custody
        );
        assert_eq!(site.node_key().unwrap().opening.sealing_key(), site.description().node);
        assert!(matches!(
            site.custody_key(&SecretString::from("another")),
            Err(SiteError::WrongPassphrase)
        ));
        assert!(create(folder.path(), "noarlunga", Level::Demo, &passphrase, now).is_err());

        let path = folder.path().join("site");
        let text = fs::read_to_string(&path).unwrap().replace("\"demo\"", "\"server\"");
        fs::write(&path, text).unwrap();
        assert!(matches!(
            Site::open(folder.path()),
            Err(SiteError::Description(SignedError::BadSignature))
        ));
    }
}
