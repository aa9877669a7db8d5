//! Where a probe may speak to: the target's own networks, after resolution and on every hop.
//!
//! A name that resolves to an address outside them is refused, so that neither a redirect nor a
//! changed name server turns a probe into somebody's way into another network.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::clock::Stopwatch;
use crate::domain::network::{Network, plain};

/// What the connector measured of the exchange under way, in microseconds; zero when it did not
/// happen.
#[derive(Debug, Default)]
pub struct Phases {
    dns_us: AtomicU64,
    connector_us: AtomicU64,
    refused: OnceLock<IpAddr>,
}

impl Phases {
    pub fn reset(&self) {
        self.dns_us.store(0, Ordering::Relaxed);
        self.connector_us.store(0, Ordering::Relaxed);
    }

    #[must_use]
    pub fn dns_us(&self) -> Option<u64> {
        some(self.dns_us.load(Ordering::Relaxed))
    }

    /// TCP and TLS, without the name.
    #[must_use]
    pub fn connect_us(&self) -> Option<u64> {
        let dns = self.dns_us.load(Ordering::Relaxed);
        some(self.connector_us.load(Ordering::Relaxed).saturating_sub(dns))
    }

    /// An address that a name led to and that is not the target's.
    #[must_use]
    pub fn refused(&self) -> Option<IpAddr> {
        self.refused.get().copied()
    }
}

fn some(us: u64) -> Option<u64> {
    (us > 0).then_some(us)
}

/// Resolves by the system and lets only the target's networks through.
#[derive(Debug)]
pub struct Guarded {
    pub networks: Arc<[Network]>,
    pub phases: Arc<Phases>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = Arc::clone(&self.networks);
        let phases = Arc::clone(&self.phases);
        Box::pin(async move {
            let watch = Stopwatch::start();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            phases.dns_us.store(watch.elapsed_us().max(1), Ordering::Relaxed);
            let (allowed, refused): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|address| is_allowed(&networks, address.ip()));
            if let (true, Some(refused)) = (allowed.is_empty(), refused.first()) {
                let _ = phases.refused.set(refused.ip());
                return Err(format!("{} is outside the target's networks", refused.ip()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether the target's networks contain the address.
#[must_use]
pub fn is_allowed(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(plain(address)))
}

/// A layer around the connector that measures it.
#[derive(Clone, Debug)]
pub struct Timed(pub Arc<Phases>);

/// The connector with its measure.
#[derive(Clone, Debug)]
pub struct TimedConnector<S> {
    inner: S,
    phases: Arc<Phases>,
}

impl<S> tower::Layer<S> for Timed {
    type Service = TimedConnector<S>;

    fn layer(&self, inner: S) -> TimedConnector<S> {
        TimedConnector { inner, phases: Arc::clone(&self.0) }
    }
}

impl<S, R> tower::Service<R> for TimedConnector<S>
where
    S: tower::Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send + 'static>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let connecting = self.inner.call(request);
        let phases = Arc::clone(&self.phases);
        let watch = Stopwatch::start();
        Box::pin(async move {
            let connected = connecting.await;
            phases.connector_us.store(watch.elapsed_us().max(1), Ordering::Relaxed);
            connected
        })
    }
}
