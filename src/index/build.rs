//! Building an index in memory, from nothing or from an image.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str::FromStr;

use serde::Serialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteOwnedBuf};
use sqlx::{ConnectOptions, Connection};
use zeroize::Zeroizing;

use super::words::{sounds, words};
use super::{Change, IndexError};
use crate::domain::records::{RecordKey, SearchRow};

/// Rows go to SQLite this many at a time, as one JSON text.
const BATCH_ROWS: usize = 500;

/// A word in more addresses than this is not looked for as the beginning of others: somebody who
/// typed "street" means it, and all that begins with it would have to be gone through.
const FREQUENT_ROWS: u32 = 2_000;

/// Bumped whenever the tables change; an image of another version is refused.
const VERSION: i64 = 2;

const TABLES: &str = "
CREATE TABLE entry (
    entry INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    names TEXT NOT NULL,
    numbers TEXT NOT NULL,
    address TEXT NOT NULL,
    born INTEGER,
    UNIQUE (kind, id)
);
CREATE INDEX entry_born ON entry (born) WHERE born IS NOT NULL;
CREATE TABLE name_word (word TEXT PRIMARY KEY, sounds TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE frequent (word TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE word USING fts5(
    name, number, address, content='', contentless_delete=1, detail=column,
    tokenize='unicode61 remove_diacritics 2', prefix='1 2 3'
);
PRAGMA user_version = 2;
";

/// An index being written.
pub struct IndexBuilder {
    connection: SqliteConnection,
    waiting: Vec<Line>,
    next_entry: i64,
    /// Words of names that are written already.
    known: HashSet<String>,
    /// In how many addresses a word is.
    rows: HashMap<String, u32>,
}

/// A finished index, in SQLite's own memory: it is as large as everything else of a full build.
pub struct Image(SqliteOwnedBuf);

impl AsRef<[u8]> for Image {
    fn as_ref(&self) -> &[u8] {
        self.0.as_ref()
    }
}

/// A row as the tables hold it: folded, one name a line.
#[derive(Serialize)]
struct Line {
    entry: i64,
    kind: &'static str,
    id: String,
    names: String,
    numbers: String,
    address: String,
    born: Option<i64>,
    #[serde(skip)]
    words: Vec<String>,
}

impl IndexBuilder {
    /// An empty index.
    ///
    /// # Errors
    /// When SQLite gives no memory.
    pub async fn new() -> Result<Self, IndexError> {
        let mut connection = in_memory().await?;
        sqlx::raw_sql(TABLES).execute(&mut connection).await?;
        Ok(Self {
            connection,
            waiting: Vec::new(),
            next_entry: 1,
            known: HashSet::new(),
            rows: HashMap::new(),
        })
    }

    /// Goes on from an image.
    ///
    /// # Errors
    /// When it is not an index of this version.
    pub async fn from_image(image: &[u8]) -> Result<Self, IndexError> {
        let mut connection = load(image, false).await?;
        let next_entry: i64 = sqlx::query_scalar("SELECT coalesce(max(entry), 0) + 1 FROM entry")
            .fetch_one(&mut connection)
            .await?;
        Ok(Self {
            connection,
            waiting: Vec::new(),
            next_entry,
            known: HashSet::new(),
            rows: HashMap::new(),
        })
    }

    /// Adds a row, in place of the one with its key.
    ///
    /// # Errors
    /// When SQLite runs out of memory.
    pub async fn add(&mut self, row: &SearchRow) -> Result<(), IndexError> {
        let line = Line::of(row, self.next_entry);
        self.next_entry += 1;
        for word in line.address.split(' ') {
            match self.rows.get_mut(word) {
                Some(rows) => *rows += 1,
                None => drop(self.rows.insert(word.to_owned(), 1)),
            }
        }
        self.waiting.push(line);
        if self.waiting.len() >= BATCH_ROWS {
            self.write_waiting().await?;
        }
        Ok(())
    }

    /// Applies changes in sequence.
    ///
    /// # Errors
    /// When SQLite runs out of memory.
    pub async fn apply(&mut self, changes: &[Change<'_>]) -> Result<(), IndexError> {
        // Only the last word on a record counts, so that many deltas cost what they hold.
        let mut last: BTreeMap<&RecordKey, Option<&SearchRow>> = BTreeMap::new();
        for change in changes {
            last.extend(change.removed.iter().map(|key| (key, None)));
            last.extend(change.rows.iter().map(|row| (&row.key, Some(row))));
        }
        self.write_waiting().await?;
        let gone = last.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| *key);
        for keys in gone.collect::<Vec<_>>().chunks(BATCH_ROWS) {
            self.remove(keys).await?;
        }
        for row in last.into_values().flatten() {
            self.add(row).await?;
        }
        self.write_waiting().await
    }

    /// The finished index as an image.
    ///
    /// # Errors
    /// When SQLite runs out of memory.
    pub async fn finish(mut self) -> Result<Image, IndexError> {
        self.write_waiting().await?;
        let frequent = self.rows.iter().filter(|(_, rows)| **rows > FREQUENT_ROWS);
        let frequent: Vec<&String> = frequent.map(|(word, _)| word).collect();
        sqlx::query("INSERT OR IGNORE INTO frequent (word) SELECT value FROM json_each($1)")
            .bind(serde_json::to_string(&frequent)?)
            .execute(&mut self.connection)
            .await?;
        // One piece instead of many is searched in half the time.
        sqlx::raw_sql("INSERT INTO word (word) VALUES ('optimize')")
            .execute(&mut self.connection)
            .await?;
        let image = Image(self.connection.serialize(None).await?);
        self.connection.close().await?;
        Ok(image)
    }

    /// The finished index itself, with an image of it for further readers.
    ///
    /// # Errors
    /// When SQLite runs out of memory.
    pub(super) async fn into_reader(mut self) -> Result<(SqliteConnection, Image), IndexError> {
        self.write_waiting().await?;
        let image = Image(self.connection.serialize(None).await?);
        sqlx::raw_sql("PRAGMA query_only = ON").execute(&mut self.connection).await?;
        Ok((self.connection, image))
    }

    async fn write_waiting(&mut self) -> Result<(), IndexError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.waiting);
        let json = Zeroizing::new(serde_json::to_string(&lines)?);
        let names = Zeroizing::new(serde_json::to_string(&self.new_words(&lines))?);
        let mut transaction = self.connection.begin().await?;
        for statement in REMOVE.into_iter().chain(INSERT) {
            sqlx::query(statement).bind(json.as_str()).execute(&mut *transaction).await?;
        }
        sqlx::query(INSERT_WORDS).bind(names.as_str()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Words of names that were not written yet, each with its sounds.
    fn new_words<'a>(&mut self, lines: &'a [Line]) -> Vec<(&'a str, String)> {
        let words = lines.iter().flat_map(|line| &line.words);
        let mut new = Vec::new();
        for word in words {
            if !self.known.contains(word) {
                self.known.insert(word.clone());
                new.push((word.as_str(), sounds(word).join(" ")));
            }
        }
        new
    }

    async fn remove(&mut self, keys: &[&RecordKey]) -> Result<(), IndexError> {
        let json = serde_json::to_string(keys)?;
        let mut transaction = self.connection.begin().await?;
        for statement in REMOVE {
            sqlx::query(statement).bind(&json).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Each takes a JSON list of objects with `kind` and `id`. Words stay in the vocabulary of names:
/// a word too many only costs a comparison.
const REMOVE: [&str; 2] = [
    "DELETE FROM word WHERE rowid IN (SELECT entry FROM entry WHERE (kind, id) IN \
     (SELECT value ->> 'kind', value ->> 'id' FROM json_each($1)))",
    "DELETE FROM entry WHERE (kind, id) IN \
     (SELECT value ->> 'kind', value ->> 'id' FROM json_each($1))",
];

const INSERT: [&str; 2] = [
    "INSERT OR REPLACE INTO entry (entry, kind, id, names, numbers, address, born) \
     SELECT value ->> 'entry', value ->> 'kind', value ->> 'id', value ->> 'names', \
     value ->> 'numbers', value ->> 'address', value ->> 'born' FROM json_each($1)",
    "INSERT INTO word (rowid, name, number, address) SELECT entry.entry, entry.names, \
     entry.numbers, entry.address FROM json_each($1) AS line \
     JOIN entry ON entry.entry = line.value ->> 'entry'",
];

/// Takes a JSON list of pairs.
const INSERT_WORDS: &str = "INSERT OR IGNORE INTO name_word (word, sounds) \
     SELECT value ->> 0, value ->> 1 FROM json_each($1)";

impl Line {
    fn of(row: &SearchRow, entry: i64) -> Self {
        let names: Vec<Vec<String>> = row.names.iter().map(|name| words(name)).collect();
        let mut name_words: Vec<String> = names.iter().flatten().cloned().collect();
        name_words.sort_unstable();
        name_words.dedup();
        let lines = |texts: &[Vec<String>]| {
            texts.iter().map(|text| text.join(" ")).collect::<Vec<_>>().join("\n")
        };
        let numbers: Vec<Vec<String>> = row.numbers.iter().map(|number| words(number)).collect();
        Self {
            entry,
            kind: row.key.kind.as_str(),
            id: row.key.id.to_string(),
            names: lines(&names),
            numbers: lines(&numbers),
            address: row.address.as_deref().map(words).unwrap_or_default().join(" "),
            born: row.born_on.map(day_number),
            words: name_words,
        }
    }
}

/// A day as the number yyyymmdd.
pub(super) fn day_number(day: jiff::civil::Date) -> i64 {
    i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day())
}

/// A connection over an image; a copy of its own.
pub(super) async fn load(image: &[u8], read_only: bool) -> Result<SqliteConnection, IndexError> {
    let mut connection = in_memory().await?;
    let image = SqliteOwnedBuf::try_from(image).map_err(|_| IndexError::Image)?;
    connection.deserialize(None, image, read_only).await.map_err(|_| IndexError::Image)?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut connection)
        .await
        .map_err(|_| IndexError::Image)?;
    if version == VERSION { Ok(connection) } else { Err(IndexError::Image) }
}

async fn in_memory() -> Result<SqliteConnection, IndexError> {
    let options = SqliteConnectOptions::from_str("sqlite::memory:")?
        .pragma("temp_store", "MEMORY")
        .disable_statement_logging();
    Ok(SqliteConnection::connect_with(&options).await?)
}
