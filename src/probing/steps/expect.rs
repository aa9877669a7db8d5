//! Whether an answer is what was expected.
//!
//! A fault says what was expected, as the file words it, and never what was found: answers hold
//! case data.

use std::cell::OnceCell;
use std::time::Duration;

use serde_json::Value;

use super::document::{Found, element};
use super::http::Answer;
use super::{Fault, Findings};
use crate::domain::check::FailureReason;
use crate::domain::step::{Expectation, Fact, Template, Test};
use crate::probing::values::Values;

/// What came of a step, parsed as far as an expectation needed it.
#[derive(Debug)]
pub struct Parsed<'a> {
    seen: Seen<'a>,
    json: OnceCell<Option<Value>>,
    html: OnceCell<scraper::Html>,
    found: Found,
}

#[derive(Debug)]
enum Seen<'a> {
    Answer(&'a Answer),
    Findings(&'a Findings),
}

impl<'a> From<&'a Answer> for Parsed<'a> {
    fn from(answer: &'a Answer) -> Self {
        Self::new(Seen::Answer(answer))
    }
}

impl<'a> From<&'a Findings> for Parsed<'a> {
    fn from(findings: &'a Findings) -> Self {
        Self::new(Seen::Findings(findings))
    }
}

impl<'a> Parsed<'a> {
    fn new(seen: Seen<'a>) -> Self {
        Self { seen, json: OnceCell::new(), html: OnceCell::new(), found: Found::default() }
    }

    /// With what was found in it already.
    #[must_use]
    pub fn with(mut self, mut found: Found) -> Self {
        self.json = found.json.take().map(OnceCell::from).unwrap_or_default();
        Self { found, ..self }
    }

    /// The first element a selector finds: its attribute, or its text with single spaces.
    pub fn element(&self, select: &str, attribute: Option<&str>) -> Option<String> {
        let found = self.found.element(select, attribute);
        found.unwrap_or_else(|| element(self.html(), select, attribute))
    }

    pub fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| serde_json::from_slice(self.body()).ok()).as_ref()
    }

    fn html(&self) -> &scraper::Html {
        self.html.get_or_init(|| scraper::Html::parse_document(&self.text()))
    }

    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    /// The answer, where it came by HTTP.
    pub fn answer(&self) -> Option<&'a Answer> {
        match self.seen {
            Seen::Answer(answer) => Some(answer),
            Seen::Findings(_) => None,
        }
    }

    /// Where the step ended, where it went places.
    pub fn url(&self) -> Option<&'a url::Url> {
        match self.seen {
            Seen::Answer(answer) => Some(&answer.url),
            Seen::Findings(findings) => findings.url.as_ref(),
        }
    }

    /// Every value of a fact; an answer of HTTP has none.
    pub fn values_of(&self, fact: &Fact) -> Vec<&'a str> {
        match self.seen {
            Seen::Answer(_) => Vec::new(),
            Seen::Findings(findings) => findings.values_of(fact),
        }
    }

    fn body(&self) -> &'a [u8] {
        match self.seen {
            Seen::Answer(answer) => &answer.body,
            Seen::Findings(findings) => &findings.text,
        }
    }

    fn took(&self) -> Duration {
        match self.seen {
            Seen::Answer(answer) => answer.took,
            Seen::Findings(findings) => findings.took,
        }
    }

    /// A failure after something came back.
    pub fn fault(&self, reason: FailureReason, detail: String) -> Fault {
        let address = match self.seen {
            Seen::Answer(answer) => answer.address.clone(),
            Seen::Findings(findings) => findings.address.clone(),
        };
        Fault { address, ..Fault::failed(reason, detail) }
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
    let content = |detail: String| parsed.fault(FailureReason::Content, detail);
    match expectation {
        Expectation::Status(expected) => {
            let status = parsed.answer().map_or(0, |answer| answer.status.as_u16());
            if expected.contains(&status) {
                return Ok(());
            }
            let words: Vec<String> = expected.iter().map(u16::to_string).collect();
            let detail = format!("expected status {}, got {status}", words.join(" or "));
            Err(parsed.fault(FailureReason::Status, detail))
        }
        Expectation::Header { name, test } => {
            let found = parsed.answer().and_then(|answer| answer.headers.get(name));
            let found = found.and_then(|value| value.to_str().ok());
            holds(test, found, values)?
                .map_err(|test| content(format!("expected header '{name}' {test}")))
        }
        Expectation::Json { path, test } => {
            let Some(document) = parsed.json() else {
                return Err(content("the answer is not JSON".to_owned()));
            };
            let found = path.query(document).first().map(plain);
            holds(test, found.as_deref(), values)?
                .map_err(|test| content(format!("expected JSON '{path}' {test}")))
        }
        Expectation::Html { select, test } => {
            let found = parsed.element(select, None);
            holds(test, found.as_deref(), values)?
                .map_err(|test| content(format!("expected '{select}' {test}")))
        }
        Expectation::Text(test) => {
            let text = parsed.text();
            holds(test, Some(&text), values)?
                .map_err(|test| content(format!("expected the text {test}")))
        }
        Expectation::SizeBytes { at_least, at_most } => {
            let size = parsed.body().len() as u64;
            if at_least.is_none_or(|least| size >= least) && at_most.is_none_or(|most| size <= most)
            {
                return Ok(());
            }
            Err(content(format!("{size} bytes are not the size expected")))
        }
        Expectation::Within(limit) if parsed.took() > *limit => {
            let (took, limit) = (parsed.took().as_millis(), limit.as_millis());
            let detail = format!("took {took} ms, expected {limit} ms");
            Err(parsed.fault(FailureReason::Timeout, detail))
        }
        Expectation::Within(_) => Ok(()),
        Expectation::Fact { fact, test } => check_fact(fact, test, parsed, values),
        Expectation::Answers(expected) => {
            let mut expected: Vec<String> =
                expected.iter().map(|text| values.fill(text)).collect::<Result<_, _>>()?;
            let mut found = parsed.values_of(&Fact::Answer);
            expected.sort_unstable();
            found.sort_unstable();
            if found == expected {
                return Ok(());
            }
            let (got, wanted) = (found.len(), expected.len());
            Err(content(format!("the {got} answers are not the {wanted} expected")))
        }
    }
}

/// A test holds when it does for one value of the fact at least.
fn check_fact(
    fact: &Fact,
    test: &Test,
    parsed: &Parsed<'_>,
    values: &Values<'_>,
) -> Result<(), Fault> {
    let found = parsed.values_of(fact);
    let mut wrong = holds(test, found.first().copied(), values)?;
    for value in found.iter().skip(1) {
        if wrong.is_ok() {
            break;
        }
        wrong = holds(test, Some(value), values)?;
    }
    wrong.map_err(|test| {
        let mut detail = format!("expected {} {test}", fact.words());
        if let ([got], true) = (found.as_slice(), fact.is_public()) {
            detail.push_str(&format!(", got {got}"));
        }
        parsed.fault(reason(fact), detail)
    })
}

/// What it is a failure of when a fact is not as expected.
fn reason(fact: &Fact) -> FailureReason {
    match fact {
        Fact::DaysLeft | Fact::San | Fact::Protocol => FailureReason::Tls,
        Fact::ResponseCode => FailureReason::Dns,
        Fact::ReplyCode => FailureReason::Status,
        Fact::Lost => FailureReason::Timeout,
        Fact::Answer | Fact::AnswerCount | Fact::Capability | Fact::Rows | Fact::Column(_) => {
            FailureReason::Content
        }
    }
}

/// A JSON value as text: strings bare, everything else as written.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether the test holds; if not, how it reads after the name of what was tested.
fn holds(
    test: &Test,
    found: Option<&str>,
    values: &Values<'_>,
) -> Result<Result<(), String>, Fault> {
    let (fits, expected) = weigh(test, found, values)?;
    Ok(if fits { Ok(()) } else { Err(expected) })
}

/// Whether the test holds, and how it reads.
fn weigh(test: &Test, found: Option<&str>, values: &Values<'_>) -> Result<(bool, String), Fault> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let shown = |verb: &str, text: &Template| format!("to {verb} '{}'", Values::shown(text));
    Ok(match test {
        Test::Exists => (found.is_some(), "to be there".to_owned()),
        Test::Absent => (found.is_none(), "not to be there".to_owned()),
        Test::Equals(template) => {
            (found == Some(values.fill(template)?.as_str()), shown("be", template))
        }
        Test::Contains(template) => {
            let wanted = values.fill(template)?;
            (found.is_some_and(|text| text.contains(&wanted)), shown("contain", template))
        }
        Test::Matches(regex) => {
            (found.is_some_and(|text| regex.is_match(text)), format!("to match '{regex}'"))
        }
        Test::OneOf(words) => (
            found.is_some_and(|text| words.iter().any(|word| word == text)),
            format!("to be {}", words.join(" or ")),
        ),
        Test::AtLeast(least) => {
            (found.and_then(number).is_some_and(|n| n >= *least), format!("to be at least {least}"))
        }
        Test::AtMost(most) => {
            (found.and_then(number).is_some_and(|n| n <= *most), format!("to be at most {most}"))
        }
        Test::Not(test) => {
            let (fits, expected) = weigh(test, found, values)?;
            (!fits, format!("not {expected}"))
        }
    })
}
