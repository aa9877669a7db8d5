//! Draws placements, health essentials and contact arrangements of children in care.

use super::{Draft, Family, FosterHome, forms, texts};
use crate::standin::model::Sensitivity;
use crate::standin::model::care::{
    Allergy, CarerApproval, ContactArrangement, HealthEssentials, Medication, Placement,
    PlacementKind,
};
use crate::standin::model::casework::{Case, CaseStatus};
use crate::standin::model::people::{Person, PersonRole, RelationshipKind};
use crate::standin::register::Kind;

/// Adds where the children live when not at home, and what their carers must know.
pub(super) fn add_care(draft: &mut Draft, family: &Family, case: &Case) {
    let in_care = case.status == CaseStatus::Guardianship;
    for child in &family.children {
        let placed = in_care && draft.draw.chance(80);
        if placed {
            add_placement(draft, family, case, child);
            add_contact(draft, family, child);
        }
        if placed || draft.draw.chance(15) {
            add_health(draft, child);
        }
    }
}

fn add_placement(draft: &mut Draft, family: &Family, case: &Case, child: &Person) {
    let home = draft.foster_homes[draft.draw.below(draft.foster_homes.len())].clone();
    let kin = draft.draw.chance(35);
    let days = draft.draw.between(2, 700);
    let placed_by = case.key_worker_id.clone().unwrap_or_else(|| case.supervisor_id.clone());
    // One foster home in eight keeps its address from the parents.
    let protected = !kin && draft.draw.chance(12);
    if protected {
        protect(draft, &home, family);
    }
    let aboriginal = child.culture.identity.as_deref() == Some("Aboriginal");
    let placement = Placement {
        id: draft.register.next_id(Kind::Placements),
        updated_at: draft.when.days(-days),
        child_id: child.id.clone(),
        case_id: case.id.clone(),
        kind: if kin { PlacementKind::Kin } else { PlacementKind::Foster },
        began_at: draft.when.days(-days),
        ended_at: None,
        household_id: Some(home.household_id.clone()),
        carer_ids: home.carer_ids.clone(),
        carer_is: kin.then(|| "maternal aunt".to_owned()),
        carer_approval: if kin && draft.draw.chance(20) {
            CarerApproval::Provisional
        } else {
            CarerApproval::Approved
        },
        placed_by_worker_id: placed_by,
        consulted: aboriginal.then(|| match &child.culture.aboriginal_organisation {
            Some(organisation) => format!("{organisation}, by telephone before the placement"),
            None => "Not yet; to be done within five working days".to_owned(),
        }),
        consents: vec!["Medical treatment: department".to_owned()],
        school: draft.draw.chance(80).then(|| draft.draw.pick(&texts::SCHOOLS).to_owned()),
        routines: draft.draw.chance(40).then(|| "Night light; needs to know who is there.".into()),
        emergency_contact: Some("Crisis team, (08) 5550 0199".to_owned()),
        sensitivity: if protected { Sensitivity::Restricted } else { Sensitivity::Standard },
    };
    draft.register.placements.put(placement);
    for carer_id in &home.carer_ids {
        let id = draft.register.next_id(Kind::Relationships);
        let parts = (carer_id.as_str(), RelationshipKind::Carer, child.id.as_str());
        let mut relationship = forms::relationship(id, parts, draft.when.days(-days));
        relationship.since_on = Some(draft.when.day(-days));
        draft.register.relationships.put(relationship);
        if let Some(mut carer) = draft.register.persons.get(carer_id).cloned() {
            carer.role = PersonRole::Carer;
            draft.register.persons.put(carer);
        }
    }
}

/// Marks the carers' address as one that these parents must not learn.
fn protect(draft: &mut Draft, home: &FosterHome, family: &Family) {
    if let Some(mut household) = draft.register.households.get(&home.household_id).cloned() {
        household.protected = true;
        household.protected_reason = Some("Protected carer address".to_owned());
        household.sensitivity = Sensitivity::Restricted;
        let parents = family.adults.iter().chain(&family.elsewhere).map(|p| p.id.clone());
        household.protected_from_ids.extend(parents);
        draft.register.households.put(household);
    }
}

fn add_contact(draft: &mut Draft, family: &Family, child: &Person) {
    const HOW_OFTEN: [&str; 4] =
        ["Weekly, 2 hours", "Fortnightly, 1 hour", "Monthly", "Telephone on Sundays"];
    let suspended = draft.draw.chance(8);
    let contact = ContactArrangement {
        id: draft.register.next_id(Kind::Contacts),
        updated_at: draft.when.days(-draft.draw.between(1, 200)),
        child_id: child.id.clone(),
        with_id: family.adults[0].id.clone(),
        how_often: draft.draw.pick(&HOW_OFTEN).to_owned(),
        place: format!("{} office, contact room", family.office.title),
        supervised_by: draft.draw.chance(70).then(|| "Example Community Care".to_owned()),
        next_at: (!suspended).then(|| draft.when.day_at(draft.draw.between(0, 14), 10)),
        suspended,
        conditions: draft.draw.chance(25).then(|| "No photographs of the placement.".to_owned()),
    };
    draft.register.contacts.put(contact);
}

fn add_health(draft: &mut Draft, child: &Person) {
    let id = draft.register.next_id(Kind::Health);
    let draw = &mut draft.draw;
    let medication = draw.chance(45).then(|| {
        let (name, dose, given) = texts::MEDICATION[draw.below(texts::MEDICATION.len())];
        Medication { name: name.to_owned(), dose: dose.to_owned(), given: given.to_owned() }
    });
    let allergy = draw.chance(30).then(|| {
        let (to, reaction) = texts::ALLERGIES[draw.below(texts::ALLERGIES.len())];
        Allergy { to: to.to_owned(), reaction: reaction.to_owned() }
    });
    let health = HealthEssentials {
        id,
        updated_at: draft.when.days(-draw.between(1, 300)),
        person_id: child.id.clone(),
        medication: medication.into_iter().collect(),
        allergies: allergy.into_iter().collect(),
        conditions: draw
            .chance(35)
            .then(|| draw.pick(&texts::CONDITIONS).to_owned())
            .into_iter()
            .collect(),
        practitioner: Some(format!("Example Medical Centre, {}", forms::phone(draw))),
        last_health_check_on: draw.chance(80).then(|| draft.when.day(-draw.between(5, 500))),
    };
    draft.register.health.put(health);
}
