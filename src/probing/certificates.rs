//! Who judges a server's certificates, and what is said of those that are wrong.
//!
//! A chain is judged by rustls and by nothing here; what is here says which certificate it was, and
//! when it ends. Names found in certificates stay out of what is said.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Leaves the judgement to rustls, and has its refusal say what is wrong with which certificate.
#[derive(Debug)]
pub struct Judge {
    /// None where there is no authority to judge by.
    judge: Option<Arc<WebPkiServerVerifier>>,
    schemes: Vec<SignatureScheme>,
}

/// What is wrong with a chain, in words.
#[derive(Debug)]
pub struct Wrong {
    pub words: String,
    /// Whether it is us who cannot judge.
    pub is_ours: bool,
}

impl Judge {
    #[must_use]
    pub fn by(authorities: RootCertStore, provider: &Arc<CryptoProvider>) -> Self {
        let builder = WebPkiServerVerifier::builder_with_provider(
            Arc::new(authorities),
            Arc::clone(provider),
        );
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        Self { judge: builder.build().ok(), schemes }
    }

    fn judge(&self) -> Result<&WebPkiServerVerifier, rustls::Error> {
        self.judge.as_deref().ok_or_else(|| {
            let words = "no certificate is trusted on this machine".to_owned();
            Wrong { words, is_ours: true }.into()
        })
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judge = self.judge()?;
        judge
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(wrong) => {
                    let chain: Vec<_> = std::iter::once(end_entity).chain(intermediates).collect();
                    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
                    let words = words(&wrong, &chain, &server_name.to_str(), now);
                    Wrong { words, is_ours: false }.into()
                }
                other => other,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Wrong {}

impl From<Wrong> for rustls::Error {
    fn from(wrong: Wrong) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(wrong))))
    }
}

/// What is said of a chain that was refused.
fn words(wrong: &CertificateError, chain: &[&CertificateDer<'_>], name: &str, now: i64) -> String {
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            out_of_date(chain, |(_, ends)| ends < now)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            out_of_date(chain, |(begins, _)| begins > now)
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("the server's certificate is not for '{name}'")
        }
        CertificateError::UnknownIssuer => {
            "nobody trusted here signed the server's certificate".to_owned()
        }
        CertificateError::Revoked => "the server's certificate was revoked".to_owned(),
        _ => "the server's certificate is not valid".to_owned(),
    }
}

/// Which certificate of the chain is out of its time, and when that is.
fn out_of_date(chain: &[&CertificateDer<'_>], is_out: impl Fn((i64, i64)) -> bool) -> String {
    for (index, der) in chain.iter().enumerate() {
        let Some((begins, ends)) = validity(der) else { continue };
        if is_out((begins, ends)) {
            let which = match index {
                0 => "the server's own certificate".to_owned(),
                _ => format!("certificate {} of {} in the chain", index + 1, chain.len()),
            };
            let (begins, ends) = (day(begins), day(ends));
            return format!("{which} is valid from {begins} to {ends} only");
        }
    }
    "an authority's certificate is out of date".to_owned()
}

/// From and to, in seconds since the epoch.
#[must_use]
pub fn validity(der: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

fn day(second: i64) -> String {
    let instant = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    instant.strftime("%Y-%m-%d").to_string()
}

/// The names and addresses a certificate is for.
#[must_use]
pub fn names(der: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Vec::new() };
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    let six = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(six).to_string())
}
