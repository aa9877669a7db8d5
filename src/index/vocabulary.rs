//! Every word of every name in an index: what a word may be a misspelling of, or sounds like.
//!
//! It holds names alone, so that guessing finds nothing else. A word that is not in it is answered
//! by nothing here.

use std::collections::HashMap;

use super::Matched;
use super::words::sounds;

/// Words that stand in for one misspelt word, and as many again for one written by ear.
const AT_MOST: usize = 8;
/// As many by ear where other words narrow the search: Eoin is Owen, though no letter tells.
const AT_MOST_BESIDE_OTHERS: usize = 32;
/// Two words of one sound that are less alike than this are not one name, where nothing else tells.
const LEAST_LIKENESS: f64 = 0.2;
/// A misspelling counts by its likeness, but never as much as the beginning of a name.
const ALIKE: f64 = 0.85;
const SOUNDS: f64 = 0.7;

#[derive(Default)]
pub struct Vocabulary {
    words: Vec<Word>,
    by_sound: HashMap<Box<str>, Vec<u32>>,
}

struct Word {
    text: Box<str>,
    chars: usize,
    letters: u64,
}

/// A name's word in place of the one that was typed.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    pub word: String,
    /// Above 0 and below that of a name's beginning.
    pub likeness: f64,
    pub how: Matched,
}

impl Vocabulary {
    /// Takes words with their sounds, codes separated by spaces.
    pub fn of(words: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut vocabulary = Self::default();
        for (at, (word, codes)) in (0..).zip(words) {
            for code in codes.split_ascii_whitespace() {
                match vocabulary.by_sound.get_mut(code) {
                    Some(alike) => alike.push(at),
                    None => drop(vocabulary.by_sound.insert(code.into(), vec![at])),
                }
            }
            let (chars, letters) = (word.chars().count(), letters(&word));
            vocabulary.words.push(Word { text: word.into(), chars, letters });
        }
        vocabulary
    }

    /// What may have been meant, other than the word itself; nearest first, each once. A word that
    /// stands `alone` has fewer.
    pub fn alternatives(&self, word: &str, alone: bool) -> Vec<Alternative> {
        let mut found = self.near(word);
        for one in self.sounding(word, alone) {
            if !found.iter().any(|known| known.word == one.word) {
                found.push(one);
            }
        }
        found
    }

    /// Words that are one or two slips away.
    fn near(&self, word: &str) -> Vec<Alternative> {
        let chars = word.chars().count();
        let far = match chars {
            0..=3 => return Vec::new(),
            4..=5 => 1,
            _ => 2,
        };
        let letters = letters(word);
        // A slip changes two letters of a word's set at the most: most words end here.
        let near = |name: &&Word| {
            (name.letters ^ letters).count_ones() <= 2 * far
                && name.chars.abs_diff(chars) <= far as usize
                && *name.text != *word
        };
        let names = self.words.iter().filter(near);
        let names = names.map(|name| (strsim::osa_distance(word, &name.text), name));
        let names = names.filter(|(distance, _)| *distance <= far as usize);
        let name = |(distance, name): (usize, &Word)| Alternative {
            word: name.text.to_string(),
            likeness: ALIKE * likeness(distance, chars.max(name.chars)),
            how: Matched::NameAlike,
        };
        best(names.map(name).collect(), AT_MOST)
    }

    fn sounding(&self, word: &str, alone: bool) -> Vec<Alternative> {
        let chars = word.chars().count();
        let codes = sounds(word);
        let names = codes.iter().filter_map(|code| self.by_sound.get(code.as_str())).flatten();
        let mut names: Vec<u32> = names.copied().collect();
        names.sort_unstable();
        names.dedup();
        let names = names.into_iter().map(|at| &self.words[at as usize]);
        let names = names.filter(|name| *name.text != *word).filter_map(|name| {
            let distance = strsim::osa_distance(word, &name.text);
            let likeness = likeness(distance, chars.max(name.chars));
            (!alone || likeness >= LEAST_LIKENESS).then(|| Alternative {
                word: name.text.to_string(),
                likeness: SOUNDS * (1.0 + likeness) / 2.0,
                how: Matched::NameSounds,
            })
        });
        best(names.collect(), if alone { AT_MOST } else { AT_MOST_BESIDE_OTHERS })
    }
}

fn best(mut found: Vec<Alternative>, at_most: usize) -> Vec<Alternative> {
    found.sort_by(|a, b| b.likeness.total_cmp(&a.likeness).then_with(|| a.word.cmp(&b.word)));
    found.truncate(at_most);
    found
}

/// 1 for the same word, 0 for one that has nothing in common.
fn likeness(distance: usize, chars: usize) -> f64 {
    let narrow = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    1.0 - narrow(distance) / narrow(chars.max(1))
}

/// Which letters a word has, one bit each.
fn letters(word: &str) -> u64 {
    word.chars().fold(0, |set, letter| {
        set | 1
            << match letter {
                'a'..='z' => u32::from(letter) - u32::from('a'),
                _ => 26 + u32::from(letter) % 38,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(words: &[&str]) -> Vocabulary {
        Vocabulary::of(words.iter().map(|word| ((*word).to_owned(), sounds(word).join(" "))))
    }

    fn first(names: &Vocabulary, word: &str) -> Option<(String, Matched)> {
        names.alternatives(word, true).into_iter().next().map(|one| (one.word, one.how))
    }

    #[test]
    fn slips_and_sounds_are_told_apart() {
        let names = vocabulary(&["whaanga", "catherine", "smith", "lee"]);
        assert_eq!(first(&names, "whanga"), Some(("whaanga".into(), Matched::NameAlike)));
        assert_eq!(first(&names, "kathryn"), Some(("catherine".into(), Matched::NameSounds)));
        assert_eq!(first(&names, "smith"), None);
        // Short words have too many neighbours.
        assert_eq!(names.near("lea"), []);
        assert_eq!(first(&names, "zzqqxx"), None);
        let names = vocabulary(&["eoin", "aoife", "rory"]);
        for (heard, written) in [("owen", "eoin"), ("eefa", "aoife"), ("ruairi", "rory")] {
            let found = names.alternatives(heard, false);
            assert!(found.iter().any(|one| one.word == written), "{heard}: {found:?}");
        }
    }

    #[test]
    fn only_the_nearest_stand_in() {
        let words: Vec<String> = (b'a'..=b'z').map(|c| format!("common{}", c as char)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let names = vocabulary(&words);
        let found = names.alternatives("commons", true);
        assert!(found.len() <= 2 * AT_MOST && found.len() >= AT_MOST);
        assert!(found.iter().all(|one| one.likeness > 0.0 && one.likeness < 0.9));
    }
}
