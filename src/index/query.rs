//! What somebody typed, taken apart: names, dates of birth, numbers.

use jiff::civil::Date;

use super::words::words;

/// More words than anybody needs; the rest is not looked at.
const MAX_WORDS: usize = 8;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Folded words that are no dates.
    pub words: Vec<String>,
    /// The date as typed, day first unless the year is.
    pub born_on: Option<Date>,
    /// The same with day and month the other way round, when that is a date too.
    pub transposed: Option<Date>,
}

impl Wanted {
    pub fn parse(text: &str) -> Self {
        let mut wanted = Self::default();
        let mut rest = Vec::new();
        for token in text.split_whitespace() {
            match date(token) {
                Some(parts) if wanted.born_on.is_none() => wanted.take_date(parts),
                _ => rest.push(token),
            }
        }
        wanted.words = words(&rest.join(" "));
        wanted.words.truncate(MAX_WORDS);
        wanted
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.born_on.is_none() && self.transposed.is_none()
    }

    fn take_date(&mut self, (year, month, day): (i16, i8, i8)) {
        self.born_on = Date::new(year, month, day).ok();
        self.transposed = Date::new(year, day, month).ok().filter(|_| day != month);
    }
}

/// Year, month, day of 3/5/2015, 03.05.2015, 2015-05-03 or 03052015; whether such a day exists is
/// for the caller, as its transposition may.
fn date(token: &str) -> Option<(i16, i8, i8)> {
    let token = token.trim_matches(|c: char| matches!(c, ',' | ';' | '.'));
    let parts: Vec<&str> = token.split(['/', '.', '-']).collect();
    let (year, month, day) = match parts[..] {
        [year, month, day] if year.len() == 4 => (year, month, day),
        [day, month, year] if year.len() == 4 => (year, month, day),
        [digits] if digits.len() == 8 && digits.is_ascii() => {
            (&digits[4..], &digits[2..4], &digits[..2])
        }
        _ => return None,
    };
    let number = |text: &str, most: i16| -> Option<i16> {
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| plain && (1..=most).contains(number))
    };
    let (year, month, day) = (number(year, 2200)?, number(month, 31)?, number(day, 31)?);
    // No month beyond 12 in either order is a date.
    let plausible = year >= 1880 && (month <= 12 || day <= 12);
    plausible.then(|| Some((year, month.try_into().ok()?, day.try_into().ok()?)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<Date> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn dates_are_found_among_words() {
        let wanted = Wanted::parse("Mere Synthetic 3/5/2015");
        assert_eq!(wanted.words, ["mere", "synthetic"]);
        assert_eq!((wanted.born_on, wanted.transposed), (day("2015-05-03"), day("2015-03-05")));
        for same in ["2015-05-03", "03.05.2015", "03052015", "03-05-2015,"] {
            assert_eq!(Wanted::parse(same).born_on, day("2015-05-03"), "{same}");
        }
    }

    #[test]
    fn a_date_only_possible_the_other_way_is_still_one() {
        let wanted = Wanted::parse("5/23/2015");
        assert_eq!((wanted.born_on, wanted.transposed), (None, day("2015-05-23")));
        assert_eq!(Wanted::parse("23/5/2015").transposed, None);
    }

    #[test]
    fn numbers_are_no_dates() {
        for number in ["C-10432", "99/99/2015", "2015", "12345678", "1/2/3"] {
            let wanted = Wanted::parse(number);
            assert_eq!((wanted.born_on, wanted.transposed), (None, None), "{number}");
            assert!(!wanted.is_empty());
        }
        assert!(Wanted::parse(" ?! ").is_empty());
    }
}
