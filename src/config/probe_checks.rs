//! Expectations and captures of a probe file.

use std::collections::BTreeMap;

use serde_saphyr::{Location as Place, Spanned};

use super::diagnostics::Faults;
use super::probe_signals::AgeFile;
use super::probe_steps::Names;
use crate::domain::length::Length;
use crate::domain::step::{Capture, CaptureSource, Expectation, StepAction, Template, Test};

/// What must hold of an exchange; a request without `status` must answer 200.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectFile {
    /// The status codes that are right.
    status: Option<Vec<u16>>,
    header: BTreeMap<String, TestFile>,
    #[schemars(with = "Vec<JsonExpectFile>")]
    json: Vec<Spanned<JsonExpectFile>>,
    #[schemars(with = "Vec<HtmlExpectFile>")]
    html: Vec<Spanned<HtmlExpectFile>>,
    text: Option<TestFile>,
    size_bytes: Option<SizeFile>,
    within: Option<Length>,
    /// How old what the answer shows may be.
    #[schemars(with = "Option<AgeFile>")]
    pub(super) age: Option<Spanned<AgeFile>>,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct JsonExpectFile {
    /// RFC 9535, as in `$.results[0].id`.
    path: String,
    test: TestFile,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct HtmlExpectFile {
    /// A CSS selector.
    select: String,
    test: TestFile,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct SizeFile {
    at_least: Option<u64>,
    at_most: Option<u64>,
}

/// A comparison: exactly one key.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum TestFile {
    Exists(bool),
    #[schemars(with = "String")]
    Equals(Spanned<String>),
    #[schemars(with = "String")]
    Contains(Spanned<String>),
    #[schemars(with = "String")]
    Matches(Spanned<String>),
    AtLeast(f64),
    AtMost(f64),
}

/// Where a value comes from: exactly one key.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CaptureFile {
    /// RFC 9535, as in `$.id`.
    Json(String),
    Html(HtmlCaptureFile),
    Header(String),
    Cookie(String),
    /// The first group is kept.
    Regex(String),
    /// The address the exchange ended at.
    Url(UrlPart),
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HtmlCaptureFile {
    select: String,
    attribute: Option<String>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UrlPart {
    Whole,
}

/// Reads what a step expects.
pub fn read_expectations(
    file: &ExpectFile,
    action: &StepAction,
    place: Place,
    names: &Names,
    faults: &mut Faults,
) -> Vec<Expectation> {
    let mut expectations = Vec::new();
    if matches!(action, StepAction::Http(_)) {
        let status = file.status.clone().unwrap_or_else(|| vec![200]);
        expectations.push(Expectation::Status(status));
    }
    for (name, test) in &file.header {
        let test = read_test(test, place, names, faults);
        expectations.push(Expectation::Header { name: name.clone(), test });
    }
    for entry in &file.json {
        let test = read_test(&entry.value.test, entry.defined, names, faults);
        if let Some(path) = read_json_path(&entry.value.path, entry.defined, faults) {
            expectations.push(Expectation::Json { path, test });
        }
    }
    for entry in &file.html {
        let test = read_test(&entry.value.test, entry.defined, names, faults);
        check_selector(&entry.value.select, entry.defined, faults);
        expectations.push(Expectation::Html { select: entry.value.select.clone(), test });
    }
    if let Some(test) = &file.text {
        expectations.push(Expectation::Text(read_test(test, place, names, faults)));
    }
    if let Some(size) = &file.size_bytes {
        let (at_least, at_most) = (size.at_least, size.at_most);
        expectations.push(Expectation::SizeBytes { at_least, at_most });
    }
    if let Some(within) = file.within {
        expectations.push(Expectation::Within(within.duration()));
    }
    expectations
}

fn read_test(file: &TestFile, place: Place, names: &Names, faults: &mut Faults) -> Test {
    match file {
        TestFile::Exists(true) => Test::Exists,
        TestFile::Exists(false) => Test::Absent,
        TestFile::Equals(text) => Test::Equals(names.template(&text.value, text.defined, faults)),
        TestFile::Contains(text) => {
            Test::Contains(names.template(&text.value, text.defined, faults))
        }
        TestFile::Matches(text) => match regex::Regex::new(&text.value) {
            Ok(regex) => Test::Matches(regex),
            Err(_) => {
                faults.at(text.defined, "not a regular expression: check its brackets");
                Test::Contains(Template(Vec::new()))
            }
        },
        TestFile::AtLeast(number) => finite(*number, place, faults, Test::AtLeast),
        TestFile::AtMost(number) => finite(*number, place, faults, Test::AtMost),
    }
}

fn finite(number: f64, place: Place, faults: &mut Faults, test: fn(f64) -> Test) -> Test {
    if !number.is_finite() {
        faults.at(place, "not a number that can be compared: write a plain one");
    }
    test(number)
}

/// Reads what a step keeps, in the order of the names.
pub fn read_captures(
    files: &BTreeMap<String, Spanned<CaptureFile>>,
    faults: &mut Faults,
) -> Vec<Capture> {
    let mut captures = Vec::new();
    for (name, file) in files {
        if !Template::is_name(name) {
            faults
                .at(file.defined, format!("'{name}' is not a name: use letters, digits, - and _"));
        }
        let from = match &file.value {
            CaptureFile::Json(path) => {
                read_json_path(path, file.defined, faults).map(CaptureSource::Json)
            }
            CaptureFile::Html(html) => {
                check_selector(&html.select, file.defined, faults);
                let (select, attribute) = (html.select.clone(), html.attribute.clone());
                Some(CaptureSource::Html { select, attribute })
            }
            CaptureFile::Header(name) => Some(CaptureSource::Header(name.clone())),
            CaptureFile::Cookie(name) => Some(CaptureSource::Cookie(name.clone())),
            CaptureFile::Regex(text) => read_group(text, file.defined, faults),
            CaptureFile::Url(UrlPart::Whole) => Some(CaptureSource::Url),
        };
        captures.extend(from.map(|from| Capture { name: name.clone(), from }));
    }
    captures
}

fn read_group(text: &str, place: Place, faults: &mut Faults) -> Option<CaptureSource> {
    match regex::Regex::new(text) {
        Ok(regex) if regex.captures_len() >= 2 => return Some(CaptureSource::Regex(regex)),
        Ok(_) => faults.at(place, "the expression keeps nothing: put a group in round brackets"),
        Err(_) => faults.at(place, "not a regular expression: check its brackets"),
    }
    None
}

pub(super) fn read_json_path(
    text: &str,
    place: Place,
    faults: &mut Faults,
) -> Option<serde_json_path::JsonPath> {
    serde_json_path::JsonPath::parse(text)
        .map_err(|error| {
            let message = format!("'{text}' is not a JSON path ({error}): begin it with '$'");
            faults.at(place, message);
        })
        .ok()
}

pub(super) fn check_selector(text: &str, place: Place, faults: &mut Faults) {
    if scraper::Selector::parse(text).is_err() {
        faults.at(place, format!("'{text}' is not a CSS selector: check its brackets"));
    }
}
