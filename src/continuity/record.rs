//! Events as they are stored: versioned, in sequence, each chained to the one before by hash.
//!
//! The hash of an event is SHA-256 over the previous hash, the activation's id, the sequence, the
//! instant in microseconds, the version and the document, separated by line feeds. Whoever holds
//! the last hash can tell whether any event before it was changed.

use jiff::Timestamp;

use super::activation::Activation;
use super::apply::{apply, first};
use super::event::{Event, VERSION};
use crate::crypto::digest::Digest;
use crate::domain::incident::ActivationId;
use crate::store::continuity::commit::EventRow;

/// What the first event of an activation is chained to.
pub const GENESIS: &str = "holdfast/activation/v1";

/// Why stored events do not make an activation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenRecord {
    #[error("event {0} is not the one that was chained")]
    Hash(u64),
    #[error("event {0} cannot be read")]
    Unreadable(u64),
    #[error("the record does not open with a beginning")]
    NoBeginning,
}

/// Chains new events to the record.
#[must_use]
pub fn chain(
    activation: &ActivationId,
    (mut sequence, previous_hash): (u64, &str),
    events: &[Event],
    at: Timestamp,
) -> Vec<EventRow> {
    let mut previous_hash = previous_hash.to_owned();
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        sequence += 1;
        let document = serde_json::to_string(event).expect("events are plain values");
        let mut row = EventRow {
            activation: activation.clone(),
            sequence,
            at,
            version: VERSION,
            document,
            previous_hash,
            hash: String::new(),
        };
        row.hash = hash(&row);
        previous_hash = row.hash.clone();
        rows.push(row);
    }
    rows
}

/// Verifies the chain and folds the events.
///
/// # Errors
/// Where the record is broken.
pub fn replay(rows: &[EventRow]) -> Result<Activation, BrokenRecord> {
    let mut state: Option<Activation> = None;
    let mut previous = GENESIS;
    for row in rows {
        if row.previous_hash != previous || hash(row) != row.hash {
            return Err(BrokenRecord::Hash(row.sequence));
        }
        previous = &row.hash;
        let event: Event = serde_json::from_str(&row.document)
            .map_err(|_| BrokenRecord::Unreadable(row.sequence))?;
        match &mut state {
            Some(state) => apply(state, &event, row.at),
            None => state = first(&event, row.at),
        }
    }
    state.ok_or(BrokenRecord::NoBeginning)
}

fn hash(row: &EventRow) -> String {
    let text = format!(
        "{}\n{}\n{}\n{}\n{}\n{}",
        row.previous_hash,
        row.activation,
        row.sequence,
        row.at.as_microsecond(),
        row.version,
        row.document
    );
    Digest::of(text.as_bytes()).to_hex()
}
