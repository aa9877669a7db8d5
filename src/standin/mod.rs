//! A case system to rehearse against, and receivers for what Holdfast sends: all of it synthetic.
//!
//! [`families`] makes the people, [`register`] holds them, [`export`] hands them to capture. It
//! knows no product module: to the rest of Holdfast it is a server somewhere else, so nothing here
//! may be imported by what runs in production.

pub mod draw;
pub mod export;
pub mod families;
pub mod model;
pub mod register;
pub mod situations;
