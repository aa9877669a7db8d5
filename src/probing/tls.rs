//! TLS as probes speak it: which authorities are trusted, who we are, and which protocols.
//!
//! No session is resumed from one run to the next: each run proves the whole handshake.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::certificates::Judge;
use crate::domain::step::HttpVersion;

/// Configurations for the protocols that are offered, made once a target.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Offers no protocol by name.
    pub plain: Arc<ClientConfig>,
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
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let judge = Arc::new(Judge::by(authorities, &provider));
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(judge);
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
