//! Expectations of a probe file, and which kind of step may have which.

pub mod captures;
mod facts;

use std::collections::BTreeMap;

use serde_saphyr::{Location as Place, Spanned};

use super::diagnostics::Faults;
use super::probe_signals::AgeFile;
use super::probe_steps::Names;
use crate::domain::length::Length;
use crate::domain::step::{Exchange, Expectation, StepAction, Template, Test};

/// What must hold of an exchange. Left out, a request must answer 200, a name server `NOERROR`, a
/// mail server 250, and no echo may be lost.
#[derive(Debug, Default, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectFile {
    /// The status codes that are right.
    #[schemars(with = "Option<Vec<u16>>")]
    status: Option<Spanned<Vec<u16>>>,
    #[schemars(with = "BTreeMap<String, TestFile>")]
    header: BTreeMap<String, Spanned<TestFile>>,
    #[schemars(with = "Vec<JsonExpectFile>")]
    json: Vec<Spanned<JsonExpectFile>>,
    #[schemars(with = "Vec<HtmlExpectFile>")]
    html: Vec<Spanned<HtmlExpectFile>>,
    #[schemars(with = "Option<TestFile>")]
    text: Option<Spanned<TestFile>>,
    #[schemars(with = "Option<SizeFile>")]
    size_bytes: Option<Spanned<SizeFile>>,
    #[schemars(with = "Option<Length>")]
    within: Option<Spanned<Length>>,
    /// How old what the answer shows may be.
    #[schemars(with = "Option<AgeFile>")]
    pub(super) age: Option<Spanned<AgeFile>>,
    /// Whole days until the first certificate of the chain ends.
    #[schemars(with = "Option<TestFile>")]
    days_left: Option<Spanned<TestFile>>,
    /// A name that the certificate must hold.
    #[schemars(with = "Option<String>")]
    san: Option<Spanned<String>>,
    /// The versions of TLS that are right.
    #[schemars(with = "Option<Vec<ProtocolFile>>")]
    protocol: Option<Spanned<Vec<ProtocolFile>>>,
    /// How the name server must end its answer, as in `NXDOMAIN`.
    #[schemars(with = "Option<RcodeFile>")]
    rcode: Option<Spanned<RcodeFile>>,
    #[schemars(with = "Option<AnswersFile>")]
    answers: Option<Spanned<AnswersFile>>,
    /// How many records the answer has.
    #[schemars(with = "Option<TestFile>")]
    count: Option<Spanned<TestFile>>,
    /// The reply codes of the last command that are right.
    #[schemars(with = "Option<Vec<u16>>")]
    code: Option<Spanned<Vec<u16>>>,
    /// Words that the mail server must announce, as in `SIZE`.
    #[schemars(with = "Option<Vec<String>>")]
    capabilities: Option<Spanned<Vec<String>>>,
    /// How many rows the query gives.
    #[schemars(with = "Option<TestFile>")]
    rows: Option<Spanned<TestFile>>,
    /// Columns of the first row.
    #[schemars(with = "BTreeMap<String, TestFile>")]
    columns: BTreeMap<String, Spanned<TestFile>>,
    /// How many echoes do not come back.
    #[schemars(with = "Option<TestFile>")]
    lost: Option<Spanned<TestFile>>,
}

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
enum ProtocolFile {
    #[serde(rename = "TLSv1.2")]
    Tls12,
    #[serde(rename = "TLSv1.3")]
    Tls13,
}

/// Response codes of RFC 1035 and 2136 that a question can end with.
#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum RcodeFile {
    NoError,
    FormErr,
    ServFail,
    NxDomain,
    NotImp,
    Refused,
}

/// What the records must be, each written as in a zone file: exactly one key.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum AnswersFile {
    /// These and no other, in any order.
    #[schemars(with = "Vec<String>")]
    Equals(Vec<Spanned<String>>),
    /// These, and others perhaps.
    #[schemars(with = "Vec<String>")]
    Contains(Vec<Spanned<String>>),
    /// One of them matches the regular expression.
    #[schemars(with = "String")]
    Matches(Spanned<String>),
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
    /// That another comparison does not hold.
    Not(Box<TestFile>),
}

/// What each kind of step can be expected to show.
fn keys_of(action: &StepAction) -> &'static [&'static str] {
    match action {
        StepAction::Http(_) => {
            &["status", "header", "json", "html", "text", "size_bytes", "within", "age"]
        }
        StepAction::Tcp(_) => &["text", "size_bytes", "within"],
        StepAction::Tls(_) => &["days_left", "san", "protocol", "within"],
        StepAction::Dns(_) => &["rcode", "answers", "count", "within"],
        StepAction::Smtp(_) => &["code", "capabilities", "days_left", "san", "protocol", "within"],
        StepAction::Sql(_) => &["rows", "columns", "within", "age"],
        StepAction::Browser(_) => &["html", "text", "within"],
        StepAction::Icmp(_) => &["lost", "within"],
        StepAction::Pause(_) => &[],
    }
}

impl ExpectFile {
    /// The keys that are written, with their places.
    fn written(&self) -> Vec<(&'static str, Place)> {
        fn at<T>(key: Option<&Spanned<T>>) -> Option<Place> {
            key.map(|value| value.defined)
        }
        let keys = [
            ("status", at(self.status.as_ref())),
            ("header", at(self.header.values().next())),
            ("json", at(self.json.first())),
            ("html", at(self.html.first())),
            ("text", at(self.text.as_ref())),
            ("size_bytes", at(self.size_bytes.as_ref())),
            ("within", at(self.within.as_ref())),
            ("age", at(self.age.as_ref())),
            ("days_left", at(self.days_left.as_ref())),
            ("san", at(self.san.as_ref())),
            ("protocol", at(self.protocol.as_ref())),
            ("rcode", at(self.rcode.as_ref())),
            ("answers", at(self.answers.as_ref())),
            ("count", at(self.count.as_ref())),
            ("code", at(self.code.as_ref())),
            ("capabilities", at(self.capabilities.as_ref())),
            ("rows", at(self.rows.as_ref())),
            ("columns", at(self.columns.values().next())),
            ("lost", at(self.lost.as_ref())),
        ];
        keys.into_iter().filter_map(|(key, place)| Some((key, place?))).collect()
    }

    /// Notes what this kind of step cannot show.
    fn check_keys(&self, action: &StepAction, faults: &mut Faults) {
        let known = keys_of(action);
        let kind = action.kind();
        for (key, place) in self.written() {
            if known.is_empty() {
                faults.at(place, format!("nothing is expected of '{kind}': take '{key}' away"));
            } else if !known.contains(&key) {
                let words = known.join(", ");
                faults.at(place, format!("'{kind}' has no '{key}': expect one of {words}"));
            } else if matches!(key, "text" | "size_bytes") && reads_nothing(action) {
                faults.at(place, READS_NOTHING);
            }
        }
    }
}

const READS_NOTHING: &str = "the dialogue reads nothing: add '- expect: …' to it";

fn reads_nothing(action: &StepAction) -> bool {
    let StepAction::Tcp(tcp) = action else { return false };
    !tcp.dialogue.iter().any(|turn| matches!(turn, Exchange::Expect(_)))
}

/// Reads what a step expects.
pub fn read_expectations(
    file: &ExpectFile,
    action: &StepAction,
    names: &Names,
    faults: &mut Faults,
) -> Vec<Expectation> {
    file.check_keys(action, faults);
    let mut expectations = Vec::new();
    if matches!(action, StepAction::Http(_)) {
        let status = file.status.as_ref().map_or_else(|| vec![200], |codes| codes.value.clone());
        expectations.push(Expectation::Status(status));
    }
    for (name, test) in &file.header {
        let test = read_test(test, names, faults);
        expectations.push(Expectation::Header { name: name.clone(), test });
    }
    for entry in &file.json {
        let test = read_bare_test(&entry.value.test, entry.defined, names, faults);
        if let Some(path) = read_json_path(&entry.value.path, entry.defined, faults) {
            expectations.push(Expectation::Json { path, test });
        }
    }
    for entry in &file.html {
        let test = read_bare_test(&entry.value.test, entry.defined, names, faults);
        check_selector(&entry.value.select, entry.defined, faults);
        expectations.push(Expectation::Html { select: entry.value.select.clone(), test });
    }
    if let Some(test) = &file.text {
        expectations.push(Expectation::Text(read_test(test, names, faults)));
    }
    if let Some(size) = &file.size_bytes {
        let (at_least, at_most) = (size.value.at_least, size.value.at_most);
        expectations.push(Expectation::SizeBytes { at_least, at_most });
    }
    if let Some(within) = &file.within {
        expectations.push(Expectation::Within(within.value.duration()));
    }
    facts::read_facts(file, action, names, faults, &mut expectations);
    expectations
}

fn read_test(file: &Spanned<TestFile>, names: &Names, faults: &mut Faults) -> Test {
    read_bare_test(&file.value, file.defined, names, faults)
}

fn read_bare_test(file: &TestFile, place: Place, names: &Names, faults: &mut Faults) -> Test {
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
        TestFile::Not(test) => Test::Not(Box::new(read_bare_test(test, place, names, faults))),
    }
}

fn finite(number: f64, place: Place, faults: &mut Faults, test: fn(f64) -> Test) -> Test {
    if !number.is_finite() {
        faults.at(place, "not a number that can be compared: write a plain one");
    }
    test(number)
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

/// Notes a text that is not a CSS selector.
pub fn check_selector(text: &str, place: Place, faults: &mut Faults) {
    if scraper::Selector::parse(text).is_err() {
        faults.at(place, format!("'{text}' is not a CSS selector: check its brackets"));
    }
}
