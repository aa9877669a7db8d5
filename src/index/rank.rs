//! How well a row answers what was asked: pure, over the few rows that candidates left.

use super::Matched;
use super::query::Wanted;
use super::vocabulary::Alternative;

/// A candidate as the tables hold it.
pub struct Candidate {
    /// Folded, one name a line.
    pub names: String,
    pub numbers: String,
    pub address: String,
    /// yyyymmdd.
    pub born: Option<i64>,
}

const EXACT: f64 = 1.0;
const BEGINS: f64 = 0.9;

/// Likeness in 0..=1 and why; none when nothing matches. `alternatives` are those of each word.
pub fn rank(
    wanted: &Wanted,
    alternatives: &[Vec<Alternative>],
    born: (Option<i64>, Option<i64>),
    row: &Candidate,
) -> Option<(f64, Vec<Matched>)> {
    let mut matched = Vec::new();
    let mut scores = Vec::new();
    for (word, alternatives) in wanted.words.iter().zip(alternatives) {
        let (score, why) = best(word, alternatives, row);
        scores.push(score);
        matched.extend(why);
    }
    if born != (None, None) {
        let (score, why) = match row.born {
            Some(day) if Some(day) == born.0 => (EXACT, Some(Matched::Born)),
            Some(day) if Some(day) == born.1 => (BEGINS, Some(Matched::BornTransposed)),
            _ => (0.0, None),
        };
        scores.push(score);
        matched.extend(why);
    }
    matched.sort_unstable();
    matched.dedup();
    let likeness = scores.iter().sum::<f64>() / f64::from(u32::try_from(scores.len()).ok()?);
    (!matched.is_empty()).then_some((likeness, matched))
}

/// How well one word is answered by the row's best word.
fn best(word: &str, alternatives: &[Alternative], row: &Candidate) -> (f64, Option<Matched>) {
    let names = row.names.split(['\n', ' ']).map(|name| like(word, alternatives, name));
    let numbers = row.numbers.split(['\n', ' ']).map(|number| {
        if number == word {
            (EXACT, Some(Matched::Number))
        } else if word.len() >= 3 && number.starts_with(word) {
            (BEGINS, Some(Matched::Number))
        } else {
            (0.0, None)
        }
    });
    let address = row.address.split(' ').map(|part| {
        if part == word {
            (EXACT, Some(Matched::Address))
        } else if part.starts_with(word) {
            (BEGINS, Some(Matched::Address))
        } else {
            (0.0, None)
        }
    });
    names.chain(numbers).chain(address).fold(
        (0.0, None),
        |best, next| {
            if next.0 > best.0 { next } else { best }
        },
    )
}

fn like(word: &str, alternatives: &[Alternative], name: &str) -> (f64, Option<Matched>) {
    if name == word {
        return (EXACT, Some(Matched::Name));
    }
    if name.starts_with(word) {
        return (BEGINS, Some(Matched::NameBegins));
    }
    let meant = alternatives.iter().find(|meant| meant.word == name);
    meant.map_or((0.0, None), |meant| (meant.likeness, Some(meant.how)))
}
