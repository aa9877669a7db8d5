//! What the audit trail says: who, in which session, did what, to which record, why, when.
//!
//! Records stand here by id. What people typed is sealed to the review key first.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::crypto::digest::{Digest, from_hex, to_hex};
use crate::crypto::sealed::{self, OpeningKey, SealingKey};
use crate::domain::access::{Grant, Opening, Refusal};
use crate::domain::ids::PersonId;
use crate::domain::session::{Session, SessionRef};

/// One line of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Timestamp,
    /// None where the machine itself acted.
    pub who: Option<Who>,
    pub event: Event,
}

/// A person in a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub person: PersonId,
    pub session: SessionRef,
    pub assurance: String,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The trail goes on here because the file before it failed at this size and root.
    Continues {
        size: u64,
        root: Digest,
    },
    SignedIn,
    SignedOut,
    CopyOpened {
        generation: u64,
    },
    CopyClosed {
        generation: u64,
    },
    /// Results as shown, in order.
    Found {
        query: SealedText,
        matches: u64,
        shown: Vec<String>,
    },
    /// A list of what is due, listed at court and so on.
    Listed {
        action: String,
        shown: Vec<String>,
    },
    Opened {
        action: String,
        record: String,
        basis: String,
    },
    /// A stated reason was given; `review` when somebody outside the team must look at it.
    ReasonGiven {
        record: String,
        code: String,
        words: SealedText,
        review: bool,
        until: Timestamp,
    },
    Refused {
        action: String,
        record: String,
        why: String,
    },
}

/// Text that only the holder of the review key reads: an age file in hex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedText(String);

impl SealedText {
    /// Seals `text` to the reviewers.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new(text: &str, review_key: &SealingKey) -> std::io::Result<Self> {
        let sealed = sealed::seal(std::slice::from_ref(review_key), text.as_bytes())?;
        Ok(Self(to_hex(&sealed)))
    }

    /// Opens it for a review; none with the wrong key.
    #[must_use]
    pub fn open(&self, key: &OpeningKey) -> Option<String> {
        let opened = sealed::open(key, &from_hex(&self.0)?).ok()?;
        String::from_utf8(opened.to_vec()).ok()
    }
}

impl Entry {
    /// Something a person did.
    #[must_use]
    pub fn of(session: &Session, event: Event, at: Timestamp) -> Self {
        let who = Who {
            person: session.account.person.clone(),
            session: session.reference.clone(),
            assurance: session.assurance.as_str().to_owned(),
        };
        Self { at, who: Some(who), event }
    }

    /// A record is about to be shown.
    #[must_use]
    pub fn opened(session: &Session, grant: &Grant, at: Timestamp) -> Self {
        let event = Event::Opened {
            action: grant.action().as_str().to_owned(),
            record: grant.record().to_owned(),
            basis: grant.basis().as_str().to_owned(),
        };
        Self::of(session, event, at)
    }

    /// A record was asked for and not shown.
    #[must_use]
    pub fn refused(
        session: &Session,
        (action, record): (&str, &str),
        refusal: &Refusal,
        at: Timestamp,
    ) -> Self {
        let event = Event::Refused {
            action: action.to_owned(),
            record: record.to_owned(),
            why: refusal.as_str().to_owned(),
        };
        Self::of(session, event, at)
    }

    /// A reason was stated.
    ///
    /// # Errors
    /// When the words cannot be sealed.
    pub fn reason_given(
        session: &Session,
        opening: &Opening,
        review_key: &SealingKey,
    ) -> std::io::Result<Self> {
        let event = Event::ReasonGiven {
            record: opening.record().to_owned(),
            code: opening.code().as_str().to_owned(),
            words: SealedText::new(opening.words(), review_key)?,
            review: opening.is_reviewed(),
            until: opening.expires_at(),
        };
        Ok(Self::of(session, event, opening.opened_at()))
    }
}
