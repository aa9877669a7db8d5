//! A folder into which a register drops CSV and NDJSON: `docs/formats.md`, "Drops".
//!
//! A drop counts once its manifest is there, which is written last, and only when every file is
//! what the manifest says. Drops are numbered without a gap: a missing one is refused by its
//! number. It must not change the folder.

mod manifest;
mod rows;

use std::path::PathBuf;

use jiff::Timestamp;
use url::Url;

use self::manifest::{Drop, DropFile, DropKind};
use self::rows::{Place as RowPlace, Reading};
use super::{KeyPage, Page, PageRequest, Resume, Source, SourceError};
use crate::domain::mapping::origin::Files;
use crate::domain::mapping::{Collection, Mapping, RowShape};

/// A page ends here even when it could have more rows.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// A reader of one folder.
pub struct FileDrop {
    folder: PathBuf,
    files: Files,
    shape: RowShape,
    /// The source that a drop has to name, and the collections that it may.
    source: String,
    collections: Vec<String>,
}

/// What came of the last drop taken: remembered between runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    sequence: u64,
    as_of: Timestamp,
}

/// Where the next page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Position {
    /// The last drop of this run; one that is dropped meanwhile is for the next run.
    until: u64,
    sequence: u64,
    /// Of the drop's files for this collection.
    file: usize,
    /// Rows of the file that came before.
    rows: u64,
    row: RowPlace,
}

impl FileDrop {
    /// # Errors
    /// When the address names no folder.
    pub fn new(url: &Url, files: Files, mapping: &Mapping) -> Result<Self, SourceError> {
        let folder = url.to_file_path().map_err(|()| {
            SourceError::Address("write the folder's whole path, as in file:///srv/drop".to_owned())
        })?;
        let collections = mapping.collections.iter().map(|one| one.id.clone()).collect();
        let (shape, source) = (mapping.shape.clone(), mapping.source.clone());
        Ok(Self { folder, files, shape, source, collections })
    }

    /// Which drops are to be taken: the first and the last; none when there is nothing new.
    fn plan(
        &self,
        collection: &Collection,
        taken: Option<Taken>,
    ) -> Result<Option<(u64, u64)>, SourceError> {
        let wrong = |fault: String| SourceError::shape(collection, fault);
        let there = manifest::sequences(&self.folder).map_err(wrong)?;
        let newer: Vec<u64> =
            there.iter().copied().filter(|at| taken.is_none_or(|t| *at > t.sequence)).collect();
        let mut newest_full = None;
        for at in newer.iter().rev() {
            if self.read(*at).map_err(wrong)?.kind == DropKind::Full {
                newest_full = Some(*at);
                break;
            }
        }
        let first = match (taken, newest_full) {
            (Some(_), Some(full)) => {
                let why = format!("drop {full} is a full one");
                return Err(SourceError::StateExpired { collection: collection.id.clone(), why });
            }
            (Some(taken), None) => taken.sequence + 1,
            (None, Some(full)) => full,
            (None, None) => {
                return Err(wrong(
                    "there is no full drop in the folder: begin with one".to_owned(),
                ));
            }
        };
        let Some(last) = newer.last().copied() else { return Ok(None) };
        let missing = (first..=last).find(|at| !there.contains(at));
        match missing {
            None => Ok(Some((first, last))),
            Some(missing) => Err(wrong(format!(
                "drop {missing} is missing, and drop {last} is there: bring it, or begin anew with \
                 a full drop"
            ))),
        }
    }

    fn read(&self, sequence: u64) -> Result<Drop, String> {
        manifest::read(&self.folder, sequence, &self.source, &self.collections)
    }

    /// Reads on in a file; the page, and where the next one begins.
    fn read_file(
        &self,
        drop: &Drop,
        file: &DropFile,
        at: Position,
    ) -> Result<(Page, Position), String> {
        if at.rows == 0 {
            manifest::verify(&self.folder, drop, file)?;
        }
        let reading = Reading {
            form: file.form,
            delimiter: self.files.delimiter,
            id: self.shape.id.first().unwrap_or_default(),
            rows: self.files.page_rows as usize,
            bytes: PAGE_BYTES,
        };
        let path = self.folder.join(&file.name);
        let read = rows::read(&path, at.row, reading)
            .map_err(|error| format!("{} cannot be read ({error})", file.name))?;
        let rows = at.rows + read.rows.len() as u64 + read.unreadable.len() as u64;
        let next = if let Some(row) = read.next {
            Position { row, rows, ..at }
        } else {
            if rows != file.rows {
                return Err(format!(
                    "drop {} is not whole: {} has {rows} rows, and its manifest says {}",
                    drop.sequence, file.name, file.rows
                ));
            }
            // Once more: it may have been written over while it was read.
            manifest::verify(&self.folder, drop, file)?;
            Position { file: at.file + 1, rows: 0, row: RowPlace::default(), ..at }
        };
        let mut page =
            Page { unreadable: read.unreadable, changed_at: Some(drop.as_of), ..Page::default() };
        if file.deleted {
            page.gone = read.rows.iter().filter_map(|(row, _)| self.shape.id_of(row)).collect();
        } else {
            (page.rows, page.places) = read.rows.into_iter().unzip();
        }
        Ok((page, next))
    }

    fn page_at(&self, collection: &Collection, mut at: Position) -> Result<Page, String> {
        loop {
            let drop = self.read(at.sequence)?;
            let files: Vec<&DropFile> =
                drop.files.iter().filter(|file| file.collection == collection.id).collect();
            if drop.kind == DropKind::Full && files.is_empty() {
                return Err(format!(
                    "drop {} is a full one and has no file of '{}': drop an empty one if there is \
                     nothing",
                    drop.sequence, collection.id
                ));
            }
            let as_of = self.read(at.until)?.as_of;
            if let Some(file) = files.get(at.file) {
                let (page, next) = self.read_file(&drop, file, at)?;
                let next = serde_json::to_string(&next).map_err(|error| error.to_string())?;
                return Ok(Page { next: Some(Resume(next)), as_of: Some(as_of), ..page });
            }
            if at.sequence >= at.until {
                let taken = Taken { sequence: at.until, as_of };
                let state = Some(taken.write());
                return Ok(Page { as_of: Some(as_of), state, ..Page::default() });
            }
            at = Position::beginning(at.sequence + 1, at.until);
        }
    }
}

impl Source for FileDrop {
    async fn page(
        &self,
        collection: &Collection,
        request: &PageRequest,
    ) -> Result<Page, SourceError> {
        let wrong = |fault: String| SourceError::shape(collection, fault);
        if let Some(Resume(at)) = &request.resume {
            let at = serde_json::from_str(at)
                .map_err(|_| wrong("the place to go on from is damaged".to_owned()))?;
            return self.page_at(collection, at).map_err(wrong);
        }
        let taken = match &request.since {
            None => None,
            Some(since) => {
                let taken = since.state.as_deref().and_then(Taken::parse);
                let why = "it is not known which drop was taken last".to_owned();
                let expired =
                    || SourceError::StateExpired { collection: collection.id.clone(), why };
                Some(taken.ok_or_else(expired)?)
            }
        };
        match (self.plan(collection, taken)?, taken) {
            (Some((first, last)), _) => {
                self.page_at(collection, Position::beginning(first, last)).map_err(wrong)
            }
            (None, Some(taken)) => {
                let state = Some(taken.write());
                Ok(Page { as_of: Some(taken.as_of), state, ..Page::default() })
            }
            (None, None) => Err(wrong("there is no drop in the folder".to_owned())),
        }
    }

    async fn keys(
        &self,
        collection: &Collection,
        _: Option<&Resume>,
    ) -> Result<KeyPage, SourceError> {
        Err(SourceError::shape(collection, "a drop says itself what is gone"))
    }
}

impl Position {
    fn beginning(sequence: u64, until: u64) -> Self {
        Self { until, sequence, file: 0, rows: 0, row: RowPlace::default() }
    }
}

impl Taken {
    fn write(self) -> String {
        format!("{} {}", self.sequence, self.as_of)
    }

    fn parse(text: &str) -> Option<Self> {
        let (sequence, as_of) = text.split_once(' ')?;
        Some(Self { sequence: sequence.parse().ok()?, as_of: as_of.parse().ok()? })
    }
}

#[cfg(test)]
mod tests;
