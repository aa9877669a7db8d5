//! Names of what people manage: incidents and activations, and where an activation stands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One incident: `INC-20230301-1`, by the day it was opened in UTC and a counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IncidentId(pub String);

/// One activation: `case-system-down-20230301-1`, by playbook, day in UTC and a counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActivationId(pub String);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ActivationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an activation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Somebody or something proposes it; a person decides.
    Proposed,
    /// In force.
    Active,
    /// Its ending steps are carried out.
    StandingDown,
    /// Over for staff; what was written down meanwhile goes back into the system.
    Reconciling,
    Closed,
    /// Proposed, and refused with a reason.
    Declined,
}

impl Phase {
    pub const ALL: [Self; 6] = [
        Self::Proposed,
        Self::Active,
        Self::StandingDown,
        Self::Reconciling,
        Self::Closed,
        Self::Declined,
    ];

    /// The word in tables and interfaces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::StandingDown => "standing-down",
            Self::Reconciling => "reconciling",
            Self::Closed => "closed",
            Self::Declined => "declined",
        }
    }

    /// Reads the word that [`Phase::as_str`] writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }

    /// In words, for pages.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Proposed => "Proposed",
            Self::Active => "In force",
            Self::StandingDown => "Standing down",
            Self::Reconciling => "Putting back into the system",
            Self::Closed => "Closed",
            Self::Declined => "Declined",
        }
    }

    /// Whether it has ended for good.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::Declined)
    }

    /// Whether it stands in the way of another activation of the same plan.
    #[must_use]
    pub fn is_in_force(self) -> bool {
        matches!(self, Self::Proposed | Self::Active | Self::StandingDown)
    }
}
