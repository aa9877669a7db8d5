//! What feed and signal probes add to a probe file: ages, waiting until something appears, other
//! systems, and the numbers that are read.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::{Location as Place, Spanned};

use super::diagnostics::Faults;
use super::probe_checks::{check_selector, read_json_path};
use super::probe_steps::Names;
use super::probes::parse_base_url;
use crate::domain::ids::{ProbeId, SignalId};
use crate::domain::length::Length;
use crate::domain::signal::{Measure, Signal};
use crate::domain::step::{Age, CaptureSource, Effect, Fact, Step, StepAction, Until};
use crate::domain::target::ProbeKind;

/// Asking more often than this is load without news.
const TRIES_AT_MOST: u128 = 120;

/// The other side of an interface.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SystemFile {
    /// Scheme, host and port, as in `https://promis.example.gov`.
    #[schemars(with = "String")]
    base_url: Spanned<String>,
}

/// An instant in the answer and how long ago it may be: exactly one of `json`, `html`, `header`, or
/// of `column` for a query.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgeFile {
    /// RFC 9535, as in `$.last_received_at`.
    json: Option<String>,
    /// A CSS selector; the element's `datetime`, or else its text, is the instant.
    html: Option<String>,
    header: Option<String>,
    /// Of the query's first row.
    column: Option<String>,
    at_most: Length,
}

/// How a step is repeated.
#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UntilFile {
    interval: Length,
    at_most: Length,
}

/// A number that a signal probe reads.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalFile {
    id: SignalId,
    title: String,
    /// What is counted, as in `cases`.
    unit: String,
    /// The name under which a step captured it.
    #[schemars(with = "String")]
    from: Spanned<String>,
    /// From this number on somebody should look.
    attention_at: Option<f64>,
    /// From this number on it is worse.
    worse_at: Option<f64>,
}

/// The probe that signals belong to, as it is written.
#[derive(Debug)]
pub struct Written<'a> {
    pub id: &'a ProbeId,
    pub title: &'a str,
    pub kind: ProbeKind,
    pub at: Place,
}

/// Reads the addresses of other systems.
pub fn read_systems(
    files: &BTreeMap<String, SystemFile>,
    faults: &mut Faults,
) -> BTreeMap<String, url::Url> {
    let mut systems = BTreeMap::new();
    for (name, file) in files {
        systems.extend(read_address(&file.base_url, faults).map(|url| (name.clone(), url)));
    }
    systems
}

/// Reads addresses that stand in place of a probe file's.
pub fn read_addresses(
    texts: &BTreeMap<String, Spanned<String>>,
    faults: &mut Faults,
) -> BTreeMap<String, url::Url> {
    let mut systems = BTreeMap::new();
    for (name, text) in texts {
        systems.extend(read_address(text, faults).map(|url| (name.clone(), url)));
    }
    systems
}

fn read_address(text: &Spanned<String>, faults: &mut Faults) -> Option<url::Url> {
    parse_base_url(&text.value).map_err(|wrong| faults.at(text.defined, wrong)).ok()
}

/// Reads where a step finds an instant, and how old it may be.
pub fn read_age(file: &Spanned<AgeFile>, action: &StepAction, faults: &mut Faults) -> Option<Age> {
    let AgeFile { json, html, header, column, at_most } = &file.value;
    let asks = matches!(action, StepAction::Sql(_));
    let of = match (json, html, header, column) {
        (None, None, None, Some(name)) if asks => {
            Some(CaptureSource::Fact(Fact::Column(name.clone())))
        }
        _ if asks => {
            faults.at(file.defined, "the age is of a column of the query: write 'column'");
            None
        }
        (Some(path), None, None, None) => {
            read_json_path(path, file.defined, faults).map(CaptureSource::Json)
        }
        (None, Some(select), None, None) => {
            check_selector(select, file.defined, faults);
            Some(CaptureSource::Html { select: select.clone(), attribute: None })
        }
        (None, None, Some(name), None) => Some(CaptureSource::Header(name.clone())),
        _ => {
            faults.at(file.defined, "the age is of one instant: write one of json, html, header");
            None
        }
    };
    Some(Age { of: of?, at_most: at_most.duration() })
}

/// Reads how a step is repeated; only one that reads may be.
pub fn read_until(file: &Spanned<UntilFile>, reads: bool, faults: &mut Faults) -> Option<Until> {
    let (interval, at_most) = (file.value.interval.duration(), file.value.at_most.duration());
    if !reads {
        faults.at(
            file.defined,
            "only a request or a query that reads may be repeated: take 'until' away",
        );
    }
    if interval.is_zero() || at_most.as_millis() / interval.as_millis().max(1) > TRIES_AT_MOST {
        faults.at(
            file.defined,
            format!("asks more than {TRIES_AT_MOST} times: write a longer interval"),
        );
        return None;
    }
    Some(Until { interval, at_most })
}

/// Reads the numbers of a signal probe; a feed's number is the age it expects.
pub fn read_signals(
    probe: &Written<'_>,
    files: &[Spanned<SignalFile>],
    steps: &[Step],
    names: &Names,
    faults: &mut Faults,
) -> Vec<Signal> {
    match probe.kind {
        ProbeKind::Signal if files.is_empty() => {
            faults.at(probe.at, "the probe reads no number: write it under 'signals'");
        }
        ProbeKind::Journey | ProbeKind::Feed if !files.is_empty() => {
            faults.at(files[0].defined, "only a probe of the kind 'signal' reads numbers");
        }
        ProbeKind::Feed => return feed(probe, steps, faults),
        ProbeKind::Journey | ProbeKind::Signal => {}
    }
    let mut seen = BTreeSet::new();
    let mut signals = Vec::new();
    for file in files {
        let SignalFile { id, title, unit, from, attention_at, worse_at } = &file.value;
        if !seen.insert(id) {
            faults.at(file.defined, format!("the signal '{id}' stands here twice"));
        }
        if !names.has_captured(&from.value) {
            let name = &from.value;
            faults.at(from.defined, format!("no step captures '{name}': capture it in a step"));
        }
        if let (Some(attention), Some(worse)) = (attention_at, worse_at)
            && attention >= worse
        {
            faults.at(file.defined, "'worse_at' must be above 'attention_at'");
        }
        signals.push(Signal {
            id: id.clone(),
            title: title.clone(),
            measure: Measure::Captured { name: from.value.clone(), unit: unit.clone() },
            attention_at: *attention_at,
            worse_at: *worse_at,
        });
    }
    signals
}

/// The age a feed probe measures; one that measures none waits until what it wrote appears.
fn feed(probe: &Written<'_>, steps: &[Step], faults: &mut Faults) -> Vec<Signal> {
    let ages: Vec<_> = steps.iter().filter_map(|step| step.age.as_ref()).collect();
    let crosses = steps.iter().any(|step| step.until.is_some())
        && steps.iter().any(|step| step.effect == Effect::Write);
    match ages.as_slice() {
        [] if crosses => Vec::new(),
        [age] => vec![Signal {
            // A probe's id is a signal's: both are letters, digits and hyphens.
            id: SignalId::new(probe.id.as_str()).expect("an id has the form of an id"),
            title: probe.title.to_owned(),
            measure: Measure::Age,
            attention_at: None,
            worse_at: Some(age.at_most.as_secs_f64()),
        }],
        [] => {
            let message = "the feed is not measured: expect an 'age', or write at one side and \
                           read at the other 'until' it appears";
            faults.at(probe.at, message);
            Vec::new()
        }
        _ => {
            faults.at(probe.at, "measures two ages: make two probes of it");
            Vec::new()
        }
    }
}
