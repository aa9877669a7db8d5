//! Clients of case systems: pages of rows, what is gone, and where the next run goes on.
//!
//! A source knows nothing of records: it hands on rows as they came. It must not write anything
//! down, nor say in an error what a row holds.

pub mod address;
pub mod files;
pub mod http;
pub mod http_json;
pub mod odata;
pub mod sql;

use std::future::Future;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use self::files::FileDrop;
use self::http_json::HttpJson;
use self::odata::Odata;
use self::sql::Replica;
use crate::clock::Clock;
use crate::domain::mapping::origin::{self, Origin};
use crate::domain::mapping::{Collection, Mapping};

/// A page larger than this is refused: ask for fewer rows.
const MAX_PAGE_BYTES: usize = 32 * 1024 * 1024;

/// Said of pages whose rows may move to another page while they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moving {
    /// How many rows there are in all, where the source says so.
    pub total: Option<u64>,
}

/// Which page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// What the run before ended with; none to read everything.
    pub since: Option<Since>,
    /// What the page before gave; none for the first.
    pub resume: Option<Resume>,
}

/// Where the run before ended. Each kind of source has use for one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// Rows changed at or after this instant are asked for: the newest change known, less an
    /// overlap.
    pub updated_at: Option<Timestamp>,
    /// What a source told to remember: a delta link, the number of a drop.
    pub state: Option<String>,
}

/// Where the next page begins, in the source's own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume(pub String);

/// Some rows of a collection.
#[derive(Debug, Default)]
pub struct Page {
    /// JSON objects, in the source's order.
    pub rows: Vec<Value>,
    /// Where each row stands, as in `persons.csv line 17`; empty where rows have no place.
    pub places: Vec<String>,
    /// Ids of rows that are gone from the source.
    pub gone: Vec<String>,
    /// What could not be read as a row, without a word of its content.
    pub unreadable: Vec<Unreadable>,
    /// None when this was the last page.
    pub next: Option<Resume>,
    /// Up to when the source has everything.
    pub as_of: Option<Timestamp>,
    /// When rows that do not say so themselves changed.
    pub changed_at: Option<Timestamp>,
    /// None where rows keep their page.
    pub moving: Option<Moving>,
    /// With the last page: what the next run is to be asked with.
    pub state: Option<String>,
}

/// Something that should have been a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// As in `persons.csv line 17`.
    pub place: String,
    pub fault: &'static str,
}

/// Ids alone.
#[derive(Debug, Default)]
pub struct KeyPage {
    pub ids: Vec<String>,
    pub next: Option<Resume>,
    /// As in [`Page::moving`].
    pub moving: Option<Moving>,
}

/// Something that yields pages.
pub trait Source {
    /// One page of a collection.
    fn page(
        &self,
        collection: &Collection,
        request: &PageRequest,
    ) -> impl Future<Output = Result<Page, SourceError>> + Send;

    /// One page of the ids of a collection, for finding out which rows are gone. Only sources with
    /// a sweep are asked.
    fn keys(
        &self,
        collection: &Collection,
        resume: Option<&Resume>,
    ) -> impl Future<Output = Result<KeyPage, SourceError>> + Send;
}

/// Why a page did not come. What the source answered is not repeated: it is case data.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Try again later; the system is down or overloaded.
    #[error("{collection}: the source did not answer ({fault})")]
    Unreachable { collection: String, fault: String },
    /// The export account is locked, expired or wrong: a person has to see to it.
    #[error("{collection}: the source refuses the export's credentials ({fault})")]
    Refused { collection: String, fault: String },
    /// The source is not what the mapping says, or has changed.
    #[error("{collection}: {fault}")]
    Shape { collection: String, fault: String },
    /// What was remembered of the run before no longer leads on: read everything.
    #[error("{collection}: {why}")]
    StateExpired { collection: String, why: String },
    #[error("the source's address cannot be used: {0}")]
    Address(String),
}

impl SourceError {
    fn shape(collection: &Collection, fault: impl Into<String>) -> Self {
        Self::Shape { collection: collection.id.clone(), fault: fault.into() }
    }

    fn unreachable(collection: &Collection, fault: impl Into<String>) -> Self {
        Self::Unreachable { collection: collection.id.clone(), fault: fault.into() }
    }

    fn refused(collection: &Collection, fault: impl Into<String>) -> Self {
        Self::Refused { collection: collection.id.clone(), fault: fault.into() }
    }
}

/// A source of any kind.
pub enum AnySource {
    HttpJson(Box<HttpJson>),
    Odata(Box<Odata>),
    Sql(Box<Replica>),
    Files(Box<FileDrop>),
}

/// Makes the client that a mapping asks for; nothing is asked yet.
///
/// # Errors
/// When the address is of another kind of source, would send the secret in the clear, or there is
/// no secret where one is needed.
pub fn open(
    mapping: &Mapping,
    url: &Url,
    secret: Option<SecretString>,
    clock: &Clock,
) -> Result<AnySource, SourceError> {
    address::check(&mapping.origin, url).map_err(SourceError::Address)?;
    let (url, shape, clock) = (url.clone(), mapping.shape.clone(), clock.clone());
    let needed = |secret: Option<SecretString>| {
        let fault = "it wants a secret: write 'token' beside 'source_url'";
        secret.ok_or_else(|| SourceError::Address(fault.to_owned()))
    };
    Ok(match &mapping.origin {
        Origin::HttpJson(http) => AnySource::HttpJson(Box::new(HttpJson::new(
            url,
            (origin::HttpJson::clone(http), shape),
            needed(secret)?,
            clock,
        )?)),
        Origin::Odata(odata) => {
            let secret = needed(secret)?;
            AnySource::Odata(Box::new(Odata::new(url, (odata.clone(), shape), secret, clock)?))
        }
        Origin::Sql(sql) => {
            AnySource::Sql(Box::new(Replica::new(url, (sql.clone(), shape), secret, clock)?))
        }
        Origin::Files(files) => {
            AnySource::Files(Box::new(FileDrop::new(&url, files.clone(), mapping)?))
        }
    })
}

impl Source for AnySource {
    async fn page(
        &self,
        collection: &Collection,
        request: &PageRequest,
    ) -> Result<Page, SourceError> {
        match self {
            Self::HttpJson(source) => source.page(collection, request).await,
            Self::Odata(source) => source.page(collection, request).await,
            Self::Sql(source) => source.page(collection, request).await,
            Self::Files(source) => source.page(collection, request).await,
        }
    }

    async fn keys(
        &self,
        collection: &Collection,
        resume: Option<&Resume>,
    ) -> Result<KeyPage, SourceError> {
        match self {
            Self::HttpJson(source) => source.keys(collection, resume).await,
            Self::Odata(source) => source.keys(collection, resume).await,
            Self::Sql(source) => source.keys(collection, resume).await,
            Self::Files(source) => source.keys(collection, resume).await,
        }
    }
}
