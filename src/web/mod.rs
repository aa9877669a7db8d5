//! Pages for staff, operations and the portal: what people see of Holdfast.
//!
//! It reads what others have stored and hands on what people decide. It must not probe, fetch from
//! a case system or decide what a record's reader may see; axum and cookies go no further down.
//!
//! A page has a view (plain words, made from what is stored), a template beside it and a handler.
//! [`layout`] is the frame, `components.html` the parts, `assets/holdfast.css` how they look.

pub mod ack;
pub mod agent_vitals;
pub mod agents;
pub mod assets;
pub mod control;
pub mod error;
pub mod forms;
pub mod gate;
pub mod headers;
pub mod history;
pub mod layout;
pub mod live;
pub mod names;
pub mod ops;
pub mod picture;
pub mod plans;
pub mod portal;
pub mod reports;
pub mod routes;
pub mod sign_in;
pub mod staff;
pub mod states;
pub mod throttle;
pub mod times;
mod vitals;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

pub use crate::documents::strip;

use crate::clock::Clock;
use crate::domain::network::Network;
use crate::domain::target::Target;
use crate::snapshots::Status;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;

use error::WebError;
use gate::{Gate, Sessions, Visitor};
use layout::{Layout, Section};
use picture::Pictures;
use plans::Plans;
use throttle::Throttle;
use times::Times;

/// Streams of "changed" open at once; a page works without one.
pub const STREAMS_AT_ONCE: usize = 512;

/// What the pages work with; handed in by `app`.
pub struct Web {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    /// The zone of the installation, where a page has no office to take one from.
    pub zone: TimeZone,
    /// Whether pages say that everything on them is synthetic.
    pub synthetic: bool,
    /// The targets as configured last.
    pub targets: watch::Receiver<Arc<Vec<Arc<Target>>>>,
    /// What keeps probes from telling the truth, in words.
    pub probe_faults: watch::Receiver<Vec<String>>,
    /// What is wrong with agents, in words.
    pub agent_faults: watch::Receiver<Vec<String>>,
    /// Continuity, where it runs on this machine.
    pub plans: Option<Plans>,
    /// Whether the copy is open, and for whom.
    pub copy: watch::Receiver<Status>,
    /// The age that the copy may have; none where no copy is captured here.
    pub freshness_objective: Option<Duration>,
    /// Where `/metrics` may be read from.
    pub metrics_networks: Arc<[Network]>,
    pub sessions: Arc<dyn Sessions>,
    /// Counts what happened that a page may show; pages count what they write.
    pub changes: watch::Sender<u64>,
    pub stop: CancellationToken,
    pub pages: Pages,
}

/// What the pages keep for themselves between requests; each begins empty.
pub struct Pages {
    pub pictures: Pictures,
    pub throttle: Throttle,
    pub streams: Arc<Semaphore>,
}

impl Default for Pages {
    fn default() -> Self {
        Self {
            pictures: Pictures::default(),
            throttle: Throttle::default(),
            streams: Arc::new(Semaphore::new(STREAMS_AT_ONCE)),
        }
    }
}

impl Web {
    /// Now, in words of the installation's zone.
    #[must_use]
    pub fn times(&self) -> Times {
        Times::new(self.clock.now(), self.zone.clone())
    }

    /// The targets as configured now.
    #[must_use]
    pub fn targets(&self) -> Arc<Vec<Arc<Target>>> {
        self.targets.borrow().clone()
    }

    /// A page's frame.
    #[must_use]
    pub fn layout(&self, title: &str, section: Section, visitor: &Visitor) -> Layout {
        let made = self.times().moment(self.clock.now());
        Layout::new(title, section, visitor, &made).synthetic(self.synthetic)
    }

    /// Tells pages that are open that something changed.
    pub fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Whom to ring when somebody is in danger now.
    #[must_use]
    pub fn emergency_number(&self) -> &'static str {
        match self.zone.iana_name() {
            Some("Pacific/Auckland" | "Pacific/Chatham") => "111",
            _ => "000",
        }
    }

    /// What stands in front of every route.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate {
            clock: self.clock.clone(),
            sessions: self.sessions.clone(),
            metrics_networks: self.metrics_networks.clone(),
        }
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
