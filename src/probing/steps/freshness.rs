//! How old what an answer shows is: an interface that is up and delivers nothing has failed.

use jiff::Timestamp;

use super::Fault;
use super::capture::take;
use super::expect::Parsed;
use crate::domain::check::FailureReason;
use crate::domain::instant_text;
use crate::domain::signal::{Measure, Signal};
use crate::domain::step::{Age, Capture, CaptureSource};

/// Clocks of two systems may differ by this much before an instant to come is nonsense.
const AHEAD_AT_MOST_S: f64 = 300.0;

/// The age of the instant in the answer, in seconds; an instant just ahead of ours counts as now.
///
/// # Errors
/// When there is no instant in it, or one that is to come.
pub fn measure(age: &Age, parsed: &Parsed<'_>, now: Timestamp) -> Result<f64, Fault> {
    let text = instant(age, parsed)?;
    let wrong = |detail: &str| parsed.fault(FailureReason::Content, detail.to_owned());
    let read = instant_text::read(&text);
    let instant = read.ok_or_else(|| wrong("what should say when is not an instant"))?;
    let seconds = now.duration_since(instant).as_secs_f64();
    if seconds < -AHEAD_AT_MOST_S {
        return Err(wrong("the instant is to come: one of the clocks is wrong"));
    }
    Ok(seconds.max(0.0))
}

/// Whether it is fresh enough.
///
/// # Errors
/// A fault with the reason stale, which says how old it is.
pub fn check(age: &Age, seconds: f64, parsed: &Parsed<'_>) -> Result<(), Fault> {
    let at_most = age.at_most.as_secs_f64();
    if seconds <= at_most {
        return Ok(());
    }
    let words = |seconds| Signal::age_words(seconds);
    let detail = format!(
        "what it delivered last is {}, expected {} at most",
        words(seconds),
        words(at_most)
    );
    Err(parsed.fault(FailureReason::Stale, detail))
}

/// An element says when in its `datetime` attribute, or else in its text.
fn instant(age: &Age, parsed: &Parsed<'_>) -> Result<String, Fault> {
    let taken = |from| take(&Capture { name: "the instant".to_owned(), from }, parsed);
    if let CaptureSource::Html { select, attribute: None } = &age.of {
        let attribute = Some("datetime".to_owned());
        let from = CaptureSource::Html { select: select.clone(), attribute };
        if let Ok(text) = taken(from) {
            return Ok(text);
        }
    }
    taken(age.of.clone())
}

/// Where a feed's age goes among the numbers of its probe.
#[must_use]
pub fn signal(signals: &[Signal]) -> Option<&Signal> {
    signals.iter().find(|signal| signal.measure == Measure::Age)
}
