//! The audit trail: an append-only RFC 6962 tree in a file, written before anything is shown.
//!
//! [`Audit::append`] answers when the entry survives a power cut, and its [`AuditReceipt`] is what
//! a reader of records is built from. Entries that arrive together are written together. When the
//! file fails, the trail goes on in a second one on another path; when that fails too, every
//! append fails, and with it every page. It must not read case data.

mod entry;
mod frames;
mod verify;
mod writer;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::crypto::digest::Digest;
use crate::crypto::sign::SigningKey;
use crate::domain::access::{Grant, Refusal};
use crate::domain::session::{Session, SessionRef};

pub use entry::{Entry, Event, SealedText, Who};
pub use frames::{Medium, prepare};
pub use verify::{Verified, VerifyError, entries, verify};

/// The signed document that says how long the trail was and what its root was.
pub const CHECKPOINT_FORMAT: &str = "holdfast/audit-checkpoint/v1";

/// Appends waiting to be written; more have to wait.
const QUEUE_LENGTH: usize = 1024;

/// The trail, cheap to clone. It ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Audit {
    queue: mpsc::Sender<Order>,
    health: watch::Receiver<Health>,
}

/// Whether the trail can be written, for the console and `doctor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Well,
    /// One of the two files failed; everything is written to the other.
    OneFileLeft,
    /// Nothing can be written: the portal shows nothing.
    Failed,
}

/// Proof that an opening is in the trail and durable.
#[derive(Debug)]
pub struct AuditReceipt {
    session: SessionRef,
    record: String,
    index: u64,
}

impl AuditReceipt {
    /// Whether it was given for this grant.
    #[must_use]
    pub fn is_for(&self, grant: &Grant) -> bool {
        self.session == *grant.session() && self.record == grant.record()
    }

    /// The entry's place in its file, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }
}

/// The trail cannot be written: nothing may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit trail cannot be written, so nothing is shown")]
pub struct AuditFailed;

/// Why a trail does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenAuditError {
    #[error("the audit trail {0} cannot be opened or written out: {1}")]
    Io(PathBuf, #[source] std::io::Error),
    #[error("the audit trail {0} was changed: {1}")]
    Tampered(PathBuf, #[source] VerifyError),
}

/// How long a trail was, and its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Which file: `first` or `second`.
    pub file: String,
    pub size: u64,
    pub root: Digest,
    pub at: Timestamp,
}

/// Where a trail lies, and the key that vouches for it.
pub struct Files {
    pub first: PathBuf,
    /// On another disk where there is one.
    pub second: PathBuf,
    /// Each file is written out to this length in advance.
    pub length_bytes: u64,
    pub key: SigningKey,
}

/// What the writer is told.
enum Order {
    Append(Entry, oneshot::Sender<Result<u64, AuditFailed>>),
    Checkpoint(Timestamp, oneshot::Sender<Result<(), AuditFailed>>),
}

impl Audit {
    /// Opens both files, checks what they hold against their checkpoints and starts the writer.
    ///
    /// # Errors
    /// When a file was changed, or neither can be written out in advance.
    pub fn open(files: Files) -> Result<Self, OpenAuditError> {
        let logs = writer::Log::open_all(&files)?;
        Ok(Self::start(logs, Some(files)))
    }

    /// A trail over media of the caller's, without checkpoints.
    ///
    /// # Errors
    /// When the first medium cannot be read.
    pub fn over(media: Vec<Box<dyn Medium>>) -> std::io::Result<Self> {
        let logs: std::io::Result<Vec<_>> =
            media.into_iter().map(|medium| writer::Log::new(medium, "memory".into())).collect();
        Ok(Self::start(logs?, None))
    }

    fn start(logs: Vec<writer::Log>, files: Option<Files>) -> Self {
        let (queue, orders) = mpsc::channel(QUEUE_LENGTH);
        let (health, watched) = watch::channel(Health::Well);
        std::thread::spawn(move || writer::Writer::new(logs, files, health).run(orders));
        Self { queue, health: watched }
    }

    /// Writes that a record is about to be shown.
    ///
    /// # Errors
    /// [`AuditFailed`]: show nothing.
    pub async fn opening(
        &self,
        session: &Session,
        grant: &Grant,
        at: Timestamp,
    ) -> Result<AuditReceipt, AuditFailed> {
        let index = self.append(Entry::opened(session, grant, at)).await?;
        Ok(AuditReceipt {
            session: grant.session().clone(),
            record: grant.record().to_owned(),
            index,
        })
    }

    /// Writes that a record was refused.
    ///
    /// # Errors
    /// [`AuditFailed`].
    pub async fn refusal(
        &self,
        session: &Session,
        asked: (&str, &str),
        refusal: &Refusal,
        at: Timestamp,
    ) -> Result<(), AuditFailed> {
        self.append(Entry::refused(session, asked, refusal, at)).await.map(|_| ())
    }

    /// Writes an entry and says its index once it is durable.
    ///
    /// # Errors
    /// [`AuditFailed`].
    pub async fn append(&self, entry: Entry) -> Result<u64, AuditFailed> {
        let (answer, written) = oneshot::channel();
        self.queue.send(Order::Append(entry, answer)).await.map_err(|_| AuditFailed)?;
        written.await.map_err(|_| AuditFailed)?
    }

    /// Signs how long the trail is, beside each file. Called every minute and before the end.
    ///
    /// # Errors
    /// [`AuditFailed`] when it cannot be written.
    pub async fn checkpoint(&self, at: Timestamp) -> Result<(), AuditFailed> {
        let (answer, written) = oneshot::channel();
        self.queue.send(Order::Checkpoint(at, answer)).await.map_err(|_| AuditFailed)?;
        written.await.map_err(|_| AuditFailed)?
    }

    #[must_use]
    pub fn health(&self) -> Health {
        *self.health.borrow()
    }
}

#[cfg(test)]
mod tests;
