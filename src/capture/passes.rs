//! Whether a source whose pages move while they are read was read whole: pure.
//!
//! Pages that are counted move up when a row before them goes, and a row is passed by; the number
//! of rows that such a source says alone does not tell, for another may have come meanwhile. So
//! what had several pages is read until a pass brings nothing new and the number stood still,
//! where the source says one.

use super::ledger::{Ledger, Seen};
use crate::sources::Moving;

/// What passes over one collection have brought.
#[derive(Default)]
pub struct Passes {
    counted: Seen,
    /// Before this pass.
    known: u64,
    number: u32,
    pages: u32,
    /// What the first page of this pass said of itself, and the last.
    said: Option<(Moving, Moving)>,
}

impl Passes {
    /// Begins a pass.
    pub fn begin(&mut self) {
        self.known = self.counted.len();
        self.number += 1;
        (self.pages, self.said) = (0, None);
    }

    /// Notes a page; rows that keep their page are not counted.
    pub fn saw(
        &mut self,
        ledger: &Ledger<'_>,
        moving: Option<Moving>,
        ids: impl Iterator<Item = String>,
    ) {
        self.pages += 1;
        let Some(moving) = moving else { return };
        let (first, _) = self.said.unwrap_or((moving, moving));
        self.said = Some((first, moving));
        ids.for_each(|id| ledger.count(&id, &mut self.counted));
    }

    /// Whether everything came.
    #[must_use]
    pub fn suffice(&self) -> bool {
        let Some((first, last)) = self.said else { return true };
        let nothing_new = self.number > 1 && self.counted.len() == self.known;
        let all = last.total.is_none_or(|total| self.counted.len() >= total);
        first == last && all && (self.pages == 1 || nothing_new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::digest::MacKey;

    /// Pages, each with how many rows the source says there are and its ids.
    type Pages = [(Option<u64>, &'static [&'static str])];

    /// Whether passes suffice, after each of them.
    fn suffice(passes: &[&Pages]) -> Vec<bool> {
        let key = MacKey::new(&[7; 32]);
        let ledger = Ledger::new(&key);
        let mut seen = Passes::default();
        let told = passes.iter().map(|pages| {
            seen.begin();
            for (total, ids) in *pages {
                seen.saw(
                    &ledger,
                    Some(Moving { total: *total }),
                    ids.iter().map(|id| (*id).to_owned()),
                );
            }
            seen.suffice()
        });
        told.collect()
    }

    #[test]
    fn one_page_suffices_and_several_when_a_pass_brings_nothing_new() {
        assert_eq!(suffice(&[&[(Some(2), &["a", "b"])]]), [true]);
        assert_eq!(suffice(&[&[(Some(0), &[])]]), [true]);
        let still: &Pages = &[(Some(3), &["a", "b"]), (Some(3), &["c"])];
        assert_eq!(suffice(&[still, still]), [false, true]);
        // "a" goes, "d" comes: the number is right and "c" was passed by.
        let moved: &Pages = &[(Some(4), &["a", "b"]), (Some(4), &["e", "d"])];
        let after: &Pages = &[(Some(4), &["b", "c"]), (Some(4), &["e", "d"])];
        assert_eq!(suffice(&[moved, after, after]), [false, false, true]);
        // No number is said: a pass that brings nothing new is all there is to go by.
        let silent: &Pages = &[(None, &["a"]), (None, &[])];
        assert_eq!(suffice(&[silent, silent]), [false, true]);
        let more: &Pages = &[(None, &["a", "b"]), (None, &[])];
        assert_eq!(suffice(&[silent, more, more]), [false, false, true]);
        // The list says more than it shows, or another number on every page.
        assert_eq!(suffice(&[&[(Some(5), &["a"])], &[(Some(5), &["a"])]]), [false, false]);
        let shrinking: &Pages = &[(Some(3), &["a", "b"]), (Some(2), &[])];
        assert_eq!(suffice(&[shrinking, shrinking]), [false, false]);
    }
}
