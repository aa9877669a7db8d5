//! Plans come into force, the clock brings their steps, and what follows is written down.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Engine, Held, LoadedPlaybook, MOST_TIMERS_AT_ONCE};
use crate::continuity::activation::Activation;
use crate::continuity::catch_up::merge_overdue;
use crate::continuity::command::CommandError;
use crate::continuity::decide::{self, Decision, Input};
use crate::continuity::effect::{Effect, NoticeRequest};
use crate::continuity::event::{Header, StartedBy};
use crate::continuity::incident::Incident;
use crate::continuity::record::{GENESIS, chain};
use crate::continuity::timers::timers;
use crate::crypto::digest::Digest;
use crate::domain::ids::{PlaybookId, TargetId};
use crate::domain::incident::{ActivationId, Phase};
use crate::domain::outage::Outage;
use crate::domain::playbook::{OneActivationPer, Playbook};
use crate::store::continuity::commit::{
    ActivationRow, Commit, EffectRow, NewNotice, PinnedPlaybook, SuspensionRow, commit,
};
use crate::store::continuity::find;

impl Engine {
    /// Tells every activation that goes by this target how it stands.
    pub(super) async fn target_changed(&mut self, target: &TargetId) {
        let Some(standing) = self.picture.standing(target) else { return };
        let ids: Vec<ActivationId> = self
            .activations
            .iter()
            .filter(|(_, held)| goes_by(&held.playbook, target) && !held.state.header.exercise)
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            // Only people are refused; what detection says never is.
            self.input(&id, &Input::Target(standing.clone())).await.ok();
        }
    }

    /// Puts plans in force whose signal has held for long enough.
    pub(super) async fn start_plans(&mut self) {
        let now = self.clock.now();
        let due: Vec<(LoadedPlaybook, Outage)> = self
            .settings
            .playbooks
            .iter()
            .filter_map(|loaded| {
                let (at, outage) = self.signal(&loaded.playbook)?;
                (at <= now).then(|| (loaded.clone(), outage.clone()))
            })
            .collect();
        for (loaded, outage) in due {
            let target = self.picture.standing(&outage.target);
            let incident = self.incidents.values().find(|one| one.takes(&outage));
            let header = Header {
                reason: outage.sentence.clone(),
                started_by: StartedBy::Signal,
                incident: incident.map(|one| one.id.clone()),
                ..self.header(&loaded)
            };
            let Ok(header) = self.named(header).await else { return };
            let plan = self.settings.plan(&loaded.playbook);
            let decision = decide::start(plan, header, target, now);
            self.begin(&loaded, decision).await.ok();
        }
    }

    /// When plans that wait for their signal to hold would start.
    pub(super) fn next_starts(&self) -> impl Iterator<Item = Timestamp> {
        self.settings.playbooks.iter().filter_map(|loaded| Some(self.signal(&loaded.playbook)?.0))
    }

    /// The signal of a plan that is not in force and was not for this very outage.
    fn signal(&self, playbook: &Playbook) -> Option<(Timestamp, &Outage)> {
        let when = playbook.start_when.as_ref()?;
        let reports = self.said.of(&when.target, self.clock.now());
        let target = self.settings.targets.iter().find(|target| target.id == when.target);
        let feeds = target.map(|target| target.titles().feeds).unwrap_or_default();
        let (at, outage) = self.picture.fulfils(when, &feeds, reports)?;
        let of_plan = self
            .activations
            .values()
            .map(|held| &held.state)
            .filter(|state| state.header.playbook == playbook.id && !state.header.exercise);
        let handled = of_plan.into_iter().any(|state| {
            let over_at = state.stood_down_at.or(state.closed_at);
            state.phase.is_in_force() || over_at.is_some_and(|over| outage.began_at <= over)
        });
        (!handled).then_some((at, outage))
    }

    /// Fires what is due, activation by activation; what one of them brings at once is written
    /// at once, with overdue notices put together.
    pub(super) async fn fire_timers(&mut self) {
        let now = self.clock.now();
        let due = |held: &Held| held.next_timer().is_some_and(|(at, _)| at <= now);
        let ids: Vec<ActivationId> = self
            .activations
            .iter()
            .filter(|(_, held)| due(held))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            let Some(held) = self.activations.get(&id) else { continue };
            let plan = self.settings.plan(&held.playbook);
            let (mut state, mut events, mut effects) = (held.state.clone(), Vec::new(), Vec::new());
            for _ in 0..MOST_TIMERS_AT_ONCE {
                let next = timers(&held.playbook, &state).into_iter().next();
                let Some((at, timer)) = next.filter(|(at, _)| *at <= now) else { break };
                let Ok(decision) = decide::decide(plan, &state, &Input::Due(timer, at), now) else {
                    break;
                };
                if decision.events.is_empty() {
                    // It would be due again at once, for ever.
                    tracing::error!(activation = %id, "a timer led to nothing");
                    break;
                }
                state = decision.state;
                events.extend(decision.events);
                effects.extend(decision.effects);
            }
            let effects = merge_overdue(effects, now);
            self.keep(&id, Decision { at: now, state, events, effects }, Vec::new()).await.ok();
        }
    }

    /// One input for one activation.
    pub(super) async fn input(
        &mut self,
        id: &ActivationId,
        input: &Input,
    ) -> Result<(), CommandError> {
        self.input_answering(id, input, Vec::new()).await
    }

    /// One input that also answers effects.
    pub(super) async fn input_answering(
        &mut self,
        id: &ActivationId,
        input: &Input,
        answered: Vec<String>,
    ) -> Result<(), CommandError> {
        let held = self.activations.get(id);
        let held = held.ok_or_else(|| CommandError::UnknownActivation(id.clone()))?;
        let plan = self.settings.plan(&held.playbook);
        let decision = decide::decide(plan, &held.state, input, self.clock.now())?;
        self.keep(id, decision, answered).await
    }

    /// A header without what only a start knows.
    pub(super) fn header(&self, loaded: &LoadedPlaybook) -> Header {
        let playbook = &loaded.playbook;
        Header {
            id: ActivationId(String::new()),
            playbook: playbook.id.clone(),
            playbook_version: playbook.version,
            playbook_hash: Digest::of(loaded.source.as_bytes()).to_hex(),
            title: playbook.title.clone(),
            unit: self.settings.unit.clone(),
            owner: playbook.owner.clone(),
            ground: playbook.ground,
            reason: String::new(),
            started_by: StartedBy::Signal,
            exercise: false,
            incident: None,
        }
    }

    /// Gives a header the next free id of its plan and day.
    pub(super) async fn named(&mut self, header: Header) -> Result<Header, CommandError> {
        let day = self.clock.now().strftime("%Y%m%d");
        let prefix = format!("{}-{day}-", header.playbook);
        match find::ids_like(&self.store, &prefix).await {
            Ok(count) => {
                Ok(Header { id: ActivationId(format!("{prefix}{}", count + 1)), ..header })
            }
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// What stands in the way of another activation of the same plan.
    pub(super) fn in_force(
        &self,
        playbook: &Playbook,
        unit: &str,
        exercise: bool,
    ) -> Option<&ActivationId> {
        self.activations.iter().find_map(|(id, held)| {
            let header = &held.state.header;
            let same_place = playbook.one_activation_per == OneActivationPer::Installation
                || header.unit == unit;
            let same = header.playbook == playbook.id && header.exercise == exercise && same_place;
            (same && held.state.phase.is_in_force()).then_some(id)
        })
    }

    pub(super) fn loaded(&self, id: &PlaybookId) -> Option<LoadedPlaybook> {
        self.settings.playbooks.iter().find(|loaded| loaded.playbook.id == *id).cloned()
    }

    /// Writes the beginning of an activation, with the plan pinned.
    pub(super) async fn begin(
        &mut self,
        loaded: &LoadedPlaybook,
        decision: Decision,
    ) -> Result<(), CommandError> {
        let id = decision.state.header.id.clone();
        let blank = Held {
            playbook: Arc::clone(&loaded.playbook),
            state: decision.state.clone(),
            events: 0,
            last_hash: GENESIS.to_owned(),
        };
        let pinned = PinnedPlaybook {
            hash: decision.state.header.playbook_hash.clone(),
            playbook: loaded.playbook.id.clone(),
            version: loaded.playbook.version,
            source: loaded.source.clone(),
            document: serde_json::to_string(&*loaded.playbook).expect("plans are plain values"),
        };
        let kept = self.write(&id, blank, decision, (Some(pinned), Vec::new())).await?;
        self.activations.insert(id, kept);
        Ok(())
    }

    /// Writes what follows from an input, and only then holds it.
    async fn keep(
        &mut self,
        id: &ActivationId,
        decision: Decision,
        answered: Vec<String>,
    ) -> Result<(), CommandError> {
        if decision.events.is_empty() && decision.effects.is_empty() && answered.is_empty() {
            return Ok(());
        }
        let Some(held) = self.activations.get(id) else { return Ok(()) };
        let held = Held {
            playbook: Arc::clone(&held.playbook),
            state: held.state.clone(),
            events: held.events,
            last_hash: held.last_hash.clone(),
        };
        let kept = self.write(id, held, decision, (None, answered)).await?;
        self.activations.insert(id.clone(), kept);
        Ok(())
    }

    async fn write(
        &mut self,
        id: &ActivationId,
        held: Held,
        decision: Decision,
        (playbook, answered): (Option<PinnedPlaybook>, Vec<String>),
    ) -> Result<Held, CommandError> {
        let Decision { at: now, state, events, effects } = decision;
        let rows = chain(id, (held.events, &held.last_hash), &events, now);
        let last_hash = rows.last().map_or(held.last_hash, |row| row.hash.clone());
        let events_after = held.events + rows.len() as u64;
        let incident = state.header.incident.as_ref().and_then(|id| self.incidents.get(id));
        let mut written = Commit {
            playbook,
            activation: Some(row(&held.playbook, &state, (held.events, events_after))),
            events: rows,
            answered,
            ..Commit::default()
        };
        for effect in &effects {
            match effect {
                Effect::SendNotice(request) => {
                    written.notices.extend(self.notices(request, &state, incident, now));
                }
                Effect::WithdrawNotices { activation, steps } => written
                    .withdrawn
                    .extend(steps.iter().map(|step| (activation.clone(), step.clone()))),
                Effect::OpenCopy { key, .. }
                | Effect::CloseCopy { key, .. }
                | Effect::CountJournal { key } => written.effects.push(EffectRow {
                    key: key.to_string(),
                    activation: id.clone(),
                    document: serde_json::to_string(effect).expect("effects are plain values"),
                }),
            }
        }
        if let Err(error) = commit(&self.store, &written, now).await {
            return Err(self.refused(&error));
        }
        if !written.notices.is_empty() {
            self.outbox.notify_one();
        }
        let outside = |effect: &Effect| {
            !matches!(effect, Effect::SendNotice(_) | Effect::WithdrawNotices { .. })
        };
        self.backlog.extend(effects.into_iter().filter(outside));
        (self.settings.changed)();
        Ok(Held { playbook: held.playbook, state, events: events_after, last_hash })
    }

    fn notices(
        &self,
        request: &NoticeRequest,
        state: &Activation,
        incident: Option<&Incident>,
        now: Timestamp,
    ) -> Vec<NewNotice> {
        let people = &self.settings.people;
        self.settings.desk.for_activation(request, (state, incident), people, now)
    }
}

/// Whether a plan starts or ends by a target.
fn goes_by(playbook: &Playbook, target: &TargetId) -> bool {
    let start = playbook.start_when.as_ref().map(|when| &when.target);
    let offer = playbook.stand_down.offer_when.as_ref().map(|when| &when.target);
    start == Some(target) || offer == Some(target)
}

fn row(playbook: &Playbook, state: &Activation, events: (u64, u64)) -> ActivationRow {
    let header = &state.header;
    let suspensions = state.suspensions.iter().map(|one| SuspensionRow {
        function: one.function.clone(),
        risk_owner: one.risk_owner.clone(),
        accepted_by: one.accepted_by.clone(),
        from: one.from,
        until: one.until,
    });
    let timers = timers(playbook, state)
        .into_iter()
        .map(|(at, timer)| (at, serde_json::to_string(&timer).expect("timers are plain values")));
    let is_over = state.phase == Phase::Declined;
    ActivationRow {
        id: header.id.clone(),
        playbook: header.playbook.clone(),
        playbook_hash: header.playbook_hash.clone(),
        unit: header.unit.clone(),
        ground: header.ground,
        phase: state.phase,
        exercise: header.exercise,
        incident: header.incident.clone(),
        opened_at: state.opened_at,
        stood_down_at: state.stood_down_at.or(state.closed_at.filter(|_| is_over)),
        closed_at: state.closed_at,
        events_before: events.0,
        events_after: events.1,
        document: serde_json::to_string(state).expect("activations are plain values"),
        timers: timers.collect(),
        suspensions: suspensions.collect(),
    }
}
