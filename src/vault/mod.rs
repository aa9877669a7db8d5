//! Sealed files.

pub mod audit;
pub mod directory;
pub mod durable;
