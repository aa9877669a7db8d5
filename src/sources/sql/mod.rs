//! A replica of the case system's database: pages by key, in transactions that cannot write.
//!
//! Rows come in the order of `(updated_at, id)`, each page beginning behind the last row of the
//! page before ("keyset"), so that a page costs the same wherever it is and rows that change while
//! they are read move to the end and come again. Each page is a transaction of its own: a long one
//! would hold up the replica. What a database answers goes into no error, only its code does.

mod connection;
mod fault;
mod mysql;
mod postgres;
mod question;
mod sqlite;
mod values;

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use self::connection::Connection;
use self::fault::AskError;
use self::question::{Found, Order, Question, Start};
use super::{KeyPage, Page, PageRequest, Resume, Source, SourceError};
use crate::clock::Clock;
use crate::domain::mapping::expression::FieldPath;
use crate::domain::mapping::origin::Sql;
use crate::domain::mapping::{Collection, Place, RowShape};

/// How often one page is asked for when the connection is lost, with a growing pause between.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Beside the database's own limit: for one that does not keep it, or is gone.
const GRACE: Duration = Duration::from_secs(10);

/// A client of one database.
pub struct Replica {
    url: Url,
    sql: Sql,
    shape: RowShape,
    password: Option<SecretString>,
    clock: Clock,
    /// None until it is needed, and after a fault.
    connection: Mutex<Option<Connection>>,
}

impl Replica {
    /// # Errors
    /// When the certificates of the mapping cannot be read.
    pub fn new(
        url: Url,
        (sql, shape): (Sql, RowShape),
        password: Option<SecretString>,
        clock: Clock,
    ) -> Result<Self, SourceError> {
        if let Some(path) = &sql.authority {
            std::fs::metadata(path).map_err(|error| {
                let path = path.display();
                SourceError::Address(format!("the certificates in {path} cannot be read ({error})"))
            })?;
        }
        Ok(Self { url, sql, shape, password, clock, connection: Mutex::new(None) })
    }

    /// Asks until there is an answer, on a new connection where the old one was lost.
    async fn ask(
        &self,
        collection: &Collection,
        question: &Question<'_>,
    ) -> Result<Vec<Found>, SourceError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let limit = self.sql.statement_timeout.duration() + GRACE;
            let answer = tokio::time::timeout(limit, self.ask_once(question)).await;
            let fault = match answer.unwrap_or(Err(AskError::TookTooLong)) {
                Ok(found) => return Ok(found),
                Err(fault) => fault,
            };
            if !fault.may_pass() || attempt >= ATTEMPTS {
                return Err(fault.of(collection));
            }
            self.clock.sleep(pause).await;
            pause *= 2;
            attempt += 1;
        }
    }

    async fn ask_once(&self, question: &Question<'_>) -> Result<Vec<Found>, AskError> {
        let mut held = self.connection.lock().await;
        // Taken out, so that a connection that was given up in mid-answer is not used again.
        let mut connection = match held.take() {
            Some(connection) => connection,
            None => Connection::open(&self.url, &self.sql, self.password.as_ref()).await?,
        };
        let found = connection.ask(question, self.sql.statement_timeout.duration()).await?;
        *held = Some(connection);
        Ok(found)
    }

    /// Up to when the replica has everything; none when it cannot tell.
    async fn applied_at(&self, collection: &Collection) -> Result<Option<Timestamp>, SourceError> {
        let own = self.sql.applied_at.as_deref();
        let Some(query) = own.or(connection::applied_at(&self.url)) else {
            let is_file = self.url.scheme() == "sqlite";
            return Ok(is_file.then(|| sqlite::modified_at(&self.url)).flatten());
        };
        let question = Question::new(query, Order::Any, 1, self);
        let found = self.ask(collection, &question).await?;
        let value = found.into_iter().next().and_then(|found| found.row.into_iter().next());
        match value {
            Some((_, Value::String(text))) => {
                let instant = self.shape.instant(&text).map(Some);
                instant.ok_or_else(|| {
                    let fault = "the query of 'applied_at' gives no instant: cast it to a \
                                 timestamp, or write it as 'instants' says";
                    SourceError::shape(collection, fault)
                })
            }
            _ if own.is_none() => {
                let fault = "the standby has not caught up and has applied nothing since it \
                             started: its age is not known";
                Err(SourceError::unreachable(collection, fault))
            }
            _ => {
                let fault = "the query of 'applied_at' gives nothing: the age of the replica is \
                             not known";
                Err(SourceError::shape(collection, fault))
            }
        }
    }

    /// A row without id or instant would never be read again: it has no place in the order.
    async fn refuse_unordered(
        &self,
        collection: &Collection,
        query: &str,
    ) -> Result<(), SourceError> {
        let quoted = |column| connection::quoted(&self.url, column);
        let (id, at) = (quoted(self.id()), quoted(self.updated_at()));
        let query =
            format!("SELECT 1 AS one FROM ({query}\n) AS q WHERE q.{id} IS NULL OR q.{at} IS NULL");
        let question = Question::new(&query, Order::Any, 1, self);
        if self.ask(collection, &question).await?.is_empty() {
            return Ok(());
        }
        let (id, at) = (self.id(), self.updated_at());
        let fault = format!(
            "a row has no '{id}' or no '{at}' and could not be kept up: leave such rows out in the \
             query, or give them one, as in COALESCE({at}, created_at)"
        );
        Err(SourceError::shape(collection, fault))
    }

    fn id(&self) -> &str {
        self.shape.id.first().unwrap_or_default()
    }

    fn updated_at(&self) -> &str {
        self.shape.updated_at.as_ref().and_then(FieldPath::first).unwrap_or_default()
    }
}

impl Source for Replica {
    async fn page(
        &self,
        collection: &Collection,
        request: &PageRequest,
    ) -> Result<Page, SourceError> {
        let (query, json) = select(collection)?;
        let since = request.since.as_ref().and_then(|since| since.updated_at);
        let mut as_of = None;
        let anchor = request.resume.as_ref().map(|resume| read_anchor(collection, resume));
        let anchor = anchor.transpose()?;
        if anchor.is_none() {
            // Asked before the rows: they are at least as new as that.
            as_of = self.applied_at(collection).await?;
        }
        let start = match (&anchor, since) {
            (Some(anchor), _) => Start::After(anchor),
            (None, Some(since)) => Start::Since(since),
            (None, None) => Start::Beginning,
        };
        let order = Order::Change { updated_at: self.updated_at(), id: self.id(), start };
        let question = Question::new(query, order, self.sql.page_rows, self);
        let found = self.ask(collection, &question).await?;
        if anchor.is_none() {
            self.refuse_unordered(collection, query).await?;
        }
        let next = next(&found, self.sql.page_rows);
        let next = onward(collection, request.resume.as_ref(), next)?;
        let rows = found.into_iter().map(|found| Value::Object(with_json(found.row, json)));
        Ok(Page { rows: rows.collect(), next, as_of, ..Page::default() })
    }

    async fn keys(
        &self,
        collection: &Collection,
        resume: Option<&Resume>,
    ) -> Result<KeyPage, SourceError> {
        let (query, _) = select(collection)?;
        let anchor = resume.map(|resume| read_anchor(collection, resume)).transpose()?;
        let order = Order::Key { id: self.id(), after: anchor.as_deref() };
        // Keys are short.
        let rows = self.sql.page_rows.max(10_000);
        let found = self.ask(collection, &Question::new(query, order, rows, self)).await?;
        let next = onward(collection, resume, next(&found, rows))?;
        let rows = found.into_iter().map(|found| Value::Object(found.row));
        let alive = rows.filter(|row| !self.shape.says_deleted(row));
        let ids = alive.filter_map(|row| self.shape.id_of(&row));
        Ok(KeyPage { ids: ids.collect(), next, moving: None })
    }
}

fn select(collection: &Collection) -> Result<(&str, &[String]), SourceError> {
    match &collection.place {
        Place::Select { query, json } => Ok((query, json)),
        Place::Path { .. } | Place::Files => {
            Err(SourceError::shape(collection, "the collection has no query"))
        }
    }
}

/// Where the page behind this one begins; none behind an incomplete one.
fn next(found: &[Found], page_rows: u32) -> Option<Resume> {
    let last = found.last().filter(|_| found.len() >= page_rows as usize)?;
    Some(Resume(Value::Array(last.anchor.clone()).to_string()))
}

/// The next page, unless it is this one once more: its id's type then does not come back as the
/// database compares it, or two rows have one id.
fn onward(
    collection: &Collection,
    this: Option<&Resume>,
    next: Option<Resume>,
) -> Result<Option<Resume>, SourceError> {
    if next.is_some() && next.as_ref() == this {
        let fault = "a page ends where it began: the column of 'id' wants whole numbers or text";
        return Err(SourceError::shape(collection, fault));
    }
    Ok(next)
}

fn read_anchor(collection: &Collection, resume: &Resume) -> Result<Vec<Value>, SourceError> {
    serde_json::from_str(&resume.0)
        .map_err(|_| SourceError::shape(collection, "the place to go on from is damaged"))
}

/// Columns that hold JSON as text, read. What is not JSON stays as it is: the mapping says so.
fn with_json(mut row: Map<String, Value>, json: &[String]) -> Map<String, Value> {
    for column in json {
        if let Some(value) = row.get_mut(column)
            && let Value::String(text) = value
            && let Ok(read) = serde_json::from_str(text)
        {
            *value = read;
        }
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_ends_where_it_began_is_refused() {
        let collection = Collection {
            id: "persons".into(),
            place: Place::Files,
            ignored: vec![],
            essential: vec![],
            records: vec![],
        };
        let found = [Found { row: Map::new(), anchor: vec!["0.1".into()] }];
        let first = onward(&collection, None, next(&found, 1)).unwrap();
        assert_eq!(first, Some(Resume("[\"0.1\"]".into())));
        let error = onward(&collection, first.as_ref(), next(&found, 1)).unwrap_err();
        assert!(error.to_string().contains("a page ends where it began"), "{error}");
        assert_eq!(onward(&collection, first.as_ref(), next(&found, 2)).unwrap(), None);
    }
}
