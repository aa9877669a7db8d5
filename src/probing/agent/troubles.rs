//! What keeps this agent from its work: noted where it happens, told with every delivery.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::agent::Trouble;

/// What is wrong now; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    plan: Option<Trouble>,
    disk: Option<Trouble>,
}

impl Troubles {
    /// The hub's plan cannot be used, or can again.
    pub fn set_plan(&self, trouble: Option<Trouble>) {
        self.lock().plan = trouble;
    }

    /// The disk does not take what was found, or takes it again. True when that is news.
    pub fn set_disk(&self, why: Option<String>) -> bool {
        let mut known = self.lock();
        let is_news = known.disk.is_some() != why.is_some();
        known.disk = why.map(|why| Trouble::Disk { why });
        is_news
    }

    #[must_use]
    pub fn all(&self) -> Vec<Trouble> {
        let known = self.lock();
        known.plan.iter().chain(&known.disk).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
