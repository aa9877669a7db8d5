//! Runs probes: slots on time, steps as staff would do them, one terminal check a slot.
//!
//! A failing target is data: a check with an outcome, never an `Err`. It must not judge a check,
//! deliver a notice or write to the database; checks leave on a channel.

pub mod readings;
pub mod run;
pub mod schedule;
pub mod scheduler;

mod steps;
pub mod tls;
pub mod values;
