//! How entries lie in a file: frames after a head, in a file written out in advance.
//!
//! ```text
//! holdfast/audit/v1\n
//! length u32 BE | check 8 bytes | JSON      one frame an entry
//! 0 0 0 0 …                                 written out in advance
//! ```
//!
//! The check is the start of SHA-256 over the check before it and the entry, so that frames of a
//! write that was cut short never pass for later ones. Proof against tampering is the tree.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::crypto::digest::Hasher;
use crate::crypto::merkle::{Frontier, leaf_hash};

pub(super) const HEAD: &[u8] = b"holdfast/audit/v1\n";
const CHECK_BYTES: usize = 8;
const FRAME_HEAD_BYTES: usize = 4 + CHECK_BYTES;
/// No entry is longer: the longest lists a page of record ids.
const ENTRY_BYTES_AT_MOST: usize = 256 * 1024;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Where a trail is written: a file, or in tests something that fails.
pub trait Medium: Send {
    /// Everything in it, from the start.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_all(&mut self) -> io::Result<Vec<u8>>;

    /// # Errors
    /// When not every byte was written.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns once everything written survives a power cut.
    ///
    /// # Errors
    /// When that is not sure.
    fn sync(&mut self) -> io::Result<()>;
}

impl Medium for File {
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Opens or makes the file of a trail and writes it out to `length_bytes`, so that a full disk is
/// found now and not on the worst day.
///
/// # Errors
/// When it cannot be opened or written out.
pub fn prepare(path: &Path, length_bytes: u64) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut offset = file.metadata()?.len();
    while offset < length_bytes {
        let step = (length_bytes - offset).min(ZEROS.len() as u64);
        file.write_all_at(&ZEROS[..usize::try_from(step).unwrap_or(ZEROS.len())], offset)?;
        offset += step;
    }
    file.sync_all()?;
    path.parent().map_or(Ok(()), crate::vault::durable::sync_folder)?;
    Ok(file)
}

/// The state of a trail's end: where the next frame goes and what it is checked with.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub offset: u64,
    check: [u8; CHECK_BYTES],
    pub tree: Frontier,
}

impl End {
    fn start() -> Self {
        Self { offset: HEAD.len() as u64, check: [0; CHECK_BYTES], tree: Frontier::default() }
    }

    /// Appends a frame to `buffer` and moves the end past it.
    pub fn push(&mut self, json: &[u8], buffer: &mut Vec<u8>) -> io::Result<()> {
        let length = u32::try_from(json.len()).ok().filter(|_| json.len() <= ENTRY_BYTES_AT_MOST);
        let length = length.ok_or_else(|| io::Error::other("an entry is too long"))?;
        self.check = check(&self.check, json);
        buffer.extend_from_slice(&length.to_be_bytes());
        buffer.extend_from_slice(&self.check);
        buffer.extend_from_slice(json);
        self.offset += (FRAME_HEAD_BYTES + json.len()) as u64;
        self.tree.append(leaf_hash(json));
        Ok(())
    }
}

/// What a file holds.
pub(super) struct Contents {
    pub end: End,
    /// Each entry's JSON, in order.
    pub entries: Vec<Vec<u8>>,
    /// Bytes that are neither frames nor zeros follow the last entry.
    pub has_rest: bool,
}

/// Reads frames until they end.
///
/// # Errors
/// When the file is not a trail. An empty or blank one is.
pub(super) fn scan(bytes: &[u8]) -> io::Result<Contents> {
    let mut contents = Contents { end: End::start(), entries: Vec::new(), has_rest: false };
    let Some(mut rest) = bytes.strip_prefix(HEAD) else {
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(contents);
        }
        return Err(io::Error::new(io::ErrorKind::InvalidData, "this is not an audit trail"));
    };
    while let Some((json, after)) = frame(rest, &contents.end.check) {
        contents.end.push(json, &mut Vec::new())?;
        contents.entries.push(json.to_vec());
        rest = after;
    }
    contents.has_rest = rest.iter().any(|byte| *byte != 0);
    Ok(contents)
}

fn frame<'a>(bytes: &'a [u8], before: &[u8; CHECK_BYTES]) -> Option<(&'a [u8], &'a [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (found, rest) = rest.split_first_chunk::<CHECK_BYTES>()?;
    if length == 0 || length > ENTRY_BYTES_AT_MOST || length > rest.len() {
        return None;
    }
    let (json, after) = rest.split_at(length);
    (*found == check(before, json)).then_some((json, after))
}

fn check(before: &[u8; CHECK_BYTES], json: &[u8]) -> [u8; CHECK_BYTES] {
    let mut hasher = Hasher::new();
    hasher.update(before);
    hasher.update(json);
    let digest = hasher.finish();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest.as_bytes()[..CHECK_BYTES]);
    check
}

/// Overwrites what a cut-short write left behind, and writes the head of a blank file.
pub(super) fn settle(medium: &mut dyn Medium, bytes: &[u8], contents: &Contents) -> io::Result<()> {
    medium.write_at(HEAD, 0)?;
    if contents.has_rest {
        let mut offset = contents.end.offset;
        while offset < bytes.len() as u64 {
            let step = (bytes.len() as u64 - offset).min(ZEROS.len() as u64);
            medium.write_at(&ZEROS[..usize::try_from(step).unwrap_or(ZEROS.len())], offset)?;
            offset += step;
        }
    }
    medium.sync()
}
