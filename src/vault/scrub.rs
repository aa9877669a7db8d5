//! Proof that the copy is whole and opens: nightly, before anybody needs it.
//!
//! *Scrub* proves bytes with no key. *Trial opening* unwraps every standard segment and reads its
//! synthetic canary, and shows nothing else to anybody.

use std::fs::File;
use std::io::BufReader;

use super::copy::{CopyError, Pointer};
use super::epoch;
use super::open::{OpenError, check_header, current};
use super::publish::{MIN_KEPT_GENERATIONS, retained};
use super::segment::{SegmentError, SegmentReader};
use super::site::{NodeKey, Site};
use crate::domain::records::Tier;

/// What a scrub has proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// The generation in force.
    pub generation: u64,
    pub generations: usize,
    pub segments: usize,
    pub bytes: u64,
}

/// What a trial opening has proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    pub generation: Pointer,
    /// Standard segments whose canary was read.
    pub segments: usize,
}

/// Proves signatures, digests and lengths of every retained generation, with no key.
///
/// # Errors
/// The first thing that is not as it was published.
pub fn scrub(site: &Site) -> Result<Scrubbed, CopyError> {
    let (pointer, _) = current(site)?;
    let folder = site.copy();
    let manifests = retained(&folder, pointer, &site.description().manifest, MIN_KEPT_GENERATIONS)?;
    let mut proven = std::collections::BTreeSet::new();
    let mut scrubbed = Scrubbed {
        generation: pointer.number,
        generations: manifests.len(),
        ..Scrubbed::default()
    };
    for entry in manifests.iter().flat_map(|manifest| &manifest.segments) {
        if proven.insert(&entry.id) {
            folder.verify_segment(entry)?;
            scrubbed.segments += 1;
            scrubbed.bytes += entry.length_bytes;
        }
    }
    Ok(scrubbed)
}

/// Opens every standard segment of the generation in force to its end, reading its canary.
///
/// # Errors
/// The first segment that does not open, or a missing key slot.
pub fn trial(site: &Site, node: &NodeKey) -> Result<Tried, OpenError> {
    let (pointer, manifest) = current(site)?;
    let mut segments = 0;
    for entry in manifest.segments.iter().filter(|entry| entry.tier == Tier::Standard) {
        let key = epoch::open(site, &entry.epoch, Tier::Standard, &node.opening)?;
        let read = || -> Result<(), SegmentError> {
            let file = BufReader::new(File::open(site.copy().segment(&entry.id))?);
            let mut reader = SegmentReader::open(&key, file)?;
            check_header(reader.header(), entry, site.name())?;
            while reader.next_block()?.is_some() {}
            Ok(())
        };
        read().map_err(|fault| OpenError::Segment { segment: entry.id.to_string(), fault })?;
        segments += 1;
    }
    Ok(Tried { generation: pointer, segments })
}
