//! A connection to one origin: TCP, TLS where the address says so, then HTTP/1.1 or HTTP/2.

use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::fault::{MAX_HEADER_BYTES, broken, unusable};
use crate::domain::check::{FailureReason, Outcome, Phase};
use crate::domain::step::HttpVersion;
use crate::probing::steps::handshake::secure;
use crate::probing::steps::reach::{Connected, Reach};
use crate::probing::steps::{Fault, Hop};
use crate::probing::tls::Tls;

/// Header lines of one answer.
const MAX_HEADERS: usize = 200;

/// Scheme, host and port, and the version a step insists on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
    version: Option<HttpVersion>,
}

impl Origin {
    /// # Errors
    /// When the address names no host, which a captured one may do.
    pub fn of(url: &Url, version: Option<HttpVersion>) -> Result<Self, Fault> {
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(unusable)?;
        let port = url.port_or_known_default().ok_or_else(unusable)?;
        Ok(Self { secure: url.scheme() == "https", host: host.to_owned(), port, version })
    }

    /// As the `Host` header has it: without the port that the scheme implies.
    fn authority(&self) -> String {
        let implied = if self.secure { 443 } else { 80 };
        if self.port == implied {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// A connection that takes one request after another.
#[derive(Debug)]
pub struct Connection {
    pub origin: Origin,
    pub address: SocketAddr,
    sender: Sender,
}

#[derive(Debug)]
enum Sender {
    One {
        sender: http1::SendRequest<Full<Bytes>>,
        /// A plain connection is closed as soon as this goes. Over TLS it says goodbye first, or
        /// the other side would have to take it for cut off.
        _until_dropped: Option<AbortOnDropHandle<()>>,
    },
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Connects, and writes into the hop how long each part took.
    ///
    /// # Errors
    /// A [`Fault`] of whichever part failed.
    pub async fn open(
        reach: &Reach,
        tls: &Tls,
        origin: &Origin,
        hop: &mut Hop,
    ) -> Result<Self, Fault> {
        let Connected { stream, address } = reach.connect(&origin.host, origin.port, hop).await?;
        let sender = if origin.secure {
            hop.begin(Phase::Tls);
            let config = tls.http(origin.version);
            let stream = Box::pin(secure(stream, &origin.host, config)).await;
            let stream = stream.map_err(|fault| fault.at(address))?;
            let two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            if !two && origin.version == Some(HttpVersion::Two) {
                return Err(wrong_version(address));
            }
            Sender::over(stream, two, true).await
        } else {
            Sender::over(stream, origin.version == Some(HttpVersion::Two), false).await
        };
        let sender = sender
            .map_err(|error| Fault { address: Some(address.to_string()), ..broken(&error) })?;
        Ok(Self { origin: origin.clone(), address, sender })
    }

    /// # Errors
    /// When the connection broke, or what came back was not HTTP.
    pub async fn send(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        match &mut self.sender {
            Sender::One { sender, .. } => {
                let authority = HeaderValue::from_str(&self.origin.authority());
                if let Ok(authority) = authority {
                    request.headers_mut().entry(HOST).or_insert(authority);
                }
                let path = request.uri().path_and_query().cloned();
                *request.uri_mut() = path.map(Uri::from).unwrap_or_default();
                sender.send_request(request).await
            }
            Sender::Two(sender) => sender.send_request(request).await,
        }
    }

    /// Whether another request can follow, once the last answer was read.
    pub async fn is_reusable(&mut self) -> bool {
        match &mut self.sender {
            Sender::One { sender, .. } => !sender.is_closed() && sender.ready().await.is_ok(),
            Sender::Two(sender) => !sender.is_closed() && sender.ready().await.is_ok(),
        }
    }
}

impl Sender {
    /// Says hello in the version that was agreed; the connection lives as long as its sender.
    async fn over<S>(stream: S, two: bool, says_goodbye: bool) -> hyper::Result<Self>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let stream = TokioIo::new(stream);
        if two {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.max_header_list_size(MAX_HEADER_BYTES as u32);
            let (sender, connection) = builder.handshake(stream).await?;
            tokio::spawn(connection);
            Ok(Self::Two(sender))
        } else {
            let mut builder = http1::Builder::new();
            builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEADER_BYTES);
            let (sender, connection) = builder.handshake(stream).await?;
            let driving = tokio::spawn(async move {
                // What goes wrong is told to the sender.
                let _ = connection.await;
            });
            let _until_dropped = (!says_goodbye).then(|| AbortOnDropHandle::new(driving));
            Ok(Self::One { sender, _until_dropped })
        }
    }
}

/// What it means that a step asks for a version the server does not speak.
fn wrong_version(address: SocketAddr) -> Fault {
    Fault {
        outcome: Outcome::Failed(FailureReason::Protocol),
        address: Some(address.to_string()),
        detail: "the server does not speak the version of HTTP that the step asks for".to_owned(),
    }
}
