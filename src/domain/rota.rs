//! Whose turn it is: a cycle of people with hand-overs at local times, and overrides.
//!
//! Hand-overs are civil times of an IANA zone, so that a shift begins at eight by the clock on the
//! wall all year round.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use super::ids::PersonId;

/// A cycle of people who follow one another.
#[derive(Clone, Debug, PartialEq)]
pub struct Rota {
    pub zone: TimeZone,
    /// The day whose first hand-over gives the turn to the first of `people`.
    pub starts_on: Date,
    pub hand_over: HandOver,
    /// In order of their turns; never empty.
    pub people: Vec<PersonId>,
    /// The last one that covers an instant wins.
    pub overrides: Vec<Override>,
}

/// When the turn goes to the next person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandOver {
    /// Every day at these times, ascending; never empty.
    Daily(Vec<Time>),
    Weekly {
        on: Weekday,
        at: Time,
    },
}

/// Somebody stands in from one local instant until another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub from: DateTime,
    pub until: DateTime,
    pub person: PersonId,
}

impl Rota {
    /// Whose turn it is at an instant; none before the rota starts.
    #[must_use]
    pub fn holder(&self, at: Timestamp) -> Option<&PersonId> {
        let local = at.to_zoned(self.zone.clone()).datetime();
        let standing_in =
            self.overrides.iter().rev().find(|one| one.from <= local && local < one.until);
        if let Some(one) = standing_in {
            return Some(&one.person);
        }
        let turn = usize::try_from(self.hand_overs_until(local)?).ok()?;
        self.people.get(turn % self.people.len().max(1))
    }

    /// Hand-overs after the first one, up to and including `local`.
    fn hand_overs_until(&self, local: DateTime) -> Option<i64> {
        let days = i64::from(self.starts_on.until((Unit::Day, local.date())).ok()?.get_days());
        let count = match &self.hand_over {
            HandOver::Daily(times) => {
                let today = times.iter().filter(|time| **time <= local.time()).count();
                days * i64::try_from(times.len()).ok()? + i64::try_from(today).ok()?
            }
            HandOver::Weekly { on, at } => {
                let first = i64::from(self.starts_on.weekday().until(*on));
                let before_time = i64::from(local.time() < *at);
                (days - first - before_time).div_euclid(7) + 1
            }
        };
        (count >= 1).then_some(count - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rota(hand_over: HandOver) -> Rota {
        Rota {
            zone: TimeZone::get("Australia/Adelaide").unwrap(),
            starts_on: "2023-02-27".parse().unwrap(),
            hand_over,
            people: ["p-a", "p-b", "p-c"].map(|id| PersonId::new(id).unwrap()).to_vec(),
            overrides: Vec::new(),
        }
    }

    fn at(rota: &Rota, local: &str) -> Option<String> {
        let local: DateTime = local.parse().unwrap();
        let instant = local.to_zoned(rota.zone.clone()).unwrap().timestamp();
        rota.holder(instant).map(ToString::to_string)
    }

    #[test]
    fn a_weekly_rota_turns_on_its_day_and_time() {
        let rota = rota(HandOver::Weekly { on: Weekday::Monday, at: "08:00".parse().unwrap() });
        assert_eq!(at(&rota, "2023-02-27T07:59"), None);
        assert_eq!(at(&rota, "2023-02-27T08:00").as_deref(), Some("p-a"));
        assert_eq!(at(&rota, "2023-03-06T07:59").as_deref(), Some("p-a"));
        assert_eq!(at(&rota, "2023-03-06T08:00").as_deref(), Some("p-b"));
        // Daylight saving ended on 2 April: the wall clock still decides.
        assert_eq!(at(&rota, "2023-04-03T07:59").as_deref(), Some("p-b"));
        assert_eq!(at(&rota, "2023-04-03T08:00").as_deref(), Some("p-c"));
    }

    #[test]
    fn a_weekly_rota_may_start_on_another_day() {
        let rota = rota(HandOver::Weekly { on: Weekday::Friday, at: "16:00".parse().unwrap() });
        assert_eq!(at(&rota, "2023-03-03T15:59"), None);
        assert_eq!(at(&rota, "2023-03-03T16:00").as_deref(), Some("p-a"));
        assert_eq!(at(&rota, "2023-03-10T16:00").as_deref(), Some("p-b"));
    }

    #[test]
    fn a_daily_rota_turns_at_each_time_and_an_override_wins() {
        let mut rota =
            rota(HandOver::Daily(vec!["08:00".parse().unwrap(), "20:00".parse().unwrap()]));
        assert_eq!(at(&rota, "2023-02-27T08:00").as_deref(), Some("p-a"));
        assert_eq!(at(&rota, "2023-02-27T23:00").as_deref(), Some("p-b"));
        assert_eq!(at(&rota, "2023-02-28T07:00").as_deref(), Some("p-b"));
        assert_eq!(at(&rota, "2023-02-28T08:00").as_deref(), Some("p-c"));
        rota.overrides.push(Override {
            from: "2023-02-28T08:00".parse().unwrap(),
            until: "2023-02-28T20:00".parse().unwrap(),
            person: PersonId::new("p-z").unwrap(),
        });
        assert_eq!(at(&rota, "2023-02-28T08:00").as_deref(), Some("p-z"));
        assert_eq!(at(&rota, "2023-02-28T20:00").as_deref(), Some("p-a"));
    }
}
