//! The signed link in a notice by which its recipient acknowledges it.
//!
//! A token names the notice, the person and when it ends, under HMAC-SHA-256. Whoever holds it may
//! acknowledge for that person and do nothing else. Opening the link must not acknowledge: mail
//! scanners open every link, so the page asks for one press of a button.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use crate::crypto::digest::{MacKey, derive, same};
use crate::domain::ids::PersonId;

/// The only version so far; tokens of another are refused.
const VERSION: &str = "1";

/// Longer is not ours: a bound on what is hashed.
const MOST_BYTES: usize = 512;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The outbox id of the notice: letters, digits and hyphens.
    pub notice: String,
    pub person: PersonId,
    /// Counted in whole seconds.
    pub expires_at: Timestamp,
}

/// Signs tokens and verifies them.
pub struct LinkKey(MacKey);

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("this link is not complete: open it from the message again")]
    Malformed,
    #[error("this link was not made by this installation")]
    Forged,
    #[error("this link has ended: acknowledge in the console or by phone")]
    Expired,
}

impl LinkKey {
    /// A key of its own, derived from the installation's secret.
    #[must_use]
    pub fn new(secret: &SecretString) -> Self {
        let key = derive(secret.expose_secret().as_bytes(), "acknowledge-link/v1");
        Self(MacKey::new(&key))
    }

    /// The token, made of letters, digits, hyphens and dots: it goes into a URL as it is.
    ///
    /// # Errors
    /// [`LinkError::Malformed`] when the notice's id holds anything but letters, digits and
    /// hyphens.
    pub fn sign(&self, what: &Acknowledgement) -> Result<String, LinkError> {
        if !is_notice_id(&what.notice) {
            return Err(LinkError::Malformed);
        }
        let expires_s = what.expires_at.as_second().to_string();
        let code = self.code(&what.notice, what.person.as_str(), &expires_s);
        Ok([VERSION, &what.notice, what.person.as_str(), &expires_s, &code].join("."))
    }

    /// What a token says, when it is ours and has not ended.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Acknowledgement, LinkError> {
        let parts: Vec<&str> =
            if token.len() > MOST_BYTES { Vec::new() } else { token.split('.').collect() };
        let [VERSION, notice, person, expires_s, code] = parts.as_slice() else {
            return Err(LinkError::Malformed);
        };
        if !same(self.code(notice, person, expires_s).as_bytes(), code.as_bytes()) {
            return Err(LinkError::Forged);
        }
        let expires_at = expires_s.parse().ok().and_then(|s| Timestamp::from_second(s).ok());
        let expires_at = expires_at.ok_or(LinkError::Malformed)?;
        if expires_at <= now {
            return Err(LinkError::Expired);
        }
        let person = PersonId::new(person).map_err(|_| LinkError::Malformed)?;
        Ok(Acknowledgement { notice: (*notice).to_owned(), person, expires_at })
    }

    fn code(&self, notice: &str, person: &str, expires_s: &str) -> String {
        let pieces = [VERSION, notice, person, expires_s].map(str::as_bytes);
        self.0.code(&pieces).to_hex()
    }
}

fn is_notice_id(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(secret: &str) -> LinkKey {
        LinkKey::new(&SecretString::from(secret.to_owned()))
    }

    fn acknowledgement() -> Acknowledgement {
        Acknowledgement {
            notice: "0190e2c1-1".into(),
            person: PersonId::new("p-duty-1").unwrap(),
            expires_at: "2023-03-02T09:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_token_reads_back_until_it_ends() {
        let what = acknowledgement();
        let token = key("a").sign(&what).unwrap();
        let before = what.expires_at - Duration::from_secs(1);
        assert_eq!(key("a").verify(&token, before), Ok(what.clone()));
        assert_eq!(key("a").verify(&token, what.expires_at), Err(LinkError::Expired));
        assert_eq!(key("b").verify(&token, before), Err(LinkError::Forged));
    }

    #[test]
    fn no_part_of_a_token_can_be_changed() {
        let what = acknowledgement();
        let token = key("a").sign(&what).unwrap();
        let now = what.expires_at - Duration::from_secs(1);
        for (from, to) in
            [("0190e2c1-1", "0190e2c1-2"), ("p-duty-1", "p-duty-2"), (".16", ".17"), ("1.", "2.")]
        {
            let changed = token.replacen(from, to, 1);
            assert_ne!(changed, token);
            assert!(key("a").verify(&changed, now).is_err(), "{changed}");
        }
        assert_eq!(key("a").verify("", now), Err(LinkError::Malformed));
        let dotted = Acknowledgement { notice: "a.b".into(), ..what };
        assert_eq!(key("a").sign(&dotted), Err(LinkError::Malformed));
    }
}
