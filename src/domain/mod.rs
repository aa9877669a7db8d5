//! The vocabulary: types and formulas that two or more modules use.
//!
//! Everything here is pure and is given `now`. It must not do I/O, read a clock or know a crate
//! that does. A type that only one module uses lives in that module.

pub mod access;
pub mod agent;
pub mod check;
pub mod ids;
pub mod incident;
pub mod instant_form;
pub mod instant_text;
pub mod left_out;
pub mod length;
pub mod mapping;
pub mod network;
pub mod notice;
pub mod outage;
pub mod people;
pub mod playbook;
pub mod records;
pub mod rota;
pub mod session;
pub mod signal;
pub mod step;
pub mod target;
pub mod verdict;
