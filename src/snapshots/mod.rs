//! The opened copy: searched and read by people entitled to it, audited before anything is read.
//!
//! A record is reached in one way only: `access::decide` gives a grant, the audit trail gives a
//! receipt for it, and a [`Reader`] is built from both. Nothing here can reach the case system, and
//! nothing here is written to a disk but the trail.

mod copy;
mod due;
mod facts;
mod file;
mod find;
mod gather;
mod openings;
mod reader;
mod staff;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::crypto::sealed::SealingKey;
use crate::domain::access::{self, Action, Grant, Opening, ReasonCode, Refusal, Subject};
use crate::domain::records::RecordId;
use crate::domain::session::Session;
use crate::index::IndexError;
use crate::vault::audit::{Audit, AuditFailed, Entry, Event, SealedText};
use crate::vault::open::{self, OpenError};
use crate::vault::order::Scope;
use crate::vault::segment::SegmentError;
use crate::vault::site::{NodeKey, Site};

pub use copy::Copy;
pub use due::{DueItem, DueKind, DueList, Impact};
pub use file::{Brief, ChildAt, Home, PersonFile, Relation, SectionAge, Whereabouts};
pub use find::{Filter, FoundList, Row};
pub use reader::Reader;

use openings::Openings;

/// The portal's copy, open or closed.
pub struct Portal {
    audit: Audit,
    copy: RwLock<Option<Arc<Copy>>>,
    openings: Mutex<Openings>,
    status: watch::Sender<Status>,
}

/// How the copy stands, for every page and for operations; it names nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Closed,
    Open(OpenStatus),
}

/// What is said of an open copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenStatus {
    pub generation: u64,
    pub captured_at: Timestamp,
    pub opened_at: Timestamp,
    /// Whoever has it open is asked to renew before; it does not close by itself.
    pub order_expires_at: Timestamp,
    pub scope: Scope,
    /// Registers known to be missing, named on every page.
    pub not_included: Vec<String>,
    pub records: u64,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the read-only copy is closed")]
    Closed,
    #[error("the read-only copy is open for other offices and teams, not yet for yours")]
    NotOpenForYou,
    #[error(transparent)]
    Audit(#[from] AuditFailed),
    /// The copy in memory is not what was sealed: take it away and open it again.
    #[error("the copy cannot be read: {0}")]
    Damaged(#[from] SegmentError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("sealing failed: {0}")]
    Sealing(#[from] std::io::Error),
}

/// Why the copy did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpeningError {
    #[error(transparent)]
    Vault(#[from] OpenError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the copy cannot be read: {0}")]
    Damaged(#[from] SegmentError),
    #[error(transparent)]
    Audit(#[from] AuditFailed),
    #[error("the opener stopped")]
    Stopped,
}

impl Portal {
    /// A closed portal over an audit trail.
    #[must_use]
    pub fn new(audit: Audit) -> Self {
        Self {
            audit,
            copy: RwLock::new(None),
            openings: Mutex::default(),
            status: watch::Sender::new(Status::Closed),
        }
    }

    /// Opens the generation in force on the open order beside it, and says so once it is
    /// searchable. A copy that was open stays open until then.
    ///
    /// # Errors
    /// See [`OpeningError`]; what was open stays open.
    pub async fn open(
        &self,
        site: Site,
        node: Arc<NodeKey>,
        now: Timestamp,
    ) -> Result<OpenStatus, OpeningError> {
        let opened = tokio::task::spawn_blocking(move || open::standard(&site, &node, now));
        let opened = opened.await.map_err(|_| OpeningError::Stopped)??;
        let order = opened.order.clone();
        let generation = opened.generation.clone();
        let copy = Copy::load(opened).await?;
        let status = OpenStatus {
            generation: generation.number,
            captured_at: generation.captured_at,
            opened_at: now,
            order_expires_at: order.expires_at,
            scope: order.scope,
            not_included: generation.not_included,
            records: copy.records.len() as u64,
        };
        let event = Event::CopyOpened { generation: status.generation };
        self.audit.append(Entry { at: now, who: None, event }).await?;
        *self.copy.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(copy));
        self.status.send_replace(Status::Open(status.clone()));
        Ok(status)
    }

    /// Closes the copy; its memory goes with the last page being made. Stated reasons end.
    ///
    /// # Errors
    /// [`AuditFailed`] when the trail cannot be written; it is closed all the same.
    pub async fn close(&self, now: Timestamp) -> Result<(), AuditFailed> {
        let was_open = self.copy.write().unwrap_or_else(PoisonError::into_inner).take().is_some();
        let status = self.status.send_replace(Status::Closed);
        *self.openings() = Openings::default();
        match status {
            Status::Open(status) if was_open => {
                let event = Event::CopyClosed { generation: status.generation };
                self.audit.append(Entry { at: now, who: None, event }).await.map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// How the copy stands now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Follows how the copy stands.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// Opens one person's record for a page: decided, written to the trail, then read.
    ///
    /// # Errors
    /// See [`PortalError`]; a refusal is in the trail as well.
    pub async fn read(
        &self,
        session: &Session,
        action: Action,
        person: &RecordId,
        now: Timestamp,
    ) -> Result<Reader, PortalError> {
        let copy = self.copy_for(session)?;
        let subject = copy.subject(person, session)?;
        let grant = match self.decide(session, action, subject.as_ref(), now) {
            Ok(grant) => grant,
            Err(refusal) => {
                let asked = (action.as_str(), person.as_str());
                self.audit.refusal(session, asked, &refusal, now).await?;
                return Err(refusal.into());
            }
        };
        let receipt = self.audit.opening(session, &grant, now).await?;
        Reader::new(grant, receipt, copy).ok_or(PortalError::Audit(AuditFailed))
    }

    /// Takes a stated reason for a record; it is in the trail before it holds.
    ///
    /// # Errors
    /// See [`PortalError`]; a refusal is in the trail as well.
    pub async fn state_reason(
        &self,
        session: &Session,
        person: &RecordId,
        reason: (ReasonCode, &str),
        (review_key, now): (&SealingKey, Timestamp),
    ) -> Result<Opening, PortalError> {
        let copy = self.copy_for(session)?;
        let subject = copy.subject(person, session)?;
        let opening = match subject {
            Some(subject) => Opening::new(session, &subject, reason, now),
            None => Err(Refusal::NotHere),
        };
        match opening {
            Ok(opening) => {
                let entry = Entry::reason_given(session, &opening, review_key)?;
                self.audit.append(entry).await?;
                self.openings().add(opening.clone(), now);
                Ok(opening)
            }
            Err(refusal) => {
                let asked = (Action::OpenWithoutUsualAccess.as_str(), person.as_str());
                self.audit.refusal(session, asked, &refusal, now).await?;
                Err(refusal.into())
            }
        }
    }

    /// Searches; what is shown is in the trail, what was typed is sealed in it.
    ///
    /// # Errors
    /// See [`PortalError`].
    pub async fn find(
        &self,
        session: &Session,
        filter: &Filter,
        (review_key, now): (&SealingKey, Timestamp),
    ) -> Result<FoundList, PortalError> {
        access::permit(session, Action::FindPeople, now)?;
        let copy = self.copy_for(session)?;
        let found = find::find(&copy, session, filter, now).await?;
        let event = Event::Found {
            query: SealedText::new(&filter.text, review_key)?,
            matches: found.rows.len() as u64,
            shown: found.rows.iter().map(|row| row.id.to_string()).collect(),
        };
        self.audit.append(Entry::of(session, event, now)).await?;
        Ok(found)
    }

    /// What falls due for the cases tied to somebody, or is listed at court.
    ///
    /// # Errors
    /// See [`PortalError`].
    pub async fn due(
        &self,
        session: &Session,
        action: Action,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<DueList, PortalError> {
        access::permit(session, action, now)?;
        let copy = self.copy_for(session)?;
        let list = due::list(&copy, session, action, (until, now))?;
        let shown = list.items.iter().map(|item| item.record.to_string()).collect();
        let event = Event::Listed { action: action.as_str().to_owned(), shown };
        self.audit.append(Entry::of(session, event, now)).await?;
        Ok(list)
    }

    /// How much falls due between two instants, in counts that name nobody; none while closed.
    #[must_use]
    pub fn impact(&self, from: Timestamp, until: Timestamp) -> Option<Impact> {
        let copy = self.copy.read().unwrap_or_else(PoisonError::into_inner).clone();
        copy.map(|copy| due::impact(&copy, from, until))
    }

    fn decide(
        &self,
        session: &Session,
        action: Action,
        subject: Option<&Subject>,
        now: Timestamp,
    ) -> Result<Grant, Refusal> {
        let subject = subject.ok_or(Refusal::NotHere)?;
        let mut openings = self.openings();
        let opening = openings.find(session, &subject.record, now);
        let grant = access::decide(session, action, subject, opening.as_ref(), now)?;
        openings.count(session, &subject.record, now)?;
        Ok(grant)
    }

    /// The open copy, if the order that opened it names this person's cohort.
    fn copy_for(&self, session: &Session) -> Result<Arc<Copy>, PortalError> {
        let copy = self.copy.read().unwrap_or_else(PoisonError::into_inner).clone();
        let copy = copy.ok_or(PortalError::Closed)?;
        match &copy.scope {
            Scope::Everyone => Ok(copy),
            Scope::Cohorts(cohorts) if cohorts.contains(&session.account.cohort) => Ok(copy),
            Scope::Cohorts(_) => Err(PortalError::NotOpenForYou),
        }
    }

    fn openings(&self) -> MutexGuard<'_, Openings> {
        self.openings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
