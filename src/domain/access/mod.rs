//! Who may see what: `role ∧ (caseload ∨ team ∨ rostered here) ∧ tier ∧ class ∧ ¬conflict`.
//!
//! [`decide`] is the only maker of a [`Grant`], and a reader of records is built from a grant.
//! Nothing here knows a clock, a file or a page: facts come in, a decision goes out.

mod action;
mod opening;
mod policy;
mod refusal;
mod subject;

use std::collections::BTreeSet;

use jiff::Timestamp;

pub use action::Action;
pub use opening::{OPENING_WINDOW, Opening, ReasonCode, WORDS_AT_LEAST, WORDS_AT_MOST};
pub use refusal::Refusal;
pub use subject::{AddressProtection, CaseTie, Jurisdiction, Matter, Ring, Subject};

use super::ids::PersonId;
use super::session::{Authority, Role, Session, SessionRef};

/// The permission to read one record once, for one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    person: PersonId,
    session: SessionRef,
    action: Action,
    record: String,
    basis: Basis,
    matters: BTreeSet<Matter>,
    restricted: bool,
    /// The end of a stated reason; none where the tie lasts.
    ends_at: Option<Timestamp>,
}

/// Why a record is open to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Basis {
    Caseload,
    Team,
    Rostered,
    /// An unallocated case of a team leader.
    Supervises,
    /// A matter before the court, for court officers.
    BeforeCourt,
    Agency,
    /// Intake, for a stated reason.
    Screening,
    /// Opened without usual access.
    WithoutUsualAccess,
}

impl Basis {
    /// The word in the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caseload => "caseload",
            Self::Team => "team",
            Self::Rostered => "rostered",
            Self::Supervises => "supervises",
            Self::BeforeCourt => "before-court",
            Self::Agency => "agency",
            Self::Screening => "screening",
            Self::WithoutUsualAccess => "without-usual-access",
        }
    }
}

impl Grant {
    #[must_use]
    pub fn person(&self) -> &PersonId {
        &self.person
    }

    #[must_use]
    pub fn session(&self) -> &SessionRef {
        &self.session
    }

    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// The case system's id of the record.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }

    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// When a stated reason runs out; none where the tie lasts.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.ends_at
    }

    /// Whether records of this class and tier may be shown.
    #[must_use]
    pub fn shows(&self, matter: Matter, restricted: bool) -> bool {
        self.matters.contains(&matter) && (!restricted || self.restricted)
    }

    /// Whether an address may be shown on the page of this grant's record.
    ///
    /// A protected one shows only to those whose own case it is, and on the page of a person it is
    /// kept from to nobody.
    #[must_use]
    pub fn shows_address(&self, protection: &AddressProtection) -> bool {
        let own = matches!(
            self.basis,
            Basis::Caseload | Basis::Team | Basis::Rostered | Basis::Supervises
        );
        !protection.protected || (own && !protection.kept_from.contains(&self.record))
    }
}

/// What a list of results may say of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listing {
    /// It is left out, and not counted.
    Hidden,
    /// That it exists: name, age, team.
    Existence,
    /// That it exists, and its alert marks.
    Alerts,
    Full,
}

/// Decides whether a session may read a record, and which matters of what it holds.
///
/// `opening` is the stated reason in force for this session and record, if there is one.
///
/// # Errors
/// The refusal, with whom to ring and whether a stated reason would open it.
pub fn decide(
    session: &Session,
    action: Action,
    subject: &Subject,
    opening: Option<&Opening>,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    permit(session, action, now)?;
    refuse_always(session, subject)?;
    let opening = opening.filter(|opening| opening.holds(session, &subject.record, now));
    let mut matters = BTreeSet::new();
    let mut basis: Option<Basis> = None;
    for role in asked_by(session, action) {
        if let Some(found) = policy::basis(session, role, subject, opening, now) {
            basis = Some(basis.map_or(found, |best| best.min(found)));
            matters.extend(policy::matters(session, role));
        }
    }
    let Some(basis) = basis else { return Err(no_tie(session, subject, now)) };
    // A class is shown because it is listed; the unknown one is listed nowhere.
    matters.remove(&Matter::Unknown);
    let by_reason = matches!(basis, Basis::Screening | Basis::WithoutUsualAccess);
    Ok(Grant {
        person: session.account.person.clone(),
        session: session.reference.clone(),
        action,
        record: subject.record.clone(),
        basis,
        matters,
        restricted: session.account.has_authority(Authority::Restricted),
        ends_at: opening.filter(|_| by_reason).map(Opening::expires_at),
    })
}

/// Decides what a search result may say of a record.
#[must_use]
pub fn listing(session: &Session, subject: &Subject, now: Timestamp) -> Listing {
    if permit(session, Action::FindPeople, now).is_err() {
        return Listing::Hidden;
    }
    match refuse_always(session, subject) {
        Err(Refusal::Conflict(_)) => {
            return policy::stranger_listing(session).min(Listing::Existence);
        }
        Err(_) => return Listing::Hidden,
        Ok(()) => {}
    }
    let tied = asked_by(session, Action::FindPeople)
        .any(|role| policy::basis(session, role, subject, None, now).is_some());
    if tied { Listing::Full } else { policy::stranger_listing(session) }
}

/// Decides whether a session may ask for something that is not about one record.
///
/// # Errors
/// The refusal: the session is over, or its roles do not include one of the action's.
pub fn permit(session: &Session, action: Action, now: Timestamp) -> Result<(), Refusal> {
    if !session.is_live(now) {
        return Err(Refusal::SessionOver);
    }
    if action.is_public() || asked_by(session, action).next().is_some() {
        Ok(())
    } else {
        Err(Refusal::Role(action))
    }
}

/// What no tie and no reason overrides.
fn refuse_always(session: &Session, subject: &Subject) -> Result<(), Refusal> {
    if policy::in_conflict(session, subject) {
        return Err(Refusal::Conflict(subject.ring.clone()));
    }
    if subject.matter == Matter::Unknown {
        return Err(Refusal::UnknownMatter(subject.ring.clone()));
    }
    // One answer for a record that is restricted, of the other jurisdiction, or not there at all.
    let out_of_sight = subject.restricted && !session.account.has_authority(Authority::Restricted);
    if out_of_sight || policy::across_without_authority(session, subject) {
        return Err(Refusal::NotHere);
    }
    Ok(())
}

fn no_tie(session: &Session, subject: &Subject, now: Timestamp) -> Refusal {
    if policy::stranger_listing(session) == Listing::Hidden {
        return Refusal::NotHere;
    }
    Refusal::NotYours {
        ring: subject.ring.clone(),
        screening: session.account.has_role(Role::Intake),
        without_usual_access: permit(session, Action::OpenWithoutUsualAccess, now).is_ok(),
    }
}

fn asked_by(session: &Session, action: Action) -> impl Iterator<Item = Role> + '_ {
    action.roles().iter().copied().filter(|role| session.account.has_role(*role))
}

#[cfg(test)]
mod tests;
