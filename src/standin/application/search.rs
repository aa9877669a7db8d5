//! Finding persons by name, alias, date of birth or number, without regard to diacritics.
//!
//! Every word asked for must begin a word of the person. It does not forgive misspellings: real
//! case systems seldom do, which is a reason for the copy's search to.

use super::super::model::people::Person;
use super::super::register::Register;

/// More than this nobody reads.
pub(super) const MAX_RESULTS: usize = 50;

/// The persons found, in the order of their numbers, and how many there are in all.
pub(super) fn persons<'a>(register: &'a Register, query: &str) -> (Vec<&'a Person>, usize) {
    let folded = fold(query);
    let asked: Vec<&str> = folded.split_whitespace().collect();
    if asked.is_empty() {
        return (Vec::new(), 0);
    }
    let found = register.persons.iter().filter(|person| is_meant(person, &asked));
    let (mut shown, mut count) = (Vec::new(), 0);
    for person in found {
        count += 1;
        if shown.len() < MAX_RESULTS {
            shown.push(person);
        }
    }
    (shown, count)
}

fn is_meant(person: &Person, asked: &[&str]) -> bool {
    let mut text = format!("{} {} ", person.given_names, person.family_name);
    for alias in &person.aliases {
        text.push_str(&alias.name);
        text.push(' ');
    }
    text.extend(person.preferred_name.iter().flat_map(|name| [name.as_str(), " "]));
    let mut words = fold(&text);
    // Number and date keep their hyphens.
    words.push_str(&person.id.to_lowercase());
    if let Some(born_on) = person.born_on {
        words.push_str(&format!(" {born_on}"));
    }
    asked.iter().all(|asked| words.split_whitespace().any(|word| word.starts_with(asked)))
}

/// Lower case, without marks on letters; apostrophes go, hyphens between letters part words.
fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().flat_map(char::to_lowercase).peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '’' | '\u{300}'..='\u{36f}' => continue,
            '-' if before.is_alphabetic() && chars.peek().is_some_and(|c| c.is_alphabetic()) => {
                folded.push(' ');
            }
            _ => folded.push(unmarked(c)),
        }
        before = c;
    }
    folded
}

/// The letter under the mark, for the lower-case Latin letters of the names that occur.
fn unmarked(c: char) -> char {
    const LETTERS: [(char, &str); 13] = [
        ('a', "àáâãäåāăąạảấầẩẫậắằẳẵặ"),
        ('c', "çćč"),
        ('d', "đď"),
        ('e', "èéêëēęěẹẻẽếềểễệ"),
        ('g', "ğ"),
        ('i', "ìíîïīıịỉĩ"),
        ('l', "ł"),
        ('n', "ñńň"),
        ('o', "òóôõöøōọỏốồổỗộớờởỡợơ"),
        ('s', "śšşș"),
        ('u', "ùúûüūůụủũứừửữựư"),
        ('y', "ýỳỷỹỵ"),
        ('z', "źżž"),
    ];
    if c.is_ascii() {
        return c;
    }
    LETTERS.iter().find(|(_, marked)| marked.contains(c)).map_or(c, |(letter, _)| *letter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standin::families::{Settings, generate};
    use crate::standin::situations;

    fn found(query: &str) -> Vec<String> {
        let now = "2023-03-01T22:30:00Z".parse().unwrap();
        let register = generate(Settings { seed: 1, people: situations::PEOPLE, now });
        persons(&register, query).0.iter().map(|person| person.id.clone()).collect()
    }

    #[test]
    fn macrons_hyphens_and_case_do_not_matter() {
        for query in ["ngati", "Ngāti-Moana", "NGATI moana", "moana ngā"] {
            let found = found(query);
            assert!(found.contains(&situations::MACRON_MOTHER.to_owned()), "{query}: {found:?}");
            assert!(found.contains(&situations::MACRON_CHILD.to_owned()), "{query}: {found:?}");
        }
        assert_eq!(found("dragovic mila"), [situations::EXPIRING_CHILD]);
    }

    #[test]
    fn both_namesakes_are_found_and_a_birthday_tells_them_apart() {
        assert_eq!(found("jayden thompson"), situations::NAMESAKES);
        assert_eq!(found("jayden 2014-04-03"), [situations::NAMESAKES[1]]);
        assert_eq!(found("P-10050"), [situations::NAMESAKES[0]]);
    }

    #[test]
    fn nothing_is_found_for_nothing_or_a_misspelling() {
        assert!(found("  ").is_empty());
        assert!(found("Wojchehowski").is_empty());
        assert_eq!(found("wojciechowski"), [situations::MISSPELT_CHILD]);
    }

    #[test]
    fn every_marked_letter_of_the_names_folds() {
        use crate::standin::families::names::COMMUNITIES;
        for community in &COMMUNITIES {
            for name in [community.surnames, community.women, community.men].concat() {
                assert!(fold(name).is_ascii(), "{name} → {}", fold(name));
            }
        }
    }
}
