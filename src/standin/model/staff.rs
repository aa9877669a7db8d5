//! Workers, as far as cases name them, and whom they must not work with.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Worker {
    /// `w-noarlunga-07`.
    pub id: String,
    pub updated_at: Timestamp,
    pub name: String,
    pub office: String,
    pub team: String,
    pub role: WorkerRole,
    pub supervisor_id: Option<String>,
    pub phone: String,
    pub left_on: Option<Date>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerRole {
    Intake,
    CaseWorker,
    TeamLeader,
    Crisis,
    CourtOfficer,
    YouthJustice,
    Student,
}

/// A declared conflict of interest: the worker must not see these persons or this case.
#[derive(Clone, Debug, Serialize)]
pub struct Conflict {
    /// `F-99017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub worker_id: String,
    pub person_ids: Vec<String>,
    pub case_ids: Vec<String>,
    pub relation: String,
    pub declared_at: Timestamp,
    /// Whom the worker rings instead.
    pub ring_instead: String,
}
