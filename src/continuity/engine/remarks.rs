//! What operations are told that is no outage: staff against the probes, numbers over thresholds,
//! agents that are not heard.
//!
//! A remark has no incident, asks for nothing and is told once; it must not become a verdict.

use jiff::{SignedDuration, Timestamp};

use super::Engine;
use crate::continuity::command::{Answer, CommandError};
use crate::continuity::notices::Remark;
use crate::domain::ids::LocationId;
use crate::domain::notice::NoticeKind;
use crate::store::continuity::commit::{Commit, commit};
use crate::store::continuity::find;

/// A number that goes to and fro over its threshold is told of this seldom.
const SIGNAL_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(12);

/// A line that is cut again and again is told of this seldom.
const AGENT_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(15);

impl Engine {
    /// Tells operations that a number crossed a threshold, restarts included once in
    /// [`SIGNAL_AGAIN_AFTER`].
    pub(super) async fn signal_crossed(
        &mut self,
        signal: &str,
        sentence: String,
    ) -> Result<Answer, CommandError> {
        let now = self.clock.now();
        let told = find::last_notice(&self.store, NoticeKind::Signal, signal).await;
        let told = told.map_err(|error| self.refused(&error))?;
        let lately = |at: Timestamp| now.duration_since(at) < SIGNAL_AGAIN_AFTER;
        if !told.is_some_and(lately) {
            self.remark(NoticeKind::Signal, signal, sentence, now).await;
        }
        Ok(Answer::Done)
    }

    /// Tells operations that a location's agent is silent, or reports again after they were told
    /// so. A line that comes and goes is told of once in [`AGENT_AGAIN_AFTER`].
    pub(super) async fn agent_heard(
        &mut self,
        location: &LocationId,
        silent: bool,
        sentence: String,
    ) -> Result<Answer, CommandError> {
        let (now, about) = (self.clock.now(), location.as_str());
        let last = async |kind| find::last_notice(&self.store, kind, about).await;
        let told_silent = last(NoticeKind::AgentSilent).await;
        let told_heard = last(NoticeKind::AgentHeard).await;
        let told_silent = told_silent.map_err(|error| self.refused(&error))?;
        let told_heard = told_heard.map_err(|error| self.refused(&error))?;
        let known_as_silent = told_silent > told_heard;
        let lately = |at: Timestamp| now.duration_since(at) < AGENT_AGAIN_AFTER;
        if silent && !known_as_silent && !told_silent.is_some_and(lately) {
            self.remark(NoticeKind::AgentSilent, about, sentence, now).await;
        } else if !silent && known_as_silent {
            self.remark(NoticeKind::AgentHeard, about, sentence, now).await;
        }
        Ok(Answer::Done)
    }

    /// Puts the notice into the outbox. False when the store refused.
    pub(super) async fn remark(
        &mut self,
        kind: NoticeKind,
        about: &str,
        sentence: String,
        now: Timestamp,
    ) -> bool {
        let Some(rules) = self.settings.ops_notices.clone() else { return true };
        let recipients = self.on_call(&rules, now);
        let said = Remark { kind, step: about.to_owned(), sentence, recipients };
        let notices = self.settings.desk.for_operations(&said, &self.settings.people, now);
        let written = Commit { notices, ..Commit::default() };
        if let Err(error) = commit(&self.store, &written, now).await {
            self.refused(&error);
            return false;
        }
        self.outbox.notify_one();
        (self.settings.changed)();
        true
    }
}
