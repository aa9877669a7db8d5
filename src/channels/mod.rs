//! Ways to reach a person or a system: e-mail, signed webhook, and the links that answer them.
//!
//! A channel makes one attempt and says exactly how it ended. It must not retry, queue or decide
//! whether a notice is still needed: the outbox does.

use std::time::Duration;

pub mod breaker;
pub mod link;
pub mod mail;
pub mod webhook;

/// How one attempt to deliver one notice to one recipient ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver has taken it.
    Sent {
        /// Which relay or address took it, and its answer.
        answer: String,
    },
    /// This recipient will not get it this way: go to the next channel at once.
    Refused { why: String },
    /// It was not taken now: back off and try again.
    Temporary { why: String, retry_after: Option<Duration> },
    /// No receiver could be reached or would talk to us; nothing is said about the recipient.
    Unreachable { why: String },
    /// The receiver may have it or not: nobody can tell.
    InDoubt { why: String },
}

/// The mark that a message is about to go out could not be made durable, so it did not go out.
#[derive(Debug, thiserror::Error)]
#[error("the attempt could not be recorded before sending: {0}")]
pub struct NotRecorded(pub String);
