//! Steps of a probe file: actions, expectations and captures, with every fault and its place.

use std::collections::BTreeSet;

use serde_saphyr::{Location as Place, Spanned};

use super::diagnostics::{Faults, nearest};
use super::probe_checks::{CaptureFile, ExpectFile, read_captures, read_expectations};
use super::probe_signals::{UntilFile, read_age, read_until};
use super::probe_writes::check_marked;
use crate::domain::ids::StepId;
use crate::domain::length::Length;
use crate::domain::step::{
    Body, Effect, HttpRequest, HttpVersion, Method, Part, Step, StepAction, Template, Uses,
};

/// More redirects than this are a loop.
const MAX_REDIRECTS: u8 = 10;

/// A step as it is written: an id, one action, what is expected and what is kept.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepFile {
    id: StepId,
    #[serde(default)]
    effect: EffectFile,
    http: Option<HttpFile>,
    pause: Option<Length>,
    /// Ask again until what is expected holds; for steps that read.
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

/// One HTTP request: exactly one method with its path.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct HttpFile {
    /// One of the file's `systems`; the target itself when left out.
    #[schemars(with = "Option<String>")]
    system: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    get: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    head: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    post: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    put: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    patch: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    delete: Option<Spanned<String>>,
    #[schemars(with = "Option<String>")]
    options: Option<Spanned<String>>,
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    query: std::collections::BTreeMap<String, Spanned<String>>,
    #[schemars(with = "std::collections::BTreeMap<String, String>")]
    headers: std::collections::BTreeMap<String, Spanned<String>>,
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    form: Option<std::collections::BTreeMap<String, Spanned<String>>>,
    #[schemars(with = "Option<serde_json::Value>")]
    json: Option<Spanned<serde_json::Value>>,
    /// `multipart/form-data`, as a browser sends a form with files.
    multipart: Option<Vec<PartFile>>,
    raw: Option<RawFile>,
    /// Redirects to follow; none when left out.
    #[schemars(with = "Option<u8>")]
    redirects: Option<Spanned<u8>>,
    /// Whichever the server prefers when left out.
    version: Option<HttpVersionFile>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
enum HttpVersionFile {
    #[serde(rename = "1.1")]
    One,
    #[serde(rename = "2")]
    Two,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct PartFile {
    name: String,
    /// What a file is called; a plain field has none.
    file_name: Option<String>,
    content_type: Option<String>,
    #[schemars(with = "String")]
    text: Spanned<String>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawFile {
    content_type: String,
    #[schemars(with = "String")]
    text: Spanned<String>,
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
    let action = match (&file.http, file.pause) {
        (Some(http), None) => StepAction::Http(read_http(http, place, names, faults)?),
        (None, Some(length)) => StepAction::Pause(length.duration()),
        (None, None) => {
            faults
                .at(place, format!("the step '{}' does nothing: write 'http' or 'pause'", file.id));
            return None;
        }
        (Some(_), Some(_)) => {
            faults
                .at(place, format!("the step '{}' does two things: make two steps of it", file.id));
            return None;
        }
    };
    if matches!(file.effect, EffectFile::Write) {
        match file.http {
            Some(_) => check_marked(&file.id, &names.uses.borrow(), place, faults),
            None => faults.at(place, "only a request can write: take 'effect' away"),
        }
    }
    let expectations = read_expectations(&file.expect, &action, place, names, faults);
    let account_refused = file.account_refused.as_ref();
    let account_refused = account_refused
        .map(|signs| read_expectations(signs, &action, place, names, faults))
        .unwrap_or_default();
    let captures = read_captures(&file.capture, faults);
    let age = file.expect.age.as_ref().and_then(|age| read_age(age, faults));
    let until = file.until.as_ref().and_then(|until| {
        let reads = matches!(file.effect, EffectFile::Read) && file.http.is_some();
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

fn read_http(
    file: &HttpFile,
    place: Place,
    names: &Names,
    faults: &mut Faults,
) -> Option<HttpRequest> {
    let methods = [
        (Method::Get, &file.get),
        (Method::Head, &file.head),
        (Method::Post, &file.post),
        (Method::Put, &file.put),
        (Method::Patch, &file.patch),
        (Method::Delete, &file.delete),
        (Method::Options, &file.options),
    ];
    let mut named = methods.iter().filter_map(|(method, path)| path.as_ref().map(|p| (*method, p)));
    let Some((method, path)) = named.next() else {
        faults.at(place, "the request has no method: write one as in 'get: /path'");
        return None;
    };
    if let Some((_, second)) = named.next() {
        faults.at(second.defined, "the request has two methods: make two steps of it");
    }
    if !path.value.starts_with('/') && !path.value.starts_with("${") {
        faults.at(path.defined, "not a path under the base address: begin it with '/'");
    }
    if let Some(redirects) = &file.redirects
        && redirects.value > MAX_REDIRECTS
    {
        faults.at(redirects.defined, format!("more than {MAX_REDIRECTS} redirects are a loop"));
    }
    if let Some(system) = &file.system
        && !names.systems.contains(&system.value)
    {
        let hint = suggestion(&system.value, &names.systems, "add it under 'systems'");
        faults.at(system.defined, format!("unknown system '{}': {hint}", system.value));
    }
    Some(HttpRequest {
        system: file.system.as_ref().map(|system| system.value.clone()),
        method,
        path: names.template(&path.value, path.defined, faults),
        query: templates(&file.query, names, faults),
        headers: templates(&file.headers, names, faults),
        body: read_body(file, place, names, faults),
        max_redirects: file.redirects.as_ref().map_or(0, |redirects| redirects.value),
        version: file.version.map(|version| match version {
            HttpVersionFile::One => HttpVersion::One,
            HttpVersionFile::Two => HttpVersion::Two,
        }),
    })
}

fn templates(
    texts: &std::collections::BTreeMap<String, Spanned<String>>,
    names: &Names,
    faults: &mut Faults,
) -> Vec<(String, Template)> {
    texts
        .iter()
        .map(|(name, text)| (name.clone(), names.template(&text.value, text.defined, faults)))
        .collect()
}

fn read_body(file: &HttpFile, place: Place, names: &Names, faults: &mut Faults) -> Body {
    let mut bodies = Vec::new();
    if let Some(form) = &file.form {
        bodies.push(Body::Form(templates(form, names, faults)));
    }
    if let Some(json) = &file.json {
        check_json(&json.value, json.defined, names, faults);
        bodies.push(Body::Json(json.value.clone()));
    }
    if let Some(parts) = &file.multipart {
        bodies.push(Body::Multipart(read_parts(parts, names, faults)));
    }
    if let Some(raw) = &file.raw {
        bodies.push(Body::Raw {
            content_type: raw.content_type.clone(),
            text: names.template(&raw.text.value, raw.text.defined, faults),
        });
    }
    if bodies.len() > 1 {
        faults.at(place, "the request has two bodies: keep one of form, json, multipart and raw");
    }
    bodies.pop().unwrap_or(Body::Empty)
}

fn read_parts(files: &[PartFile], names: &Names, faults: &mut Faults) -> Vec<Part> {
    let part = |file: &PartFile| Part {
        name: file.name.clone(),
        file_name: file.file_name.clone(),
        content_type: file.content_type.clone(),
        text: names.template(&file.text.value, file.text.defined, faults),
    };
    files.iter().map(part).collect()
}

fn check_json(value: &serde_json::Value, place: Place, names: &Names, faults: &mut Faults) {
    match value {
        serde_json::Value::String(text) => {
            names.template(text, place, faults);
        }
        serde_json::Value::Array(items) => {
            items.iter().for_each(|item| check_json(item, place, names, faults));
        }
        serde_json::Value::Object(fields) => {
            fields.values().for_each(|field| check_json(field, place, names, faults));
        }
        _ => {}
    }
}
