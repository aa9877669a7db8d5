//! Incidents: outages that belong together, with one thread of notices to IT operations.
//!
//! Pure. The first notice goes out at detection and waits for no plan; updates are limited to one
//! a person in the configured interval; recovery is told at once.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::effect::Recipient;
use crate::domain::ids::{PersonId, TargetId};
use crate::domain::incident::IncidentId;
use crate::domain::notice::{NoticeKind, OpsNotices, Severity};
use crate::domain::outage::{Outage, OutageId};
use crate::domain::verdict::Verdict;

/// An outage of the same target within this time after recovery joins the same incident.
pub const RELAPSE_WINDOW: Duration = Duration::from_secs(60 * 60);

/// Lines kept in an incident's own history; the outages keep theirs in full.
const MOST_LINES: usize = 500;

/// What people manage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub id: IncidentId,
    pub target: TargetId,
    pub opened_at: Timestamp,
    /// When the first of its outages began.
    pub began_at: Timestamp,
    pub outages: BTreeMap<OutageId, Outage>,
    /// The worst open outage in one sentence, or the last one.
    pub sentence: String,
    pub severity: Severity,
    /// When the last outage ended; none while one is open.
    pub recovered_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub told: BTreeMap<PersonId, Told>,
    /// Rounds of notices so far.
    pub rounds: u32,
    pub webhooks_told: bool,
    /// Who takes care of it.
    pub taken_by: Option<(PersonId, Timestamp)>,
    pub history: Vec<Line>,
}

/// A person who was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub recipient: Recipient,
    pub last_at: Timestamp,
    /// Something has changed since that they have not been told.
    pub update_due: bool,
}

/// One line of an incident's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub at: Timestamp,
    pub words: String,
}

/// Notices that an incident asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentNotice {
    pub kind: NoticeKind,
    pub round: u32,
    pub recipients: Vec<Recipient>,
    pub webhooks: Vec<String>,
}

impl Incident {
    /// A new incident with its first outage.
    #[must_use]
    pub fn open(id: IncidentId, outage: &Outage, now: Timestamp) -> Self {
        Self {
            id,
            target: outage.target.clone(),
            opened_at: now,
            began_at: outage.began_at,
            outages: BTreeMap::new(),
            sentence: outage.sentence.clone(),
            severity: Severity::of(outage.verdict),
            recovered_at: None,
            closed_at: None,
            told: BTreeMap::new(),
            rounds: 0,
            webhooks_told: false,
            taken_by: None,
            history: Vec::new(),
        }
    }

    /// Whether an outage belongs here: one it has, or one of its target while it is open or
    /// shortly after.
    #[must_use]
    pub fn takes(&self, outage: &Outage) -> bool {
        if self.outages.contains_key(&outage.id) {
            return true;
        }
        let in_time = match self.recovered_at {
            None => true,
            Some(at) => outage.began_at <= at.checked_add(RELAPSE_WINDOW).unwrap_or(at),
        };
        self.closed_at.is_none() && self.target == outage.target && in_time
    }

    /// Takes in what became of an outage, and says whom to tell. What it knows already changes
    /// nothing.
    pub fn take(
        &mut self,
        outage: &Outage,
        on_call: Vec<Recipient>,
        rules: &OpsNotices,
        now: Timestamp,
    ) -> Option<IncidentNotice> {
        let known = self.outages.insert(outage.id.clone(), outage.clone());
        if known.as_ref().is_some_and(|known| same_to_people(known, outage)) {
            return None;
        }
        self.began_at = self.began_at.min(outage.began_at);
        let ended = self.outages.values().all(|one| one.ended_at.is_some());
        self.recovered_at =
            if ended { self.outages.values().filter_map(|one| one.ended_at).max() } else { None };
        if let Some(worst) = self.worst_open() {
            let (sentence, severity) = (worst.sentence.clone(), Severity::of(worst.verdict));
            self.severity = self.severity.max(severity);
            self.sentence = sentence;
        }
        self.note(
            now,
            match outage.ended_at {
                Some(_) => format!("Over: {}", outage.sentence),
                None => outage.sentence.clone(),
            },
        );
        if ended { self.tell_recovery(rules, now) } else { self.tell(on_call, rules, now) }
    }

    /// The worst of its open outages.
    #[must_use]
    pub fn worst_open(&self) -> Option<&Outage> {
        let open = self.outages.values().filter(|one| one.ended_at.is_none());
        open.max_by_key(|one| (one.verdict, one.head_count))
    }

    fn tell(
        &mut self,
        on_call: Vec<Recipient>,
        rules: &OpsNotices,
        now: Timestamp,
    ) -> Option<IncidentNotice> {
        let worst = self.worst_open().map_or(Verdict::Unknown, |outage| outage.verdict);
        if worst < rules.from_verdict {
            return None;
        }
        let first = self.rounds == 0;
        for one in on_call {
            // Somebody whose turn began since is told at once, like the first ones.
            self.told.entry(one.person.clone()).or_insert(Told {
                recipient: one,
                last_at: Timestamp::MIN,
                update_due: true,
            });
        }
        for told in self.told.values_mut() {
            told.update_due = true;
        }
        let mut notice = self.due(rules, now)?;
        if first {
            notice.kind = NoticeKind::DownFirst;
        }
        Some(notice)
    }

    /// Updates that may go out now.
    pub fn due(&mut self, rules: &OpsNotices, now: Timestamp) -> Option<IncidentNotice> {
        if self.recovered_at.is_some() {
            return None;
        }
        let mut recipients = Vec::new();
        for told in self.told.values_mut().filter(|told| told.update_due) {
            if told.next_at(rules) <= now {
                told.update_due = false;
                told.last_at = now;
                recipients.push(told.recipient.clone());
            }
        }
        let webhooks = if self.webhooks_told { Vec::new() } else { rules.webhooks.clone() };
        self.round(NoticeKind::Update, recipients, webhooks)
    }

    fn tell_recovery(&mut self, rules: &OpsNotices, now: Timestamp) -> Option<IncidentNotice> {
        let mut recipients = Vec::new();
        for told in self.told.values_mut() {
            told.update_due = false;
            told.last_at = now;
            recipients.push(told.recipient.clone());
        }
        let webhooks = if self.webhooks_told { rules.webhooks.clone() } else { Vec::new() };
        let notice = self.round(NoticeKind::Recovered, recipients, webhooks);
        self.webhooks_told = false;
        notice
    }

    fn round(
        &mut self,
        kind: NoticeKind,
        recipients: Vec<Recipient>,
        webhooks: Vec<String>,
    ) -> Option<IncidentNotice> {
        if recipients.is_empty() && webhooks.is_empty() {
            return None;
        }
        self.webhooks_told |= !webhooks.is_empty();
        self.rounds += 1;
        Some(IncidentNotice { kind, round: self.rounds, recipients, webhooks })
    }

    /// When the clock next brings something: an update held back, or its closing.
    #[must_use]
    pub fn next_at(&self, rules: &OpsNotices) -> Option<Timestamp> {
        if self.closed_at.is_some() {
            return None;
        }
        match self.recovered_at {
            Some(at) => at.checked_add(RELAPSE_WINDOW).ok(),
            None => {
                let held = self.told.values().filter(|told| told.update_due);
                held.map(|told| told.next_at(rules)).min()
            }
        }
    }

    /// Closes it when it has stayed recovered for long enough.
    pub fn close_if_over(&mut self, now: Timestamp) {
        let over = self.recovered_at.and_then(|at| at.checked_add(RELAPSE_WINDOW).ok());
        if self.closed_at.is_none() && over.is_some_and(|over| over <= now) {
            self.closed_at = Some(now);
            self.note(now, "Closed: it has worked for an hour.".to_owned());
        }
    }

    /// Somebody takes care of it; the first one stays.
    pub fn taken(&mut self, by: &PersonId, now: Timestamp) {
        if self.taken_by.is_none() {
            self.taken_by = Some((by.clone(), now));
            self.note(now, format!("Taken by {by}."));
        }
    }

    /// Adds a line to its history.
    pub fn note(&mut self, at: Timestamp, words: String) {
        if self.history.len() < MOST_LINES {
            self.history.push(Line { at, words });
        }
    }
}

impl Told {
    fn next_at(&self, rules: &OpsNotices) -> Timestamp {
        self.last_at.checked_add(rules.update_interval.duration()).unwrap_or(self.last_at)
    }
}

/// Counters grow with every failure; people are told when the statement is another.
fn same_to_people(a: &Outage, b: &Outage) -> bool {
    a.verdict == b.verdict
        && a.scope == b.scope
        && a.ended_at.is_some() == b.ended_at.is_some()
        && a.sentence == b.sentence
}
