//! Times in words: relative and absolute together, with the place whose clock it is.
//!
//! The one place that formats instants for pages: "18 min ago, 09:42 Tue 3 March, Adelaide".

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// The clock of a page: when it is made, and where its readers are.
#[derive(Clone, Debug)]
pub struct Times {
    now: Timestamp,
    zone: TimeZone,
    place: String,
}

impl Times {
    #[must_use]
    pub fn new(now: Timestamp, zone: TimeZone) -> Self {
        let place = zone.iana_name().map_or_else(|| "UTC".to_owned(), city);
        Self { now, zone, place }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The instant as this page's readers say it.
    #[must_use]
    pub fn moment(&self, at: Timestamp) -> Moment {
        Moment { at, now: self.now, zone: self.zone.clone(), place: self.place.clone() }
    }

    /// Midnight at the readers' place, `days` before today.
    #[must_use]
    pub fn midnight_before(&self, days: i64) -> Timestamp {
        let today = self.now.to_zoned(self.zone.clone()).date();
        let day = today.saturating_sub(jiff::Span::new().days(days.clamp(0, 4000)));
        day.to_zoned(self.zone.clone()).map_or(self.now, |midnight| midnight.timestamp())
    }
}

/// One instant, seen from a page.
#[derive(Clone, Debug)]
pub struct Moment {
    at: Timestamp,
    now: Timestamp,
    zone: TimeZone,
    place: String,
}

impl Moment {
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// For `datetime` attributes.
    #[must_use]
    pub fn iso(&self) -> String {
        self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// "18 min ago, 09:42 Tue 3 March, Adelaide".
    #[must_use]
    pub fn full(&self) -> String {
        format!("{}, {}", self.relative(), self.absolute())
    }

    /// "09:42 Tue 3 March, Adelaide (18 min ago)", to stand after "since".
    #[must_use]
    pub fn since(&self) -> String {
        format!("{} ({})", self.absolute(), self.relative())
    }

    /// "09:42 Tue 3 March, Adelaide", with the year when it is another one.
    #[must_use]
    pub fn absolute(&self) -> String {
        let year = if self.zoned().year() == self.today().year() { "" } else { " %Y" };
        format!("{}, {}", self.zoned().strftime(&format!("%H:%M %a %-d %B{year}")), self.place)
    }

    /// "09:42" today, "09:42 Mon" within a week, "09:42 3 Mar" beyond.
    #[must_use]
    pub fn short(&self) -> String {
        let zoned = self.zoned();
        let today = self.today();
        if zoned.date() == today.date() {
            return zoned.strftime("%H:%M").to_string();
        }
        let days = (self.at.duration_since(self.now)).as_hours().abs() / 24;
        let format = match (days < 6, zoned.year() == today.year()) {
            (true, _) => "%H:%M %a",
            (false, true) => "%H:%M %-d %b",
            (false, false) => "%H:%M %-d %b %Y",
        };
        zoned.strftime(format).to_string()
    }

    /// "09:42:07", for evidence, where seconds decide.
    #[must_use]
    pub fn to_the_second(&self) -> String {
        self.zoned().strftime("%H:%M:%S").to_string()
    }

    /// "Tue 3 March".
    #[must_use]
    pub fn day(&self) -> String {
        self.zoned().strftime("%a %-d %B").to_string()
    }

    /// "18 min ago", "in 12 min", "just now".
    #[must_use]
    pub fn relative(&self) -> String {
        let apart = self.at.duration_since(self.now);
        let length = apart.unsigned_abs();
        if length < Duration::from_secs(5) {
            "just now".to_owned()
        } else if apart.is_negative() {
            format!("{} ago", in_words(length))
        } else {
            format!("in {}", in_words(length))
        }
    }

    /// "18 min": how long since then, or until then.
    #[must_use]
    pub fn age(&self) -> String {
        in_words(self.at.duration_since(self.now).unsigned_abs())
    }

    fn zoned(&self) -> Zoned {
        self.at.to_zoned(self.zone.clone())
    }

    fn today(&self) -> Zoned {
        self.now.to_zoned(self.zone.clone())
    }
}

/// A length in the two units that matter: "42 s", "18 min", "9 h 5 min", "3 days 4 h".
#[must_use]
pub fn in_words(length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => two(&format!("{hours} h"), minutes % 60, "min"),
        (1, hours, _) => two("1 day", hours % 24, "h"),
        (days, hours, _) if days < 14 => two(&format!("{days} days"), hours % 24, "h"),
        (days, ..) => format!("{days} days"),
    }
}

/// Latency as people say it: "240 ms", "4.1 s".
#[must_use]
pub fn latency(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else {
        format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
    }
}

fn two(first: &str, rest: u64, unit: &str) -> String {
    if rest == 0 { first.to_owned() } else { format!("{first} {rest} {unit}") }
}

/// "Australia/Adelaide" → "Adelaide", "America/Argentina/Rio_Gallegos" → "Rio Gallegos".
fn city(zone: &str) -> String {
    zone.rsplit('/').next().unwrap_or(zone).replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times() -> Times {
        let zone = TimeZone::get("Australia/Adelaide").unwrap();
        Times::new("2026-03-03T09:42:00+10:30".parse().unwrap(), zone)
    }

    #[test]
    fn an_instant_is_relative_and_absolute_with_its_place() {
        let times = times();
        let moment = |text: &str| times.moment(text.parse().unwrap());
        let began = moment("2026-03-03T09:24:00+10:30");
        assert_eq!(began.full(), "18 min ago, 09:24 Tue 3 March, Adelaide");
        assert_eq!(began.short(), "09:24");
        assert_eq!(moment("2026-03-03T10:15:00+10:30").relative(), "in 33 min");
        assert_eq!(moment("2026-03-03T09:42:01+10:30").relative(), "just now");
        assert_eq!(moment("2026-03-01T18:05:00+10:30").short(), "18:05 Sun");
        assert_eq!(moment("2025-12-24T18:05:00+10:30").short(), "18:05 24 Dec 2025");
        assert_eq!(
            moment("2025-12-24T18:05:00+10:30").absolute(),
            "18:05 Wed 24 December 2025, Adelaide"
        );
    }

    #[test]
    fn lengths_keep_to_two_units() {
        let words = |seconds| in_words(Duration::from_secs(seconds));
        assert_eq!(words(42), "42 s");
        assert_eq!(words(60 * 18), "18 min");
        assert_eq!(words(3600 * 9), "9 h");
        assert_eq!(words(3600 * 9 + 300), "9 h 5 min");
        assert_eq!(words(86_400 + 3600), "1 day 1 h");
        assert_eq!(words(86_400 * 40), "40 days");
        assert_eq!(latency(240), "240 ms");
        assert_eq!(latency(4199), "4.1 s");
    }

    #[test]
    fn a_day_begins_at_the_readers_midnight() {
        assert_eq!(times().midnight_before(0), "2026-03-02T13:30:00Z".parse().unwrap());
        assert_eq!(times().midnight_before(1), "2026-03-01T13:30:00Z".parse().unwrap());
    }
}
