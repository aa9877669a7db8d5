//! A query in a file: whether it reads, and reads only.
//!
//! The transaction cannot write whatever the query says; this tells whoever wrote it early.

use serde_saphyr::Spanned;

use super::diagnostics::Faults;

/// Notes what is wrong with the query of a step or a collection.
pub fn check(query: &Spanned<String>, of: &str, faults: &mut Faults) {
    let text = query.value.trim();
    let verb = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    if !matches!(verb.as_str(), "SELECT" | "WITH") {
        faults.at(query.defined, "the query does not read: begin it with SELECT or WITH");
    }
    if text.split_whitespace().any(|word| word.eq_ignore_ascii_case("INTO")) {
        faults.at(query.defined, "the query writes what it reads: take INTO away");
    }
    if text.contains(';') {
        faults.at(query.defined, format!("one query a {of}: take ';' away"));
    }
}
