//! Every probe file of an installation, with what `holdfast.yaml` says of each target.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::agents::crossed;
use super::diagnostics::{Diagnostic, Diagnostics, read};
use super::installation::Installation;
use super::target_settings::TargetSettings;
use crate::domain::step::{Step, Until};
use crate::domain::target::{Probe, Target};

/// A target with the text of its probe file.
#[derive(Clone, Debug)]
pub struct Written {
    pub file: String,
    pub text: String,
    pub target: Target,
}

/// Reads `*.yaml` in the probes folder, in order of their names.
///
/// # Errors
/// Every fault of every file at once.
pub fn load(service: &Installation) -> Result<Vec<Target>, Diagnostics> {
    Ok(load_written(service)?.into_iter().map(|written| written.target).collect())
}

/// The same with the texts.
///
/// # Errors
/// Every fault of every file at once.
pub fn load_written(service: &Installation) -> Result<Vec<Written>, Diagnostics> {
    let mut written = Vec::new();
    let mut faults = Vec::new();
    for path in yaml_files(&service.probes)? {
        let file = path.display().to_string();
        let text = read(&path).map_err(Diagnostics::from);
        let target = text.and_then(|text| Ok((super::probes::read(&file, &text)?, text)));
        match target {
            Ok((target, text)) => {
                let target = match service.targets.get(&target.id) {
                    Some(settings) => overridden(target, settings),
                    None => target,
                };
                written.push(Written { file, text, target });
            }
            Err(Diagnostics(found)) => faults.extend(found),
        }
    }
    faults.extend(between(service, &written, faults.is_empty()));
    if faults.is_empty() { Ok(written) } else { Err(Diagnostics(faults)) }
}

/// What files without a fault of their own, all of them or not, say of each other that cannot be.
fn between(service: &Installation, written: &[Written], all_read: bool) -> Vec<Diagnostic> {
    let mut faults = Vec::new();
    let targets: Vec<&Target> = written.iter().map(|written| &written.target).collect();
    let whole = |message: String| Diagnostic {
        file: service.probes.display().to_string(),
        line: 0,
        column: 0,
        message,
    };
    let mut ids = BTreeSet::new();
    for target in &targets {
        if !ids.insert(target.id.clone()) {
            let id = &target.id;
            faults.push(whole(format!("two files observe the target '{id}': keep one")));
        }
    }
    for target in &targets {
        let named = service.targets.get(&target.id).into_iter().flat_map(|s| s.systems.keys());
        for name in named.filter(|name| !target.systems.contains_key(*name)) {
            let id = &target.id;
            faults.push(whole(format!(
                "holdfast.yaml names the system '{name}' of '{id}', which its probe file does not"
            )));
        }
    }
    // A file with a fault of its own may be the one that is missed.
    let all_read = all_read && faults.is_empty();
    for id in service.targets.keys().filter(|id| all_read && !ids.contains(*id)) {
        faults.push(whole(format!("no probe file observes '{id}', which holdfast.yaml names")));
    }
    if targets.is_empty() && all_read {
        faults.push(whole("holds no probe file: put one there".to_owned()));
    }
    if all_read {
        faults.extend(crossed(service, &targets));
    }
    faults
}

/// Reads one probe file.
///
/// # Errors
/// Every fault of it.
pub fn load_file(path: &Path) -> Result<Target, Diagnostics> {
    let text = read(path)?;
    super::probes::read(&path.display().to_string(), &text)
}

/// The `*.yaml` files of a folder, in order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let unreadable = |error: std::io::Error| Diagnostic {
        file: folder.display().to_string(),
        line: 0,
        column: 0,
        message: format!("cannot be read ({error}): it should be a folder"),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A target with what an installation says of it in place of its probe file.
#[must_use]
pub fn overridden(mut target: Target, settings: &TargetSettings) -> Target {
    if let Some(base_url) = &settings.base_url {
        target.base_url = base_url.clone();
    }
    for (name, url) in &mut target.systems {
        if let Some(instead) = settings.systems.get(name) {
            *url = instead.clone();
        }
    }
    target.probes = target.probes.iter().map(|probe| quickened(probe, settings)).collect();
    target
}

/// A probe that runs at least as often as `holdfast.yaml` asks, and still ends within its slot.
fn quickened(probe: &Arc<Probe>, settings: &TargetSettings) -> Arc<Probe> {
    match settings.interval {
        Some(interval) if interval.duration() < probe.interval => {
            let interval = interval.duration();
            let timeout = probe.timeout.min(interval);
            let hastened = |step: &Step| hastened(step, timeout);
            let steps = probe.steps.iter().map(hastened).collect();
            Arc::new(Probe { interval, timeout, steps, ..Probe::clone(probe) })
        }
        _ => Arc::clone(probe),
    }
}

/// A step that waits no longer than half of a shorter timeout, so that it can say what is missing.
fn hastened(step: &Step, timeout: std::time::Duration) -> Step {
    let until = step.until.map(|until| {
        let at_most = until.at_most.min(timeout / 2);
        Until { interval: until.interval.min(at_most / 4), at_most }
    });
    Step { until, ..step.clone() }
}
