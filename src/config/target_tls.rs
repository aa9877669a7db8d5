//! The TLS section of a target: authorities of its own, and the certificate we show it.

use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde_saphyr::Spanned;

use super::diagnostics::Faults;
use super::secrets::{SecretFile, secret};

/// How a target is known, and how it knows us.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsFile {
    /// A file of certificates (PEM) that are trusted beside this machine's own.
    #[schemars(with = "Option<PathBuf>")]
    authorities: Option<Spanned<PathBuf>>,
    client: Option<ClientFile>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ClientFile {
    /// Our certificate (PEM), its issuers after it.
    #[schemars(with = "PathBuf")]
    certificate: Spanned<PathBuf>,
    /// Its key (PEM).
    #[schemars(with = "SecretFile")]
    key: Spanned<SecretFile>,
}

/// The section, read.
#[derive(Debug, Default)]
pub struct TlsSettings {
    pub authorities: Vec<CertificateDer<'static>>,
    pub client: Option<ClientSettings>,
}

/// A certificate of ours and where its key is.
#[derive(Debug)]
pub struct ClientSettings {
    pub chain: Vec<CertificateDer<'static>>,
    key: SecretString,
}

impl ClientSettings {
    /// The key, read anew each time: it is not kept unpacked.
    ///
    /// # Errors
    /// When what the file holds is no key; it was looked at when the file was read.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, rustls::pki_types::pem::Error> {
        PrivateKeyDer::from_pem_slice(self.key.expose_secret().as_bytes())
    }
}

pub(super) fn read_tls(
    file: &TlsFile,
    folder: &Path,
    faults: &mut Faults,
    missing: &mut Faults,
) -> TlsSettings {
    let authorities = file.authorities.as_ref().map(|path| certificates(path, folder, faults));
    let client = file.client.as_ref().and_then(|client| {
        let chain = certificates(&client.certificate, folder, faults);
        let settings = ClientSettings { chain, key: secret(&client.key, folder, missing)? };
        if settings.key().is_err() {
            let message = "not a private key: write it as PEM, without a passphrase";
            faults.at(client.key.defined, message);
            return None;
        }
        Some(settings)
    });
    TlsSettings { authorities: authorities.unwrap_or_default(), client }
}

fn certificates(
    path: &Spanned<PathBuf>,
    folder: &Path,
    faults: &mut Faults,
) -> Vec<CertificateDer<'static>> {
    let file = folder.join(&path.value);
    let shown = file.display();
    let text = std::fs::read(&file);
    let found = text.map(|text| {
        CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect::<Vec<_>>()
    });
    match found {
        Ok(found) if !found.is_empty() => return found,
        Ok(_) => faults.at(path.defined, format!("{shown} holds no certificate: write PEM")),
        Err(error) => faults.at(path.defined, format!("{shown} cannot be read ({error})")),
    }
    Vec::new()
}
