//! Primitives: sealing, signatures, digests. No other module names a cryptographic crate.
//!
//! Nothing here stores a key, knows a record or decides who may open what.

pub mod authority;
pub mod digest;
pub mod hmac;
pub mod merkle;
pub mod passphrase;
pub mod sealed;
pub mod sign;
pub mod signed;
pub mod totp;
