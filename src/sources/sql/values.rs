//! Values of columns as JSON, without loss: instants as RFC 3339 in UTC, decimals as the text they
//! are, bytes as hex.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// What becomes of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As it is.
    Plain,
    /// An instant, whatever the zone of the session.
    Instant,
    /// Day and time without a zone.
    Civil,
    /// JSON that came as text.
    Json,
}

/// A text of a database as JSON of its kind. What does not fit, such as `infinity`, stays text: the
/// mapping then names the field.
pub fn read(kind: Kind, text: String, zone: &TimeZone) -> Value {
    let read = match kind {
        Kind::Plain => None,
        Kind::Instant => instant(&text).map(|at| at.to_string().into()),
        Kind::Civil => civil(&text, zone),
        Kind::Json => serde_json::from_str(&text).ok(),
    };
    read.unwrap_or(Value::String(text))
}

/// PostgreSQL writes `2023-03-01T09:31:00+00:00`, MySQL `2023-03-01 09:31:00` in a session of UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let at = text.parse::<Timestamp>().ok();
    at.or_else(|| {
        text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    })
}

fn civil(text: &str, zone: &TimeZone) -> Option<Value> {
    // MySQL's word for no date at all.
    if text.starts_with("0000-00-00") {
        return Some(Value::Null);
    }
    let at: DateTime = text.parse().ok()?;
    Some(at.to_zoned(zone.clone()).ok()?.timestamp().to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_in_utc_and_what_is_none_stays_as_it_is() {
        let zone = TimeZone::get("Australia/Adelaide").unwrap();
        let told = |kind, text: &str| match read(kind, text.to_owned(), &zone) {
            Value::String(text) => text,
            other => other.to_string(),
        };
        assert_eq!(told(Kind::Instant, "2023-03-01T09:31:00.5+00:00"), "2023-03-01T09:31:00.5Z");
        assert_eq!(told(Kind::Instant, "2023-03-01 09:31:00"), "2023-03-01T09:31:00Z");
        assert_eq!(told(Kind::Instant, "infinity"), "infinity");
        assert_eq!(told(Kind::Civil, "2023-03-01 09:31:00"), "2023-02-28T23:01:00Z");
        assert_eq!(told(Kind::Civil, "0000-00-00 00:00:00"), "null");
        assert_eq!(told(Kind::Json, "{\"iwi\":\"x\"}"), "{\"iwi\":\"x\"}");
        assert_eq!(told(Kind::Plain, "00123"), "00123");
    }
}
