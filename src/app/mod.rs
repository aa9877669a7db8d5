//! Puts the parts together: roles, channels between them, ordered start and shutdown.

pub mod observe;
pub mod parts;
