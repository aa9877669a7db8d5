//! HMAC-SHA-256 over one message, as other systems compute it too. Source: RFC 2104.
//!
//! For codes that only Holdfast reads, over several pieces, use
//! [`MacKey`](super::digest::MacKey).

use aws_lc_rs::hmac;

use super::digest::{from_hex, to_hex};

/// The code of a message as 64 lower-case hex digits.
#[must_use]
pub fn code(secret: &[u8], message: &[u8]) -> String {
    to_hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref())
}

/// Whether a code, in hex, is this message's; takes equally long wherever they differ.
#[must_use]
pub fn verifies(secret: &[u8], message: &[u8], code: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    from_hex(code).is_some_and(|code| hmac::verify(&key, message, &code).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answer_and_forgeries() {
        // RFC 4231, test case 2.
        let (secret, message) = (b"Jefe".as_slice(), b"what do ya want for nothing?".as_slice());
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(code(secret, message), expected);
        assert!(verifies(secret, message, expected));
        assert!(!verifies(b"jefe", message, expected));
        assert!(!verifies(secret, message, &expected[..62]));
        assert!(!verifies(secret, message, "not hex"));
    }
}
