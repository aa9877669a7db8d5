//! Makes the situation of the violent ex-partner and the protected address.

use super::situation_records::{adult, case, child, home, ids, note_at, person, relate};
use super::staff::office;
use super::{Draft, forms};
use crate::standin::model::Sensitivity;
use crate::standin::model::casework::{AlertKind, Case, RiskLevel, SafetyPlan};
use crate::standin::model::legal::OrderKind;
use crate::standin::model::people::{RelationshipKind, Sex, Sighting};
use crate::standin::situations as at;

pub(super) fn add(draft: &mut Draft) {
    add_homes(draft);
    add_people(draft);
    let case = case(draft, at::PROTECTED_CASE, ("noarlunga", 3), |c, _| {
        c.title = "Whitcombe family".into();
        c.child_ids = ids(&at::PROTECTED_CHILDREN);
        c.adult_ids = ids(&[at::PROTECTED_MOTHER, at::PROTECTED_FROM]);
        c.risk_level = RiskLevel::VeryHigh;
    });
    add_alerts(draft, &case);
    add_order(draft, &case);
    draft.register.safety_plans.put(SafetyPlan {
        id: "S-61001".into(),
        updated_at: draft.when.days(-5),
        case_id: case.id.clone(),
        agreed_on: draft.when.day(-5),
        review_on: draft.when.day(9),
        agreed_with_ids: ids(&[at::PROTECTED_MOTHER]),
        steps: vec![
            "Ring Renée's new number only; never leave a message.".into(),
            "The school releases the children to her or her sister alone.".into(),
            "Renée rings 000 first, then the crisis team.".into(),
        ],
        if_it_fails: "Police and crisis team together, (08) 5550 0199.".into(),
    });
    let rang_at = draft.when.hours(-18);
    note_at(
        draft,
        &case,
        rang_at,
        "Telephone call",
        "Craig rang the office and asked where the children go to school. Told him nothing; told \
         Renée, the school and the police.",
    );
}

fn add_homes(draft: &mut Draft) {
    home(draft, at::PROTECTED_HOUSEHOLD, "100 Example Street", ("Adelaide", "5000"));
    home(draft, at::DANGEROUS_HOUSEHOLD, "77 Example Road", ("Aldinga Beach", "5173"));
    if let Some(mut refuge) = draft.register.households.get(at::PROTECTED_HOUSEHOLD).cloned() {
        refuge.protected = true;
        refuge.protected_from_ids = ids(&[at::PROTECTED_FROM]);
        refuge.protected_reason = Some("Refuge".into());
        refuge.sensitivity = Sensitivity::Restricted;
        draft.register.households.put(refuge);
    }
}

fn add_people(draft: &mut Draft) {
    person(draft, at::PROTECTED_MOTHER, ("Renée", "Whitcombe"), |p, d| {
        adult(p, d, 32, Sex::Female);
        p.household_id = Some(at::PROTECTED_HOUSEHOLD.into());
    });
    for (id, given, years, sex) in [
        (at::PROTECTED_CHILDREN[0], "Zoë", 8, Sex::Female),
        (at::PROTECTED_CHILDREN[1], "Finn", 5, Sex::Male),
    ] {
        person(draft, id, (given, "Whitcombe"), |p, d| {
            child(p, d, years, sex);
            p.household_id = Some(at::PROTECTED_HOUSEHOLD.into());
            p.last_sighted = Some(Sighting {
                at: d.when.hours(-42),
                by_worker_id: Some(office("noarlunga").worker_id(3)),
                by: "Key worker, Noarlunga".into(),
                place: "at school".into(),
            });
        });
        relate(draft, (at::PROTECTED_MOTHER, RelationshipKind::Parent, id));
    }
    person(draft, at::PROTECTED_FROM, ("Craig", "Dunmore"), |p, d| {
        adult(p, d, 37, Sex::Male);
        p.household_id = Some(at::DANGEROUS_HOUSEHOLD.into());
    });
    let parts = (at::PROTECTED_FROM, RelationshipKind::FormerPartner, at::PROTECTED_MOTHER);
    let mut former = forms::relationship("R-40091".into(), parts, draft.when.days(-5));
    former.ended_on = Some(draft.when.day(-75));
    former.contact_restricted = true;
    former.restriction = Some("Intervention order: no contact, not within 200 m".into());
    draft.register.relationships.put(former);
    let parts = (at::PROTECTED_FROM, RelationshipKind::Parent, at::PROTECTED_CHILDREN[1]);
    let mut father = forms::relationship("R-40092".into(), parts, draft.when.days(-5));
    father.contact_restricted = true;
    father.restriction = Some("Intervention order: no contact with Finn or Zoë".into());
    draft.register.relationships.put(father);
}

fn add_alerts(draft: &mut Draft, case: &Case) {
    let him = [
        (AlertKind::Violence, "Strangled Renée in front of the children; on bail."),
        (AlertKind::Weapons, "Two registered rifles not yet handed in."),
        (AlertKind::MustNotLearn, "Must not learn that we called, nor where the family is."),
    ];
    for (n, (kind, text)) in him.into_iter().enumerate() {
        let mut alert = forms::alert(format!("A-6001{n}"), kind, text, draft.when.days(-5));
        alert.person_id = Some(at::PROTECTED_FROM.into());
        alert.case_id = Some(case.id.clone());
        draft.register.safety_alerts.put(alert);
    }
    let his_home = [
        (AlertKind::Dog, "Bull terrier loose in the yard."),
        (AlertKind::VisitWithPolice, "Visit with police only."),
    ];
    for (n, (kind, text)) in his_home.into_iter().enumerate() {
        let mut alert = forms::alert(format!("A-6002{n}"), kind, text, draft.when.days(-5));
        alert.household_id = Some(at::DANGEROUS_HOUSEHOLD.into());
        alert.case_id = Some(case.id.clone());
        draft.register.safety_alerts.put(alert);
    }
}

fn add_order(draft: &mut Draft, case: &Case) {
    let mut order = forms::order("O-90003".into(), OrderKind::Intervention, case, &draft.when);
    order.court = "Magistrates Court of South Australia".into();
    order.restrains_id = Some(at::PROTECTED_FROM.into());
    order.protects_ids = ids(&[at::PROTECTED_MOTHER]);
    order.protects_ids.extend(ids(&at::PROTECTED_CHILDREN));
    order.expires_at = Some(draft.when.day_at(200, 16));
    order.conditions = vec![
        "No contact by any means.".into(),
        "Not within 200 m of the family, their home or the school.".into(),
        "To hand in all firearms.".into(),
    ];
    draft.register.orders.put(order);
}
