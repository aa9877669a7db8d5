//! A private certificate authority (RFC 5280): it certifies one server and the clients that speak
//! to it, each by a name of its own.
//!
//! Keys are ECDSA on P-256. A client makes its key itself and sends a request (PKCS #10), of which
//! the public key alone is used: what the certificate says, the authority decides. It must not
//! store a key, nor know what a name stands for.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateSigningRequestParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
    SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::digest::{Digest, to_hex};

/// Certificates are good from a day before they are made: a clock may be that far behind.
const LEEWAY: Duration = Duration::from_hours(24);
/// The authority lasts for good: when it ends, every client has to be enrolled anew.
const AUTHORITY_LIFE: Duration = Duration::from_hours(24 * 3_650);
const SERVER_LIFE: Duration = Duration::from_hours(24 * 30);
/// How long a client's certificate is good.
pub const CLIENT_LIFE: Duration = Duration::from_hours(24 * 30);
/// What a client's name stands behind in its certificate, so that no other kind of name is taken
/// for one.
const CLIENT_NAME: &str = "urn:holdfast:agent:";

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// What was given is no key, certificate or request, or its signature is wrong.
    #[error("not a key, certificate or request that can be used: {0}")]
    Unusable(#[from] rcgen::Error),
    #[error("not a certificate of this kind")]
    NotOurs,
}

/// The key and certificate that certify others.
pub struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, as TLS takes them.
pub struct Certified {
    /// The own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// A key that was made here, and the request to certify it.
pub struct Request {
    pub key_pem: Zeroizing<String>,
    pub pem: String,
}

/// A client's certificate, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    pub pem: String,
    pub seen: Seen,
}

/// What a client's certificate says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub name: String,
    /// In hex digits; no two certificates of an authority have the same.
    pub serial: String,
    pub begins_at: Timestamp,
    pub ends_at: Timestamp,
}

impl Authority {
    /// A new authority, and its key in PEM to be kept by whoever asked.
    ///
    /// # Errors
    /// When the machine gives no random numbers.
    pub fn create(now: Timestamp) -> Result<(Self, Zeroizing<String>), AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = params("Holdfast agents", now, AUTHORITY_LIFE);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        let key_pem = Zeroizing::new(key.serialize_pem());
        Ok((Self::open(certificate, &key_pem)?, key_pem))
    }

    /// The authority of this certificate and key, both in PEM.
    ///
    /// # Errors
    /// When they are not what they should be.
    pub fn open(certificate: String, key_pem: &str) -> Result<Self, AuthorityError> {
        let issuer = Issuer::from_ca_cert_pem(&certificate, KeyPair::from_pem(key_pem)?)?;
        Ok(Self { certificate, issuer })
    }

    /// The certificate that others trust, in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate
    }

    /// A certificate for a server of these names and addresses, with a new key.
    ///
    /// # Errors
    /// When a name is none.
    pub fn certify_server(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<Certified, AuthorityError> {
        let key = KeyPair::generate()?;
        let named = CertificateParams::new(names.to_vec())?;
        let mut params = params("Holdfast", now, SERVER_LIFE);
        params.subject_alt_names = named.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        Ok(Certified { chain: vec![certificate.der().clone()], key })
    }

    /// A certificate for a client of this name and the key in its request. Nothing else of the
    /// request counts.
    ///
    /// # Errors
    /// When the request is none, or was not signed with its own key.
    pub fn certify_client(
        &self,
        name: &str,
        request: &str,
        now: Timestamp,
    ) -> Result<Issued, AuthorityError> {
        let request = CertificateSigningRequestParams::from_pem(request)?;
        let certificate = self.client(name, &request.public_key, now)?;
        let seen = Seen::in_certificate(certificate.der())?;
        Ok(Issued { pem: certificate.pem(), seen })
    }

    fn client(
        &self,
        name: &str,
        key: &impl PublicKeyData,
        now: Timestamp,
    ) -> Result<Certificate, AuthorityError> {
        let mut params = params(name, now, CLIENT_LIFE);
        let uri = format!("{CLIENT_NAME}{name}").as_str().try_into()?;
        params.subject_alt_names = vec![SanType::URI(uri)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params.signed_by(key, &self.issuer)?)
    }
}

impl Request {
    /// Makes a key, which stays here, and a request for its certificate.
    ///
    /// # Errors
    /// When the machine gives no random numbers.
    pub fn make() -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let pem = params.serialize_request(&key)?.pem()?;
        Ok(Self { key_pem: Zeroizing::new(key.serialize_pem()), pem })
    }
}

impl Seen {
    /// What a client's certificate says. Whether to trust it, TLS decides.
    ///
    /// # Errors
    /// When it is no certificate of a client.
    pub fn in_certificate(certificate: &CertificateDer<'_>) -> Result<Self, AuthorityError> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| AuthorityError::NotOurs)?;
        let names = parsed.subject_alternative_name().ok().flatten();
        let names = names.ok_or(AuthorityError::NotOurs)?;
        let [GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
            return Err(AuthorityError::NotOurs);
        };
        let name = uri.strip_prefix(CLIENT_NAME).ok_or(AuthorityError::NotOurs)?;
        let instant =
            |seconds| Timestamp::from_second(seconds).map_err(|_| AuthorityError::NotOurs);
        Ok(Self {
            name: name.to_owned(),
            serial: to_hex(parsed.raw_serial()),
            begins_at: instant(parsed.validity().not_before.timestamp())?,
            ends_at: instant(parsed.validity().not_after.timestamp())?,
        })
    }

    /// The same of a certificate in PEM.
    ///
    /// # Errors
    /// As [`Self::in_certificate`].
    pub fn in_pem(pem: &str) -> Result<Self, AuthorityError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
        Self::in_certificate(&certificate.map_err(|_| AuthorityError::NotOurs)?)
    }
}

/// The digest of a certificate in PEM, as people compare it.
///
/// # Errors
/// When it is no certificate.
pub fn fingerprint(pem: &str) -> Result<Digest, AuthorityError> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes());
    Ok(Digest::of(&certificate.map_err(|_| AuthorityError::NotOurs)?))
}

fn params(name: &str, now: Timestamp, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = Duration::from_secs(now.as_second().unsigned_abs());
    (params.not_before, params.not_after) = (epoch + (now - LEEWAY), epoch + now + life);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // 127 random bits: RFC 5280, 4.1.2.2, wants them positive and unique.
    let serial = (rand::random::<u128>() >> 1).to_be_bytes();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_authority_opened_again_certifies_by_name_and_for_thirty_days() {
        let (first, key) = Authority::create(now()).unwrap();
        let again = Authority::open(first.certificate_pem().to_owned(), &key).unwrap();
        let request = Request::make().unwrap();
        let issued = again.certify_client("noarlunga", &request.pem, now()).unwrap();
        let seen = Seen::in_pem(&issued.pem).unwrap();
        assert_eq!(seen, issued.seen);
        assert_eq!(seen.name, "noarlunga");
        assert_eq!(seen.ends_at, now() + CLIENT_LIFE);
        let other = again.certify_client("noarlunga", &request.pem, now()).unwrap();
        assert_ne!(other.seen.serial, seen.serial);
        assert!(fingerprint(first.certificate_pem()).is_ok());
    }

    #[test]
    fn a_request_says_nothing_of_the_name_and_must_be_signed_by_its_key() {
        let (authority, _) = Authority::create(now()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["hub.example.gov".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let request = params.serialize_request(&key).unwrap().pem().unwrap();
        let issued = authority.certify_client("noarlunga", &request, now()).unwrap();
        assert_eq!(issued.seen.name, "noarlunga");
        let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        assert!(!parsed.is_ca());

        let spoilt = request.replacen("MII", "MIJ", 1);
        assert!(authority.certify_client("noarlunga", &spoilt, now()).is_err());
    }

    #[test]
    fn a_servers_certificate_is_no_clients() {
        let (authority, _) = Authority::create(now()).unwrap();
        let names = ["hub.example.gov".to_owned(), "10.0.0.1".to_owned()];
        let server = authority.certify_server(&names, now()).unwrap();
        assert!(Seen::in_certificate(&server.chain[0]).is_err());
    }
}
