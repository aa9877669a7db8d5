//! A generation: the signed list of segments that make up one copy.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::segment::{SegmentEntry, SegmentKind};
use crate::crypto::digest::Digest;
use crate::crypto::sign::{SigningKey, VerifyingKey};
use crate::crypto::signed::{self, SignedError};
use crate::domain::records::{RecordKind, Tier};

const FORMAT: &str = "holdfast/generation/v1";

/// One copy of the case file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub site: String,
    /// Grows by one; a lower one than was seen is refused.
    pub number: u64,
    pub build: Build,
    pub source: String,
    pub created_at: Timestamp,
    /// When the run's first query began: the copy is as old as this.
    pub captured_at: Timestamp,
    /// Where the next incremental run begins, by collection.
    pub watermark: BTreeMap<String, Timestamp>,
    /// Digest of the manifest before, if there was one.
    pub previous: Option<Digest>,
    /// In the order in which they apply.
    pub segments: Vec<SegmentEntry>,
    /// Records alive in this copy.
    pub counts: BTreeMap<Tier, BTreeMap<RecordKind, u64>>,
    /// What is known not to be in the copy, named on every page.
    pub not_included: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Build {
    Full,
    Incremental,
}

impl Build {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

impl Manifest {
    /// Records alive, over all kinds of a tier.
    #[must_use]
    pub fn total(&self, tier: Tier) -> u64 {
        self.counts.get(&tier).map_or(0, |kinds| kinds.values().sum())
    }

    /// The segments of a tier and kind, in the order in which they apply.
    pub fn segments_of(
        &self,
        tier: Tier,
        kind: SegmentKind,
    ) -> impl Iterator<Item = &SegmentEntry> {
        self.segments.iter().filter(move |entry| entry.tier == tier && entry.kind == kind)
    }
}

/// The signed file.
#[must_use]
pub fn write(manifest: &Manifest, key: &SigningKey) -> Vec<u8> {
    signed::write(FORMAT, manifest, key)
}

/// # Errors
/// When it is not signed by `key` or not of this version.
pub fn read(bytes: &[u8], key: &VerifyingKey) -> Result<Manifest, SignedError> {
    signed::read(FORMAT, bytes, key)
}
