//! What has a clock: responses, visits, filings and hearings, for the cases somebody works on.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::copy::Copy;
use super::facts::matter_of;
use super::file::Brief;
use super::staff::Staff;
use crate::domain::access::{self, Action};
use crate::domain::records::{Record, RecordId, RecordKind, TaskKind};
use crate::domain::session::Session;
use crate::vault::records::Records;
use crate::vault::segment::SegmentError;

/// Rows on a page; the rest is counted.
const ROWS_AT_MOST: usize = 200;

/// Something with a clock.
#[derive(Clone, Debug)]
pub struct DueItem {
    pub record: RecordId,
    pub kind: DueKind,
    pub due_at: Timestamp,
    pub title: String,
    /// Where a hearing is, what is to be filed.
    pub place: Option<String>,
    pub case: Option<RecordId>,
    pub people: Vec<RecordId>,
    /// Who has it, in words; none when nobody has.
    pub owner: Option<String>,
    matter: access::Matter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DueKind {
    Response,
    Visit,
    Hearing,
    Filing,
    Other,
}

impl DueKind {
    /// The word on pages.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Response => "Response",
            Self::Visit => "Visit",
            Self::Hearing => "Hearing",
            Self::Filing => "Filing",
            Self::Other => "Task",
        }
    }
}

/// What is due, most overdue first.
#[derive(Debug)]
pub struct DueList {
    pub items: Vec<DueItem>,
    /// How many there are for this reader, of which `items` are the first.
    pub of: usize,
    /// People the items name.
    pub people: BTreeMap<RecordId, Brief>,
}

/// How much falls due in an outage: counts, nobody's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Impact {
    pub responses: u64,
    pub visits: u64,
    pub hearings: u64,
    pub filings: u64,
    /// Different people they are about.
    pub people: u64,
}

/// Everything with a clock that is not done, soonest first.
pub(super) fn gather(records: &Records, staff: &Staff) -> Result<Vec<DueItem>, SegmentError> {
    let mut items = Vec::new();
    for record in records.of_kind(RecordKind::Task)? {
        items.extend(of_task(staff, record));
    }
    for record in records.of_kind(RecordKind::Hearing)? {
        items.extend(of_hearing(staff, record));
    }
    items.sort_by_key(|item| (item.due_at, item.record.clone()));
    Ok(items)
}

fn of_task(staff: &Staff, record: Record) -> Option<DueItem> {
    let Record::Task(task) = record else { return None };
    if task.done_at.is_some() {
        return None;
    }
    let kind = match task.kind {
        TaskKind::Response => DueKind::Response,
        TaskKind::Visit => DueKind::Visit,
        TaskKind::Filing => DueKind::Filing,
        TaskKind::Review | TaskKind::HealthCheck | TaskKind::Other => DueKind::Other,
    };
    Some(DueItem {
        matter: matter_of(RecordKind::Task, task.header.class),
        record: task.header.id,
        kind,
        due_at: task.due_at?,
        title: task.title,
        place: None,
        case: task.case,
        people: task.people,
        owner: task.owner.map(|owner| staff.words(&owner)),
    })
}

fn of_hearing(staff: &Staff, record: Record) -> Vec<DueItem> {
    let Record::Hearing(hearing) = record else { return Vec::new() };
    if hearing.outcome.is_some() {
        return Vec::new();
    }
    let court = [hearing.court.clone(), hearing.room.clone()];
    let place: Vec<String> = court.into_iter().flatten().collect();
    let listed = DueItem {
        matter: matter_of(RecordKind::Hearing, hearing.header.class),
        record: hearing.header.id.clone(),
        kind: DueKind::Hearing,
        due_at: hearing.starts_at,
        title: hearing.kind,
        place: (!place.is_empty()).then(|| place.join(", ")),
        case: hearing.case,
        people: hearing.people,
        owner: hearing.officer.map(|officer| staff.words(&officer)),
    };
    let filing = hearing.filing_due_at.filter(|_| hearing.filed_at.is_none()).map(|due_at| {
        let title = hearing.filing.unwrap_or_else(|| format!("File for: {}", listed.title));
        DueItem { kind: DueKind::Filing, due_at, title, ..listed.clone() }
    });
    filing.into_iter().chain([listed]).collect()
}

/// The items until an instant that somebody may see, most overdue first.
pub(super) fn list(
    copy: &Copy,
    session: &Session,
    action: Action,
    (until, now): (Timestamp, Timestamp),
) -> Result<DueList, SegmentError> {
    let mut entitled = Entitled { copy, session, action, now, known: BTreeMap::new() };
    let court_only = action == Action::ReadCourt;
    let mut list = DueList { items: Vec::new(), of: 0, people: BTreeMap::new() };
    for item in copy.due.iter().filter(|item| item.due_at < until) {
        let at_court = matches!(item.kind, DueKind::Hearing | DueKind::Filing);
        if (court_only && !at_court) || !entitled.to(item)? {
            continue;
        }
        list.of += 1;
        if list.items.len() >= ROWS_AT_MOST {
            continue;
        }
        for id in &item.people {
            if let Some(person) = copy.person(id)? {
                list.people.insert(id.clone(), Brief::of(&person, now));
            }
        }
        list.items.push(item.clone());
    }
    Ok(list)
}

/// Whether somebody may see items about these people; each person is decided once.
struct Entitled<'a> {
    copy: &'a Copy,
    session: &'a Session,
    action: Action,
    now: Timestamp,
    known: BTreeMap<RecordId, Option<access::Grant>>,
}

impl Entitled<'_> {
    /// Every person the item names must be open to the reader: one conflict closes it.
    fn to(&mut self, item: &DueItem) -> Result<bool, SegmentError> {
        let mut people = item.people.clone();
        if people.is_empty()
            && let Some(case) = &item.case
            && let Some(Record::Case(case)) = self.copy.get(RecordKind::Case, case)?
        {
            people = case.children;
        }
        for person in &people {
            if !self.shows(person, item.matter)? {
                return Ok(false);
            }
        }
        Ok(!people.is_empty())
    }

    fn shows(&mut self, person: &RecordId, matter: access::Matter) -> Result<bool, SegmentError> {
        if !self.known.contains_key(person) {
            let subject = self.copy.subject(person, self.session)?;
            let decided = subject.and_then(|subject| {
                access::decide(self.session, self.action, &subject, None, self.now).ok()
            });
            self.known.insert(person.clone(), decided);
        }
        let grant = self.known.get(person).and_then(Option::as_ref);
        Ok(grant.is_some_and(|grant| grant.shows(matter, false)))
    }
}

/// Counts between two instants, over everybody.
pub(super) fn impact(copy: &Copy, from: Timestamp, until: Timestamp) -> Impact {
    let mut impact = Impact::default();
    let mut people = std::collections::BTreeSet::new();
    for item in copy.due.iter().filter(|item| from <= item.due_at && item.due_at < until) {
        match item.kind {
            DueKind::Response => impact.responses += 1,
            DueKind::Visit => impact.visits += 1,
            DueKind::Hearing => impact.hearings += 1,
            DueKind::Filing => impact.filings += 1,
            DueKind::Other => continue,
        }
        people.extend(&item.people);
    }
    impact.people = people.len() as u64;
    impact
}
