//! Whether a source whose pages move while they are read was read whole: pure.
//!
//! Pages that are counted move up when a row before them goes, and a row is passed by; the number
//! of rows that such a source says alone does not tell, for another may have come meanwhile. So
//! what had several pages is read until a pass brings nothing new and the number stood still. One
//! that says no number has [`UNCOUNTED`](crate::sources::UNCOUNTED) rows, which all passes reach.

use super::ledger::{Ledger, Seen};

/// What passes over one collection have brought.
#[derive(Default)]
pub struct Passes {
    counted: Seen,
    /// Before this pass.
    known: u64,
    number: u32,
    pages: u32,
    /// At the first page of this pass and at the last.
    totals: Option<(u64, u64)>,
}

impl Passes {
    /// Begins a pass.
    pub fn begin(&mut self) {
        self.known = self.counted.len();
        self.number += 1;
        (self.pages, self.totals) = (0, None);
    }

    /// Notes a page; without a total its rows are not counted.
    pub fn saw(
        &mut self,
        ledger: &Ledger<'_>,
        total: Option<u64>,
        ids: impl Iterator<Item = String>,
    ) {
        self.pages += 1;
        let Some(total) = total else { return };
        let (first, _) = self.totals.unwrap_or((total, total));
        self.totals = Some((first, total));
        ids.for_each(|id| ledger.count(&id, &mut self.counted));
    }

    /// Whether everything came.
    #[must_use]
    pub fn suffice(&self) -> bool {
        let Some((first, last)) = self.totals else { return true };
        let nothing_new = self.number > 1 && self.counted.len() == self.known;
        first == last && self.counted.len() >= last && (self.pages == 1 || nothing_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::MacKey;
    use crate::sources::UNCOUNTED;

    /// Passes of pages, each with its total and ids; whether they suffice after each pass.
    fn suffice(passes: &[&[(u64, &[&str])]]) -> Vec<bool> {
        let key = MacKey::new(&[7; 32]);
        let ledger = Ledger::new(&key);
        let mut seen = Passes::default();
        let told = passes.iter().map(|pages| {
            seen.begin();
            for (total, ids) in *pages {
                seen.saw(&ledger, Some(*total), ids.iter().map(|id| (*id).to_owned()));
            }
            seen.suffice()
        });
        told.collect()
    }

    #[test]
    fn one_page_suffices_and_several_when_a_pass_brings_nothing_new() {
        assert_eq!(suffice(&[&[(2, &["a", "b"])]]), [true]);
        assert_eq!(suffice(&[&[(0, &[])]]), [true]);
        let still: &[(u64, &[&str])] = &[(3, &["a", "b"]), (3, &["c"])];
        assert_eq!(suffice(&[still, still]), [false, true]);
        // "a" goes, "d" comes: the number is right and "c" was passed by.
        let moved: &[(u64, &[&str])] = &[(4, &["a", "b"]), (4, &["e", "d"])];
        let after: &[(u64, &[&str])] = &[(4, &["b", "c"]), (4, &["e", "d"])];
        assert_eq!(suffice(&[moved, after, after]), [false, false, true]);
        // No number is said: a pass that brings nothing new is all there is to go by.
        let silent: &[(u64, &[&str])] = &[(UNCOUNTED, &["a"]), (UNCOUNTED, &[])];
        assert_eq!(suffice(&[silent, silent]), [false, true]);
        let more: &[(u64, &[&str])] = &[(UNCOUNTED, &["a", "b"]), (UNCOUNTED, &[])];
        assert_eq!(suffice(&[silent, more, more]), [false, false, true]);
        // The list says more than it shows, or another number on every page.
        assert_eq!(suffice(&[&[(5, &["a"])], &[(5, &["a"])]]), [false, false]);
        let shrinking: &[(u64, &[&str])] = &[(3, &["a", "b"]), (2, &[])];
        assert_eq!(suffice(&[shrinking, shrinking]), [false, false]);
    }
}
