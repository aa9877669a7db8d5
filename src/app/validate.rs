//! Everything `serve` would read, checked without starting anything: all faults at once.
//!
//! It opens files and no connection, and changes nothing.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::diagnostics::{Diagnostic, Diagnostics, read, unknown};
use crate::config::installation::{self, Installation};
use crate::config::playbooks::{self, Known};
use crate::config::{agent, directory, mapping, people, plans, probes, targets};
use crate::domain::target::Target;
use crate::sources::address;
use crate::vault;
use crate::vault::site::{self, Site};

/// The file an installation's folder holds.
pub const INSTALLATION: &str = "holdfast.yaml";

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Checked {
    /// Files without fault, each with what it holds in one line.
    pub files: Vec<Summary>,
    /// What the service can start without, but will be missed.
    pub warnings: Vec<Diagnostic>,
    pub faults: Vec<Diagnostic>,
}

/// A file without fault.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub file: String,
    pub holds: String,
}

/// Checks a folder's installation, an installation with all it names, or a file of any other kind
/// by itself.
pub fn check(path: &Path, into: &mut Checked) {
    let inside = path.join(INSTALLATION);
    let path = if path.is_dir() { &inside } else { path };
    if format_of(path).as_deref() == Some(installation::FORMAT) {
        whole(path, into);
    } else {
        alone(path, into);
    }
}

/// An installation and every file it names, with what they say of each other.
fn whole(path: &Path, into: &mut Checked) {
    let (service, found) = match installation::read_on(path) {
        Ok(read) => read,
        Err(fault) => {
            into.faults.push(fault);
            return unnamed(path, into);
        }
    };
    if found.is_empty() {
        into.good(path, installation_holds(&service));
    }
    into.faults.extend(found);
    into.warnings.extend(service.missing.iter().cloned());
    let targets = targets::load(&service);
    let plans = plans::load(&service, targets.as_deref().ok());
    let people = directory_beside(&service.directory, targets.as_deref().ok());
    let crossed = [targets.err(), plans.err(), people.err()].into_iter().flatten();
    into.faults.extend(crossed.flat_map(|Diagnostics(faults)| faults));

    let mapping = service.snapshots.as_ref().map(|section| section.mapping.clone());
    let directory = Some(service.directory.clone()).filter(|path| path.exists());
    if directory.is_none() {
        let why = "is not there: without it nobody can be enrolled to sign in";
        into.warnings.push(whole_file(&service.directory, why));
    }
    let folders = [&service.probes, &service.playbooks];
    // A folder that cannot be read is a fault of the crossed checks already.
    let in_folders =
        folders.into_iter().flat_map(|one| targets::yaml_files(one).unwrap_or_default());
    let singles = [Some(service.people.clone()), directory];
    let crossed: Vec<PathBuf> = in_folders.chain(singles.into_iter().flatten()).collect();
    for file in crossed {
        let holds = holds(&file).ok();
        let faultless = !into.faults.iter().any(|fault| fault.file == file.display().to_string());
        if let Some(holds) = holds.filter(|_| faultless) {
            into.good(&file, holds);
        }
    }
    if let Some(mapping) = mapping {
        alone(&mapping, into);
        into.faults.extend(misplaced_source(&service));
    }
    keys(&service, into);
}

/// Where captures read is of the kind that the mapping says.
fn misplaced_source(service: &Installation) -> Option<Diagnostic> {
    let section = service.snapshots.as_ref()?;
    let text = read(&section.mapping).ok()?;
    let mapping = mapping::read(&section.mapping.display().to_string(), &text).ok()?;
    let fault = address::check(&mapping.origin, &section.source_url).err()?;
    let (line, column) = section.source_url_place;
    let message = format!("'source_url' does not fit the mapping: {fault}");
    Some(Diagnostic { file: service.path.display().to_string(), line, column, message })
}

/// A directory that is not there is a warning of its own.
fn directory_beside(path: &Path, targets: Option<&[Target]>) -> Result<(), Diagnostics> {
    if !path.exists() {
        return Ok(());
    }
    directory::read_beside(&path.display().to_string(), &read(path)?, targets).map(drop)
}

/// The files beside an installation that cannot be read, at the places they have by default.
fn unnamed(path: &Path, into: &mut Checked) {
    let folder = path.parent().unwrap_or(Path::new("."));
    let folders = ["probes", "playbooks"].map(|name| folder.join(name));
    let files = folders.iter().flat_map(|one| targets::yaml_files(one).unwrap_or_default());
    let more = ["people.yaml", "directory.yaml"].map(|name| folder.join(name));
    for file in files.chain(more.into_iter().filter(|path| path.exists())) {
        alone(&file, into);
    }
}

fn alone(path: &Path, into: &mut Checked) {
    if format_of(path).as_deref() == Some(agent::FORMAT) {
        return match agent::load(path) {
            Ok(file) => {
                into.good(path, format!("an agent that reports to {}", file.hub));
                into.warnings.extend(file.missing);
            }
            Err(Diagnostics(found)) => into.faults.extend(found),
        };
    }
    match holds(path) {
        Ok(holds) => into.good(path, holds),
        Err(Diagnostics(found)) => into.faults.extend(found),
    }
}

/// What a file holds, read by the parser that its `format:` asks for.
fn holds(path: &Path) -> Result<String, Diagnostics> {
    let name = path.display().to_string();
    let text = read(path)?;
    match format_in(&text) {
        Some((_, probes::FORMAT)) => probes::read(&name, &text).map(|target| target_holds(&target)),
        Some((_, playbooks::FORMAT)) => playbooks::parse(&name, &text, Known::default())
            .map(|plan| format!("{}: {}", plan.title, counted(plan.steps.len(), "step"))),
        Some((_, people::FORMAT)) => people::parse(&name, &text).map(|people| {
            let roles = counted(people.roles.len(), "role");
            format!("{} in {roles}", people_in_words(people.persons.len()))
        }),
        Some((_, directory::FORMAT)) => directory::read(&name, &text).map(|file| {
            format!("{} who may be enrolled to sign in", people_in_words(file.people.len()))
        }),
        Some((_, mapping::FORMAT)) => mapping::read(&name, &text)
            .map(|mapping| format!("{} collections to capture", mapping.collections.len())),
        Some((line, other)) => {
            let message = unknown("format", other, &FORMATS);
            Err(Diagnostic { file: name, line, column: 9, message }.into())
        }
        None => {
            let message = format!("says no 'format:' at its start: write {}", FORMATS.join(", "));
            Err(Diagnostic { file: name, line: 0, column: 0, message }.into())
        }
    }
}

const FORMATS: [&str; 7] = [
    installation::FORMAT,
    agent::FORMAT,
    probes::FORMAT,
    playbooks::FORMAT,
    people::FORMAT,
    directory::FORMAT,
    mapping::FORMAT,
];

fn format_of(path: &Path) -> Option<String> {
    let text = read(path).ok()?;
    format_in(&text).map(|(_, format)| format.to_owned())
}

/// The format a file names, and its line.
fn format_in(text: &str) -> Option<(u64, &str)> {
    let is_key = |line: &&str| !line.is_empty() && !line.starts_with(['#', '-']);
    // A whole file may be indented, as one copied out of a guide.
    let first = text.lines().find(|line| is_key(&line.trim_start()))?;
    let indent = &first[..first.len() - first.trim_start().len()];
    let mut lines = (1_u64..).zip(text.lines());
    let (number, format) = lines.find_map(|(number, line)| {
        Some((number, line.strip_prefix(indent)?.strip_prefix("format:")?))
    })?;
    let format = format.split_once(" #").map_or(format, |(format, _)| format);
    Some((number, format.trim().trim_matches(['"', '\''])))
}

/// Keys are made by `init`; a checkout of the files alone has none.
fn keys(service: &Installation, into: &mut Checked) {
    let root = service.data.join(site::FOLDER);
    let why = match Site::open(&root) {
        Err(error) => {
            format!("holds no keys ({error}): 'holdfast init' makes them with the folder")
        }
        Ok(site) if vault::directory::next_number(&site).is_ok_and(|next| next == 1) => {
            "holds no directory, without which nothing starts: run 'holdfast people compile'".into()
        }
        Ok(_) => return,
    };
    into.warnings.push(whole_file(&root, &why));
}

fn installation_holds(service: &Installation) -> String {
    let mail = service.mail.as_ref().map_or(0, |mail| mail.relays.len());
    format!(
        "pages at {}, {}, {}",
        service.origin,
        counted(mail, "mail relay"),
        counted(service.webhooks.len(), "webhook")
    )
}

fn target_holds(target: &Target) -> String {
    format!(
        "{}: {} from {} for {}",
        target.title,
        counted(target.probes.len(), "probe"),
        counted(target.locations.len(), "location"),
        counted(target.cohorts.len(), "cohort")
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn people_in_words(count: usize) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

fn whole_file(path: &Path, message: &str) -> Diagnostic {
    let (file, message) = (path.display().to_string(), message.to_owned());
    Diagnostic { file, line: 0, column: 0, message }
}

impl Checked {
    fn good(&mut self, path: &Path, holds: String) {
        self.files.push(Summary { file: path.display().to_string(), holds });
    }
}
