//! Folding text into comparable words, and their sounds.

use rphonetic::DoubleMetaphone;

/// Longer words are cut: nobody types them, and comparing costs by the square.
const MAX_WORD_CHARS: usize = 32;

/// The words of a text: lower case, without diacritics and apostrophes, split at everything that is
/// neither letter nor digit. "Ngāti O’Brien-Synthetic" gives ngati, obrien, synthetic.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars().flat_map(char::to_lowercase).chain([' ']) {
        match fold(c) {
            Folded::Letters(letters) => word.push_str(letters),
            Folded::Same(c) => word.push(c),
            Folded::Nothing => {}
            Folded::Gap if word.is_empty() => {}
            Folded::Gap => words.push(cut(std::mem::take(&mut word))),
        }
    }
    words
}

fn cut(word: String) -> String {
    if word.len() <= MAX_WORD_CHARS { word } else { word.chars().take(MAX_WORD_CHARS).collect() }
}

enum Folded {
    Same(char),
    Letters(&'static str),
    Nothing,
    Gap,
}

/// The Latin letters that names of these countries are written with; other scripts stay.
fn fold(c: char) -> Folded {
    let letters = match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ' | 'ả' | 'ấ' | 'ầ' | 'ẩ' | 'ậ' => {
            "a"
        }
        'æ' => "ae",
        'ç' | 'ć' | 'č' | 'ĉ' | 'ċ' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ẹ' | 'ế' | 'ề' | 'ể' | 'ễ' | 'ệ' => {
            "e"
        }
        'ğ' | 'ĝ' | 'ġ' | 'ģ' => "g",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' | 'ị' => "i",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' | 'ŋ' => "n",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'ơ' | 'ọ' | 'ố' | 'ồ' | 'ộ' => "o",
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ț' => "t",
        'þ' => "th",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' | 'ư' | 'ụ' | 'ứ' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        // Apostrophes and the ʻokina, and marks that combine with the letter before.
        '\'' | '’' | '‘' | 'ʻ' | 'ʼ' | '`' | '\u{300}'..='\u{36f}' => return Folded::Nothing,
        c if c.is_alphanumeric() => return Folded::Same(c),
        _ => return Folded::Gap,
    };
    Folded::Letters(letters)
}

/// How a folded word sounds: its double-metaphone codes, one or two, empty for words that are not
/// made of plain letters. Source: Lawrence Philips, "The Double Metaphone Search Algorithm", 2000.
pub fn sounds(word: &str) -> Vec<String> {
    if word.len() < 2 || !word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Vec::new();
    }
    let codes = DoubleMetaphone::default().double_metaphone(word);
    let mut codes = vec![codes.primary(), codes.alternate()];
    codes.retain(|code| !code.is_empty());
    codes.dedup();
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macrons_apostrophes_and_case_fold_away() {
        assert_eq!(words("Ngāti O’Brien-Synthetic"), ["ngati", "obrien", "synthetic"]);
        assert_eq!(words("HŌNE  Te-Rangi Nga\u{304}ti"), ["hone", "te", "rangi", "ngati"]);
        assert_eq!(words("12/4 Nguyễn St."), ["12", "4", "nguyen", "st"]);
        assert!(words(" –,. ").is_empty());
    }

    #[test]
    fn names_that_sound_alike_share_a_code() {
        let share = |a, b| sounds(a).iter().any(|code| sounds(b).contains(code));
        assert!(share("smith", "smyth"));
        assert!(share("catherine", "kathryn"));
        assert!(!share("smith", "nguyen"));
        assert!(sounds("x1").is_empty());
        assert!(sounds("نور").is_empty());
    }
}
