//! The sealed copy on disk: segments, signed generations, epochs and their key slots, open orders.
//!
//! A site's folder:
//!
//! ```text
//! site                         who may sign what here, signed by the node
//! copy/CURRENT                 number and digest of the generation in force
//! copy/generations/0000000007  signed manifest
//! copy/segments/<id>.age       sealed records
//! copy/epochs/<id>             signed public keys to seal to
//! copy/OPEN                    the open order, while there is one
//! capture/                     manifest key, ledger key, ledger: all that a capture run can read
//! opener/                      node key, epoch key slots, highest generation seen
//! continuity/                  continuity key, which signs open orders
//! custody/                     the custody key under a passphrase
//! policy/                      policy key, and the signers of directories and of the audit trail
//! directory/000001.directory   who may sign in, signed by the policy key, sealed to the node
//! ```
//!
//! `docs/formats.md` specifies every file. Nothing here reaches the case system, the database or a
//! clock, and nothing plain is written.

pub mod audit;
pub mod copy;
pub mod directory;
pub mod durable;
pub mod epoch;
pub mod manifest;
pub mod open;
pub mod order;
pub mod policy;
pub mod publish;
pub mod records;
#[cfg(test)]
pub(crate) mod sample;
pub mod scrub;
pub mod segment;
pub mod site;
