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
use crate::domain::agent::{Plan, Planned, PlannedTarget, Trouble};
use crate::domain::ids::LocationId;
use crate::domain::target::{Location, Target};
use crate::probing::agent::troubles::Troubles;
use crate::probing::agent::uplink::{Uplink, UplinkError};
use crate::probing::readings::Readings;
use crate::probing::run::Setting;
use crate::telemetry::metrics::Metrics;
use crate::vault::durable;

/// After a plan could not be fetched.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// A plan that cannot be used is fetched again ever more seldom: it is the same until the hub names
/// another one. At last only so often, for what was wrong may have been here.
const SELDOM: Duration = Duration::from_mins(5);

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
    pub troubles: Troubles,
}

/// How long to wait before a plan is fetched again.
struct Pace(Duration);

impl Pace {
    fn new() -> Self {
        Self(AGAIN_AFTER)
    }

    fn slower(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(SELDOM);
        pause
    }
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
        let mut pace = Pace::new();
        loop {
            let is_ours = |named: &str| planned.as_ref().is_some_and(|one| one.digest == named);
            let mut again_after = None;
            if is_ours(&named.borrow_and_update()) {
                self.troubles.set_plan(None);
            } else {
                match self.fetched(&agent).await {
                    Ok(newer) => {
                        planned = Some(newer);
                        self.troubles.set_plan(None);
                    }
                    Err(error) if is_away(&error) => again_after = Some(AGAIN_AFTER),
                    Err(error) => {
                        self.refuse(&error, planned.is_some());
                        again_after = Some(pace.slower());
                    }
                }
            }
            let again = async {
                match again_after {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = again => {}
                named = named.changed() => match named {
                    Ok(()) => pace = Pace::new(),
                    Err(_) => return,
                },
                Some(()) = hangups.recv() => {
                    pace = Pace::new();
                    self.read_again(&mut agent, &planned);
                }
            }
        }
    }

    /// Says in the log, and to the hub, why its plan is not in force.
    fn refuse(&self, error: &anyhow::Error, has_another: bool) {
        let stays = if has_another { "the one before stays in force" } else { "nothing is probed" };
        tracing::error!("the hub's plan cannot be used, {stays}: {error:#}");
        let trouble = Trouble::Plan { why: format!("{error:#}"), has_another };
        self.troubles.set_plan(Some(trouble.bounded()));
    }

    async fn fetched(&self, agent: &Agent) -> anyhow::Result<Planned> {
        let planned = self.uplink.plan().await?;
        self.put_in_force(&planned.plan, agent)?;
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
            Ok(newer) => {
                tracing::info!("the file is read again");
                *agent = newer;
            }
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
        // The address that the probe file speaks from is one of the hub's machine.
        let own = agent.targets.get(&target.id).and_then(|here| here.source_address);
        let source_address = own.or(agent.source_address);
        let bound = |location| Location { source_address, ..location };
        target.locations = target.locations.into_iter().map(bound).collect();
        Ok(target)
    }
}

/// That the hub is away, whoever delivers says.
fn is_away(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(UplinkError::Away(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_cannot_be_used_is_fetched_ever_more_seldom() {
        let mut pace = Pace::new();
        let pauses: Vec<u64> = (0..9).map(|_| pace.slower().as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }
}
