//! Gathering what a file is made of: records of the person, the cases and the household, and the
//! people and staff they name.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::copy::Copy;
use super::facts::matter_of;
use super::file::{Brief, ChildAt, Home, PersonFile, Relation, Whereabouts};
use crate::domain::access::{Grant, Matter};
use crate::domain::records::{
    Class, Household, Person, Placement, Record, RecordId, RecordKind, Relationship, Sighting, Tier,
};
use crate::vault::segment::SegmentError;

/// What reading needs at hand.
pub(super) struct Gathering<'a> {
    pub copy: &'a Copy,
    pub grant: &'a Grant,
    pub now: Timestamp,
}

impl Gathering<'_> {
    /// Every record about the person, their cases and their household, once each. Records of a
    /// youth-justice case are of that jurisdiction whatever they say of themselves.
    pub fn records(&self, person: &Person) -> Result<Vec<Record>, SegmentError> {
        let records = &self.copy.records;
        let mut all = records.of_person(&person.header.id, RecordKind::ALL)?;
        let cases = self.copy.cases_of(&person.header.id)?;
        let youth: BTreeSet<&RecordId> = cases
            .iter()
            .filter(|case| case.header.class == Class::YouthJustice)
            .map(|case| &case.header.id)
            .collect();
        for case in &cases {
            all.extend(records.of_case(&case.header.id, RecordKind::ALL)?);
        }
        if let Some(household) = &person.household {
            all.extend(records.of_household(household, &[RecordKind::SafetyAlert])?);
        }
        let crosses = |record: &Record| record.case_ids().iter().any(|case| youth.contains(case));
        let youth_shown = self.grant.shows(Matter::YouthOffending, false);
        let mut seen = BTreeSet::new();
        all.retain(|record| {
            // Somebody else's health is not this person's, though the case is the same.
            seen.insert(record.key()) && (youth_shown || !crosses(record))
        });
        Ok(all)
    }

    /// Where somebody lives or is placed; `withheld` when that is a place of another tier.
    pub fn whereabouts(
        &self,
        household: Option<&RecordId>,
        withheld: bool,
    ) -> Result<Whereabouts, SegmentError> {
        let nowhere =
            || if withheld { Whereabouts::NotInThisCopy } else { Whereabouts::NotRecorded };
        let Some(id) = household else { return Ok(nowhere()) };
        let Some(household) = self.copy.household(id)? else {
            return Ok(Whereabouts::NotInThisCopy);
        };
        self.place(household)
    }

    fn home_of(&self, person: &Person) -> Result<Whereabouts, SegmentError> {
        self.whereabouts(person.household.as_ref(), person.address_withheld)
    }

    fn place(&self, household: Household) -> Result<Whereabouts, SegmentError> {
        let protection = self.copy.protection(&household)?;
        if !self.grant.shows(Matter::Household, household.header.tier == Tier::Restricted)
            || !self.grant.shows_address(&protection)
        {
            return Ok(Whereabouts::Withheld { because: household.protected_because });
        }
        Ok(Whereabouts::At(Home {
            address: household.address,
            telephone: household.telephone,
            access: household.access,
            protected: household.protected,
        }))
    }

    fn brief(&self, id: &RecordId) -> Result<Option<Brief>, SegmentError> {
        Ok(self.copy.person(id)?.map(|person| Brief::of(&person, self.now)))
    }

    pub fn relation(&self, relation: &Relationship) -> Result<Option<Relation>, SegmentError> {
        let own = self.grant.record();
        let (other, words) = if relation.to.as_str() == own {
            (&relation.from, words_of(relation, true))
        } else if relation.from.as_str() == own {
            (&relation.to, words_of(relation, false))
        } else {
            return Ok(None);
        };
        let Some(brief) = self.brief(other)? else { return Ok(None) };
        Ok(Some(Relation {
            brief,
            words,
            contact_restricted: relation.contact_restricted,
            restriction: relation.restriction.clone(),
            ended_on: relation.ended_on,
            lives_with: relation.lives_with,
            carer: relation.carer,
        }))
    }

    /// Fills in home, residents, children and the people and staff that records name.
    pub fn complete(&self, file: &mut PersonFile) -> Result<(), SegmentError> {
        file.home = self.home_of(&file.person)?;
        if let Some(household) = &file.person.household
            && self.grant.shows(Matter::Household, false)
        {
            for record in self.copy.records.of_household(household, &[RecordKind::Person])? {
                if let Record::Person(resident) = record
                    && resident.header.id != file.person.header.id
                {
                    file.residents.push(Brief::of(&resident, self.now));
                }
            }
        }
        let mut children: BTreeSet<RecordId> = BTreeSet::new();
        let own = Brief::of(&file.person, self.now);
        if own.is_child {
            children.insert(own.id);
        } else {
            children.extend(file.cases.iter().flat_map(|case| case.children.iter().cloned()));
        }
        for child in children {
            file.children.extend(self.child(&child)?);
        }
        self.name_people(file)?;
        self.name_staff(file);
        Ok(())
    }

    fn child(&self, id: &RecordId) -> Result<Option<ChildAt>, SegmentError> {
        let Some(person) = self.copy.person(id)? else { return Ok(None) };
        let mut placement: Option<Placement> = None;
        let (mut last_sighted, mut missing) = (None::<Sighting>, None);
        let kinds = &[RecordKind::Placement, RecordKind::Sighting, RecordKind::Missing];
        for record in self.copy.records.of_person(id, kinds)? {
            let header = record.header();
            let matter = matter_of(record.kind(), header.class);
            if !self.grant.shows(matter, header.tier == Tier::Restricted) {
                continue;
            }
            match record {
                Record::Placement(one) if one.child == *id && one.ended_at.is_none() => {
                    let later = |best: &Placement| best.began_at > one.began_at;
                    placement = placement.take().filter(later).or(Some(one));
                }
                Record::Sighting(one) => {
                    let later = |best: &Sighting| best.seen_at > one.seen_at;
                    last_sighted = last_sighted.take().filter(later).or(Some(one));
                }
                Record::Missing(one) if one.found_at.is_none() => missing = Some(one),
                _ => {}
            }
        }
        let elsewhere =
            placement.as_ref().filter(|one| one.household.is_some() || one.address_withheld);
        let at = match elsewhere {
            Some(one) => self.whereabouts(one.household.as_ref(), one.address_withheld)?,
            None => self.home_of(&person)?,
        };
        let placed = placement.map(|one| self.placed_words(&one)).transpose()?;
        let child = Brief::of(&person, self.now);
        Ok(Some(ChildAt { child, placed, at, last_sighted, missing }))
    }

    fn placed_words(&self, placement: &Placement) -> Result<String, SegmentError> {
        let mut names = Vec::new();
        for carer in &placement.carers {
            names.extend(self.brief(carer)?.filter(|brief| !brief.deceased).map(|one| one.name));
        }
        if names.is_empty() {
            names.extend(placement.agency.as_ref().map(|agency| agency.name.clone()));
        }
        Ok(if names.is_empty() {
            placement.kind.clone()
        } else {
            format!("{} with {}", placement.kind, names.join(" and "))
        })
    }

    fn name_people(&self, file: &mut PersonFile) -> Result<(), SegmentError> {
        let mut named: BTreeSet<RecordId> = BTreeSet::new();
        named.extend(
            file.cases.iter().flat_map(|case| case.children.iter().chain(&case.adults)).cloned(),
        );
        named.extend(file.alerts.iter().flat_map(|alert| alert.people.iter()).cloned());
        named.extend(file.orders.iter().flat_map(|order| {
            order.people.iter().chain(&order.restrains).chain(&order.protects).cloned()
        }));
        named.extend(file.placements.iter().flat_map(|(one, _)| one.carers.iter()).cloned());
        named.extend(file.plans.iter().flat_map(|plan| plan.agreed_with.iter()).cloned());
        named.extend(file.contacts.iter().flat_map(|contact| contact.with.iter()).cloned());
        for id in named {
            if let Some(brief) = self.brief(&id)? {
                file.people.insert(id, brief);
            }
        }
        Ok(())
    }

    fn name_staff(&self, file: &mut PersonFile) {
        let of_cases =
            file.cases.iter().flat_map(|case| case.key_worker.iter().chain(&case.supervisor));
        let of_tasks = file.tasks.iter().filter_map(|task| task.owner.as_ref());
        let of_hearings = file.hearings.iter().filter_map(|hearing| hearing.officer.as_ref());
        let of_placements =
            file.placements.iter().filter_map(|(placement, _)| placement.placed_by.as_ref());
        let named: Vec<_> =
            of_cases.chain(of_tasks).chain(of_hearings).chain(of_placements).cloned().collect();
        for staff in named {
            let words = self.copy.staff.words(&staff);
            file.staff.insert(staff.id, words);
        }
    }
}

/// "mother", "sibling": what one is of the other, read in the asked direction.
fn words_of(relation: &Relationship, forwards: bool) -> String {
    use crate::domain::records::RelationshipKind as Kind;
    if forwards && let Some(described) = &relation.described {
        return described.clone();
    }
    let words = match (relation.kind, forwards) {
        (Kind::Parent, true) | (Kind::Child, false) => "parent",
        (Kind::Child, true) | (Kind::Parent, false) => "child",
        (Kind::StepParent, true) => "step-parent",
        (Kind::StepParent, false) => "step-child",
        (Kind::Grandparent, true) => "grandparent",
        (Kind::Grandparent, false) => "grandchild",
        (Kind::Sibling, _) => "sibling",
        (Kind::AuntOrUncle, true) => "aunt or uncle",
        (Kind::AuntOrUncle, false) => "niece or nephew",
        (Kind::Kin, _) => "kin",
        (Kind::Partner, _) => "partner",
        (Kind::ExPartner, _) => "former partner",
        (Kind::Carer, true) => "carer",
        (Kind::Carer, false) => "cared for",
        (Kind::LivesWith, _) => "lives with",
        (Kind::Other, _) => "related",
    };
    words.to_owned()
}
