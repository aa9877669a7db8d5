//! Runs probes: slots on time, steps as staff would do them, one terminal check a slot.
//!
//! A failing target is data: a check with an outcome, never an `Err`. It must not judge a check,
//! deliver a notice or keep what it finds; checks leave on a channel. Only two ways lead to the
//! database: [`writes`] notes what a probe will leave behind before it is sent, and [`janitor`]
//! reads what was left behind and notes when it is gone.

pub mod accounts;
pub mod agent;
pub mod browser;
mod budget;
mod certificates;
mod exchange;
pub mod janitor;
mod look;
mod name_servers;
mod post;
pub mod readings;
pub mod run;
pub mod schedule;
pub mod scheduler;
mod site_network;

mod steps;
pub mod tls;
pub mod values;
pub mod vigil;
pub mod writes;
