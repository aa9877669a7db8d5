//! One HTTP request, with the redirects it was asked to follow, each hop timed by itself.
//!
//! Every run has a browser of its own: fresh cookies, fresh connections. Redirects are followed by
//! hand, so that every hop's destination is looked at; bodies, headers and what they unpack to are
//! bounded; nothing of an answer goes into a fault.

mod body;
mod connection;
mod fault;

use std::time::Duration;

use cookie_store::CookieStore;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode};
use url::Url;

use self::body::Content;
use self::connection::{Connection, Origin};
pub use self::fault::at;
use self::fault::{broken, unusable};
use super::reach::Reach;
use super::{Fault, Hop};
use crate::clock::Stopwatch;
use crate::domain::check::{FailureReason, Outcome, Phase};
use crate::domain::step::{self, HttpRequest};
use crate::probing::tls::Tls;
use crate::probing::values::Values;

/// How probes say who they are in the target's own log.
const USER_AGENT: &str = concat!("Holdfast-probe/", env!("CARGO_PKG_VERSION"));
/// Connections a run keeps for its next request; a journey speaks to few origins.
const KEPT_CONNECTIONS: usize = 4;

/// A client for one run.
#[derive(Debug)]
pub struct Browser {
    reach: Reach,
    tls: Tls,
    cookies: CookieStore,
    kept: Vec<Connection>,
    /// W3C Trace Context: the run is the trace, each hop a span of it.
    trace_id: String,
    /// Since the run began.
    watch: Stopwatch,
}

/// What came back at the end of the hops.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// Unpacked, where it came packed.
    pub body: Vec<u8>,
    pub url: Url,
    pub address: Option<String>,
    /// From the step's start to its last byte.
    pub took: Duration,
}

/// A request with every value filled in.
struct Filled {
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    content: Option<Content>,
    version: Option<step::HttpVersion>,
}

impl Browser {
    /// `trace_id` is 32 hexadecimal digits.
    #[must_use]
    pub fn new(reach: Reach, tls: Tls, trace_id: String) -> Self {
        let cookies = CookieStore::default();
        Self { reach, tls, cookies, kept: Vec::new(), trace_id, watch: Stopwatch::start() }
    }

    /// Sends the request and follows as many redirects as it allows.
    ///
    /// Hops are pushed onto `hops` as they begin, so that one which is cut short is there too.
    ///
    /// # Errors
    /// A [`Fault`] that says what went wrong and whose fault it is.
    pub async fn request(
        &mut self,
        base_url: &Url,
        request: &HttpRequest,
        values: &Values<'_>,
        hops: &mut Vec<Hop>,
    ) -> Result<Answer, Fault> {
        let watch = Stopwatch::start();
        let mut filled = fill(base_url, request, values)?;
        for followed in 0..=request.max_redirects {
            hops.push(Hop::start(self.watch.elapsed_us()));
            let Some(hop) = hops.last_mut() else { break };
            let mut answer = self.hop(&filled, hop).await?;
            hop.end();
            answer.took = watch.elapsed();
            self.keep_cookies(&answer);
            let most = request.max_redirects;
            let next = if most > 0 { redirect(&answer)? } else { None };
            match next {
                Some(next) if followed < most => filled.follow(next, &answer)?,
                Some(_) => {
                    let detail = format!("more than {most} redirects were needed");
                    return Err(at(&answer, FailureReason::Redirect, detail));
                }
                None => return Ok(answer),
            }
        }
        Err(Fault::new(Outcome::Failed(FailureReason::Redirect), "the redirects did not end"))
    }

    /// One exchange, on a connection that stands or on a new one.
    async fn hop(&mut self, filled: &Filled, hop: &mut Hop) -> Result<Answer, Fault> {
        let origin = Origin::of(&filled.url, filled.version)?;
        let request = self.head(filled)?;
        let (mut connection, sent) = loop {
            let (mut connection, kept) = match self.take_kept(&origin).await {
                Some(connection) => (connection, true),
                None => (Connection::open(&self.reach, &self.tls, &origin, hop).await?, false),
            };
            hop.begin(Phase::FirstByte);
            match connection.send(request.clone()).await {
                // The server closed it in the meantime, before it had the request.
                Err(error) if kept && error.is_canceled() => {}
                sent => break (connection, sent),
            }
        };
        let address = Some(connection.address.to_string());
        let with_address = |fault: Fault| Fault { address: address.clone(), ..fault };
        let response = sent.map_err(|error| with_address(broken(&error)))?;
        hop.begin(Phase::Body);
        let (head, incoming) = response.into_parts();
        let body = body::read(incoming, &head.headers).await.map_err(with_address)?;
        if connection.is_reusable().await && self.kept.len() < KEPT_CONNECTIONS {
            self.kept.push(connection);
        }
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            url: filled.url.clone(),
            address,
            took: Duration::ZERO,
        })
    }

    async fn take_kept(&mut self, origin: &Origin) -> Option<Connection> {
        let index = self.kept.iter().position(|connection| connection.origin == *origin)?;
        let mut connection = self.kept.swap_remove(index);
        connection.is_reusable().await.then_some(connection)
    }

    /// The request as it is sent; what the file says goes before what a browser would say.
    fn head(&self, filled: &Filled) -> Result<Request<Full<Bytes>>, Fault> {
        let bytes = filled.content.as_ref().map(|content| content.bytes.clone());
        let mut request = Request::new(Full::new(bytes.unwrap_or_default()));
        *request.method_mut() = filled.method.clone();
        *request.uri_mut() = filled.url.as_str().parse().map_err(|_| unusable())?;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert("traceparent", value(&self.traceparent())?);
        if let Some(content) = &filled.content {
            headers.insert(header::CONTENT_TYPE, value(&content.kind)?);
        }
        let cookies = self.cookies.get_request_values(&filled.url);
        let cookies: Vec<String> = cookies.map(|(name, text)| format!("{name}={text}")).collect();
        if !cookies.is_empty() {
            let mut cookies = value(&cookies.join("; "))?;
            cookies.set_sensitive(true);
            headers.insert(header::COOKIE, cookies);
        }
        for (name, text) in &filled.headers {
            headers.insert(name.clone(), text.clone());
        }
        Ok(request)
    }

    /// `00-<trace>-<span>-01`: <https://www.w3.org/TR/trace-context/#traceparent-header>.
    fn traceparent(&self) -> String {
        // A span of zeros would be invalid.
        let span = rand::random::<u64>().max(1);
        format!("00-{}-{span:016x}-01", self.trace_id)
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            if let Ok(cookie) = cookie.to_str() {
                // A cookie that a browser would not keep is not kept.
                let _ = self.cookies.parse(cookie, &answer.url);
            }
        }
    }
}

impl Filled {
    /// Goes on to where a redirect leads, as a browser does: RFC 9110, section 15.4.
    /// Where a browser would carry a form on to another system, this is a fault: what was meant
    /// for one is not shown to another.
    fn follow(&mut self, next: Url, answer: &Answer) -> Result<(), Fault> {
        let becomes_get = match answer.status.as_u16() {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.content = None;
        }
        if next.origin() != self.url.origin() {
            if self.content.is_some() {
                let detail = "the redirect would carry what was sent to another system";
                return Err(at(answer, FailureReason::Redirect, detail.to_owned()));
            }
            self.headers.clear();
        }
        self.url = next;
        Ok(())
    }
}

fn fill(base_url: &Url, request: &HttpRequest, values: &Values<'_>) -> Result<Filled, Fault> {
    let mut url = under(base_url, &values.fill(&request.path)?)?;
    for (name, template) in &request.query {
        url.query_pairs_mut().append_pair(name, &values.fill(template)?);
    }
    let mut headers = Vec::with_capacity(request.headers.len());
    for (name, template) in &request.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let name = name.map_err(|_| Fault::prober("a header's name is not one"))?;
        headers.push((name, value(&values.fill(template)?)?));
    }
    Ok(Filled {
        method: method(request.method),
        url,
        headers,
        content: body::content(&request.body, values)?,
        version: request.version,
    })
}

/// The step's path under the base address, or an address that was captured whole.
fn under(base_url: &Url, path: &str) -> Result<Url, Fault> {
    let text = if path.starts_with('/') {
        format!("{}{path}", base_url.as_str().trim_end_matches('/'))
    } else {
        path.to_owned()
    };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(unusable)
}

fn redirect(answer: &Answer) -> Result<Option<Url>, Fault> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let next = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    let next = next.and_then(|text| answer.url.join(text).ok());
    match next {
        Some(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
        _ => Err(at(answer, FailureReason::Redirect, "the redirect leads nowhere".to_owned())),
    }
}

fn value(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_str(text).map_err(|_| Fault::prober("a header's value has a line end in it"))
}

fn method(method: step::Method) -> Method {
    match method {
        step::Method::Get => Method::GET,
        step::Method::Head => Method::HEAD,
        step::Method::Post => Method::POST,
        step::Method::Put => Method::PUT,
        step::Method::Patch => Method::PATCH,
        step::Method::Delete => Method::DELETE,
        step::Method::Options => Method::OPTIONS,
    }
}
