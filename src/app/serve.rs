//! The service: reads its files, starts every role, and stops them in order.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::observe::{self, Observation};
use super::{parts, portal};
use crate::clock::Clock;
use crate::config::{service, targets};
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::web::{self, Pages, Web};

/// What is under way when the service is told to stop has this long to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// Detection's events on their way to continuity.
const EVENT_QUEUE: usize = 1_024;

/// Runs the service until `stop`.
///
/// # Errors
/// [`crate::config::diagnostics::Diagnostics`] when a file is wrong; otherwise what could not be
/// opened or bound.
pub async fn serve(config: &Path, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    let service = service::load(config)?;
    let targets = targets::load(&service)?;
    let site = portal::site(&service.data)?;
    let portal = portal::start(&service, &site, &clock)?;
    let settings = parts::settings(&service, targets, &clock)?;
    let metrics = Arc::new(Metrics::new(&parts::labels(&settings))?);
    let store = Store::open(&service.data.join("holdfast.db")).await?;
    let listen = service.file.listen;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("listening on {listen}"))?;

    let (tasks, (changes, _)) = (TaskTracker::new(), watch::channel(0));
    let known = settings.iter().map(|setting| Arc::clone(&setting.target)).collect();
    let (_keep, known) = watch::channel(Arc::new(known));
    let pages = Arc::new(Web {
        store: store.clone(),
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        zone: service.time_zone.clone(),
        synthetic: service.file.synthetic,
        targets: known,
        plans: None,
        sessions: portal.identity.clone(),
        changes,
        stop: stop.clone(),
        pages: Pages::default(),
    });
    let (told, mut events) = mpsc::channel(EVENT_QUEUE);
    let changed = {
        let pages = Arc::clone(&pages);
        Arc::new(move || pages.changed())
    };
    let observation = Observation { store: store.clone(), clock, metrics, settings, told, changed };
    observe::start(observation, &tasks, stop.clone()).await?;
    tasks.spawn(async move { while events.recv().await.is_some() {} });

    let router = web::router(pages).merge(web::portal::router(portal));
    tracing::info!(%listen, "Holdfast is serving");
    web::serve(listener, router, stop).await.context("serving pages")?;
    tasks.close();
    if tokio::time::timeout(STOP_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::error!("something did not end in {} s", STOP_TIMEOUT.as_secs());
    }
    store.close().await;
    Ok(())
}
