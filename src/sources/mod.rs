//! Clients of a case system's export: pages of rows, with watermark and resume token.
//!
//! A source knows nothing of records: it hands on rows as they came. It must not write anything
//! down, nor say in an error what a row holds.

pub mod http_json;

use std::future::Future;

use jiff::Timestamp;
use serde_json::Value;

use crate::domain::mapping::Collection;

/// Which page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Only rows changed at or after this instant: the watermark of the run before.
    pub updated_since: Option<Timestamp>,
    /// What the page before gave; none for the first.
    pub resume: Option<Resume>,
}

/// Where the next page begins, in the source's own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume(pub String);

/// Some rows of a collection.
#[derive(Debug)]
pub struct Page {
    /// JSON objects, in the source's order.
    pub rows: Vec<Value>,
    /// None when this was the last page.
    pub next: Option<Resume>,
    /// How current the source says its data is.
    pub as_of: Option<Timestamp>,
}

/// Something that yields pages.
pub trait Source {
    /// One page of a collection.
    fn page(
        &self,
        collection: &Collection,
        request: &PageRequest,
    ) -> impl Future<Output = Result<Page, SourceError>> + Send;
}

/// Why a page did not come. What the source answered is not repeated: it is case data.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Try again later; the system is down or overloaded.
    #[error("{collection}: the source did not answer ({fault})")]
    Unreachable { collection: String, fault: String },
    /// The export account is locked, expired or wrong: a person has to see to it.
    #[error("{collection}: the source refuses the export's credentials (status {status})")]
    Refused { collection: String, status: u16 },
    /// The source is not what the mapping says, or has changed.
    #[error("{collection}: {fault}")]
    Shape { collection: String, fault: String },
    #[error("the source's address cannot be used: {0}")]
    Address(String),
}
