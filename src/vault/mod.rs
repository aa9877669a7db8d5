//! Sealed files.

pub mod directory;
pub mod durable;
