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
/// Every fault of every file at once.
pub fn load(service: &Installation, targets: &[Target]) -> Result<Plans, Diagnostics> {
    let text = read(&service.people)?;
    let people = people::parse(&service.people.display().to_string(), &text)?;
    let targets: BTreeMap<_, _> = targets
        .iter()
        .map(|target| {
            let cohorts = target.cohorts.iter().map(|cohort| cohort.id.clone()).collect();
            (target.id.clone(), cohorts)
        })
        .collect();
    let known = Known { people: Some(&people), targets: Some(&targets) };
    let mut found = Vec::new();
    let mut plans = Vec::new();
    for path in yaml_files(&service.playbooks)? {
        let text = read(&path)?;
        match playbooks::parse(&path.display().to_string(), &text, known) {
            Ok(playbook) => plans.push((playbook, text)),
            Err(Diagnostics(faults)) => found.extend(faults),
        }
    }
    let mut faults = Faults::new(&service.path.display().to_string());
    let ops_notices =
        service.file.ops_notices.clone().and_then(|raw| raw.check(&people, &mut faults));
    match faults.finish(()) {
        Ok(()) if found.is_empty() => Ok(Plans { people, playbooks: plans, ops_notices }),
        Ok(()) => Err(Diagnostics(found)),
        Err(Diagnostics(more)) => {
            found.extend(more);
            Err(Diagnostics(found))
        }
    }
}
