//! Incidents, activations and notices: what continuity decided, kept and found again.
//!
//! Every input is one transaction ([`commit::commit`]); the outbox has its own claims
//! ([`outbox`]). Documents are opaque here: `continuity` knows what is in them.

pub mod commit;
pub mod find;
pub mod outbox;
pub mod pending;
pub mod plans;
