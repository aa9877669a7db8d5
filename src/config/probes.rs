//! Probe files: YAML to [`Target`], with every fault and its place.
//!
//! The raw types mirror the file; [`read`] checks what a type cannot: names used before they are
//! captured, ids given twice, times that do not add up. It must not speak to a target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_saphyr::{Location as Place, Spanned};

use super::diagnostics::{Diagnostics, Faults, nearest, parse};
use super::probe_signals::{SignalFile, SystemFile, Written, read_signals, read_systems};
use super::probe_steps::{Names, read_steps};
use super::probe_writes::{check_taken_back, read_recover};
use crate::domain::ids::{CohortId, LocationId, OfficeId, ProbeId, TargetId};
use crate::domain::length::Length;
use crate::domain::network::Network;
use crate::domain::step::{Step, before_write};
use crate::domain::target::{Cohort, Location, Objectives, Probe, ProbeKind, Target, Weight};

/// The word every probe file begins with.
pub const FORMAT: &str = "holdfast/probes/v1";
/// A probe may not run more often than this: the target has staff to serve.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// A probe file as it is written.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeFile {
    /// `holdfast/probes/v1`
    #[schemars(with = "String")]
    format: Spanned<String>,
    target: TargetId,
    title: String,
    /// Scheme, host and port of the case system, as in `https://c3ms.example.gov`.
    #[schemars(with = "String")]
    base_url: Spanned<String>,
    /// Other sides of its interfaces, by a name that steps use; `networks` hold for them as well.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, SystemFile>")]
    systems: BTreeMap<String, SystemFile>,
    /// IANA name, as in `Australia/Adelaide`.
    #[schemars(with = "String")]
    time_zone: Spanned<String>,
    /// Address ranges that probes of this target may speak to.
    networks: Vec<Network>,
    #[schemars(with = "Vec<LocationFile>")]
    locations: Vec<Spanned<LocationFile>>,
    #[schemars(with = "Vec<CohortFile>")]
    cohorts: Vec<Spanned<CohortFile>>,
    /// Names of secrets that steps use; `holdfast.yaml` says where each comes from.
    #[serde(default)]
    secrets: Vec<String>,
    #[schemars(with = "Vec<ProbeEntry>")]
    probes: Vec<Spanned<ProbeEntry>>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct LocationFile {
    id: LocationId,
    title: String,
    /// The local address to probe from, where this machine has several.
    source_address: Option<std::net::IpAddr>,
    /// Address and port of what answers from there whenever its network works: the gateway, a
    /// second site. Asked for a connection when a check failed on the way.
    #[serde(default)]
    reference_endpoints: Vec<std::net::SocketAddr>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct CohortFile {
    id: CohortId,
    title: String,
    head_count: u32,
    office: OfficeId,
    #[schemars(with = "Vec<LocationId>")]
    locations: Vec<Spanned<LocationId>>,
    /// Where its staff's browsers come from.
    #[serde(default)]
    networks: Vec<Network>,
    telephone: Option<String>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ProbeEntry {
    id: ProbeId,
    title: String,
    kind: KindFile,
    weight: WeightFile,
    #[schemars(with = "Length")]
    interval: Spanned<Length>,
    #[schemars(with = "Length")]
    timeout: Spanned<Length>,
    /// Every location of the file when left out.
    #[schemars(with = "Option<Vec<LocationId>>")]
    locations: Option<Vec<Spanned<LocationId>>>,
    #[serde(default)]
    objectives: ObjectivesFile,
    /// The numbers a `signal` probe reads.
    #[serde(default)]
    #[schemars(with = "Vec<SignalFile>")]
    signals: Vec<Spanned<SignalFile>>,
    #[schemars(with = "Vec<super::probe_steps::StepFile>")]
    steps: Vec<Spanned<super::probe_steps::StepFile>>,
    #[serde(default)]
    #[schemars(with = "Vec<super::probe_steps::StepFile>")]
    finally: Vec<Spanned<super::probe_steps::StepFile>>,
    /// Steps that find what a write left behind whose answer was lost.
    #[serde(default)]
    #[schemars(with = "Vec<super::probe_steps::StepFile>")]
    recover: Vec<Spanned<super::probe_steps::StepFile>>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum KindFile {
    Journey,
    Feed,
    Signal,
}

impl From<KindFile> for ProbeKind {
    fn from(kind: KindFile) -> Self {
        match kind {
            KindFile::Journey => Self::Journey,
            KindFile::Feed => Self::Feed,
            KindFile::Signal => Self::Signal,
        }
    }
}

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WeightFile {
    Essential,
    Supporting,
}

#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ObjectivesFile {
    /// In percent of known time, as in `99.5`.
    #[schemars(with = "Option<f64>")]
    availability_percent: Option<Spanned<f64>>,
    latency: Option<Length>,
}

/// Reads a probe file.
///
/// # Errors
/// Every fault of it at once, unless its form is so wrong that only the first can be told.
pub fn read(file: &str, text: &str) -> Result<Target, Diagnostics> {
    let raw: ProbeFile = parse(file, text)?;
    let mut faults = Faults::new(file);
    if raw.format.value != FORMAT {
        faults.at(raw.format.defined, format!("unknown format: write '{FORMAT}'"));
    }
    let base_url = base_url(&raw.base_url, &mut faults);
    let systems = read_systems(&raw.systems, &mut faults);
    let time_zone = time_zone(&raw.time_zone, &mut faults);
    let locations = locations(&raw, &mut faults);
    let cohorts = cohorts(&raw, &locations, &mut faults);
    let probes = probes(&raw, &locations, &mut faults);
    let target = match (base_url, time_zone) {
        (Some(base_url), Some(time_zone)) => Some(Target {
            id: raw.target,
            title: raw.title,
            base_url,
            systems,
            time_zone,
            networks: raw.networks.into(),
            locations,
            cohorts,
            probes,
        }),
        _ => None,
    };
    let target = faults.finish(target)?;
    // Without an address or a zone the fault was among the ones told.
    target.ok_or_else(Diagnostics::default)
}

/// The address a target is under; its path, if any, goes before every step's path.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_base_url(text: &str) -> Result<url::Url, String> {
    let url = url::Url::parse(text)
        .map_err(|error| format!("not an address ({error}): write it as in 'https://host'"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err("not an http or https address: write it as in 'https://host'".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a password: use secrets and a sign-in step instead".to_owned());
    }
    Ok(url)
}

fn base_url(text: &Spanned<String>, faults: &mut Faults) -> Option<url::Url> {
    parse_base_url(&text.value).map_err(|wrong| faults.at(text.defined, wrong)).ok()
}

fn time_zone(name: &Spanned<String>, faults: &mut Faults) -> Option<jiff::tz::TimeZone> {
    let zone = jiff::tz::TimeZone::get(&name.value);
    if zone.is_err() {
        let message = format!("unknown time zone '{}': write an IANA name", name.value);
        faults.at(name.defined, message + " as in 'Australia/Adelaide'");
    }
    zone.ok()
}

fn locations(raw: &ProbeFile, faults: &mut Faults) -> Vec<Location> {
    let mut seen = BTreeSet::new();
    for entry in &raw.locations {
        unique(&mut seen, &entry.value.id, "location", entry.defined, faults);
    }
    if raw.locations.is_empty() {
        faults.whole("names no location: write at least one under 'locations'");
    }
    raw.locations
        .iter()
        .map(|entry| Location {
            id: entry.value.id.clone(),
            title: entry.value.title.clone(),
            source_address: entry.value.source_address,
            reference_endpoints: entry.value.reference_endpoints.clone(),
        })
        .collect()
}

fn cohorts(raw: &ProbeFile, known: &[Location], faults: &mut Faults) -> Vec<Cohort> {
    let mut seen = BTreeSet::new();
    let mut cohorts = Vec::new();
    for entry in &raw.cohorts {
        let cohort = &entry.value;
        unique(&mut seen, &cohort.id, "cohort", entry.defined, faults);
        let locations = known_locations(&cohort.locations, known, faults);
        if cohort.locations.is_empty() {
            faults.at(entry.defined, "has no location: nothing would be known of it; name one");
        }
        cohorts.push(Cohort {
            id: cohort.id.clone(),
            title: cohort.title.clone(),
            head_count: cohort.head_count,
            office: cohort.office.clone(),
            locations,
            networks: cohort.networks.clone(),
            telephone: cohort.telephone.clone(),
        });
    }
    cohorts
}

fn probes(raw: &ProbeFile, known: &[Location], faults: &mut Faults) -> Vec<Arc<Probe>> {
    let mut seen = BTreeSet::new();
    for entry in &raw.probes {
        unique(&mut seen, &entry.value.id, "probe", entry.defined, faults);
    }
    if raw.probes.is_empty() {
        faults.whole("names no probe: write at least one under 'probes'");
    }
    raw.probes.iter().map(|entry| Arc::new(probe(raw, &entry.value, known, faults))).collect()
}

fn probe(raw: &ProbeFile, entry: &ProbeEntry, known: &[Location], faults: &mut Faults) -> Probe {
    let interval = entry.interval.value.duration();
    let timeout = entry.timeout.value.duration();
    if interval < MIN_INTERVAL {
        faults.at(entry.interval.defined, "shorter than 1 s: the target has staff to serve");
    }
    if timeout > interval {
        faults.at(entry.timeout.defined, "longer than the interval: slots would overlap");
    }
    let mut names = Names::new(&raw.secrets).with_systems(raw.systems.keys().cloned());
    let steps = read_steps(&entry.steps, &mut names, faults);
    let finally = read_steps(&entry.finally, &mut names, faults);
    if steps.is_empty() {
        faults.at(entry.interval.defined, "the probe has no steps: write at least one");
    }
    let kind = entry.kind.into();
    let written = Written { id: &entry.id, title: &entry.title, kind, at: entry.interval.defined };
    let signals = read_signals(&written, &entry.signals, &steps, &names, faults);
    let journey: Vec<&Step> = steps.iter().chain(&finally).collect();
    let before = names.captured_by(before_write(&steps));
    let recover = read_recover(&entry.recover, before, &journey, faults);
    check_taken_back(&journey, &recover, entry.interval.defined, faults);
    let pauses: Duration = steps.iter().map(pause).sum();
    if pauses >= timeout {
        faults
            .at(entry.timeout.defined, "the pauses alone take longer: the probe would never pass");
    }
    Probe {
        id: entry.id.clone(),
        target: raw.target.clone(),
        title: entry.title.clone(),
        kind,
        weight: match entry.weight {
            WeightFile::Essential => Weight::Essential,
            WeightFile::Supporting => Weight::Supporting,
        },
        interval,
        timeout,
        locations: match &entry.locations {
            Some(named) => known_locations(named, known, faults),
            None => known.iter().map(|location| location.id.clone()).collect(),
        },
        objectives: objectives(&entry.objectives, timeout, faults),
        steps,
        signals,
        finally,
        recover,
    }
}

/// What a step may wait before it passes or fails, answers apart.
fn pause(step: &crate::domain::step::Step) -> Duration {
    if let Some(until) = step.until {
        return until.at_most;
    }
    match step.action {
        crate::domain::step::StepAction::Pause(length) => length,
        _ => Duration::ZERO,
    }
}

fn objectives(file: &ObjectivesFile, timeout: Duration, faults: &mut Faults) -> Objectives {
    if let Some(percent) = &file.availability_percent
        && !(50.0..100.0).contains(&percent.value)
    {
        faults.at(percent.defined, "cannot be promised: write a number from 50 to below 100");
    }
    let latency = file.latency.map(Length::duration);
    if let (Some(latency), Some(percent)) = (latency, &file.availability_percent)
        && latency >= timeout
    {
        faults
            .at(percent.defined, "the latency objective is not below the timeout: it never fails");
    }
    Objectives {
        availability: file.availability_percent.as_ref().map(|percent| percent.value / 100.0),
        latency,
    }
}

fn known_locations(
    named: &[Spanned<LocationId>],
    known: &[Location],
    faults: &mut Faults,
) -> Vec<LocationId> {
    let words: Vec<&str> = known.iter().map(|location| location.id.as_str()).collect();
    for location in named {
        if !words.contains(&location.value.as_str()) {
            let hint = match nearest(location.value.as_str(), &words) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "add it under 'locations'".to_owned(),
            };
            let message = format!("unknown location '{}': {hint}", location.value);
            faults.at(location.defined, message);
        }
    }
    named.iter().map(|location| location.value.clone()).collect()
}

fn unique<T: Ord + Clone + std::fmt::Display>(
    seen: &mut BTreeSet<T>,
    id: &T,
    what: &str,
    place: Place,
    faults: &mut Faults,
) {
    if !seen.insert(id.clone()) {
        faults.at(place, format!("the {what} '{id}' stands here twice: history hangs on ids"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every invalid fixture ends with its faults: `# fault LINE:COLUMN: message`.
    #[test]
    fn every_fault_is_told_with_its_place() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/probes");
        let mut seen = 0;
        for path in crate::config::targets::yaml_files(&folder).unwrap() {
            let text = std::fs::read_to_string(&path).unwrap();
            let told = match read("f", &text) {
                Ok(_) => Vec::new(),
                Err(Diagnostics(found)) => found
                    .iter()
                    .map(|fault| {
                        format!("# fault {}:{}: {}", fault.line, fault.column, fault.message)
                    })
                    .collect(),
            };
            let expected: Vec<_> =
                text.lines().filter(|line| line.starts_with("# fault ")).collect();
            assert_eq!(told, expected, "{}", path.display());
            let invalid = path.file_name().unwrap().to_str().unwrap().starts_with("invalid-");
            assert_eq!(invalid, !told.is_empty(), "{}", path.display());
            seen += 1;
        }
        assert!(seen > 15, "{seen} fixtures");
    }
}
