//! The stretch of time a report is about, and the zone its days are counted in.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// A report over more than this is refused: it is read from single checks.
pub const LONGEST_DAYS: i64 = 400;

/// `[from, to)`, with the zone people read it in.
#[derive(Clone, Debug)]
pub struct Period {
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    pub zone: TimeZone,
}

/// Why there is no such period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeriod {
    #[error("'{0}' is neither a date nor a time: write 2026-03-01 or 2026-03-01T09:30")]
    Text(String),
    #[error("the period ends before it begins: swap its ends")]
    Reversed,
    #[error("the period is longer than {LONGEST_DAYS} days: ask for less")]
    TooLong,
    #[error("the period has not begun yet")]
    Future,
}

impl Period {
    /// # Errors
    /// When it ends before it begins or is longer than [`LONGEST_DAYS`].
    pub fn new(from: Timestamp, to: Timestamp, zone: TimeZone) -> Result<Self, InvalidPeriod> {
        if from >= to {
            return Err(InvalidPeriod::Reversed);
        }
        if to.duration_since(from).as_hours() > LONGEST_DAYS * 24 {
            return Err(InvalidPeriod::TooLong);
        }
        Ok(Self { from, to, zone })
    }

    /// Reads both ends as people write them. A date means the whole day, so that the last day
    /// counts; a time of day is taken in `zone` and as the exact end; an instant with an offset is
    /// taken as it is.
    ///
    /// # Errors
    /// When a text is no date or time, or there is no such period.
    pub fn parse(from: &str, to: &str, zone: TimeZone) -> Result<Self, InvalidPeriod> {
        let from = instant(from, &zone, 0)?;
        let to = instant(to, &zone, 1)?;
        Self::new(from, to, zone)
    }

    /// The whole days `first` to `last`, both included.
    ///
    /// # Errors
    /// When `last` lies before `first` or too far after it.
    pub fn days(first: Date, last: Date, zone: TimeZone) -> Result<Self, InvalidPeriod> {
        Self::new(midnight(first, &zone), midnight(next_day(last), &zone), zone)
    }

    /// The same period, ending at `now` when it would end later: nobody can account for what has
    /// not happened.
    ///
    /// # Errors
    /// When it has not begun.
    pub fn until(self, now: Timestamp) -> Result<Self, InvalidPeriod> {
        if self.from >= now {
            return Err(InvalidPeriod::Future);
        }
        Ok(Self { to: self.to.min(now), ..self })
    }

    /// Both ends in microseconds since the epoch.
    #[must_use]
    pub fn micros(&self) -> Range<i64> {
        self.from.as_microsecond()..self.to.as_microsecond()
    }

    /// Midnights inside the period, in its zone; days are 23 or 25 hours long when clocks change.
    #[must_use]
    pub fn midnights(&self) -> Vec<Timestamp> {
        let mut day = self.from.to_zoned(self.zone.clone()).date();
        let mut midnights = Vec::new();
        loop {
            day = next_day(day);
            let at = midnight(day, &self.zone);
            if at >= self.to || midnights.last().is_some_and(|last| at <= *last) {
                return midnights;
            }
            midnights.push(at);
        }
    }

    /// `2026-03-01_2026-03-31` for whole days, with the time of day otherwise; for file names.
    #[must_use]
    pub fn slug(&self) -> String {
        let (from, last) = (self.zoned(self.from), self.last_instant());
        if self.is_whole_days() {
            format!("{}_{}", from.date(), last.date())
        } else {
            let to = self.zoned(self.to);
            format!("{}_{}", from.strftime("%Y-%m-%dT%H%M"), to.strftime("%Y-%m-%dT%H%M"))
        }
    }

    /// "1 to 31 March 2026", or with the time of day where it is not whole days.
    #[must_use]
    pub fn words(&self) -> String {
        let (from, last) = (self.zoned(self.from), self.last_instant());
        if !self.is_whole_days() {
            let to = self.zoned(self.to);
            let same_day = from.date() == last.date();
            let to = to.strftime(if same_day { "%H:%M" } else { "%H:%M on %-d %B %Y" });
            return match same_day {
                true => format!("{} to {to} on {}", from.strftime("%H:%M"), long(&from)),
                false => format!("{} on {} to {to}", from.strftime("%H:%M"), long(&from)),
            };
        }
        match (from.date() == last.date(), from.year() == last.year()) {
            (true, _) => long(&from),
            (_, true) if from.month() == last.month() => {
                format!("{} to {}", from.strftime("%-d"), long(&last))
            }
            (_, true) => format!("{} to {}", from.strftime("%-d %B"), long(&last)),
            (_, false) => format!("{} to {}", long(&from), long(&last)),
        }
    }

    fn is_whole_days(&self) -> bool {
        [self.from, self.to].iter().all(|at| self.zoned(*at).time() == Time::midnight())
    }

    fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// Just before the end, which lies on the last day.
    fn last_instant(&self) -> jiff::Zoned {
        self.zoned(self.to.saturating_sub(Span::new().microseconds(1)).unwrap_or(self.to))
    }
}

fn long(at: &jiff::Zoned) -> String {
    at.strftime("%-d %B %Y").to_string()
}

fn instant(text: &str, zone: &TimeZone, days_later: i64) -> Result<Timestamp, InvalidPeriod> {
    let text = text.trim();
    // jiff reads a date out of a date-time too, so the longer forms come first.
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let wrong = || InvalidPeriod::Text(text.to_owned());
    if text.contains(['T', ':', ' ']) {
        let local: DateTime = text.parse().map_err(|_| wrong())?;
        return zone.to_timestamp(local).map_err(|_| wrong());
    }
    let day: Date = text.parse().map_err(|_| wrong())?;
    Ok(midnight(day.saturating_add(Span::new().days(days_later)), zone))
}

fn next_day(day: Date) -> Date {
    day.saturating_add(Span::new().days(1))
}

/// The first instant of a day; where midnight does not exist, the first instant that does.
fn midnight(day: Date, zone: &TimeZone) -> Timestamp {
    day.to_zoned(zone.clone()).map_or(Timestamp::MAX, |midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adelaide() -> TimeZone {
        TimeZone::get("Australia/Adelaide").unwrap()
    }

    fn hours(from: &str, to: &str) -> i64 {
        let period = Period::parse(from, to, adelaide()).unwrap();
        period.to.duration_since(period.from).as_hours()
    }

    #[test]
    fn days_are_as_long_as_they_were_there() {
        assert_eq!(hours("2026-03-01", "2026-03-01"), 24);
        // Daylight saving ends on 5 April 2026 and begins on 4 October 2026 in Adelaide.
        assert_eq!(hours("2026-04-05", "2026-04-05"), 25);
        assert_eq!(hours("2026-10-04", "2026-10-04"), 23);
        let october = Period::parse("2026-10-01", "2026-10-31", adelaide()).unwrap();
        assert_eq!(october.midnights().len(), 30);
    }

    #[test]
    fn ends_are_dates_times_or_instants() {
        let period = Period::parse("2026-03-01T09:30", "2026-03-01T23:00:00Z", adelaide()).unwrap();
        assert_eq!(period.from, "2026-02-28T23:00:00Z".parse().unwrap());
        assert_eq!(period.to, "2026-03-01T23:00:00Z".parse().unwrap());
        let wrong = |from, to| Period::parse(from, to, adelaide()).unwrap_err();
        assert_eq!(
            wrong("first of March", "2026-03-01"),
            InvalidPeriod::Text("first of March".into())
        );
        assert_eq!(wrong("2026-03-02", "2026-03-01"), InvalidPeriod::Reversed);
        assert_eq!(wrong("2024-01-01", "2026-03-01"), InvalidPeriod::TooLong);
        let now = "2026-02-01T00:00:00Z".parse().unwrap();
        assert_eq!(period.until(now).unwrap_err(), InvalidPeriod::Future);
    }

    #[test]
    fn a_period_is_told_as_people_say_it() {
        let words = |from, to| Period::parse(from, to, adelaide()).unwrap().words();
        assert_eq!(words("2026-03-01", "2026-03-31"), "1 to 31 March 2026");
        assert_eq!(words("2026-03-01", "2026-03-01"), "1 March 2026");
        assert_eq!(words("2026-02-24", "2026-03-02"), "24 February to 2 March 2026");
        assert_eq!(words("2026-03-01T09:00", "2026-03-01T09:05"), "09:00 to 09:05 on 1 March 2026");
        let slug = |from, to| Period::parse(from, to, adelaide()).unwrap().slug();
        assert_eq!(slug("2026-03-01", "2026-03-31"), "2026-03-01_2026-03-31");
        assert_eq!(slug("2026-03-01T09:00", "2026-03-02"), "2026-03-01T0900_2026-03-03T0000");
    }
}
