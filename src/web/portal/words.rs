//! Words and small parts that the portal's pages share: ages, days, names, lines.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::domain::records::{AlertKind, RecordId, VisitRule};
use crate::snapshots::{Brief, Whereabouts};

/// A term with what is said of it.
pub struct Item {
    pub term: &'static str,
    pub lines: Vec<Line>,
}

/// A sentence, perhaps with a person in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub before: String,
    pub person: Option<PersonLink>,
    pub after: String,
    pub strong: bool,
}

/// A person's name and the way to their page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonLink {
    pub id: String,
    pub name: String,
    pub deceased: bool,
}

impl Line {
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { before: text.into(), ..Self::default() }
    }

    #[must_use]
    pub fn strong(text: impl Into<String>) -> Self {
        Self { before: text.into(), strong: true, ..Self::default() }
    }

    #[must_use]
    pub fn of(brief: &Brief, after: impl Into<String>) -> Self {
        Self { person: Some(PersonLink::of(brief)), after: after.into(), ..Self::default() }
    }
}

impl PersonLink {
    #[must_use]
    pub fn of(brief: &Brief) -> Self {
        Self { id: brief.id.to_string(), name: brief.name.clone(), deceased: brief.deceased }
    }
}

/// Joins texts that are there, with a separator.
#[must_use]
pub fn join<'a>(texts: impl IntoIterator<Item = Option<&'a str>>, separator: &str) -> String {
    let there: Vec<&str> = texts.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    there.join(separator)
}

/// "14 Feb 2020".
#[must_use]
pub fn day(date: Date) -> String {
    date.strftime("%-d %b %Y").to_string()
}

/// "Custody order", from the source's "custody-order".
#[must_use]
pub fn words(term: &str) -> String {
    let spaced = term.replace(['-', '_'], " ");
    let mut chars = spaced.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// "3 years", "7 months", "about 40 years"; empty where no birth is recorded.
#[must_use]
pub fn age(born_on: Option<Date>, estimated: bool, now: Timestamp, zone: &TimeZone) -> String {
    let Some(born) = born_on else { return String::new() };
    let today = now.to_zoned(zone.clone()).date();
    let Ok(lived) = born.until((jiff::Unit::Year, today)) else { return String::new() };
    let about = if estimated { "about " } else { "" };
    let plural = |count: i64, unit: &str| {
        if count == 1 { format!("{about}1 {unit}") } else { format!("{about}{count} {unit}s") }
    };
    if born > today {
        return "not yet born".to_owned();
    }
    match (i64::from(lived.get_years()), i64::from(lived.get_months()), lived.get_days()) {
        (0, 0, days) => plural(i64::from(days), "day"),
        (0, months, _) => plural(months, "month"),
        (1, months, _) => plural(12 + months, "month"),
        (years, ..) => plural(years, "year"),
    }
}

/// "3 years, born 14 Feb 2020", "about 40 years".
#[must_use]
pub fn born(brief: &Brief, now: Timestamp, zone: &TimeZone) -> String {
    let age = age(brief.born_on, brief.birth_estimated, now, zone);
    match brief.born_on {
        Some(date) if brief.birth_estimated => format!("{age}, born about {}", date.year()),
        Some(date) => format!("{age}, born {}", day(date)),
        None => "date of birth not recorded".to_owned(),
    }
}

/// Where somebody is, in words that never say more than they may.
#[must_use]
pub fn whereabouts(at: &Whereabouts) -> String {
    match at {
        Whereabouts::NotRecorded => "no address recorded".to_owned(),
        Whereabouts::NotInThisCopy => {
            "protected address, not in this copy: ring the key worker or the duty line".to_owned()
        }
        Whereabouts::Withheld { because } => {
            let because = because.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            format!(
                "protected address{because}, withheld here: ring the key worker or the duty line"
            )
        }
        Whereabouts::At(home) if home.protected => {
            format!("{} (PROTECTED: tell nobody)", home.address)
        }
        Whereabouts::At(home) => home.address.clone(),
    }
}

/// An alert's mark and its tone in the stylesheet.
#[must_use]
pub fn alert_mark(kind: AlertKind) -> (&'static str, &'static str) {
    match kind {
        AlertKind::Violence => ("down", "VIOLENCE"),
        AlertKind::Weapons => ("down", "WEAPONS"),
        AlertKind::Dogs => ("down", "DOG"),
        AlertKind::Drugs => ("slow", "DRUGS"),
        AlertKind::SelfHarm => ("down", "SELF-HARM"),
        AlertKind::Visit => ("slow", "VISIT RULE"),
        AlertKind::Newborn => ("intermittent", "NEWBORN ALERT"),
        AlertKind::MustNotLearn => ("intermittent", "MUST NOT LEARN WE CALLED"),
        AlertKind::Other => ("slow", "ALERT"),
    }
}

/// How to visit, as a mark.
#[must_use]
pub fn visit_mark(rule: VisitRule) -> (&'static str, &'static str) {
    match rule {
        VisitRule::Alone => ("up", "VISIT ALONE"),
        VisitRule::InPairs => ("slow", "VISIT IN PAIRS"),
        VisitRule::WithPolice => ("down", "VISIT WITH POLICE"),
        VisitRule::NotAtHome => ("down", "DO NOT VISIT AT HOME"),
    }
}

/// The people of a map in the order of `ids`, those not in the copy left out.
pub fn briefs<'a>(
    ids: impl IntoIterator<Item = &'a RecordId>,
    people: &'a std::collections::BTreeMap<RecordId, Brief>,
) -> Vec<&'a Brief> {
    ids.into_iter().filter_map(|id| people.get(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_as_people_say_them() {
        let now: Timestamp = "2023-03-01T09:00:00Z".parse().unwrap();
        let said = |born: &str, estimated| {
            age(Some(born.parse().unwrap()), estimated, now, &TimeZone::UTC)
        };
        assert_eq!(said("2023-02-27", false), "2 days");
        assert_eq!(said("2022-12-01", false), "3 months");
        assert_eq!(said("2021-06-01", false), "21 months");
        assert_eq!(said("2020-02-14", false), "3 years");
        assert_eq!(said("1983-01-01", true), "about 40 years");
        assert_eq!(said("2023-03-10", false), "not yet born");
        assert_eq!(age(None, false, now, &TimeZone::UTC), "");
    }

    #[test]
    fn a_withheld_address_says_nothing_of_where() {
        let withheld = Whereabouts::Withheld { because: Some("Refuge".into()) };
        assert!(whereabouts(&withheld).starts_with("protected address (Refuge), withheld"));
        assert!(whereabouts(&Whereabouts::NotInThisCopy).contains("not in this copy"));
    }
}
