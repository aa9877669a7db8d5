//! A webhook receiver on loopback that records every request and answers as told.
//!
//! It takes any method and path; what a request means, its sender knows.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::accept::{DropInstead, Port, Server};
use super::faults::Faults;
use super::smtp::TooFew;
use super::system::System;
use crate::clock::Clock;

/// After so many requests the oldest are forgotten.
const MAX_REQUESTS: usize = 10_000;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub received_at: Timestamp,
}

/// How requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookAnswer {
    Status(StatusCode),
    /// The request is recorded and the connection dropped, which leaves the sender in doubt.
    Drop,
}

#[derive(Clone)]
struct Recorder(Arc<Inner>);

struct Inner {
    clock: Clock,
    requests: Mutex<Vec<ReceivedRequest>>,
    /// Requests that ever came.
    count: watch::Sender<usize>,
    answer: Mutex<WebhookAnswer>,
}

/// A running receiver. Dropping it stops it.
pub struct WebhookReceiver {
    addr: SocketAddr,
    recorder: Recorder,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl WebhookReceiver {
    /// Listens on `listen`, port 0 for any free one; answers 200 until told otherwise.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(listen: SocketAddr, clock: Clock) -> io::Result<Self> {
        let port = Port::bind(listen)?;
        let listener = port.listen()?;
        let addr = port.addr();
        let recorder = Recorder(Arc::new(Inner {
            clock: clock.clone(),
            requests: Mutex::default(),
            count: watch::channel(0).0,
            answer: Mutex::new(WebhookAnswer::Status(StatusCode::OK)),
        }));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let server = Server {
            // Nothing of a case system is shown here.
            system: System::C3ms,
            router: Router::new().fallback(record).with_state(recorder.clone()),
            faults: Arc::new(Faults::new(0)),
            clock,
            stop: stop.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(server.run(port, listener));
        Ok(Self { addr, recorder, tasks, stop: stop.drop_guard() })
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What arrived, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        lock(&self.recorder.0.requests).clone()
    }

    /// Waits until `count` requests have arrived since the start, for at most `timeout` of real
    /// time.
    ///
    /// # Errors
    /// When fewer came.
    pub async fn wait_for(
        &self,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<ReceivedRequest>, TooFew> {
        let mut arrived = self.recorder.0.count.subscribe();
        let enough = arrived.wait_for(|arrived| *arrived >= count);
        match tokio::time::timeout(timeout, enough).await {
            Ok(_) => Ok(self.requests()),
            Err(_) => Err(TooFew { received: *self.recorder.0.count.borrow(), wanted: count }),
        }
    }

    /// Answers so from now on.
    pub fn answer(&self, answer: WebhookAnswer) {
        *lock(&self.recorder.0.answer) = answer;
    }

    /// Stops and waits until every connection has ended.
    pub async fn shutdown(self) {
        drop(self.stop);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn record(
    State(recorder): State<Recorder>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let received_at = recorder.0.clock.now();
    {
        let mut requests = lock(&recorder.0.requests);
        if requests.len() == MAX_REQUESTS {
            requests.remove(0);
        }
        requests.push(ReceivedRequest { method, uri, headers, body, received_at });
    }
    recorder.0.count.send_modify(|count| *count += 1);
    let answer = *lock(&recorder.0.answer);
    match answer {
        WebhookAnswer::Status(status) => status.into_response(),
        WebhookAnswer::Drop => {
            let mut response = StatusCode::OK.into_response();
            response.extensions_mut().insert(DropInstead);
            response
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
