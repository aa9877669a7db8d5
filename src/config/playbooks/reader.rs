//! Turns single words of a file into domain values, and notes whatever is wrong with them.
//!
//! A faulty word yields a harmless value or none, so that reading goes on and finds the rest.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde_saphyr::{Location, Spanned};

use super::Known;
use super::raw::Text;
use crate::config::diagnostics::{Diagnostics, Faults, nearest};
use crate::domain::ids::{CohortId, InvalidId, PlaybookStepId, RoleId, TargetId};
use crate::domain::length::Length;
use crate::domain::playbook::{Playbook, Step, Verb};

/// What a step that is referred to must have.
#[derive(Clone, Copy, Debug)]
pub(super) enum Needs {
    Nothing,
    Undo,
    Acknowledgement,
    Approval,
}

/// Reads one file.
pub(super) struct Reader<'a> {
    faults: Faults,
    known: Known<'a>,
    /// Every step id with its place, in the order of the file.
    steps: BTreeMap<PlaybookStepId, Location>,
    /// Steps referred to, looked up when all are known.
    references: Vec<(PlaybookStepId, Needs, Location)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &str, known: Known<'a>) -> Self {
        let faults = Faults::new(file);
        Self { faults, known, steps: BTreeMap::new(), references: Vec::new() }
    }

    pub(super) fn fault<T>(&mut self, place: &Spanned<T>, message: impl Into<String>) {
        self.fault_at(place.defined, message);
    }

    pub(super) fn fault_at(&mut self, place: Location, message: impl Into<String>) {
        self.faults.at(place, message);
    }

    pub(super) fn id<T>(&mut self, text: &Text) -> Option<T>
    where
        T: TryFrom<String, Error = InvalidId>,
    {
        T::try_from(text.value.clone()).map_err(|error| self.fault(text, error.to_string())).ok()
    }

    /// The id of a step, which must be its own.
    pub(super) fn step_id(&mut self, text: &Text) -> Option<PlaybookStepId> {
        let id: PlaybookStepId = self.id(text)?;
        if let Some(first) = self.steps.insert(id.clone(), text.defined) {
            let line = first.line();
            self.fault(
                text,
                format!("the step '{id}' stands on line {line} already: give this one another id"),
            );
        }
        Some(id)
    }

    /// Notes that a step is referred to.
    pub(super) fn refer(&mut self, id: &PlaybookStepId, needs: Needs, place: Location) {
        self.references.push((id.clone(), needs, place));
    }

    pub(super) fn role(&mut self, text: &Text) -> Option<RoleId> {
        let role: RoleId = self.id(text)?;
        if let Some(people) = self.known.people
            && !people.roles.contains_key(&role)
        {
            let roles: Vec<&str> = people.roles.keys().map(RoleId::as_str).collect();
            let hint = match nearest(role.as_str(), &roles) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "add it there".to_owned(),
            };
            self.fault(text, format!("people.yaml has no role '{role}': {hint}"));
            return None;
        }
        Some(role)
    }

    pub(super) fn roles(&mut self, texts: &[Text]) -> Vec<RoleId> {
        texts.iter().filter_map(|text| self.role(text)).collect()
    }

    /// Several roles in one text, separated by commas.
    pub(super) fn role_list(&mut self, text: &Text) -> Vec<RoleId> {
        let names = text.value.split(',').map(|name| name.trim().to_owned());
        let texts: Vec<Text> =
            names.map(|name| Spanned::new(name, text.referenced, text.defined)).collect();
        self.roles(&texts)
    }

    /// Whether `people.yaml` has enough persons for a role.
    pub(super) fn enough(&mut self, role: &RoleId, at_least: u32, place: Location) {
        let Some(people) = self.known.people else { return };
        let Some(found) = people.roles.get(role) else { return };
        let rota = found.rota.as_ref().and_then(|id| people.rotas.get(id));
        let mut persons: Vec<_> = found.members.iter().chain(&found.deputies).collect();
        persons.extend(rota.into_iter().flat_map(|rota| &rota.people));
        persons.sort();
        persons.dedup();
        if persons.len() < at_least as usize {
            let have = persons.len();
            self.fault_at(
                place,
                format!(
                    "the role '{role}' needs {at_least} people and people.yaml has {have}: add \
                     members or deputies there"
                ),
            );
        }
    }

    pub(super) fn target(&mut self, text: &Text) -> Option<TargetId> {
        let target: TargetId = self.id(text)?;
        if let Some(targets) = self.known.targets
            && !targets.contains_key(&target)
        {
            self.fault(text, format!("no probe file has the target '{target}': check its id"));
        }
        Some(target)
    }

    pub(super) fn cohort(&mut self, text: &Text) -> Option<CohortId> {
        let cohort: CohortId = self.id(text)?;
        if let Some(targets) = self.known.targets
            && !targets.values().any(|cohorts| cohorts.contains(&cohort))
        {
            let known: Vec<&str> = targets.values().flatten().map(CohortId::as_str).collect();
            let hint = match nearest(cohort.as_str(), &known) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "check its id".to_owned(),
            };
            self.fault(text, format!("no probe file has the cohort '{cohort}': {hint}"));
        }
        Some(cohort)
    }

    pub(super) fn length(&mut self, text: &Text) -> Length {
        text.value.parse().unwrap_or_else(|error: crate::domain::length::InvalidLength| {
            self.fault(text, error.to_string());
            Length::from_secs(0)
        })
    }

    pub(super) fn date(&mut self, text: &Text) -> Option<Date> {
        let date = text.value.parse().ok();
        if date.is_none() {
            self.fault(
                text,
                format!("'{}' is not a date: write it as \"2027-03-01\", in quotes", text.value),
            );
        }
        date
    }

    /// A text that people read, which must say something.
    pub(super) fn words(&mut self, text: &Text) -> String {
        if text.value.trim().is_empty() {
            self.fault(text, "this text is empty: people will read it, so write it");
        }
        text.value.clone()
    }

    pub(super) fn phrase<T>(
        &mut self,
        text: &Text,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        read(text.value.trim()).map_err(|message| self.fault(text, message)).ok()
    }

    /// # Errors
    /// Everything noted, when there is anything.
    pub(super) fn finish(mut self, playbook: Option<Playbook>) -> Result<Playbook, Diagnostics> {
        self.check_references(playbook.as_ref());
        match playbook {
            Some(playbook) => self.faults.finish(playbook),
            None => {
                // A part is missing only where its fault was noted.
                self.faults.finish(()).and_then(|()| Err(Diagnostics::default()))
            }
        }
    }

    fn check_references(&mut self, playbook: Option<&Playbook>) {
        let known: Vec<&str> = self.steps.keys().map(PlaybookStepId::as_str).collect();
        for (id, needs, place) in &self.references {
            if !self.steps.contains_key(id) {
                let hint = match nearest(id.as_str(), &known) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => "refer to a step of this plan".to_owned(),
                };
                self.faults.at(*place, format!("there is no step '{id}': {hint}"));
            } else if let Some(step) = playbook.and_then(|playbook| playbook.step(id))
                && let Some(lack) = lacks(step, *needs)
            {
                self.faults.at(*place, format!("the step '{id}' {lack}"));
            }
        }
    }
}

/// What a step lacks of what is needed of it.
fn lacks(step: &Step, needs: Needs) -> Option<&'static str> {
    let has = match needs {
        Needs::Nothing => true,
        Needs::Undo => matches!(step.verb, Verb::Do { undo: Some(_), .. }),
        Needs::Approval => step.approve.is_some(),
        Needs::Acknowledgement => match &step.verb {
            Verb::Notify(notify) => notify.must_acknowledge.is_some(),
            Verb::Suspend(_) => true,
            _ => false,
        },
    };
    match needs {
        _ if has => None,
        Needs::Nothing => None,
        Needs::Undo => Some("has no 'undo': add 'undo: close-copy' to it"),
        Needs::Acknowledgement => Some("asks for no acknowledgement: add 'must_acknowledge' to it"),
        Needs::Approval => Some("asks for no approval: add 'approve' to it"),
    }
}
