//! Signed documents: the one envelope of manifests, open orders, epochs and key slots.
//!
//! ```text
//! holdfast/generation/v1
//! {"number":7,…}
//! ed25519 <public key, 64 hex digits> <signature, 128 hex digits>
//! ```
//!
//! Three lines, each ended by a line feed. The signature covers the first two, so a document of one
//! format is never taken for another. The public key is there to find the right one; trust comes
//! from the key the reader already has.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sign::{SigningKey, VerifyingKey};

/// Why a document is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedError {
    #[error("it is not a signed document of this format, or was cut short")]
    Malformed,
    #[error("it is signed by a key that is not the expected one")]
    WrongSigner,
    #[error("its signature does not fit its content")]
    BadSignature,
    #[error("its content is not understood")]
    Content,
}

/// Writes and signs `content` as one line of JSON.
///
/// # Panics
/// Never for the types of this program: their maps have text keys.
#[must_use]
pub fn write<T: Serialize>(format: &str, content: &T, key: &SigningKey) -> Vec<u8> {
    let json = serde_json::to_string(content).expect("the document's maps have text keys");
    let covered = format!("{format}\n{json}\n");
    let signature = key.sign(covered.as_bytes());
    format!("{covered}ed25519 {} {signature}\n", key.verifying_key()).into_bytes()
}

/// Checks the signature by `key` and reads the content.
///
/// # Errors
/// See [`SignedError`].
pub fn read<T: DeserializeOwned>(
    format: &str,
    bytes: &[u8],
    key: &VerifyingKey,
) -> Result<T, SignedError> {
    let text = std::str::from_utf8(bytes).map_err(|_| SignedError::Malformed)?;
    let mut lines = text.split_inclusive('\n');
    let (Some(head), Some(json), Some(signature), None) =
        (lines.next(), lines.next(), lines.next(), lines.next())
    else {
        return Err(SignedError::Malformed);
    };
    if head.strip_suffix('\n') != Some(format) {
        return Err(SignedError::Malformed);
    }
    let covered = &bytes[..head.len() + json.len()];
    let signature = signature.strip_suffix('\n').ok_or(SignedError::Malformed)?;
    let (signer, signature) = signature
        .strip_prefix("ed25519 ")
        .and_then(|rest| rest.split_once(' '))
        .ok_or(SignedError::Malformed)?;
    let signer: VerifyingKey = signer.parse().map_err(|_| SignedError::Malformed)?;
    let signature = signature.parse().map_err(|_| SignedError::Malformed)?;
    if signer != *key {
        return Err(SignedError::WrongSigner);
    }
    if !key.accepts(covered, &signature) {
        return Err(SignedError::BadSignature);
    }
    serde_json::from_str(json).map_err(|_| SignedError::Content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let (key, _) = SigningKey::generate();
        let document = write("holdfast/test/v1", &vec![1, 2, 3], &key);
        let trusted = key.verifying_key();
        assert_eq!(read("holdfast/test/v1", &document, &trusted), Ok(vec![1, 2, 3]));
        for at in 0..document.len() {
            for bit in 0..8 {
                let mut changed = document.clone();
                changed[at] ^= 1 << bit;
                let read = read::<Vec<u8>>("holdfast/test/v1", &changed, &trusted);
                assert!(read.is_err(), "byte {at}, bit {bit}");
            }
            assert!(read::<Vec<u8>>("holdfast/test/v1", &document[..at], &trusted).is_err());
        }
    }

    #[test]
    fn another_signer_and_another_format_are_refused() {
        let (key, _) = SigningKey::generate();
        let (other, _) = SigningKey::generate();
        let document = write("holdfast/test/v1", &1, &other);
        let trusted = key.verifying_key();
        assert_eq!(
            read::<u8>("holdfast/test/v1", &document, &trusted),
            Err(SignedError::WrongSigner)
        );
        let document = write("holdfast/test/v1", &1, &key);
        assert_eq!(
            read::<u8>("holdfast/other/v1", &document, &trusted),
            Err(SignedError::Malformed)
        );
    }
}
