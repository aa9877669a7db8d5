//! Commands from people and from other parts of Holdfast.

use super::Engine;
use crate::continuity::command::{Answer, Command, CommandError, StartRequest};
use crate::continuity::decide::{self, COUNT_JOURNAL, Input, Refusal};
use crate::continuity::effect::EffectKey;
use crate::continuity::event::{Header, StartedBy};
use crate::continuity::notices::step_of;
use crate::domain::ids::{PersonId, PlaybookStepId};
use crate::domain::incident::{ActivationId, Phase};
use crate::store::continuity::find;

impl Engine {
    /// What a command leads to; it is durable when this answers.
    pub(super) async fn command(&mut self, command: Command) -> Result<Answer, CommandError> {
        match command {
            Command::Input(id, input) => self.input(&id, &input).await.map(|()| Answer::Done),
            Command::AcknowledgeNotice { notice, by, via } => {
                self.acknowledge_notice(&notice, by, via).await
            }
            Command::TakeIncident { incident, by } => {
                self.touch_incident(&incident, &by, None).await.map(|()| Answer::Done)
            }
            Command::NoteIncident { incident, by, words } => {
                self.touch_incident(&incident, &by, Some(words)).await.map(|()| Answer::Done)
            }
            Command::Start(request) => self.start(request, false).await,
            Command::Propose(request) => self.start(request, true).await,
            Command::EffectResult { key, result } => self.effect_result(key, result).await,
            Command::Journal { open } => self.journal(open).await,
            Command::Visits { open } => self.everywhere(&Input::Visits { open }, &[]).await,
            Command::StaffReport(report) => {
                self.said.take(report, self.clock.now());
                Ok(Answer::Done)
            }
            Command::Signal { signal, sentence } => self.signal_crossed(&signal, sentence).await,
            Command::Agent { location, silent, sentence } => {
                self.agent_heard(&location, silent, sentence).await
            }
        }
    }

    /// A link in a notice: it names the row, which names what it was about.
    async fn acknowledge_notice(
        &mut self,
        notice: &str,
        by: PersonId,
        via: String,
    ) -> Result<Answer, CommandError> {
        let row = match find::notice(&self.store, notice).await {
            Ok(row) => row.ok_or(CommandError::UnknownNotice)?,
            Err(error) => return Err(CommandError::NotDurable(error.to_string())),
        };
        if row.person.as_ref() != Some(&by) {
            return Err(CommandError::NotTheirs);
        }
        let words = row.subject.clone();
        match (row.activation, row.incident) {
            (Some(activation), _) => {
                let step = PlaybookStepId::new(step_of(&row.step))
                    .map_err(|_| CommandError::UnknownNotice)?;
                self.input(&activation, &Input::Acknowledge { step, by, via }).await?;
            }
            (None, Some(incident)) => self.touch_incident(&incident, &by, None).await?,
            (None, None) => return Err(CommandError::UnknownNotice),
        }
        Ok(Answer::Acknowledged { words })
    }

    async fn start(
        &mut self,
        request: StartRequest,
        propose: bool,
    ) -> Result<Answer, CommandError> {
        let loaded = self.loaded(&request.playbook);
        let loaded =
            loaded.ok_or_else(|| CommandError::UnknownPlaybook(request.playbook.clone()))?;
        let now = self.clock.now();
        let playbook = &loaded.playbook;
        let people = &self.settings.people;
        let may = |role| people.may_answer(&request.by, role, now);
        if !propose && !playbook.activates.iter().any(may) {
            return Err(Refusal::NotEntitled(request.by).into());
        }
        if request.reason.trim().is_empty() {
            return Err(Refusal::ReasonMissing.into());
        }
        if let Some(id) = self.in_force(playbook, &request.unit, request.exercise) {
            return Err(CommandError::InForce(id.clone()));
        }
        let target = playbook.start_when.as_ref().map(|when| &when.target);
        let standing = target.and_then(|target| self.picture.standing(target));
        let incident = self.incidents.values().find(|one| Some(&one.target) == target);
        let header = Header {
            unit: request.unit,
            ground: request.ground.unwrap_or(playbook.ground),
            reason: request.reason,
            started_by: StartedBy::Person(request.by),
            exercise: request.exercise,
            incident: incident.filter(|_| !request.exercise).map(|one| one.id.clone()),
            ..self.header(&loaded)
        };
        let header = self.named(header).await?;
        let id = header.id.clone();
        let plan = self.settings.plan(playbook);
        let standing = standing.filter(|_| !request.exercise);
        let decision = match propose {
            true => decide::propose(plan, header, now),
            false => decide::start(plan, header, standing, now),
        };
        self.begin(&loaded, decision).await?;
        Ok(Answer::Started(id))
    }

    async fn effect_result(
        &mut self,
        key: EffectKey,
        result: Result<String, String>,
    ) -> Result<Answer, CommandError> {
        let answered = vec![key.to_string()];
        let step = PlaybookStepId::new(&key.step);
        let step = step.map_err(|_| CommandError::UnknownActivation(key.activation.clone()))?;
        let input = Input::ActionResult { step, occurrence: key.occurrence, result };
        self.input_answering(&key.activation, &input, answered).await?;
        Ok(Answer::Done)
    }

    async fn journal(&mut self, open: u32) -> Result<Answer, CommandError> {
        let reconciling: Vec<(ActivationId, String)> = self
            .activations
            .iter()
            .filter(|(_, held)| held.state.phase == Phase::Reconciling)
            .map(|(id, held)| {
                (id.clone(), held.state.key(COUNT_JOURNAL, held.state.round).to_string())
            })
            .collect();
        for (id, key) in reconciling {
            self.input_answering(&id, &Input::Journal { open }, vec![key]).await?;
        }
        Ok(Answer::Done)
    }

    /// The same input for every activation in these phases; in every open one when none is named.
    async fn everywhere(
        &mut self,
        input: &Input,
        phases: &[Phase],
    ) -> Result<Answer, CommandError> {
        let open = |phase: Phase| {
            if phases.is_empty() { !phase.is_over() } else { phases.contains(&phase) }
        };
        let ids: Vec<ActivationId> = self
            .activations
            .iter()
            .filter(|(_, held)| open(held.state.phase))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.input(&id, input).await?;
        }
        Ok(Answer::Done)
    }
}
