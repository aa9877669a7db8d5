//! From records to the facts a decision is made on, and which matter each record is of.

use std::collections::BTreeSet;

use super::copy::Copy;
use crate::domain::access::{AddressProtection, CaseTie, Jurisdiction, Matter, Ring, Subject};
use crate::domain::records::{
    Case, CaseStatus, Class, Household, Person, Record, RecordId, RecordKey, RecordKind, Tier,
};
use crate::domain::session::Session;
use crate::vault::segment::SegmentError;

impl Copy {
    /// The facts about a person's file; none when there is no such person in this copy.
    ///
    /// Addresses are gathered only for somebody who declared one of their own to compare with.
    pub(super) fn subject(
        &self,
        id: &RecordId,
        session: &Session,
    ) -> Result<Option<Subject>, SegmentError> {
        let Some(person) = self.person(id)? else { return Ok(None) };
        self.subject_of(&person, &self.cases_of(id)?, session).map(Some)
    }

    /// The same of a person and cases that were read already.
    pub(super) fn subject_of(
        &self,
        person: &Person,
        cases: &[Case],
        session: &Session,
    ) -> Result<Subject, SegmentError> {
        let id = &person.header.id;
        let mut family: BTreeSet<RecordId> = [id.clone()].into();
        for case in cases {
            family.extend(case.children.iter().chain(&case.adults).cloned());
        }
        for record in self.records.of_person(id, &[RecordKind::Relationship])? {
            if let Record::Relationship(relation) = record {
                family.extend([relation.from, relation.to]);
            }
        }
        let addresses = match &session.account.home_address {
            Some(_) => self.addresses_of(&family)?,
            None => Vec::new(),
        };
        let jurisdictions = match cases {
            [] => [jurisdiction_of(person.header.class)].into(),
            cases => cases.iter().map(|case| jurisdiction_of(case.header.class)).collect(),
        };
        let case_ids = cases.iter().map(|case| &case.header.id);
        let conflicted = self.conflicts.among(family.iter(), case_ids);
        let ties: Result<Vec<_>, _> = cases.iter().map(|case| self.tie(case)).collect();
        Ok(Subject {
            record: id.to_string(),
            matter: person_matter(person.header.class),
            restricted: person.header.tier == Tier::Restricted,
            jurisdictions,
            cases: ties?,
            family: family.iter().map(ToString::to_string).collect(),
            addresses,
            conflicted,
            ring: self.ring(cases, session),
        })
    }

    fn tie(&self, case: &Case) -> Result<CaseTie, SegmentError> {
        let key = RecordKey { kind: RecordKind::Case, id: case.header.id.clone() };
        let at_court = [RecordKind::Order, RecordKind::Hearing];
        let before_court = self.records.count_of(&key, &at_court) > 0;
        let parties = [&case.accountability.case_management, &case.accountability.safety];
        let agencies = case
            .agency
            .iter()
            .chain(parties.into_iter().flatten().map(|party| &party.name))
            .chain(case.accountability.contracted_tasks.iter().map(|party| &party.name));
        let staff = |staff: &Option<crate::domain::records::StaffRef>| {
            staff.as_ref().map(|staff| staff.id.to_string())
        };
        Ok(CaseTie {
            case: case.header.id.to_string(),
            team: case.team.clone(),
            office: case.office.clone(),
            key_worker: staff(&case.key_worker),
            agencies: agencies.cloned().collect(),
            unallocated: case.key_worker.is_none() && case.status != CaseStatus::Closed,
            supervised_by: staff(&case.supervisor),
            before_court,
        })
    }

    fn addresses_of(&self, family: &BTreeSet<RecordId>) -> Result<Vec<String>, SegmentError> {
        let mut households = BTreeSet::new();
        for id in family {
            households.extend(self.person(id)?.and_then(|person| person.household));
        }
        let mut addresses = Vec::new();
        for id in &households {
            addresses.extend(self.household(id)?.map(|household| household.address));
        }
        Ok(addresses)
    }

    /// Whom to ring: for a conflict whom the list names, else the key worker, else the team.
    fn ring(&self, cases: &[Case], session: &Session) -> Ring {
        let instead =
            session.account.staff_id.as_ref().and_then(|id| self.conflicts.ring_instead(id));
        if let Some(instead) = instead {
            return Ring { who: instead.clone(), phone: None };
        }
        let Some(case) = cases.first() else {
            return Ring { who: "The duty line".to_owned(), phone: None };
        };
        let answering = case.key_worker.as_ref().or(case.supervisor.as_ref());
        let team = case.team.clone().or_else(|| case.office.clone());
        let team = team.unwrap_or_else(|| "The duty line".to_owned());
        let phone = answering.map(|staff| self.staff.words(staff));
        Ring { who: team, phone }
    }

    /// From whom a household's address is kept: those named and their kin, residents excepted.
    pub(super) fn protection(
        &self,
        household: &Household,
    ) -> Result<AddressProtection, SegmentError> {
        if !household.protected {
            return Ok(AddressProtection::default());
        }
        let mut kept_from: BTreeSet<RecordId> = household.withheld_from.iter().cloned().collect();
        for named in &household.withheld_from {
            for record in self.records.of_person(named, &[RecordKind::Relationship])? {
                if let Record::Relationship(relation) = record {
                    kept_from.extend([relation.from, relation.to]);
                }
            }
        }
        for record in self.records.of_household(&household.header.id, &[RecordKind::Person])? {
            if let Record::Person(resident) = record {
                kept_from.remove(&resident.header.id);
            }
        }
        let kept_from = kept_from.iter().map(ToString::to_string).collect();
        Ok(AddressProtection { protected: true, kept_from })
    }
}

fn jurisdiction_of(class: Class) -> Jurisdiction {
    match class {
        Class::YouthJustice => Jurisdiction::YouthJustice,
        _ => Jurisdiction::ChildProtection,
    }
}

fn person_matter(class: Class) -> Matter {
    match class {
        Class::General | Class::Safety | Class::YouthJustice => Matter::Identity,
        // A person as a whole is none of these: a mapping at fault must not widen anything.
        Class::IntakeNarrative | Class::Health | Class::Legal => Matter::Unknown,
    }
}

/// The matter a record is of. A combination that is not expected is unknown, and so refused.
#[must_use]
pub(super) fn matter_of(kind: RecordKind, class: Class) -> Matter {
    match (class, kind) {
        (_, RecordKind::ConcernNarrative) | (Class::IntakeNarrative, _) => Matter::ReportNarrative,
        (Class::YouthJustice, RecordKind::Person) => Matter::Identity,
        (Class::YouthJustice, _) => Matter::YouthOffending,
        // Legal advice is restricted or not captured; in the standard tier it is a mistake.
        (Class::Legal, RecordKind::Note) | (_, RecordKind::StaffConflict) => Matter::Unknown,
        (_, RecordKind::Person) => Matter::Identity,
        (_, RecordKind::Household | RecordKind::Relationship) => Matter::Household,
        (_, RecordKind::Case | RecordKind::Worker | RecordKind::Transfer) => Matter::Responsibility,
        (_, RecordKind::ConcernReport) => Matter::Concern,
        (
            _,
            RecordKind::SafetyAlert
            | RecordKind::Sighting
            | RecordKind::Missing
            | RecordKind::Unborn,
        ) => Matter::Safety,
        (_, RecordKind::SafetyPlan) => Matter::SafetyPlan,
        (_, RecordKind::Order | RecordKind::Hearing) => Matter::Legal,
        (_, RecordKind::Placement) => Matter::Placement,
        (_, RecordKind::HealthEssentials) | (Class::Health, _) => Matter::Health,
        (_, RecordKind::ContactArrangement) => Matter::Contact,
        (_, RecordKind::Note) => Matter::Note,
        (_, RecordKind::Task) => Matter::Task,
    }
}
