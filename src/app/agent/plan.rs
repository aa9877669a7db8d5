//! The plan an agent probes by: fetched from its hub, validated here once more, kept on disk, and
//! in force until a newer one is good.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::Signal;
use tokio::sync::watch;

use crate::app::parts::{self, Kept, Means};
use crate::clock::Clock;
use crate::config::agent::{self, Agent};
use crate::config::probes;
use crate::config::target_settings::TargetSettings;
use crate::config::targets::overridden;
use crate::domain::agent::{Plan, Planned, PlannedTarget};
use crate::domain::ids::LocationId;
use crate::domain::target::{Location, Target};
use crate::probing::agent::uplink::Uplink;
use crate::probing::readings::Readings;
use crate::probing::run::Setting;
use crate::telemetry::metrics::Metrics;
use crate::vault::durable;

/// After a plan could not be fetched or is wrong.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Keeps the plan.
pub struct Keeper {
    pub config: PathBuf,
    pub location: LocationId,
    /// Where the last good plan is.
    pub file: PathBuf,
    pub uplink: Arc<Uplink>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub readings: Readings,
    /// What is probed; empty before there is a plan.
    pub settings: watch::Sender<Vec<Arc<Setting>>>,
}

impl Keeper {
    /// The last good plan, if there is one.
    pub fn last(&self, agent: &Agent) -> Option<Planned> {
        let text = std::fs::read_to_string(&self.file).ok()?;
        let planned = serde_json::from_str(&text).map_err(anyhow::Error::from);
        match planned.and_then(|planned: Planned| {
            self.put_in_force(&planned.plan, agent)?;
            Ok(planned)
        }) {
            Ok(planned) => Some(planned),
            Err(error) => {
                tracing::error!("the last plan is not good: {error:#}");
                None
            }
        }
    }

    /// Fetches the plan whenever the hub names another one, and reads `agent.yaml` again when
    /// asked, for ever.
    pub async fn keep(
        self,
        (mut agent, mut planned): (Agent, Option<Planned>),
        mut named: watch::Receiver<String>,
        mut hangups: Signal,
    ) {
        loop {
            let is_ours = |named: &str| planned.as_ref().is_some_and(|one| one.digest == named);
            if !is_ours(&named.borrow_and_update()) {
                match self.fetched(&agent).await {
                    Ok(newer) => planned = Some(newer),
                    Err(error) => {
                        // That the hub is away, whoever delivers says.
                        tracing::debug!("{error:#}");
                        tokio::select! {
                            () = tokio::time::sleep(AGAIN_AFTER) => {}
                            Some(()) = hangups.recv() => self.read_again(&mut agent, &planned),
                        }
                        continue;
                    }
                }
            }
            tokio::select! {
                named = named.changed() => if named.is_err() { return },
                Some(()) = hangups.recv() => self.read_again(&mut agent, &planned),
            }
        }
    }

    async fn fetched(&self, agent: &Agent) -> anyhow::Result<Planned> {
        let planned = self.uplink.plan().await?;
        if let Err(error) = self.put_in_force(&planned.plan, agent) {
            tracing::error!("the hub's plan is not good, the last one stays in force: {error:#}");
            return Err(error);
        }
        let text = serde_json::to_vec(&planned)?;
        if let Err(error) = durable::replace(&self.file, &text) {
            tracing::error!(%error, "the plan is in force and will not be after a restart");
        }
        Ok(planned)
    }

    fn read_again(&self, agent: &mut Agent, planned: &Option<Planned>) {
        let newer = agent::load(&self.config).map_err(anyhow::Error::from).and_then(|newer| {
            if let Some(planned) = planned {
                self.put_in_force(&planned.plan, &newer)?;
            }
            Ok(newer)
        });
        match newer {
            Ok(newer) => *agent = newer,
            Err(error) => tracing::error!("{error:#}; what was read before holds"),
        }
    }

    fn put_in_force(&self, plan: &Plan, agent: &Agent) -> anyhow::Result<()> {
        if plan.location != self.location {
            bail!("it is for '{}', and this is '{}'", plan.location, self.location);
        }
        for missing in &agent.missing {
            tracing::warn!(%missing, "the agent probes without it");
        }
        let targets = plan.targets.iter().map(|planned| self.target(planned, agent));
        let targets: Vec<Target> = targets.collect::<Result<_, _>>()?;
        let all = targets.iter().flat_map(|target| &target.locations);
        let elsewhere = all.map(|one| one.id.clone()).filter(|id| *id != self.location);
        let means = Means {
            targets: &agent.targets,
            programs: parts::programs(agent.browser.as_ref(), &agent.data),
            elsewhere: Arc::new(elsewhere.collect::<BTreeSet<_>>()),
        };
        let before = self.settings.borrow().clone();
        let kept = Kept { store: None, before: &before, readings: &self.readings };
        let settings = parts::settings(&means, targets, &self.clock, Some(&kept))?;
        let mut labels = parts::labels(None, &settings, &[]);
        // Those are the hub's to measure.
        labels.agents.clear();
        self.metrics.declare(&labels);
        let probes = settings.iter().flat_map(|setting| &setting.target.probes);
        let probes = probes.filter(|probe| probe.locations.contains(&self.location)).count();
        tracing::info!(targets = settings.len(), probes, "the hub's plan is in force");
        self.settings.send_replace(settings);
        Ok(())
    }

    /// A target as it is probed from here: as the hub has it, then as `agent.yaml` says.
    fn target(&self, planned: &PlannedTarget, agent: &Agent) -> anyhow::Result<Target> {
        let target = probes::read(&planned.file, &planned.text)?;
        let address = |text: &String| {
            probes::parse_base_url(text).map_err(anyhow::Error::msg).context("reading the plan")
        };
        let systems = planned.systems.iter();
        let at_hub = TargetSettings {
            base_url: planned.base_url.as_ref().map(address).transpose()?,
            systems: systems
                .map(|(name, text)| Ok((name.clone(), address(text)?)))
                .collect::<anyhow::Result<_>>()?,
            interval: planned.interval,
            ..TargetSettings::default()
        };
        let mut target = overridden(target, &at_hub);
        if let Some(here) = agent.targets.get(&target.id) {
            target = overridden(target, here);
        }
        // The address to speak from is one of the hub's machine.
        let unbound = |location| Location { source_address: None, ..location };
        target.locations = target.locations.into_iter().map(unbound).collect();
        Ok(target)
    }
}
