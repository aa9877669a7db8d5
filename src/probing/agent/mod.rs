//! The agent's side of reporting to a hub: what was found goes into the spool first, from there in
//! order to the hub, and out of the spool when the hub has it.
//!
//! Probing goes on whatever becomes of the hub. It must not judge what was found, nor hold a key of
//! a sealed copy.

pub mod clocks;
mod held;
pub mod keeping;
pub mod sender;
pub mod troubles;
pub mod uplink;
