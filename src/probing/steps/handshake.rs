//! The handshake of TLS, for every kind of step, and what a server shows in it.
//!
//! Its faults are told in one set of words, whatever is spoken above it.

use std::io::ErrorKind;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, ClientConfig};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Fault, Findings};
use crate::domain::check::FailureReason;
use crate::domain::step::Fact;
use crate::probing::certificates::{Wrong, names, validity};

const SECONDS_A_DAY: i64 = 86_400;

/// Encrypts a connection to the server of that name.
///
/// # Errors
/// A [`Fault`] that says which certificate is wrong and how, or what else ended the handshake.
pub async fn secure<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    name: &str,
    config: &Arc<ClientConfig>,
) -> Result<TlsStream<S>, Fault> {
    let server_name = ServerName::try_from(name.trim_matches(['[', ']']).to_owned());
    let server_name = server_name.map_err(|_| {
        Fault::failed(FailureReason::Tls, "the server's name cannot stand in a certificate")
    })?;
    let connecting = TlsConnector::from(Arc::clone(config)).connect(server_name, stream);
    connecting.await.map_err(|error| match fault(&error) {
        Some(fault) => fault,
        None if error.kind() == ErrorKind::UnexpectedEof => {
            Fault::failed(FailureReason::Tls, "the server hung up in the handshake")
        }
        None => Fault::failed(FailureReason::Reset, "the connection was cut in the handshake"),
    })
}

/// The fault of TLS behind one of reading or writing. What a server finds wrong with us may come
/// after the handshake.
#[must_use]
pub fn fault(error: &std::io::Error) -> Option<Fault> {
    let tls = |detail: String| Fault::failed(FailureReason::Tls, detail);
    Some(match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            match other.0.downcast_ref::<Wrong>() {
                Some(wrong) if wrong.is_ours => Fault::prober(&wrong.words),
                Some(wrong) => tls(wrong.words.clone()),
                None => tls("the server's certificate is not valid".to_owned()),
            }
        }
        rustls::Error::AlertReceived(alert) => tls(format!("the server ended TLS: {alert:?}")),
        rustls::Error::InvalidMessage(_) => {
            tls("the server answered with something else than TLS".to_owned())
        }
        _ => tls("there was no agreement on TLS".to_owned()),
    })
}

/// Adds what a server showed in its handshake to a step's findings.
pub fn show<S>(stream: &TlsStream<S>, seen_at: Timestamp, findings: &mut Findings) {
    let connection = &stream.get_ref().1;
    let protocol = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "another",
    };
    findings.add(Fact::Protocol, protocol);
    let chain: &[CertificateDer<'_>] = connection.peer_certificates().unwrap_or_default();
    let ends = chain.iter().filter_map(|der| Some(validity(der)?.1));
    if let Some(first) = ends.min() {
        let left = (first - seen_at.as_second()).div_euclid(SECONDS_A_DAY);
        findings.add(Fact::DaysLeft, left);
    }
    for name in chain.first().map(names).unwrap_or_default() {
        findings.add(Fact::San, name);
    }
}
