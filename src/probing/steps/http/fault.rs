//! What a broken exchange means: the target's failure, or our own.

use std::error::Error;
use std::io::ErrorKind;

use super::Answer;
use crate::domain::check::{FailureReason, Outcome};
use crate::probing::steps::{Fault, handshake};

/// All header lines of an answer together.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// A failure after an answer came.
pub fn at(answer: &Answer, reason: FailureReason, detail: String) -> Fault {
    Fault { outcome: Outcome::Failed(reason), address: answer.address.clone(), detail }
}

/// An address that was captured and cannot be gone to.
pub fn unusable() -> Fault {
    Fault::new(Outcome::Failed(FailureReason::Capture), "the captured address is not one")
}

/// What an error of a standing connection means.
pub fn broken(error: &hyper::Error) -> Fault {
    let failed = |reason, detail: &str| Fault::new(Outcome::Failed(reason), detail);
    if error.is_parse_too_large() {
        let detail = format!("the answer's headers are larger than {MAX_HEADER_BYTES} bytes");
        return failed(FailureReason::TooLarge, &detail);
    }
    if error.is_parse() {
        return failed(FailureReason::Protocol, "the answer was not HTTP");
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            if let Some(fault) = handshake::fault(io) {
                return fault;
            }
            if io.kind() == ErrorKind::TimedOut {
                return failed(FailureReason::Timeout, "no answer in time");
            }
            return failed(FailureReason::Reset, "the connection was cut");
        }
        source = cause.source();
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        failed(FailureReason::Reset, "the connection was closed before an answer came")
    } else {
        failed(FailureReason::Protocol, "the answer was not HTTP")
    }
}
