//! Draws orders and hearings of a case.

use super::staff::office;
use super::{Draft, Family, forms, texts};
use crate::standin::model::casework::{Case, CaseStatus};
use crate::standin::model::legal::OrderKind;
use crate::standin::register::Kind;

/// Adds what a court has ordered, and when it meets next.
pub(super) fn add_orders(draft: &mut Draft, family: &Family, case: &Case) {
    let (percent, kind) = match case.status {
        CaseStatus::Guardianship if draft.draw.chance(40) => {
            (100, OrderKind::GuardianshipToEighteen)
        }
        CaseStatus::Guardianship => (100, OrderKind::GuardianshipToTwelveMonths),
        CaseStatus::Reunification => (60, OrderKind::Supervision),
        CaseStatus::Assessment => (14, OrderKind::Investigation),
        CaseStatus::YouthJustice => (50, OrderKind::Supervision),
        CaseStatus::FamilySupport | CaseStatus::Closed => (0, OrderKind::Supervision),
    };
    if !draft.draw.chance(percent) {
        return;
    }
    let id = draft.register.next_id(Kind::Orders);
    let mut order = forms::order(id, kind, case, &draft.when);
    let made_days = draft.draw.between(1, 300);
    order.updated_at = draft.when.days(-made_days);
    order.made_on = draft.when.day(-made_days);
    order.expires_at = (kind != OrderKind::GuardianshipToEighteen)
        .then(|| draft.when.day_at(draft.draw.between(1, 330), 16));
    let (child, adult) = (&family.children[0].given_names, &family.adults[0].given_names);
    let first = draft.draw.below(texts::ORDER_CONDITIONS.len());
    order.conditions = (0..2)
        .map(|n| texts::ORDER_CONDITIONS[(first + n) % texts::ORDER_CONDITIONS.len()])
        .map(|condition| texts::fill(condition, child, adult))
        .collect();
    if kind != OrderKind::GuardianshipToEighteen {
        let hearing_id = add_hearing(draft, case, &order.id);
        order.next_event = Some(format!("Hearing {hearing_id}"));
    }
    draft.register.orders.put(order);
}

fn add_hearing(draft: &mut Draft, case: &Case, order_id: &str) -> String {
    const KINDS: [&str; 4] = ["Mention", "Directions hearing", "Trial", "Extension of order"];
    let id = draft.register.next_id(Kind::Hearings);
    let days = draft.draw.between(0, 60);
    let hour = i8::try_from(draft.draw.between(9, 15)).unwrap_or(9);
    let court = office("court");
    let officer = court.worker_id(1 + draft.draw.below(court.workers));
    let mut hearing = forms::hearing(id.clone(), case, draft.when.day_at(days, hour), officer);
    hearing.updated_at = draft.when.days(-draft.draw.between(1, 50));
    hearing.order_id = Some(order_id.to_owned());
    hearing.kind = draft.draw.pick(&KINDS).to_owned();
    hearing.room = format!("Court {}", draft.draw.between(1, 6));
    if draft.draw.chance(60) {
        hearing.filing = Some(draft.draw.pick(&texts::FILINGS).to_owned());
        hearing.filing_due_at = Some(draft.when.day_at(days - 2, 16));
    }
    draft.register.hearings.put(hearing);
    id
}
