//! Makes the situation of the child placed with kin at 02:00.

use jiff::Timestamp;

use super::Draft;
use super::situation_records::{adult, case, child, home, ids, note_at, person, relate};
use super::staff::office;
use crate::standin::model::Sensitivity;
use crate::standin::model::care::{
    Allergy, CarerApproval, HealthEssentials, Medication, Placement, PlacementKind,
};
use crate::standin::model::casework::{ContractedTask, RiskLevel};
use crate::standin::model::people::RelationshipKind::{Carer, Grandparent, Parent};
use crate::standin::model::people::{Culture, Missing, PersonRole, Sex, Sighting};
use crate::standin::situations as at;

pub(super) fn add(draft: &mut Draft) {
    home(draft, "H-20005", "9 Example Terrace", ("Port Augusta", "5700"));
    let culture = || Culture {
        identity: Some("Aboriginal".into()),
        said_by: Some("grandmother, at the placement".into()),
        country: Some("Adnyamathanha".into()),
        language_group: Some("Adnyamathanha".into()),
        kin: Some("Maternal grandmother Rosie Coleman, then her sister".into()),
        aboriginal_organisation: Some("Example Aboriginal Family Service, Port Augusta".into()),
        ..Culture::default()
    };
    let placed_at = draft.when.last_time_at(2);
    person(draft, at::KIN_CHILD, ("Jarrah", "Coleman"), |p, d| {
        child(p, d, 3, Sex::Male);
        p.culture = culture();
        p.household_id = Some("H-20005".into());
        p.last_sighted = Some(Sighting {
            at: placed_at,
            by_worker_id: Some(office("crisis").worker_id(5)),
            by: "Crisis team".into(),
            place: "at the grandmother's, asleep".into(),
        });
    });
    person(draft, at::KIN_CARER, ("Rosie", "Coleman"), |p, d| {
        adult(p, d, 58, Sex::Female);
        p.role = PersonRole::Carer;
        p.culture = culture();
        p.household_id = Some("H-20005".into());
    });
    person(draft, at::KIN_MOTHER, ("Shanaya", "Coleman"), |p, d| {
        adult(p, d, 24, Sex::Female);
        p.culture = culture();
        p.missing = Some(Missing {
            since: d.when.last_time_at(2),
            police_told_at: None,
            police_reference: None,
        });
    });
    relate(draft, (at::KIN_MOTHER, Parent, at::KIN_CHILD));
    relate(draft, (at::KIN_CARER, Grandparent, at::KIN_CHILD));
    relate(draft, (at::KIN_CARER, Carer, at::KIN_CHILD));
    let case = case(draft, at::KIN_CASE, ("port-augusta", 2), |c, d| {
        c.title = "Coleman family".into();
        c.child_ids = ids(&[at::KIN_CHILD]);
        c.adult_ids = ids(&[at::KIN_MOTHER, at::KIN_CARER]);
        c.risk_level = RiskLevel::High;
        c.contracted_tasks = vec![ContractedTask {
            agency: "Example Aboriginal Family Service".into(),
            task: "Finding kin and consulting them on the placement".into(),
            until_on: Some(d.when.day(90)),
        }];
        c.takes_back_if = Some("Jarrah is not seen for a day, or the placement ends".into());
        c.updated_at = placed_at;
    });
    put_kin_placement(draft, placed_at);
    note_at(
        draft,
        &case,
        placed_at,
        "Home visit",
        "Woke the grandmother at ten to two. She has a cot, \
         formula and the puffer. The service answers from eight; consultation is to be done today.",
    );
}

fn put_kin_placement(draft: &mut Draft, placed_at: Timestamp) {
    draft.register.placements.put(Placement {
        id: at::KIN_PLACEMENT.into(),
        updated_at: placed_at,
        child_id: at::KIN_CHILD.into(),
        case_id: at::KIN_CASE.into(),
        kind: PlacementKind::Kin,
        began_at: placed_at,
        ended_at: None,
        household_id: Some("H-20005".into()),
        carer_ids: ids(&[at::KIN_CARER]),
        carer_is: Some("maternal grandmother".into()),
        carer_approval: CarerApproval::Provisional,
        placed_by_worker_id: office("crisis").worker_id(5),
        consulted: Some("Not yet: nobody on call at 02:00; due today by noon".into()),
        consents: vec!["Medical treatment: not signed yet".into()],
        school: None,
        routines: Some("Sleeps with the hall light on; bottle at six.".into()),
        emergency_contact: Some("Crisis team, (08) 5550 0199".into()),
        sensitivity: Sensitivity::Standard,
    });
    draft.register.health.put(HealthEssentials {
        id: "M-47001".into(),
        updated_at: placed_at,
        person_id: at::KIN_CHILD.into(),
        medication: vec![Medication {
            name: "Salbutamol".into(),
            dose: "2 puffs with spacer".into(),
            given: "when short of breath".into(),
        }],
        allergies: vec![Allergy {
            to: "Peanut".into(),
            reaction: "anaphylaxis; adrenaline pen in the red bag".into(),
        }],
        conditions: vec!["Asthma".into()],
        practitioner: Some("Example Medical Centre, (08) 5550 0555".into()),
        last_health_check_on: Some(draft.when.day(-200)),
    });
}
