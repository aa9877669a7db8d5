//! Searching the copy: hits become people, and each row says only what its reader may see.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::PortalError;
use super::copy::Copy;
use super::file::Brief;
use crate::domain::access::{self, Action, Listing};
use crate::domain::records::{
    AlertKind, CaseStatus, Person, Record, RecordId, RecordKey, RecordKind, VisitRule,
};
use crate::domain::session::Session;
use crate::index::Matched;
use crate::vault::segment::SegmentError;

/// Hits looked at.
const HITS_AT_MOST: usize = 120;
/// Rows on a page.
const ROWS_AT_MOST: usize = 25;

/// What somebody looks for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Name, alias, date of birth, case number, address.
    pub text: String,
    pub children_only: bool,
    /// Only people in an open case.
    pub open_only: bool,
    /// Only people of the reader's own cases, teams or shift.
    pub mine_only: bool,
}

/// People found, nearest first.
#[derive(Debug)]
pub struct FoundList {
    pub rows: Vec<Row>,
    /// There may be more than were looked at: looking ends when the page is full.
    pub more: bool,
}

/// One result.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: RecordId,
    pub brief: Brief,
    /// Whether the reader may open it as usual.
    pub open: bool,
    pub matched: Vec<Matched>,
    /// Other names, where the reader may open it.
    pub aliases: Vec<String>,
    /// The address, or why there is none; none where the reader may not know.
    pub household: Option<String>,
    pub alerts: BTreeSet<AlertKind>,
    pub visit: Option<VisitRule>,
    pub team: Option<String>,
    pub case_number: Option<String>,
}

pub(super) async fn find(
    copy: &Copy,
    session: &Session,
    filter: &Filter,
    now: Timestamp,
) -> Result<FoundList, PortalError> {
    let found = copy.index.search(&filter.text, HITS_AT_MOST).await?;
    let mut seen = BTreeSet::new();
    let mut list = FoundList { rows: Vec::new(), more: found.more };
    for hit in found.hits {
        for person in people_of(copy, &hit.key)? {
            if !seen.insert(person.header.id.clone()) {
                continue;
            }
            let Some(row) = row(copy, session, &person, now)? else { continue };
            if !filter.admits(copy, &row, &person)? {
                continue;
            }
            if list.rows.len() == ROWS_AT_MOST {
                return Ok(FoundList { more: true, ..list });
            }
            list.rows.push(Row { matched: hit.matched.clone(), ..row });
        }
    }
    Ok(list)
}

impl Filter {
    fn admits(&self, copy: &Copy, row: &Row, person: &Person) -> Result<bool, SegmentError> {
        if (self.children_only && !row.brief.is_child) || (self.mine_only && !row.open) {
            return Ok(false);
        }
        let cases = if self.open_only { copy.cases_of(&person.header.id)? } else { Vec::new() };
        Ok(!self.open_only || cases.iter().any(|case| case.status != CaseStatus::Closed))
    }
}

/// The people a hit leads to: itself, those of a case or report, those of a household.
fn people_of(copy: &Copy, key: &RecordKey) -> Result<Vec<Person>, SegmentError> {
    let ids = match copy.records.get(key)? {
        Some(Record::Person(person)) => return Ok(vec![person]),
        Some(Record::Household(household)) => {
            let records = copy.records.of_household(&household.header.id, &[RecordKind::Person])?;
            return Ok(records
                .into_iter()
                .filter_map(|record| match record {
                    Record::Person(person) => Some(person),
                    _ => None,
                })
                .collect());
        }
        Some(Record::Case(case)) => case.children.into_iter().chain(case.adults).collect(),
        Some(Record::ConcernReport(report)) => report.people,
        _ => Vec::new(),
    };
    let people: Result<Vec<_>, _> = ids.iter().map(|id| copy.person(id)).collect();
    Ok(people?.into_iter().flatten().collect())
}

/// What a reader sees of a person in a list; none when it must not show at all.
fn row(
    copy: &Copy,
    session: &Session,
    person: &Person,
    now: Timestamp,
) -> Result<Option<Row>, SegmentError> {
    let id = &person.header.id;
    let cases = copy.cases_of(id)?;
    let subject = copy.subject_of(person, &cases, session)?;
    let listing = access::listing(session, &subject, now);
    if listing == Listing::Hidden {
        return Ok(None);
    }
    let case = cases.first();
    let mut row = Row {
        id: id.clone(),
        brief: Brief::of(person, now),
        open: false,
        matched: Vec::new(),
        aliases: Vec::new(),
        household: None,
        alerts: BTreeSet::new(),
        visit: None,
        team: case.and_then(|case| case.team.clone().or_else(|| case.office.clone())),
        case_number: None,
    };
    if listing >= Listing::Alerts {
        add_alerts(copy, person, &mut row)?;
    }
    if let Ok(grant) = access::decide(session, Action::OpenPerson, &subject, None, now) {
        row.open = true;
        row.case_number = case.map(|case| case.number.clone());
        row.aliases = person.aliases.iter().map(|alias| alias.name.clone()).collect();
        row.household = Some(household_words(copy, person, &grant)?);
    }
    Ok(Some(row))
}

fn add_alerts(copy: &Copy, person: &Person, row: &mut Row) -> Result<(), SegmentError> {
    let alerts = &[RecordKind::SafetyAlert];
    let mut records = copy.records.of_person(&person.header.id, alerts)?;
    if let Some(household) = &person.household {
        records.extend(copy.records.of_household(household, alerts)?);
    }
    for record in records {
        if let Record::SafetyAlert(alert) = record {
            row.alerts.insert(alert.kind);
            row.visit = row.visit.max(alert.visit);
        }
    }
    Ok(())
}

fn household_words(
    copy: &Copy,
    person: &Person,
    grant: &access::Grant,
) -> Result<String, SegmentError> {
    let elsewhere = "Protected address, not in this copy".to_owned();
    let Some(id) = &person.household else {
        let nowhere = || "No address recorded".to_owned();
        return Ok(if person.address_withheld { elsewhere } else { nowhere() });
    };
    let Some(household) = copy.household(id)? else { return Ok(elsewhere) };
    let protection = copy.protection(&household)?;
    if !grant.shows_address(&protection) {
        return Ok("Protected address, withheld".to_owned());
    }
    let key = RecordKey { kind: RecordKind::Household, id: id.clone() };
    let others = copy.records.count_of(&key, &[RecordKind::Person]);
    let living = match others.saturating_sub(1) {
        0 => String::new(),
        1 => ", with 1 other".to_owned(),
        others => format!(", with {others} others"),
    };
    Ok(format!("{}{living}", household.address))
}
