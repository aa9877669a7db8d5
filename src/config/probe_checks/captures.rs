//! Captures of a probe file, and which kind of step may have which.

use std::collections::BTreeMap;

use serde_saphyr::{Location as Place, Spanned};

use super::{READS_NOTHING, check_selector, read_json_path, reads_nothing};
use crate::config::diagnostics::Faults;
use crate::domain::step::{Capture, CaptureSource, Fact, StepAction, Template};

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
    /// The first record of a name server's answer.
    Answer(AnswerPart),
    /// A column of a query's first row.
    Column(String),
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

#[derive(Clone, Copy, Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerPart {
    First,
}

impl CaptureFile {
    fn key(&self) -> &'static str {
        match self {
            Self::Json(_) => "json",
            Self::Html(_) => "html",
            Self::Header(_) => "header",
            Self::Cookie(_) => "cookie",
            Self::Regex(_) => "regex",
            Self::Url(_) => "url",
            Self::Answer(_) => "answer",
            Self::Column(_) => "column",
        }
    }
}

/// What each kind of step leaves to keep.
fn keys_of(action: &StepAction) -> &'static [&'static str] {
    match action {
        StepAction::Http(_) => &["json", "html", "header", "cookie", "regex", "url"],
        StepAction::Tcp(_) => &["regex"],
        StepAction::Dns(_) => &["answer"],
        StepAction::Sql(_) => &["column"],
        StepAction::Browser(_) => &["html", "regex", "url"],
        StepAction::Tls(_) | StepAction::Smtp(_) | StepAction::Icmp(_) | StepAction::Pause(_) => {
            &[]
        }
    }
}

/// Notes a source that this kind of step does not have.
fn check_source(file: &CaptureFile, action: &StepAction, place: Place, faults: &mut Faults) {
    let (known, kind, key) = (keys_of(action), action.kind(), file.key());
    if known.is_empty() {
        faults.at(place, format!("nothing can be kept from '{kind}': take the capture away"));
    } else if !known.contains(&key) {
        let words = known.join(", ");
        faults.at(place, format!("'{kind}' has no '{key}': capture from one of {words}"));
    } else if reads_nothing(action) {
        faults.at(place, READS_NOTHING);
    }
}

/// Reads what a step keeps, in the order of the names.
pub fn read_captures(
    files: &BTreeMap<String, Spanned<CaptureFile>>,
    action: &StepAction,
    faults: &mut Faults,
) -> Vec<Capture> {
    let mut captures = Vec::new();
    for (name, file) in files {
        if !Template::is_name(name) {
            faults
                .at(file.defined, format!("'{name}' is not a name: use letters, digits, - and _"));
        }
        check_source(&file.value, action, file.defined, faults);
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
            CaptureFile::Answer(AnswerPart::First) => Some(CaptureSource::Fact(Fact::Answer)),
            CaptureFile::Column(name) => Some(CaptureSource::Fact(Fact::Column(name.clone()))),
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
