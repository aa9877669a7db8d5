//! Orders of a court and the hearings that lead to them.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::Sensitivity;

#[derive(Clone, Debug, Serialize)]
pub struct Order {
    /// `O-90017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub case_id: String,
    pub child_ids: Vec<String>,
    pub kind: OrderKind,
    pub court: String,
    pub file_number: String,
    pub made_on: Date,
    /// None for an order until the age of 18.
    pub expires_at: Option<Timestamp>,
    pub conditions: Vec<String>,
    /// Whom an intervention order restrains.
    pub restrains_id: Option<String>,
    pub protects_ids: Vec<String>,
    pub next_event: Option<String>,
    pub sensitivity: Sensitivity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    Investigation,
    InterimGuardianship,
    GuardianshipToTwelveMonths,
    GuardianshipToEighteen,
    Supervision,
    Intervention,
}

#[derive(Clone, Debug, Serialize)]
pub struct Hearing {
    /// `G-95017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub case_id: String,
    pub order_id: Option<String>,
    pub child_ids: Vec<String>,
    pub kind: String,
    pub court: String,
    pub room: String,
    pub starts_at: Timestamp,
    /// The document to file, and until when.
    pub filing: Option<String>,
    pub filing_due_at: Option<Timestamp>,
    pub filed_at: Option<Timestamp>,
    pub court_officer_id: String,
    pub outcome: Option<String>,
}
