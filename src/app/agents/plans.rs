//! What each agent is to probe: the files in force of the targets that have its location.

use std::sync::Arc;

use crate::config::diagnostics::Diagnostics;
use crate::config::installation::Installation;
use crate::config::targets::{self, Written};
use crate::crypto::digest::Digest;
use crate::domain::agent::{Plan, Planned, PlannedTarget};
use crate::domain::ids::LocationId;
use crate::domain::target::{Probe, Target};
use crate::web::agents::{Assignment, Plans};

/// Reads every probe file: the targets, and what of them agents are to probe.
///
/// # Errors
/// Every fault of every file at once.
pub fn load(service: &Installation) -> Result<(Vec<Target>, Arc<Plans>), Diagnostics> {
    let written = targets::load_written(service)?;
    let plans = of(service, &written);
    Ok((written.into_iter().map(|one| one.target).collect(), plans))
}

/// What is asked of every location that is an agent's.
fn of(service: &Installation, written: &[Written]) -> Arc<Plans> {
    let locations = service.agents.as_ref().map(|agents| agents.locations()).unwrap_or_default();
    let assigned = |location: LocationId| {
        let here = written.iter().filter(|one| one.target.location(&location).is_some());
        let targets = here.map(|one| planned(service, one)).collect();
        let plan = Plan { location: location.clone(), targets };
        let text = serde_json::to_vec(&plan).expect("a plan is made of texts");
        let planned = Planned { digest: Digest::of(&text).to_hex(), plan };
        let probes = written.iter().flat_map(|one| &one.target.probes);
        let here = probes.filter(|probe| probe.locations.contains(&location));
        let of = |probe: &Arc<Probe>| (probe.target.clone(), probe.id.clone());
        let numbers = |probe: &Arc<Probe>| {
            let target = probe.target.clone();
            let ids: Vec<_> = probe.signals.iter().map(|one| one.id.clone()).collect();
            ids.into_iter().map(move |id| (target.clone(), id))
        };
        let (probes, signals) = (here.clone().map(of).collect(), here.flat_map(numbers).collect());
        (location, Arc::new(Assignment { planned, probes, signals }))
    };
    Arc::new(locations.into_iter().map(assigned).collect())
}

/// A probe file with what `holdfast.yaml` changes in it, secrets apart.
fn planned(service: &Installation, written: &Written) -> PlannedTarget {
    let settings = service.targets.get(&written.target.id);
    let systems = settings.into_iter().flat_map(|settings| &settings.systems);
    PlannedTarget {
        target: written.target.id.clone(),
        file: written.file.rsplit('/').next().unwrap_or_default().to_owned(),
        text: written.text.clone(),
        base_url: settings.and_then(|settings| Some(settings.base_url.as_ref()?.to_string())),
        systems: systems.map(|(name, url)| (name.clone(), url.to_string())).collect(),
        interval: settings.and_then(|settings| settings.interval),
    }
}
