//! A decision while it is made: events are folded in as they are noted, so that what comes next
//! sees what came before.

use jiff::Timestamp;

use super::{Decision, Plan};
use crate::continuity::activation::Activation;
use crate::continuity::apply::apply;
use crate::continuity::effect::{Act, Effect, NoticeRequest, Recipient};
use crate::continuity::event::Event;
use crate::domain::ids::{PersonId, RoleId};
use crate::domain::notice::{Channel, NoticeKind};
use crate::domain::playbook::{Drill, Rehearsal};

pub(super) struct Draft<'a> {
    pub plan: Plan<'a>,
    pub now: Timestamp,
    pub state: Activation,
    events: Vec<Event>,
    effects: Vec<Effect>,
}

/// A notice while it is written.
pub(super) struct Notice<'a> {
    pub step: &'a str,
    pub kind: NoticeKind,
    pub due_at: Timestamp,
    pub say: Option<String>,
    pub act: Option<Act>,
    pub life_safety: bool,
}

impl<'a> Draft<'a> {
    pub fn of(plan: Plan<'a>, state: Activation, now: Timestamp) -> Self {
        Self { plan, now, state, events: Vec::new(), effects: Vec::new() }
    }

    /// A draft whose first event has made the state already.
    pub fn begin(plan: Plan<'a>, state: Activation, begun: Event, now: Timestamp) -> Self {
        Self { events: vec![begun], ..Self::of(plan, state, now) }
    }

    pub fn decision(self) -> Decision {
        Decision { at: self.now, state: self.state, events: self.events, effects: self.effects }
    }

    pub fn emit(&mut self, event: Event) {
        apply(&mut self.state, &event, self.now);
        self.events.push(event);
    }

    pub fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Notes a notice and asks for it; nothing when there is nobody to tell.
    pub fn notify(&mut self, recipients: Vec<Recipient>, notice: Notice<'_>) {
        if recipients.is_empty() {
            return;
        }
        let request = NoticeRequest {
            key: self.state.next_key(notice.step),
            kind: notice.kind,
            recipients,
            due_at: notice.due_at,
            say: notice.say,
            act: notice.act,
            life_safety: notice.life_safety && !self.state.header.exercise,
        };
        self.emit(Event::NoticeAsked(request.clone()));
        if !self.rehearses(|drill| drill.people) {
            self.effect(Effect::SendNotice(request));
        }
    }

    /// Tells the plan's owner something they should know of.
    pub fn tell_owner(&mut self, step: &str, words: String) {
        let owner = self.plan.playbook.owner.clone();
        let recipients = self.recipients(&[owner]);
        self.notify(
            recipients,
            Notice {
                step,
                kind: NoticeKind::Update,
                due_at: self.now,
                say: Some(words),
                act: None,
                life_safety: false,
            },
        );
    }

    /// Whether this is a drill that only rehearses that part.
    pub fn rehearses(&self, part: impl Fn(&Drill) -> Rehearsal) -> bool {
        self.state.header.exercise
            && self.plan.playbook.drill.as_ref().is_none_or(|d| part(d) == Rehearsal::Rehearse)
    }

    /// Who holds these roles now, each person once, with the channels that reach them.
    pub fn recipients(&self, roles: &[RoleId]) -> Vec<Recipient> {
        let mut recipients: Vec<Recipient> = Vec::new();
        for role in roles {
            for person in self.plan.people.holders(role, self.now) {
                let reach = self.plan.playbook.reach(role).iter().copied();
                let works = |channel: &Channel| {
                    *channel == Channel::Console || self.plan.channels.contains(channel)
                };
                let mut channels: Vec<Channel> = reach
                    .filter(|channel| works(channel) && person.address(*channel).is_some())
                    .collect();
                if channels.is_empty() && person.console {
                    channels.push(Channel::Console);
                }
                if !recipients.iter().any(|one| one.person == person.id) {
                    let (person, role) = (person.id.clone(), role.clone());
                    recipients.push(Recipient { person, role, channels });
                }
            }
        }
        recipients
    }

    /// Whether a person holds, or is deputy of, one of these roles.
    pub fn entitled(&self, person: &PersonId, roles: &[RoleId]) -> bool {
        roles.iter().any(|role| self.plan.people.may_answer(person, role, self.now))
    }
}
