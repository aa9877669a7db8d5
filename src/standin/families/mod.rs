//! Generates the synthetic families, their cases and the staff who carry them.
//!
//! The same seed, number of people and `now` give the same records. Everything is dated from `now`,
//! so that the demo looks current. No record is of anybody: streets are Example Streets, telephone
//! numbers are (08) 5550 xxxx.

mod care;
mod casework;
mod danger_records;
mod forms;
mod household;
mod kin_records;
mod legal;
pub(super) mod names;
mod report_records;
mod situation_records;
pub mod staff;
mod texts;
mod when;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::draw::Draw;
use super::model::people::Person;
use super::register::Register;
use when::When;

/// How much is generated, from what, and as of when.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub seed: u64,
    /// Persons, situations included; never fewer than the situations need.
    pub people: usize,
    pub now: Timestamp,
}

/// Makes every record.
#[must_use]
pub fn generate(settings: Settings) -> Register {
    let mut draft = Draft::new(settings);
    staff::add_workers(&mut draft);
    situation_records::add(&mut draft);
    while draft.register.persons.len() < settings.people {
        let room = settings.people - draft.register.persons.len();
        let family = household::add_family(&mut draft, room);
        if !family.fosters && draft.draw.chance(85) {
            casework::add_case(&mut draft, &family);
        }
    }
    draft.register
}

/// The records so far and what the next ones are made from.
struct Draft {
    register: Register,
    draw: Draw,
    when: When,
    /// Approved foster households, into which children are placed.
    foster_homes: Vec<FosterHome>,
    /// How many open cases each worker carries.
    caseloads: BTreeMap<String, usize>,
}

#[derive(Clone, Debug)]
struct FosterHome {
    household_id: String,
    carer_ids: Vec<String>,
}

/// A family as the makers of cases need it.
#[derive(Clone, Debug)]
struct Family {
    office: &'static staff::Office,
    household_id: String,
    adults: Vec<Person>,
    children: Vec<Person>,
    /// A parent of the children who lives elsewhere.
    elsewhere: Option<Person>,
    fosters: bool,
}

impl Draft {
    fn new(settings: Settings) -> Self {
        let when = When::new(settings.now);
        Self {
            register: Register::new(when.now()),
            draw: Draw::new(settings.seed),
            when,
            foster_homes: Vec::new(),
            caseloads: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ops::Bound;

    use super::*;
    use crate::standin::export::{self, PageRequest};
    use crate::standin::register::Kind;

    fn settings(seed: u64, people: usize) -> Settings {
        Settings { seed, people, now: "2023-03-01T22:30:00Z".parse().unwrap() }
    }

    fn everything(register: &Register) -> Vec<Vec<u8>> {
        let request = PageRequest { limit: Some(2000), ..PageRequest::default() };
        Kind::ALL
            .iter()
            .map(|kind| export::page(register, *kind, &request, Timestamp::UNIX_EPOCH).unwrap())
            .collect()
    }

    #[test]
    fn a_seed_makes_the_same_families_again() {
        let first = everything(&generate(settings(7, 400)));
        assert!(first == everything(&generate(settings(7, 400))));
        assert!(first != everything(&generate(settings(8, 400))));
    }

    #[test]
    fn as_many_people_as_asked_and_every_kind_of_record() {
        let register = generate(settings(1, 1000));
        assert_eq!(register.persons.len(), 1000);
        for kind in Kind::ALL {
            assert!(register.counts(*kind).0 > 0, "no {}", kind.as_str());
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let register = generate(settings(2, 1000));
        let people: BTreeSet<&str> = register.persons.iter().map(|p| p.id.as_str()).collect();
        for case in register.cases.iter() {
            assert!(!case.child_ids.is_empty(), "{} has no child", case.id);
            for id in case.child_ids.iter().chain(&case.adult_ids) {
                assert!(people.contains(id.as_str()), "{} names {id}", case.id);
            }
            for id in case.key_worker_id.iter().chain([&case.supervisor_id]) {
                assert!(register.workers.get(id).is_some(), "{} names {id}", case.id);
            }
            assert_eq!(case.unallocated, case.key_worker_id.is_none());
        }
        for relationship in register.relationships.iter() {
            assert!(people.contains(relationship.person_id.as_str()));
            assert!(people.contains(relationship.other_id.as_str()));
        }
        for placement in register.placements.iter() {
            assert!(people.contains(placement.child_id.as_str()));
            let home = placement.household_id.as_deref();
            assert!(home.is_none_or(|id| register.households.get(id).is_some()));
        }
        for note in register.notes.iter() {
            assert!(register.cases.get(&note.case_id).is_some());
            assert!(register.workers.get(&note.author_id).is_some(), "{}", note.author_id);
        }
        for hearing in register.hearings.iter() {
            assert!(register.workers.get(&hearing.court_officer_id).is_some());
        }
    }

    #[test]
    fn nothing_changed_after_now() {
        let settings = settings(3, 500);
        let register = generate(settings);
        let start = Bound::Excluded((settings.now, "~".into()));
        assert!(register.notes.changes(start.clone(), 10).changes.is_empty());
        assert!(register.persons.changes(start, 10).changes.is_empty());
    }

    #[test]
    fn nobody_can_be_reached_by_what_is_written() {
        let register = generate(settings(4, 600));
        for home in register.households.iter() {
            assert!(home.address.street.contains("Example"), "{}", home.address.street);
        }
        for person in register.persons.iter() {
            assert!(person.phone.iter().all(|phone| phone.starts_with("(08) 5550 ")));
            assert!(person.email.iter().all(|email| email.ends_with(".example")));
        }
    }
}
