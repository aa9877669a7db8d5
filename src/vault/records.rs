//! The records of an opened copy, in memory: blocks stay packed until a record in them is read.
//!
//! Five thousand people take about ten megabytes this way. Finding needs no unpacking: every
//! segment carries a directory. Nothing here decides who may read.

use std::collections::HashMap;

use super::segment::{Block, DirectoryLine, SegmentError};
use crate::domain::records::{Record, RecordId, RecordKey, RecordKind};

/// All records of one tier, later segments over earlier ones.
#[derive(Default)]
pub struct Records {
    segments: Vec<Vec<Block>>,
    places: Vec<Place>,
    by_key: HashMap<RecordKey, u32>,
    by_link: HashMap<RecordKey, Vec<u32>>,
    by_kind: HashMap<RecordKind, Vec<u32>>,
}

/// Where a record is.
#[derive(Clone, Copy)]
struct Place {
    segment: u32,
    block: u32,
    offset: u32,
    length: u32,
    /// False once a later segment replaced or removed the record.
    alive: bool,
}

impl Records {
    /// Reads one record.
    ///
    /// # Errors
    /// When its block does not unpack.
    pub fn get(&self, key: &RecordKey) -> Result<Option<Record>, SegmentError> {
        match self.by_key.get(key) {
            Some(place) => Ok(self.read(vec![*place])?.pop()),
            None => Ok(None),
        }
    }

    #[must_use]
    pub fn contains(&self, key: &RecordKey) -> bool {
        self.by_key.contains_key(key)
    }

    /// Every record about a person, the person's own among them, in the order captured.
    ///
    /// # Errors
    /// When a block does not unpack.
    pub fn of_person(&self, id: &RecordId) -> Result<Vec<Record>, SegmentError> {
        self.linked(RecordKind::Person, id)
    }

    /// Every record of a case, the case's own among them, in the order captured.
    ///
    /// # Errors
    /// When a block does not unpack.
    pub fn of_case(&self, id: &RecordId) -> Result<Vec<Record>, SegmentError> {
        self.linked(RecordKind::Case, id)
    }

    /// Who lives in a household, and what is known of it.
    ///
    /// # Errors
    /// When a block does not unpack.
    pub fn of_household(&self, id: &RecordId) -> Result<Vec<Record>, SegmentError> {
        self.linked(RecordKind::Household, id)
    }

    /// Every record of a kind, in the order captured.
    ///
    /// # Errors
    /// When a block does not unpack.
    pub fn of_kind(&self, kind: RecordKind) -> Result<Vec<Record>, SegmentError> {
        self.read(self.by_kind.get(&kind).cloned().unwrap_or_default())
    }

    /// How many records of a kind there are.
    #[must_use]
    pub fn count(&self, kind: RecordKind) -> usize {
        let places = self.by_kind.get(&kind).map_or(&[][..], Vec::as_slice);
        places.iter().filter(|place| self.places[**place as usize].alive).count()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// What the packed blocks take in memory.
    #[must_use]
    pub fn packed_bytes(&self) -> usize {
        self.segments.iter().flatten().map(Block::packed_bytes).sum()
    }

    /// Adds a later segment: its blocks of records and its directory.
    ///
    /// # Errors
    /// When the directory points outside the blocks.
    pub(in crate::vault) fn add(
        &mut self,
        blocks: Vec<Block>,
        directory: Vec<DirectoryLine>,
    ) -> Result<(), SegmentError> {
        let segment = index(self.segments.len());
        for line in directory {
            if line.block as usize >= blocks.len() {
                return Err(SegmentError::Damaged("its directory points nowhere"));
            }
            self.remove(&line.key);
            let place = index(self.places.len());
            self.places.push(Place {
                segment,
                block: line.block,
                offset: line.offset,
                length: line.length,
                alive: true,
            });
            for link in line.links {
                self.by_link.entry(link).or_default().push(place);
            }
            self.by_kind.entry(line.key.kind).or_default().push(place);
            self.by_key.insert(line.key, place);
        }
        self.segments.push(blocks);
        Ok(())
    }

    pub(in crate::vault) fn remove(&mut self, key: &RecordKey) {
        if let Some(place) = self.by_key.remove(key) {
            self.places[place as usize].alive = false;
        }
    }

    fn linked(&self, kind: RecordKind, id: &RecordId) -> Result<Vec<Record>, SegmentError> {
        let key = RecordKey { kind, id: id.clone() };
        let own = self.by_key.get(&key).copied();
        let linked = self.by_link.get(&key).map_or(&[][..], Vec::as_slice);
        self.read(own.into_iter().chain(linked.iter().copied()).collect())
    }

    /// Reads the records alive among `places`, unpacking each block once.
    fn read(&self, mut places: Vec<u32>) -> Result<Vec<Record>, SegmentError> {
        places.sort_unstable();
        let mut records = Vec::with_capacity(places.len());
        let mut unpacked = None;
        for place in places.into_iter().map(|place| self.places[place as usize]) {
            if !place.alive {
                continue;
            }
            let at = (place.segment, place.block);
            let text = match unpacked.take() {
                Some((last, text)) if last == at => text,
                _ => self.segments[place.segment as usize][place.block as usize].unpack()?,
            };
            records.push(parse(&text, place)?);
            unpacked = Some((at, text));
        }
        Ok(records)
    }
}

fn parse(text: &[u8], place: Place) -> Result<Record, SegmentError> {
    let begin = place.offset as usize;
    text.get(begin..begin.saturating_add(place.length as usize))
        .and_then(|line| serde_json::from_slice(line).ok())
        .ok_or(SegmentError::Damaged("a record is not where its directory says"))
}

/// Four thousand million records are beyond any copy, so that positions fit in 32 bits.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}
