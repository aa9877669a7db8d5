//! Outages open or join incidents, and operations are told at detection.

use jiff::Timestamp;

use super::Engine;
use crate::continuity::command::CommandError;
use crate::continuity::effect::Recipient;
use crate::continuity::incident::{Incident, IncidentNotice};
use crate::domain::ids::PersonId;
use crate::domain::incident::IncidentId;
use crate::domain::notice::{Channel, OpsNotices};
use crate::domain::outage::Outage;
use crate::domain::people::People;
use crate::domain::verdict::Verdict;
use crate::store::continuity::commit::{Commit, CommitError, IncidentRow, commit};
use crate::store::continuity::find;

impl Engine {
    /// An outage began, changed or ended.
    pub(super) async fn outage(&mut self, outage: &Outage) {
        let now = self.clock.now();
        let joined = self.incidents.values().find(|one| one.takes(outage)).cloned();
        let mut incident = match joined {
            Some(incident) => incident,
            // An end of something nobody was told of opens nothing.
            None if outage.ended_at.is_some() => return,
            None => match self.next_incident_id(now).await {
                Ok(id) => Incident::open(id, outage, now),
                Err(error) => {
                    self.refused(&error);
                    return;
                }
            },
        };
        let before = incident.clone();
        let rules = self.settings.ops_notices.clone();
        // Without a rule the incident is kept all the same, and nobody is told.
        let rules = rules.unwrap_or_else(nobody);
        let on_call = self.on_call(&rules, now);
        let notice = incident.take(outage, on_call, &rules, now);
        if incident != before || notice.is_some() {
            self.keep_incident(incident, notice).await.ok();
        }
    }

    /// Sends updates that were held back, and closes what has stayed recovered.
    pub(super) async fn fire_incidents(&mut self) {
        let now = self.clock.now();
        let rules = self.settings.ops_notices.clone().unwrap_or_else(nobody);
        let due = |one: &&Incident| one.next_at(&rules).is_some_and(|at| at <= now);
        let due: Vec<Incident> = self.incidents.values().filter(due).cloned().collect();
        for mut incident in due {
            let notice = incident.due(&rules, now);
            incident.close_if_over(now);
            self.keep_incident(incident, notice).await.ok();
        }
    }

    /// Somebody takes care of an incident, or notes something on it.
    pub(super) async fn touch_incident(
        &mut self,
        id: &IncidentId,
        by: &PersonId,
        words: Option<String>,
    ) -> Result<(), CommandError> {
        let now = self.clock.now();
        let found = self.incidents.get(id).cloned();
        let mut incident = found.ok_or_else(|| CommandError::UnknownIncident(id.clone()))?;
        match words {
            Some(words) => incident.note(now, format!("{by}: {words}")),
            None => incident.taken(by, now),
        }
        self.keep_incident(incident, None).await
    }

    async fn keep_incident(
        &mut self,
        incident: Incident,
        notice: Option<IncidentNotice>,
    ) -> Result<(), CommandError> {
        let now = self.clock.now();
        let people = &self.settings.people;
        let notices =
            notice.map(|one| self.settings.desk.for_incident(&one, &incident, people, now));
        let row = IncidentRow {
            id: incident.id.clone(),
            opened_at: incident.opened_at,
            recovered_at: incident.recovered_at,
            closed_at: incident.closed_at,
            document: serde_json::to_string(&incident).expect("incidents are plain values"),
        };
        let written = Commit {
            incident: Some(row),
            notices: notices.unwrap_or_default(),
            ..Commit::default()
        };
        if let Err(error) = commit(&self.store, &written, now).await {
            return Err(self.refused(&error));
        }
        if !written.notices.is_empty() {
            self.outbox.notify_one();
        }
        self.incidents.insert(incident.id.clone(), incident);
        (self.settings.changed)();
        Ok(())
    }

    async fn next_incident_id(&self, now: Timestamp) -> Result<IncidentId, CommitError> {
        let prefix = format!("INC-{}-", now.strftime("%Y%m%d"));
        let number = find::ids_like(&self.store, &prefix).await? + 1;
        Ok(IncidentId(format!("{prefix}{number}")))
    }

    /// Who operations has on call now, with the channels that reach them.
    pub(super) fn on_call(&self, rules: &OpsNotices, now: Timestamp) -> Vec<Recipient> {
        let people: &People = &self.settings.people;
        let works = |channel: &Channel| {
            *channel == Channel::Console || self.settings.channels.contains(channel)
        };
        people
            .holders(&rules.notify, now)
            .into_iter()
            .map(|person| Recipient {
                person: person.id.clone(),
                role: rules.notify.clone(),
                channels: rules
                    .reach
                    .iter()
                    .copied()
                    .filter(|channel| works(channel) && person.address(*channel).is_some())
                    .collect(),
            })
            .collect()
    }
}

/// The rule of an installation that has none.
fn nobody() -> OpsNotices {
    OpsNotices {
        notify: crate::domain::ids::RoleId::new("nobody").expect("a word of small letters"),
        reach: Vec::new(),
        webhooks: Vec::new(),
        from_verdict: Verdict::Slow,
        update_interval: crate::domain::length::Length::from_secs(60),
    }
}
