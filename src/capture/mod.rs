//! Capture: from a case system's export to a published generation.
//!
//! Each run is a child process that is given the copy, its own folder and the export's credential,
//! and ends. It asks for pages, makes records by the mapping, seals them as they come, and
//! publishes; nothing plain is ever written. What it remembers is a ledger of codes. Zero rows or a
//! sharp fall is quarantined, and the generation in force stays.
//!
//! [`start`] is the side of the service, [`run`] the side of the child.

pub mod build;
mod ledger;
pub mod map;
mod memory;
mod passes;
pub mod quarantine;
mod reading;
pub mod run;
mod sink;
pub mod start;
mod tally;

use std::io;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sources::SourceError;
use crate::vault::copy::CopyError;
use crate::vault::epoch::EpochError;
use crate::vault::manifest::Build;
use crate::vault::site::SiteError;

use self::map::Rejected;
use self::quarantine::Reason;

/// What a run did, without a word of what it read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub build: Build,
    pub outcome: Outcome,
    pub begun_at: Timestamp,
    pub ended_at: Timestamp,
    /// How old the copy is: when the first query began, or as of when the source answered.
    pub captured_at: Timestamp,
    /// Rows read.
    pub rows: u64,
    /// Records written and records removed.
    pub changed: u64,
    pub removed: u64,
    /// Records of the copy, by tier.
    pub standard: u64,
    pub restricted: u64,
    /// Rules that could not be followed, and how often.
    pub rejected: Vec<(Rejected, u64)>,
    /// Where the first of them stand, for sources whose rows have a place.
    #[serde(default)]
    pub rejected_at: Vec<String>,
    /// Fields of the source that no rule reads, as `collection.field`.
    pub unmapped: Vec<String>,
    /// Fields that a rule reads and no row had, as `collection.field`.
    pub vanished: Vec<String>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A generation is in force.
    Published { generation: u64 },
    /// Nothing was published; the generation before stays in force, and a person is told.
    Quarantined { reasons: Vec<Reason> },
}

/// Why a run did not end with a report.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Start again as a full build: there is no usable ledger.
    #[error("a full build is due: {0}")]
    FullDue(String),
    /// Another run has the folder.
    #[error("another capture run is under way")]
    Busy,
    #[error(transparent)]
    Source(SourceError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Epoch(#[from] EpochError),
    #[error(transparent)]
    Site(#[from] SiteError),
    #[error("the search index could not be built: {0}")]
    Index(#[from] crate::index::IndexError),
    #[error("a site at level demo takes synthetic data from this machine only")]
    RealSourceAtDemo,
    #[error("the copy cannot be written: {0}")]
    Io(#[from] io::Error),
}

impl From<SourceError> for CaptureError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::StateExpired { .. } => Self::FullDue(error.to_string()),
            other => Self::Source(other),
        }
    }
}
