//! Hands claimed notices to whoever sends them, several at a time, and records how each ended.
//!
//! It must not know how a channel works: it is handed a function for that. One bad mailbox does
//! not hold the others up, and no transaction spans a sending.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::channels::{Delivery, NotRecorded};
use crate::clock::Clock;
use crate::store::Store;
pub use crate::store::continuity::outbox::OutboxRow;
use crate::store::continuity::outbox::{self as rows, Attempt};

/// Longer than any channel's attempt takes, so that a lease runs out only when its holder died.
const LEASE: Duration = Duration::from_secs(180);
/// Sent side by side.
const AT_ONCE: usize = 8;
/// Without a wake-up, the outbox is looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Hears how an attempt ended: `sent`, `refused`, `temporary`, `unreachable` or `in-doubt`.
pub type AttemptEnded = Arc<dyn Fn(&OutboxRow, &'static str) + Send + Sync>;

/// What the outbox works with.
#[derive(Clone)]
pub struct Outbox {
    pub store: Store,
    pub clock: Clock,
    /// Woken when there is something new.
    pub wakes: Arc<Notify>,
    /// For metrics.
    pub ended: AttemptEnded,
}

/// Marks one notice as possibly sent; awaited just before its text goes out.
#[derive(Clone)]
pub struct Mark {
    store: Store,
    clock: Clock,
    row: Arc<OutboxRow>,
}

impl Mark {
    /// # Errors
    /// When it could not be made durable, or another sender has the notice now: then it must not
    /// be sent.
    pub async fn data_sent(&self) -> Result<(), NotRecorded> {
        match rows::mark_data_sent(&self.store, &self.row, self.clock.now()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(NotRecorded("another sender has taken it over".to_owned())),
            Err(error) => Err(NotRecorded(error.to_string())),
        }
    }
}

impl Outbox {
    /// Sends what is due until `stop`, by `send`: one attempt a call.
    pub async fn run<S, F>(self, send: S, stop: CancellationToken)
    where
        S: Fn(Arc<OutboxRow>, Mark) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Delivery> + Send + 'static,
    {
        loop {
            let sent = self.pass(&send).await;
            if stop.is_cancelled() {
                return;
            }
            // A full batch may not have been all.
            if sent == rows::BATCH as usize {
                continue;
            }
            let look_at = self.look_at().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wakes.notified() => {}
                () = self.clock.sleep_until(look_at) => {}
            }
        }
    }

    /// Claims one batch, sends it and records it; answers how many notices that were.
    pub async fn pass<S, F>(&self, send: &S) -> usize
    where
        S: Fn(Arc<OutboxRow>, Mark) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Delivery> + Send + 'static,
    {
        let claimed = match rows::claim_batch(&self.store, self.clock.now(), LEASE).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                return 0;
            }
        };
        let count = claimed.len();
        let mut sending = JoinSet::new();
        for row in claimed {
            if sending.len() >= AT_ONCE {
                sending.join_next().await;
            }
            let (outbox, send, row) = (self.clone(), send.clone(), Arc::new(row));
            sending.spawn(async move { outbox.send_one(&send, row).await });
        }
        while sending.join_next().await.is_some() {}
        count
    }

    async fn send_one<S, F>(&self, send: &S, row: Arc<OutboxRow>)
    where
        S: Fn(Arc<OutboxRow>, Mark) -> F + Sync,
        F: Future<Output = Delivery>,
    {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let mark = Mark { store, clock, row: Arc::clone(&row) };
        let (attempt, outcome) = match send(Arc::clone(&row), mark).await {
            Delivery::Sent { answer } => (Attempt::Sent(answer), "sent"),
            Delivery::Refused { why } => (Attempt::Refused(why), "refused"),
            Delivery::Temporary { why, retry_after } => {
                (Attempt::Temporary(why, retry_after), "temporary")
            }
            Delivery::Unreachable { why } => (Attempt::Unreachable(why), "unreachable"),
            Delivery::InDoubt { why } => (Attempt::InDoubt(why), "in-doubt"),
        };
        (self.ended)(&row, outcome);
        match rows::record_result(&self.store, &row, &attempt, self.clock.now()).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!(notice = row.id, "another sender has this notice now"),
            Err(error) => {
                tracing::error!(notice = row.id, %error, "a result could not be recorded");
            }
        }
    }

    async fn look_at(&self) -> Timestamp {
        let now = self.clock.now();
        let latest = now.checked_add(LOOK_INTERVAL).unwrap_or(Timestamp::MAX);
        match rows::next_due(&self.store).await {
            Ok(Some(due)) => due.max(now).min(latest),
            Ok(None) | Err(_) => latest,
        }
    }
}
