//! The search index of one tier: an SQLite image with FTS5 that lives in memory only.
//!
//! Capture builds it while it holds the rows and seals the image; the opener loads the image and
//! applies the deltas in sequence before it says searchable. It finds by name without diacritics,
//! by prefix, by sound and despite a misspelling; by date of birth, also with day and month
//! transposed; by number and by address. It holds no key, touches no disk and decides nothing about
//! who may see a hit.

mod build;
mod query;
mod rank;
mod search;
mod vocabulary;
mod words;

use crate::domain::records::{RecordKey, SearchRow};

pub use build::{Image, IndexBuilder};
pub use search::Index;

/// What a delta changes: first the removals, then the rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change<'a> {
    pub removed: &'a [RecordKey],
    pub rows: &'a [SearchRow],
}

/// What a search found, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub hits: Vec<Hit>,
    /// True when there may be more than were looked at: the searcher should say more.
    pub more: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub key: RecordKey,
    /// Above 0 and at most 1; for the order, not for show.
    pub likeness: f64,
    /// Why it was found, strongest first; never empty.
    pub matched: Vec<Matched>,
}

/// In which way a row answers the search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Matched {
    Number,
    Name,
    NameBegins,
    Born,
    /// Day and month the other way round.
    BornTransposed,
    Address,
    /// Spelt differently.
    NameAlike,
    /// Sounds the same.
    NameSounds,
}

/// Why the index cannot be built or searched.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("the search index in memory failed: {0}")]
    Sqlite(#[from] sqlx::Error),
    #[error("a row of the search index cannot be written: {0}")]
    Row(#[from] serde_json::Error),
    #[error("the image is not a search index of this version")]
    Image,
}
