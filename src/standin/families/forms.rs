//! Records with ordinary values, for a maker to fill in what is special.
//!
//! Nothing here draws anything but telephone numbers.

use jiff::Timestamp;

use super::when::When;
use crate::standin::draw::Draw;
use crate::standin::model::Sensitivity;
use crate::standin::model::casework::{
    AlertKind, Case, CaseStatus, Note, NoteClass, RiskLevel, SafetyAlert,
};
use crate::standin::model::legal::{Hearing, Order, OrderKind};
use crate::standin::model::people::{
    Address, Culture, Household, Person, PersonRole, Relationship, RelationshipKind, Sex,
};

use super::staff::Office;

pub const DEPARTMENT: &str = "Department for Child Protection";
pub const YOUTH_COURT: &str = "Youth Court of South Australia";

/// A number of the range kept free for fiction.
pub fn phone(draw: &mut Draw) -> String {
    format!("(08) 5550 {:04}", draw.below(10_000))
}

pub fn person(id: &str, given_names: &str, family_name: &str, at: Timestamp) -> Person {
    Person {
        id: id.to_owned(),
        updated_at: at,
        family_name: family_name.to_owned(),
        given_names: given_names.to_owned(),
        preferred_name: None,
        aliases: Vec::new(),
        born_on: None,
        born_on_estimated: false,
        deceased_on: None,
        unborn: None,
        sex: Sex::Unspecified,
        role: PersonRole::Adult,
        disability: None,
        language: "English".to_owned(),
        interpreter: None,
        culture: Culture::default(),
        household_id: None,
        phone: None,
        email: None,
        last_sighted: None,
        missing: None,
        sensitivity: Sensitivity::Standard,
    }
}

pub fn household(id: &str, street: &str, place: (&str, &str), at: Timestamp) -> Household {
    Household {
        id: id.to_owned(),
        updated_at: at,
        address: Address {
            street: street.to_owned(),
            locality: place.0.to_owned(),
            postcode: place.1.to_owned(),
            state: "SA".to_owned(),
        },
        phone: None,
        protected: false,
        protected_from_ids: Vec::new(),
        protected_reason: None,
        access: None,
        sensitivity: Sensitivity::Standard,
    }
}

pub fn relationship(
    id: String,
    (person_id, kind, other_id): (&str, RelationshipKind, &str),
    at: Timestamp,
) -> Relationship {
    Relationship {
        id,
        updated_at: at,
        person_id: person_id.to_owned(),
        kind,
        other_id: other_id.to_owned(),
        since_on: None,
        ended_on: None,
        contact_restricted: false,
        restriction: None,
    }
}

/// An open assessment with the department, not yet allocated.
pub fn case(id: String, title: String, office: &Office, when: &When) -> Case {
    Case {
        id,
        updated_at: when.days(-1),
        title,
        status: CaseStatus::Assessment,
        voluntary: false,
        opened_on: when.day(-30),
        closed_on: None,
        child_ids: Vec::new(),
        adult_ids: Vec::new(),
        risk_level: RiskLevel::Moderate,
        risk_assessed_on: Some(when.day(-20)),
        accountable_agency: DEPARTMENT.to_owned(),
        case_management_agency: DEPARTMENT.to_owned(),
        contracted_tasks: Vec::new(),
        takes_back_if: None,
        office: office.title.to_owned(),
        team: office.team(1),
        key_worker_id: None,
        unallocated: true,
        supervisor_id: office.leader_id(1),
        sensitivity: Sensitivity::Standard,
        restricted_reason: None,
    }
}

pub fn alert(id: String, kind: AlertKind, text: &str, raised_at: Timestamp) -> SafetyAlert {
    SafetyAlert {
        id,
        updated_at: raised_at,
        kind,
        person_id: None,
        household_id: None,
        case_id: None,
        text: text.to_owned(),
        raised_at,
        raised_by: "Report Line".to_owned(),
        review_on: None,
        sensitivity: Sensitivity::Standard,
    }
}

pub fn order(id: String, kind: OrderKind, case: &Case, when: &When) -> Order {
    Order {
        file_number: format!("YC-{}-{}", when.today().year(), &id[2..]),
        id,
        updated_at: when.days(-14),
        case_id: case.id.clone(),
        child_ids: case.child_ids.clone(),
        kind,
        court: YOUTH_COURT.to_owned(),
        made_on: when.day(-14),
        expires_at: None,
        conditions: Vec::new(),
        restrains_id: None,
        protects_ids: Vec::new(),
        next_event: None,
        sensitivity: Sensitivity::Standard,
    }
}

pub fn hearing(id: String, case: &Case, starts_at: Timestamp, court_officer_id: String) -> Hearing {
    Hearing {
        id,
        updated_at: starts_at,
        case_id: case.id.clone(),
        order_id: None,
        child_ids: case.child_ids.clone(),
        kind: "Mention".to_owned(),
        court: YOUTH_COURT.to_owned(),
        room: "Court 1".to_owned(),
        starts_at,
        filing: None,
        filing_due_at: None,
        filed_at: None,
        court_officer_id,
        outcome: None,
    }
}

/// A casework note in its first version.
pub fn note(id: String, case: &Case, author: (String, String), written_at: Timestamp) -> Note {
    Note {
        id,
        updated_at: written_at,
        case_id: case.id.clone(),
        person_ids: case.child_ids.clone(),
        class: NoteClass::Casework,
        kind: "Telephone call".to_owned(),
        happened_at: written_at,
        written_at,
        author_id: author.0,
        author: author.1,
        text: String::new(),
        version: 1,
        history: Vec::new(),
    }
}
