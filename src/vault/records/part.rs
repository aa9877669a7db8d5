//! One segment's records made ready to be added: its directory read, what is often read unpacked.
//!
//! Parts are made on any thread and added in sequence. A part knows nothing of the others.

use serde::Deserialize;
use zeroize::Zeroizing;

use super::code::{Code, Codes};
use crate::domain::records::{RecordKey, RecordKind};
use crate::vault::segment::{Block, SegmentError};

/// Every list of people and every decision reads these, so their blocks stay unpacked: about three
/// KiB a case. The others are unpacked when somebody reads them.
const OFTEN_READ: [RecordKind; 5] = [
    RecordKind::Person,
    RecordKind::Case,
    RecordKind::Household,
    RecordKind::Relationship,
    RecordKind::SafetyAlert,
];

/// The records of one segment.
pub struct Part {
    pub(super) blocks: Vec<Kept>,
    pub(super) lines: Vec<Line>,
    pub(super) links: Vec<Code>,
}

/// A block in memory.
pub(super) enum Kept {
    Packed(Block),
    Plain(Zeroizing<Vec<u8>>),
}

/// A record in its directory.
pub(super) struct Line {
    pub code: Code,
    pub kind: RecordKind,
    pub block: u32,
    pub offset: u32,
    pub length: u32,
    /// How many of the links are this one's; they follow those of the line before.
    pub links: u32,
}

/// A line of a directory as it is read: `segment::DirectoryLine` without a copy of its texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    #[serde(borrow)]
    key: Key<'a>,
    block: u32,
    offset: u32,
    length: u32,
    #[serde(borrow, default)]
    links: Vec<Key<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key<'a> {
    kind: RecordKind,
    id: &'a str,
}

impl Part {
    /// Reads the directory of a segment, given as its unpacked blocks.
    ///
    /// # Errors
    /// When the directory is not understood, points nowhere, or a block does not unpack.
    pub fn new(
        blocks: Vec<Block>,
        directory: &[Zeroizing<Vec<u8>>],
        codes: &Codes,
    ) -> Result<Self, SegmentError> {
        let mut part = Self { blocks: Vec::new(), lines: Vec::new(), links: Vec::new() };
        let mut often_read = vec![false; blocks.len()];
        for text in directory {
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line: Written<'_> = serde_json::from_slice(line)
                    .map_err(|_| SegmentError::Damaged("a line is not understood"))?;
                let often = often_read.get_mut(line.block as usize);
                let often = often.ok_or(SegmentError::Damaged("its directory points nowhere"))?;
                *often |= OFTEN_READ.contains(&line.key.kind);
                part.take(&line, codes);
            }
        }
        for (block, often) in blocks.into_iter().zip(often_read) {
            let kept = if often { Kept::Plain(block.unpack()?) } else { Kept::Packed(block) };
            part.blocks.push(kept);
        }
        Ok(part)
    }

    fn take(&mut self, line: &Written<'_>, codes: &Codes) {
        let Written { key, block, offset, length, links } = line;
        self.links.extend(links.iter().map(|link| codes.of(link.kind, link.id)));
        self.lines.push(Line {
            code: codes.of(key.kind, key.id),
            kind: key.kind,
            block: *block,
            offset: *offset,
            length: *length,
            links: u32::try_from(links.len()).unwrap_or(u32::MAX),
        });
    }
}

/// The keys of a directory, where they are needed as such.
///
/// # Errors
/// When the directory is not understood.
pub fn keys(directory: &[Zeroizing<Vec<u8>>]) -> Result<Vec<RecordKey>, SegmentError> {
    let lines = directory.iter().flat_map(|text| text.split(|byte| *byte == b'\n'));
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line)
                .map(|line: crate::vault::segment::DirectoryLine| line.key)
                .map_err(|_| SegmentError::Damaged("a line is not understood"))
        })
        .collect()
}
