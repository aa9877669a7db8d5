//! Stated reasons in force, and the brake on bulk reading. In memory only: a restart ends them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::access::{Opening, Refusal};
use crate::domain::ids::PersonId;
use crate::domain::session::Session;

/// Stated reasons kept at once; the oldest goes first.
const STATED_AT_MOST: usize = 2048;
/// Different records one person opens within the window before the brake holds.
const RECORDS_AT_MOST: usize = 100;
const BRAKE_WINDOW: Duration = Duration::from_secs(10 * 60);

#[derive(Debug, Default)]
pub(super) struct Openings {
    stated: VecDeque<Opening>,
    recent: HashMap<PersonId, HashMap<String, Timestamp>>,
}

impl Openings {
    pub fn add(&mut self, opening: Opening, now: Timestamp) {
        self.stated.retain(|one| now < one.expires_at());
        if self.stated.len() >= STATED_AT_MOST {
            self.stated.pop_front();
        }
        self.stated.push_back(opening);
    }

    /// The reason that holds for a session and record, the latest first.
    pub fn find(&self, session: &Session, record: &str, now: Timestamp) -> Option<Opening> {
        self.stated.iter().rev().find(|one| one.holds(session, record, now)).cloned()
    }

    /// Counts a record against the brake. The same record again costs nothing.
    ///
    /// # Errors
    /// [`Refusal::TooMany`].
    pub fn count(
        &mut self,
        session: &Session,
        record: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let recent = self.recent.entry(session.account.person.clone()).or_default();
        recent.retain(|_, at| now.duration_since(*at).unsigned_abs() < BRAKE_WINDOW);
        if recent.len() >= RECORDS_AT_MOST && !recent.contains_key(record) {
            return Err(Refusal::TooMany);
        }
        recent.insert(record.to_owned(), now);
        Ok(())
    }
}
