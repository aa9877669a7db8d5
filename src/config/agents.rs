//! The `agents` section of `holdfast.yaml`: which offices probe for themselves, and where their
//! agents report.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_saphyr::{Location as Place, Spanned};

use super::diagnostics::{Diagnostic, Faults, nearest};
use super::installation::Installation;
use crate::domain::ids::LocationId;
use crate::domain::step::Effect;
use crate::domain::target::{Probe, Target};

/// The section as it is written.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentsFile {
    /// Address and port that agents reach; TLS, with certificates of Holdfast's own.
    listen: SocketAddr,
    /// The names or addresses by which agents reach it.
    #[schemars(with = "Vec<String>")]
    names: Spanned<Vec<String>>,
    /// Locations that are probed by an agent there, and not from here.
    #[schemars(with = "Vec<LocationId>")]
    locations: Vec<Spanned<LocationId>>,
}

/// The section, checked.
#[derive(Clone, Debug)]
pub struct AgentsSection {
    pub listen: SocketAddr,
    pub names: Vec<String>,
    /// With where each stands in the file.
    locations: Vec<(LocationId, Place)>,
}

impl AgentsSection {
    /// Whether agents find it at the same address, by the same names.
    #[must_use]
    pub fn listens_as(&self, other: &Self) -> bool {
        (self.listen, &self.names) == (other.listen, &other.names)
    }

    #[must_use]
    pub fn locations(&self) -> BTreeSet<LocationId> {
        self.locations.iter().map(|(location, _)| location.clone()).collect()
    }
}

pub(super) fn read_agents(file: &AgentsFile, faults: &mut Faults) -> AgentsSection {
    if file.names.value.is_empty() {
        faults.at(file.names.defined, "names nothing: write the name by which agents reach it");
    }
    for name in &file.names.value {
        let is_name = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c));
        if !is_name {
            let message = format!("'{name}' is no host name: write it as in 'hub.example.gov'");
            faults.at(file.names.defined, message);
        }
    }
    let mut seen = BTreeSet::new();
    for location in &file.locations {
        if !seen.insert(&location.value) {
            let message = format!("the location '{}' stands here twice: keep one", location.value);
            faults.at(location.defined, message);
        }
    }
    AgentsSection {
        listen: file.listen,
        names: file.names.value.clone(),
        locations: file.locations.iter().map(|one| (one.value.clone(), one.defined)).collect(),
    }
}

/// What the section and the probe files say of each other that cannot be.
pub(super) fn crossed(service: &Installation, targets: &[&Target]) -> Vec<Diagnostic> {
    let Some(agents) = &service.agents else { return Vec::new() };
    let mut faults = Faults::new(&service.path.display().to_string());
    let known = targets.iter().flat_map(|target| &target.locations);
    let known: Vec<&str> = known.map(|location| location.id.as_str()).collect();
    for (location, at) in &agents.locations {
        if !known.contains(&location.as_str()) {
            let hint = match nearest(location.as_str(), &known) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "name one of a probe file's 'locations'".to_owned(),
            };
            faults.at(*at, format!("no target has the location '{location}': {hint}"));
        }
        // Where no probe may write, one that could ends before it would, and reads all the same.
        let writing = targets.iter().filter(|target| {
            service.targets.get(&target.id).is_some_and(|settings| settings.writes.is_some())
        });
        for probe in writing.flat_map(|target| &target.probes) {
            if probe.locations.contains(location) && writes(probe) {
                let (target, probe) = (&probe.target, &probe.id);
                faults.at(
                    *at,
                    format!(
                        "the probe '{probe}' of '{target}' writes at '{location}', and writes stay \
                         at the hub: give that probe 'locations' without '{location}'"
                    ),
                );
            }
        }
    }
    faults.take()
}

/// Whether a probe leaves something behind that has to be taken back.
fn writes(probe: &Probe) -> bool {
    probe.all_steps().any(|step| step.effect == Effect::Write)
}
