//! A step of a browser in a probe file.

use serde_saphyr::{Location as Place, Spanned};

use super::{Faults, Names};
use crate::config::probe_checks::check_selector;
use crate::domain::length::Length;
use crate::domain::step::{BrowserAction, BrowserVisit, Template};

/// One sitting at the case system.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrowserFile {
    /// The path of the first page.
    #[schemars(with = "String")]
    start: Spanned<String>,
    #[serde(default)]
    #[schemars(with = "Vec<ActionFile>")]
    actions: Vec<Spanned<ActionFile>>,
}

/// One thing to do or to look for: exactly one key.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum ActionFile {
    /// A path.
    Goto(String),
    Fill(FillFile),
    /// A CSS selector.
    Click(String),
    ExpectText(ExpectTextFile),
    /// A CSS selector.
    ExpectSelector(String),
    Wait(Length),
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct FillFile {
    select: String,
    text: String,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExpectTextFile {
    /// The whole page when left out.
    select: Option<String>,
    contains: String,
}

/// Reads a step of a browser.
pub fn read_browser(file: &BrowserFile, names: &Names, faults: &mut Faults) -> BrowserVisit {
    let start = path(&file.start.value, file.start.defined, names, faults);
    let actions = file
        .actions
        .iter()
        .map(|action| read_action(&action.value, action.defined, names, faults))
        .collect();
    BrowserVisit { start, actions }
}

fn read_action(
    file: &ActionFile,
    place: Place,
    names: &Names,
    faults: &mut Faults,
) -> BrowserAction {
    let selector = |text: &str, faults: &mut Faults| {
        check_selector(text, place, faults);
        text.to_owned()
    };
    match file {
        ActionFile::Goto(text) => BrowserAction::Goto(path(text, place, names, faults)),
        ActionFile::Fill(fill) => BrowserAction::Fill {
            select: selector(&fill.select, faults),
            text: names.template(&fill.text, place, faults),
        },
        ActionFile::Click(text) => BrowserAction::Click(selector(text, faults)),
        ActionFile::ExpectText(expected) => BrowserAction::ExpectText {
            select: selector(expected.select.as_deref().unwrap_or("body"), faults),
            contains: names.template(&expected.contains, place, faults),
        },
        ActionFile::ExpectSelector(text) => BrowserAction::ExpectSelector(selector(text, faults)),
        ActionFile::Wait(length) => BrowserAction::Wait(length.duration()),
    }
}

fn path(text: &str, place: Place, names: &Names, faults: &mut Faults) -> Template {
    if !text.starts_with('/') {
        faults.at(place, "not a path under the base address: begin it with '/'");
    }
    names.template(text, place, faults)
}
