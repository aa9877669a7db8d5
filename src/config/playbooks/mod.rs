//! Playbook files (`playbooks/*.yaml`): read, checked and turned into the domain's plan.
//!
//! Faults of form (syntax, unknown keys, wrong words) end the reading at the first one; faults of
//! content (ids, references, phrases, roles) are all collected. It must not carry a plan out.

mod phrases;
mod raw;
mod reader;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

pub use raw::RawPlaybook;

use serde_saphyr::Spanned;

use self::reader::Reader;
use super::diagnostics::{self, Diagnostics};
use crate::domain::ids::{CohortId, TargetId};
use crate::domain::people::People;
use crate::domain::playbook::{
    Drill, Finished, Measure, OfferWhen, PassIf, Playbook, Reconcile, RoleNeed, StandDown,
    StartWhen,
};
use crate::domain::verdict::Verdict;

/// The only format there is so far.
pub const FORMAT: &str = "holdfast/playbook/v1";

/// What else is configured, for checks across files; what is none is not checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    pub people: Option<&'a People>,
    pub targets: Option<&'a BTreeMap<TargetId, BTreeSet<CohortId>>>,
}

/// Reads one playbook.
///
/// # Errors
/// Every fault found, each with its place and what to write instead.
pub fn parse(file: &str, text: &str, known: Known<'_>) -> Result<Playbook, Diagnostics> {
    let raw: RawPlaybook = diagnostics::parse(file, text)?;
    let mut reader = Reader::new(file, known);
    let playbook = playbook(&mut reader, raw);
    reader.finish(playbook)
}

/// The JSON Schema of playbook files, for editors and `holdfast schema playbooks`.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(RawPlaybook);
    schema.insert("title".into(), "Holdfast playbook".into());
    schema.to_value()
}

/// None when a part is missing whose fault is noted already.
fn playbook(reader: &mut Reader<'_>, raw: RawPlaybook) -> Option<Playbook> {
    if raw.format.value != FORMAT {
        reader
            .fault(&raw.format, format!("unknown format '{}': write '{FORMAT}'", raw.format.value));
    }
    let id = reader.id(&raw.playbook);
    let title = reader.words(&raw.title);
    let owner = reader.role(&raw.owner);
    let activates = reader.roles(&raw.activates);
    let review_by = reader.date(&raw.review_by);
    let start_when = raw.start_when.and_then(|start| start_when(reader, &start));
    let mut roles = BTreeMap::new();
    for (name, need) in raw.roles {
        let place = need.defined;
        let need = need.value;
        if need.reach.is_empty() {
            reader.fault_at(place, "'reach' is empty: write at least one channel");
        }
        if let Some(role) = reader.role(&Spanned::new(name, place, place)) {
            reader.enough(&role, need.at_least, place);
            roles.insert(
                role,
                RoleNeed {
                    reach: need.reach,
                    at_least: need.at_least,
                    around_the_clock: need.around_the_clock,
                },
            );
        }
    }
    let steps = steps::timeline(reader, raw.steps);
    let stand_down = stand_down(reader, raw.stand_down);
    let reconcile = raw.reconcile.and_then(|raw| {
        let checklist = steps::checklist(reader, raw.checklist.value, raw.checklist.defined);
        let finished_when = finished(reader, &raw.finished_when);
        Some(Reconcile { checklist: checklist?, finished_when: finished_when? })
    });
    let drill = raw.drill.map(|raw| drill(reader, raw));
    Some(Playbook {
        id: id?,
        title,
        ground: raw.ground,
        version: raw.version,
        owner: owner?,
        activates,
        review_by: review_by?,
        start_when,
        one_activation_per: raw.one_activation_per,
        roles,
        steps,
        stand_down,
        reconcile,
        drill,
    })
}

fn start_when(reader: &mut Reader<'_>, raw: &raw::RawStartWhen) -> Option<StartWhen> {
    let target = reader.target(&raw.target);
    let held_for = reader.length(&raw.held_for);
    let confirmed_by =
        raw.confirmed_by.as_ref().and_then(|text| reader.phrase(text, phrases::corroboration));
    if raw.verdict.is_empty() || raw.verdict.iter().any(|verdict| !verdict.is_outage()) {
        reader.fault(
            &raw.target,
            "a plan starts when its target is one or more of 'down', 'intermittent' and 'slow': \
             write those under 'verdict'",
        );
    }
    let only = raw.only.iter().filter_map(|probe| reader.id(probe)).collect();
    let verdict = raw.verdict.clone();
    Some(StartWhen { target: target?, verdict, only, held_for, confirmed_by })
}

fn stand_down(reader: &mut Reader<'_>, raw: raw::RawStandDown) -> StandDown {
    let offer_when = raw.offer_when.and_then(|offer| {
        let held_for = reader.length(&offer.held_for);
        if offer.verdict != Verdict::Up {
            reader
                .fault(&offer.target, "standing down is offered at 'verdict: up' and nothing else");
        }
        let target = reader.target(&offer.target)?;
        Some(OfferWhen { target, verdict: offer.verdict, held_for })
    });
    let approve = steps::approval(reader, raw.approve);
    let steps = steps::stand_down(reader, raw.steps);
    let resumes_within = raw.if_it_fails_again.map(|again| {
        let raw::RawRelapse::ResumeSameActivation = again.action;
        reader.length(&again.within)
    });
    StandDown { offer_when, approve, steps, resumes_within }
}

fn finished(reader: &mut Reader<'_>, text: &raw::Text) -> Option<Finished> {
    match text.value.as_str() {
        "downtime-journal reconciled" => Some(Finished::JournalReconciled),
        "checklist done" => Some(Finished::ChecklistDone),
        other => {
            let words = ["downtime-journal reconciled", "checklist done"];
            reader.fault(text, diagnostics::unknown("ending", other, &words));
            None
        }
    }
}

fn drill(reader: &mut Reader<'_>, raw: raw::RawDrill) -> Drill {
    let every = reader.length(&raw.every);
    let marks = reader.words(&raw.marks);
    let mut pass_if = Vec::new();
    for (name, within) in raw.pass_if {
        let name = Spanned::new(name, within.referenced, within.defined);
        let within = reader.length(&within);
        if let Some((step, measure)) = reader.phrase(&name, phrases::measure) {
            let needs = match measure {
                Measure::Acknowledged => reader::Needs::Acknowledgement,
                Measure::Approved => reader::Needs::Approval,
                Measure::Done => reader::Needs::Nothing,
            };
            reader.refer(&step, needs, name.defined);
            pass_if.push(PassIf { step, measure, within });
        }
    }
    Drill { every, marks, people: raw.people, actions: raw.actions, pass_if }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::config::people;

    fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    fn demo_people() -> People {
        let text = read(&root().join("playbooks/demo/people.yaml"));
        people::parse("people.yaml", &text).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn targets() -> BTreeMap<TargetId, BTreeSet<CohortId>> {
        let cohorts = ["report-line", "crisis-team", "noarlunga", "elizabeth"];
        let cohorts = cohorts.map(|id| CohortId::new(id).unwrap()).into();
        let feed = ["police-feed", "court-lodging", "care", "cyras", "nsw", "wa"];
        let feed = feed.map(|id| TargetId::new(id).unwrap());
        let mut targets = BTreeMap::from([(TargetId::new("c3ms").unwrap(), cohorts)]);
        targets.extend(feed.map(|id| (id, BTreeSet::new())));
        targets
    }

    /// Each fixture closes with the faults it must give: `# fault LINE:COLUMN: MESSAGE`.
    #[test]
    fn invalid_playbooks_say_where_and_what_to_write() {
        let (people, targets) = (demo_people(), targets());
        let known = Known { people: Some(&people), targets: Some(&targets) };
        let (mut seen, mut wrong) = (0, String::new());
        for entry in std::fs::read_dir(root().join("tests/fixtures/playbooks")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.starts_with("invalid-") {
                continue;
            }
            seen += 1;
            let text = read(&path);
            let expected: Vec<String> = text
                .lines()
                .filter_map(|line| line.strip_prefix("# fault "))
                .map(|fault| format!("{name}:{fault}"))
                .collect();
            let faults = parse(&name, &text, known).expect_err(&name);
            if faults.to_string() != expected.join("\n") {
                wrong.push_str(&format!("{faults}\n"));
            }
        }
        assert_eq!(wrong, "", "these faults differ from what the fixture says");
        assert!(seen >= 10, "the fixtures are gone");
    }

    #[test]
    fn shipped_playbooks_are_sound_and_cover_every_ground() {
        let (people, targets) = (demo_people(), targets());
        let known = Known { people: Some(&people), targets: Some(&targets) };
        let mut grounds = BTreeSet::new();
        for folder in ["c3ms", "demo"] {
            for entry in std::fs::read_dir(root().join("playbooks").join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.display().to_string();
                if path.ends_with("people.yaml") {
                    continue;
                }
                let playbook =
                    parse(&name, &read(&path), known).unwrap_or_else(|faults| panic!("{faults}"));
                assert_eq!(path.file_stem().unwrap().to_str(), Some(playbook.id.as_str()));
                if folder == "c3ms" {
                    assert!(grounds.insert(playbook.ground), "{name} repeats a ground");
                }
            }
        }
        assert!(!grounds.is_empty());
    }

    #[test]
    fn the_schema_names_every_key() {
        let schema = schema().to_string();
        for key in ["must_acknowledge", "undo_of", "if_it_fails_again", "items_from", "pass_if"] {
            assert!(schema.contains(key), "{key}");
        }
    }

    #[test]
    fn a_playbook_survives_being_pinned_as_json() {
        let path = root().join("playbooks/c3ms/case-system-down.yaml");
        let playbook = parse("p", &read(&path), Known::default()).unwrap();
        let json = serde_json::to_string(&playbook).unwrap();
        assert_eq!(serde_json::from_str::<Playbook>(&json).unwrap(), playbook);
    }
}
