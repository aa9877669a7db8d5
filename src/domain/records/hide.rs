//! Taking references to restricted records out of standard ones.
//!
//! The standard tier may not even say that a restricted record exists: somebody who opens it would
//! learn that a person is in a refuge. A record that makes no sense without its reference belongs
//! to the restricted tier as a whole.

use super::{Record, RecordId, RecordKind, StaffRef};

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Hidden {
    /// It refers to no hidden record any more.
    Clean(Record),
    /// It is about a hidden record and is to be hidden too.
    AboutHidden(Record),
}

impl Record {
    /// Removes every reference to a record for which `hidden` is true.
    #[must_use]
    pub fn without(mut self, hidden: &dyn Fn(RecordKind, &RecordId) -> bool) -> Hidden {
        if about(&self).into_iter().any(|(kind, id)| hidden(kind, id)) {
            return Hidden::AboutHidden(self);
        }
        for (kind, ids) in lists(&mut self) {
            ids.retain(|id| !hidden(kind, id));
        }
        let somewhere = self.home().is_some_and(|(household, _)| household.is_some());
        for (kind, id) in singles(&mut self) {
            if id.as_ref().is_some_and(|id| hidden(kind, id)) {
                *id = None;
            }
        }
        for staff in staff(&mut self) {
            if staff.as_ref().is_some_and(|staff| hidden(RecordKind::Worker, &staff.id)) {
                *staff = None;
            }
        }
        if let Some((household, withheld)) = self.home() {
            *withheld |= somewhere && household.is_none();
        }
        Hidden::Clean(self)
    }

    /// Where somebody lives or is placed, and the mark that it is not for this tier.
    fn home(&mut self) -> Option<(&Option<RecordId>, &mut bool)> {
        match self {
            Self::Person(record) => Some((&record.household, &mut record.address_withheld)),
            Self::Placement(record) => Some((&record.household, &mut record.address_withheld)),
            _ => None,
        }
    }
}

fn lists(record: &mut Record) -> Vec<(RecordKind, &mut Vec<RecordId>)> {
    use RecordKind::{Case, Person};
    match record {
        Record::Household(record) => vec![(Person, &mut record.withheld_from)],
        Record::Case(record) => {
            vec![(Person, &mut record.children), (Person, &mut record.adults)]
        }
        Record::StaffConflict(record) => {
            vec![(Person, &mut record.people), (Case, &mut record.cases)]
        }
        Record::ConcernReport(record) => vec![(Person, &mut record.people)],
        Record::ConcernNarrative(record) => vec![(Person, &mut record.people)],
        Record::SafetyAlert(record) => vec![(Person, &mut record.people)],
        Record::SafetyPlan(record) => {
            vec![(Person, &mut record.people), (Person, &mut record.agreed_with)]
        }
        Record::Order(record) => {
            vec![(Person, &mut record.people), (Person, &mut record.protects)]
        }
        Record::Hearing(record) => vec![(Person, &mut record.people)],
        Record::Placement(record) => vec![(Person, &mut record.carers)],
        Record::ContactArrangement(record) => vec![(Person, &mut record.with)],
        Record::Note(record) => vec![(Person, &mut record.people)],
        Record::Task(record) => vec![(Person, &mut record.people)],
        Record::Transfer(record) => vec![(Person, &mut record.people)],
        _ => Vec::new(),
    }
}

fn singles(record: &mut Record) -> Vec<(RecordKind, &mut Option<RecordId>)> {
    use RecordKind::{Case, ConcernReport, Household, Order, Person, Worker};
    match record {
        Record::Person(record) => vec![(Household, &mut record.household)],
        Record::SafetyAlert(record) => vec![(Household, &mut record.household)],
        Record::Placement(record) => {
            vec![(Household, &mut record.household), (Case, &mut record.case)]
        }
        Record::Sighting(record) => vec![(Worker, &mut record.worker)],
        Record::Order(record) => vec![(Person, &mut record.restrains)],
        Record::Hearing(record) => vec![(Order, &mut record.order)],
        Record::ContactArrangement(record) => vec![(Case, &mut record.case)],
        Record::Task(record) => vec![(ConcernReport, &mut record.report)],
        _ => Vec::new(),
    }
}

fn staff(record: &mut Record) -> Vec<&mut Option<StaffRef>> {
    match record {
        Record::Worker(record) => vec![&mut record.supervisor],
        Record::Case(record) => vec![&mut record.key_worker, &mut record.supervisor],
        Record::Hearing(record) => vec![&mut record.officer],
        Record::Task(record) => vec![&mut record.owner],
        Record::Placement(record) => vec![&mut record.placed_by],
        _ => Vec::new(),
    }
}

/// What a record is about: without it there is nothing left to say.
fn about(record: &Record) -> Vec<(RecordKind, &RecordId)> {
    use RecordKind::{ConcernReport, Person, Worker};
    match record {
        Record::Relationship(record) => vec![(Person, &record.from), (Person, &record.to)],
        Record::Sighting(record) => vec![(Person, &record.person)],
        Record::Missing(record) => vec![(Person, &record.person)],
        Record::Unborn(record) => vec![(Person, &record.person)],
        Record::HealthEssentials(record) => vec![(Person, &record.person)],
        Record::Placement(record) => vec![(Person, &record.child)],
        Record::ContactArrangement(record) => vec![(Person, &record.child)],
        Record::ConcernNarrative(record) => {
            let case = record.case.iter().map(|id| (RecordKind::Case, id));
            case.chain([(ConcernReport, &record.report)]).collect()
        }
        Record::StaffConflict(record) => vec![(Worker, &record.worker)],
        Record::Case(_) | Record::Person(_) | Record::Household(_) | Record::Worker(_) => vec![],
        // Notes, tasks, hearings and the like of a restricted case tell of it in words.
        _ => record.case_ids().into_iter().map(|id| (RecordKind::Case, id)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: &str, fields: serde_json::Value) -> Record {
        let mut fields = fields;
        fields["header"] = serde_json::json!({
            "id": "X-1", "tier": "standard", "class": "general", "source": "c3ms",
            "source_version": "1", "updated_at": "2023-03-01T00:00:00Z"
        });
        serde_json::from_value(serde_json::json!({ kind: fields })).unwrap()
    }

    fn hide(record: Record, hidden_id: &str) -> Hidden {
        record.without(&|_, id| id.as_str() == hidden_id)
    }

    #[test]
    fn a_refuge_leaves_a_mark_and_no_id() {
        let person = record("person", serde_json::json!({"name": "A", "household": "H-9"}));
        let Hidden::Clean(Record::Person(person)) = hide(person, "H-9") else { panic!("clean") };
        assert_eq!((person.household, person.address_withheld), (None, true));
        let placed = serde_json::json!({"child": "P-1", "kind": "Foster care",
            "began_at": "2023-03-01T00:00:00Z", "household": "H-9"});
        let placed = hide(record("placement", placed), "H-9");
        let Hidden::Clean(Record::Placement(placed)) = placed else { panic!("clean") };
        assert_eq!((placed.household, placed.address_withheld), (None, true));
    }

    #[test]
    fn what_is_about_a_hidden_record_is_hidden_too() {
        let kin = serde_json::json!({"from": "P-1", "to": "P-9", "kind": "parent"});
        assert!(matches!(hide(record("relationship", kin), "P-9"), Hidden::AboutHidden(_)));
        let note = serde_json::json!(
            {"case": "C-9", "people": ["P-1"], "at": "2023-03-01T00:00:00Z", "text": "t"});
        assert!(matches!(hide(record("note", note.clone()), "C-9"), Hidden::AboutHidden(_)));
        let Hidden::Clean(Record::Note(note)) = hide(record("note", note), "P-1") else {
            panic!("clean")
        };
        assert!(note.people.is_empty());
    }
}
