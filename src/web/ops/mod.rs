//! The operations console: what fails, for whom, since when, and what has been done about it.
//!
//! It shows what detection and continuity wrote and hands on what people decide; it decides
//! nothing about a target or a plan.

pub mod activation;
pub mod bands;
pub mod copy;
pub mod figures;
pub mod incidents;
pub mod notices;
pub mod now;
mod numbers;
pub mod outage;
pub mod plans;
pub mod probes;
pub mod register;
pub mod start;
pub mod waterfall;

use crate::domain::session::Role;

/// Who reads the console.
pub const READERS: &[Role] =
    &[Role::Operations, Role::OnCallManager, Role::ContinuityManager, Role::Executive];
/// Who acts in it. What a plan asks of a role is checked again against the people on duty.
pub const ACTORS: &[Role] = &[Role::Operations, Role::OnCallManager, Role::ContinuityManager];
