//! Files people write, read into the domain: every fault at once, each with its place.
//!
//! Raw file types live here and nowhere else; the rest of Holdfast sees checked domain types. It
//! must not act on what it reads.

pub mod agent;
pub mod agents;
pub mod browser_programs;
pub mod diagnostics;
pub mod directory;
pub mod import;
pub mod installation;
pub mod mapping;
pub mod ops_notices;
pub mod people;
pub mod plans;
pub mod playbooks;
pub mod probe_checks;
pub mod probe_signals;
pub mod probe_steps;
mod probe_writes;
pub mod probes;
pub mod schemas;
pub mod secrets;
pub mod sections;
mod select;
mod target_accounts;
pub mod target_settings;
pub mod target_tls;
pub mod target_writes;
pub mod targets;
