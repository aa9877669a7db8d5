//! How everything stands, read together, and the last such picture kept for when it cannot be.
//!
//! The staff page must render on the worst day: when the database does not answer, the pages show
//! what was last known and say so. It reads; it judges nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::continuity::views::{self, ActivationLine};
use crate::domain::ids::{CohortId, TargetId};
use crate::domain::outage::{Outage, VerdictChange};
use crate::domain::target::Target;
use crate::domain::verdict::Verdict;
use crate::store::detection::{self, Standing};
use crate::store::staff_reports::{self, StaffReport};
use crate::store::{Store, StoreError};

/// How far back strips go.
pub const HISTORY_WINDOW: Duration = Duration::from_hours(7 * 24);
/// Staff reports older than this no longer speak of now.
pub const REPORTS_WINDOW: Duration = Duration::from_mins(30);
/// A picture this young serves another page: a whole office reloads at once.
const FRESH_WINDOW: Duration = Duration::from_millis(500);

/// One reading of what detection and staff said, and of the plans in force.
#[derive(Clone, Debug)]
pub struct Picture {
    pub read_at: Timestamp,
    pub standings: Vec<Standing>,
    /// Open ones, the worst verdict first.
    pub outages: Vec<Outage>,
    /// Within [`HISTORY_WINDOW`], oldest first.
    pub changes: Vec<VerdictChange>,
    /// Within [`REPORTS_WINDOW`], oldest first.
    pub reports: Vec<StaffReport>,
    /// Not over yet, oldest first.
    pub plans: Vec<ActivationLine>,
}

/// The picture, and whether it is of now.
#[derive(Clone, Debug)]
pub struct Seen {
    pub picture: Arc<Picture>,
    /// False when the database could not be read and this is the last known state.
    pub current: bool,
}

/// Reads pictures and remembers the last one.
#[derive(Default)]
pub struct Pictures(Mutex<Option<Arc<Picture>>>);

impl Pictures {
    /// How everything stands at `now`, or the last that is known.
    pub async fn see(&self, store: &Store, targets: &[Arc<Target>], now: Timestamp) -> Seen {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(picture) = &last
            && now.duration_since(picture.read_at).unsigned_abs() < FRESH_WINDOW
        {
            return Seen { picture: picture.clone(), current: true };
        }
        match Picture::read(store, targets, now).await {
            Ok(picture) => {
                let picture = Arc::new(picture);
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(picture.clone());
                Seen { picture, current: true }
            }
            Err(error) => {
                tracing::error!(%error, "pages show the last known state");
                let picture = last.unwrap_or_else(|| Arc::new(Picture::empty(now)));
                Seen { picture, current: false }
            }
        }
    }
}

impl Picture {
    /// Nothing known.
    #[must_use]
    pub fn empty(read_at: Timestamp) -> Self {
        Self {
            read_at,
            standings: Vec::new(),
            outages: Vec::new(),
            changes: Vec::new(),
            reports: Vec::new(),
            plans: Vec::new(),
        }
    }

    async fn read(
        store: &Store,
        targets: &[Arc<Target>],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let end = now.saturating_add(Duration::from_secs(1)).unwrap_or(now);
        let since = |window| now.saturating_sub(window).unwrap_or(now);
        let mut changes = Vec::new();
        for target in targets {
            let of_target =
                detection::verdict_changes(store, &target.id, since(HISTORY_WINDOW), end).await?;
            changes.extend(of_target);
        }
        let mut outages = detection::open_outages(store).await?;
        outages.sort_by_key(|outage| std::cmp::Reverse(outage.verdict));
        Ok(Self {
            read_at: now,
            standings: detection::standings(store).await?,
            outages,
            changes,
            reports: staff_reports::between(store, since(REPORTS_WINDOW), end).await?,
            plans: views::open_activations(store).await?,
        })
    }

    /// The verdict in force and since when; unknown where nothing was ever said.
    #[must_use]
    pub fn standing(&self, target: &TargetId, cohort: &CohortId) -> (Verdict, Option<Timestamp>) {
        self.standings
            .iter()
            .find(|standing| &standing.target == target && &standing.cohort == cohort)
            .map_or((Verdict::Unknown, None), |found| (found.verdict, Some(found.since)))
    }

    /// Reports of a cohort about a target.
    pub fn reports_of<'a>(
        &'a self,
        target: &'a TargetId,
        cohort: &'a CohortId,
    ) -> impl Iterator<Item = &'a StaffReport> {
        self.reports
            .iter()
            .filter(move |report| &report.target == target && &report.cohort == cohort)
    }

    /// Changes of one target for one cohort.
    #[must_use]
    pub fn changes_of(&self, target: &TargetId, cohort: &CohortId) -> Vec<&VerdictChange> {
        self.changes
            .iter()
            .filter(|change| &change.target == target && &change.cohort == cohort)
            .collect()
    }
}
