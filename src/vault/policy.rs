//! The portal's own signers: the policy key, which signs directories, and the audit key, which
//! signs checkpoints. The node vouches for both.
//!
//! The policy key is a file of its own so that it can be kept elsewhere; the audit key is derived
//! from the node key, so that whoever can open can also account for it, and nobody else can.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::durable;
use super::site::{NodeKey, Site, SiteError};
use crate::crypto::digest;
use crate::crypto::sealed::{self, OpeningKey, SealingKey};
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::crypto::signed;

const FORMAT: &str = "holdfast/signers/v1";
const AUDIT_PURPOSE: &str = "holdfast audit v1";

/// Whose signature counts on directories and on checkpoints of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signers {
    pub policy: VerifyingKey,
    pub audit: VerifyingKey,
}

/// Makes the policy key of a site and lets the node vouch for it and for the audit key.
///
/// # Errors
/// When there is a policy key already, or a file cannot be written.
pub fn create(site: &Site, node: &NodeKey) -> Result<Signers, SiteError> {
    let folder = folder(site);
    std::fs::create_dir_all(&folder).map_err(at(&folder))?;
    let (policy, seed) = SigningKey::generate();
    let path = key_path(site);
    let hex = zeroize::Zeroizing::new(digest::to_hex(seed.as_slice()));
    durable::write_key(&path, hex.as_bytes()).map_err(at(&path))?;
    let signers =
        Signers { policy: policy.verifying_key(), audit: audit_key(node).verifying_key() };
    let path = folder.join("signers");
    durable::replace(&path, &signed::write(FORMAT, &signers, &node.identity)).map_err(at(&path))?;
    Ok(signers)
}

/// Makes the key pair that reviewers read with and answers its public half, to which the portal
/// seals. The other half is left for the holder of the custody key.
///
/// # Errors
/// When the file cannot be written.
pub fn create_review_key(site: &Site) -> Result<SealingKey, SiteError> {
    let review = OpeningKey::generate();
    let path = site.root().join("custody/review.age");
    let custody = std::slice::from_ref(&site.description().custody);
    let sealed = sealed::seal(custody, review.to_secret().expose_secret().as_bytes());
    sealed.and_then(|bytes| durable::write_key(&path, &bytes)).map_err(at(&path))?;
    Ok(review.sealing_key())
}

/// The signers the node vouches for.
///
/// # Errors
/// When there are none, or they were changed.
pub fn signers(site: &Site) -> Result<Signers, SiteError> {
    let path = folder(site).join("signers");
    let bytes = std::fs::read(&path).map_err(at(&path))?;
    Ok(signed::read(FORMAT, &bytes, &site.description().node_identity)?)
}

/// The key that signs directories.
///
/// # Errors
/// When the file cannot be read or is open to others.
pub fn policy_key(site: &Site) -> Result<SigningKey, SiteError> {
    let path = key_path(site);
    let text = durable::read_key(&path).map_err(at(&path))?;
    let seed = std::str::from_utf8(&text).ok().and_then(digest::from_hex);
    let seed: [u8; 32] =
        seed.and_then(|bytes| bytes.try_into().ok()).ok_or(SiteError::NoKey(path))?;
    Ok(SigningKey::from_seed(&seed))
}

/// The key that signs checkpoints of the audit trail.
#[must_use]
pub fn audit_key(node: &NodeKey) -> SigningKey {
    let secret = node.opening.to_secret();
    SigningKey::from_seed(&digest::derive(secret.expose_secret().as_bytes(), AUDIT_PURPOSE))
}

fn folder(site: &Site) -> PathBuf {
    site.root().join("policy")
}

fn key_path(site: &Site) -> PathBuf {
    folder(site).join("policy.key")
}

fn at(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> SiteError {
    let path = path.to_owned();
    move |source| SiteError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::sample;

    #[test]
    fn the_node_vouches_for_both_and_a_changed_list_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        let node = site.node_key().unwrap();
        assert!(signers(&site).is_err());
        let made = create(&site, &node).unwrap();
        assert_eq!(signers(&site).unwrap(), made);
        assert_eq!(policy_key(&site).unwrap().verifying_key(), made.policy);
        assert_eq!(audit_key(&node).verifying_key(), made.audit);
        assert!(create(&site, &node).is_err(), "a policy key is never replaced unasked");

        let path = folder.path().join("policy/signers");
        let (other, _) = SigningKey::generate();
        let forged = Signers { policy: other.verifying_key(), ..made };
        std::fs::write(&path, signed::write(FORMAT, &forged, &other)).unwrap();
        assert!(signers(&site).is_err());
    }
}
