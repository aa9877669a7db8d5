//! Small servers on loopback: HTTP/1.1 and HTTP/2 with or without TLS, and bytes by hand.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::civil::Date;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A request as the server had it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub version: Version,
    pub headers: hyper::HeaderMap,
    pub body: String,
}

/// What a server of these tests answers with.
type Answers = Arc<dyn Fn(&Seen) -> Response<Full<Bytes>> + Send + Sync>;

/// A server that remembers what it was asked.
pub struct Server {
    pub address: SocketAddr,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub async fn start(
        answers: impl Fn(&Seen) -> Response<Full<Bytes>> + Send + Sync + 'static,
        tls: Option<ServerConfig>,
    ) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), answers, tls).await
    }

    pub async fn start_at(
        address: SocketAddr,
        answers: impl Fn(&Seen) -> Response<Full<Bytes>> + Send + Sync + 'static,
        tls: Option<ServerConfig>,
    ) -> Self {
        let answers: Answers = Arc::new(answers);
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let kept = Arc::clone(&seen);
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(
                    stream,
                    acceptor.clone(),
                    Arc::clone(&answers),
                    Arc::clone(&kept),
                ));
            }
        });
        Self { address, seen, connections }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    answers: Answers,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let Some(acceptor) = acceptor else {
        // By prior knowledge: the first byte of HTTP/2's preface is no method's of these tests.
        let mut first = [0; 3];
        let _ = stream.peek(&mut first).await;
        return speak(stream, &first == b"PRI", answers, seen).await;
    };
    if let Ok(stream) = acceptor.accept(stream).await {
        let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        speak(stream, two, answers, seen).await;
    }
}

async fn speak<S>(stream: S, two: bool, answers: Answers, seen: Arc<Mutex<Vec<Seen>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (seen, answers) = (Arc::clone(&seen), Arc::clone(&answers));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let one = Seen {
                line: format!("{} {}", head.method, head.uri.path_and_query().unwrap()),
                version: head.version,
                headers: head.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            let answer = answers(&one);
            seen.lock().unwrap().push(one);
            Ok::<_, hyper::Error>(answer)
        }
    });
    let stream = TokioIo::new(stream);
    let _ = if two {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(stream, service)
            .await
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await
    };
}

/// A server that does with each connection as it is told.
pub async fn by_hand<F, Fut>(act: F) -> SocketAddr
where
    F: Fn(TcpStream) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(act(stream));
        }
    });
    address
}

/// The first moment of a day, as certificates are dated; of a type that goes without a name here.
macro_rules! day {
    ($date:expr) => {
        rcgen::date_time_ymd(
            i32::from($date.year()),
            $date.month().unsigned_abs(),
            $date.day().unsigned_abs(),
        )
    };
}

/// An authority made for one test, and certificates of it.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Certified {
    pub certificate: CertificateDer<'static>,
    pub key: PrivateKeyDer<'static>,
    /// Both as files have them: the certificate, then the key.
    pub pem: (String, String),
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// An authority that this one vouches for until that day.
    pub fn deputy(&self, until: Date) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_after = day!(until);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Deputy of these tests");
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), &*self.0).unwrap())
    }

    pub fn certify(&self, name: &str) -> Certified {
        self.certify_between(name, jiff::civil::date(2000, 1, 1), jiff::civil::date(3000, 1, 1))
    }

    pub fn certify_between(&self, name: &str, from: Date, until: Date) -> Certified {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (day!(from), day!(until));
        let signed = params.signed_by(&key, &self.0).unwrap();
        let pem = (signed.pem(), key.serialize_pem());
        let certificate = signed.der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Certified { certificate, key, pem }
    }

    /// The authority's own certificate.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        roots
    }

    /// A server of that name; it asks for a certificate of this authority when `known` is true.
    pub fn server(&self, name: &str, protocols: &[&[u8]], known: bool) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if known {
            let roots = Arc::new(self.roots());
            let asks = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider);
            builder.with_client_cert_verifier(asks.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let Certified { certificate, key, .. } = self.certify(name);
        let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        config
    }
}
