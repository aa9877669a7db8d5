//! Sealing to public keys: age v1 files (c2sp.org/age), which the standard `age` tool opens too.
//!
//! Whoever seals needs public halves only. Streams are processed in chunks of 64 KiB, so memory
//! does not grow with the file. A passphrase wraps a key through age's scrypt recipient.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::iter;

use age::x25519;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The public half: whoever has it can seal, and nothing more. Written as `age1…`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealingKey(x25519::Recipient);

/// The private half.
#[derive(Clone)]
pub struct OpeningKey(x25519::Identity);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key of this kind")]
pub struct InvalidKey;

/// Why a sealed file did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("this key does not open it")]
    WrongKey,
    #[error("the sealed file is damaged or cut short")]
    Damaged,
    #[error("the sealed file could not be read")]
    Io(#[from] io::Error),
}

impl OpeningKey {
    #[must_use]
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// Reads `AGE-SECRET-KEY-1…`.
    ///
    /// # Errors
    /// When the text is not a private key; the text is not repeated.
    pub fn parse(text: &SecretString) -> Result<Self, InvalidKey> {
        text.expose_secret().trim().parse().map(Self).map_err(|_| InvalidKey)
    }

    /// `AGE-SECRET-KEY-1…`, for a key file or for sealing to another key.
    #[must_use]
    pub fn to_secret(&self) -> SecretString {
        SecretString::from(self.0.to_string().expose_secret().to_owned())
    }

    #[must_use]
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey(self.0.to_public())
    }
}

impl fmt::Debug for OpeningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpeningKey(of {})", self.sealing_key())
    }
}

impl std::str::FromStr for SealingKey {
    type Err = InvalidKey;
    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        text.parse().map(Self).map_err(|_| InvalidKey)
    }
}

impl TryFrom<String> for SealingKey {
    type Error = InvalidKey;
    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<SealingKey> for String {
    fn from(key: SealingKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Writes a sealed file; without [`Sealer::finish`] it stays cut short and never opens.
pub struct Sealer<W: Write>(age::stream::StreamWriter<W>);

impl<W: Write> Sealer<W> {
    /// Begins a file that each of `keys` opens.
    ///
    /// # Errors
    /// When `keys` is empty or the header cannot be written.
    pub fn new(keys: &[SealingKey], output: W) -> io::Result<Self> {
        let recipients = keys.iter().map(|key| &key.0 as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        encryptor.wrap_output(output).map(Self)
    }

    /// Seals the last chunk.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Seals a small text in memory.
///
/// # Errors
/// When `keys` is empty.
pub fn seal(keys: &[SealingKey], plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut sealer = Sealer::new(keys, Vec::new())?;
    sealer.write_all(plain)?;
    sealer.finish()
}

/// Opens a stream. Reading gives [`io::ErrorKind::InvalidData`] or
/// [`io::ErrorKind::UnexpectedEof`] where it was changed or cut.
///
/// # Errors
/// [`OpenError::WrongKey`] when no header line is for this key, [`OpenError::Damaged`] when the
/// header was changed.
pub fn opener<R: BufRead>(key: &OpeningKey, input: R) -> Result<impl Read, OpenError> {
    let decryptor = age::Decryptor::new_buffered(input).map_err(fault)?;
    decryptor.decrypt(iter::once(&key.0 as &dyn age::Identity)).map_err(fault)
}

/// Opens a small text in memory.
///
/// # Errors
/// As [`opener`], with damage to the content found as well.
pub fn open(key: &OpeningKey, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    read_all(opener(key, sealed)?)
}

/// Seals under a passphrase. `log2_work` is scrypt's cost: 17 takes about half a second.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn seal_with_passphrase(
    passphrase: &SecretString,
    log2_work: u8,
    plain: &[u8],
) -> io::Result<Vec<u8>> {
    let mut recipient = age::scrypt::Recipient::new(copy(passphrase));
    recipient.set_work_factor(log2_work);
    age::encrypt(&recipient, plain).map_err(io::Error::other)
}

/// Opens what [`seal_with_passphrase`] sealed.
///
/// # Errors
/// [`OpenError::WrongKey`] for another passphrase.
pub fn open_with_passphrase(
    passphrase: &SecretString,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut identity = age::scrypt::Identity::new(copy(passphrase));
    identity.set_max_work_factor(MAX_LOG2_WORK);
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(fault)?;
    read_all(decryptor.decrypt(iter::once(&identity as &dyn age::Identity)).map_err(fault)?)
}

/// A planted file may not keep the opener busy for hours.
const MAX_LOG2_WORK: u8 = 20;

fn copy(passphrase: &SecretString) -> age::secrecy::SecretString {
    age::secrecy::SecretString::from(passphrase.expose_secret().to_owned())
}

fn read_all(mut reader: impl Read) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let mut plain = Zeroizing::new(Vec::new());
    reader.read_to_end(&mut plain).map_err(|_| OpenError::Damaged)?;
    Ok(plain)
}

fn fault(error: age::DecryptError) -> OpenError {
    use age::DecryptError as Age;
    match error {
        Age::NoMatchingKeys | Age::DecryptionFailed | Age::KeyDecryptionFailed => {
            OpenError::WrongKey
        }
        Age::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => OpenError::Io(error),
        _ => OpenError::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recipient_opens_and_nobody_else() {
        let (node, custody, other) =
            (OpeningKey::generate(), OpeningKey::generate(), OpeningKey::generate());
        let sealed = seal(&[node.sealing_key(), custody.sealing_key()], b"text").unwrap();
        assert_eq!(open(&node, &sealed).unwrap().as_slice(), b"text");
        assert_eq!(open(&custody, &sealed).unwrap().as_slice(), b"text");
        assert!(matches!(open(&other, &sealed), Err(OpenError::WrongKey)));
    }

    #[test]
    fn any_change_and_any_cut_is_found() {
        let key = OpeningKey::generate();
        let sealed = seal(&[key.sealing_key()], b"text").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&key, &changed).is_err(), "byte {at}");
            assert!(open(&key, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_key_survives_its_text() {
        let key = OpeningKey::generate();
        let read = OpeningKey::parse(&key.to_secret()).unwrap();
        assert_eq!(read.sealing_key(), key.sealing_key());
        assert_eq!(key.sealing_key().to_string().parse(), Ok(key.sealing_key()));
        assert!(!format!("{key:?}").contains("SECRET"));
    }

    #[test]
    fn a_passphrase_wraps() {
        let right = SecretString::from("correct horse battery");
        let sealed = seal_with_passphrase(&right, 4, b"key").unwrap();
        assert_eq!(open_with_passphrase(&right, &sealed).unwrap().as_slice(), b"key");
        let wrong = SecretString::from("correct horse");
        assert!(matches!(open_with_passphrase(&wrong, &sealed), Err(OpenError::WrongKey)));
    }
}
