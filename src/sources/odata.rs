//! OData 4 with change tracking: pages by `@odata.nextLink`, and `@odata.deltaLink` as what is
//! remembered between runs.
//!
//! Protocol: "OData Version 4.01. Part 1", section 11.3, and "OData JSON Format", section 15, whose
//! 4.0 form of tombstones Dataverse writes ("Use change tracking to synchronize data" of
//! Microsoft's documentation). Links are followed on the source's own host alone.

use secrecy::SecretString;
use serde_json::{Map, Value};
use url::Url;

use super::http::Http;
use super::{KeyPage, Page, PageRequest, Resume, Source, SourceError};
use crate::clock::Clock;
use crate::domain::mapping::expression::FieldPath;
use crate::domain::mapping::origin;
use crate::domain::mapping::{Collection, Place, RowShape};

/// How a service answers to a delta link whose changes it no longer keeps: 410 by OData, 400 or 404
/// with a code of its own by others. Reading everything tells any other fault anew.
const EXPIRED: [u16; 3] = [400, 404, 410];

/// A client of one service.
pub struct Odata {
    http: Http,
    origin: origin::Odata,
    shape: RowShape,
}

impl Odata {
    /// # Errors
    /// When the client cannot be made.
    pub fn new(
        base_url: Url,
        (origin, shape): (origin::Odata, RowShape),
        secret: SecretString,
        clock: Clock,
    ) -> Result<Self, SourceError> {
        let timeout = origin.page_timeout.duration();
        let http = Http::new(base_url, origin.authorization.clone(), secret, timeout, clock)?;
        Ok(Self { http, origin, shape })
    }

    /// Where a page is: behind a link, or at the beginning of everything.
    fn url(&self, collection: &Collection, request: &PageRequest) -> Result<Url, SourceError> {
        if let Some(Resume(link)) = &request.resume {
            return self.http.link(collection, link);
        }
        if let Some(since) = &request.since {
            let why = "there is no delta link of the run before, or it is of another host";
            let expired = || SourceError::StateExpired {
                collection: collection.id.clone(),
                why: why.to_owned(),
            };
            let link = since.state.as_deref().ok_or_else(expired)?;
            return self.http.link(collection, link).map_err(|_| expired());
        }
        let Place::Path { path, query } = &collection.place else {
            return Err(SourceError::shape(collection, "the collection has no path"));
        };
        let mut url = self.http.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn page_of(&self, collection: &Collection, mut body: Value) -> Result<Page, SourceError> {
        let shape = |fault: &str| SourceError::shape(collection, fault);
        let link = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let (next, state) = (link("@odata.nextLink"), link("@odata.deltaLink"));
        if next.is_none() && state.is_none() {
            return Err(shape(
                "the last page has no delta link: turn change tracking on for the table",
            ));
        }
        let Some(Value::Array(items)) = body.get_mut("value").map(Value::take) else {
            return Err(shape("there is no list at 'value' in a page"));
        };
        let mut page = Page { next: next.map(Resume), state, ..Page::default() };
        for item in items {
            let Value::Object(row) = item else { return Err(shape("a row is not an object")) };
            if is_of_a_link(&row) {
                continue;
            }
            if is_tombstone(&row) {
                let fault = "a tombstone does not say whose it is";
                page.gone.push(self.id_of_tombstone(row).ok_or_else(|| shape(fault))?);
            } else {
                page.rows.push(Value::Object(without_annotations(row)));
            }
        }
        Ok(page)
    }

    /// Whether changed rows came with everything that is read of them: a service may leave out what
    /// has not changed ("OData JSON Format", section 15.2), and a record made of such a row would
    /// lose it.
    fn are_whole(&self, collection: &Collection, rows: &[Value]) -> bool {
        let row = [Some(&self.shape.id), self.shape.updated_at.as_ref()];
        let row = row.into_iter().flatten().filter_map(FieldPath::first);
        let names: Vec<&str> = collection.reads().into_iter().chain(row).collect();
        rows.iter().all(|row| names.iter().all(|name| row.get(*name).is_some()))
    }

    /// The key that a tombstone names, by itself or in the row's address: `accounts(KEY)`.
    fn id_of_tombstone(&self, row: Map<String, Value>) -> Option<String> {
        let named = ["@odata.id", "@id"].into_iter();
        let fields = [self.origin.tombstone_id.as_str()].into_iter().chain(named);
        let found = fields.filter_map(|name| row.get(name)?.as_str()).next();
        if let Some(text) = found {
            let inner = text.rsplit_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
            return Some(inner.unwrap_or(text).trim_matches('\'').to_owned());
        }
        self.shape.id_of(&Value::Object(row))
    }
}

impl Source for Odata {
    async fn page(
        &self,
        collection: &Collection,
        request: &PageRequest,
    ) -> Result<Page, SourceError> {
        let url = self.url(collection, request)?;
        let prefer = format!("odata.track-changes,odata.maxpagesize={}", self.origin.page_rows);
        let version = || "4.0".to_owned();
        let headers =
            [("prefer", prefer), ("odata-version", version()), ("odata-maxversion", version())];
        let answer = self.http.get(collection, &url, &headers).await?;
        if request.since.is_some() && EXPIRED.contains(&answer.status.as_u16()) {
            let why = "the delta link of the run before has expired".to_owned();
            return Err(SourceError::StateExpired { collection: collection.id.clone(), why });
        }
        let page = self.page_of(collection, answer.json(collection)?)?;
        if request.since.is_some() && !self.are_whole(collection, &page.rows) {
            let why = "a change came without all fields that the mapping reads".to_owned();
            return Err(SourceError::StateExpired { collection: collection.id.clone(), why });
        }
        Ok(page)
    }

    async fn keys(
        &self,
        collection: &Collection,
        _: Option<&Resume>,
    ) -> Result<KeyPage, SourceError> {
        Err(SourceError::shape(collection, "change tracking says itself what is gone"))
    }
}

fn is_tombstone(row: &Map<String, Value>) -> bool {
    let context = row.get("@odata.context").and_then(Value::as_str);
    row.contains_key("@removed")
        || row.contains_key("@odata.removed")
        || context.is_some_and(|context| context.ends_with("/$deletedEntity"))
}

/// A relationship that came or went, and no row.
fn is_of_a_link(row: &Map<String, Value>) -> bool {
    let context =
        ["@odata.context", "@context"].into_iter().find_map(|name| row.get(name)?.as_str());
    let kind = context.and_then(|context| context.rsplit_once('/')).map(|(_, kind)| kind);
    matches!(kind, Some("$link" | "$deletedLink"))
}

/// Fields alone: annotations of the protocol are no fields of the register.
fn without_annotations(mut row: Map<String, Value>) -> Map<String, Value> {
    row.retain(|name, _| !name.starts_with('@') && !name.contains("@odata."));
    row
}
