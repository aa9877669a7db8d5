//! After a stop, several notices to one person may be overdue at once: they become one that says
//! so.
//!
//! Pure. Notices that are not late, and single late ones, stay as they are.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::effect::{Effect, NoticeRequest, Recipient};
use super::notices::LATE_AFTER;
use crate::domain::ids::PersonId;
use crate::domain::notice::NoticeKind;

/// Merges what is overdue; everything else passes unchanged and in order.
#[must_use]
pub fn merge_overdue(effects: Vec<Effect>, now: Timestamp) -> Vec<Effect> {
    let mut kept = Vec::new();
    let mut overdue: BTreeMap<PersonId, Vec<(NoticeRequest, Recipient)>> = BTreeMap::new();
    for effect in effects {
        match effect {
            Effect::SendNotice(request) if is_overdue(&request, now) => {
                for one in &request.recipients {
                    let alone = NoticeRequest { recipients: vec![one.clone()], ..request.clone() };
                    overdue.entry(one.person.clone()).or_default().push((alone, one.clone()));
                }
            }
            other => kept.push(other),
        }
    }
    for mut requests in overdue.into_values() {
        if requests.len() > 1 {
            kept.push(Effect::SendNotice(merged(requests)));
        } else if let Some((request, _)) = requests.pop() {
            kept.push(Effect::SendNotice(request));
        }
    }
    kept
}

fn is_overdue(request: &NoticeRequest, now: Timestamp) -> bool {
    request.due_at.checked_add(LATE_AFTER).is_ok_and(|latest| latest < now)
}

/// One notice for several: it asks for what the first of them that asks for something does.
fn merged(requests: Vec<(NoticeRequest, Recipient)>) -> NoticeRequest {
    let lines: Vec<String> = requests
        .iter()
        .map(|(request, _)| {
            let what = request.kind.as_str().replace('-', " ");
            match &request.say {
                Some(say) => format!("- {what}: {say}"),
                None => format!("- {what} ({})", request.key.step),
            }
        })
        .collect();
    let life_safety = requests.iter().any(|(request, _)| request.life_safety);
    let asks = requests.iter().position(|(request, _)| request.act.is_some()).unwrap_or(0);
    let (first, recipient) = requests.into_iter().nth(asks).expect("only called with several");
    NoticeRequest {
        kind: NoticeKind::CaughtUp,
        recipients: vec![recipient],
        say: Some(lines.join("\n")),
        life_safety,
        ..first
    }
}
