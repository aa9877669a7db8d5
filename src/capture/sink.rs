//! Where records go while a run reads: one open segment a tier, and for a full build the index.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use super::CaptureError;
use crate::domain::records::{Record, RecordKey, SearchRow, Tier};
use crate::index::IndexBuilder;
use crate::vault::epoch::Epoch;
use crate::vault::manifest::Build;
use crate::vault::segment::{SegmentEntry, SegmentHeader, SegmentId, SegmentKind, SegmentWriter};

/// A segment is closed at this many records, so that its directory fits in memory.
const SEGMENT_RECORDS: u64 = 200_000;

/// Seals records as they come.
pub struct Sink {
    pub folder: PathBuf,
    pub site: String,
    pub epoch: Epoch,
    pub build: Build,
    /// Of the segments of this run.
    pub sequence: u64,
    pub begun_at: Timestamp,
    standard: Lane,
    restricted: Lane,
    finished: Vec<SegmentEntry>,
}

/// One tier.
#[derive(Default)]
struct Lane {
    writer: Option<SegmentWriter>,
    index: Option<IndexBuilder>,
}

impl Sink {
    /// # Errors
    /// When a full build's index cannot be begun.
    pub async fn new(
        folder: PathBuf,
        epoch: Epoch,
        build: Build,
        sequence: u64,
        begun_at: Timestamp,
    ) -> Result<Self, CaptureError> {
        let lane = async || {
            let index = match build {
                Build::Full => Some(IndexBuilder::new().await?),
                Build::Incremental => None,
            };
            Ok::<_, CaptureError>(Lane { writer: None, index })
        };
        let (standard, restricted) = (lane().await?, lane().await?);
        let site = epoch.site.clone();
        let finished = Vec::new();
        Ok(Self { folder, site, epoch, build, sequence, begun_at, standard, restricted, finished })
    }

    /// Seals a record; the segment it went to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn add(&mut self, record: &Record) -> Result<SegmentId, CaptureError> {
        let tier = record.header().tier;
        let row = SearchRow::of(record);
        let writer = self.writer(tier)?;
        writer.record(record)?;
        let id = writer.header().id.clone();
        let is_full = writer.records_written() >= SEGMENT_RECORDS;
        if let Some(row) = row {
            match &mut self.lane(tier).index {
                Some(index) => index.add(&row).await?,
                None => self.writer(tier)?.index_row(&row)?,
            }
        }
        if is_full {
            self.close(tier)?;
        }
        Ok(id)
    }

    /// Writes tombstones into the open delta of a tier; they apply before the delta's records.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn remove(&mut self, tier: Tier, keys: &[RecordKey]) -> io::Result<()> {
        let writer = self.writer(tier)?;
        keys.iter().try_for_each(|key| writer.tombstone(key))
    }

    /// Ends the open segments, so that what follows applies after them.
    ///
    /// # Errors
    /// When a segment cannot be ended.
    pub fn next_sequence(&mut self) -> io::Result<()> {
        Tier::ALL.into_iter().try_for_each(|tier| self.close(tier))?;
        self.sequence += 1;
        // What comes now is laid over what was written, in a full build too.
        self.build = Build::Incremental;
        Ok(())
    }

    /// Ends everything: a full build's indexes are sealed now.
    ///
    /// # Errors
    /// When a segment cannot be written.
    pub async fn finish(mut self) -> Result<Vec<SegmentEntry>, CaptureError> {
        for tier in Tier::ALL {
            self.close(tier)?;
            if let Some(index) = self.lane(tier).index.take() {
                let image = index.finish().await?;
                let mut writer = self.begin(tier, SegmentKind::IndexImage)?;
                writer.image(image.as_ref())?;
                self.finished.push(writer.finish()?);
            }
        }
        // The image stands before the deltas of its own run.
        self.finished.sort_by_key(|entry| entry.kind == SegmentKind::Delta);
        Ok(self.finished)
    }

    fn lane(&mut self, tier: Tier) -> &mut Lane {
        match tier {
            Tier::Standard => &mut self.standard,
            Tier::Restricted => &mut self.restricted,
        }
    }

    fn writer(&mut self, tier: Tier) -> io::Result<&mut SegmentWriter> {
        if self.lane(tier).writer.is_none() {
            let kind = match self.build {
                Build::Full => SegmentKind::Base,
                Build::Incremental => SegmentKind::Delta,
            };
            let writer = self.begin(tier, kind)?;
            self.lane(tier).writer = Some(writer);
        }
        self.lane(tier).writer.as_mut().ok_or_else(|| io::Error::other("the segment is not open"))
    }

    fn begin(&self, tier: Tier, kind: SegmentKind) -> io::Result<SegmentWriter> {
        let header = SegmentHeader {
            id: SegmentId::random(),
            site: self.site.clone(),
            epoch: self.epoch.id.clone(),
            tier,
            kind,
            sequence: self.sequence,
            begun_at: self.begun_at,
        };
        let key = self.epoch.sealing_key(tier).clone();
        SegmentWriter::create(&self.folder, header, &[key])
    }

    fn close(&mut self, tier: Tier) -> io::Result<()> {
        if let Some(writer) = self.lane(tier).writer.take() {
            self.finished.push(writer.finish()?);
        }
        Ok(())
    }
}
