//! Life goes on: adds, changes and deletes records as a working day does.
//!
//! So that incremental capture has something to do. The documented situations keep what makes
//! them; new notes may join them.

use jiff::Timestamp;
use serde::Serialize;

use super::draw::Draw;
use super::model::casework::{AlertKind, NoteClass, NoteVersion, SafetyAlert};
use super::model::people::Sighting;
use super::model::{Row, Sensitivity};
use super::register::{Kind, Register, Table};

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    pub added: usize,
    pub changed: usize,
    pub deleted: usize,
}

/// Makes `count` changes, each with an instant of its own; fewer where only situations are left.
pub fn go_on(register: &mut Register, draw: &mut Draw, count: usize, now: Timestamp) -> Changes {
    let mut changes = Changes::default();
    for _ in 0..count {
        let at = register.next_change_at(now);
        let done = match draw.below(10) {
            0..=3 => add_note(register, draw, at),
            4 => add_alert(register, draw, at),
            5 => correct_note(register, draw, at),
            6 | 7 => sight_child(register, draw, at),
            8 => delete_note(register, draw, at),
            _ => delete_alert(register, draw, at),
        };
        match done {
            Some(Done::Added) => changes.added += 1,
            Some(Done::Changed) => changes.changed += 1,
            Some(Done::Deleted) => changes.deleted += 1,
            None => {}
        }
    }
    changes
}

enum Done {
    Added,
    Changed,
    Deleted,
}

/// A generated record of the table, because the situations must stay; none when there is none.
fn drawn<'a, T: Row>(kind: Kind, table: &'a Table<T>, draw: &mut Draw) -> Option<&'a T> {
    let start = draw.below(table.len());
    let in_turn = table.iter().skip(start).chain(table.iter().take(start));
    in_turn.into_iter().find(|row| kind.is_generated(row.id()))
}

fn add_note(register: &mut Register, draw: &mut Draw, at: Timestamp) -> Option<Done> {
    let mut note = drawn(Kind::Notes, &register.notes, draw)?.clone();
    note.id = register.next_id(Kind::Notes);
    note.class = NoteClass::Casework;
    note.updated_at = at;
    note.written_at = at;
    note.happened_at = at;
    note.text = "Rang this morning: no change since the last visit.".to_owned();
    note.version = 1;
    note.history.clear();
    register.notes.put(note);
    Some(Done::Added)
}

fn add_alert(register: &mut Register, draw: &mut Draw, at: Timestamp) -> Option<Done> {
    let household_id = drawn(Kind::Households, &register.households, draw)?.id.clone();
    let id = register.next_id(Kind::SafetyAlerts);
    register.safety_alerts.put(SafetyAlert {
        id,
        updated_at: at,
        kind: AlertKind::Dog,
        person_id: None,
        household_id: Some(household_id),
        case_id: None,
        text: "New dog in the yard; ring before entering.".to_owned(),
        raised_at: at,
        raised_by: "Duty worker".to_owned(),
        review_on: None,
        sensitivity: Sensitivity::Standard,
    });
    Some(Done::Added)
}

fn correct_note(register: &mut Register, draw: &mut Draw, at: Timestamp) -> Option<Done> {
    let mut note = drawn(Kind::Notes, &register.notes, draw)?.clone();
    note.history.push(NoteVersion {
        version: note.version,
        written_at: note.written_at,
        author_id: note.author_id.clone(),
        text: note.text.clone(),
        corrected_because: "Typing error".to_owned(),
    });
    note.version += 1;
    note.text.push_str(" (Typing error corrected.)");
    note.written_at = at;
    note.updated_at = at;
    register.notes.put(note);
    Some(Done::Changed)
}

fn sight_child(register: &mut Register, draw: &mut Draw, at: Timestamp) -> Option<Done> {
    let mut person = drawn(Kind::Persons, &register.persons, draw)?.clone();
    person.last_sighted = Some(Sighting {
        at,
        by_worker_id: None,
        by: "Duty worker".to_owned(),
        place: "at home".to_owned(),
    });
    person.updated_at = at;
    register.persons.put(person);
    Some(Done::Changed)
}

fn delete_note(register: &mut Register, draw: &mut Draw, at: Timestamp) -> Option<Done> {
    let id = drawn(Kind::Notes, &register.notes, draw)?.id.clone();
    register.notes.delete(&id, at).then_some(Done::Deleted)
}

fn delete_alert(register: &mut Register, draw: &mut Draw, at: Timestamp) -> Option<Done> {
    let id = drawn(Kind::SafetyAlerts, &register.safety_alerts, draw)?.id.clone();
    register.safety_alerts.delete(&id, at).then_some(Done::Deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standin::families::{Settings, generate};
    use crate::standin::situations;

    #[test]
    fn every_change_is_made_and_no_situation_goes() {
        let now = "2023-03-01T22:30:00Z".parse().unwrap();
        let mut register = generate(Settings { seed: 1, people: 300, now });
        let situation_notes = |register: &Register| {
            let ours = |id: &str| !Kind::Notes.is_generated(id);
            register.notes.iter().filter(|note| ours(&note.id)).count()
        };
        let before = situation_notes(&register);
        assert!(before > 8);
        let changes = go_on(&mut register, &mut Draw::new(3), 1000, now);
        assert_eq!(changes.added + changes.changed + changes.deleted, 1000);
        assert!(changes.added > 0 && changes.changed > 0 && changes.deleted > 0);
        assert_eq!(situation_notes(&register), before);
    }

    #[test]
    fn where_only_situations_are_left_nothing_is_changed() {
        let now = "2023-03-01T22:30:00Z".parse().unwrap();
        let mut register = generate(Settings { seed: 1, people: situations::PEOPLE, now });
        let changes = go_on(&mut register, &mut Draw::new(3), 100, now);
        assert_eq!(changes, Changes::default());
    }
}
