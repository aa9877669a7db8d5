//! Writes one segment as a stream: memory holds a block of each kind and the directory.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    BLOCK_BYTES, BlockKind, CANARY_TEXT, Canary, DirectoryLine, End, MAGIC, MAX_BLOCK_BYTES,
    SegmentEntry, SegmentHeader, SegmentKind, VERSION, links,
};
use crate::crypto::digest::{Digest, Hasher};
use crate::crypto::sealed::{Sealer, SealingKey};
use crate::domain::records::{Record, RecordKey, SearchRow};
use crate::vault::durable;

const ZSTD_LEVEL: i32 = 3;

/// A segment being written beside its final name. Dropped without [`SegmentWriter::finish`] it
/// leaves a `.tmp` file that never opens and that the next run removes.
pub struct SegmentWriter {
    header: SegmentHeader,
    path: PathBuf,
    sealer: Sealer<Hashing<BufWriter<File>>>,
    records: Lines,
    rows: Lines,
    tombstones: Lines,
    directory: Vec<DirectoryLine>,
    record_blocks: u32,
    end: End,
}

impl SegmentWriter {
    /// Begins a segment in `folder` that only the private halves of `keys` open.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(folder: &Path, header: SegmentHeader, keys: &[SealingKey]) -> io::Result<Self> {
        let path = folder.join(format!("{}.age", header.id));
        let file = File::create(durable::temporary(&path))?;
        let mut sealer = Sealer::new(keys, Hashing::new(BufWriter::new(file)))?;
        let json = serde_json::to_vec(&header)?;
        sealer.write_all(MAGIC)?;
        sealer.write_all(&[VERSION])?;
        sealer.write_all(&length(json.len())?)?;
        sealer.write_all(&json)?;
        let mut writer = Self {
            path,
            sealer,
            records: Lines::default(),
            rows: Lines::default(),
            tombstones: Lines::default(),
            directory: Vec::new(),
            record_blocks: 0,
            end: End::default(),
            header,
        };
        let canary = Canary { segment: writer.header.id.clone(), text: CANARY_TEXT.to_owned() };
        writer.block(BlockKind::Canary, &serde_json::to_vec(&canary)?)?;
        Ok(writer)
    }

    #[must_use]
    pub fn header(&self) -> &SegmentHeader {
        &self.header
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When it cannot be written, or is of another tier.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        if record.header().tier != self.header.tier {
            return Err(io::Error::other("a record of another tier was offered to this segment"));
        }
        let (offset, line_bytes) = self.records.push(record)?;
        self.directory.push(DirectoryLine {
            key: record.key(),
            block: self.record_blocks,
            offset,
            length: line_bytes,
            links: links(record),
        });
        self.end.records += 1;
        if self.records.is_full() {
            self.flush_records()?;
        }
        Ok(())
    }

    /// Says that a record of an earlier segment is gone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tombstone(&mut self, key: &RecordKey) -> io::Result<()> {
        self.tombstones.push(key)?;
        self.end.tombstones += 1;
        if self.tombstones.is_full() {
            let text = self.tombstones.take();
            self.block(BlockKind::Tombstones, &text)?;
        }
        Ok(())
    }

    /// Adds a row for the search index; deltas carry them plain.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn index_row(&mut self, row: &SearchRow) -> io::Result<()> {
        self.rows.push(row)?;
        self.end.index_rows += 1;
        if self.rows.is_full() {
            let text = self.rows.take();
            self.block(BlockKind::IndexRows, &text)?;
        }
        Ok(())
    }

    /// Adds the search index as an SQLite image.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn image(&mut self, image: &[u8]) -> io::Result<()> {
        const PIECE_BYTES: usize = 1024 * 1024;
        image.chunks(PIECE_BYTES).try_for_each(|piece| self.block(BlockKind::Image, piece))
    }

    /// Bytes of records not yet compressed plus those written: for rolling over to a new segment.
    #[must_use]
    pub fn records_written(&self) -> u64 {
        self.end.records
    }

    /// Ends the segment, syncs it and gives it its final name.
    ///
    /// # Errors
    /// When any of it fails: the segment then does not exist.
    pub fn finish(mut self) -> io::Result<SegmentEntry> {
        self.flush_records()?;
        for kind in [BlockKind::Tombstones, BlockKind::IndexRows] {
            let text = match kind {
                BlockKind::Tombstones => self.tombstones.take(),
                _ => self.rows.take(),
            };
            if !text.is_empty() {
                self.block(kind, &text)?;
            }
        }
        self.write_directory()?;
        let end = self.end.clone();
        self.block(BlockKind::End, &serde_json::to_vec(&end)?)?;
        let (output, digests) = self.sealer.finish()?.finish()?;
        let file = output.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        durable::rename(&durable::temporary(&self.path), &self.path)?;
        Ok(SegmentEntry {
            id: self.header.id,
            epoch: self.header.epoch,
            tier: self.header.tier,
            kind: self.header.kind,
            sequence: self.header.sequence,
            length_bytes: digests.length_bytes,
            header_sha256: digests.header,
            file_sha256: digests.file,
            records: end.records,
            tombstones: end.tombstones,
        })
    }

    /// Gives the segment up.
    ///
    /// # Errors
    /// When its file cannot be removed.
    pub fn discard(self) -> io::Result<()> {
        fs::remove_file(durable::temporary(&self.path))
    }

    fn flush_records(&mut self) -> io::Result<()> {
        let text = self.records.take();
        if text.is_empty() {
            return Ok(());
        }
        self.record_blocks += 1;
        self.block(BlockKind::Records, &text)
    }

    fn write_directory(&mut self) -> io::Result<()> {
        if self.header.kind == SegmentKind::IndexImage {
            return Ok(());
        }
        let mut lines = Lines::default();
        for entry in std::mem::take(&mut self.directory) {
            lines.push(&entry)?;
            if lines.is_full() {
                let text = lines.take();
                self.block(BlockKind::Directory, &text)?;
            }
        }
        let text = lines.take();
        if text.is_empty() { Ok(()) } else { self.block(BlockKind::Directory, &text) }
    }

    fn block(&mut self, kind: BlockKind, raw: &[u8]) -> io::Result<()> {
        if raw.len() > MAX_BLOCK_BYTES {
            return Err(io::Error::other("a record is larger than a block may be"));
        }
        let packed = Zeroizing::new(zstd::bulk::compress(raw, ZSTD_LEVEL)?);
        self.sealer.write_all(&[kind as u8])?;
        self.sealer.write_all(&length(raw.len())?)?;
        self.sealer.write_all(&length(packed.len())?)?;
        self.sealer.write_all(&packed)?;
        if kind != BlockKind::End {
            self.end.blocks += 1;
        }
        Ok(())
    }
}

fn length(bytes: usize) -> io::Result<[u8; 4]> {
    u32::try_from(bytes).map(u32::to_be_bytes).map_err(io::Error::other)
}

/// JSON lines gathered until they fill a block.
#[derive(Default)]
struct Lines(Zeroizing<Vec<u8>>);

impl Lines {
    /// Where the line begins and how long it is without its line feed.
    fn push<T: Serialize>(&mut self, value: &T) -> io::Result<(u32, u32)> {
        let offset = self.0.len();
        serde_json::to_writer(&mut *self.0, value)?;
        let length = self.0.len() - offset;
        self.0.push(b'\n');
        let narrow = |n: usize| u32::try_from(n).map_err(io::Error::other);
        Ok((narrow(offset)?, narrow(length)?))
    }

    fn is_full(&self) -> bool {
        self.0.len() >= BLOCK_BYTES
    }

    fn take(&mut self) -> Zeroizing<Vec<u8>> {
        std::mem::take(&mut self.0)
    }
}

/// Digests what goes by, and finds where the age header ends.
struct Hashing<W> {
    inner: W,
    file: Hasher,
    /// The first bytes, until the header's last line is among them.
    head: Vec<u8>,
    header: Option<Digest>,
    length_bytes: u64,
}

struct Digests {
    header: Digest,
    file: Digest,
    length_bytes: u64,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, file: Hasher::new(), head: Vec::new(), header: None, length_bytes: 0 }
    }

    fn finish(mut self) -> io::Result<(W, Digests)> {
        self.inner.flush()?;
        let header = self.header.ok_or_else(|| io::Error::other("the age header did not end"))?;
        let digests = Digests { header, file: self.file.finish(), length_bytes: self.length_bytes };
        Ok((self.inner, digests))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        let bytes = &bytes[..written];
        self.file.update(bytes);
        self.length_bytes += written as u64;
        if self.header.is_none() {
            self.head.extend_from_slice(bytes);
            self.header = age_header(&self.head).map(Digest::of);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The age header in front of a file: up to the end of the line that begins with `---`
/// (c2sp.org/age, "Header").
pub(in crate::vault) fn age_header(file: &[u8]) -> Option<&[u8]> {
    let mark = file.windows(5).position(|window| window == b"\n--- ")?;
    let end = file[mark + 5..].iter().position(|byte| *byte == b'\n')?;
    Some(&file[..mark + 5 + end + 1])
}
