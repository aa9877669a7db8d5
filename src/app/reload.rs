//! Reads the probe files again when asked by SIGHUP, and puts them in force at once and whole.
//!
//! A file with a fault changes nothing: what was last good stays in force, the log says each fault
//! with its place, and a metric says that the newest files are not in force. Probes that did not
//! change keep their slots and what is known of them. Other sections of `holdfast.yaml` than those
//! of targets, agents and the browser wait for a restart, which is said in the log, by that metric
//! and among overdue preparation. It must not restart anything.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::agents;
use super::parts::{self, Kept, Means};
use crate::clock::Clock;
use crate::config::agents::AgentsSection;
use crate::config::diagnostics::Diagnostics;
use crate::config::sections::Sections;
use crate::config::{installation, plans};
use crate::domain::ids::PlaybookId;
use crate::domain::target::Target;
use crate::probing::run::Setting;
use crate::store::Store;
use crate::telemetry::labels::LabelSets;
use crate::telemetry::metrics::Metrics;
use crate::web::agents::Plans;

/// What is read again, and whom it is told to.
pub struct Reload {
    pub config: PathBuf,
    pub clock: Clock,
    pub store: Store,
    pub metrics: Arc<Metrics>,
    pub playbooks: Vec<PlaybookId>,
    /// What is probed.
    pub settings: watch::Sender<Vec<Arc<Setting>>>,
    /// What pages show.
    pub shown: watch::Sender<Arc<Vec<Arc<Target>>>>,
    /// What agents were listened for with; that stays until a restart.
    pub agents: Option<AgentsSection>,
    pub agent_plans: watch::Sender<Arc<Plans>>,
    pub changed: Arc<dyn Fn() + Send + Sync>,
    /// As the service was started with.
    pub sections: Sections,
    /// Names of those that wait for a restart.
    pub waiting: watch::Sender<Vec<String>>,
}

/// What was read and is good.
struct Newest {
    settings: Vec<Arc<Setting>>,
    labels: LabelSets,
    agent_plans: Arc<Plans>,
}

impl Reload {
    /// Reads the files again at each signal.
    pub async fn keep(self, mut asked: Signal) {
        let reload = Arc::new(self);
        while asked.recv().await.is_some() {
            let reading = Arc::clone(&reload);
            // Thousands of probes take a while to read, and no run may wait for that.
            let read = tokio::task::spawn_blocking(move || reading.read()).await;
            match read.context("reading the files").flatten() {
                Ok(newest) => reload.put_in_force(newest),
                Err(error) => reload.refuse(&error),
            }
        }
    }

    fn read(&self) -> anyhow::Result<Newest> {
        let service = installation::load(&self.config)?;
        for missing in &service.missing {
            tracing::warn!(%missing, "Holdfast serves without it");
        }
        if let Some(section) = &service.agents
            && !self.agents.as_ref().is_some_and(|before| before.listens_as(section))
        {
            bail!(
                "'listen' and 'names' under 'agents' are read at a start alone: restart for them"
            );
        }
        let (targets, agent_plans) = agents::plans::load(&service)?;
        // Plans name probes and cohorts: they must not be left with names of nothing.
        plans::load(&service, Some(&targets))?;
        let before = self.settings.borrow().clone();
        let readings = before.first().map(|setting| setting.readings.clone()).unwrap_or_default();
        let kept = Kept { store: Some(&self.store), before: &before, readings: &readings };
        let settings = parts::settings(&Means::of(&service), targets, &self.clock, Some(&kept))?;
        let labels = parts::labels(service.file.metrics_detail, &settings, &self.playbooks);
        Ok(Newest { settings, labels, agent_plans })
    }

    fn put_in_force(&self, newest: Newest) {
        let Newest { settings, labels, agent_plans } = newest;
        let probes: usize = settings.iter().map(|setting| setting.target.probes.len()).sum();
        let targets: Vec<_> = settings.iter().map(|setting| Arc::clone(&setting.target)).collect();
        self.metrics.declare(&labels);
        tracing::info!(targets = targets.len(), probes, "the newest files are in force");
        let waiting = self.sections.waiting(&Sections::read(&self.config));
        self.metrics.record_reload(waiting.is_empty());
        if !waiting.is_empty() {
            let sections = waiting.join(", ");
            tracing::warn!(%sections, "holdfast.yaml changed where only a restart takes it");
        }
        self.waiting.send_replace(waiting);
        self.agent_plans.send_replace(agent_plans);
        self.settings.send_replace(settings);
        self.shown.send_replace(Arc::new(targets));
        (self.changed)();
    }

    fn refuse(&self, error: &anyhow::Error) {
        self.metrics.record_reload(false);
        match error.downcast_ref::<Diagnostics>() {
            Some(Diagnostics(faults)) => {
                for fault in faults {
                    let (file, line, column) = (&fault.file, fault.line, fault.column);
                    tracing::error!(%file, line, column, "{}", fault.message);
                }
            }
            None => tracing::error!("{error:#}"),
        }
        tracing::error!("the files that were last good stay in force");
    }
}
