//! HTTP with JSON: pages by token, number, offset or link, changed since an instant.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::http::Http;
use super::{KeyPage, Moving, Page, PageRequest, Resume, Source, SourceError};
use crate::clock::Clock;
use crate::domain::mapping::expression::FieldPath;
use crate::domain::mapping::origin::{self, Paging};
use crate::domain::mapping::{Collection, Place, RowShape};

/// A client of one source.
pub struct HttpJson {
    http: Http,
    origin: origin::HttpJson,
    shape: RowShape,
}

impl HttpJson {
    /// # Errors
    /// When the client cannot be made.
    pub fn new(
        base_url: Url,
        (origin, shape): (origin::HttpJson, RowShape),
        secret: SecretString,
        clock: Clock,
    ) -> Result<Self, SourceError> {
        let timeout = origin.page_timeout.duration();
        let http = Http::new(base_url, origin.authorization.clone(), secret, timeout, clock)?;
        Ok(Self { http, origin, shape })
    }

    fn url(
        &self,
        collection: &Collection,
        since: Option<Timestamp>,
        resume: Option<&Resume>,
    ) -> Result<Url, SourceError> {
        if let (Paging::Link { .. }, Some(Resume(link))) = (&self.origin.paging, resume) {
            return self.http.link(collection, link);
        }
        let Place::Path { path, query } = &collection.place else {
            return Err(SourceError::shape(collection, "the collection has no path"));
        };
        let mut url = self.http.url(path)?;
        let mut pairs = url.query_pairs_mut();
        pairs.extend_pairs(
            self.origin.parameters.iter().filter(|(name, _)| !query.contains_key(*name)),
        );
        pairs.extend_pairs(query);
        let size = &self.origin.page_size;
        pairs.append_pair(&size.parameter, &size.rows.to_string());
        if let (Some(parameter), Some(since)) = (&self.origin.updated_since, since) {
            pairs.append_pair(parameter, &self.shape.write_instant(since));
        }
        match (&self.origin.paging, resume) {
            (Paging::Token { parameter, .. } | Paging::Offset { parameter }, Some(Resume(at))) => {
                pairs.append_pair(parameter, at);
            }
            (Paging::Number { parameter, first }, resume) => {
                let number = resume.map_or_else(|| first.to_string(), |at| at.0.clone());
                pairs.append_pair(parameter, &number);
            }
            _ => {}
        }
        drop(pairs);
        Ok(url)
    }

    fn page_of(
        &self,
        collection: &Collection,
        resume: Option<&Resume>,
        mut body: Value,
    ) -> Result<Page, SourceError> {
        let shape = |fault: &str| SourceError::shape(collection, fault);
        let as_of = match self.origin.as_of.as_ref().map(|path| path.find(&body)) {
            Some(Value::String(text)) => {
                let instant = self.shape.instant(text);
                let fault = "'as_of' is not an instant in the source's form";
                Some(instant.ok_or_else(|| shape(fault))?)
            }
            _ => None,
        };
        let total = self.origin.total.as_ref().map(|path| {
            let fault = "a page does not say how many rows there are in all";
            path.find(&body).as_u64().ok_or_else(|| shape(fault))
        });
        let counts = matches!(self.origin.paging, Paging::Number { .. } | Paging::Offset { .. });
        let total = total.transpose()?;
        let moving = (counts || total.is_some()).then_some(Moving { total });
        let named = self.named_next(&body);
        let Some(Value::Array(rows)) = at_mut(&mut body, &self.origin.rows).map(Value::take) else {
            return Err(shape(&format!("there is no list at '{}' in a page", self.origin.rows)));
        };
        if !rows.iter().all(Value::is_object) {
            return Err(shape("a row is not an object"));
        }
        let next = named.or_else(|| self.counted_next(resume, rows.len()));
        if next.is_some() && next.as_ref() == resume {
            return Err(shape("a page names itself as the next one"));
        }
        Ok(Page { rows, next, as_of, moving, ..Page::default() })
    }

    /// The next page, where a page says it.
    fn named_next(&self, body: &Value) -> Option<Resume> {
        let (Paging::Token { next, .. } | Paging::Link { next }) = &self.origin.paging else {
            return None;
        };
        match next.find(body) {
            Value::String(token) if !token.is_empty() => Some(Resume(token.clone())),
            Value::Number(token) => Some(Resume(token.to_string())),
            _ => None,
        }
    }

    /// The next page, where pages or rows are counted. Behind an incomplete one there is none when
    /// the source says a total to compare with; otherwise it may give fewer rows a page than it is
    /// asked for, and an empty page alone is the last.
    fn counted_next(&self, resume: Option<&Resume>, rows: usize) -> Option<Resume> {
        let least =
            if self.origin.total.is_some() { self.origin.page_size.rows as usize } else { 1 };
        if rows < least {
            return None;
        }
        let at = resume.and_then(|resume| resume.0.parse::<u64>().ok());
        match &self.origin.paging {
            Paging::Number { first, .. } => {
                Some(Resume((at.unwrap_or(u64::from(*first)) + 1).to_string()))
            }
            Paging::Offset { .. } => Some(Resume((at.unwrap_or(0) + rows as u64).to_string())),
            Paging::Token { .. } | Paging::Link { .. } => None,
        }
    }
}

impl Source for HttpJson {
    async fn page(
        &self,
        collection: &Collection,
        request: &PageRequest,
    ) -> Result<Page, SourceError> {
        let since = request.since.as_ref().and_then(|since| since.updated_at);
        let resume = request.resume.as_ref();
        let url = self.url(collection, since, resume)?;
        let answer = self.http.get(collection, &url, &[]).await?;
        self.page_of(collection, resume, answer.json(collection)?)
    }

    async fn keys(
        &self,
        collection: &Collection,
        resume: Option<&Resume>,
    ) -> Result<KeyPage, SourceError> {
        let request = PageRequest { since: None, resume: resume.cloned() };
        let page = self.page(collection, &request).await?;
        let alive = page.rows.iter().filter(|row| !self.shape.says_deleted(row));
        let ids = alive.filter_map(|row| self.shape.id_of(row)).collect();
        // The total counts deleted rows too: of those alive it tells nothing.
        let drops = self.shape.deleted.is_some() || self.shape.enabled.is_some();
        let moving = page.moving.map(|said| if drops { Moving { total: None } } else { said });
        Ok(KeyPage { ids, next: page.next, moving })
    }
}

fn at_mut<'a>(value: &'a mut Value, path: &FieldPath) -> Option<&'a mut Value> {
    path.names().iter().try_fold(value, |value, name| value.get_mut(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::mapping::origin::Origin;

    /// A mapping's section, as it would be written, and the source it makes.
    fn source(more: &str) -> HttpJson {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let text = format!(
            "format: holdfast/mapping/v1
source: c3ms
title: C3MS
time_zone: Australia/Adelaide
http_json:
  authorization: bearer
  rows: data/records
  id: id
  updated_at: updated_at
  as_of: as_of
  page_size: {{ parameter: limit, rows: 2 }}
  updated_since: since
  {more}
collections:
  - id: persons
    path: /persons
    query: {{ all: '1' }}
    records:
      - kind: person
        tier: {{ constant: standard }}
        class: {{ constant: general }}
        fields: {{}}
"
        );
        let mapping = crate::config::mapping::read("test.yaml", &text).unwrap();
        let Origin::HttpJson(origin) = mapping.origin else { panic!("another kind") };
        let url = "http://127.0.0.1:1/base/".parse().unwrap();
        let shape = (*origin, mapping.shape);
        HttpJson::new(url, shape, "synthetic".into(), Clock::system()).unwrap()
    }

    fn collection() -> Collection {
        let query = [("all".to_owned(), "1".to_owned())].into();
        Collection {
            id: "persons".into(),
            place: Place::Path { path: "/persons".into(), query },
            ignored: vec![],
            essential: vec![],
            records: vec![],
        }
    }

    fn by_token() -> HttpJson {
        source("paging: { token: { parameter: after, next: next } }")
    }

    #[test]
    fn a_request_says_where_since_when_and_how_many() {
        let since = Some("2023-03-01T00:00:00Z".parse().unwrap());
        let url = by_token().url(&collection(), since, Some(&Resume("a~b".into()))).unwrap();
        let query = "all=1&limit=2&since=2023-03-01T00%3A00%3A00Z&after=a%7Eb";
        assert_eq!(url.as_str(), format!("http://127.0.0.1:1/base/persons?{query}"));
    }

    #[test]
    fn counted_pages_end_with_an_empty_one_or_an_incomplete_one_of_a_total() {
        for (paging, behind_one) in [
            ("paging: { number: { parameter: page, first: 1 } }", "2"),
            ("paging: { offset: { parameter: skip } }", "1"),
        ] {
            let page = |source: &HttpJson, rows: Value| {
                let body = json!({"data": {"records": rows}, "total": 7});
                source.page_of(&collection(), None, body).unwrap()
            };
            let uncounted = source(paging);
            let first = page(&uncounted, json!([{}, {}]));
            let moving = |total| Some(Moving { total });
            assert_eq!((first.next, first.moving), (Some(Resume("2".into())), moving(None)));
            let capped = page(&uncounted, json!([{}])).next;
            assert_eq!(capped, Some(Resume(behind_one.into())), "it may give no more a page");
            assert_eq!(page(&uncounted, json!([])).next, None);
            let counted = source(&format!("{paging}\n  total: total"));
            let last = page(&counted, json!([{}]));
            assert_eq!((last.next, last.moving), (None, moving(Some(7))));
        }
    }

    #[test]
    fn a_link_to_another_host_is_not_followed() {
        let source = source("paging: { link: { next: next } }");
        let at = |link: &str| source.url(&collection(), None, Some(&Resume(link.into())));
        assert_eq!(at("/more?x=1").unwrap().as_str(), "http://127.0.0.1:1/more?x=1");
        assert!(at("http://127.0.0.1:2/more").is_err());
        assert!(at("https://evil.example.org/").is_err());
    }

    #[test]
    fn a_page_of_another_shape_is_an_error_that_repeats_nothing() {
        let source = by_token();
        let resume = Resume("7".into());
        for body in [
            json!({"data": {"rows": []}}),
            json!({"data": {"records": ["Synthetic-Secret"]}}),
            json!({"data": {"records": []}, "as_of": "Synthetic-Secret"}),
            json!({"data": {"records": []}, "next": "7"}),
        ] {
            let error = source.page_of(&collection(), Some(&resume), body).unwrap_err();
            assert!(matches!(error, SourceError::Shape { .. }));
            assert!(!error.to_string().contains("Secret"), "{error}");
        }
    }
}
