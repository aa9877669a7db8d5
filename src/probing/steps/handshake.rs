//! The handshake of TLS, with a witness that keeps the server's certificates however it ends.
//!
//! A chain is judged by rustls and by nothing here; what is here tells which certificate it was,
//! and when it ends. Names found in certificates stay out of faults.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Fault, Findings};
use crate::clock::Clock;
use crate::domain::check::FailureReason;
use crate::domain::step::Fact;
use crate::probing::tls::Tls;

const SECONDS_A_DAY: i64 = 86_400;

/// An encrypted connection and what its handshake showed.
#[derive(Debug)]
pub struct Secured<S> {
    pub stream: TlsStream<S>,
    pub shown: Shown,
}

/// What a server showed in the handshake.
#[derive(Debug)]
pub struct Shown {
    protocol: &'static str,
    chain: Vec<CertificateDer<'static>>,
    seen_at: Timestamp,
}

/// Encrypts a connection to the server of that name.
///
/// # Errors
/// A [`Fault`] that says which certificate is wrong and how, or what else ended the handshake.
pub async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    name: &str,
    tls: &Tls,
    clock: &Clock,
) -> Result<Secured<S>, Fault> {
    let prober = |detail: &str| Fault::prober(detail);
    let judge = tls.judge().map_err(|_| prober("no certificate is trusted on this machine"))?;
    let witness = Arc::new(Witness { judge, chain: Mutex::default() });
    let mut config = rustls::ClientConfig::clone(&tls.plain);
    config.dangerous().set_certificate_verifier(Arc::<Witness>::clone(&witness));
    let server_name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned())
        .map_err(|_| prober("the server's name cannot stand in a certificate"))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(server_name, stream);
    let connected = connecting.await;
    let seen_at = clock.now();
    let chain = witness.take();
    match connected {
        Ok(stream) => {
            let protocol = match stream.get_ref().1.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "another",
            };
            Ok(Secured { stream, shown: Shown { protocol, chain, seen_at } })
        }
        Err(error) => Err(refusal(&error, name, &chain, seen_at)),
    }
}

impl Shown {
    /// Adds what the handshake showed to a step's findings.
    pub fn add_to(&self, findings: &mut Findings) {
        findings.add(Fact::Protocol, self.protocol);
        let ends = self.chain.iter().filter_map(|der| Some(validity(der)?.1));
        if let Some(first) = ends.min() {
            let left = (first - self.seen_at.as_second()).div_euclid(SECONDS_A_DAY);
            findings.add(Fact::DaysLeft, left);
        }
        for name in self.chain.first().map(names).unwrap_or_default() {
            findings.add(Fact::San, name);
        }
    }
}

/// Remembers the chain and leaves the judgement to rustls.
#[derive(Debug)]
struct Witness {
    judge: Arc<WebPkiServerVerifier>,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl Witness {
    fn take(&self) -> Vec<CertificateDer<'static>> {
        std::mem::take(&mut self.chain.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = std::iter::once(end_entity)
            .chain(intermediates)
            .map(|der| der.clone().into_owned())
            .collect();
        self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Why the handshake ended.
fn refusal(
    error: &std::io::Error,
    name: &str,
    chain: &[CertificateDer<'_>],
    now: Timestamp,
) -> Fault {
    let tls = |detail: String| Fault::failed(FailureReason::Tls, detail);
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return Fault::failed(FailureReason::Reset, "the connection was cut in the handshake");
    };
    let wrong = match error {
        rustls::Error::InvalidCertificate(wrong) => wrong,
        rustls::Error::AlertReceived(alert) => {
            return tls(format!("the server ended the handshake: {alert:?}"));
        }
        rustls::Error::InvalidMessage(_) => {
            return tls("the server answered with something else than TLS".to_owned());
        }
        _ => return tls("the handshake failed".to_owned()),
    };
    match wrong {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            tls(out_of_date(chain, now, |(_, ends), now| ends < now))
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            tls(out_of_date(chain, now, |(begins, _), now| begins > now))
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            tls(format!("the server's certificate is not for '{name}'"))
        }
        CertificateError::UnknownIssuer => {
            tls("nobody trusted here signed the server's certificate".to_owned())
        }
        CertificateError::Revoked => tls("the server's certificate was revoked".to_owned()),
        _ => tls("the server's certificate is not valid".to_owned()),
    }
}

/// Which certificate of the chain is out of its time, and when that is.
fn out_of_date(
    chain: &[CertificateDer<'_>],
    now: Timestamp,
    is_out: fn((i64, i64), i64) -> bool,
) -> String {
    for (index, der) in chain.iter().enumerate() {
        let Some((begins, ends)) = validity(der) else { continue };
        if is_out((begins, ends), now.as_second()) {
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
fn validity(der: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some((validity.not_before.timestamp(), validity.not_after.timestamp()))
}

fn day(second: i64) -> String {
    let instant = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    instant.strftime("%Y-%m-%d").to_string()
}

/// The names and addresses a certificate is for.
fn names(der: &CertificateDer<'_>) -> Vec<String> {
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
