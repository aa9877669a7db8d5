//! Agents: enrolled once, replayed once, missed when they are silent.

mod enrolment;
mod line;
mod replay;
mod rig;
