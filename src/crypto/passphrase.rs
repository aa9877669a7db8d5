//! Passphrases: at least fifteen characters, kept as argon2id hashes in PHC form.
//!
//! Hashing takes tens of milliseconds and 19 MiB on purpose: callers run it on a blocking thread
//! and bound how many run at once. Nothing here stores or logs a passphrase.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// The fewest characters of a passphrase.
pub const CHARACTERS_AT_LEAST: usize = 15;

/// The most bytes looked at, so that a megabyte in a form field costs nothing.
pub const BYTES_AT_MOST: usize = 1024;

/// A passphrase as it is kept: argon2id with its own salt and the parameters of RFC 9106 as
/// adapted by OWASP (19 MiB, two passes, one lane).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PassphraseHash(String);

/// Why a passphrase is not taken, or a hash is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    #[error(
        "a passphrase has at least {CHARACTERS_AT_LEAST} characters: four or five words will do"
    )]
    TooShort,
    #[error("a passphrase has at most {BYTES_AT_MOST} bytes")]
    TooLong,
    #[error("this is not an argon2id hash")]
    NotAHash,
    #[error("hashing the passphrase failed: no memory or no randomness")]
    Failed,
}

impl PassphraseHash {
    /// Hashes a passphrase with a fresh salt.
    ///
    /// # Errors
    /// When it is too short or too long, or the machine has no memory or randomness for it.
    pub fn new(passphrase: &SecretString) -> Result<Self, PassphraseError> {
        let text = passphrase.expose_secret();
        if text.chars().count() < CHARACTERS_AT_LEAST {
            return Err(PassphraseError::TooShort);
        }
        if text.len() > BYTES_AT_MOST {
            return Err(PassphraseError::TooLong);
        }
        let hash = Argon2::default()
            .hash_password(text.as_bytes())
            .map_err(|_| PassphraseError::Failed)?;
        Ok(Self(hash.to_string()))
    }

    /// Whether this is the passphrase. Takes the same time for a wrong one.
    #[must_use]
    pub fn matches(&self, passphrase: &SecretString) -> bool {
        let text = passphrase.expose_secret();
        let fits = text.len() <= BYTES_AT_MOST;
        let text = if fits { text.as_bytes() } else { b"" };
        let parsed = PasswordHash::new(&self.0);
        parsed.is_ok_and(|hash| Argon2::default().verify_password(text, &hash).is_ok()) && fits
    }

    /// A hash nobody knows the passphrase of, for names that do not exist: checking against it
    /// takes as long as checking against a real one.
    ///
    /// # Errors
    /// When the machine has no memory or randomness for it.
    pub fn decoy() -> Result<&'static Self, PassphraseError> {
        static DECOY: OnceLock<PassphraseHash> = OnceLock::new();
        if let Some(decoy) = DECOY.get() {
            return Ok(decoy);
        }
        let nobody: String = uuid::Uuid::now_v7().to_string() + &uuid::Uuid::now_v7().to_string();
        let made = Self::new(&SecretString::from(nobody))?;
        Ok(DECOY.get_or_init(|| made))
    }
}

impl TryFrom<String> for PassphraseHash {
    type Error = PassphraseError;
    fn try_from(text: String) -> Result<Self, PassphraseError> {
        match PasswordHash::new(&text) {
            Ok(hash) if hash.algorithm.as_str() == "argon2id" => Ok(Self(text)),
            _ => Err(PassphraseError::NotAHash),
        }
    }
}

impl From<PassphraseHash> for String {
    fn from(hash: PassphraseHash) -> Self {
        hash.0
    }
}

impl std::fmt::Debug for PassphraseHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PassphraseHash(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[test]
    fn the_right_passphrase_matches_and_a_near_one_does_not() {
        let hash = PassphraseHash::new(&secret("correct horse battery")).unwrap();
        assert!(hash.matches(&secret("correct horse battery")));
        assert!(!hash.matches(&secret("correct horse batterz")));
        assert!(!hash.matches(&secret("")));
        let read_back = PassphraseHash::try_from(String::from(hash.clone())).unwrap();
        assert_eq!(read_back, hash);
        assert!(!format!("{hash:?}").contains("argon2id"));
    }

    #[test]
    fn short_long_and_foreign_ones_are_refused() {
        assert_eq!(PassphraseHash::new(&secret("fourteen chars")), Err(PassphraseError::TooShort));
        // Fifteen characters, not bytes: macrons count once.
        assert_eq!(PassphraseHash::new(&secret("āāāāāāāāāā")), Err(PassphraseError::TooShort));
        let long = "a".repeat(BYTES_AT_MOST + 1);
        assert_eq!(PassphraseHash::new(&secret(&long)), Err(PassphraseError::TooLong));
        let foreign =
            "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ";
        assert_eq!(PassphraseHash::try_from(foreign.to_owned()), Err(PassphraseError::NotAHash));
    }

    #[test]
    fn the_decoy_matches_nothing() {
        assert!(!PassphraseHash::decoy().unwrap().matches(&secret("correct horse battery")));
    }
}
