//! Instants as texts that a database compares: whether the texts sort as the instants do. Pure.

use jiff::Timestamp;

use super::RowShape;
use crate::domain::instant_form::InstantForm;

/// What a form has to say, and in which order, for its texts to sort.
const PARTS: &str = "YmdHMS";

/// Whether texts of a form sort as their instants do: the large before the small, each of a width
/// that never changes, and no offset.
#[must_use]
pub fn sorts(form: &InstantForm) -> bool {
    let pattern = form.to_string();
    let parts = pattern.split('%').skip(1).map(|part| part.chars().next());
    parts.eq(PARTS.chars().map(Some))
}

/// Whether a text is an instant in the one way of writing that sorts: the source's form to the
/// letter, or RFC 3339 with `T` and `Z`.
#[must_use]
pub fn is_sorted(shape: &RowShape, text: &str) -> bool {
    match &shape.instants {
        Some(form) => form.read(text).is_some_and(|at| form.write(at) == text),
        None => text
            .parse()
            .is_ok_and(|at| text.ends_with('Z') && text.starts_with(&no_later(shape, at))),
    }
}

/// A text that sorts no later than those of the same second or of later ones. Behind the second,
/// `Z` sorts after the point of a fraction: it says neither.
#[must_use]
pub fn no_later(shape: &RowShape, at: Timestamp) -> String {
    match &shape.instants {
        Some(form) => form.write(at),
        None => at.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mapping::expression::FieldPath;

    fn shape(form: Option<&str>) -> RowShape {
        RowShape {
            id: FieldPath::name("id"),
            updated_at: None,
            deleted: None,
            enabled: None,
            instants: form.map(|form| InstantForm::try_from(form.to_owned()).unwrap()),
        }
    }

    #[test]
    fn a_form_sorts_when_the_large_comes_before_the_small() {
        for (form, told) in [
            ("%Y-%m-%d %H:%M:%S", true),
            ("%Y%m%d.%H%M%S", true),
            ("%d/%m/%Y %H:%M:%S", false),
            ("%Y-%m-%d %H:%M:%S %z", false),
            ("%Y-%-m-%d %H:%M:%S", false),
        ] {
            assert_eq!(sorts(&InstantForm::try_from(form.to_owned()).unwrap()), told, "{form}");
        }
    }

    #[test]
    fn a_text_is_compared_in_one_way_of_writing_only() {
        let (rfc, spaced) = (shape(None), shape(Some("%Y-%m-%d %H:%M:%S")));
        for (shape, text, told) in [
            (&rfc, "2023-03-01T09:31:00Z", true),
            (&rfc, "2023-03-01T09:31:00.25Z", true),
            (&rfc, "2023-03-01T20:01:00+10:30", false),
            (&rfc, "2023-03-01 09:31:00Z", false),
            (&spaced, "2023-03-01 09:31:00", true),
            (&spaced, "2023-3-1 9:31:00", false),
            (&spaced, "2023-03-01T09:31:00Z", false),
        ] {
            assert_eq!(is_sorted(shape, text), told, "{text}");
        }
        let at = "2023-03-01T09:31:00.5Z".parse().unwrap();
        for later in ["2023-03-01T09:31:00.55Z", "2023-03-01T09:31:00.5Z", "2023-03-01T09:31:00Z"] {
            assert!(no_later(&rfc, at).as_str() <= later, "{later}");
        }
    }
}
