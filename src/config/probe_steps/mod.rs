//! Steps of a probe file: actions, expectations and captures, with every fault and its place.
//!
//! One file a kind of action; what every kind shares is here.

mod browser;
mod http;
mod network;
mod sql;

use std::collections::BTreeSet;

use serde_saphyr::{Location as Place, Spanned};

use super::diagnostics::{Faults, nearest};
use super::probe_checks::captures::{CaptureFile, read_captures};
use super::probe_checks::{ExpectFile, read_expectations};
use super::probe_signals::{UntilFile, read_age, read_until};
use super::probe_writes::check_marked;
use crate::domain::ids::StepId;
use crate::domain::length::Length;
use crate::domain::step::{Effect, Step, StepAction, Template, Uses};

/// A step as it is written: an id, one action, what is expected and what is kept.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    id: StepId,
    #[serde(default)]
    effect: EffectFile,
    http: Option<http::HttpFile>,
    tcp: Option<network::TcpFile>,
    tls: Option<network::TlsFile>,
    dns: Option<network::DnsFile>,
    smtp: Option<network::SmtpFile>,
    sql: Option<sql::SqlFile>,
    browser: Option<browser::BrowserFile>,
    icmp: Option<network::IcmpFile>,
    pause: Option<Length>,
    /// Ask again until what is expected holds; for requests and queries that
    /// read.
    #[schemars(with = "Option<UntilFile>")]
    until: Option<Spanned<UntilFile>>,
    #[serde(default)]
    expect: ExpectFile,
    /// What an answer holds when the probe's account is refused: locked, expired, renamed. Then
    /// nothing is said of the target.
    account_refused: Option<ExpectFile>,
    #[serde(default)]
    #[schemars(with = "std::collections::BTreeMap<String, CaptureFile>")]
    capture: std::collections::BTreeMap<String, Spanned<CaptureFile>>,
}

#[derive(Clone, Copy, Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum EffectFile {
    #[default]
    Read,
    Write,
    Compensate,
}

/// The names that a text may use at one place of a probe.
#[derive(Debug)]
pub struct Names {
    captured: BTreeSet<String>,
    secrets: BTreeSet<String>,
    steps: BTreeSet<StepId>,
    systems: BTreeSet<String>,
    /// What the texts of the step being read ask for.
    uses: std::cell::RefCell<Uses>,
}

impl Names {
    #[must_use]
    pub fn new(secrets: &[String]) -> Self {
        Self {
            captured: BTreeSet::new(),
            secrets: secrets.iter().cloned().collect(),
            steps: BTreeSet::new(),
            systems: BTreeSet::new(),
            uses: std::cell::RefCell::default(),
        }
    }

    /// With names of other systems that requests may go to.
    #[must_use]
    pub fn with_systems(self, systems: impl Iterator<Item = String>) -> Self {
        Self { systems: systems.collect(), ..self }
    }

    /// Whether a step before here captures this name.
    #[must_use]
    pub fn has_captured(&self, name: &str) -> bool {
        self.captured.contains(name)
    }

    /// The same names, but of captured values those of these steps alone.
    #[must_use]
    pub fn captured_by(self, steps: &[Step]) -> Self {
        let captured = steps.iter().flat_map(|step| &step.captures);
        Self { captured: captured.map(|capture| capture.name.clone()).collect(), ..self }
    }

    /// Reads a text that may use names, noting those that are not known here.
    pub fn template(&self, text: &str, place: Place, faults: &mut Faults) -> Template {
        let template = match Template::parse(text) {
            Ok(template) => template,
            Err(error) => {
                faults.at(place, error.to_string());
                return Template(Vec::new());
            }
        };
        for name in template.captured().filter(|name| !self.captured.contains(*name)) {
            let hint = suggestion(name, &self.captured, "capture it in an earlier step");
            faults.at(place, format!("'${{{name}}}' is used before it is captured: {hint}"));
        }
        for name in template.secrets().filter(|name| !self.secrets.contains(*name)) {
            let hint = suggestion(name, &self.secrets, "add it under 'secrets'");
            faults.at(place, format!("unknown secret '{name}': {hint}"));
        }
        self.uses.borrow_mut().add(&template);
        template
    }
}

fn suggestion(name: &str, known: &BTreeSet<String>, otherwise: &str) -> String {
    let words: Vec<&str> = known.iter().map(String::as_str).collect();
    match nearest(name, &words) {
        Some(near) => format!("did you mean '{near}'?"),
        None => otherwise.to_owned(),
    }
}

/// Reads steps in order; what each captures is known to the ones after it.
pub fn read_steps(
    files: &[Spanned<StepFile>],
    names: &mut Names,
    faults: &mut Faults,
) -> Vec<Step> {
    files.iter().filter_map(|file| read_step(&file.value, file.defined, names, faults)).collect()
}

fn read_step(
    file: &StepFile,
    place: Place,
    names: &mut Names,
    faults: &mut Faults,
) -> Option<Step> {
    if !names.steps.insert(file.id.clone()) {
        faults.at(place, format!("the step '{}' stands here twice: give it another id", file.id));
    }
    let action = read_action(file, place, names, faults)?;
    if matches!(file.effect, EffectFile::Write) {
        match action {
            StepAction::Http(_) | StepAction::Browser(_) => {
                check_marked(&file.id, &names.uses.borrow(), place, faults);
            }
            _ => faults.at(place, "only a request or a browser can write: take 'effect' away"),
        }
    }
    let expectations = read_expectations(&file.expect, &action, names, faults);
    let account_refused = file.account_refused.as_ref();
    let account_refused = account_refused
        .map(|signs| read_expectations(signs, &action, names, faults))
        .unwrap_or_default();
    let captures = read_captures(&file.capture, &action, faults);
    let age = file.expect.age.as_ref().and_then(|age| read_age(age, &action, faults));
    let until = file.until.as_ref().and_then(|until| {
        let reads = matches!(action, StepAction::Http(_) | StepAction::Sql(_))
            && matches!(file.effect, EffectFile::Read);
        read_until(until, reads, faults)
    });
    names.captured.extend(captures.iter().map(|capture| capture.name.clone()));
    Some(Step {
        id: file.id.clone(),
        action,
        effect: match file.effect {
            EffectFile::Read => Effect::Read,
            EffectFile::Write => Effect::Write,
            EffectFile::Compensate => Effect::Compensate,
        },
        expectations,
        captures,
        age,
        until,
        account_refused,
        uses: names.uses.take(),
    })
}

/// The one thing the step does.
fn read_action(
    file: &StepFile,
    place: Place,
    names: &Names,
    faults: &mut Faults,
) -> Option<StepAction> {
    use StepAction::{Browser, Dns, Http, Icmp, Pause, Smtp, Sql, Tcp, Tls};
    let written = [
        file.http.as_ref().map(|it| http::read_http(it, place, names, faults).map(Http)),
        file.tcp.as_ref().map(|it| Some(Tcp(network::read_tcp(it, names, faults)))),
        file.tls.as_ref().map(|it| Some(Tls(network::read_tls(it, faults)))),
        file.dns.as_ref().map(|it| network::read_dns(it, faults).map(Dns)),
        file.smtp.as_ref().map(|it| Some(Smtp(network::read_smtp(it, place, faults)))),
        file.sql.as_ref().map(|it| sql::read_sql(it, place, names, faults).map(Sql)),
        file.browser.as_ref().map(|it| Some(Browser(browser::read_browser(it, names, faults)))),
        file.icmp.as_ref().map(|it| Some(Icmp(network::read_icmp(it, faults)))),
        file.pause.map(|length| Some(Pause(length.duration()))),
    ];
    let mut written = written.into_iter().flatten();
    let id = &file.id;
    match (written.next(), written.next()) {
        (Some(action), None) => action,
        (None, _) => {
            let kinds = "http, tcp, tls, dns, smtp, sql, browser, icmp or pause";
            faults.at(place, format!("the step '{id}' does nothing: write {kinds}"));
            None
        }
        (Some(_), Some(_)) => {
            faults.at(place, format!("the step '{id}' does two things: make two steps of it"));
            None
        }
    }
}
