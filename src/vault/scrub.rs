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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::sample;
    use super::*;

    #[test]
    fn scrub_needs_no_key_and_trial_needs_no_order() {
        let folder = tempfile::tempdir().unwrap();
        let site = sample::site(folder.path());
        sample::publish_two(&site);
        let manifest = sample::publish_two(&site);
        let node = site.node_key().unwrap();
        assert_eq!(trial(&site, &node).unwrap().segments, 2);
        fs::remove_dir_all(site.opener_folder()).unwrap();
        fs::create_dir_all(site.opener_folder()).unwrap();
        let scrubbed = scrub(&site).unwrap();
        assert_eq!((scrubbed.generation, scrubbed.generations, scrubbed.segments), (2, 2, 6));
        assert!(matches!(trial(&site, &node), Err(OpenError::Epoch(_))));

        // The restricted tier is proven too.
        let restricted = site.copy().segment(&manifest.segments[2].id);
        let mut bytes = fs::read(&restricted).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&restricted, bytes).unwrap();
        assert!(matches!(scrub(&site), Err(CopyError::Damaged { .. })));
    }
}
