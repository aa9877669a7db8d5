//! Takes agents' connections: TLS first, then HTTP with who is at the other end known.
//!
//! Whoever has not shown a certificate is a stranger: a handshake and an enrolment together have
//! ten seconds, and there are only so many strangers at a time. When there are more, the oldest
//! gives way, so that a thousand handshakes that never end keep nobody out.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::routes::Peer;
use crate::clock::Clock;
use crate::crypto::authority::{Authority, AuthorityError, Seen};

/// A handshake takes two round trips, and an enrolment one request.
const STRANGER_TIMEOUT: Duration = Duration::from_secs(10);
/// Strangers at a time: well below the file descriptors that a process usually has.
const STRANGERS: usize = 256;
/// An agent asks again within seconds; one that says nothing for so long is gone.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Connections of one agent: it needs two, and those that a cut line left hang for a minute.
const CONNECTIONS: usize = 64;
/// After an error of `accept` (out of file descriptors, mostly) there is nothing to do but wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Our own certificate is made anew so often; it is good for a month.
const CERTIFICATE_AGE: Duration = Duration::from_hours(24);

/// Our side of TLS, with a certificate that is never old.
pub struct Tls {
    authority: Arc<Authority>,
    names: Vec<String>,
    clock: Clock,
    current: Mutex<(Timestamp, Arc<ServerConfig>)>,
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    #[error("the authority's certificate cannot be trusted: {0}")]
    Verifier(String),
}

impl Tls {
    /// TLS for a server of these names, whose clients the authority has certified.
    ///
    /// # Errors
    /// When a name is none, or the authority's certificate is none.
    pub fn new(
        authority: Arc<Authority>,
        names: Vec<String>,
        clock: Clock,
    ) -> Result<Self, TlsError> {
        let now = clock.now();
        let current = Mutex::new((now, config(&authority, &names, now)?));
        Ok(Self { authority, names, clock, current })
    }

    fn current(&self) -> Arc<ServerConfig> {
        let now = self.clock.now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let age = Duration::try_from(now.duration_since(current.0)).unwrap_or_default();
        if age > CERTIFICATE_AGE {
            match config(&self.authority, &self.names, now) {
                Ok(new) => *current = (now, new),
                Err(error) => tracing::error!(%error, "the agents' port keeps its certificate"),
            }
        }
        Arc::clone(&current.1)
    }
}

fn config(
    authority: &Authority,
    names: &[String],
    now: Timestamp,
) -> Result<Arc<ServerConfig>, TlsError> {
    let unusable = |error: &dyn std::fmt::Display| TlsError::Verifier(error.to_string());
    let trusted = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes());
    let mut roots = RootCertStore::empty();
    roots.add(trusted.map_err(|error| unusable(&error))?)?;
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated();
    let verifier = verifier.build().map_err(|error| unusable(&error))?;
    let certified = authority.certify_server(names, now)?;
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(certified.chain, certified.key)?;
    Ok(Arc::new(config))
}

/// Serves `router` over TLS until `stop`, then ends what is being answered.
pub async fn serve(listener: TcpListener, tls: Tls, router: Router, stop: CancellationToken) {
    let (tasks, places) = (TaskTracker::new(), Arc::default());
    let door = Door { router, stop: stop.clone(), tasks, places };
    let mut strangers = Strangers::default();
    loop {
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            taken = listener.accept() => match taken {
                Ok(taken) => taken,
                Err(error) => {
                    tracing::warn!(%error, "an agent's connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Small messages both ways: waiting for more would only add delay.
        let _ = stream.set_nodelay(true);
        let acceptor = TlsAcceptor::from(tls.current());
        let meeting = door.clone().meet(acceptor, stream, address);
        let meeting = tokio::time::timeout(STRANGER_TIMEOUT, meeting);
        strangers.admit(door.tasks.spawn(meeting).abort_handle());
    }
    door.tasks.close();
    door.tasks.wait().await;
}

/// What every connection is given.
#[derive(Clone)]
struct Door {
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// By the name in the certificate, which our authority gave.
    places: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl Door {
    /// The handshake, and what a stranger asks; whoever is known goes on by itself.
    async fn meet(self, acceptor: TlsAcceptor, stream: TcpStream, address: SocketAddr) {
        let stream = match acceptor.accept(stream).await {
            Ok(stream) => stream,
            Err(error) => return tracing::debug!(%address, %error, "no agreement on TLS"),
        };
        let certificates = stream.get_ref().1.peer_certificates();
        let certificate = certificates.and_then(|chain| Seen::in_certificate(chain.first()?).ok());
        let peer = Peer { address, certificate: certificate.map(Arc::new) };
        let Some(seen) = peer.certificate.clone() else { return self.serve(stream, peer).await };
        let Some(place) = self.place(&seen.name) else {
            return tracing::warn!(%address, agent = seen.name, "too many connections of one agent");
        };
        let tasks = self.tasks.clone();
        tasks.spawn(async move {
            self.serve(stream, peer).await;
            drop(place);
        });
    }

    /// Room for one more connection of this agent.
    fn place(&self, name: &str) -> Option<OwnedSemaphorePermit> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Semaphore::new(CONNECTIONS));
        let places = places.entry(name.to_owned()).or_insert_with(new);
        Arc::clone(places).try_acquire_owned().ok()
    }

    async fn serve(self, stream: TlsStream<TcpStream>, peer: Peer) {
        let router = self.router.layer(axum::Extension(peer));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut connection = std::pin::pin!(connection);
        // However it ends: an agent comes again, and what was acknowledged is durable.
        tokio::select! {
            _ = connection.as_mut() => {}
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

/// Those who have not shown who they are, the oldest first.
#[derive(Default)]
struct Strangers(VecDeque<AbortHandle>);

impl Strangers {
    fn admit(&mut self, stranger: AbortHandle) {
        if self.0.len() >= STRANGERS {
            self.0.retain(|one| !one.is_finished());
        }
        if self.0.len() >= STRANGERS
            && let Some(oldest) = self.0.pop_front()
        {
            oldest.abort();
        }
        self.0.push_back(stranger);
    }
}
