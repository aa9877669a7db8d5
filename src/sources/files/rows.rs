//! Rows of CSV and NDJSON, a stretch at a time. What cannot be read is named by file and line.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::sources::Unreadable;

/// A longer row is a quotation mark that nobody closed.
const MAX_ROW_BYTES: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// RFC 4180, in UTF-8, the first line naming the fields.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

/// Where a row begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    byte: u64,
    /// Counted from 1; 0 before anything was read.
    line: u64,
}

/// How a file is read, and how much of it at a time.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub form: Form,
    /// Between two fields of CSV.
    pub delimiter: u8,
    /// The field that the first line of CSV has to name: without it that line is a row, and its
    /// values would be told as names.
    pub id: &'a str,
    pub rows: usize,
    pub bytes: usize,
}

/// Rows of a file, each with its place in words, and where it goes on.
pub struct Stretch<'a> {
    pub rows: Vec<(Value, String)>,
    pub unreadable: Vec<Unreadable>,
    pub next: Option<Place>,
    name: String,
    reading: Reading<'a>,
    bytes: usize,
}

/// Reads on from a place.
///
/// # Errors
/// When the file cannot be read, does not name its fields, or has a row without end.
pub fn read<'a>(path: &Path, at: Place, reading: Reading<'a>) -> io::Result<Stretch<'a>> {
    let stretch = Stretch {
        rows: Vec::new(),
        unreadable: Vec::new(),
        next: None,
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        reading,
        bytes: 0,
    };
    match reading.form {
        Form::Csv => stretch.csv(path, at),
        Form::Ndjson => stretch.ndjson(path, at),
    }
}

impl Stretch<'_> {
    fn csv(mut self, path: &Path, at: Place) -> io::Result<Self> {
        let file = File::open(path)?;
        let room = Rc::new(Cell::new(MAX_ROW_BYTES));
        let bounded = Bounded { file: file.try_clone()?, room: Rc::clone(&room) };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.reading.delimiter)
            .flexible(true)
            .from_reader(bounded);
        let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
        check_names(&names, self.reading.id)?;
        if at.line > 0 {
            let mut position = csv::Position::new();
            position.set_byte(at.byte).set_line(at.line);
            reader.seek(position)?;
        }
        let mut record = csv::ByteRecord::new();
        loop {
            room.set(MAX_ROW_BYTES);
            let place = reader.position();
            let place = Place { byte: place.byte(), line: place.line() };
            if self.is_full() {
                // There may be nothing behind it; then the next stretch is empty.
                self.next = Some(place);
                return Ok(self);
            }
            if !reader.read_byte_record(&mut record)? {
                return Ok(self);
            }
            let line = place.line + ends_of_lines(&file, place.byte)?;
            self.bytes += record.as_slice().len();
            match row_of(&names, &record) {
                Ok(row) => self.keep(row, line),
                Err(fault) => self.reject(line, fault),
            }
        }
    }

    fn ndjson(mut self, path: &Path, at: Place) -> io::Result<Self> {
        let mut reader = BufReader::new(File::open(path)?);
        reader.seek(SeekFrom::Start(at.byte))?;
        let mut place = Place { byte: at.byte, line: at.line.max(1) };
        let mut line = Vec::new();
        loop {
            if self.is_full() {
                self.next = Some(place);
                return Ok(self);
            }
            line.clear();
            let length = (&mut reader).take(MAX_ROW_BYTES as u64).read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(self);
            }
            if length >= MAX_ROW_BYTES {
                return Err(no_end());
            }
            let number = place.line;
            place = Place { byte: place.byte + length as u64, line: place.line + 1 };
            let text = line.trim_ascii();
            let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
            if text.is_empty() {
                continue;
            }
            self.bytes += length;
            match serde_json::from_slice::<Value>(text) {
                Ok(row @ Value::Object(_)) => self.keep(row, number),
                _ => self.reject(number, "it is not a JSON object"),
            }
        }
    }

    fn is_full(&self) -> bool {
        self.rows.len() + self.unreadable.len() >= self.reading.rows
            || self.bytes >= self.reading.bytes
    }

    fn keep(&mut self, row: Value, line: u64) {
        self.rows.push((row, format!("{} line {line}", self.name)));
    }

    fn reject(&mut self, line: u64, fault: &'static str) {
        self.unreadable.push(Unreadable { place: format!("{} line {line}", self.name), fault });
    }
}

/// Whether the first line names fields. What it says instead is not repeated: it may be a row.
fn check_names(names: &[String], id: &str) -> io::Result<()> {
    let different: BTreeSet<&String> = names.iter().collect();
    if different.len() < names.len() {
        return Err(io::Error::other("the first line names a field twice"));
    }
    if !names.is_empty() && !names.iter().any(|name| name == id) {
        let fault = format!("the first line does not name '{id}': begin with names of fields");
        return Err(io::Error::other(fault));
    }
    Ok(())
}

/// How many lines end right at a place: that of the row before, which may end in two characters,
/// and empty ones. The reader counts them with the row behind them.
fn ends_of_lines(file: &File, byte: u64) -> io::Result<u64> {
    let mut next = [0; 64];
    let length = file.read_at(&mut next, byte)?;
    let ends = next[..length].iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    Ok(ends.filter(|byte| **byte == b'\n').count() as u64)
}

/// Fields by their names; an empty one is absent. All are texts: "00123" stays that.
fn row_of(names: &[String], record: &csv::ByteRecord) -> Result<Value, &'static str> {
    if record.len() != names.len() {
        return Err("it has not as many fields as the first line");
    }
    let mut row = Map::new();
    for (name, field) in names.iter().zip(record) {
        let text = std::str::from_utf8(field).map_err(|_| "it is not UTF-8")?;
        let value = if text.is_empty() { Value::Null } else { text.into() };
        row.insert(name.clone(), value);
    }
    Ok(Value::Object(row))
}

/// A file of which a row may have so many bytes.
struct Bounded {
    file: File,
    room: Rc<Cell<usize>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        let left = self.room.get().checked_sub(length).ok_or_else(no_end)?;
        self.room.set(left);
        Ok(length)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

fn no_end() -> io::Error {
    io::Error::other("a row does not end within 16 MiB: is a quotation mark not closed?")
}
