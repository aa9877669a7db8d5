//! Puts the parts together: roles, channels between them, ordered start and shutdown.

pub mod agent;
pub mod agents;
pub mod control;
pub mod copy;
pub mod demo;
pub mod enrolment;
pub mod explain;
pub mod init;
pub mod live;
pub mod observe;
pub mod parts;
pub mod plans;
pub mod portal;
pub mod probe_readiness;
pub mod profiles;
pub mod proofs;
mod records;
pub mod reload;
mod resume;
pub mod serve;
mod signals;
mod unkept;
mod upkeep;
pub mod validate;
