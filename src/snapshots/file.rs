//! One person's file as a grant shows it: every record sorted to its section, addresses withheld
//! where they must be, the people around them in brief.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::copy::Copy;
use super::facts::matter_of;
use super::gather::Gathering;
use crate::domain::access::{Grant, Matter};
use crate::domain::records::{
    Case, CaseStatus, ConcernNarrative, ConcernReport, ContactArrangement, HealthEssentials,
    Hearing, Missing, Note, Order, Person, PersonRole, Placement, Record, RecordId, SafetyAlert,
    SafetyPlan, Sighting, Task, Tier, Transfer, Unborn,
};
use crate::vault::segment::SegmentError;

/// Notes shown; the rest is counted.
const NOTES_AT_MOST: usize = 50;

/// Everything a page may show of a person.
#[derive(Debug)]
pub struct PersonFile {
    pub person: Person,
    pub home: Whereabouts,
    /// Who else lives there.
    pub residents: Vec<Brief>,
    /// Where each child of the cases is now; for a child, the child alone.
    pub children: Vec<ChildAt>,
    pub cases: Vec<Case>,
    pub alerts: Vec<SafetyAlert>,
    pub sightings: Vec<Sighting>,
    pub missing: Vec<Missing>,
    pub unborn: Vec<Unborn>,
    pub relations: Vec<Relation>,
    pub orders: Vec<Order>,
    pub hearings: Vec<Hearing>,
    /// Those in force first, then the latest.
    pub placements: Vec<(Placement, Whereabouts)>,
    pub plans: Vec<SafetyPlan>,
    pub health: Vec<HealthEssentials>,
    pub contacts: Vec<ContactArrangement>,
    pub reports: Vec<ConcernReport>,
    pub narratives: Vec<ConcernNarrative>,
    pub notes: Vec<Note>,
    /// Older notes that are in the copy and not on the page.
    pub notes_left: usize,
    pub tasks: Vec<Task>,
    pub transfers: Vec<Transfer>,
    /// People the file names, by id.
    pub people: BTreeMap<RecordId, Brief>,
    /// Staff the file names, in words.
    pub staff: BTreeMap<RecordId, String>,
    /// How old each section is and where it comes from.
    pub ages: BTreeMap<Matter, SectionAge>,
    /// Matters this reader may not see; said so that absence is not read as "nothing there".
    pub not_for_you: BTreeSet<Matter>,
}

/// A person in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    pub id: RecordId,
    pub name: String,
    pub born_on: Option<Date>,
    pub birth_estimated: bool,
    /// Warn before the name.
    pub deceased: bool,
    pub is_child: bool,
}

/// Where somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// The copy names no household.
    NotRecorded,
    /// It names one that is not in the tier opened: a refuge or a protected carer.
    NotInThisCopy,
    /// There is one, and this page must not show where.
    Withheld {
        because: Option<String>,
    },
    At(Home),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    pub address: String,
    pub telephone: Option<String>,
    pub access: Option<String>,
    /// Shown to this reader, and to be told to nobody.
    pub protected: bool,
}

/// Where a child is now.
#[derive(Clone, Debug)]
pub struct ChildAt {
    pub child: Brief,
    /// "kinship care with Rosie Example", or none at home.
    pub placed: Option<String>,
    pub at: Whereabouts,
    pub last_sighted: Option<Sighting>,
    pub missing: Option<Missing>,
}

/// Somebody related, read as "`brief` is `words` of this person".
#[derive(Clone, Debug)]
pub struct Relation {
    pub brief: Brief,
    pub words: String,
    pub contact_restricted: bool,
    pub restriction: Option<String>,
    pub ended_on: Option<Date>,
    pub lives_with: bool,
    pub carer: bool,
}

/// The newest change in a section, and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionAge {
    pub updated_at: Timestamp,
    pub source: String,
    pub records: usize,
}

impl PersonFile {
    pub(super) fn read(copy: &Copy, grant: &Grant, now: Timestamp) -> Result<Self, SegmentError> {
        let gathering = Gathering { copy, grant, now };
        let id = RecordId::new(grant.record())
            .map_err(|_| SegmentError::Damaged("a grant names no record"))?;
        let person =
            copy.person(&id)?.ok_or(SegmentError::Damaged("a granted person is not there"))?;
        let records = gathering.records(&person)?;
        let mut file = Self::empty(person);
        if !grant.shows(Matter::Culture, false) && file.person.culture.take().is_some() {
            file.not_for_you.insert(Matter::Culture);
        }
        for record in records {
            file.take(record, &gathering)?;
        }
        file.sort(now);
        gathering.complete(&mut file)?;
        Ok(file)
    }

    fn empty(person: Person) -> Self {
        Self {
            person,
            home: Whereabouts::NotRecorded,
            residents: Vec::new(),
            children: Vec::new(),
            cases: Vec::new(),
            alerts: Vec::new(),
            sightings: Vec::new(),
            missing: Vec::new(),
            unborn: Vec::new(),
            relations: Vec::new(),
            orders: Vec::new(),
            hearings: Vec::new(),
            placements: Vec::new(),
            plans: Vec::new(),
            health: Vec::new(),
            contacts: Vec::new(),
            reports: Vec::new(),
            narratives: Vec::new(),
            notes: Vec::new(),
            notes_left: 0,
            tasks: Vec::new(),
            transfers: Vec::new(),
            people: BTreeMap::new(),
            staff: BTreeMap::new(),
            ages: BTreeMap::new(),
            not_for_you: BTreeSet::new(),
        }
    }

    /// Sorts one record to its section, or notes that this reader may not see it.
    fn take(&mut self, record: Record, gathering: &Gathering<'_>) -> Result<(), SegmentError> {
        let header = record.header();
        let matter = matter_of(record.kind(), header.class);
        if !gathering.grant.shows(matter, header.tier == Tier::Restricted) {
            self.not_for_you.insert(matter);
            return Ok(());
        }
        let age = self.ages.entry(matter).or_insert_with(|| SectionAge {
            updated_at: header.updated_at,
            source: header.source.clone(),
            records: 0,
        });
        age.updated_at = age.updated_at.max(header.updated_at);
        age.records += 1;
        match record {
            Record::Case(case) => self.cases.push(case),
            Record::SafetyAlert(alert) => self.alerts.push(alert),
            Record::Sighting(sighting) => self.sightings.push(sighting),
            Record::Missing(missing) => self.missing.push(missing),
            Record::Unborn(unborn) => self.unborn.push(unborn),
            Record::Relationship(relation) => self.relations.extend(gathering.relation(&relation)?),
            Record::Order(order) => self.orders.push(order),
            Record::Hearing(hearing) => self.hearings.push(hearing),
            Record::Placement(placement) => {
                let withheld = placement.address_withheld;
                let at = gathering.whereabouts(placement.household.as_ref(), withheld)?;
                self.placements.push((placement, at));
            }
            Record::SafetyPlan(plan) => self.plans.push(plan),
            Record::HealthEssentials(health) => self.health.push(health),
            Record::ContactArrangement(contact) => self.contacts.push(contact),
            Record::ConcernReport(report) => self.reports.push(report),
            Record::ConcernNarrative(narrative) => self.narratives.push(narrative),
            Record::Note(note) => self.notes.push(note),
            Record::Task(task) => self.tasks.push(task),
            Record::Transfer(transfer) => self.transfers.push(transfer),
            // The person stands above, the household in `home`; staff and conflicts have none.
            Record::Person(_)
            | Record::Household(_)
            | Record::Worker(_)
            | Record::StaffConflict(_) => {}
        }
        Ok(())
    }

    fn sort(&mut self, now: Timestamp) {
        self.cases.sort_by_key(|case| (case.status == CaseStatus::Closed, case.number.clone()));
        self.alerts.sort_by_key(|alert| {
            (std::cmp::Reverse(alert.visit), alert.kind, alert.header.id.clone())
        });
        self.sightings.sort_by_key(|sighting| std::cmp::Reverse(sighting.seen_at));
        self.missing.retain(|missing| missing.found_at.is_none_or(|found| found > now));
        self.orders.sort_by_key(|order| {
            let expired = order.expires_at.is_some_and(|end| end <= now);
            (expired, order.expires_at.unwrap_or(Timestamp::MAX))
        });
        self.hearings.retain(|hearing| hearing.starts_at > now || hearing.outcome.is_none());
        self.hearings.sort_by_key(|hearing| hearing.starts_at);
        self.placements.sort_by_key(|(placement, _)| {
            (placement.ended_at.is_some(), std::cmp::Reverse(placement.began_at))
        });
        self.reports.sort_by_key(|report| std::cmp::Reverse(report.received_on));
        self.narratives.sort_by_key(|narrative| std::cmp::Reverse(narrative.received_at));
        self.notes.sort_by_key(|note| std::cmp::Reverse(note.at));
        self.notes_left = self.notes.len().saturating_sub(NOTES_AT_MOST);
        self.notes.truncate(NOTES_AT_MOST);
        self.tasks.retain(|task| task.done_at.is_none());
        self.tasks.sort_by_key(|task| task.due_at);
    }
}

impl Brief {
    pub(super) fn of(person: &Person, now: Timestamp) -> Self {
        Self {
            id: person.header.id.clone(),
            name: person.name.clone(),
            born_on: person.born_on,
            birth_estimated: person.birth_estimated,
            deceased: person.deceased,
            is_child: is_child(person, now),
        }
    }
}

/// A child by the source's own word, or by age where it says nothing.
fn is_child(person: &Person, now: Timestamp) -> bool {
    match person.role {
        Some(role) => role == PersonRole::Child,
        None => person.born_on.is_some_and(|born| {
            let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
            born.saturating_add(jiff::Span::new().years(18)) > today
        }),
    }
}
