//! Lengths of time as people write them in files: `250 ms`, `10 s`, `3 min`, `2 h`, `90 days`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time read from, and written as, a number and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Length(Duration);

/// Why a text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a length of time: write a number and a unit (ms, s, min, h, days), as in '3 min'"
)]
pub struct InvalidLength(pub String);

/// Units in milliseconds, largest first, each with the words accepted for it.
const UNITS: [(u64, &[&str]); 5] = [
    (86_400_000, &["days", "day", "d"]),
    (3_600_000, &["h", "hours", "hour"]),
    (60_000, &["min", "minutes", "minute"]),
    (1_000, &["s", "seconds", "second"]),
    (1, &["ms"]),
];

impl Length {
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// Whole milliseconds; a length is never finer.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Length {
    type Err = InvalidLength;

    fn from_str(text: &str) -> Result<Self, InvalidLength> {
        let wrong = || InvalidLength(text.to_owned());
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = trimmed.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit = unit.trim();
        let (millis, _) =
            UNITS.iter().find(|(_, words)| words.contains(&unit)).ok_or_else(wrong)?;
        let total = number.checked_mul(*millis).ok_or_else(wrong)?;
        Ok(Self(Duration::from_millis(total)))
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.as_millis();
        let (unit, words) = UNITS
            .iter()
            .find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit))
            .unwrap_or(&(1_000, &["s"]));
        let number = millis / unit;
        let word = if number == 1 && words[0] == "days" { "day" } else { words[0] };
        write!(f, "{number} {word}")
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
            "pattern": "^[0-9]+ ?(ms|s|seconds?|min|minutes?|h|hours?|d|days?)$",
            "examples": ["5 s", "3 min", "90 days"]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_read_as_written() {
        for (text, seconds) in
            [("10 s", 10), ("3 min", 180), ("2 h", 7_200), ("90 days", 7_776_000)]
        {
            let length: Length = text.parse().unwrap();
            assert_eq!(length, Length::from_secs(seconds));
            assert_eq!(length.to_string(), text);
        }
        for wrong in ["", "3", "min", "3 fortnights", "-3 s", "99999999999999999999 s"] {
            assert_eq!(wrong.parse::<Length>(), Err(InvalidLength(wrong.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_agree(millis in 0_u64..10_000_000_000) {
            let length = Length(Duration::from_millis(millis));
            prop_assert_eq!(length.to_string().parse::<Length>(), Ok(length));
        }
    }
}
