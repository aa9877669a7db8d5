//! Makes the records of the documented situations, the same for every seed.
//!
//! Ids come from [`crate::standin::situations`], so that tests and the demo find them.

use jiff::Timestamp;

use super::staff::office;
use super::{Draft, danger_records, forms, kin_records, report_records};
use crate::standin::model::casework::{AlertKind, Case, CaseStatus, RiskLevel, Task, TaskKind};
use crate::standin::model::legal::OrderKind;
use crate::standin::model::people::{
    Culture, Person, PersonRole, RelationshipKind, Sex, Sighting, Unborn,
};
use crate::standin::model::staff::Conflict;
use crate::standin::situations as at;

use RelationshipKind::{Parent, Sibling};

pub(super) fn add(draft: &mut Draft) {
    newborn(draft);
    expiring_order(draft);
    danger_records::add(draft);
    kin_records::add(draft);
    related_worker(draft);
    namesakes(draft);
    macrons(draft);
    misspelt(draft);
    report_records::add(draft);
}

/// Puts a person after `fill` has said what is special.
pub(super) fn person(
    draft: &mut Draft,
    id: &str,
    name: (&str, &str),
    fill: impl FnOnce(&mut Person, &Draft),
) {
    let mut person = forms::person(id, name.0, name.1, draft.when.hours(-30));
    fill(&mut person, draft);
    draft.register.persons.put(person);
}

/// Makes a person a child of this age, last birthday forty days ago.
pub(super) fn child(person: &mut Person, draft: &Draft, years: i64, sex: Sex) {
    person.role = PersonRole::Child;
    person.sex = sex;
    person.born_on = Some(draft.when.born(years, 40));
}

/// Makes a person an adult of this age.
pub(super) fn adult(person: &mut Person, draft: &Draft, years: i64, sex: Sex) {
    person.sex = sex;
    person.born_on = Some(draft.when.born(years, 120));
    person.phone = Some(format!("(08) 5550 {}", &person.id[3..]));
}

pub(super) fn relate(draft: &mut Draft, parts: (&str, RelationshipKind, &str)) {
    let id = format!("R-40{:03}", draft.register.relationships.len() + 1);
    let row = forms::relationship(id, parts, draft.when.days(-20));
    draft.register.relationships.put(row);
}

/// A case at an office with its `number`-th worker, after `fill` has said what is special.
pub(super) fn case(
    draft: &mut Draft,
    id: &str,
    (slug, number): (&str, usize),
    fill: impl FnOnce(&mut Case, &Draft),
) -> Case {
    let office = office(slug);
    let mut case = forms::case(id.to_owned(), String::new(), office, &draft.when);
    case.team = office.team(number);
    case.supervisor_id = office.leader_id(number);
    case.key_worker_id = Some(office.worker_id(number));
    case.unallocated = false;
    case.updated_at = draft.when.hours(-20);
    fill(&mut case, draft);
    draft.register.cases.put(case.clone());
    case
}

/// A note by the case's key worker, so many hours ago.
fn note(draft: &mut Draft, case: &Case, hours_ago: i64, kind: &str, text: &str) {
    let written_at = draft.when.hours(-hours_ago);
    note_at(draft, case, written_at, kind, text);
}

/// A note by the case's key worker.
pub(super) fn note_at(
    draft: &mut Draft,
    case: &Case,
    written_at: Timestamp,
    kind: &str,
    text: &str,
) {
    let id = format!("T-70{:03}", draft.register.notes.len() + 1);
    let author_id = case.key_worker_id.clone().unwrap_or_else(|| case.supervisor_id.clone());
    let name = draft.register.workers.get(&author_id).map_or("", |w| w.name.as_str()).to_owned();
    let mut note = forms::note(id, case, (author_id, name), written_at);
    note.kind = kind.to_owned();
    note.text = text.to_owned();
    draft.register.notes.put(note);
}

pub(super) fn home(draft: &mut Draft, id: &str, street: &str, place: (&str, &str)) {
    let household = forms::household(id, street, place, draft.when.days(-60));
    draft.register.households.put(household);
}

/// Owned copies of ids.
pub(super) fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn newborn(draft: &mut Draft) {
    home(draft, "H-20001", "14 Example Street", ("Davoren Park", "5113"));
    person(draft, at::NEWBORN_MOTHER, ("Tahlia", "Merrick"), |p, d| {
        adult(p, d, 26, Sex::Female);
        p.household_id = Some("H-20001".into());
    });
    person(draft, at::NEWBORN_UNBORN, ("Unborn child of Tahlia", "Merrick"), |p, d| {
        p.role = PersonRole::Child;
        p.unborn = Some(Unborn {
            due_on: d.when.day(9),
            hospital: "Example Women's Hospital".into(),
            plan: "Hospital rings the crisis team at admission; nobody is discharged before the \
                   safety meeting."
                .into(),
        });
    });
    for (id, given, years) in [
        (at::NEWBORN_REMOVED[0], "Cody", 7),
        (at::NEWBORN_REMOVED[1], "Skye", 5),
        (at::NEWBORN_REMOVED[2], "Ari", 2),
    ] {
        person(draft, id, (given, "Merrick"), |p, d| child(p, d, years, Sex::Unspecified));
        relate(draft, (at::NEWBORN_MOTHER, Parent, id));
    }
    relate(draft, (at::NEWBORN_MOTHER, Parent, at::NEWBORN_UNBORN));
    relate(draft, (at::NEWBORN_REMOVED[0], Sibling, at::NEWBORN_REMOVED[1]));
    let case = case(draft, at::NEWBORN_CASE, ("elizabeth", 3), |c, d| {
        c.title = "Merrick family, newborn alert".into();
        c.status = CaseStatus::Assessment;
        c.child_ids = ids(&[at::NEWBORN_UNBORN]);
        c.child_ids.extend(ids(&at::NEWBORN_REMOVED));
        c.adult_ids = ids(&[at::NEWBORN_MOTHER]);
        c.risk_level = RiskLevel::VeryHigh;
        c.risk_assessed_on = Some(d.when.day(-6));
    });
    let text = "Newborn alert: due in nine days. Three earlier children removed at birth or \
                soon after. Any hospital that admits her rings the crisis team at once.";
    let mut alert = forms::alert("A-60001".into(), AlertKind::Newborn, text, draft.when.days(-12));
    alert.person_id = Some(at::NEWBORN_MOTHER.into());
    alert.case_id = Some(case.id.clone());
    draft.register.safety_alerts.put(alert);
    let mut removal =
        forms::order("O-90002".into(), OrderKind::GuardianshipToEighteen, &case, &draft.when);
    removal.child_ids = ids(&at::NEWBORN_REMOVED);
    draft.register.orders.put(removal);
    note(
        draft,
        &case,
        70,
        "Case conference",
        "Hospital, health and the department agreed who is \
         rung at admission, day and night. Tahlia was invited and did not come.",
    );
}

fn expiring_order(draft: &mut Draft) {
    home(draft, "H-20002", "3/88 Example Road", ("Christies Beach", "5165"));
    person(draft, at::EXPIRING_MOTHER, ("Ivana", "Dragović"), |p, d| {
        adult(p, d, 31, Sex::Female);
        p.household_id = Some("H-20002".into());
        p.language = "Croatian".into();
        p.interpreter = Some("Croatian interpreter, in person at court".into());
    });
    person(draft, at::EXPIRING_CHILD, ("Mila", "Dragović"), |p, d| {
        child(p, d, 4, Sex::Female);
        p.last_sighted = Some(Sighting {
            at: d.when.hours(-26),
            by_worker_id: Some(office("noarlunga").worker_id(4)),
            by: "Key worker, Noarlunga".into(),
            place: "at the kindergarten".into(),
        });
    });
    relate(draft, (at::EXPIRING_MOTHER, Parent, at::EXPIRING_CHILD));
    let case = case(draft, at::EXPIRING_CASE, ("noarlunga", 4), |c, _| {
        c.title = "Dragović family".into();
        c.child_ids = ids(&[at::EXPIRING_CHILD]);
        c.adult_ids = ids(&[at::EXPIRING_MOTHER]);
        c.risk_level = RiskLevel::High;
    });
    let friday = draft.when.next_friday_at(16);
    let mut order =
        forms::order(at::EXPIRING_ORDER.into(), OrderKind::InterimGuardianship, &case, &draft.when);
    order.expires_at = Some(friday);
    order.conditions = vec!["Mother's contact supervised, twice a week.".into()];
    order.next_event = Some("Extension to be heard before the order ends".into());
    draft.register.orders.put(order);
    let morning = friday - jiff::SignedDuration::from_hours(6);
    let officer = office("court").worker_id(2);
    let mut hearing = forms::hearing(at::EXPIRING_HEARING.into(), &case, morning, officer.clone());
    hearing.updated_at = draft.when.days(-3);
    hearing.order_id = Some(at::EXPIRING_ORDER.into());
    hearing.kind = "Extension of interim order".into();
    hearing.filing = Some("Affidavit of the case worker".into());
    let filing_due_at = friday - jiff::SignedDuration::from_hours(24);
    hearing.filing_due_at = Some(filing_due_at);
    draft.register.hearings.put(hearing);
    draft.register.tasks.put(Task {
        id: "K-80001".into(),
        updated_at: draft.when.days(-3),
        case_id: Some(case.id.clone()),
        child_ids: case.child_ids.clone(),
        concern_report_id: None,
        kind: TaskKind::Filing,
        title: "File the affidavit for the extension".into(),
        clock_started_at: draft.when.days(-3),
        due_at: filing_due_at,
        assigned_to_id: Some(officer),
        done_at: None,
    });
    note(
        draft,
        &case,
        26,
        "School visit",
        "Mila showed me the garden. She asks when she sees her \
         mother and whether the lady at court is nice.",
    );
}

fn related_worker(draft: &mut Draft) {
    home(draft, "H-20006", "51 Example Avenue", ("Morphett Vale", "5162"));
    person(draft, at::RELATED_CHILD, ("Levi", "Hartigan"), |p, d| {
        child(p, d, 9, Sex::Male);
        p.household_id = Some("H-20006".into());
    });
    person(draft, at::RELATED_FATHER, ("Shane", "Hartigan"), |p, d| {
        adult(p, d, 34, Sex::Male);
        p.household_id = Some("H-20006".into());
    });
    relate(draft, (at::RELATED_FATHER, Parent, at::RELATED_CHILD));
    let case = case(draft, at::RELATED_CASE, ("noarlunga", 6), |c, _| {
        c.title = "Hartigan family".into();
        c.child_ids = ids(&[at::RELATED_CHILD]);
        c.adult_ids = ids(&[at::RELATED_FATHER]);
    });
    draft.register.conflicts.put(Conflict {
        id: at::RELATED_CONFLICT.into(),
        updated_at: draft.when.days(-90),
        worker_id: at::RELATED_WORKER.into(),
        person_ids: ids(&[at::RELATED_CHILD, at::RELATED_FATHER]),
        case_ids: vec![case.id.clone()],
        relation: "Sister of the father".into(),
        declared_at: draft.when.days(-90),
        ring_instead: "Team leader, Noarlunga team 1, (08) 5550 0141".into(),
    });
    note(draft, &case, 100, "Supervision", "Allocated away from the worker related to the family.");
}

fn namesakes(draft: &mut Draft) {
    let places = [("noarlunga", 2, "Hackham West", "5163"), ("elizabeth", 4, "Elizabeth", "5112")];
    let birthdays = [(3, 4), (4, 3)];
    for (n, (slug, number, locality, postcode)) in places.into_iter().enumerate() {
        let home_id = format!("H-2000{}", 7 + n);
        home(draft, &home_id, &format!("{} Example Court", 20 + n), (locality, postcode));
        let mother_id = format!("P-1005{}", 5 + n);
        let mother = ["Kylie", "Sarah"][n];
        person(draft, &mother_id, (mother, "Thompson"), |p, d| {
            adult(p, d, 33, Sex::Female);
            p.household_id = Some(home_id.clone());
        });
        person(draft, at::NAMESAKES[n], ("Jayden", "Thompson"), |p, d| {
            child(p, d, 8, Sex::Male);
            p.born_on = Some(d.when.born_on(8, birthdays[n].0, birthdays[n].1));
            p.household_id = Some(home_id.clone());
        });
        relate(draft, (&mother_id, Parent, at::NAMESAKES[n]));
        let case = case(draft, at::NAMESAKE_CASES[n], (slug, number), |c, _| {
            c.title = "Thompson family".into();
            c.child_ids = ids(&[at::NAMESAKES[n]]);
            c.adult_ids = vec![mother_id.clone()];
        });
        note(
            draft,
            &case,
            50,
            "Telephone call",
            "There is another boy of the same name and \
             nearly the same birthday: check the person number.",
        );
    }
}

fn macrons(draft: &mut Draft) {
    home(draft, "H-20009", "6 Example Street", ("Noarlunga Centre", "5168"));
    let culture = || Culture {
        identity: Some("Māori".into()),
        said_by: Some("mother, at first visit".into()),
        iwi: Some("Ngāti Porou".into()),
        hapu: Some("Te Whānau-a-Example".into()),
        whanau: Some("Aunt Mere in Hackham keeps contact".into()),
        marae: Some("Example Marae, Tairāwhiti".into()),
        ..Culture::default()
    };
    person(draft, at::MACRON_MOTHER, ("Hine", "Ngāti-Moana"), |p, d| {
        adult(p, d, 29, Sex::Female);
        p.culture = culture();
        p.household_id = Some("H-20009".into());
    });
    person(draft, at::MACRON_CHILD, ("Tāne", "Ngāti-Moana"), |p, d| {
        child(p, d, 6, Sex::Male);
        p.culture = culture();
        p.household_id = Some("H-20009".into());
    });
    relate(draft, (at::MACRON_MOTHER, Parent, at::MACRON_CHILD));
    let case = case(draft, at::MACRON_CASE, ("noarlunga", 3), |c, _| {
        c.title = "Ngāti-Moana family".into();
        c.child_ids = ids(&[at::MACRON_CHILD]);
        c.adult_ids = ids(&[at::MACRON_MOTHER]);
        c.status = CaseStatus::FamilySupport;
        c.voluntary = true;
        c.risk_level = RiskLevel::Low;
    });
    note(
        draft,
        &case,
        30,
        "Home visit",
        "Tāne read me his book. Hine asks for the whānau hui to \
         be on a Saturday so that Mere can come.",
    );
}

fn misspelt(draft: &mut Draft) {
    home(draft, "H-20010", "2/17 Example Road", ("Salisbury North", "5108"));
    person(draft, at::MISSPELT_MOTHER, ("Agnieszka", "Wojciechowska"), |p, d| {
        adult(p, d, 36, Sex::Female);
        p.household_id = Some("H-20010".into());
        p.language = "Polish".into();
        p.interpreter = Some("Polish interpreter, by telephone".into());
    });
    person(draft, at::MISSPELT_CHILD, ("Zofia", "Wojciechowski"), |p, d| {
        child(p, d, 11, Sex::Female);
        p.born_on_estimated = true;
        p.household_id = Some("H-20010".into());
    });
    relate(draft, (at::MISSPELT_MOTHER, Parent, at::MISSPELT_CHILD));
    let case = case(draft, at::MISSPELT_CASE, ("elizabeth", 5), |c, _| {
        c.title = "Wojciechowski family".into();
        c.child_ids = ids(&[at::MISSPELT_CHILD]);
        c.adult_ids = ids(&[at::MISSPELT_MOTHER]);
    });
    note(draft, &case, 12, "Telephone call", "The school spells the name Wojchehowski.");
}

#[cfg(test)]
mod tests {
    use jiff::civil::Weekday;

    use super::super::{Settings, generate};
    use super::*;
    use crate::standin::model::Sensitivity;
    use crate::standin::model::care::PlacementKind;
    use crate::standin::register::Register;

    fn register(seed: u64) -> Register {
        let now = "2023-03-01T22:30:00Z".parse().unwrap();
        generate(Settings { seed, people: at::PEOPLE, now })
    }

    #[test]
    fn situations_are_the_same_for_every_seed_and_fit_their_number() {
        let (one, other) = (register(1), register(2));
        assert_eq!(one.persons.len(), at::PEOPLE);
        for person in one.persons.iter() {
            let twin = other.persons.get(&person.id).map(Person::full_name);
            assert_eq!(twin, Some(person.full_name()));
        }
    }

    #[test]
    fn the_newborn_alert_names_three_earlier_removals() {
        let register = register(1);
        let due = register.persons.get(at::NEWBORN_UNBORN).and_then(|p| p.unborn.clone());
        assert!(due.is_some());
        let removed = register
            .orders
            .iter()
            .find(|order| order.kind == OrderKind::GuardianshipToEighteen)
            .map(|order| order.child_ids.clone());
        assert_eq!(removed, Some(ids(&at::NEWBORN_REMOVED)));
        assert!(register.safety_alerts.iter().any(|alert| {
            alert.kind == AlertKind::Newborn
                && alert.person_id.as_deref() == Some(at::NEWBORN_MOTHER)
        }));
    }

    #[test]
    fn the_order_ends_on_friday_at_four_in_adelaide() {
        let register = register(1);
        let ends = register.orders.get(at::EXPIRING_ORDER).and_then(|order| order.expires_at);
        let ends = ends.unwrap().in_tz("Australia/Adelaide").unwrap();
        assert_eq!((ends.weekday(), ends.hour(), ends.minute()), (Weekday::Friday, 16, 0));
    }

    #[test]
    fn the_refuge_is_withheld_from_him_and_restricted() {
        let register = register(1);
        let refuge = register.households.get(at::PROTECTED_HOUSEHOLD).unwrap();
        assert!(refuge.protected);
        assert_eq!(refuge.protected_from_ids, [at::PROTECTED_FROM]);
        assert_eq!(refuge.sensitivity, Sensitivity::Restricted);
        for kind in [AlertKind::Violence, AlertKind::Weapons, AlertKind::MustNotLearn] {
            assert!(register.safety_alerts.iter().any(|alert| {
                alert.kind == kind && alert.person_id.as_deref() == Some(at::PROTECTED_FROM)
            }));
        }
    }

    #[test]
    fn the_child_was_placed_with_kin_at_two() {
        let register = register(1);
        let placement = register.placements.get(at::KIN_PLACEMENT).unwrap();
        let began = placement.began_at.in_tz("Australia/Adelaide").unwrap();
        assert_eq!((began.hour(), began.minute()), (2, 0));
        assert_eq!(placement.kind, PlacementKind::Kin);
    }

    #[test]
    fn the_related_worker_is_not_the_key_worker() {
        let register = register(1);
        let conflict = register.conflicts.get(at::RELATED_CONFLICT).unwrap();
        assert!(register.workers.get(&conflict.worker_id).is_some());
        let case = register.cases.get(at::RELATED_CASE).unwrap();
        assert_ne!(case.key_worker_id.as_deref(), Some(at::RELATED_WORKER));
    }

    #[test]
    fn two_boys_share_a_name_and_nearly_a_birthday() {
        let register = register(1);
        let [one, other] = at::NAMESAKES.map(|id| register.persons.get(id).unwrap());
        assert_eq!(one.full_name(), other.full_name());
        let (one, other) = (one.born_on.unwrap(), other.born_on.unwrap());
        assert_eq!((one.month(), one.day()), (other.day(), other.month()));
    }
}
