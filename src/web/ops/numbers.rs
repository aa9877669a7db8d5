//! Numbers that are read beside the verdicts: cases nobody has, how old a feed is.
//!
//! A number is no verdict: its tone is its threshold's, and it never stands in a banner.

use std::sync::Arc;

use crate::domain::signal::{Level, Measure, Reading, Signal};
use crate::domain::target::Target;
use crate::store::signals;

use super::super::Web;
use super::super::times::Times;

/// One number.
pub struct NumberLine {
    pub title: String,
    /// With its unit, as in "1,034 cases".
    pub words: String,
    /// How a tag beside it is coloured and what it says; none where the number is as usual.
    pub tag: Option<(&'static str, String)>,
    /// When it was read.
    pub read: String,
}

/// Every number that is configured, in the order of the files; none where none is.
pub async fn lines(web: &Web, targets: &[Arc<Target>], times: &Times) -> Vec<NumberLine> {
    // Not being able to read says so in "is Holdfast itself well".
    let readings = signals::latest(&web.store).await.unwrap_or_default();
    let of_targets = targets.iter().flat_map(|target| {
        let readings = &readings;
        target.signals().map(move |signal| {
            let is_it = |one: &&Reading| one.target == target.id && one.signal == signal.id;
            line((target, targets.len()), signal, readings.iter().find(is_it), times)
        })
    });
    of_targets.collect()
}

fn line(
    (target, targets): (&Target, usize),
    signal: &Signal,
    reading: Option<&Reading>,
    times: &Times,
) -> NumberLine {
    let title = match targets {
        1 => signal.title.clone(),
        _ => format!("{}: {}", target.title, signal.title),
    };
    let Some(reading) = reading else {
        let (words, read) = ("not read yet".to_owned(), String::new());
        return NumberLine { title, words, tag: None, read };
    };
    let level = signal.level(reading.value);
    let from = signal.threshold_words(level).unwrap_or_default();
    let tag = match (level, &signal.measure) {
        (Level::Usual, _) => None,
        (Level::Attention, _) => Some(("slow", format!("To be looked at from {from}"))),
        (Level::Worse, Measure::Captured { .. }) => Some(("down", format!("Worse from {from}"))),
        (Level::Worse, Measure::Age) => Some(("down", "Stale".to_owned())),
    };
    let words = match signal.measure {
        Measure::Captured { .. } => signal.words(reading.value),
        Measure::Age => format!("{} when it was looked at", signal.words(reading.value)),
    };
    let read = times.moment(reading.read_at).relative();
    NumberLine { title, words, tag, read }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::probes;

    #[test]
    fn a_number_says_its_threshold_and_when_it_was_read() {
        let target = probes::read("wa.yaml", include_str!("../../../probes/wa.yaml")).unwrap();
        let now: jiff::Timestamp = "2026-03-01T09:02:00Z".parse().unwrap();
        let times = Times::new(now, jiff::tz::TimeZone::UTC);
        let signal = target.signals().next().unwrap();
        let at = |value| {
            let read_at = "2026-03-01T09:00:00Z".parse().unwrap();
            let (target, signal) = (target.id.clone(), signal.id.clone());
            Reading { target, signal, value, read_at }
        };
        let read = |value| line((&target, 1), signal, Some(&at(value)), &times);
        let usual = read(1_034.0);
        assert_eq!(usual.title, "Cases with no case worker");
        assert_eq!((usual.words.as_str(), usual.tag), ("1,034 cases", None));
        assert!(usual.read.contains("2 min"), "{}", usual.read);
        let worse = read(1_440.0).tag;
        assert_eq!(worse, Some(("down", "Worse from 1,300 cases".to_owned())));
        let unread = line((&target, 2), signal, None, &times);
        assert_eq!(unread.title, "Assist: Cases with no case worker");
        assert_eq!(unread.words, "not read yet");
    }
}
