//! TLS as probes speak it: which authorities are trusted, who we are, and which protocols.
//!
//! No session is resumed from one run to the next: each run proves the whole handshake.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::{Resumption, VerifierBuilderError, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::steps::Fault;
use crate::domain::check::{FailureReason, Outcome};
use crate::domain::step::HttpVersion;

/// Configurations for the protocols that are offered, made once a target.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Offers no protocol by name.
    pub plain: Arc<ClientConfig>,
    authorities: Arc<RootCertStore>,
    own_authorities: Option<Arc<[u8]>>,
    either: Arc<ClientConfig>,
    one: Arc<ClientConfig>,
    two: Arc<ClientConfig>,
}

/// Whom a target trusts by its certificate: ours, with its key.
#[derive(Debug)]
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

impl Tls {
    /// # Errors
    /// When the identity's key does not fit its certificate.
    pub fn new(
        authorities: RootCertStore,
        identity: Option<Identity>,
    ) -> Result<Self, rustls::Error> {
        let authorities = Arc::new(authorities);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&authorities));
        let mut plain = match identity {
            Some(Identity { chain, key }) => builder.with_client_auth_cert(chain, key)?,
            None => builder.with_no_client_auth(),
        };
        plain.resumption = Resumption::disabled();
        let offering = |protocols: &[&[u8]]| {
            let mut config = plain.clone();
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(config)
        };
        Ok(Self {
            either: offering(&[b"h2", b"http/1.1"]),
            one: offering(&[b"http/1.1"]),
            two: offering(&[b"h2"]),
            plain: Arc::new(plain),
            authorities,
            own_authorities: None,
        })
    }

    /// Notes the target's own authorities (PEM), for clients that must read them themselves.
    #[must_use]
    pub fn with_own_authorities(mut self, pem: &[u8]) -> Self {
        self.own_authorities = Some(pem.into()).filter(|_| !pem.is_empty());
        self
    }

    /// The target's own authorities (PEM).
    #[must_use]
    pub fn own_authorities(&self) -> Option<&[u8]> {
        self.own_authorities.as_deref()
    }

    /// Who judges a chain of certificates by these authorities.
    ///
    /// # Errors
    /// When there are none.
    pub fn judge(&self) -> Result<Arc<WebPkiServerVerifier>, VerifierBuilderError> {
        let provider = Arc::clone(self.plain.crypto_provider());
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.authorities), provider).build()
    }

    /// For HTTP in the version a step insists on, or in whichever the server prefers.
    #[must_use]
    pub fn http(&self, version: Option<HttpVersion>) -> &Arc<ClientConfig> {
        match version {
            None => &self.either,
            Some(HttpVersion::One) => &self.one,
            Some(HttpVersion::Two) => &self.two,
        }
    }
}

/// Agrees on encryption with who calls itself `host`.
///
/// # Errors
/// A [`Fault`] that says why there is no agreement.
pub async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    host: &str,
    config: &Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Fault> {
    let failed = |reason, detail: String| Fault {
        outcome: Outcome::Failed(reason),
        address: Some(address.to_string()),
        detail,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|_| {
        failed(FailureReason::Tls, "the host's name cannot stand in a certificate".to_owned())
    })?;
    let connector = TlsConnector::from(Arc::clone(config));
    connector.connect(name, stream).await.map_err(|error| match tls_error(&error) {
        Some(tls) => failed(FailureReason::Tls, why(tls).to_owned()),
        None if error.kind() == ErrorKind::UnexpectedEof => failed(
            FailureReason::Tls,
            "TLS failed: the server hung up during the handshake".to_owned(),
        ),
        None => failed(FailureReason::Reset, "the connection was cut".to_owned()),
    })
}

/// What went wrong, without a name that a certificate holds.
#[must_use]
pub fn why(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Wrong;
    match error {
        rustls::Error::InvalidCertificate(wrong) => match wrong {
            Wrong::Expired | Wrong::ExpiredContext { .. } => {
                "TLS failed: a certificate of the server has expired"
            }
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                "TLS failed: a certificate of the server is not valid yet"
            }
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => {
                "TLS failed: the server's certificate is for another name"
            }
            Wrong::UnknownIssuer => {
                "TLS failed: nobody trusted here signed the server's certificate"
            }
            Wrong::Revoked => "TLS failed: the server's certificate was revoked",
            _ => "TLS failed: the server's certificate is not valid",
        },
        rustls::Error::AlertReceived(_) => "TLS failed: the server ended it with an alert",
        rustls::Error::InvalidMessage(_) => "TLS failed: the server answered something else",
        _ => "TLS failed: there was no agreement",
    }
}

/// The fault of TLS behind a fault of reading or writing.
#[must_use]
pub fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
