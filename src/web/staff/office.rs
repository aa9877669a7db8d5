//! Which office or team a reader of the staff page belongs to: said, remembered or guessed.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::HeaderMap;

use crate::domain::ids::CohortId;
use crate::domain::target::{Cohort, Target};

use super::super::gate::cookie;

/// Remembers the choice for a year; it says nothing but the name of an office.
pub const OFFICE_COOKIE: &str = "office";

/// How the office of a page was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Named in the address of the page or chosen before.
    Chosen,
    /// Guessed from the network the request came from.
    Guessed,
}

/// Every office or team of every target, each once, in the order of the files.
#[must_use]
pub fn all(targets: &[Arc<Target>]) -> Vec<&Cohort> {
    let mut cohorts: Vec<&Cohort> = Vec::new();
    for cohort in targets.iter().flat_map(|target| &target.cohorts) {
        if !cohorts.iter().any(|known| known.id == cohort.id) {
            cohorts.push(cohort);
        }
    }
    cohorts
}

/// The office asked for, else the one remembered, else the one whose network this is.
#[must_use]
pub fn find<'a>(
    targets: &'a [Arc<Target>],
    asked: Option<&str>,
    headers: &HeaderMap,
    address: Option<IpAddr>,
) -> Option<(&'a Cohort, Found)> {
    let named = |name: &str| {
        let id = CohortId::new(name).ok()?;
        all(targets).into_iter().find(|cohort| cohort.id == id)
    };
    let chosen = asked.and_then(named).or_else(|| cookie(headers, OFFICE_COOKIE).and_then(named));
    if let Some(cohort) = chosen {
        return Some((cohort, Found::Chosen));
    }
    let address = address?;
    all(targets)
        .into_iter()
        .find(|cohort| cohort.networks.iter().any(|network| network.contains(address)))
        .map(|cohort| (cohort, Found::Guessed))
}
