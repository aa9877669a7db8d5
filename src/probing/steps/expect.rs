//! Whether an answer is what was expected.
//!
//! A fault says what was expected, as the file words it, and never what was found: answers hold
//! case data.

use serde_json::Value;

use super::Fault;
use super::http::{Answer, at};
use crate::domain::check::{FailureReason, InconclusiveReason, Outcome};
use crate::domain::step::{Expectation, Template, Test};
use crate::probing::values::Values;

/// The answer, parsed as far as an expectation needed it.
#[derive(Debug)]
pub struct Parsed<'a> {
    pub answer: &'a Answer,
    json: std::cell::OnceCell<Option<Value>>,
    html: std::cell::OnceCell<scraper::Html>,
}

impl<'a> Parsed<'a> {
    #[must_use]
    pub fn new(answer: &'a Answer) -> Self {
        Self { answer, json: std::cell::OnceCell::new(), html: std::cell::OnceCell::new() }
    }

    pub fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(&self.answer.body).ok()).as_ref()
    }

    pub fn html(&self) -> &scraper::Html {
        self.html.get_or_init(|| scraper::Html::parse_document(&self.text()))
    }

    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.answer.body)
    }
}

/// Checks one expectation.
///
/// # Errors
/// A [`Fault`] that names it.
pub fn check(
    expectation: &Expectation,
    parsed: &Parsed<'_>,
    values: &Values<'_>,
) -> Result<(), Fault> {
    let answer = parsed.answer;
    let content = |detail: String| at(answer, FailureReason::Content, detail);
    match expectation {
        Expectation::Status(expected) => {
            let status = answer.status.as_u16();
            if expected.contains(&status) {
                return Ok(());
            }
            let words: Vec<String> = expected.iter().map(u16::to_string).collect();
            let detail = format!("expected status {}, got {status}", words.join(" or "));
            Err(at(answer, FailureReason::Status, detail))
        }
        Expectation::Header { name, test } => {
            let found = answer.headers.get(name).and_then(|value| value.to_str().ok());
            holds(test, found, values, || format!("header '{name}'"), content)
        }
        Expectation::Json { path, test } => {
            let Some(document) = parsed.json() else {
                return Err(content("the answer is not JSON".to_owned()));
            };
            let found = path.query(document).first().map(plain);
            holds(test, found.as_deref(), values, || format!("JSON '{path}'"), content)
        }
        Expectation::Html { select, test } => {
            let found = first_text(parsed, select);
            holds(test, found.as_deref(), values, || format!("'{select}'"), content)
        }
        Expectation::Text(test) => {
            let text = parsed.text();
            holds(test, Some(&text), values, || "the text".to_owned(), content)
        }
        Expectation::SizeBytes { at_least, at_most } => {
            let size = answer.body.len() as u64;
            if at_least.is_none_or(|least| size >= least) && at_most.is_none_or(|most| size <= most)
            {
                return Ok(());
            }
            Err(content(format!("{size} bytes are not the size expected")))
        }
        Expectation::Within(limit) if answer.took > *limit => {
            let detail =
                format!("took {} ms, expected {} ms", answer.took.as_millis(), limit.as_millis());
            Err(at(answer, FailureReason::Timeout, detail))
        }
        Expectation::Within(_) => Ok(()),
    }
}

/// The text of the first element a selector finds.
pub fn first_text(parsed: &Parsed<'_>, select: &str) -> Option<String> {
    let selector = scraper::Selector::parse(select).ok()?;
    let element = parsed.html().select(&selector).next()?;
    let text: String = element.text().collect::<Vec<_>>().join(" ");
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A JSON value as text: strings bare, everything else as written.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn holds(
    test: &Test,
    found: Option<&str>,
    values: &Values<'_>,
    what: impl Fn() -> String,
    fault: impl Fn(String) -> Fault,
) -> Result<(), Fault> {
    let wanted = |template: &Template| {
        values.fill(template).map_err(|unknown| {
            let outcome = Outcome::Inconclusive(InconclusiveReason::Credentials);
            Fault::new(outcome, unknown.to_string())
        })
    };
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let (fits, expected) = match test {
        Test::Exists => (found.is_some(), "to be there".to_owned()),
        Test::Absent => (found.is_none(), "not to be there".to_owned()),
        Test::Equals(template) => (
            found == Some(wanted(template)?.as_str()),
            format!("to be '{}'", Values::shown(template)),
        ),
        Test::Contains(template) => {
            let wanted = wanted(template)?;
            let fits = found.is_some_and(|text| text.contains(&wanted));
            (fits, format!("to contain '{}'", Values::shown(template)))
        }
        Test::Matches(regex) => {
            (found.is_some_and(|text| regex.is_match(text)), format!("to match '{regex}'"))
        }
        Test::AtLeast(least) => {
            (found.and_then(number).is_some_and(|n| n >= *least), format!("to be at least {least}"))
        }
        Test::AtMost(most) => {
            (found.and_then(number).is_some_and(|n| n <= *most), format!("to be at most {most}"))
        }
    };
    if fits { Ok(()) } else { Err(fault(format!("expected {} {expected}", what()))) }
}
