//! `/live`: a stream that says "changed" and nothing else, so that a page asks for itself again.
//!
//! It carries no content: there is one way only to make a page, and one place that decides who
//! may read it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;

use super::Web;
use super::error::WebError;

/// Proxies drop a silent connection after half a minute or so.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

pub(super) async fn events(
    State(web): State<Arc<Web>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, WebError> {
    let place = web
        .pages
        .streams
        .clone()
        .try_acquire_owned()
        .map_err(|_| WebError::TooMany { retry_after_seconds: 30 })?;
    let listener =
        Listener { changes: web.changes.subscribe(), stop: web.stop.clone(), _place: place };
    let stream = stream::unfold(listener, |mut listener| async move {
        let heard = listener.next_change().await;
        heard.then(|| (Ok(Event::default().event("changed").data("changed")), listener))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)))
}

struct Listener {
    changes: watch::Receiver<u64>,
    stop: CancellationToken,
    /// Bounds the streams that are open at once.
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// False when Holdfast stops.
    async fn next_change(&mut self) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            changed = self.changes.changed() => changed.is_ok(),
        }
    }
}
