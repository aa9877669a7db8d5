//! Time-based one-time codes (RFC 6238): SHA-1, six digits, steps of thirty seconds, as every
//! authenticator application speaks them.
//!
//! [`TotpSecret::step_of`] says which step a code belongs to; the caller refuses a step it has
//! taken before, so that a code read over a shoulder opens nothing.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret, Totp};

/// The fewest bytes of a secret, by RFC 4226 section 4.
const BYTES_AT_LEAST: usize = 16;

/// The secret shared with somebody's authenticator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TotpSecret(Secret);

/// A text that is no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a code secret: write at least 26 letters and digits of base32")]
pub struct InvalidTotpSecret;

impl TotpSecret {
    /// A fresh secret of 160 bits.
    #[must_use]
    pub fn generate() -> Self {
        Self(Secret::generate())
    }

    /// Reads a secret in base32, as enrolment sheets print it; spaces are allowed.
    ///
    /// # Errors
    /// When it is not base32 or shorter than 128 bits.
    pub fn from_base32(text: &str) -> Result<Self, InvalidTotpSecret> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let secret = Secret::try_from_base32(text.to_uppercase()).map_err(|_| InvalidTotpSecret)?;
        if secret.as_bytes().len() < BYTES_AT_LEAST {
            return Err(InvalidTotpSecret);
        }
        Ok(Self(secret))
    }

    #[must_use]
    pub fn to_base32(&self) -> SecretString {
        SecretString::from(self.0.to_base32())
    }

    /// The link an authenticator application takes, shown once at enrolment.
    ///
    /// # Errors
    /// When the account or issuer holds a colon.
    pub fn enrolment_link(
        &self,
        issuer: &str,
        account: &str,
    ) -> Result<SecretString, InvalidTotpSecret> {
        let totp = self.builder().with_issuer(Some(issuer)).with_account_name(account);
        let link = totp.build().ok().and_then(|totp| totp.to_url().ok());
        link.map(SecretString::from).ok_or(InvalidTotpSecret)
    }

    /// The step a code belongs to at `now`, one step early or late allowed; none for a wrong code.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<u64> {
        let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
        self.totp().check(&code, seconds(now))
    }

    /// The code at `now`.
    #[must_use]
    pub fn code_at(&self, now: Timestamp) -> String {
        self.totp().generate(seconds(now)).to_string()
    }

    fn totp(&self) -> Totp {
        self.builder().build_noncompliant()
    }

    fn builder(&self) -> Builder {
        Builder::new().with_secret(self.0.clone())
    }
}

fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.as_second()).unwrap_or_default()
}

impl TryFrom<String> for TotpSecret {
    type Error = InvalidTotpSecret;
    fn try_from(text: String) -> Result<Self, InvalidTotpSecret> {
        Self::from_base32(&text)
    }
}

impl From<TotpSecret> for String {
    fn from(secret: TotpSecret) -> Self {
        secret.0.to_base32()
    }
}

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TotpSecret(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B: the ASCII text `12345678901234567890`.
    const RFC_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_vectors_of_rfc_6238() {
        let secret = TotpSecret::from_base32(RFC_SECRET).unwrap();
        // The appendix prints eight digits; six digits are the last six of them.
        for (second, eight) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(secret.code_at(at(second)), eight[2..], "at {second}");
            let step = u64::try_from(second / 30).unwrap();
            assert_eq!(secret.step_of(&eight[2..], at(second)), Some(step));
        }
    }

    #[test]
    fn one_step_early_or_late_is_taken_and_two_are_not() {
        let secret = TotpSecret::generate();
        let code = secret.code_at(at(3000));
        assert_eq!(secret.step_of(&code, at(3030)), Some(100));
        assert_eq!(secret.step_of(&code, at(2970)), Some(100));
        assert_eq!(secret.step_of(&format!("{} {}", &code[..3], &code[3..]), at(3000)), Some(100));
        for wrong in ["", "12345", "1234567", "abcdef"] {
            assert_eq!(secret.step_of(wrong, at(3000)), None);
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert_eq!(TotpSecret::from_base32("GEZDGNBVGY3TQOJQ"), Err(InvalidTotpSecret));
        assert_eq!(TotpSecret::from_base32("not base32!"), Err(InvalidTotpSecret));
    }
}
