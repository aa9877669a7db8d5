//! Signals: numbers that a probe reads, and how old what an interface delivered is.
//!
//! A signal says something of the work, never whether the system serves: crossing a threshold is
//! told and is no outage.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{SignalId, TargetId};

/// A number that a probe reads on every run.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    pub id: SignalId,
    pub title: String,
    pub measure: Measure,
    /// From this number on somebody should look.
    pub attention_at: Option<f64>,
    /// From this number on it is worse than that; above `attention_at`.
    pub worse_at: Option<f64>,
}

/// What a signal's number is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// A captured value, counted in this unit, as in `cases`.
    Captured { name: String, unit: String },
    /// Seconds since a feed last delivered.
    Age,
}

/// A number that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub target: TargetId,
    pub signal: SignalId,
    pub value: f64,
    pub read_at: Timestamp,
}

/// What a number means, in the order of how bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Usual,
    Attention,
    Worse,
}

impl Level {
    /// The word in files and interfaces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Attention => "attention",
            Self::Worse => "worse",
        }
    }
}

impl Signal {
    #[must_use]
    pub fn level(&self, value: f64) -> Level {
        if self.worse_at.is_some_and(|from| value >= from) {
            Level::Worse
        } else if self.attention_at.is_some_and(|from| value >= from) {
            Level::Attention
        } else {
            Level::Usual
        }
    }

    /// The number with its unit: "1,034 cases", "9 h 12 min old".
    #[must_use]
    pub fn words(&self, value: f64) -> String {
        match &self.measure {
            Measure::Captured { unit, .. } => format!("{} {unit}", grouped(value)),
            Measure::Age => Self::age_words(value),
        }
    }

    /// An age in its two largest units: "9 h 12 min old", "40 s old".
    #[must_use]
    pub fn age_words(seconds: f64) -> String {
        age_words(seconds)
    }

    /// The threshold that makes a level, with its unit: "1,200 cases".
    #[must_use]
    pub fn threshold_words(&self, level: Level) -> Option<String> {
        let from = match level {
            Level::Usual => None,
            Level::Attention => self.attention_at,
            Level::Worse => self.worse_at,
        };
        from.map(|from| self.words(from))
    }
}

/// A whole number with commas between thousands; others with one decimal.
fn grouped(value: f64) -> String {
    let decimals = usize::from(value.fract() != 0.0);
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{out}{rest}")
}

fn age_words(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an age in seconds"
    )]
    let whole = seconds.clamp(0.0, 1e12).round() as u64;
    let units = [(whole / 86_400, "d"), (whole / 3_600 % 24, "h"), (whole / 60 % 60, "min")];
    let parts: Vec<String> = units
        .iter()
        .chain(&[(whole % 60, "s")])
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count} {unit}"))
        .collect();
    let parts = if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") };
    parts + " old"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(measure: Measure) -> Signal {
        let id = SignalId::new("unallocated-cases").unwrap();
        let (attention_at, worse_at) = (Some(900.0), Some(1_200.0));
        Signal { id, title: "Unallocated cases".into(), measure, attention_at, worse_at }
    }

    #[test]
    fn a_number_is_said_with_its_unit_and_its_level() {
        let cases = Measure::Captured { name: "n".into(), unit: "cases".into() };
        let cases = signal(cases);
        assert_eq!(cases.words(1_034.0), "1,034 cases");
        assert_eq!(cases.words(12.25), "12.2 cases");
        assert_eq!(cases.level(899.9), Level::Usual);
        assert_eq!(cases.level(900.0), Level::Attention);
        assert_eq!(cases.level(1_200.0), Level::Worse);
        assert_eq!(cases.threshold_words(Level::Worse).unwrap(), "1,200 cases");
    }

    #[test]
    fn an_age_is_said_in_its_two_largest_units() {
        let age = signal(Measure::Age);
        for (seconds, words) in [
            (0.2, "0 s old"),
            (59.0, "59 s old"),
            (33_120.0, "9 h 12 min old"),
            (86_405.0, "1 d old"),
        ] {
            assert_eq!(age.words(seconds), words);
        }
    }
}
