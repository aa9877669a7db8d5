//! Probe files made of what other programs check: blackbox_exporter's modules, and Hurl files.
//!
//! A reader turns text into a probe file and into notes of everything it left behind, each with its
//! place and what to do. A password that stands in such a file is never copied: it becomes a secret
//! with a name. Nothing here reads a file by itself or speaks to a target.

pub mod blackbox;
mod draft;
mod expect;
pub mod hurl;
mod node;
mod yaml;

use crate::config::diagnostics::Diagnostic;

/// A probe file that passes validation, and what did not come over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    pub text: String,
    /// In the order of the file; line 0 stands for the file as a whole.
    pub notes: Vec<Diagnostic>,
}
