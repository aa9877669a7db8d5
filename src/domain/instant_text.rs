//! Instants as other systems write them where nobody says how: RFC 3339, epoch seconds or
//! milliseconds, HTTP dates.
//!
//! A form that a source declares is [`super::instant_form`]'s. Local time without an offset is not
//! read: it would be guessed.

use jiff::Timestamp;

/// Epoch numbers from here on are milliseconds: as seconds this would be the year 5138.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// The instant a text says; none when it is in no form that can be told apart.
#[must_use]
pub fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            0..FIRST_MILLISECONDS => Timestamp::from_second(number).ok(),
            FIRST_MILLISECONDS.. => Timestamp::from_millisecond(number).ok(),
            _ => None,
        };
    }
    let three_nine = text.parse().ok();
    // HTTP dates (RFC 9110, section 5.6.7) are those of RFC 2822 with `GMT` for the offset.
    three_nine.or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_say_the_same_instant() {
        let at: Timestamp = "2023-03-01T09:00:05Z".parse().unwrap();
        for text in [
            "2023-03-01T09:00:05Z",
            "2023-03-01T19:30:05+10:30",
            " 1677661205 ",
            "1677661205000",
            "Wed, 01 Mar 2023 09:00:05 GMT",
        ] {
            assert_eq!(read(text), Some(at), "{text}");
        }
    }

    #[test]
    fn what_would_have_to_be_guessed_is_not_read() {
        for text in ["", "2023-03-01 09:00:05", "01/03/2023", "-5", "yesterday"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
