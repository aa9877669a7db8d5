//! Pages for staff, operations and the portal: what people see of Holdfast.
//!
//! It reads what others have stored and hands on what people decide. It must not probe, fetch from
//! a case system or decide what a record's reader may see; axum and cookies go no further down.
//!
//! A page has a view (plain words, made from what is stored), a template beside it and a handler.
//! [`layout`] is the frame, `components.html` the parts, `assets/holdfast.css` how they look.

pub mod assets;
pub mod error;
pub mod gate;
pub mod headers;
pub mod layout;
pub mod live;
pub mod routes;
pub mod states;
pub mod strip;
pub mod times;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

use error::WebError;
use gate::{Gate, Sessions};
use times::Times;

/// Streams of "changed" open at once; a page works without one.
pub const STREAMS_AT_ONCE: usize = 512;

/// What the pages work with; handed in by `app`.
pub struct Web {
    pub clock: Clock,
    /// The zone of the installation, where a page has no office to take one from.
    pub zone: TimeZone,
    /// Whether pages say that everything on them is synthetic.
    pub synthetic: bool,
    pub sessions: Arc<dyn Sessions>,
    /// Counts what happened that a page may show.
    pub changes: watch::Receiver<u64>,
    pub streams: Arc<Semaphore>,
    pub stop: CancellationToken,
}

impl Web {
    /// Now, in words of the installation's zone.
    #[must_use]
    pub fn times(&self) -> Times {
        Times::new(self.clock.now(), self.zone.clone())
    }

    /// What stands in front of every route.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate { clock: self.clock.clone(), sessions: self.sessions.clone() }
    }
}

/// Every route but the portal's, behind the gate, bounded and with its headers.
pub fn router(web: Arc<Web>) -> Router {
    let router = routes::build(routes::ROUTES, &web.gate())
        .fallback(|| async { WebError::NotFound("There is nothing at this address.") })
        .method_not_allowed_fallback(|| async { WebError::MethodNotAllowed });
    headers::protect(router.with_state(web))
}

/// Serves `router` until `stop`, then ends what is being answered.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
}
