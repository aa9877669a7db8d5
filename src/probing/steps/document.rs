//! Large documents, parsed where they keep nobody waiting.
//!
//! One thread keeps the slots of every probe, and a large page takes long to parse: HTML about
//! 40 ms a MiB, JSON 9 ms. So beyond a size what a step looks for is
//! found on another thread, a few documents at a time. It must not judge what it finds.

use std::collections::HashMap;

use serde_json::Value;
use tokio::sync::Semaphore;

use crate::domain::step::{CaptureSource, Expectation, Step};

/// Documents up to this size are parsed at once: in one or two milliseconds.
const PARSED_AT_ONCE_BYTES: usize = 64 * 1024;
/// Others are parsed so many at a time, so that pages and copies keep their processor.
static PLACES: Semaphore = Semaphore::const_new(2);

/// An element by its selector, and the attribute that is wanted of it instead of its text.
type Wanted = (String, Option<String>);

/// What was found in a document beforehand.
#[derive(Debug, Default)]
pub struct Found {
    /// None when nobody asks for it; then whether it is one.
    pub json: Option<Option<Value>>,
    elements: HashMap<Wanted, Option<String>>,
}

impl Found {
    /// The element's text or attribute; the outer none when nobody looked for it.
    #[must_use]
    pub fn element(&self, select: &str, attribute: Option<&str>) -> Option<Option<String>> {
        let wanted = (select.to_owned(), attribute.map(str::to_owned));
        self.elements.get(&wanted).cloned()
    }
}

/// Finds what a step looks for in a large document; nothing in one that is small.
pub async fn look(step: &Step, text: &[u8]) -> Found {
    if text.len() <= PARSED_AT_ONCE_BYTES {
        return Found::default();
    }
    let (wanted, as_json) = wanted(step);
    if wanted.is_empty() && !as_json {
        return Found::default();
    }
    let _place = PLACES.acquire().await;
    let text = text.to_vec();
    let finding = tokio::task::spawn_blocking(move || find(&text, wanted, as_json));
    // One that came to nothing leaves it to whoever asks.
    finding.await.unwrap_or_default()
}

fn find(text: &[u8], wanted: Vec<Wanted>, as_json: bool) -> Found {
    let json = as_json.then(|| serde_json::from_slice(text).ok());
    if wanted.is_empty() {
        return Found { json, ..Found::default() };
    }
    let document = scraper::Html::parse_document(&String::from_utf8_lossy(text));
    let found = wanted.into_iter().map(|wanted| {
        let found = element(&document, &wanted.0, wanted.1.as_deref());
        (wanted, found)
    });
    Found { json, elements: found.collect() }
}

/// The first element a selector finds: its attribute, or its text with single spaces.
#[must_use]
pub fn element(document: &scraper::Html, select: &str, attribute: Option<&str>) -> Option<String> {
    let selector = scraper::Selector::parse(select).ok()?;
    let element = document.select(&selector).next()?;
    if let Some(attribute) = attribute {
        return element.value().attr(attribute).map(str::to_owned);
    }
    let text: String = element.text().collect::<Vec<_>>().join(" ");
    Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The elements a step asks for, and whether it asks for JSON.
fn wanted(step: &Step) -> (Vec<Wanted>, bool) {
    let (mut elements, mut as_json) = (Vec::new(), false);
    for expectation in step.expectations.iter().chain(&step.account_refused) {
        match expectation {
            Expectation::Html { select, .. } => elements.push((select.clone(), None)),
            Expectation::Json { .. } => as_json = true,
            _ => {}
        }
    }
    let age = step.age.iter().map(|age| (&age.of, true));
    let captures = step.captures.iter().map(|capture| (&capture.from, false));
    for (from, says_when) in age.chain(captures) {
        match from {
            CaptureSource::Html { select, attribute } => {
                elements.push((select.clone(), attribute.clone()));
                if says_when {
                    elements.push((select.clone(), Some("datetime".to_owned())));
                }
            }
            CaptureSource::Json(_) => as_json = true,
            _ => {}
        }
    }
    (elements, as_json)
}
