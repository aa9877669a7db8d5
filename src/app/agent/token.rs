//! The text of an invitation: for which location, the one-time secret, and the hub's authority, so
//! that the agent's first contact trusts that and nothing else.
//!
//! `holdfast-agent-v1.LOCATION.SECRET.CERTIFICATE`, the certificate in base64 as PEM has it.

use secrecy::{ExposeSecret, SecretString};

use crate::domain::ids::LocationId;

const FORMAT: &str = "holdfast-agent-v1";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// An invitation, read.
pub struct Token {
    pub location: LocationId,
    pub secret: SecretString,
    /// PEM.
    pub authority: String,
}

/// Writes an invitation.
#[must_use]
pub fn write(location: &LocationId, secret: &str, authority: &str) -> String {
    let lines = authority.lines().filter(|line| !line.starts_with("-----"));
    let certificate: String = lines.map(str::trim).collect();
    format!("{FORMAT}.{location}.{secret}.{certificate}")
}

/// Reads an invitation; none when it is not one.
#[must_use]
pub fn read(text: &SecretString) -> Option<Token> {
    let parts: Vec<&str> = text.expose_secret().trim().split('.').collect();
    let [FORMAT, location, secret, certificate] = parts[..] else { return None };
    if certificate.is_empty() || !certificate.is_ascii() {
        return None;
    }
    let lines = certificate.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let lines: Vec<_> = lines.collect();
    Some(Token {
        location: LocationId::new(location).ok()?,
        secret: secret.to_owned().into(),
        authority: format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::authority::{Authority, fingerprint};

    #[test]
    fn an_invitation_is_read_as_it_was_written() {
        let now = "2026-03-01T00:00:00Z".parse().unwrap();
        let (authority, _) = Authority::create(now).unwrap();
        let location = LocationId::new("noarlunga").unwrap();
        let text = write(&location, "0123abcd", authority.certificate_pem());
        assert_eq!(text.lines().count(), 1);
        let token = read(&format!("{text}\n").into()).unwrap();
        assert_eq!(token.location, location);
        assert_eq!(token.secret.expose_secret(), "0123abcd");
        let both =
            [authority.certificate_pem(), &token.authority].map(|pem| fingerprint(pem).unwrap());
        assert_eq!(both[0], both[1]);
        for wrong in ["", "holdfast-agent-v1.noarlunga.x", "holdfast-agent-v2.a.b.c"] {
            assert!(read(&wrong.to_owned().into()).is_none(), "{wrong}");
        }
    }
}
