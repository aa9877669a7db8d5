//! One file a kind of step, and what every kind of step shares.

pub mod age;
pub mod capture;
pub mod expect;
pub mod http;
pub mod network;
pub mod reach;
pub mod until;

use crate::domain::check::Outcome;

/// Why a step did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub outcome: Outcome,
    /// The address spoken to, when it came that far.
    pub address: Option<String>,
    /// One sentence without secrets and without what the target answered.
    pub detail: String,
}

impl Fault {
    #[must_use]
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, address: None, detail: detail.into() }
    }
}
