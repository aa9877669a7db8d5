//! HTTP with JSON: pages by token or number, changed since an instant.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::{Page, PageRequest, Resume, Source, SourceError};
use crate::clock::Clock;
use crate::domain::mapping::{Authorization, Collection, FieldPath, Paging, Shape};

/// A page larger than this is refused: ask for fewer rows.
const MAX_PAGE_BYTES: usize = 32 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A busy source is asked this often for one page, with a growing pause between.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// A source that asks for a longer pause is tried again by the next run.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A client of one source.
pub struct HttpJson {
    client: Client,
    base_url: Url,
    shape: Shape,
    secret: SecretString,
    clock: Clock,
}

impl HttpJson {
    /// # Errors
    /// When the client cannot be made, or the address would send the secret in the clear: plain
    /// HTTP is for this machine only.
    pub fn new(
        base_url: Url,
        shape: Shape,
        secret: SecretString,
        clock: Clock,
    ) -> Result<Self, SourceError> {
        if base_url.scheme() != "https" && !is_loopback(&base_url) {
            let fault = "plain HTTP is for this machine only: write https";
            return Err(SourceError::Address(fault.to_owned()));
        }
        let client = Client::builder()
            // Case data takes no way that the operator has not written down here.
            .no_proxy()
            .user_agent(concat!("holdfast-capture/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(shape.page_timeout.duration())
            .build()
            .map_err(|error| SourceError::Address(error.without_url().to_string()))?;
        Ok(Self { client, base_url, shape, secret, clock })
    }

    fn url(&self, collection: &Collection, request: &PageRequest) -> Result<Url, SourceError> {
        let path = collection.path.trim_start_matches('/');
        let base = self.base_url.as_str().trim_end_matches('/');
        let mut url = Url::parse(&format!("{base}/{path}"))
            .map_err(|error| SourceError::Address(error.to_string()))?;
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(&collection.query);
            let size = &self.shape.page_size;
            query.append_pair(&size.parameter, &size.rows.to_string());
            if let (Some(parameter), Some(since)) =
                (&self.shape.updated_since, request.updated_since)
            {
                query.append_pair(parameter, &self.shape.write_instant(since));
            }
            match (&self.shape.paging, &request.resume) {
                (Paging::Token { parameter, .. }, Some(Resume(token))) => {
                    query.append_pair(parameter, token);
                }
                (Paging::Number { parameter, first }, resume) => {
                    let number =
                        resume.as_ref().map_or_else(|| first.to_string(), |at| at.0.clone());
                    query.append_pair(parameter, &number);
                }
                (Paging::Token { .. }, None) => {}
            }
        }
        Ok(url)
    }

    /// Asks until there is an answer that is not "busy".
    async fn ask(&self, collection: &Collection, url: &Url) -> Result<Response, SourceError> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let request = self.client.get(url.clone()).header("accept", "application/json");
            let request = match &self.shape.authorization {
                Authorization::Bearer => request.bearer_auth(self.secret.expose_secret()),
                Authorization::Basic { user } => {
                    request.basic_auth(user, Some(self.secret.expose_secret()))
                }
            };
            let fault = match request.send().await {
                Ok(response) if !is_busy(response.status()) => return Ok(response),
                Ok(response) => {
                    pause = retry_after(&response).unwrap_or(pause);
                    format!("status {}", response.status().as_u16())
                }
                Err(error) => error.without_url().to_string(),
            };
            if attempt >= ATTEMPTS || pause > MAX_PAUSE {
                return Err(SourceError::Unreachable { collection: collection.id.clone(), fault });
            }
            self.clock.sleep(pause).await;
            pause *= 2;
        }
    }

    fn page_of(
        &self,
        collection: &Collection,
        request: &PageRequest,
        mut body: Value,
    ) -> Result<Page, SourceError> {
        let shape = |fault: &str| SourceError::Shape {
            collection: collection.id.clone(),
            fault: fault.to_owned(),
        };
        let next = self.next(request, &body);
        let as_of = match self.shape.as_of.as_ref().and_then(|path| at(&body, path)) {
            Some(Value::String(text)) => {
                let instant = self.shape.instant(text);
                Some(
                    instant
                        .ok_or_else(|| shape("'as_of' is not an instant in the source's form"))?,
                )
            }
            _ => None,
        };
        let Some(Value::Array(rows)) = at_mut(&mut body, &self.shape.rows).map(Value::take) else {
            return Err(shape(&format!("there is no list at '{}' in a page", self.shape.rows)));
        };
        if !rows.iter().all(Value::is_object) {
            return Err(shape("a row is not an object"));
        }
        let next = match (&self.shape.paging, next) {
            (Paging::Number { .. }, _) if rows.len() < self.shape.page_size.rows as usize => None,
            (_, next) => next,
        };
        if next.is_some() && next == request.resume {
            return Err(shape("a page names itself as the next one"));
        }
        Ok(Page { rows, next, as_of })
    }

    fn next(&self, request: &PageRequest, body: &Value) -> Option<Resume> {
        match &self.shape.paging {
            Paging::Token { next, .. } => match at(body, next)? {
                Value::String(token) if !token.is_empty() => Some(Resume(token.clone())),
                Value::Number(token) => Some(Resume(token.to_string())),
                _ => None,
            },
            Paging::Number { first, .. } => {
                let this = request.resume.as_ref().and_then(|resume| resume.0.parse().ok());
                Some(Resume((this.unwrap_or(*first) + 1).to_string()))
            }
        }
    }
}

impl Source for HttpJson {
    async fn page(
        &self,
        collection: &Collection,
        request: &PageRequest,
    ) -> Result<Page, SourceError> {
        let url = self.url(collection, request)?;
        let response = self.ask(collection, &url).await?;
        let status = response.status();
        let id = || collection.id.clone();
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(SourceError::Refused { collection: id(), status: status.as_u16() });
            }
            _ => {
                let fault = format!("the source answered with status {}", status.as_u16());
                return Err(SourceError::Shape { collection: id(), fault });
            }
        }
        let body = read_bounded(response, &collection.id).await?;
        let body = serde_json::from_slice(&body).map_err(|_| SourceError::Shape {
            collection: id(),
            fault: "a page is not JSON".to_owned(),
        })?;
        self.page_of(collection, request, body)
    }
}

async fn read_bounded(
    mut response: Response,
    collection: &str,
) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let mut body = Zeroizing::new(Vec::new());
    loop {
        let chunk = response.chunk().await.map_err(|error| SourceError::Unreachable {
            collection: collection.to_owned(),
            fault: error.without_url().to_string(),
        })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > MAX_PAGE_BYTES {
            let fault = format!("a page is larger than {MAX_PAGE_BYTES} bytes: ask for fewer rows");
            return Err(SourceError::Shape { collection: collection.to_owned(), fault });
        }
        body.extend_from_slice(&chunk);
    }
}

/// Whether an address is this machine's own.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn at<'a>(value: &'a Value, path: &FieldPath) -> Option<&'a Value> {
    path.names().iter().try_fold(value, |value, name| value.get(name))
}

fn at_mut<'a>(value: &'a mut Value, path: &FieldPath) -> Option<&'a mut Value> {
    path.names().iter().try_fold(value, |value, name| value.get_mut(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn source(paging: Value) -> HttpJson {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let shape = json!({
            "authorization": "bearer", "rows": "data/records", "id": "id",
            "updated_at": "updated_at", "as_of": "as_of", "paging": paging,
            "page_size": {"parameter": "limit", "rows": 2}, "updated_since": "since"
        });
        let shape = serde_json::from_value(shape).unwrap();
        let url = "http://127.0.0.1:1/base/".parse().unwrap();
        HttpJson::new(url, shape, "synthetic".into(), Clock::system()).unwrap()
    }

    fn collection() -> Collection {
        Collection {
            id: "persons".into(),
            path: "/persons".into(),
            query: [("all".to_owned(), "1".to_owned())].into(),
            ignored: vec![],
            records: vec![],
        }
    }

    fn by_token() -> HttpJson {
        source(json!({"token": {"parameter": "after", "next": "next"}}))
    }

    #[test]
    fn a_request_says_where_since_when_and_how_many() {
        let request = PageRequest {
            updated_since: Some("2023-03-01T00:00:00Z".parse().unwrap()),
            resume: Some(Resume("a~b".into())),
        };
        let url = by_token().url(&collection(), &request).unwrap();
        let query = "all=1&limit=2&since=2023-03-01T00%3A00%3A00Z&after=a%7Eb";
        assert_eq!(url.as_str(), format!("http://127.0.0.1:1/base/persons?{query}"));
    }

    #[test]
    fn pages_by_number_end_with_an_incomplete_one() {
        let source = source(json!({"number": {"parameter": "page", "first": 1}}));
        let page = |rows: Value| {
            let body = json!({"data": {"records": rows}});
            source.page_of(&collection(), &PageRequest::default(), body).unwrap()
        };
        assert_eq!(page(json!([{}, {}])).next, Some(Resume("2".into())));
        assert_eq!(page(json!([{}])).next, None);
    }

    #[test]
    fn a_page_of_another_shape_is_an_error_that_repeats_nothing() {
        let source = by_token();
        let request = PageRequest { resume: Some(Resume("7".into())), ..PageRequest::default() };
        for body in [
            json!({"data": {"rows": []}}),
            json!({"data": {"records": ["Synthetic-Secret"]}}),
            json!({"data": {"records": []}, "as_of": "Synthetic-Secret"}),
            json!({"data": {"records": []}, "next": "7"}),
        ] {
            let error = source.page_of(&collection(), &request, body).unwrap_err();
            assert!(matches!(error, SourceError::Shape { .. }));
            assert!(!error.to_string().contains("Secret"), "{error}");
        }
    }

    #[test]
    fn the_secret_does_not_leave_the_machine_in_the_clear() {
        let shape = by_token().shape.clone();
        for (url, fits) in [
            ("http://c3ms.example.gov", false),
            ("https://c3ms.example.gov", true),
            ("http://[::1]:80", true),
            ("http://127.0.0.1.example.gov", false),
        ] {
            let (url, shape) = (url.parse().unwrap(), shape.clone());
            let made = HttpJson::new(url, shape, "synthetic".into(), Clock::system());
            assert_eq!(made.is_ok(), fits);
        }
    }
}
