//! Building an index in memory, from nothing or from an image.

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

/// Bumped whenever the tables change; an image of another version is refused.
const VERSION: i64 = 1;

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
CREATE TABLE sound (code TEXT, entry INTEGER, PRIMARY KEY (code, entry)) WITHOUT ROWID;
CREATE INDEX sound_entry ON sound (entry);
CREATE TABLE name_word (word TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE VIRTUAL TABLE word USING fts5(
    name, number, address, content='', contentless_delete=1, detail=column,
    tokenize='unicode61 remove_diacritics 2', prefix='2 3'
);
PRAGMA user_version = 1;
";

/// An index being written.
pub struct IndexBuilder {
    connection: SqliteConnection,
    waiting: Vec<Line>,
    next_entry: i64,
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
    words: Vec<String>,
    sounds: Vec<String>,
}

impl IndexBuilder {
    /// An empty index.
    ///
    /// # Errors
    /// When SQLite gives no memory.
    pub async fn new() -> Result<Self, IndexError> {
        let mut connection = in_memory().await?;
        sqlx::raw_sql(TABLES).execute(&mut connection).await?;
        Ok(Self { connection, waiting: Vec::new(), next_entry: 1 })
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
        Ok(Self { connection, waiting: Vec::new(), next_entry })
    }

    /// Adds a row, in place of the one with its key.
    ///
    /// # Errors
    /// When SQLite runs out of memory.
    pub async fn add(&mut self, row: &SearchRow) -> Result<(), IndexError> {
        let line = Line::of(row, self.next_entry);
        self.next_entry += 1;
        self.waiting.push(line);
        if self.waiting.len() >= BATCH_ROWS {
            self.write_waiting().await?;
        }
        Ok(())
    }

    /// Applies what a delta changes.
    ///
    /// # Errors
    /// When SQLite runs out of memory.
    pub async fn apply(&mut self, change: Change<'_>) -> Result<(), IndexError> {
        self.write_waiting().await?;
        for keys in change.removed.chunks(BATCH_ROWS) {
            self.remove(keys).await?;
        }
        for row in change.rows {
            self.add(row).await?;
        }
        self.write_waiting().await
    }

    /// The finished index as an image.
    ///
    /// # Errors
    /// When SQLite runs out of memory.
    pub async fn finish(mut self) -> Result<Zeroizing<Vec<u8>>, IndexError> {
        self.write_waiting().await?;
        let image = self.connection.serialize(None).await?;
        let image = Zeroizing::new(image.to_vec());
        self.connection.close().await?;
        Ok(image)
    }

    async fn write_waiting(&mut self) -> Result<(), IndexError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let lines = std::mem::take(&mut self.waiting);
        let json = Zeroizing::new(serde_json::to_string(&lines)?);
        let mut transaction = self.connection.begin().await?;
        for statement in REMOVE.into_iter().chain(INSERT) {
            sqlx::query(statement).bind(json.as_str()).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn remove(&mut self, keys: &[RecordKey]) -> Result<(), IndexError> {
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
const REMOVE: [&str; 3] = [
    "DELETE FROM word WHERE rowid IN (SELECT entry FROM entry WHERE (kind, id) IN \
     (SELECT value ->> 'kind', value ->> 'id' FROM json_each($1)))",
    "DELETE FROM sound WHERE entry IN (SELECT entry FROM entry WHERE (kind, id) IN \
     (SELECT value ->> 'kind', value ->> 'id' FROM json_each($1)))",
    "DELETE FROM entry WHERE (kind, id) IN \
     (SELECT value ->> 'kind', value ->> 'id' FROM json_each($1))",
];

const INSERT: [&str; 4] = [
    "INSERT OR REPLACE INTO entry (entry, kind, id, names, numbers, address, born) \
     SELECT value ->> 'entry', value ->> 'kind', value ->> 'id', value ->> 'names', \
     value ->> 'numbers', value ->> 'address', value ->> 'born' FROM json_each($1)",
    "INSERT INTO word (rowid, name, number, address) SELECT entry.entry, entry.names, \
     entry.numbers, entry.address FROM json_each($1) AS line \
     JOIN entry ON entry.entry = line.value ->> 'entry'",
    "INSERT OR IGNORE INTO sound (code, entry) SELECT code.value, entry.entry \
     FROM json_each($1) AS line JOIN entry ON entry.entry = line.value ->> 'entry', \
     json_each(line.value, '$.sounds') AS code",
    "INSERT OR IGNORE INTO name_word (word) SELECT word.value FROM json_each($1) AS line, \
     json_each(line.value, '$.words') AS word",
];

impl Line {
    fn of(row: &SearchRow, entry: i64) -> Self {
        let names: Vec<Vec<String>> = row.names.iter().map(|name| words(name)).collect();
        let mut name_words: Vec<String> = names.iter().flatten().cloned().collect();
        name_words.sort_unstable();
        name_words.dedup();
        let mut codes: Vec<String> = name_words.iter().flat_map(|word| sounds(word)).collect();
        codes.sort_unstable();
        codes.dedup();
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
            sounds: codes,
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
