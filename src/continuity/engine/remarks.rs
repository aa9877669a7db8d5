//! What operations are told that is no outage: staff against the probes, numbers over thresholds.
//!
//! A remark has no incident, asks for nothing and is told once; it must not become a verdict.

use jiff::{SignedDuration, Timestamp};

use super::Engine;
use crate::continuity::command::{Answer, CommandError};
use crate::continuity::notices::Remark;
use crate::domain::notice::NoticeKind;
use crate::store::continuity::commit::{Commit, commit};
use crate::store::continuity::find;

/// A number that goes to and fro over its threshold is told of this seldom.
const SIGNAL_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(12);

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
