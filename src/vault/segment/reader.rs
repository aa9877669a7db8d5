//! Reads one segment as a stream of blocks, unpacking none of them by itself.

use std::io::{self, BufRead, Read};

use zeroize::Zeroizing;

use super::{
    BlockKind, CANARY_TEXT, Canary, End, MAGIC, MAX_BLOCK_BYTES, MAX_HEADER_BYTES, SegmentHeader,
    VERSION,
};
use crate::crypto::sealed::{self, OpenError, OpeningKey};

/// Why a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error("this key does not open the segment")]
    WrongKey,
    #[error("the segment is damaged: {0}")]
    Damaged(&'static str),
    #[error("the segment is of a newer version ({0}) than this program reads")]
    Newer(u8),
    #[error("the segment cannot be read")]
    Io(#[from] io::Error),
}

/// A block still packed.
pub struct Block {
    pub kind: BlockKind,
    raw_bytes: u32,
    packed: Zeroizing<Vec<u8>>,
}

impl Block {
    /// # Errors
    /// When the block does not unpack to the length it states.
    pub fn unpack(&self) -> Result<Zeroizing<Vec<u8>>, SegmentError> {
        let raw = zstd::bulk::decompress(&self.packed, self.raw_bytes as usize)
            .map(Zeroizing::new)
            .map_err(|_| SegmentError::Damaged("a block does not unpack"))?;
        if raw.len() == self.raw_bytes as usize {
            Ok(raw)
        } else {
            Err(SegmentError::Damaged("a block is shorter than it says"))
        }
    }

    /// What the packed block takes in memory.
    #[must_use]
    pub fn packed_bytes(&self) -> usize {
        self.packed.len()
    }
}

/// Yields the blocks of a segment in order and checks that it ends where it says.
pub struct SegmentReader<R> {
    plain: R,
    header: SegmentHeader,
    blocks: u64,
    end: Option<End>,
}

impl SegmentReader<()> {
    /// Opens a segment and reads its header and canary.
    ///
    /// # Errors
    /// See [`SegmentError`].
    pub fn open<R: BufRead>(
        key: &OpeningKey,
        file: R,
    ) -> Result<SegmentReader<impl Read>, SegmentError> {
        let mut plain = sealed::opener(key, file).map_err(|error| match error {
            OpenError::WrongKey => SegmentError::WrongKey,
            OpenError::Damaged => SegmentError::Damaged("its age header was changed"),
            OpenError::Io(error) => SegmentError::Io(error),
        })?;
        let mut magic = [0; MAGIC.len() + 1];
        fill(&mut plain, &mut magic)?;
        match magic.split_at(MAGIC.len()) {
            (magic, [VERSION]) if magic == MAGIC => {}
            (magic, [version]) if magic == MAGIC => return Err(SegmentError::Newer(*version)),
            _ => return Err(SegmentError::Damaged("it is no segment")),
        }
        let header = read_bytes(&mut plain, MAX_HEADER_BYTES)?;
        let header: SegmentHeader = serde_json::from_slice(&header)
            .map_err(|_| SegmentError::Damaged("its header is not understood"))?;
        let mut reader = SegmentReader { plain, header, blocks: 0, end: None };
        reader.read_canary()?;
        Ok(reader)
    }
}

impl<R: Read> SegmentReader<R> {
    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// The next block; none after the last, whose counts are then in [`SegmentReader::end`].
    ///
    /// # Errors
    /// When the segment was changed or cut anywhere up to here.
    pub fn next_block(&mut self) -> Result<Option<Block>, SegmentError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let block = self.read_block()?;
        if block.kind != BlockKind::End {
            self.blocks += 1;
            return Ok(Some(block));
        }
        let end: End = serde_json::from_slice(&block.unpack()?)
            .map_err(|_| SegmentError::Damaged("its end is not understood"))?;
        if end.blocks != self.blocks {
            return Err(SegmentError::Damaged("blocks are missing"));
        }
        if self.plain.read(&mut [0]).map_err(damage)? != 0 {
            return Err(SegmentError::Damaged("something follows its end"));
        }
        self.end = Some(end);
        Ok(None)
    }

    /// The counts that close the segment, once every block was read.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    fn read_canary(&mut self) -> Result<(), SegmentError> {
        let block = self.read_block()?;
        let canary: Option<Canary> = serde_json::from_slice(&block.unpack()?).ok();
        match canary {
            Some(canary)
                if block.kind == BlockKind::Canary
                    && canary.segment == self.header.id
                    && canary.text == CANARY_TEXT =>
            {
                self.blocks += 1;
                Ok(())
            }
            _ => Err(SegmentError::Damaged("its canary is wrong")),
        }
    }

    fn read_block(&mut self) -> Result<Block, SegmentError> {
        let mut head = [0; 5];
        fill(&mut self.plain, &mut head)?;
        let [code, length @ ..] = head;
        let kind =
            BlockKind::from_code(code).ok_or(SegmentError::Damaged("a block of unknown kind"))?;
        let raw_bytes = u32::from_be_bytes(length);
        if raw_bytes as usize > MAX_BLOCK_BYTES {
            return Err(SegmentError::Damaged("a block is too large"));
        }
        let limit = zstd::zstd_safe::compress_bound(MAX_BLOCK_BYTES);
        let packed = read_bytes(&mut self.plain, limit)?;
        Ok(Block { kind, raw_bytes, packed })
    }
}

/// A length in four bytes, then as many bytes.
fn read_bytes(plain: &mut impl Read, limit: usize) -> Result<Zeroizing<Vec<u8>>, SegmentError> {
    let mut length = [0; 4];
    fill(plain, &mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(SegmentError::Damaged("a length is beyond its limit"));
    }
    let mut bytes = Zeroizing::new(vec![0; length]);
    fill(plain, &mut bytes)?;
    Ok(bytes)
}

fn fill(plain: &mut impl Read, bytes: &mut [u8]) -> Result<(), SegmentError> {
    plain.read_exact(bytes).map_err(damage)
}

/// The age stream answers a change with `InvalidData` and a cut with `UnexpectedEof`.
fn damage(error: io::Error) -> SegmentError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => {
            SegmentError::Damaged("it was changed or cut short")
        }
        _ => SegmentError::Io(error),
    }
}
