//! Finding the same state again after a stop at any instant.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};

use super::staff::Said;
use super::{Engine, Held, LoadError, Settings};
use crate::clock::Clock;
use crate::continuity::effect::Effect;
use crate::continuity::incident::Incident;
use crate::continuity::record;
use crate::continuity::standing::Picture;
use crate::domain::outage::{DetectionEvent, Outage, OutageChange, VerdictChange};
use crate::domain::playbook::Playbook;
use crate::store::continuity::find::{self, StoredActivation};
use crate::store::continuity::{outbox, pending};
use crate::store::{Store, StoreError, detection, staff_reports};

/// A closed activation may resume within its plan's time; none is longer than this.
pub(super) const MAY_RESUME: Duration = Duration::from_secs(24 * 3_600);
/// Staff reports of this time speak for an outage that is on.
pub(super) const REPORTS_COUNT_FOR: Duration = Duration::from_secs(30 * 60);

impl Engine {
    /// Reads everything back, takes over what a dead process held, and asks again for effects
    /// nobody has answered. What the clock brought meanwhile is worked through by
    /// [`Engine::settle`].
    ///
    /// # Errors
    /// When the store cannot be read or a record in it is broken.
    pub async fn load(
        store: Store,
        clock: Clock,
        settings: Settings,
        effects: mpsc::Sender<Effect>,
        outbox_wakes: Arc<Notify>,
    ) -> Result<Self, LoadError> {
        let now = clock.now();
        let in_doubt = outbox::recover(&store, now).await?;
        if in_doubt > 0 {
            tracing::warn!(in_doubt, "notices wait for a person to say whether they arrived");
        }
        let since = now.checked_sub(MAY_RESUME).unwrap_or(Timestamp::MIN);
        let mut activations = BTreeMap::new();
        for stored in find::open_activations(&store, since).await? {
            activations.insert(stored.id.clone(), held(&store, stored).await?);
        }
        let mut incidents = BTreeMap::new();
        for row in find::open_incidents(&store).await? {
            let incident: Incident =
                serde_json::from_str(&row.document).map_err(|_| LoadError::Incident)?;
            incidents.insert(row.id, incident);
        }
        let backlog: VecDeque<Effect> = pending::unanswered_effects(&store)
            .await?
            .iter()
            .filter_map(|document| serde_json::from_str(document).ok())
            .collect();
        let from = now.checked_sub(REPORTS_COUNT_FOR).unwrap_or(Timestamp::MIN);
        let staff_reports = staff_reports::between(&store, from, Timestamp::MAX).await?;
        let mut engine = Self {
            store,
            clock,
            settings,
            picture: Picture::default(),
            incidents,
            activations,
            said: Said::new(staff_reports),
            backlog,
            effects,
            outbox: outbox_wakes,
            unsure: false,
        };
        engine.compare_with_detection().await?;
        Ok(engine)
    }

    /// Something could not be written: reads everything from the store once more.
    pub(super) async fn look_again(&mut self) {
        let mut fresh = BTreeMap::new();
        for id in self.activations.keys().cloned().collect::<Vec<_>>() {
            let Ok(Some(stored)) = find::activation_by_id(&self.store, &id).await else {
                self.unsure = true;
                return;
            };
            match held(&self.store, stored).await {
                Ok(one) => fresh.insert(id, one),
                Err(error) => {
                    tracing::error!(%error, "an activation cannot be read back");
                    self.unsure = true;
                    return;
                }
            };
        }
        self.activations = fresh;
        match find::open_incidents(&self.store).await {
            Ok(rows) => {
                let read = |document: &str| serde_json::from_str(document).ok();
                self.incidents = rows
                    .into_iter()
                    .filter_map(|row| Some((row.id, read(&row.document)?)))
                    .collect();
            }
            Err(_) => self.unsure = true,
        }
        if self.compare_with_detection().await.is_err() {
            self.unsure = true;
        }
    }

    /// Takes in what detection wrote and nobody told: the store knows, channels forget.
    async fn compare_with_detection(&mut self) -> Result<(), StoreError> {
        let mut picture = Picture::default();
        let known: Vec<Outage> =
            self.incidents.values().flat_map(|one| one.outages.values().cloned()).collect();
        let mut outages = Vec::new();
        for outage in known {
            let stored = detection::outage(&self.store, &outage.id).await?;
            outages.push(stored.unwrap_or(outage));
        }
        for outage in detection::open_outages(&self.store).await? {
            if !outages.iter().any(|known| known.id == outage.id) {
                outages.push(outage);
            }
        }
        for outage in &outages {
            let change = match outage.ended_at {
                Some(_) => OutageChange::Ended,
                None => OutageChange::Began,
            };
            picture.take(&DetectionEvent::Outage { change, outage: outage.clone() });
        }
        for standing in detection::standings(&self.store).await? {
            picture.take(&DetectionEvent::Verdict(VerdictChange {
                target: standing.target,
                cohort: standing.cohort,
                from: standing.verdict,
                to: standing.verdict,
                since: standing.since,
                detected_at: standing.detected_at,
            }));
        }
        self.picture = picture;
        for outage in &outages {
            self.outage(outage).await;
        }
        let targets: std::collections::BTreeSet<_> =
            outages.iter().map(|outage| outage.target.clone()).collect();
        for target in targets {
            self.target_changed(&target).await;
        }
        Ok(())
    }
}

/// Reads an activation with its pinned plan, from its events: they are the record.
async fn held(store: &Store, stored: StoredActivation) -> Result<Held, LoadError> {
    let StoredActivation { id, playbook_hash, events, document } = stored;
    let rows = find::events(store, &id).await?;
    let state = record::replay(&rows).map_err(|broken| LoadError::Broken(id.clone(), broken))?;
    if serde_json::from_str(&document).ok().as_ref() != Some(&state) {
        tracing::error!(activation = %id, "the kept state differs from its events; events hold");
    }
    let pinned = find::pinned_playbook(store, &playbook_hash).await?;
    let playbook: Option<Playbook> =
        pinned.and_then(|pinned| serde_json::from_str(&pinned.document).ok());
    let playbook = Arc::new(playbook.ok_or_else(|| LoadError::NoPlaybook(id.clone()))?);
    let last_hash = rows.last().map(|row| row.hash.clone()).unwrap_or_default();
    Ok(Held { playbook, state, events, last_hash })
}
