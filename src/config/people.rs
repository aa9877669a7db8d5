//! `people.yaml`: persons, roles, rotas and delegations, read and checked.
//!
//! It must not decide whether there are enough people for a plan: readiness is `continuity`'s.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::diagnostics::{self, Diagnostics, Faults, nearest};
use crate::domain::ids::{InvalidId, PersonId, RoleId, RotaId};
use crate::domain::people::{Delegation, People, Person, Role};
use crate::domain::rota::{HandOver, Override, Rota};

type Text = Spanned<String>;

/// The word every `people.yaml` begins with.
pub const FORMAT: &str = "holdfast/people/v1";

/// Who is who, who fills which role, and whose turn it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawPeople {
    /// Always `holdfast/people/v1`.
    #[schemars(with = "String")]
    format: Text,
    /// An IANA zone: `Australia/Adelaide`.
    #[schemars(with = "String")]
    zone: Text,
    persons: Vec<RawPerson>,
    roles: BTreeMap<String, RawRole>,
    #[serde(default)]
    rotas: BTreeMap<String, RawRota>,
    #[serde(default)]
    delegations: Vec<RawDelegation>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawPerson {
    #[schemars(with = "PersonId")]
    id: Text,
    name: String,
    #[schemars(with = "Option<String>")]
    email: Option<Text>,
    /// In international form and in quotes: "+61 400 000 000".
    #[schemars(with = "Option<String>")]
    sms: Option<Text>,
    #[serde(default)]
    console: bool,
    /// The agency, for people who are not of the department.
    #[schemars(with = "Option<String>")]
    agency: Option<Text>,
    /// Who answers for somebody of another agency.
    #[schemars(with = "Option<PersonId>")]
    sponsor: Option<Text>,
    /// The last day, in quotes: "2027-03-01".
    #[schemars(with = "Option<String>")]
    until: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawRole {
    #[schemars(with = "String")]
    title: Text,
    #[serde(default)]
    #[schemars(with = "Vec<PersonId>")]
    members: Vec<Text>,
    #[schemars(with = "Option<RotaId>")]
    rota: Option<Text>,
    /// Asked when nobody else holds the role.
    #[serde(default)]
    #[schemars(with = "Vec<PersonId>")]
    deputies: Vec<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawRota {
    /// The file's zone when left out.
    #[schemars(with = "Option<String>")]
    zone: Option<Text>,
    #[schemars(with = "String")]
    starts_on: Text,
    hand_over: RawHandOver,
    #[schemars(with = "Vec<PersonId>")]
    people: Spanned<Vec<Text>>,
    #[serde(default)]
    overrides: Vec<RawOverride>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum RawHandOver {
    /// Local times in quotes: ["08:00", "20:00"].
    Daily(#[schemars(with = "Vec<String>")] Spanned<Vec<Text>>),
    Weekly(RawWeekly),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawWeekly {
    on: RawWeekday,
    #[schemars(with = "String")]
    at: Text,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum RawWeekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawOverride {
    /// Local, in quotes: "2026-12-24T08:00".
    #[schemars(with = "String")]
    from: Text,
    #[schemars(with = "String")]
    until: Text,
    #[schemars(with = "PersonId")]
    person: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RawDelegation {
    #[schemars(with = "PersonId")]
    from: Text,
    #[schemars(with = "PersonId")]
    to: Text,
    #[schemars(with = "String")]
    first_day: Text,
    #[schemars(with = "String")]
    last_day: Text,
    reason: String,
}

/// Reads `people.yaml`.
///
/// # Errors
/// Every fault found, each with its place and what to write instead.
pub fn parse(file: &str, text: &str) -> Result<People, Diagnostics> {
    let raw: RawPeople = diagnostics::parse(file, text)?;
    let mut reader = Reader { faults: Faults::new(file), persons: BTreeSet::new() };
    let people = reader.people(raw);
    reader.faults.finish(people)
}

/// The JSON Schema of `people.yaml`.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(RawPeople).to_value()
}

struct Reader {
    faults: Faults,
    persons: BTreeSet<PersonId>,
}

impl Reader {
    fn people(&mut self, raw: RawPeople) -> People {
        if raw.format.value != FORMAT {
            let message = format!("unknown format '{}': write '{FORMAT}'", raw.format.value);
            self.faults.at(raw.format.defined, message);
        }
        let zone = self.zone(&raw.zone);
        // Ids first: persons refer to one another as sponsors.
        for person in &raw.persons {
            if let Some(id) = self.id::<PersonId>(&person.id)
                && !self.persons.insert(id.clone())
            {
                let message = format!("the person '{id}' stands here twice: keep one");
                self.faults.at(person.id.defined, message);
            }
        }
        let persons = raw.persons.into_iter().filter_map(|person| self.person_of(person)).collect();
        let rotas: BTreeMap<RotaId, Rota> = raw
            .rotas
            .into_iter()
            .filter_map(|(name, rota)| {
                let place = rota.starts_on.defined;
                let id = self.id(&Spanned::new(name, place, place))?;
                Some((id, self.rota(rota, &zone)?))
            })
            .collect();
        let mut roles = BTreeMap::new();
        for (name, role) in raw.roles {
            let place = role.title.defined;
            if let Some(id) = self.id::<RoleId>(&Spanned::new(name, place, place)) {
                roles.insert(id, self.role(role, &rotas));
            }
        }
        let delegations =
            raw.delegations.into_iter().filter_map(|one| self.delegation(one)).collect();
        People { zone, persons, roles, rotas, delegations }
    }

    fn person_of(&mut self, raw: RawPerson) -> Option<(PersonId, Person)> {
        let id = PersonId::new(&raw.id.value).ok()?;
        if let Some(email) = raw.email.as_ref().filter(|email| !looks_like_mail(&email.value)) {
            self.faults.at(email.defined, "this is not an e-mail address: write name@example.org");
        }
        if let Some(sms) = raw.sms.as_ref().filter(|sms| !sms.value.starts_with('+')) {
            self.faults
                .at(sms.defined, "write the number in international form: \"+61 400 000 000\"");
        }
        if let Some(agency) = &raw.agency
            && (raw.sponsor.is_none() || raw.until.is_none())
        {
            let message = "somebody of another agency needs a 'sponsor' and an 'until': add both";
            self.faults.at(agency.defined, message);
        }
        let person = Person {
            id: id.clone(),
            name: raw.name,
            email: raw.email.map(|text| text.value),
            sms: raw.sms.map(|text| text.value),
            console: raw.console,
            agency: raw.agency.map(|text| text.value),
            sponsor: raw.sponsor.as_ref().and_then(|text| self.person(text)),
            until: raw.until.as_ref().and_then(|text| self.date(text)),
        };
        Some((id, person))
    }

    fn role(&mut self, raw: RawRole, rotas: &BTreeMap<RotaId, Rota>) -> Role {
        let members = self.persons(&raw.members);
        let deputies = self.persons(&raw.deputies);
        let rota = raw.rota.as_ref().and_then(|text| {
            let id: RotaId = self.id(text)?;
            if !rotas.contains_key(&id) {
                let message = format!("there is no rota '{id}': add it under 'rotas'");
                self.faults.at(text.defined, message);
            }
            Some(id)
        });
        if raw.members.is_empty() && raw.deputies.is_empty() && raw.rota.is_none() {
            let message = "nobody fills this role: add 'members' or a 'rota'";
            self.faults.at(raw.title.defined, message);
        }
        Role { title: raw.title.value, members, rota, deputies }
    }

    fn rota(&mut self, raw: RawRota, zone: &TimeZone) -> Option<Rota> {
        let zone = raw.zone.as_ref().map_or_else(|| zone.clone(), |text| self.zone(text));
        let people = self.persons(&raw.people.value);
        if raw.people.value.is_empty() {
            self.faults.at(raw.people.defined, "this rota has nobody: add people");
        }
        let overrides = raw
            .overrides
            .iter()
            .filter_map(|one| {
                let from: Option<DateTime> = self.civil(&one.from, "2026-12-24T08:00");
                let until: Option<DateTime> = self.civil(&one.until, "2026-12-24T20:00");
                let (from, until, person) = (from?, until?, self.person(&one.person)?);
                if until <= from {
                    self.faults.at(one.until.defined, "this ends before it begins: swap the two");
                }
                Some(Override { from, until, person })
            })
            .collect();
        let hand_over = self.hand_over(raw.hand_over);
        let starts_on = self.date(&raw.starts_on);
        Some(Rota { zone, starts_on: starts_on?, hand_over: hand_over?, people, overrides })
    }

    fn hand_over(&mut self, raw: RawHandOver) -> Option<HandOver> {
        match raw {
            RawHandOver::Daily(times) => {
                if times.value.is_empty() {
                    self.faults.at(times.defined, "write at least one time: [\"08:00\"]");
                }
                let mut read: Vec<Time> =
                    times.value.iter().filter_map(|text| self.civil(text, "08:00")).collect();
                read.sort();
                (!read.is_empty()).then_some(HandOver::Daily(read))
            }
            RawHandOver::Weekly(RawWeekly { on, at }) => {
                Some(HandOver::Weekly { on: on.into(), at: self.civil(&at, "08:00")? })
            }
        }
    }

    fn delegation(&mut self, raw: RawDelegation) -> Option<Delegation> {
        let (from, to) = (self.person(&raw.from), self.person(&raw.to));
        let (first_day, last_day) = (self.date(&raw.first_day), self.date(&raw.last_day));
        let reason = raw.reason;
        Some(Delegation {
            from: from?,
            to: to?,
            first_day: first_day?,
            last_day: last_day?,
            reason,
        })
    }

    fn persons(&mut self, texts: &[Text]) -> Vec<PersonId> {
        texts.iter().filter_map(|text| self.person(text)).collect()
    }

    /// A person the file has.
    fn person(&mut self, text: &Text) -> Option<PersonId> {
        let id: PersonId = self.id(text)?;
        if !self.persons.contains(&id) {
            let known: Vec<&str> = self.persons.iter().map(PersonId::as_str).collect();
            let hint = match nearest(id.as_str(), &known) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "add them under 'persons'".to_owned(),
            };
            self.faults.at(text.defined, format!("there is no person '{id}': {hint}"));
            return None;
        }
        Some(id)
    }

    fn id<T: TryFrom<String, Error = InvalidId>>(&mut self, text: &Text) -> Option<T> {
        let read = T::try_from(text.value.clone());
        read.map_err(|error| self.faults.at(text.defined, error.to_string())).ok()
    }

    fn zone(&mut self, text: &Text) -> TimeZone {
        TimeZone::get(&text.value).unwrap_or_else(|_| {
            let message = format!(
                "'{}' is not an IANA time zone: write for example 'Australia/Adelaide'",
                text.value
            );
            self.faults.at(text.defined, message);
            TimeZone::UTC
        })
    }

    fn date(&mut self, text: &Text) -> Option<Date> {
        self.civil(text, "2027-03-01")
    }

    fn civil<T: std::str::FromStr>(&mut self, text: &Text, example: &str) -> Option<T> {
        let read = text.value.parse().ok();
        if read.is_none() {
            let message =
                format!("'{}' cannot be read: write it as \"{example}\", in quotes", text.value);
            self.faults.at(text.defined, message);
        }
        read
    }
}

/// Mail itself finds out whether an address exists; this finds slips of the pen.
fn looks_like_mail(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace)
    })
}

impl From<RawWeekday> for Weekday {
    fn from(day: RawWeekday) -> Self {
        match day {
            RawWeekday::Monday => Self::Monday,
            RawWeekday::Tuesday => Self::Tuesday,
            RawWeekday::Wednesday => Self::Wednesday,
            RawWeekday::Thursday => Self::Thursday,
            RawWeekday::Friday => Self::Friday,
            RawWeekday::Saturday => Self::Saturday,
            RawWeekday::Sunday => Self::Sunday,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slip_is_found_at_once() {
        let text = r#"format: holdfast/people/v1
zone: Adelaide
persons:
  - { id: p-a, name: A, email: nobody, sms: "0400 000 000" }
  - { id: p-a, name: B }
  - { id: p-b, name: C, agency: Housing }
roles:
  director: { title: Director, members: [p-c] }
  empty: { title: Empty }
rotas:
  nights: { starts_on: "soon", hand_over: { daily: [] }, people: [] }
"#;
        let faults = parse("people.yaml", text).unwrap_err().to_string();
        let faults: Vec<&str> = faults.lines().collect();
        assert_eq!(
            faults,
            [
                "people.yaml:2:7: 'Adelaide' is not an IANA time zone: write for example \
                 'Australia/Adelaide'",
                "people.yaml:4:32: this is not an e-mail address: write name@example.org",
                "people.yaml:4:45: write the number in international form: \"+61 400 000 000\"",
                "people.yaml:5:11: the person 'p-a' stands here twice: keep one",
                "people.yaml:6:33: somebody of another agency needs a 'sponsor' and an 'until': \
                 add both",
                "people.yaml:8:42: there is no person 'p-c': did you mean 'p-b'?",
                "people.yaml:9:19: nobody fills this role: add 'members' or a 'rota'",
                "people.yaml:11:24: 'soon' cannot be read: write it as \"2027-03-01\", in quotes",
                "people.yaml:11:52: write at least one time: [\"08:00\"]",
                "people.yaml:11:66: this rota has nobody: add people",
            ]
        );
    }
}
