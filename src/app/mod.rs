//! Puts the parts together: roles, channels between them, ordered start and shutdown.

pub mod demo;
pub mod init;
pub mod observe;
pub mod parts;
pub mod portal;
pub mod serve;
