//! When a probe of a target may write: seldom, into a test office, never in an outage, and only
//! when it is on disk beforehand that something will have to be taken back.
//!
//! This is the one place where a run waits for our own disk. A write that cannot be noted is not
//! sent, and its check is *inconclusive (disk)*. It must not take anything back: the run does, and
//! [`super::janitor`] where it could not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::steps::Fault;
use crate::clock::Clock;
use crate::domain::check::CheckKind;
use crate::store::compensations::{self, Planned, SettledBy};
use crate::store::{Store, StoreError};

/// A write waits this long for our own disk; then it is not sent.
const PLAN_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether and how probes of one target may write.
#[derive(Debug, Default)]
pub struct Writes {
    permission: Option<Permission>,
    /// When this process last wrote; the store knows of the ones before it.
    last_at: Mutex<Option<Timestamp>>,
    /// The same after a reload, as is what follows.
    in_outage: Arc<AtomicBool>,
    /// Runs of this process that see to what they wrote.
    under_way: Arc<Mutex<BTreeSet<String>>>,
    run_ended: Arc<Notify>,
}

/// What an installation allows.
#[derive(Debug)]
pub struct Permission {
    /// At most one write in each.
    pub interval: Duration,
    pub test_office: String,
    /// Where writes are noted before they are sent.
    pub store: Store,
}

/// A write that was noted. Settled, or left to the janitor when this is dropped.
#[derive(Debug)]
pub struct Pending {
    id: i64,
    under_way: UnderWay,
}

/// Keeps the janitor away from a run's record while the run sees to it.
#[derive(Debug)]
struct UnderWay {
    run: String,
    writes: Arc<Writes>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.writes.lock_under_way().remove(&self.run);
        self.writes.run_ended.notify_one();
    }
}

impl Writes {
    /// Probes of the target never write.
    #[must_use]
    pub fn never() -> Arc<Self> {
        Arc::default()
    }

    /// Probes of the target may write.
    #[must_use]
    pub fn allowed(permission: Permission) -> Arc<Self> {
        Arc::new(Self { permission: Some(permission), ..Self::default() })
    }

    /// With what is allowed after a reload: runs that were under way still are, and so is an
    /// outage.
    #[must_use]
    pub fn reloaded(&self, permission: Option<Permission>) -> Arc<Self> {
        Arc::new(Self {
            permission,
            last_at: Mutex::default(),
            in_outage: Arc::clone(&self.in_outage),
            under_way: Arc::clone(&self.under_way),
            run_ended: Arc::clone(&self.run_ended),
        })
    }

    /// The test office, where writing is allowed at all.
    #[must_use]
    pub fn test_office(&self) -> Option<&str> {
        self.permission.as_ref().map(|permission| permission.test_office.as_str())
    }

    /// Tells whether an outage of the target goes on: it has enough to do with its staff.
    pub fn set_in_outage(&self, in_outage: bool) {
        self.in_outage.store(in_outage, Ordering::Relaxed);
    }

    /// Whether a run of this kind could write now, as far as is known without the disk.
    #[must_use]
    pub fn may_be_due(&self, kind: CheckKind, clock: &Clock) -> bool {
        let Some(permission) = &self.permission else { return false };
        let last_at = *self.last_at.lock().unwrap_or_else(PoisonError::into_inner);
        let over = last_at.is_none_or(|last| {
            let since = Duration::try_from(clock.now().duration_since(last)).unwrap_or_default();
            since >= permission.interval
        });
        kind == CheckKind::Slot && over && !self.in_outage.load(Ordering::Relaxed)
    }

    /// Notes a write. None when it may not be sent: not its turn, or too many left behind.
    ///
    /// # Errors
    /// When our disk does not take the note: the journey goes no further, and nobody knows how it
    /// would have ended.
    pub async fn plan(self: &Arc<Self>, planned: &Planned) -> Result<Option<Pending>, Fault> {
        let Some(permission) = &self.permission else { return Ok(None) };
        let none_since = planned.planned_at.checked_sub(permission.interval);
        let none_since = none_since.unwrap_or(Timestamp::MIN);
        self.lock_under_way().insert(planned.run.clone());
        let under_way = UnderWay { run: planned.run.clone(), writes: Arc::clone(self) };
        let planning = compensations::plan(&permission.store, planned, none_since);
        let (target, probe) = (&planned.target, &planned.probe);
        match tokio::time::timeout(PLAN_TIMEOUT, planning).await {
            Ok(Ok(Some(id))) => {
                let mut last_at = self.last_at.lock().unwrap_or_else(PoisonError::into_inner);
                *last_at = Some(planned.planned_at);
                Ok(Some(Pending { id, under_way }))
            }
            Ok(Ok(None)) => {
                tracing::debug!(%target, %probe, "it is not the turn to write");
                Ok(None)
            }
            Ok(Err(error)) => {
                tracing::error!(%target, %probe, %error, "not written: it could not be noted");
                Err(Fault::disk("not written: what it leaves behind could not be noted before"))
            }
            Err(_) => {
                tracing::error!(%target, %probe, "not written: noting it took too long");
                Err(Fault::disk("not written: noting what it leaves behind took too long"))
            }
        }
    }

    /// Whether a run of this process still sees to it.
    #[must_use]
    pub fn is_under_way(&self, run: &str) -> bool {
        self.lock_under_way().contains(run)
    }

    /// Waits until a run ended that wrote.
    pub async fn run_ended(&self) {
        self.run_ended.notified().await;
    }

    fn lock_under_way(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// Keeps what the write's answer gave.
    ///
    /// # Errors
    /// When the database does not take it; the record can still be found by its run.
    pub async fn keep(&self, captured: &BTreeMap<String, String>) -> Result<(), StoreError> {
        match &self.under_way.writes.permission {
            Some(permission) => compensations::keep(&permission.store, self.id, captured).await,
            None => Ok(()),
        }
    }

    /// Notes that the run took it back.
    ///
    /// # Errors
    /// When the database does not take it; the janitor then finds that nothing is there.
    pub async fn settle(self, now: Timestamp) -> Result<(), StoreError> {
        if let Some(permission) = &self.under_way.writes.permission {
            compensations::settle(&permission.store, self.id, SettledBy::Run, now).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{LocationId, ProbeId, StepId, TargetId};

    #[tokio::test]
    async fn a_reload_forgets_neither_an_outage_nor_who_is_under_way() {
        let (clock, folder) = (Clock::system(), tempfile::tempdir().unwrap());
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        let test_office = "Test office".to_owned();
        let permission = || {
            let (test_office, store) = (test_office.clone(), store.clone());
            Permission { interval: Duration::ZERO, test_office, store }
        };
        let planned = Planned {
            run: "run-1".to_owned(),
            run_time: clock.now().to_string(),
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("intake").unwrap(),
            location: LocationId::new("noarlunga").unwrap(),
            step: StepId::new("lodge").unwrap(),
            account: 0,
            test_office: test_office.clone(),
            planned_at: clock.now(),
        };
        let before = Writes::allowed(permission());
        before.set_in_outage(true);
        let pending = before.plan(&planned).await.unwrap().unwrap();
        let forbidden = before.reloaded(None);
        assert!(forbidden.is_under_way("run-1"), "its record is not the janitor's");
        let again = forbidden.reloaded(Some(permission()));
        assert!(!again.may_be_due(CheckKind::Slot, &clock), "the outage goes on");
        again.set_in_outage(false);
        assert!(again.may_be_due(CheckKind::Slot, &clock));
        drop(pending);
        assert!(!again.is_under_way("run-1"));
    }
}
