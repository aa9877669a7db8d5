//! Opening a record for a stated reason: intake's screening, and "open without usual access".
//!
//! An [`Opening`] lives only for its session and minutes. It never overrides a conflict of
//! interest, an unknown class or the restricted tier.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Refusal, Subject, permit, refuse_always};
use crate::domain::session::{Role, Session};

/// How long a record stays open for a stated reason.
pub const OPENING_WINDOW: Duration = Duration::from_secs(30 * 60);

/// The fewest characters that can say why.
pub const WORDS_AT_LEAST: usize = 10;

/// The most characters kept.
pub const WORDS_AT_MOST: usize = 500;

/// Why somebody opens a record that is not usually theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    ImmediateDanger,
    VisitNow,
    ChildMissing,
    CoveringForColleague,
    CourtRequires,
    CarerRang,
    /// Intake's own reason; not an opening without usual access.
    Screening,
}

impl ReasonCode {
    pub const ALL: [Self; 7] = [
        Self::ImmediateDanger,
        Self::VisitNow,
        Self::ChildMissing,
        Self::CoveringForColleague,
        Self::CourtRequires,
        Self::CarerRang,
        Self::Screening,
    ];

    /// The word in forms and in the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImmediateDanger => "immediate-danger",
            Self::VisitNow => "visit-now",
            Self::ChildMissing => "child-missing",
            Self::CoveringForColleague => "covering-for-colleague",
            Self::CourtRequires => "court-requires",
            Self::CarerRang => "carer-rang",
            Self::Screening => "screening",
        }
    }

    /// The words on the form.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::ImmediateDanger => "A child or worker is in danger now",
            Self::VisitNow => "I am about to visit this family",
            Self::ChildMissing => "A child is missing",
            Self::CoveringForColleague => "I cover for the worker of this case",
            Self::CourtRequires => "A court requires it today",
            Self::CarerRang => "A carer or a parent rang",
            Self::Screening => "I am screening a report about this household",
        }
    }

    /// Reads the word that [`ReasonCode::as_str`] writes.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }
}

/// A stated reason in force for one record and one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    record: String,
    session: crate::domain::session::SessionRef,
    code: ReasonCode,
    words: String,
    opened_at: Timestamp,
    expires_at: Timestamp,
}

impl Opening {
    /// Opens a record for a reason, to be written to the audit trail before anything is shown.
    ///
    /// # Errors
    /// The refusal, when the role has no such way in, when the words say nothing, or when the
    /// record is refused whatever the reason.
    pub fn new(
        session: &Session,
        subject: &Subject,
        (code, words): (ReasonCode, &str),
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if code == ReasonCode::Screening {
            permit(session, Action::OpenPerson, now)?;
            if !session.account.has_role(Role::Intake) {
                return Err(Refusal::Role(Action::ScreenHousehold));
            }
        } else {
            permit(session, Action::OpenWithoutUsualAccess, now)?;
        }
        refuse_always(session, subject)?;
        let words = words.trim();
        if words.chars().count() < WORDS_AT_LEAST {
            return Err(Refusal::WordsMissing);
        }
        Ok(Self {
            record: subject.record.clone(),
            session: session.reference.clone(),
            code,
            words: words.chars().take(WORDS_AT_MOST).collect(),
            opened_at: now,
            expires_at: now.checked_add(OPENING_WINDOW).unwrap_or(Timestamp::MAX),
        })
    }

    /// Whether it holds for this session and record at `now`.
    #[must_use]
    pub fn holds(&self, session: &Session, record: &str, now: Timestamp) -> bool {
        self.session == session.reference
            && self.record == record
            && self.opened_at <= now
            && now < self.expires_at
    }

    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }

    #[must_use]
    pub fn code(&self) -> ReasonCode {
        self.code
    }

    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    #[must_use]
    pub fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether somebody outside the team has to review it.
    #[must_use]
    pub fn is_reviewed(&self) -> bool {
        self.code != ReasonCode::Screening
    }
}
