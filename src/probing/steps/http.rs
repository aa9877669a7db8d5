//! One HTTP request, with the redirects it was asked to follow, each hop timed by itself.
//!
//! Bodies are bounded, redirects are followed by hand so that every hop's destination is checked,
//! and nothing of an answer goes into a fault.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, StatusCode, Url};

use super::Fault;
use super::network::{Guarded, Phases, Timed, is_allowed};
use crate::clock::Stopwatch;
use crate::domain::check::{FailureReason, InconclusiveReason, Outcome};
use crate::domain::network::Network;
use crate::domain::step::{Body, HttpRequest, Method};
use crate::probing::values::Values;

/// Larger answers are not what a person waits for, and an endless one must end.
const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How probes say who they are in the target's own log.
const USER_AGENT: &str = concat!("Holdfast-probe/", env!("CARGO_PKG_VERSION"));

/// A client for one run: fresh cookies, fresh connections.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    phases: Arc<Phases>,
    networks: Arc<[Network]>,
    traceparent: String,
    /// When the run's intended start was, as far as this browser is concerned.
    watch: Stopwatch,
}

/// What came back at the end of the hops.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub url: Url,
    pub address: Option<String>,
    /// From the step's start to its last byte.
    pub took: Duration,
}

/// The time of one hop, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    pub offset_us: u64,
    pub total_us: u64,
    pub dns_us: Option<u64>,
    pub connect_us: Option<u64>,
    pub tls_us: Option<u64>,
    pub first_byte_us: Option<u64>,
    pub body_us: Option<u64>,
}

impl Browser {
    /// # Errors
    /// When the client cannot be made, which is the prober's own fault.
    pub fn new(
        source_address: Option<std::net::IpAddr>,
        networks: &[Network],
        tls: &rustls::ClientConfig,
        traceparent: String,
    ) -> Result<Self, Fault> {
        let networks: Arc<[Network]> = networks.into();
        let phases = Arc::new(Phases::default());
        let resolver = Guarded { networks: Arc::clone(&networks), phases: Arc::clone(&phases) };
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .cookie_store(true)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .http1_only()
            .local_address(source_address)
            .dns_resolver(Arc::new(resolver))
            .connector_layer(Timed(Arc::clone(&phases)))
            .tls_backend_preconfigured(tls.clone())
            .build()
            .map_err(|error| prober_fault(format!("no HTTP client: {error}")))?;
        Ok(Self { client, phases, networks, traceparent, watch: Stopwatch::start() })
    }

    /// Sends the request and follows as many redirects as it allows.
    ///
    /// The hops that happened are pushed onto `hops` even when the step fails.
    ///
    /// # Errors
    /// A [`Fault`] that says what went wrong and whose fault it is.
    pub async fn request(
        &self,
        base_url: &Url,
        request: &HttpRequest,
        values: &Values<'_>,
        hops: &mut Vec<Hop>,
    ) -> Result<Answer, Fault> {
        let watch = Stopwatch::start();
        let path = fill(values.fill(&request.path))?;
        let mut url = under(base_url, &path)?;
        for (name, template) in &request.query {
            url.query_pairs_mut().append_pair(name, &fill(values.fill(template))?);
        }
        let mut method = request.method;
        let mut with_body = true;
        for hop in 0..=request.max_redirects {
            self.check_destination(&url)?;
            let mut builder = self.client.request(http_method(method), url.clone());
            builder = builder.header("traceparent", &self.traceparent);
            for (name, template) in &request.headers {
                builder = builder.header(name, fill(values.fill(template))?);
            }
            if with_body {
                builder = add_body(builder, &request.body, values)?;
            }
            let answer = self.hop(builder, watch, hops).await?;
            match redirect(&answer)? {
                Some(next) if hop < request.max_redirects => {
                    url = next;
                    if !matches!(answer.status.as_u16(), 307 | 308) {
                        method = Method::Get;
                        with_body = false;
                    }
                }
                Some(_) if request.max_redirects > 0 => {
                    let detail =
                        format!("more than {} redirects were needed", request.max_redirects);
                    return Err(at(&answer, FailureReason::Redirect, detail));
                }
                _ => return Ok(answer),
            }
        }
        Err(Fault::new(Outcome::Failed(FailureReason::Redirect), "the redirects did not end"))
    }

    async fn hop(
        &self,
        builder: reqwest::RequestBuilder,
        step: Stopwatch,
        hops: &mut Vec<Hop>,
    ) -> Result<Answer, Fault> {
        self.phases.reset();
        let offset_us = self.watch.elapsed_us();
        let watch = Stopwatch::start();
        let sent = builder.send().await;
        let first_byte = watch.elapsed_us();
        let mut hop = Hop {
            offset_us,
            total_us: first_byte,
            dns_us: self.phases.dns_us(),
            connect_us: self.phases.connect_us(),
            tls_us: None,
            first_byte_us: None,
            body_us: None,
        };
        let mut response = match sent {
            Ok(response) => response,
            Err(error) => {
                hops.push(hop);
                return Err(self.classify(&error));
            }
        };
        let before = hop.dns_us.unwrap_or(0) + hop.connect_us.unwrap_or(0);
        hop.first_byte_us = Some(first_byte.saturating_sub(before));
        let address = response.remote_addr().map(|address| address.to_string());
        let (status, url) = (response.status(), response.url().clone());
        let headers = response.headers().clone();
        let body = read_body(&mut response).await;
        hop.total_us = watch.elapsed_us();
        hop.body_us = Some(hop.total_us - first_byte);
        hops.push(hop);
        let body = body.map_err(|problem| {
            let mut fault = match problem {
                BodyProblem::TooLarge => Fault::new(
                    Outcome::Failed(FailureReason::TooLarge),
                    format!("the answer is larger than {MAX_BODY_BYTES} bytes"),
                ),
                BodyProblem::Broken(error) => self.classify(&error),
            };
            fault.address.clone_from(&address);
            fault
        })?;
        Ok(Answer { status, headers, body, url, address, took: step.elapsed() })
    }

    /// An address written as such never passes the resolver, so it is looked at here.
    fn check_destination(&self, url: &Url) -> Result<(), Fault> {
        let address = match url.host() {
            Some(url::Host::Ipv4(four)) => std::net::IpAddr::V4(four),
            Some(url::Host::Ipv6(six)) => std::net::IpAddr::V6(six),
            _ => return Ok(()),
        };
        if is_allowed(&self.networks, address) { Ok(()) } else { Err(outside(address)) }
    }

    fn classify(&self, error: &reqwest::Error) -> Fault {
        if let Some(address) = self.phases.refused() {
            return outside(address);
        }
        let connected = self.phases.connect_us().is_some();
        classify(error, connected)
    }
}

enum BodyProblem {
    TooLarge,
    Broken(reqwest::Error),
}

async fn read_body(response: &mut reqwest::Response) -> Result<Vec<u8>, BodyProblem> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyProblem::Broken)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(BodyProblem::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The step's path under the base address, or an address that was captured whole.
fn under(base_url: &Url, path: &str) -> Result<Url, Fault> {
    let text = if path.starts_with('/') {
        format!("{}{path}", base_url.as_str().trim_end_matches('/'))
    } else {
        path.to_owned()
    };
    let url = Url::parse(&text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| {
        Fault::new(Outcome::Failed(FailureReason::Capture), "the captured address is not one")
    })
}

fn add_body(
    builder: reqwest::RequestBuilder,
    body: &Body,
    values: &Values<'_>,
) -> Result<reqwest::RequestBuilder, Fault> {
    Ok(match body {
        Body::Empty => builder,
        Body::Form(fields) => {
            let mut filled = Vec::with_capacity(fields.len());
            for (name, template) in fields {
                filled.push((name, fill(values.fill(template))?));
            }
            builder.form(&filled)
        }
        Body::Json(value) => builder.json(&fill(values.fill_json(value))?),
        Body::Raw { content_type, text } => {
            builder.header("content-type", content_type).body(fill(values.fill(text))?)
        }
    })
}

/// A secret that was not supplied is a fault of our own set-up.
fn fill<T>(filled: Result<T, crate::probing::values::Unknown>) -> Result<T, Fault> {
    filled.map_err(|unknown| {
        Fault::new(Outcome::Inconclusive(InconclusiveReason::Credentials), unknown.to_string())
    })
}

fn redirect(answer: &Answer) -> Result<Option<Url>, Fault> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let next = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let next = next.and_then(|text| answer.url.join(text).ok());
    match next {
        Some(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(url)),
        _ => Err(at(answer, FailureReason::Redirect, "the redirect leads nowhere".to_owned())),
    }
}

/// A failure after an answer came.
pub fn at(answer: &Answer, reason: FailureReason, detail: String) -> Fault {
    Fault { outcome: Outcome::Failed(reason), address: answer.address.clone(), detail }
}

fn outside(address: std::net::IpAddr) -> Fault {
    Fault {
        outcome: Outcome::Failed(FailureReason::Redirect),
        address: Some(address.to_string()),
        detail: "led outside the target's networks: add the range to 'networks' if it is meant"
            .to_owned(),
    }
}

fn prober_fault(detail: String) -> Fault {
    Fault::new(Outcome::Inconclusive(InconclusiveReason::Prober), detail)
}

/// What a transport error means: the target's failure, or our own.
fn classify(error: &reqwest::Error, connected: bool) -> Fault {
    use std::io::ErrorKind;
    let failed = |reason, detail: &str| Fault::new(Outcome::Failed(reason), detail);
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return failed(FailureReason::Tls, &format!("TLS failed: {tls}"));
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            match io.kind() {
                ErrorKind::ConnectionRefused => {
                    return failed(FailureReason::Refused, "the connection was refused");
                }
                ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof => {
                    return failed(FailureReason::Reset, "the connection was cut");
                }
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    return failed(FailureReason::SiteNetwork, "there is no route to the target");
                }
                ErrorKind::AddrNotAvailable => {
                    return prober_fault("the source address is not on this machine".to_owned());
                }
                _ => {}
            }
        }
        source = cause.source();
    }
    if error.is_timeout() {
        failed(FailureReason::Timeout, "no answer in time")
    } else if error.is_connect() && !connected {
        failed(FailureReason::Dns, "the name could not be resolved")
    } else if error.is_builder() {
        prober_fault("the request could not be built".to_owned())
    } else if error.is_request() {
        failed(FailureReason::Reset, "the connection was closed before an answer came")
    } else {
        failed(FailureReason::Protocol, "the answer was not HTTP")
    }
}

fn http_method(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}
