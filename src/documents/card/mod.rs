//! A playbook on paper: what a manager holds in the hand when no screen works.
//!
//! Every step with its time from T0, who acts and what is done, with room to write. It says what
//! the plan says and must not decide anything; the sentences are in [`words`].

mod text;
mod words;

use askama::Template;
use jiff::Timestamp;

use crate::domain::ids::RoleId;
use crate::domain::length::Length;
use crate::domain::notice::Channel;
use crate::domain::people::People;
use crate::domain::playbook::{Checklist, ChecklistItem, Finished, Playbook, Proof, Step, Verb};
use crate::domain::target::Target;
use words::Words;

pub use text::text;

/// A plan, ready to be laid out.
#[derive(Clone, Debug)]
pub struct Card {
    pub id: String,
    pub title: String,
    /// Ground, version, owner and review, a sentence each.
    pub about: Vec<String>,
    /// When it comes into force, and who may bring that about.
    pub starts: Vec<String>,
    pub steps: Vec<CardStep>,
    /// When standing down is offered, and who decides.
    pub ends_when: Vec<String>,
    pub ending: Vec<CardStep>,
    /// What has to be put back before the plan is closed.
    pub afterwards: Option<CardStep>,
    pub people: Vec<CardRole>,
    /// When these names were right.
    pub made: String,
}

/// One step.
#[derive(Clone, Debug)]
pub struct CardStep {
    /// `T0 + 10 min`; empty where one step follows the other.
    pub when: String,
    pub title: String,
    /// What is done and by whom, a sentence each.
    pub words: Vec<String>,
    /// What is said to those who are told.
    pub say: Option<String>,
    pub items: Vec<CardItem>,
}

/// One line to tick.
#[derive(Clone, Debug)]
pub struct CardItem {
    pub text: String,
    pub must: bool,
    /// What is written beside it, if anything.
    pub proof: Option<&'static str>,
}

/// A role with those who fill it.
#[derive(Clone, Debug)]
pub struct CardRole {
    pub title: String,
    /// `Name, telephone`, in the order in which to ring.
    pub people: Vec<String>,
}

impl Card {
    /// Lays a plan out for the people and targets of this installation, as they are at `now`.
    #[must_use]
    pub fn new(playbook: &Playbook, people: &People, targets: &[Target], now: Timestamp) -> Self {
        let words = Words { people, playbook, targets };
        Self {
            id: playbook.id.to_string(),
            title: playbook.title.clone(),
            about: words.about(),
            starts: words.starts(),
            steps: playbook.steps.iter().map(|step| card_step(words, step, true)).collect(),
            ends_when: words.ends_when(),
            ending: playbook
                .stand_down
                .steps
                .iter()
                .map(|step| card_step(words, step, false))
                .collect(),
            afterwards: playbook.reconcile.as_ref().map(|reconcile| {
                let done = match reconcile.finished_when {
                    Finished::JournalReconciled => "every downtime form is back in the system",
                    Finished::ChecklistDone => "every line that must be ticked is",
                };
                let mut sentences = words.checklist(&reconcile.checklist);
                sentences.push(format!("The plan is closed when {done}."));
                CardStep {
                    when: String::new(),
                    title: "Put everything back".to_owned(),
                    words: sentences,
                    say: None,
                    items: items(&reconcile.checklist),
                }
            }),
            people: roles(playbook).iter().map(|role| card_role(people, role, now)).collect(),
            made: now.to_zoned(people.zone.clone()).strftime("%-d %B %Y, %H:%M").to_string(),
        }
    }

    /// The card as a page of its own, for a browser to print.
    ///
    /// # Errors
    /// When the template cannot be filled.
    pub fn html(&self) -> Result<String, askama::Error> {
        Page { card: self, stylesheet: super::STYLESHEET }.render()
    }
}

#[derive(Template)]
#[template(path = "documents/card/card.html")]
struct Page<'a> {
    card: &'a Card,
    stylesheet: &'static str,
}

fn card_step(words: Words<'_>, step: &Step, timed: bool) -> CardStep {
    let (say, list) = match &step.verb {
        Verb::Notify(notify) => (notify.say.clone(), None),
        Verb::Checklist(list) => (None, Some(list)),
        _ => (None, None),
    };
    CardStep {
        when: if timed { when(step.at) } else { String::new() },
        title: step.title.clone(),
        words: words.step(step),
        say,
        items: list.map(items).unwrap_or_default(),
    }
}

fn when(at: Length) -> String {
    if at == Length::from_secs(0) { "T0".to_owned() } else { format!("T0 + {at}") }
}

fn items(list: &Checklist) -> Vec<CardItem> {
    let item = |item: &ChecklistItem| CardItem {
        text: item.text.clone(),
        must: item.must,
        proof: item.proof.map(|proof| match proof {
            Proof::Count => "how many",
            Proof::Words => "what",
        }),
    };
    list.items.iter().map(item).collect()
}

/// Every role that the plan needs, those who may start it first.
fn roles(playbook: &Playbook) -> Vec<RoleId> {
    let mut roles: Vec<RoleId> = Vec::new();
    for role in playbook.activates.iter().chain(playbook.roles.keys()) {
        if !roles.contains(role) {
            roles.push(role.clone());
        }
    }
    roles
}

fn card_role(people: &People, id: &RoleId, now: Timestamp) -> CardRole {
    let role = people.roles.get(id);
    let mut ids: Vec<_> = people.holders(id, now).into_iter().map(|one| &one.id).collect();
    let rota = role.and_then(|role| people.rotas.get(role.rota.as_ref()?));
    let others = role.into_iter().flat_map(|role| role.members.iter().chain(&role.deputies));
    ids.extend(others.chain(rota.into_iter().flat_map(|rota| &rota.people)));
    let mut people_of_it: Vec<String> = Vec::new();
    for person in ids.into_iter().filter_map(|id| people.persons.get(id)) {
        let address = person.address(Channel::Sms).or(person.address(Channel::Email));
        let line = format!("{}, {}", person.name, address.unwrap_or("no address"));
        if !people_of_it.contains(&line) {
            people_of_it.push(line);
        }
    }
    let title = role.map_or_else(|| id.to_string(), |role| role.title.clone());
    CardRole { title, people: people_of_it }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::playbooks::{self, Known};

    const PEOPLE: &str = include_str!("../../../playbooks/demo/people.yaml");

    fn card(source: &str) -> Card {
        let people = crate::config::people::parse("people.yaml", PEOPLE).unwrap();
        let playbook = playbooks::parse("plan.yaml", source, Known::default()).unwrap();
        let target = include_str!("../../../probes/c3ms.yaml");
        let target = crate::config::probes::read("c3ms.yaml", target).unwrap();
        Card::new(&playbook, &people, &[target], "2026-03-03T23:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_manager_reads_when_who_and_what() {
        let card = card(include_str!("../../../playbooks/c3ms/case-system-down.yaml"));
        let text = text(&card);
        let lines: Vec<&str> = text.split_whitespace().collect();
        let unwrapped = lines.join(" ");
        for expected in [
            "CASE SYSTEM DOWN",
            "Starts by itself when C3MS is down for 3 min, confirmed by 2 locations or 3 staff",
            "Holdfast opens the read-only copy for: Crisis team, Report Line.",
            "T0 + 10 min Open the copy for every office that is hit",
            "Only if it does not work yet.",
            "After-hours manager or Director decides. Without an answer within 10 min the copy is",
            "[ ] Every worker on a visit has checked in (must)",
            "Director accepts the risk: ____________________",
            "Any 1 of them must acknowledge within 10 min. If they do not: tell Director, every 5",
            "Take up again what was set aside.",
            "A second person checks each line.",
            "Synthetic-Hughes, Mara (after-hours manager), +61 491 570 006",
        ] {
            assert!(unwrapped.contains(expected), "{expected} is missing in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let html = card.html().unwrap();
        assert!(html.contains("Open the copy for every office that is hit"), "{html}");
        assert!(html.contains("Every worker on a visit has checked in"), "{html}");
    }
}
