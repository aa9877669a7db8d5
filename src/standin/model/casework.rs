//! Cases and what happens in them: concern reports, alerts, plans, notes, tasks, transfers.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::Sensitivity;

/// The department's work with one family; often several children.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// `C-30017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub title: String,
    pub status: CaseStatus,
    /// A family below the threshold that agreed to support: never shown as statutory.
    pub voluntary: bool,
    pub opened_on: Date,
    pub closed_on: Option<Date>,
    pub child_ids: Vec<String>,
    pub adult_ids: Vec<String>,
    pub risk_level: RiskLevel,
    pub risk_assessed_on: Option<Date>,
    /// Accountable for safety; never delegated.
    pub accountable_agency: String,
    pub case_management_agency: String,
    pub contracted_tasks: Vec<ContractedTask>,
    /// When the department takes the case back; none where it manages it itself.
    pub takes_back_if: Option<String>,
    pub office: String,
    pub team: String,
    pub key_worker_id: Option<String>,
    pub unallocated: bool,
    pub supervisor_id: String,
    pub sensitivity: Sensitivity,
    pub restricted_reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseStatus {
    Assessment,
    FamilySupport,
    Reunification,
    Guardianship,
    YouthJustice,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RiskLevel {
    Low,
    Moderate,
    High,
    VeryHigh,
}

#[derive(Clone, Debug, Serialize)]
pub struct ContractedTask {
    pub agency: String,
    pub task: String,
    pub until_on: Option<Date>,
}

/// A notification to the report line.
#[derive(Clone, Debug, Serialize)]
pub struct ConcernReport {
    /// `N-50017`, which is also the reference number given to whoever lodged it.
    pub id: String,
    pub updated_at: Timestamp,
    pub received_at: Timestamp,
    pub child_ids: Vec<String>,
    pub case_id: Option<String>,
    pub concern_category: String,
    /// What was told. For intake only.
    pub narrative: String,
    /// Who told. It must never leave this system; it is exported so that capture can prove that
    /// it drops it.
    pub reporter: Reporter,
    pub screening: Screening,
    pub response_due_at: Option<Timestamp>,
    pub responded_at: Option<Timestamp>,
    pub outcome: Option<String>,
    pub lodged_by_worker_id: Option<String>,
    /// Which office it was lodged for; empty for whichever the report line finds. Not exported.
    #[serde(skip)]
    pub receiving_office: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Reporter {
    pub name: String,
    pub phone: String,
    /// "teacher", "neighbour", "hospital".
    pub source_type: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Screening {
    Waiting,
    /// Respond within 24 hours.
    Tier1,
    /// Respond within seven days.
    Tier2,
    /// Respond within 28 days or refer to a service.
    Tier3,
    ScreenedOut,
}

/// Danger to a child, or to a worker at the door.
#[derive(Clone, Debug, Serialize)]
pub struct SafetyAlert {
    /// `A-60017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub kind: AlertKind,
    /// The person or the household it warns of; at least one is given.
    pub person_id: Option<String>,
    pub household_id: Option<String>,
    pub case_id: Option<String>,
    pub text: String,
    pub raised_at: Timestamp,
    pub raised_by: String,
    pub review_on: Option<Date>,
    pub sensitivity: Sensitivity,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    Violence,
    Weapons,
    Dog,
    VisitWithPolice,
    VisitInPairs,
    Newborn,
    SelfHarm,
    MustNotLearn,
}

/// What the family and the department agreed to keep the children safe.
#[derive(Clone, Debug, Serialize)]
pub struct SafetyPlan {
    /// `S-61017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub case_id: String,
    pub agreed_on: Date,
    pub review_on: Date,
    pub agreed_with_ids: Vec<String>,
    pub steps: Vec<String>,
    pub if_it_fails: String,
}

/// A case note; corrections keep what stood there before.
#[derive(Clone, Debug, Serialize)]
pub struct Note {
    /// `T-70017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub case_id: String,
    pub person_ids: Vec<String>,
    pub class: NoteClass,
    pub kind: String,
    pub happened_at: Timestamp,
    pub written_at: Timestamp,
    pub author_id: String,
    pub author: String,
    pub text: String,
    /// 1 for the first writing.
    pub version: u32,
    /// Earlier versions, oldest first.
    pub history: Vec<NoteVersion>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoteClass {
    Casework,
    /// Intake only, as the narratives of concern reports.
    Intake,
    LegalAdvice,
}

#[derive(Clone, Debug, Serialize)]
pub struct NoteVersion {
    pub version: u32,
    pub written_at: Timestamp,
    pub author_id: String,
    pub text: String,
    pub corrected_because: String,
}

/// Something due, with the clock that runs for it.
#[derive(Clone, Debug, Serialize)]
pub struct Task {
    /// `K-80017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub case_id: Option<String>,
    pub child_ids: Vec<String>,
    pub concern_report_id: Option<String>,
    pub kind: TaskKind,
    pub title: String,
    pub clock_started_at: Timestamp,
    pub due_at: Timestamp,
    pub assigned_to_id: Option<String>,
    pub done_at: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// The response to a concern report.
    Response,
    Visit,
    Review,
    Filing,
    HealthCheck,
}

/// A case on its way from one office to another.
#[derive(Clone, Debug, Serialize)]
pub struct Transfer {
    /// `X-85017`.
    pub id: String,
    pub updated_at: Timestamp,
    pub case_id: String,
    pub from_office: String,
    pub to_office: String,
    pub requested_at: Timestamp,
    /// None while the receiving office has not taken the case.
    pub accepted_at: Option<Timestamp>,
    /// Who answers for the family until it is accepted.
    pub responsible_until_accepted: String,
    pub outstanding: Vec<String>,
}
