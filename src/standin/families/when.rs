//! Dates and instants counted from the generator's `now`, in Adelaide's time.
//!
//! It must not read a clock.

use jiff::civil::{Date, Weekday, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::standin::register::whole_micros;

/// The instant everything is dated from.
#[derive(Clone, Debug)]
pub struct When {
    now: Timestamp,
    zone: TimeZone,
}

impl When {
    pub fn new(now: Timestamp) -> Self {
        // Without a zone database the winter offset is near enough for synthetic dates.
        let zone = TimeZone::get("Australia/Adelaide").unwrap_or_else(|_| {
            Offset::from_seconds(34_200).map_or(TimeZone::UTC, TimeZone::fixed)
        });
        Self { now: whole_micros(now), zone }
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn today(&self) -> Date {
        self.now.to_zoned(self.zone.clone()).date()
    }

    /// The date so many days from today; negative in the past.
    pub fn day(&self, days: i64) -> Date {
        self.today().saturating_add(days.days())
    }

    /// The instant so many minutes from now; negative in the past.
    pub fn minutes(&self, minutes: i64) -> Timestamp {
        self.now.checked_add(SignedDuration::from_mins(minutes)).unwrap_or(self.now)
    }

    pub fn hours(&self, hours: i64) -> Timestamp {
        self.minutes(hours * 60)
    }

    /// The instant so many days from now.
    pub fn days(&self, days: i64) -> Timestamp {
        self.hours(days * 24)
    }

    /// A full hour of the date so many days from today.
    pub fn day_at(&self, days: i64, hour: i8) -> Timestamp {
        self.at(self.day(days), hour)
    }

    /// The next Friday at an hour, today included as long as it is before that hour.
    pub fn next_friday_at(&self, hour: i8) -> Timestamp {
        (0..8)
            .map(|days| self.day(days))
            .filter(|day| day.weekday() == Weekday::Friday)
            .map(|day| self.at(day, hour))
            .find(|at| *at > self.now)
            .unwrap_or(self.now)
    }

    /// The last time the clock showed this hour.
    pub fn last_time_at(&self, hour: i8) -> Timestamp {
        let today = self.day_at(0, hour);
        if today <= self.now { today } else { self.day_at(-1, hour) }
    }

    /// The birthday of somebody `years` old whose last birthday was `days` ago.
    pub fn born(&self, years: i64, days: i64) -> Date {
        self.day(-days).saturating_sub(years.years())
    }

    /// A day and month of the year in which somebody turned `years` last year.
    pub fn born_on(&self, years: i16, month: i8, day: i8) -> Date {
        date(self.today().year() - 1 - years, month, day)
    }

    fn at(&self, day: Date, hour: i8) -> Timestamp {
        day.at(hour, 0, 0, 0)
            .to_zoned(self.zone.clone())
            .map_or(self.now, |zoned| zoned.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn friday_at_four_is_this_week_until_it_has_gone_by() {
        // Adelaide is at UTC+10:30 in March.
        let thursday = When::new("2023-03-02T00:00:00Z".parse().unwrap());
        assert_eq!(thursday.next_friday_at(16).to_string(), "2023-03-03T05:30:00Z");
        let too_late = When::new("2023-03-03T05:30:00Z".parse().unwrap());
        assert_eq!(too_late.next_friday_at(16).to_string(), "2023-03-10T05:30:00Z");
    }

    #[test]
    fn two_in_the_morning_is_last_night_before_two() {
        let one_o_clock = When::new("2023-03-01T14:30:00Z".parse().unwrap());
        assert_eq!(one_o_clock.last_time_at(2).to_string(), "2023-02-28T15:30:00Z");
    }
}
