//! Whether a run's result may become the copy: pure.
//!
//! Zero rows or a sharp fall is never taken for deletion. A source that lost its data, or shows an
//! export account less than before, must not empty the copy that people need that same day.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::records::{RecordKind, Tier};

/// Records alive, by tier and kind.
pub type Counts = BTreeMap<Tier, BTreeMap<RecordKind, u64>>;

/// A kind with so few records may fall by any share: the last missing child is found again.
const SMALL: u64 = 20;
/// No department is ever without any of these.
const NEVER_NONE: [RecordKind; 2] = [RecordKind::Person, RecordKind::Case];
/// More rejected rows than one in this many are not an odd row but another format.
const REJECTED_ONE_IN: u64 = 100;

/// Why a run was not published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The source gave nothing at all.
    Nothing,
    Fell {
        kind: RecordKind,
        before: u64,
        after: u64,
    },
    Rejected {
        rows: u64,
        of: u64,
    },
    /// An essential field, as `collection.field`, that no row has any more: a role lost it.
    Lost {
        field: String,
    },
    /// A collection that had rows, of a source that answers an error with an empty list.
    Empty {
        collection: String,
        before: u64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("the source gave no records at all"),
            Self::Fell { kind, before, after } => {
                write!(f, "{kind} records fell from {before} to {after}")
            }
            Self::Rejected { rows, of } => {
                write!(f, "{rows} of {of} rows do not fit the mapping")
            }
            Self::Lost { field } => {
                write!(f, "no row has '{field}' any more: may the export account still read it?")
            }
            Self::Empty { collection, before } => {
                write!(f, "'{collection}' is empty and had {before} rows")
            }
        }
    }
}

/// Compares what was with what would be; empty means that it may be published.
#[must_use]
pub fn reasons(before: &Counts, after: &Counts, fall_percent: u8) -> Vec<Reason> {
    let (before, after) = (by_kind(before), by_kind(after));
    if after.values().sum::<u64>() == 0 {
        return vec![Reason::Nothing];
    }
    let fell = before.into_iter().filter_map(|(kind, before)| {
        let after = after.get(&kind).copied().unwrap_or(0);
        let kept = before * (100 - u64::from(fall_percent.min(100)));
        let sharp = before > SMALL && after * 100 < kept;
        (sharp || (after == 0 && NEVER_NONE.contains(&kind))).then_some(Reason::Fell {
            kind,
            before,
            after,
        })
    });
    fell.collect()
}

/// Whether so many rows were rejected that the format must have changed.
#[must_use]
pub fn rejected(rows: u64, of: u64) -> Option<Reason> {
    (rows * REJECTED_ONE_IN > of).then_some(Reason::Rejected { rows, of })
}

/// Over both tiers: a record that moves between them is not lost.
fn by_kind(counts: &Counts) -> BTreeMap<RecordKind, u64> {
    let mut sums = BTreeMap::new();
    for (kind, count) in counts.values().flatten() {
        *sums.entry(*kind).or_default() += count;
    }
    sums.retain(|_, count: &mut u64| *count > 0);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(people: u64, restricted: u64, alerts: u64) -> Counts {
        let standard = [(RecordKind::Person, people), (RecordKind::SafetyAlert, alerts)];
        let restricted = [(RecordKind::Person, restricted)];
        [(Tier::Standard, standard.into()), (Tier::Restricted, restricted.into())].into()
    }

    #[test]
    fn nothing_or_a_sharp_fall_is_not_deletion() {
        let before = counts(100, 0, 5);
        assert_eq!(reasons(&before, &counts(0, 0, 0), 20), [Reason::Nothing]);
        assert_eq!(reasons(&Counts::new(), &Counts::new(), 20), [Reason::Nothing]);
        let fell = |kind, before, after| vec![Reason::Fell { kind, before, after }];
        assert_eq!(reasons(&before, &counts(79, 0, 5), 20), fell(RecordKind::Person, 100, 79));
        assert_eq!(reasons(&before, &counts(80, 0, 5), 20), []);
        assert_eq!(reasons(&before, &counts(60, 40, 5), 20), []);
        assert_eq!(reasons(&before, &counts(100, 0, 1), 20), []);
        assert_eq!(reasons(&before, &counts(100, 0, 0), 20), []);
        assert_eq!(reasons(&counts(2, 0, 5), &counts(0, 0, 5), 20), fell(RecordKind::Person, 2, 0));
    }

    #[test]
    fn an_odd_row_passes_and_another_format_does_not() {
        assert_eq!(rejected(0, 0), None);
        assert_eq!(rejected(1, 100), None);
        assert_eq!(rejected(2, 100), Some(Reason::Rejected { rows: 2, of: 100 }));
    }
}
