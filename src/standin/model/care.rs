//! Where a child lives when not at home, and what whoever cares for it must know.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::Sensitivity;

#[derive(Clone, Debug, Serialize)]
pub struct Placement {
    /// `L-45017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub child_id: String,
    pub case_id: String,
    pub kind: PlacementKind,
    pub began_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub household_id: Option<String>,
    pub carer_ids: Vec<String>,
    /// What the carer is to the child: "maternal grandmother".
    pub carer_is: Option<String>,
    pub carer_approval: CarerApproval,
    pub placed_by_worker_id: String,
    /// Who was consulted under the placement principle, or why not and by when.
    pub consulted: Option<String>,
    pub consents: Vec<String>,
    pub school: Option<String>,
    pub routines: Option<String>,
    pub emergency_contact: Option<String>,
    pub sensitivity: Sensitivity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlacementKind {
    Kin,
    Foster,
    Residential,
    Emergency,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CarerApproval {
    Approved,
    /// Placed before the assessment is finished.
    Provisional,
    NotNeeded,
}

/// What an emergency department or a carer asks first.
#[derive(Clone, Debug, Serialize)]
pub struct HealthEssentials {
    /// `M-47017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub person_id: String,
    pub medication: Vec<Medication>,
    pub allergies: Vec<Allergy>,
    pub conditions: Vec<String>,
    pub practitioner: Option<String>,
    pub last_health_check_on: Option<Date>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Medication {
    pub name: String,
    pub dose: String,
    pub given: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Allergy {
    pub to: String,
    pub reaction: String,
}

/// How a child sees somebody it does not live with.
#[derive(Clone, Debug, Serialize)]
pub struct ContactArrangement {
    /// `Q-48017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub child_id: String,
    pub with_id: String,
    pub how_often: String,
    pub place: String,
    pub supervised_by: Option<String>,
    pub next_at: Option<Timestamp>,
    pub suspended: bool,
    pub conditions: Option<String>,
}
