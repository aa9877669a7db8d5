//! Why something is refused, in words a worker at a door can use.

use super::{Action, Ring};

/// A refusal, by what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("Your session is over. Sign in again.")]
    SessionOver,
    #[error("Your role does not include this page.")]
    Role(Action),
    /// Not there, restricted, or another jurisdiction's: one answer, so that it tells nothing.
    #[error("There is no such record in this copy for you.")]
    NotHere,
    #[error(
        "This record belongs to a family you are related to or live with, so it stays closed to \
         you, whatever the reason."
    )]
    Conflict(Ring),
    #[error(
        "This record is of a class this version does not know, so it stays closed to everybody."
    )]
    UnknownMatter(Ring),
    #[error("This record is not in your caseload, your team or your shift.")]
    NotYours {
        ring: Ring,
        /// A reason given as intake would open it.
        screening: bool,
        /// A coded reason and words would open it.
        without_usual_access: bool,
    },
    #[error("Say in words why you open this record: at least ten characters.")]
    WordsMissing,
    #[error(
        "You have opened many records in a short time. Wait some minutes, or ring the duty line."
    )]
    TooMany,
}

impl Refusal {
    /// Whom to ring about it, where that is known.
    #[must_use]
    pub fn ring(&self) -> Option<&Ring> {
        match self {
            Self::Conflict(ring) | Self::UnknownMatter(ring) | Self::NotYours { ring, .. } => {
                Some(ring)
            }
            _ => None,
        }
    }

    /// The word in the audit trail.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::SessionOver => "session-over",
            Self::Role(_) => "role",
            Self::NotHere => "not-here",
            Self::Conflict(_) => "conflict",
            Self::UnknownMatter(_) => "unknown-matter",
            Self::NotYours { .. } => "not-yours",
            Self::WordsMissing => "words-missing",
            Self::TooMany => "too-many",
        }
    }
}
