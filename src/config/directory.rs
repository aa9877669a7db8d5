//! `directory.yaml`: who may sign in to the portal, in which roles, and whose cases are theirs.
//!
//! It holds no secret: how people prove themselves comes from their enrolments.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::diagnostics::{Diagnostics, Faults, parse, unknown};
use crate::domain::ids::{CohortId, PersonId};
use crate::domain::session::{Account, Phones, Role};
use crate::domain::target::Target;

/// The word every `directory.yaml` begins with.
pub const FORMAT: &str = "holdfast/directory/v1";

/// The checked file.
#[derive(Clone, Debug)]
pub struct DirectoryFile {
    pub phones: Phones,
    pub people: Vec<Account>,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Raw {
    /// Always `holdfast/directory/v1`.
    #[schemars(with = "String")]
    format: Spanned<String>,
    phones: Phones,
    #[schemars(with = "Vec<Account>")]
    people: Vec<Spanned<Account>>,
}

/// The JSON Schema of a directory, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Raw).to_value()
}

/// Reads the text of a `directory.yaml` by itself.
///
/// # Errors
/// Every fault of content, or the first one of form.
pub fn read(file: &str, text: &str) -> Result<DirectoryFile, Diagnostics> {
    read_beside(file, text, None)
}

/// Reads it beside the targets: the copy is opened for cohorts, and somebody of a misspelt one
/// would find it closed on the worst day.
///
/// # Errors
/// Every fault of content, or the first one of form.
pub fn read_beside(
    file: &str,
    text: &str,
    targets: Option<&[Target]>,
) -> Result<DirectoryFile, Diagnostics> {
    let raw: Raw = parse(file, text)?;
    let mut faults = Faults::new(file);
    if raw.format.value != FORMAT {
        faults.at(raw.format.defined, format!("unknown format: write '{FORMAT}'"));
    }
    let known: BTreeSet<PersonId> = raw.people.iter().map(|one| one.value.person.clone()).collect();
    let mut seen = BTreeSet::new();
    for one in &raw.people {
        if !seen.insert(&one.value.person) {
            let message = format!("the person '{}' stands here twice: keep one", one.value.person);
            faults.at(one.defined, message);
        }
        let cohort = &one.value.cohort;
        if let Some(fault) = targets.and_then(|targets| unknown_cohort(cohort, targets)) {
            faults.at(one.defined, format!("'{}': {fault}", one.value.person));
        }
        for message in faults_of(&one.value, &known) {
            faults.at(one.defined, message);
        }
    }
    let people = raw.people.into_iter().map(|one| one.value).collect();
    faults.finish(DirectoryFile { phones: raw.phones, people })
}

/// What is wrong with a cohort that no probe file has.
fn unknown_cohort(id: &CohortId, targets: &[Target]) -> Option<String> {
    let known = || targets.iter().flat_map(|target| &target.cohorts).map(|one| one.id.as_str());
    let names: Vec<&str> = known().collect();
    (!names.contains(&id.as_str())).then(|| unknown("cohort", id.as_str(), &names))
}

fn faults_of(account: &Account, known: &BTreeSet<PersonId>) -> Vec<String> {
    let who = &account.person;
    let mut found = Vec::new();
    if account.roles.is_empty() {
        found.push(format!("'{who}' has no role: add at least one under 'roles'"));
    }
    if account.has_role(Role::AgencyWorker) != account.agency.is_some() {
        found.push(format!(
            "'{who}': an agency worker needs 'agency' with sponsor and end, and nobody else has one"
        ));
    }
    if account.has_role(Role::Student) && account.supervisor.is_none() {
        found.push(format!("'{who}' is a student: name the 'supervisor'"));
    }
    let sponsor = account.agency.as_ref().map(|tie| &tie.sponsor);
    for named in sponsor.into_iter().chain(&account.supervisor) {
        if !known.contains(named) {
            found.push(format!("'{who}' names '{named}', who is not in this file"));
        }
        if named == who {
            found.push(format!("'{who}' cannot answer for themselves"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "format: holdfast/directory/v1\nphones: { emergency: \"000\" }\npeople:\n";

    #[test]
    fn a_person_is_read_with_roster_and_agency() {
        let text = format!(
            "{HEAD}
  - person: p-crisis-1
    name: Robin Synthetic
    roles: [crisis-worker]
    cohort: crisis-team
    office: crisis-team
    rostered: [{{ covers: everywhere }}]
  - person: p-agency-1
    name: Sam Synthetic
    roles: [agency-worker]
    cohort: elizabeth
    office: elizabeth
    agency:
      agency: Example Family Services
      sponsor: p-crisis-1
      ends_at: \"2030-01-01T00:00:00Z\"
"
        );
        let file = read("directory.yaml", &text).unwrap();
        assert_eq!(file.people.len(), 2);
        assert!(file.people[0].rostered[0].is_on(jiff::Timestamp::MAX));
        assert_eq!(file.people[1].agency.as_ref().unwrap().sponsor.as_str(), "p-crisis-1");
    }

    #[test]
    fn every_fault_of_content_is_said_at_its_place() {
        let text = format!(
            "{HEAD}
  - {{ person: p-one, name: One, roles: [], cohort: a, office: a }}
  - {{ person: p-one, name: Two, roles: [student], cohort: a, office: a, supervisor: p-two }}
  - {{ person: p-three, name: Three, roles: [agency-worker, student], cohort: a, office: a }}
"
        );
        let faults = read("directory.yaml", &text).unwrap_err().to_string();
        for expected in [
            "directory.yaml:5:5: 'p-one' has no role",
            "directory.yaml:6:5: the person 'p-one' stands here twice",
            "names 'p-two', who is not in this file",
            "directory.yaml:7:5: 'p-three': an agency worker needs",
            "'p-three' is a student: name the 'supervisor'",
        ] {
            assert!(faults.contains(expected), "{expected}\n{faults}");
        }
    }

    #[test]
    fn an_unknown_role_is_said_with_the_nearest() {
        let text = format!(
            "{HEAD}  - {{ person: p-one, name: One, roles: [case-wroker], cohort: a, office: a }}\n"
        );
        let faults = read("directory.yaml", &text).unwrap_err().to_string();
        assert!(faults.contains("did you mean 'case-worker'"), "{faults}");
    }
}
