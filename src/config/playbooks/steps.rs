//! Steps: exactly one verb each, and nothing that belongs to another verb.

use std::collections::BTreeSet;

use serde_saphyr::{Location, Spanned};

use super::phrases;
use super::raw::{
    RawApproval, RawChecklist, RawMustAcknowledge, RawScope, RawStep, RawSuspend, RawWith,
};
use super::reader::{Needs, Reader};
use crate::config::diagnostics::unknown;
use crate::domain::ids::{ChecklistItemId, PlaybookStepId};
use crate::domain::length::Length;
use crate::domain::notice::NoticeKind;
use crate::domain::playbook::{
    Action, Approval, Audience, Checklist, ChecklistItem, Condition, CopyScope, Escalation,
    IfNoAnswer, MustAcknowledge, NotWhile, Notify, Resume, Step, Suspend, Undo, Verb,
};

/// The verbs, in the order in which a fault lists them.
const VERBS: &str = "notify, approve, do, checklist, suspend, resume or undo_of";

/// The steps from T0 on; each needs its instant.
pub(super) fn timeline(reader: &mut Reader<'_>, raw: Vec<Spanned<RawStep>>) -> Vec<Step> {
    raw.into_iter()
        .filter_map(|raw| {
            if raw.value.at.is_none() {
                reader.fault(&raw.value.id, "a step needs 'at': write for example 'at: 10 min'");
            }
            step(reader, raw.value)
        })
        .collect()
}

/// The steps of standing down, which follow one another.
pub(super) fn stand_down(reader: &mut Reader<'_>, raw: Vec<Spanned<RawStep>>) -> Vec<Step> {
    raw.into_iter()
        .filter_map(|raw| {
            if let Some(at) = &raw.value.at {
                reader.fault(at, "steps of standing down follow one another: leave 'at' out");
            }
            if let Some(approve) = &raw.value.approve {
                reader.fault(approve, "standing down is approved once, above: leave this out");
            }
            step(reader, raw.value)
        })
        .collect()
}

fn step(reader: &mut Reader<'_>, raw: RawStep) -> Option<Step> {
    let id = reader.step_id(&raw.id);
    let at = raw.at.as_ref().map_or(Length::from_secs(0), |at| reader.length(at));
    let only_if = raw.only_if.as_ref().and_then(|text| {
        let condition = reader.phrase(text, phrases::condition)?;
        if let Some((step, needs)) = refers_to(&condition) {
            reader.refer(step, needs, text.defined);
        }
        Some(condition)
    });
    misplaced(reader, &raw);
    let title = raw.title.clone();
    let place = raw.id.defined;
    let approve_place = raw.approve.as_ref().map(|approve| approve.defined);
    let mut raw = raw;
    let approve = raw.approve.take().map(|approve| approval(reader, approve.value));
    let verb = verb(reader, raw, place, approve.is_some());
    if let (Some(place), Some(verb), Some(approval)) = (approve_place, &verb, &approve)
        && approval.if_no_answer == Some(IfNoAnswer::OpenByRule)
        && !matches!(verb, Verb::Do { action: Action::OpenCopy(_), .. })
    {
        reader.fault_at(
            place,
            "'open-by-rule' belongs to 'do: open-copy': write 'proceed-by-rule' here",
        );
    }
    let (id, verb) = (id?, verb?);
    let title = title.unwrap_or_else(|| in_words(&verb));
    Some(Step { id, title, at, only_if, approve, verb })
}

fn refers_to(condition: &Condition) -> Option<(&PlaybookStepId, Needs)> {
    match condition {
        Condition::Recovered | Condition::NotRecovered => None,
        Condition::Acknowledged(step) | Condition::NotAcknowledged(step) => {
            Some((step, Needs::Acknowledgement))
        }
        Condition::Approved(step) | Condition::NotApproved(step) => Some((step, Needs::Approval)),
    }
}

/// Keys without the verb they belong to.
fn misplaced(reader: &mut Reader<'_>, raw: &RawStep) {
    let keys: [(&str, Option<Location>, &str, bool); 6] = [
        ("message", raw.message.as_ref().map(|t| t.defined), "notify", raw.notify.is_some()),
        ("say", raw.say.as_ref().map(|t| t.defined), "notify", raw.notify.is_some()),
        (
            "must_acknowledge",
            raw.must_acknowledge.as_ref().map(|t| t.defined),
            "notify",
            raw.notify.is_some(),
        ),
        ("with", raw.with.as_ref().map(|t| t.defined), "do", raw.action.is_some()),
        ("undo", raw.undo.as_ref().map(|t| t.defined), "do", raw.action.is_some()),
        ("not_while", raw.not_while.as_ref().map(|t| t.defined), "undo_of", raw.undo_of.is_some()),
    ];
    for (key, place, verb, has_verb) in keys {
        if let Some(place) = place
            && !has_verb
        {
            reader.fault_at(place, format!("'{key}' belongs to '{verb}': add '{verb}' or drop it"));
        }
    }
}

fn verb(
    reader: &mut Reader<'_>,
    raw: RawStep,
    place: Location,
    has_approval: bool,
) -> Option<Verb> {
    let given = [
        raw.notify.is_some(),
        raw.action.is_some(),
        raw.checklist.is_some(),
        raw.suspend.is_some(),
        raw.resume.is_some(),
        raw.undo_of.is_some(),
    ];
    match given.into_iter().filter(|given| *given).count() {
        0 if has_approval => return Some(Verb::Approve),
        0 => {
            reader.fault_at(place, format!("this step does nothing: add one of {VERBS}"));
            return None;
        }
        1 => {}
        _ => {
            reader.fault_at(place, "this step has several verbs: make one step of each");
            return None;
        }
    }
    if raw.notify.is_some() {
        notify(reader, &raw).map(Verb::Notify)
    } else if raw.action.is_some() {
        action(reader, &raw)
    } else if let Some(list) = raw.checklist {
        checklist(reader, list.value, list.defined).map(Verb::Checklist)
    } else if let Some(one) = raw.suspend {
        suspend(reader, &one.value).map(Verb::Suspend)
    } else if let Some(what) = raw.resume {
        match what.value.as_str() {
            "everything-suspended" => Some(Verb::Resume(Resume::EverythingSuspended)),
            _ => reader.id(&what).map(|id| Verb::Resume(Resume::Function(id))),
        }
    } else {
        let steps = raw.undo_of.map(|steps| steps.value).unwrap_or_default();
        let steps = steps
            .iter()
            .filter_map(|text| {
                let id = reader.id(text)?;
                reader.refer(&id, Needs::Undo, text.defined);
                Some(id)
            })
            .collect();
        let not_while = raw.not_while.and_then(|text| match text.value.as_str() {
            "a visit is open" => Some(NotWhile::AVisitIsOpen),
            other => {
                reader.fault(&text, unknown("condition", other, &["a visit is open"]));
                None
            }
        });
        Some(Verb::UndoOf { steps, not_while })
    }
}

fn notify(reader: &mut Reader<'_>, raw: &RawStep) -> Option<Notify> {
    let to = raw.notify.as_ref()?;
    let to = if to.value == "everyone-told-so-far" {
        Audience::EveryoneToldSoFar
    } else {
        Audience::Roles(reader.role_list(to))
    };
    let message = match &raw.message {
        Some(text) => message(reader, &text.value, text.defined)?,
        None => NoticeKind::PlanStarted,
    };
    let say = raw.say.as_ref().map(|text| reader.words(text));
    let must_acknowledge =
        raw.must_acknowledge.as_ref().and_then(|raw| must_acknowledge(reader, &raw.value));
    Some(Notify { to, message, say, must_acknowledge })
}

fn message(reader: &mut Reader<'_>, word: &str, place: Location) -> Option<NoticeKind> {
    let kinds = NoticeKind::ALL.iter().copied().filter(|kind| kind.for_a_step());
    let known: Vec<&str> = kinds.map(NoticeKind::as_str).collect();
    let kind = NoticeKind::parse(word).filter(|kind| kind.for_a_step());
    if kind.is_none() {
        reader.fault_at(place, unknown("message", word, &known));
    }
    kind
}

fn must_acknowledge(reader: &mut Reader<'_>, raw: &RawMustAcknowledge) -> Option<MustAcknowledge> {
    let by = reader.phrase(&raw.by, phrases::acknowledged_by);
    let within = reader.length(&raw.within);
    let if_nobody = raw.if_nobody.as_ref().and_then(|raw| {
        let notify = reader.role_list(&raw.notify);
        let every = reader.phrase(&raw.repeat, phrases::every);
        let up_to = reader.phrase(&raw.up_to, phrases::times);
        Some(Escalation { notify, every: every?, up_to: up_to? })
    });
    Some(MustAcknowledge { by: by?, within, if_nobody })
}

/// An approval, whose default needs a time after which it holds.
pub(super) fn approval(reader: &mut Reader<'_>, raw: RawApproval) -> Approval {
    let by = reader.roles(&raw.by);
    if raw.votes.value == 0 {
        reader.fault(&raw.votes, "an approval needs at least 1 vote");
    }
    if raw.by.is_empty() {
        reader.fault(&raw.votes, "nobody is asked: write at least one role under 'by'");
    }
    let within = raw.within.as_ref().map(|text| reader.length(text));
    let if_no_answer = raw.if_no_answer.as_ref().map(|word| word.value);
    match (&raw.within, &raw.if_no_answer) {
        (Some(within), None) => reader.fault(
            within,
            "say what happens after this time: add 'if_no_answer', for example 'ask-again'",
        ),
        (None, Some(default)) => {
            reader.fault(default, "say after which time: add 'within', for example '10 min'");
        }
        _ => {}
    }
    Approval { by, votes: raw.votes.value, within, if_no_answer }
}

fn action(reader: &mut Reader<'_>, raw: &RawStep) -> Option<Verb> {
    let word = raw.action.as_ref()?;
    let undo = raw.undo.as_ref().map(|undo| undo.value);
    match word.value.as_str() {
        "open-copy" => {
            let scope = match &raw.with {
                Some(with) => scope(reader, &with.value, with.defined)?,
                None => {
                    reader.fault(
                        word,
                        "say for whom the copy is opened: add 'with: { scope: outage }'",
                    );
                    return None;
                }
            };
            Some(Verb::Do { action: Action::OpenCopy(scope), undo })
        }
        "close-copy" => {
            if let (Some(Undo::CloseCopy), Some(place)) = (undo, &raw.undo) {
                reader.fault(place, "closing is not undone by closing: leave 'undo' out");
            }
            if let Some(with) = &raw.with {
                reader.fault(with, "'close-copy' closes whatever this plan opened: drop 'with'");
            }
            Some(Verb::Do { action: Action::CloseCopy, undo: None })
        }
        other => {
            reader.fault(word, unknown("action", other, &["open-copy", "close-copy"]));
            None
        }
    }
}

fn scope(reader: &mut Reader<'_>, raw: &RawWith, place: Location) -> Option<CopyScope> {
    match (&raw.cohorts, raw.scope) {
        (Some(cohorts), None) if !cohorts.is_empty() => {
            let cohorts = cohorts.iter().filter_map(|text| reader.cohort(text));
            Some(CopyScope::Cohorts(cohorts.collect::<BTreeSet<_>>()))
        }
        (None, Some(RawScope::Outage)) => Some(CopyScope::Outage),
        (None, Some(RawScope::Everyone)) => Some(CopyScope::Everyone),
        _ => {
            reader.fault_at(place, "write either 'cohorts: [...]' or 'scope: outage'");
            None
        }
    }
}

/// A checklist, whose lines come from the plan, from a list Holdfast keeps, or both.
pub(super) fn checklist(
    reader: &mut Reader<'_>,
    raw: RawChecklist,
    place: Location,
) -> Option<Checklist> {
    let audience = reader.role(&raw.audience);
    if raw.items.is_empty() && raw.items_from.is_none() {
        reader.fault_at(place, "this checklist is empty: add 'items' or 'items_from'");
    }
    let mut ids = BTreeSet::<ChecklistItemId>::new();
    let mut items = Vec::new();
    for item in raw.items {
        let text = reader.words(&item.text);
        let Some(id) = reader.id::<ChecklistItemId>(&item.id) else { continue };
        if !ids.insert(id.clone()) {
            reader.fault(&item.id, format!("the line '{id}' stands here twice: rename one"));
        }
        let (must, proof, items_from) = (item.must, item.proof, item.items_from);
        items.push(ChecklistItem { id, text, must, proof, items_from });
    }
    let remind = raw.remind.as_ref().and_then(|text| reader.phrase(text, phrases::every));
    let (items_from, second_person) = (raw.items_from, raw.second_person);
    Some(Checklist { audience: audience?, items, items_from, remind, second_person })
}

fn suspend(reader: &mut Reader<'_>, raw: &RawSuspend) -> Option<Suspend> {
    let function = reader.id(&raw.function);
    let risk_accepted_by = reader.role(&raw.risk_accepted_by);
    let told = reader.roles(&raw.told);
    Some(Suspend {
        function: function?,
        until: raw.until,
        risk_accepted_by: risk_accepted_by?,
        told,
    })
}

/// A title for the timeline, for steps that have none of their own.
fn in_words(verb: &Verb) -> String {
    match verb {
        Verb::Notify(Notify { to: Audience::EveryoneToldSoFar, .. }) => {
            "Tell everyone told so far".to_owned()
        }
        Verb::Notify(Notify { to: Audience::Roles(roles), .. }) => {
            let roles: Vec<String> = roles.iter().map(|role| spaced(role.as_str())).collect();
            format!("Tell {}", roles.join(", "))
        }
        Verb::Approve => "Ask for a decision".to_owned(),
        Verb::Do { action: Action::OpenCopy(scope), .. } => match scope {
            CopyScope::Cohorts(cohorts) => {
                let names: Vec<String> = cohorts.iter().map(|id| spaced(id.as_str())).collect();
                format!("Open the copy for {}", names.join(", "))
            }
            CopyScope::Outage => "Open the copy for everyone hit by the outage".to_owned(),
            CopyScope::Everyone => "Open the copy for everyone".to_owned(),
        },
        Verb::Do { action: Action::CloseCopy, .. } => "Close the copy".to_owned(),
        Verb::Checklist(list) => format!("Checklist for {}", spaced(list.audience.as_str())),
        Verb::Suspend(suspend) => format!("Suspend {}", spaced(suspend.function.as_str())),
        Verb::Resume(Resume::EverythingSuspended) => "Resume everything suspended".to_owned(),
        Verb::Resume(Resume::Function(function)) => format!("Resume {}", spaced(function.as_str())),
        Verb::UndoOf { steps, .. } => {
            let steps: Vec<&str> = steps.iter().map(PlaybookStepId::as_str).collect();
            format!("Undo {}", steps.join(", "))
        }
    }
}

fn spaced(id: &str) -> String {
    id.replace('-', " ")
}
