//! The numbers of a period: the least, the most and the last of each signal. Beside availability,
//! never in it.

use super::report::SignalLine;
use crate::domain::target::Target;
use crate::store::signals::Range;

/// One line a signal that was read, in the order of the configuration.
#[must_use]
pub fn lines(target: &Target, ranges: &[Range]) -> Vec<SignalLine> {
    let of_target = target.signals().filter_map(|signal| {
        let is_it = |range: &&Range| range.target == target.id && range.signal == signal.id;
        let range = ranges.iter().find(is_it)?;
        Some(SignalLine {
            target: target.id.to_string(),
            signal: signal.id.to_string(),
            title: signal.title.clone(),
            least: range.least,
            most: range.most,
            last: range.last,
            words: [range.least, range.most, range.last].map(|value| signal.words(value)).into(),
        })
    });
    of_target.collect()
}
