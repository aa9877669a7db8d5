//! The records of a case system, as its export writes them.
//!
//! Field names and words are the interface that capture maps from: they are described in
//! [`super::export`] and change only together with it. Every field is always written, absent ones
//! as `null` or an empty list, so that a vanished field can be told from an empty one. Nothing here
//! generates, stores or serves.

pub mod care;
pub mod casework;
pub mod legal;
pub mod people;
pub mod staff;

use jiff::Timestamp;
use serde::Serialize;

/// What every record has: a stable id and the instant of its last change.
pub trait Row: Clone + Serialize {
    fn id(&self) -> &str;
    fn updated_at(&self) -> Timestamp;
    fn set_updated_at(&mut self, at: Timestamp);
}

macro_rules! rows {
    ($($row:ty),* $(,)?) => {$(
        impl Row for $row {
            fn id(&self) -> &str {
                &self.id
            }
            fn updated_at(&self) -> Timestamp {
                self.updated_at
            }
            fn set_updated_at(&mut self, at: Timestamp) {
                self.updated_at = at;
            }
        }
    )*};
}

rows!(
    people::Person,
    people::Household,
    people::Relationship,
    casework::Case,
    casework::ConcernReport,
    casework::SafetyAlert,
    casework::SafetyPlan,
    casework::Note,
    casework::Task,
    casework::Transfer,
    legal::Order,
    legal::Hearing,
    care::Placement,
    care::HealthEssentials,
    care::ContactArrangement,
    staff::Worker,
    staff::Conflict,
);

/// Who may see a record at all; restricted ones need key holders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    Standard,
    Restricted,
}
