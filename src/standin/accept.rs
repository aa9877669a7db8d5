//! The stand-in's accept loop: takes connections, looks faults up and carries them out.
//!
//! Serving by hand is what lets a fault act on a connection: close the port, reset, or never
//! answer. What a right answer is, the router knows.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::application::wrong;
use super::faults::{Asked, Effect, Faults, NODES};
use super::system::System;
use crate::clock::Clock;

/// Connections waiting to be taken; more than the demo's offices together ever open.
const BACKLOG: u32 = 512;
/// Whoever does not send a request's head in this time is let go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// After an error of `accept` (out of file descriptors, mostly) there is nothing to do but wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The stand-in refuses the request by dropping the connection.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on demand")]
struct Dropped;

/// Marks a response that must not be sent: the request was carried out, the client never hears.
#[derive(Clone, Copy, Debug)]
pub(super) struct DropInstead;

/// Marks a request during [`Effect::SignInBroken`].
#[derive(Clone, Copy, Debug)]
pub(super) struct SignInBroken;

/// Marks a request during [`Effect::Surge`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Surge {
    pub percent: u16,
}

/// A port that stays ours while nobody listens on it, so that connecting is refused by the kernel
/// and no other program is given the port.
#[derive(Debug)]
pub(super) struct Port {
    /// Bound, never listening: that is what keeps the port.
    _reserved: TcpSocket,
    addr: SocketAddr,
}

impl Port {
    /// # Errors
    /// When the address cannot be bound.
    pub(super) fn bind(addr: SocketAddr) -> io::Result<Self> {
        let reserved = reusable(addr)?;
        let addr = reserved.local_addr()?;
        Ok(Self { _reserved: reserved, addr })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// # Errors
    /// When the kernel does not let us listen.
    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        reusable(self.addr)?.listen(BACKLOG)
    }

    /// A door that is open with a listener got from [`Port::listen`].
    pub(super) fn door(self, listener: TcpListener) -> Door {
        Door { port: self, listener: Some(listener) }
    }
}

/// A port that can be opened and closed.
pub(super) struct Door {
    port: Port,
    listener: Option<TcpListener>,
}

impl Door {
    /// Closing drops whoever waits to be taken, as a program that dies does.
    pub(super) fn set_open(&mut self, open: bool) {
        if !open {
            self.listener = None;
        } else if self.listener.is_none() {
            match self.port.listen() {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => tracing::warn!(%error, "the stand-in cannot listen again"),
            }
        }
    }

    /// The next connection; never ready while the port is closed. Cancel-safe.
    pub(super) async fn accept(&self) -> (TcpStream, SocketAddr) {
        let Some(listener) = &self.listener else { return std::future::pending().await };
        loop {
            match listener.accept().await {
                Ok(taken) => return taken,
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }
}

fn reusable(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// What serves: the application and what goes wrong with it.
#[derive(Clone)]
pub(super) struct Server {
    pub system: System,
    pub router: Router,
    pub faults: Arc<Faults>,
    pub clock: Clock,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
}

impl Server {
    /// Serves until told to stop.
    pub(super) async fn run(self, port: Port, first: TcpListener) {
        let mut open = self.faults.port_open();
        let mut door = port.door(first);
        let mut connections = 0_usize;
        loop {
            let wanted = *open.borrow_and_update();
            door.set_open(wanted);
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = open.changed() => {}
                (stream, peer) = door.accept() => {
                    self.take(stream, peer.ip(), connections % NODES);
                    connections += 1;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: IpAddr, node: usize) {
        let socket = Socket { stream, reset: Arc::new(AtomicBool::new(false)) };
        if self.faults.refuses(peer) {
            socket.reset.store(true, Ordering::Relaxed);
            return;
        }
        let visit = Visit {
            server: self.clone(),
            peer,
            node,
            reset: Arc::clone(&socket.reset),
            served: AtomicBool::new(false),
        };
        self.tasks.spawn(visit.serve(socket));
    }
}

/// One connection.
struct Visit {
    server: Server,
    peer: IpAddr,
    node: usize,
    reset: Arc<AtomicBool>,
    served: AtomicBool,
}

impl Visit {
    async fn serve(self, socket: Socket) {
        let stop = self.server.stop.clone();
        let visit = Arc::new(self);
        let service = hyper::service::service_fn(move |request| {
            let visit = Arc::clone(&visit);
            async move { visit.answer(request).await }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(socket), service);
        tokio::select! {
            // A dropped connection is what the fault asked for, and a client may leave as it likes.
            _ = connection => {}
            () = stop.cancelled() => {}
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
        let mut request = request.map(Body::new);
        let path = request.uri().path().to_owned();
        let reused = self.served.swap(true, Ordering::Relaxed);
        let asked = Asked { peer: self.peer, node: self.node, path: &path, reused };
        for hit in self.server.faults.hits(&asked) {
            match hit.effect {
                Effect::Refuse | Effect::Reset => return Err(self.drop_connection()),
                Effect::Hang => {
                    self.until(&hit.cleared, std::future::pending()).await;
                    return Err(self.drop_connection());
                }
                Effect::Slow { ms } => {
                    let delay = tokio::time::sleep(Duration::from_millis(ms));
                    self.until(&hit.cleared, delay).await;
                }
                Effect::Status(status) => {
                    return Ok(self.mark(wrong::status(self.server.system, status)));
                }
                Effect::WrongContent(what) => {
                    let now = self.server.clock.now();
                    return Ok(self.mark(wrong::content(self.server.system, what, &path, now)));
                }
                Effect::Stale => {
                    if let Some(frozen) = hit.frozen {
                        request.extensions_mut().insert(frozen);
                    }
                }
                Effect::Surge { percent } => {
                    request.extensions_mut().insert(Surge { percent });
                }
                Effect::SignInBroken => {
                    request.extensions_mut().insert(SignInBroken);
                }
            }
        }
        let answered: Result<_, Infallible> = self.server.router.clone().oneshot(request).await;
        let response = answered.map_err(|never| match never {})?;
        if response.extensions().get::<DropInstead>().is_some() {
            return Err(self.drop_connection());
        }
        Ok(self.mark(response))
    }

    /// Waits for `delay`, but no longer than the fault or the stand-in lasts.
    async fn until(&self, cleared: &CancellationToken, delay: impl Future<Output = ()>) {
        tokio::select! {
            () = delay => {}
            () = cleared.cancelled() => {}
            () = self.server.stop.cancelled() => {}
        }
    }

    fn drop_connection(&self) -> Dropped {
        self.reset.store(true, Ordering::Relaxed);
        Dropped
    }

    /// Says which node answered, as a load balancer would.
    fn mark(&self, mut response: Response<Body>) -> Response<Body> {
        let name = format!("x-{}-node", self.server.system.as_str());
        let name = HeaderName::from_bytes(name.as_bytes());
        let node = HeaderValue::from_str(&format!("app-{}", self.node));
        if let (Ok(name), Ok(node)) = (name, node) {
            response.headers_mut().insert(name, node);
        }
        response
    }
}

/// A connection that can be told to end with a reset instead of a farewell.
struct Socket {
    stream: TcpStream,
    reset: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            // If that fails the client sees an orderly end, which is an outage to it as well.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
