//! The service: reads its files, starts every role, and stops them in order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::agents::FromAgents;
use super::observe::{self, Observation};
use super::parts::{Kept, Means};
use super::probe_readiness;
use super::proofs::keep_proving;
use super::reload::Reload;
use super::signals::{Keeper, READING_QUEUE};
use super::{agents, control, copy, live, parts, plans, portal};
use crate::clock::Clock;
use crate::config::agents::AgentsSection;
use crate::config::installation;
use crate::config::plans as config_plans;
use crate::config::sections::Sections;
use crate::continuity::command::Handle;
use crate::continuity::effect::Effect;
use crate::domain::ids::PlaybookId;
use crate::domain::outage::DetectionEvent;
use crate::domain::signal::Reading;
use crate::domain::target::Target;
use crate::probing::readings::Readings;
use crate::probing::run::Setting;
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::vault::site::Site;
use crate::web::plans::Plans;
use crate::web::portal::PortalWeb;
use crate::web::{self, Pages, Web};

/// What is under way when the service is told to stop has this long to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// Detection's events on their way to continuity.
const EVENT_QUEUE: usize = 1_024;

/// The targets as pages show them.
type Observed = watch::Receiver<Arc<Vec<Arc<Target>>>>;

/// What is wrong, in words, as pages show it.
type Words = watch::Receiver<Vec<String>>;

/// What agents are to probe.
type AgentPlans = watch::Receiver<Arc<web::agents::Plans>>;

/// Who is told of files read again, what pages show of them, and what is wrong with probes.
type Told = (
    watch::Sender<Vec<Arc<Setting>>>,
    watch::Sender<Arc<Vec<Arc<Target>>>>,
    watch::Sender<Vec<String>>,
);

/// What every role of the service works with.
struct Running {
    store: Store,
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Counts what happened that a page may show.
    changes: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Runs the service until `stop`.
///
/// # Errors
/// [`crate::config::diagnostics::Diagnostics`] when a file is wrong; otherwise what could not be
/// opened or bound.
pub async fn serve(config: &Path, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    let hangups = signal(SignalKind::hangup()).context("waiting for SIGHUP")?;
    let service = installation::load(config)?;
    for missing in &service.missing {
        tracing::warn!(%missing, "Holdfast serves without it");
    }
    control::alone(&service.data)?;
    let (targets, agent_plans) = agents::plans::load(&service)?;
    let plans = config_plans::load(&service, Some(&targets))?;
    let site = portal::site(&service.data)?;
    let (live, live_words) = watch::channel(String::new());
    let portal = portal::start(&service, &site, &clock, live_words)?;
    let store = Store::open(&service.data.join("holdfast.db")).await?;
    let (read, readings) = mpsc::channel(READING_QUEUE);
    let (agent_plans, agents_planned) = watch::channel(agent_plans);
    let agents_read = read.clone();
    let kept = Kept { store: Some(&store), before: &[], readings: &Readings::to(read) };
    let settings = parts::settings(&Means::of(&service), targets, &clock, Some(&kept))?;
    let playbooks: Vec<_> = plans.playbooks.iter().map(|(plan, _)| plan.id.clone()).collect();
    let running = Running {
        metrics: Arc::new(Metrics::new(&parts::labels(
            service.file.metrics_detail,
            &settings,
            &playbooks,
        ))?),
        store,
        clock,
        changes: watch::channel(0).0,
        tasks: TaskTracker::new(),
        stop: stop.clone(),
    };
    let (listener, listen) = bound(&service).await?;

    let (told, events) = mpsc::channel(EVENT_QUEUE);
    let (plans, effects) = running.start_plans(&service, (plans, &settings), events).await?;
    running.start_copy(&service, site, &portal, (plans.continuity.clone(), effects))?;
    running.start_words(live, &plans);
    running.start_control(&service, plans.clone());
    let directory = portal::keep_directory(
        service.data.clone(),
        Arc::clone(&portal.identity),
        running.clock.clone(),
    );
    running.endless(directory);
    let observed = settings.iter().map(|setting| Arc::clone(&setting.target)).collect();
    let (shown, observed) = watch::channel(Arc::new(observed));
    let (probe_words, probe_faults) = watch::channel(Vec::new());
    running.keep_numbers(observed.clone(), readings, plans.continuity.clone());
    let start = (service.agents.as_ref(), observed.clone(), agents_planned);
    let with = (agents_read, plans.continuity.clone());
    let (from_agents, agent_faults) = running.start_agents(&service, start, with).await?;
    let faults = (probe_faults, agent_faults);
    let pages = running.pages(&service, &portal, plans, (observed, faults));
    let observation = Observation {
        store: running.store.clone(),
        clock: running.clock.clone(),
        metrics: Arc::clone(&running.metrics),
        settings,
        told,
        changed: running.changed(),
        agents: from_agents,
    };
    let settings = observe::start(observation, &running.tasks, stop.clone()).await?;
    let agents = (service.agents, agent_plans);
    running.start_upkeep(config, (settings, shown, probe_words), (hangups, playbooks), agents);

    let router = web::router(pages).merge(web::portal::router(portal));
    tracing::info!(%listen, "Holdfast is serving");
    web::serve(listener, router, stop).await.context("serving pages")?;
    running.end().await;
    Ok(())
}

async fn bound(service: &installation::Installation) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listen = service.file.listen;
    let listener = TcpListener::bind(listen).await;
    Ok((listener.with_context(|| format!("listening on {listen}"))?, listen))
}

impl Running {
    fn changed(&self) -> Arc<dyn Fn() + Send + Sync> {
        let changes = self.changes.clone();
        Arc::new(move || changes.send_modify(|count| *count += 1))
    }

    /// Continuity: the engine, the outbox, the channels.
    async fn start_plans(
        &self,
        service: &installation::Installation,
        (plans, settings): (config_plans::Plans, &[Arc<Setting>]),
        events: mpsc::Receiver<DetectionEvent>,
    ) -> anyhow::Result<(Plans, mpsc::Receiver<Effect>)> {
        let links = Arc::new(plans::link_key(&service.data)?);
        let start = plans::Start {
            service,
            plans,
            targets: settings.iter().map(|setting| Arc::clone(&setting.target)).collect(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            links: Arc::clone(&links),
            changed: self.changed(),
        };
        let started = plans::start(start, events, &self.tasks, self.stop.clone()).await?;
        let plans = Plans {
            people: watch::channel(started.people).1,
            playbooks: watch::channel(started.playbooks).1,
            continuity: started.handle,
            channels: started.channels,
            links,
        };
        Ok((plans, started.effects))
    }

    /// The copy: captured on time, opened and closed as plans ask.
    fn start_copy(
        &self,
        service: &installation::Installation,
        site: Site,
        portal: &PortalWeb,
        effects: (Handle, mpsc::Receiver<Effect>),
    ) -> anyhow::Result<()> {
        let (handle, effects) = effects;
        let openings = copy::Openings {
            store: self.store.clone(),
            clock: self.clock.clone(),
            node: Arc::new(site.node_key()?),
            site,
            portal: Arc::clone(&portal.portal),
            handle,
            metrics: Arc::clone(&self.metrics),
            changed: self.changed(),
        };
        self.tasks.spawn(openings.run(effects, self.stop.clone()));
        if let Some((captures, every)) = copy::captures(service) {
            let (store, clock) = (self.store.clone(), self.clock.clone());
            let metrics = Arc::clone(&self.metrics);
            let parts = (store, clock, metrics);
            let objective = portal.freshness_objective;
            let zone = service.time_zone.clone();
            let proving = keep_proving(captures.clone(), zone, objective, parts.clone());
            self.endless(proving);
            self.endless(copy::keep_capturing(captures, every, objective, parts));
        }
        Ok(())
    }

    /// The numbers that probes read: kept, shown, and told of when they cross a threshold.
    fn keep_numbers(
        &self,
        targets: watch::Receiver<Arc<Vec<Arc<Target>>>>,
        readings: mpsc::Receiver<Reading>,
        continuity: Handle,
    ) {
        let keeper = Keeper {
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            targets,
            changed: self.changed(),
            continuity,
        };
        self.endless(keeper.run(readings));
    }

    /// What is said of the case system on the portal, and the gauges of continuity.
    fn start_words(&self, live: watch::Sender<String>, plans: &Plans) {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        self.endless(live::keep_saying(store, clock, self.changes.subscribe(), live));
        let (store, clock) = (self.store.clone(), self.clock.clone());
        self.endless(live::keep_gauges(store, clock, Arc::clone(&self.metrics), plans.clone()));
    }

    /// The socket for the command line on this machine. The service goes on without it.
    fn start_control(&self, service: &installation::Installation, plans: Plans) {
        let (listener, bound) = match control::listen(&service.data) {
            Ok(listening) => listening,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, "the command line cannot reach this service");
                return;
            }
        };
        let (changed, stop) = (self.changed(), self.stop.clone());
        self.tasks.spawn(async move {
            if let Err(error) = web::control::serve(listener, (plans, changed), stop).await {
                tracing::error!(%error, "the command line cannot reach this service");
            }
            drop(bound);
        });
    }

    /// Where offices probe for themselves.
    async fn start_agents(
        &self,
        service: &installation::Installation,
        (section, targets, plans): (Option<&AgentsSection>, Observed, AgentPlans),
        (readings, continuity): (mpsc::Sender<Reading>, Handle),
    ) -> anyhow::Result<(Option<FromAgents>, Words)> {
        let Some(section) = section else { return Ok((None, watch::channel(Vec::new()).1)) };
        let authority = agents::authority::open(&service.data, self.clock.now())?;
        let start = agents::Start {
            section,
            authority: Arc::new(authority),
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            targets,
            plans,
            readings,
            continuity,
            zone: service.time_zone.clone(),
            changed: self.changed(),
        };
        let started = agents::start(start, &self.tasks, self.stop.clone()).await?;
        Ok((Some(started.from_agents), started.faults))
    }

    fn pages(
        &self,
        service: &installation::Installation,
        portal: &PortalWeb,
        plans: Plans,
        (targets, (probe_faults, agent_faults)): (Observed, (Words, Words)),
    ) -> Arc<Web> {
        Arc::new(Web {
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: Arc::clone(&self.metrics),
            zone: service.time_zone.clone(),
            synthetic: service.file.synthetic,
            targets,
            probe_faults,
            agent_faults,
            plans: Some(plans),
            copy: portal.portal.watch(),
            freshness_objective: service.snapshots.as_ref().map(|_| portal.freshness_objective),
            metrics_networks: service.file.metrics_networks.clone().into(),
            sessions: portal.identity.clone(),
            changes: self.changes.clone(),
            stop: self.stop.clone(),
            pages: Pages::default(),
        })
    }

    /// Files read again, and what is wrong with probes.
    fn start_upkeep(
        &self,
        config: &Path,
        (settings, shown, words): Told,
        (hangups, playbooks): (Signal, Vec<PlaybookId>),
        (agents, agent_plans): (Option<AgentsSection>, watch::Sender<Arc<web::agents::Plans>>),
    ) {
        let parts = (self.store.clone(), self.clock.clone(), Arc::clone(&self.metrics));
        let (waiting, awaited) = watch::channel(Vec::new());
        let looked_at = (settings.subscribe(), awaited);
        self.endless(probe_readiness::keep(parts, looked_at, words));
        let reload = Reload {
            config: config.to_owned(),
            clock: self.clock.clone(),
            store: self.store.clone(),
            metrics: Arc::clone(&self.metrics),
            playbooks,
            settings,
            shown,
            agents,
            agent_plans,
            changed: self.changed(),
            sections: Sections::read(config),
            waiting,
        };
        self.endless(reload.keep(hangups));
    }

    /// Runs something endless until told to stop.
    fn endless(&self, endless: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = endless => {}
            }
        });
    }

    async fn end(self) {
        self.tasks.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::error!("something did not end in {} s", STOP_TIMEOUT.as_secs());
        }
        self.store.close().await;
    }
}
