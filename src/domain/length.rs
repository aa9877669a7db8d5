//! A length of time as people write it in files: `10 s`, `3 min`, `2 h`, `90 days`.
//!
//! It must not be used for measured durations: those are numbers with their unit in the name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A whole number of seconds, written with its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length {
    seconds: u64,
}

/// Why a text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a length of time: write for example '10 s', '3 min', '2 h' or '90 days'")]
pub struct InvalidLength(pub String);

/// Units from the greatest, with how many seconds each has and how it is printed.
const UNITS: [(&str, u64); 4] = [("days", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];

/// Nothing in a plan lies further away than ten years; more is a slip of the pen.
const MOST_SECONDS: u64 = 3_660 * 86_400;

impl Length {
    /// No time at all.
    pub const ZERO: Self = Self::from_secs(0);

    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self { seconds }
    }

    #[must_use]
    pub const fn from_mins(minutes: u64) -> Self {
        Self { seconds: minutes * 60 }
    }

    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl FromStr for Length {
    type Err = InvalidLength;

    fn from_str(text: &str) -> Result<Self, InvalidLength> {
        let invalid = || InvalidLength(text.to_owned());
        let (number, unit) = text.trim().split_once(' ').ok_or_else(invalid)?;
        let unit = match unit.trim() {
            "day" => "days",
            unit => unit,
        };
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let seconds = number.checked_mul(*factor).ok_or_else(invalid)?;
        if seconds > MOST_SECONDS {
            return Err(invalid());
        }
        Ok(Self { seconds })
    }
}

impl TryFrom<String> for Length {
    type Error = InvalidLength;
    fn try_from(text: String) -> Result<Self, InvalidLength> {
        text.parse()
    }
}

impl From<Length> for String {
    fn from(length: Length) -> Self {
        length.to_string()
    }
}

impl fmt::Display for Length {
    /// In the greatest unit that leaves no rest: `90 s`, `2 min`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| self.seconds > 0 && self.seconds.is_multiple_of(*factor))
            .unwrap_or(("s", 1));
        match self.seconds / factor {
            1 if unit == "days" => f.write_str("1 day"),
            number => write!(f, "{number} {unit}"),
        }
    }
}

impl schemars::JsonSchema for Length {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Length".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^[0-9]+ (s|min|h|day|days)$",
            "examples": ["10 s", "3 min", "2 h", "90 days"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_what_it_reads() {
        for text in ["0 s", "10 s", "90 s", "3 min", "2 h", "1 day", "90 days"] {
            assert_eq!(text.parse::<Length>().unwrap().to_string(), text);
        }
        assert_eq!("120 min".parse::<Length>().unwrap().to_string(), "2 h");
    }

    #[test]
    fn anything_else_is_refused_with_the_text() {
        for text in ["3", "3min", "min", "-3 min", "3 weeks", "1.5 h", "99999 days"] {
            assert_eq!(text.parse::<Length>(), Err(InvalidLength(text.to_owned())));
        }
    }
}
