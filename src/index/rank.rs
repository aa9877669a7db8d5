//! How well a row answers what was asked: pure, over the few rows that candidates left.

use super::Matched;
use super::query::Wanted;
use super::words::sounds;

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
/// A misspelling counts by its likeness, but never as much as the beginning of a name.
const ALIKE: f64 = 0.85;
const SOUNDS: f64 = 0.7;
/// Below this two words are not alike.
const LEAST_LIKENESS: f64 = 0.75;

/// Likeness in 0..=1 and why; none when nothing matches.
pub fn rank(
    wanted: &Wanted,
    born: (Option<i64>, Option<i64>),
    row: &Candidate,
) -> Option<(f64, Vec<Matched>)> {
    let mut matched = Vec::new();
    let mut scores = Vec::new();
    for word in &wanted.words {
        let (score, why) = best(word, row);
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
fn best(word: &str, row: &Candidate) -> (f64, Option<Matched>) {
    let codes = sounds(word);
    let names = row.names.split(['\n', ' ']).map(|name| like(word, &codes, name));
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

fn like(word: &str, codes: &[String], name: &str) -> (f64, Option<Matched>) {
    if name == word {
        return (EXACT, Some(Matched::Name));
    }
    if name.starts_with(word) {
        return (BEGINS, Some(Matched::NameBegins));
    }
    let likeness = strsim::normalized_damerau_levenshtein(word, name);
    if likeness >= LEAST_LIKENESS {
        return (ALIKE * likeness, Some(Matched::NameAlike));
    }
    if sounds(name).iter().any(|code| codes.contains(code)) {
        return (SOUNDS, Some(Matched::NameSounds));
    }
    // Weak likeness orders what sound or spelling brought, and does not bring anything itself.
    (ALIKE * likeness * 0.5, None)
}
