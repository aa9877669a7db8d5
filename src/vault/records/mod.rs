//! The records of an opened copy, in memory.
//!
//! Finding needs no unpacking: every segment carries a directory. What lists and decisions read is
//! kept unpacked, the rest packed until it is read. Nothing here decides who may read.

mod code;
mod part;

use super::segment::SegmentError;
use crate::domain::records::{Record, RecordId, RecordKey, RecordKind};

pub use code::Codes;
pub use part::{Part, keys};

use code::{ByCode, Code};
use part::{Kept, Line};

/// No further link.
const NONE: u32 = u32::MAX;

/// All records of one tier, later segments over earlier ones.
#[derive(Default)]
pub struct Records {
    codes: Codes,
    segments: Vec<Vec<Kept>>,
    places: Vec<Place>,
    by_key: ByCode,
    /// The last of the links of a key.
    by_link: ByCode,
    links: Vec<Link>,
}

/// Where a record is.
#[derive(Clone, Copy)]
struct Place {
    segment: u32,
    block: u32,
    offset: u32,
    length: u32,
    kind: RecordKind,
    /// False once a later segment replaced or removed the record.
    alive: bool,
}

/// A record that hangs on a key, and the one before it.
struct Link {
    place: u32,
    before: u32,
}

impl Records {
    /// Reads one record.
    ///
    /// # Errors
    /// When its block does not unpack.
    pub fn get(&self, key: &RecordKey) -> Result<Option<Record>, SegmentError> {
        match self.by_key.get(&self.code(key.kind, &key.id)) {
            Some(place) => Ok(self.read(vec![*place])?.pop()),
            None => Ok(None),
        }
    }

    #[must_use]
    pub fn contains(&self, key: &RecordKey) -> bool {
        self.by_key.contains_key(&self.code(key.kind, &key.id))
    }

    /// Records of these kinds about a person, the person's own among them, in the order captured.
    ///
    /// # Errors
    /// When a block does not unpack.
    pub fn of_person(
        &self,
        id: &RecordId,
        kinds: &[RecordKind],
    ) -> Result<Vec<Record>, SegmentError> {
        self.read(self.about(RecordKind::Person, id, kinds))
    }

    /// Records of these kinds of a case, the case's own among them, in the order captured.
    ///
    /// # Errors
    /// When a block does not unpack.
    pub fn of_case(
        &self,
        id: &RecordId,
        kinds: &[RecordKind],
    ) -> Result<Vec<Record>, SegmentError> {
        self.read(self.about(RecordKind::Case, id, kinds))
    }

    /// Records of these kinds about a household: who lives there, alerts on the address.
    ///
    /// # Errors
    /// When a block does not unpack.
    pub fn of_household(
        &self,
        id: &RecordId,
        kinds: &[RecordKind],
    ) -> Result<Vec<Record>, SegmentError> {
        self.read(self.about(RecordKind::Household, id, kinds))
    }

    /// How many records of these kinds hang on a record; none is read.
    #[must_use]
    pub fn count_of(&self, key: &RecordKey, kinds: &[RecordKind]) -> usize {
        self.about(key.kind, &key.id, kinds).len()
    }

    /// Every record of a kind, in the order captured.
    ///
    /// # Errors
    /// When a block does not unpack.
    pub fn of_kind(&self, kind: RecordKind) -> Result<Vec<Record>, SegmentError> {
        let places = (0..).zip(&self.places).filter(|(_, place)| place.kind == kind);
        self.read(places.map(|(at, _)| at).collect())
    }

    /// How many records of a kind there are.
    #[must_use]
    pub fn count(&self, kind: RecordKind) -> usize {
        self.places.iter().filter(|place| place.alive && place.kind == kind).count()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// What codes the parts to be added are made with.
    pub(in crate::vault) fn codes(&self) -> &Codes {
        &self.codes
    }

    /// Adds a later segment.
    pub(in crate::vault) fn add(&mut self, part: Part) {
        let segment = index(self.segments.len());
        let mut links = part.links.into_iter();
        self.by_key.reserve(part.lines.len());
        self.places.reserve(part.lines.len());
        for Line { code, kind, block, offset, length, links: of_line } in part.lines {
            let place = index(self.places.len());
            self.places.push(Place { segment, block, offset, length, kind, alive: true });
            if let Some(replaced) = self.by_key.insert(code, place) {
                self.places[replaced as usize].alive = false;
            }
            for key in links.by_ref().take(of_line as usize) {
                let last = index(self.links.len());
                let before = self.by_link.insert(key, last).unwrap_or(NONE);
                self.links.push(Link { place, before });
            }
        }
        self.segments.push(part.blocks);
    }

    pub(in crate::vault) fn remove(&mut self, key: &RecordKey) {
        if let Some(place) = self.by_key.remove(&self.code(key.kind, &key.id)) {
            self.places[place as usize].alive = false;
        }
    }

    fn code(&self, kind: RecordKind, id: &RecordId) -> Code {
        self.codes.of(kind, id.as_str())
    }

    /// The places of the living records of these kinds that hang on a record, and its own.
    fn about(&self, kind: RecordKind, id: &RecordId, kinds: &[RecordKind]) -> Vec<u32> {
        let code = self.code(kind, id);
        let mut places: Vec<u32> = self.by_key.get(&code).copied().into_iter().collect();
        let mut next = self.by_link.get(&code).copied().unwrap_or(NONE);
        while let Some(link) = self.links.get(next as usize) {
            places.push(link.place);
            next = link.before;
        }
        places.retain(|place| {
            let place = &self.places[*place as usize];
            place.alive && kinds.contains(&place.kind)
        });
        places
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
            let packed = match &self.segments[place.segment as usize][place.block as usize] {
                Kept::Plain(text) => {
                    records.push(parse(text, place)?);
                    continue;
                }
                Kept::Packed(block) => block,
            };
            let at = (place.segment, place.block);
            let text = match unpacked.take() {
                Some((last, text)) if last == at => text,
                _ => packed.unpack()?,
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
