//! An agent: probes from another office, on a machine that holds nothing but its own key, the last
//! plan and what its hub does not have yet.

pub mod enrolment;
pub mod keys;
mod plan;
pub mod run;
pub mod token;
