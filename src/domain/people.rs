//! Who is who: persons, roles, who holds a role at an instant and how each is reached.
//!
//! It must not decide who is told: that is the playbook's, carried out by `continuity`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::ids::{PersonId, RoleId, RotaId};
use super::notice::Channel;
use super::rota::Rota;

/// Everything `people.yaml` says.
#[derive(Clone, Debug, PartialEq)]
pub struct People {
    /// The zone in which dates in the file are meant.
    pub zone: TimeZone,
    pub persons: BTreeMap<PersonId, Person>,
    pub roles: BTreeMap<RoleId, Role>,
    pub rotas: BTreeMap<RotaId, Rota>,
    pub delegations: Vec<Delegation>,
}

/// One human being.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    pub email: Option<String>,
    /// In international form: `+61…`.
    pub sms: Option<String>,
    pub console: bool,
    /// The agency they belong to, when it is not the department.
    pub agency: Option<String>,
    /// Who answers for somebody of another agency.
    pub sponsor: Option<PersonId>,
    /// The last day on which they hold anything.
    pub until: Option<Date>,
}

/// A function somebody fills.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    pub title: String,
    pub members: Vec<PersonId>,
    pub rota: Option<RotaId>,
    /// Asked when nobody else holds the role.
    pub deputies: Vec<PersonId>,
}

/// Somebody acts for somebody else between two days, both included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    pub from: PersonId,
    pub to: PersonId,
    pub first_day: Date,
    pub last_day: Date,
    pub reason: String,
}

impl People {
    /// Who holds a role at an instant: whose turn it is, or its members; delegations followed,
    /// leavers left out; its deputies when that leaves nobody.
    #[must_use]
    pub fn holders(&self, role: &RoleId, at: Timestamp) -> Vec<&Person> {
        let Some(role) = self.roles.get(role) else { return Vec::new() };
        let on_duty = role.rota.as_ref().and_then(|id| self.rotas.get(id)?.holder(at));
        let members: Vec<&PersonId> = match on_duty {
            Some(person) => vec![person],
            None => role.members.iter().collect(),
        };
        let holders = self.present(members, at);
        if holders.is_empty() { self.present(role.deputies.iter().collect(), at) } else { holders }
    }

    /// Whether a person holds a role at an instant, or is its deputy and so may answer for it.
    #[must_use]
    pub fn may_answer(&self, person: &PersonId, role: &RoleId, at: Timestamp) -> bool {
        let deputies = || {
            let deputies = self.roles.get(role).map(|role| role.deputies.iter().collect());
            self.present(deputies.unwrap_or_default(), at)
        };
        self.holders(role, at).into_iter().chain(deputies()).any(|one| one.id == *person)
    }

    fn present(&self, ids: Vec<&PersonId>, at: Timestamp) -> Vec<&Person> {
        let today = at.to_zoned(self.zone.clone()).date();
        let mut present: Vec<&Person> = Vec::new();
        for id in ids {
            let acting = self
                .delegations
                .iter()
                .find(|d| d.from == *id && d.first_day <= today && today <= d.last_day)
                .map_or(id, |d| &d.to);
            if let Some(person) = self.persons.get(acting)
                && person.until.is_none_or(|until| today <= until)
                && !present.iter().any(|other| other.id == person.id)
            {
                present.push(person);
            }
        }
        present
    }
}

impl Person {
    /// Where this person is reached over a channel; none where they are not.
    #[must_use]
    pub fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => self.email.as_deref(),
            Channel::Sms => self.sms.as_deref(),
            Channel::Console => self.console.then_some(self.id.as_str()),
            Channel::Webhook => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: &str) -> (PersonId, Person) {
        let id = PersonId::new(id).unwrap();
        let person = Person {
            id: id.clone(),
            name: id.to_string(),
            email: Some(format!("{id}@example.org")),
            sms: None,
            console: false,
            agency: None,
            sponsor: None,
            until: None,
        };
        (id, person)
    }

    fn names(people: &People, day: &str) -> Vec<String> {
        let at = format!("{day}T12:00:00Z").parse().unwrap();
        let role = RoleId::new("director").unwrap();
        people.holders(&role, at).iter().map(|person| person.name.clone()).collect()
    }

    #[test]
    fn delegations_leavers_and_deputies() {
        let id = |id: &str| PersonId::new(id).unwrap();
        let role = Role {
            title: "Director".into(),
            members: vec![id("p-a"), id("p-b")],
            rota: None,
            deputies: vec![id("p-c")],
        };
        let mut people = People {
            zone: TimeZone::UTC,
            persons: ["p-a", "p-b", "p-c"].map(person).into(),
            roles: [(RoleId::new("director").unwrap(), role)].into(),
            rotas: BTreeMap::new(),
            delegations: vec![Delegation {
                from: id("p-a"),
                to: id("p-b"),
                first_day: "2023-03-02".parse().unwrap(),
                last_day: "2023-03-03".parse().unwrap(),
                reason: "leave".into(),
            }],
        };
        assert_eq!(names(&people, "2023-03-01"), ["p-a", "p-b"]);
        assert_eq!(names(&people, "2023-03-02"), ["p-b"]);
        for person in people.persons.values_mut().filter(|person| person.name != "p-c") {
            person.until = Some("2023-03-03".parse().unwrap());
        }
        assert_eq!(names(&people, "2023-03-04"), ["p-c"]);
        let role = RoleId::new("director").unwrap();
        let at = "2023-03-01T12:00:00Z".parse().unwrap();
        assert!(people.may_answer(&id("p-c"), &role, at), "a deputy may answer");
        assert!(!people.may_answer(&id("p-z"), &role, at));
    }
}
