//! `people.yaml`, the folder of playbooks and who of operations is told, checked against each
//! other.

use std::collections::BTreeMap;

use super::diagnostics::{Diagnostics, Faults, read};
use super::installation::Installation;
use super::playbooks::Known;
use super::targets::yaml_files;
use super::{people, playbooks};
use crate::domain::notice::OpsNotices;
use crate::domain::people::People;
use crate::domain::playbook::Playbook;
use crate::domain::target::Target;

/// What continuity goes by.
#[derive(Debug)]
pub struct Plans {
    pub people: People,
    /// Each with the text it was read from.
    pub playbooks: Vec<(Playbook, String)>,
    pub ops_notices: Option<OpsNotices>,
}

/// Reads them all.
///
/// # Errors
/// Every fault of every file at once. Without targets, which have faults of their own, what plans
/// say of them is not checked; nor is what they say of people when `people.yaml` is at fault.
pub fn load(service: &Installation, targets: Option<&[Target]>) -> Result<Plans, Diagnostics> {
    let mut found = Vec::new();
    let people = load_people(service).map_err(|Diagnostics(faults)| found.extend(faults)).ok();
    let targets: Option<BTreeMap<_, _>> = targets.map(|targets| {
        let cohorts = |target: &Target| target.cohorts.iter().map(|one| one.id.clone()).collect();
        targets.iter().map(|target| (target.id.clone(), cohorts(target))).collect()
    });
    let known = Known { people: people.as_ref(), targets: targets.as_ref() };
    let mut plans = Vec::new();
    let files = yaml_files(&service.playbooks).map_err(|fault| found.push(fault));
    for path in files.unwrap_or_default() {
        let name = path.display().to_string();
        let read = read(&path).map_err(Diagnostics::from);
        match read.and_then(|text| Ok((playbooks::parse(&name, &text, known)?, text))) {
            Ok(plan) => plans.push(plan),
            Err(Diagnostics(faults)) => found.extend(faults),
        }
    }
    let Some(people) = people else { return Err(Diagnostics(found)) };
    let mut faults = Faults::new(&service.path.display().to_string());
    let ops_notices =
        service.file.ops_notices.clone().and_then(|raw| raw.check(&people, &mut faults));
    found.extend(faults.take());
    match found.is_empty() {
        true => Ok(Plans { people, playbooks: plans, ops_notices }),
        false => Err(Diagnostics(found)),
    }
}

fn load_people(service: &Installation) -> Result<People, Diagnostics> {
    people::parse(&service.people.display().to_string(), &read(&service.people)?)
}
