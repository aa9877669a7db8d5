//! How a source writes instants, where it does not write them as RFC 3339 does.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A pattern of `strftime`, as in `%Y-%m-%d.%H:%M:%S`. Without an offset in it instants are UTC:
/// local time without one has an hour in spring that does not exist and one in autumn twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstantForm(String);

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' does not say day and time to the second: write it as in '%Y-%m-%d.%H:%M:%S'")]
pub struct InvalidInstantForm(String);

impl InstantForm {
    /// Reads an instant; none when the text is not of this form.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<Timestamp> {
        let parts = strtime::parse(&self.0, text).ok()?;
        if parts.offset().is_some() {
            return parts.to_timestamp().ok();
        }
        let at = parts.to_datetime().ok()?.to_zoned(TimeZone::UTC).ok()?;
        Some(at.timestamp())
    }

    /// Writes an instant, in UTC.
    #[must_use]
    pub fn write(&self, at: Timestamp) -> String {
        // A pattern that cannot be written was refused when it was read.
        strtime::format(&self.0, &at.to_zoned(TimeZone::UTC)).unwrap_or_default()
    }
}

impl TryFrom<String> for InstantForm {
    type Error = InvalidInstantForm;
    fn try_from(pattern: String) -> Result<Self, InvalidInstantForm> {
        // Different in every part, and after noon, so that none can be missing unnoticed.
        let sample = Timestamp::constant(1_677_706_265, 0);
        let form = Self(pattern);
        if form.read(&form.write(sample)) == Some(sample) {
            Ok(form)
        } else {
            Err(InvalidInstantForm(form.0))
        }
    }
}

impl From<InstantForm> for String {
    fn from(form: InstantForm) -> Self {
        form.0
    }
}

impl fmt::Display for InstantForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for InstantForm {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "InstantForm".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["%Y-%m-%d.%H:%M:%S"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pattern: &str) -> Result<InstantForm, InvalidInstantForm> {
        InstantForm::try_from(pattern.to_owned())
    }

    #[test]
    fn instants_are_utc_unless_the_form_has_an_offset() {
        let dots = form("%Y-%m-%d.%H:%M:%S").unwrap();
        let at: Timestamp = "2026-11-23T10:11:12Z".parse().unwrap();
        assert_eq!(dots.read("2026-11-23.10:11:12"), Some(at));
        assert_eq!(dots.write(at), "2026-11-23.10:11:12");
        assert_eq!(dots.read("2026-11-23T10:11:12Z"), None);
        let offset = form("%d/%m/%Y %H:%M:%S %z").unwrap();
        assert_eq!(offset.read("23/11/2026 20:41:12 +1030"), Some(at));
    }

    #[test]
    fn a_form_that_loses_a_part_is_refused() {
        for lossy in ["", "%Y-%m-%d", "%Y-%m-%d %I:%M:%S", "%H:%M:%S", "%Y-%m-%d %H:%M:%S %Ü"] {
            assert!(form(lossy).is_err(), "{lossy}");
        }
    }
}
