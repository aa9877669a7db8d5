//! The few fixed phrases of a playbook, each with the sentence that says how to write it.
//!
//! These are closed forms, not a language: nothing nests and nothing is computed.

use std::num::NonZeroU32;

use crate::domain::ids::PlaybookStepId;
use crate::domain::length::Length;
use crate::domain::playbook::{AcknowledgedBy, Condition, Corroboration, Measure};

/// `2 locations or 3 staff reports`.
pub(super) fn corroboration(text: &str) -> Result<Corroboration, String> {
    let wrong = || {
        format!(
            "'{text}' cannot be read: write '2 locations', '3 staff reports' or '2 locations or 3 \
             staff reports'"
        )
    };
    let mut read = Corroboration { locations: None, staff_reports: None };
    for part in text.split(" or ") {
        let (number, what) = part.trim().split_once(' ').ok_or_else(wrong)?;
        let number: NonZeroU32 = number.parse().map_err(|_| wrong())?;
        let slot = match what {
            "location" | "locations" => &mut read.locations,
            "staff report" | "staff reports" => &mut read.staff_reports,
            _ => return Err(wrong()),
        };
        if slot.replace(number.get()).is_some() {
            return Err(wrong());
        }
    }
    Ok(read)
}

/// `any 1`, `any 2`, `all`.
pub(super) fn acknowledged_by(text: &str) -> Result<AcknowledgedBy, String> {
    match text.split_once(' ') {
        None if text == "all" => Some(AcknowledgedBy::All),
        Some(("any", number)) => {
            number.parse().ok().map(|number: NonZeroU32| AcknowledgedBy::Any(number.get()))
        }
        _ => None,
    }
    .ok_or_else(|| format!("'{text}' cannot be read: write 'any 1', 'any 2' or 'all'"))
}

/// `every 5 min`.
pub(super) fn every(text: &str) -> Result<Length, String> {
    text.strip_prefix("every ")
        .and_then(|length| length.parse().ok())
        .filter(|length| *length > Length::from_secs(0))
        .ok_or_else(|| format!("'{text}' cannot be read: write for example 'every 5 min'"))
}

/// `6 times`, `1 time`.
pub(super) fn times(text: &str) -> Result<u32, String> {
    text.strip_suffix(" times")
        .or_else(|| text.strip_suffix(" time"))
        .and_then(|number| number.parse().ok())
        .filter(|number| (1..=100).contains(number))
        .ok_or_else(|| format!("'{text}' cannot be read: write '1 time' to '100 times'"))
}

/// `recovered`, `not recovered`, `tell-duty acknowledged`, `open-offices not approved` …
pub(super) fn condition(text: &str) -> Result<Condition, String> {
    let wrong = || {
        format!(
            "'{text}' is not a condition: write 'recovered', 'not recovered', 'STEP acknowledged', \
             'STEP not acknowledged', 'STEP approved' or 'STEP not approved'"
        )
    };
    match text {
        "recovered" => return Ok(Condition::Recovered),
        "not recovered" => return Ok(Condition::NotRecovered),
        _ => {}
    }
    let (step, what) = text.split_once(' ').ok_or_else(wrong)?;
    let step = PlaybookStepId::new(step).map_err(|_| wrong())?;
    match what {
        "acknowledged" => Ok(Condition::Acknowledged(step)),
        "not acknowledged" => Ok(Condition::NotAcknowledged(step)),
        "approved" => Ok(Condition::Approved(step)),
        "not approved" => Ok(Condition::NotApproved(step)),
        _ => Err(wrong()),
    }
}

/// `tell-duty.acknowledged_within`.
pub(super) fn measure(text: &str) -> Result<(PlaybookStepId, Measure), String> {
    let wrong = || {
        format!(
            "'{text}' cannot be read: write 'STEP.acknowledged_within', 'STEP.approved_within' or \
             'STEP.done_within'"
        )
    };
    let (step, what) = text.split_once('.').ok_or_else(wrong)?;
    let step = PlaybookStepId::new(step).map_err(|_| wrong())?;
    let measure = match what {
        "acknowledged_within" => Measure::Acknowledged,
        "approved_within" => Measure::Approved,
        "done_within" => Measure::Done,
        _ => return Err(wrong()),
    };
    Ok((step, measure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_read_as_they_are_written_in_plans() {
        assert_eq!(
            corroboration("2 locations or 3 staff reports"),
            Ok(Corroboration { locations: Some(2), staff_reports: Some(3) })
        );
        assert_eq!(acknowledged_by("any 2"), Ok(AcknowledgedBy::Any(2)));
        assert_eq!(every("every 5 min"), Ok(Length::from_secs(300)));
        assert_eq!(times("6 times"), Ok(6));
        assert_eq!(condition("not recovered"), Ok(Condition::NotRecovered));
        assert_eq!(
            condition("tell-duty not acknowledged"),
            Ok(Condition::NotAcknowledged(PlaybookStepId::new("tell-duty").unwrap()))
        );
        assert_eq!(measure("a.done_within").unwrap().1, Measure::Done);
    }

    #[test]
    fn other_phrases_are_refused() {
        for text in ["2", "2 moons", "0 locations", "2 locations or 3 locations"] {
            assert!(corroboration(text).is_err(), "{text}");
        }
        for text in ["any", "any 0", "everyone"] {
            assert!(acknowledged_by(text).is_err(), "{text}");
        }
        assert!(every("5 min").is_err());
        assert!(times("6").is_err());
        assert!(times("0 times").is_err());
        assert!(condition("if it rains").is_err());
        assert!(measure("a.b.c").is_err());
    }
}
