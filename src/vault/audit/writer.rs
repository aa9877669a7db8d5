//! The one thread that writes the trail: it takes what is waiting, writes it at once, syncs, and
//! then answers everybody.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};

use super::frames::{self, End, Medium, prepare};
use super::verify::{VerifyError, check_against, checkpoint_path, read_checkpoint};
use super::{AuditFailed, CHECKPOINT_FORMAT, Checkpoint, Entry, Event, Files, Health};
use super::{OpenAuditError, Order};
use crate::crypto::signed;
use crate::vault::durable;

/// Entries written with one sync.
const GROUP_LENGTH: usize = 256;

/// One file of the trail.
pub(super) struct Log {
    medium: Box<dyn Medium>,
    path: PathBuf,
    end: End,
}

impl Log {
    pub fn new(mut medium: Box<dyn Medium>, path: PathBuf) -> std::io::Result<Self> {
        let bytes = medium.read_all()?;
        let contents = frames::scan(&bytes)?;
        frames::settle(&mut *medium, &bytes, &contents)?;
        Ok(Self { medium, path, end: contents.end })
    }

    /// Opens the files that can be written; at least one must be.
    pub fn open_all(files: &Files) -> Result<Vec<Self>, OpenAuditError> {
        let mut logs = Vec::new();
        let mut fault = None;
        for path in [&files.first, &files.second] {
            match Self::open(path, files) {
                Ok(log) => logs.push(log),
                Err(tampered @ OpenAuditError::Tampered(..)) => return Err(tampered),
                Err(error) => {
                    tracing::error!(%error, "an audit file cannot be used");
                    fault.get_or_insert(error);
                }
            }
        }
        match fault {
            Some(fault) if logs.is_empty() => Err(fault),
            _ => Ok(logs),
        }
    }

    fn open(path: &Path, files: &Files) -> Result<Self, OpenAuditError> {
        let io_error = |error| OpenAuditError::Io(path.to_owned(), error);
        let tampered = |error| OpenAuditError::Tampered(path.to_owned(), error);
        let checkpoint = read_checkpoint(path, &files.key.verifying_key()).map_err(tampered)?;
        let mut file = prepare(path, files.length_bytes).map_err(io_error)?;
        let bytes = file.read_all().map_err(io_error)?;
        let contents = frames::scan(&bytes).map_err(|_| tampered(VerifyError::NotATrail))?;
        if let Some(checkpoint) = checkpoint {
            check_against(&checkpoint, &contents.entries).map_err(tampered)?;
        }
        frames::settle(&mut file, &bytes, &contents).map_err(io_error)?;
        Ok(Self { medium: Box::new(file), path: path.to_owned(), end: contents.end })
    }

    /// Writes a group and syncs it; on an error nothing counts as written.
    fn write(&mut self, group: &[Vec<u8>]) -> std::io::Result<u64> {
        let mut end = self.end.clone();
        let mut buffer = Vec::new();
        for json in group {
            end.push(json, &mut buffer)?;
        }
        self.medium.write_at(&buffer, self.end.offset)?;
        self.medium.sync()?;
        let first = self.end.tree.size();
        self.end = end;
        Ok(first)
    }
}

/// The thread's state.
pub(super) struct Writer {
    logs: Vec<Log>,
    /// Which log is in use; past the end when every one failed.
    current: usize,
    files: Option<Files>,
    health: watch::Sender<Health>,
}

impl Writer {
    pub fn new(logs: Vec<Log>, files: Option<Files>, health: watch::Sender<Health>) -> Self {
        // A file that could not be opened is missing from the list: say so from the start.
        if logs.len() < 2 {
            health.send_replace(Health::OneFileLeft);
        }
        Self { logs, current: 0, files, health }
    }

    /// Takes orders until nobody can give any.
    pub fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut waiting = Vec::with_capacity(GROUP_LENGTH);
        loop {
            let Some(first) = orders.blocking_recv() else { return };
            waiting.push(first);
            while waiting.len() < GROUP_LENGTH
                && let Ok(next) = orders.try_recv()
            {
                waiting.push(next);
            }
            self.carry_out(std::mem::take(&mut waiting));
        }
    }

    fn carry_out(&mut self, orders: Vec<Order>) {
        let mut group = Vec::new();
        let mut began_at = None;
        let mut answers: Vec<oneshot::Sender<Result<u64, AuditFailed>>> = Vec::new();
        let mut checkpoints = Vec::new();
        for order in orders {
            match order {
                Order::Append(entry, answer) => match serde_json::to_vec(&entry) {
                    Ok(json) => {
                        began_at.get_or_insert(entry.at);
                        group.push(json);
                        answers.push(answer);
                    }
                    Err(_) => {
                        let _ = answer.send(Err(AuditFailed));
                    }
                },
                Order::Checkpoint(at, answer) => checkpoints.push((at, answer)),
            }
        }
        let first = began_at.map_or(Ok(0), |at| self.write(&group, at));
        for (place, answer) in (0..).zip(answers) {
            // Somebody who no longer waits has been shown nothing.
            let _ = answer.send(first.map(|first| first + place));
        }
        for (at, answer) in checkpoints {
            let _ = answer.send(self.checkpoint(at));
        }
    }

    fn write(&mut self, group: &[Vec<u8>], at: Timestamp) -> Result<u64, AuditFailed> {
        while let Some(log) = self.logs.get_mut(self.current) {
            match log.write(group) {
                Ok(first) => return Ok(first),
                Err(error) => {
                    let path = log.path.display().to_string();
                    tracing::error!(%error, path, "an audit file failed");
                    self.move_on(at);
                }
            }
        }
        Err(AuditFailed)
    }

    /// Goes on in the next file, which says where the last one ended.
    fn move_on(&mut self, at: Timestamp) {
        let left = self.logs.get(self.current).map(|log| log.end.tree.clone());
        self.current += 1;
        let (Some(next), Some(left)) = (self.logs.get_mut(self.current), left) else {
            self.health.send_replace(Health::Failed);
            return;
        };
        self.health.send_replace(Health::OneFileLeft);
        let event = Event::Continues { size: left.size(), root: left.root() };
        let entry = Entry { at, who: None, event };
        let written = serde_json::to_vec(&entry)
            .map_err(std::io::Error::other)
            .and_then(|json| next.write(&[json]));
        if let Err(error) = written {
            tracing::error!(%error, "the second audit file failed as well");
            self.move_on(at);
        }
    }

    fn checkpoint(&self, at: Timestamp) -> Result<(), AuditFailed> {
        let Some(files) = &self.files else { return Ok(()) };
        for log in &self.logs {
            let name = if log.path == files.first { "first" } else { "second" };
            let checkpoint = Checkpoint {
                file: name.to_owned(),
                size: log.end.tree.size(),
                root: log.end.tree.root(),
                at,
            };
            let document = signed::write(CHECKPOINT_FORMAT, &checkpoint, &files.key);
            durable::replace(&checkpoint_path(&log.path), &document).map_err(|error| {
                tracing::error!(%error, "the audit checkpoint cannot be written");
                AuditFailed
            })?;
        }
        Ok(())
    }
}
