//! Agents, from the hub's side: who may report, what they are to probe, and what becomes of what
//! they found.

pub mod authority;
pub mod plans;
mod revision;
mod settle;
mod silence;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Context;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::agents::AgentsSection;
use crate::continuity::command::Handle;
use crate::crypto::authority::Authority;
use crate::domain::check::Check;
use crate::domain::ids::LocationId;
use crate::domain::outage::OutageId;
use crate::domain::signal::Reading;
use crate::domain::target::Target;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::web::agents::desk::Desk;
use crate::web::agents::listen::{Tls, serve};
use crate::web::agents::routes::router;
use crate::web::agents::{self, Ends, Plans};

use settle::Settling;
use silence::Silence;

/// Every kind of readiness fault, for metrics.
pub const KINDS: [&str; 3] = [SILENT, CLOCK, TROUBLE];
const SILENT: &str = "agent-silent";
const CLOCK: &str = "agent-clock";
const TROUBLE: &str = "agent-trouble";

/// Deliveries on their way to detection; an agent waits for its answer while they are full.
const DELIVERY_QUEUE: usize = 64;
/// What agents found on its way to detection.
const WORD_QUEUE: usize = 1_024;

/// What agents tell detection.
#[derive(Clone, Debug)]
pub enum Word {
    /// It was found just now.
    Check(Check),
    /// Evidence from before, in order: it is known, and nothing is told of what is over.
    Recalled(Vec<Check>),
    /// An open outage began earlier than was known.
    Earlier(OutageId, Timestamp),
    /// Clocks there are off.
    Apart(BTreeSet<LocationId>),
}

/// Detection's ends of it.
pub struct FromAgents {
    pub words: mpsc::Receiver<Word>,
    pub desk: Arc<Desk>,
}

/// What the hub's side is started with.
pub struct Start<'a> {
    pub section: &'a AgentsSection,
    pub authority: Arc<Authority>,
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub targets: watch::Receiver<Arc<Vec<Arc<Target>>>>,
    pub plans: watch::Receiver<Arc<Plans>>,
    pub readings: mpsc::Sender<Reading>,
    pub continuity: Handle,
    pub zone: jiff::tz::TimeZone,
    pub changed: Arc<dyn Fn() + Send + Sync>,
}

/// What the hub's side hands out.
pub struct Started {
    pub from_agents: FromAgents,
    /// What is wrong with agents, in words.
    pub faults: watch::Receiver<Vec<String>>,
}

/// Listens for agents, and watches over them, until `stop`.
///
/// # Errors
/// When the address cannot be bound, or the authority does not certify the names.
pub async fn start(
    start: Start<'_>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> anyhow::Result<Started> {
    let Start { section, authority, store, clock, metrics, .. } = start;
    let listen = section.listen;
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("listening for agents on {listen}"))?;
    let tls = Tls::new(Arc::clone(&authority), section.names.clone(), clock.clone());
    let tls = tls.context("preparing TLS for agents")?;
    let desk = Arc::new(Desk::new(clock.clone()));
    let (delivered, deliveries) = mpsc::channel(DELIVERY_QUEUE);
    let (tell, words) = mpsc::channel(WORD_QUEUE);
    let (say, faults) = watch::channel(Vec::new());
    let ends = Ends { plans: start.plans.clone(), desk: Arc::clone(&desk), delivered };
    let receiver = (store.clone(), clock.clone());
    let receiver = agents::Agents::new(receiver, authority, ends, stop.clone());
    tasks.spawn(serve(listener, tls, router(&Arc::new(receiver)), stop.clone()));
    let settling = Settling {
        store: store.clone(),
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        targets: start.targets.clone(),
        words: tell.clone(),
        readings: start.readings,
        changed: Arc::clone(&start.changed),
    };
    tasks.spawn(settling.run(deliveries));
    let silence = Silence {
        store,
        clock,
        metrics,
        targets: start.targets,
        plans: start.plans,
        desk: Arc::clone(&desk),
        words: tell,
        say,
        continuity: start.continuity,
        zone: start.zone,
        changed: start.changed,
    };
    tasks.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = silence.keep() => {}
        }
    });
    tracing::info!(%listen, "agents may report");
    Ok(Started { from_agents: FromAgents { words, desk }, faults })
}
