//! Agents: enrolled once, replayed once, missed when they are silent.

mod disk;
mod edits;
mod enrolment;
mod line;
mod own_hub;
mod renewal;
mod replay;
mod rig;
mod troubles;
