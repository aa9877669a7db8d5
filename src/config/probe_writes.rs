//! Probes that write: what they write is marked, goes to a test office, is taken back, and can be
//! found when the answer was lost. All of it is checked before anything runs.

use std::collections::BTreeSet;

use serde_saphyr::{Location as Place, Spanned};

use super::diagnostics::Faults;
use super::probe_steps::{Names, StepFile, read_steps};
use crate::domain::ids::StepId;
use crate::domain::step::{Effect, Step, Uses};

/// A write says which run it is of and goes to the test office, so that nobody takes it for a
/// case and it can be found again.
pub fn check_marked(step: &StepId, uses: &Uses, place: Place, faults: &mut Faults) {
    if !uses.run_id {
        let why = "put it into a text of the request, so that what is left behind can be found";
        faults.at(place, format!("the step '{step}' writes without '${{run.id}}': {why}"));
    }
    if !uses.test_office {
        let why = "write into the test office that holdfast.yaml designates";
        faults.at(
            place,
            format!("the step '{step}' writes without '${{target.test_office}}': {why}"),
        );
    }
}

/// Reads the steps that find what was left behind. They know what the steps before the write
/// captured, which `before` names, and the id of the lost run.
pub fn read_recover(
    files: &[Spanned<StepFile>],
    mut before: Names,
    journey: &[&Step],
    faults: &mut Faults,
) -> Vec<Step> {
    let recover = read_steps(files, &mut before, faults);
    for (step, file) in recover.iter().zip(files) {
        if step.effect != Effect::Read {
            let message = format!("the step '{}' only finds: take 'effect' away", step.id);
            faults.at(file.defined, message);
        }
    }
    if let Some(first) = files.first()
        && !journey.iter().any(|step| step.effect == Effect::Write)
    {
        faults.at(first.defined, "the probe writes nothing: there is nothing to recover");
    } else if let (Some(step), Some(file)) = (recover.last(), files.last()) {
        check_tells(step, file.defined, faults);
    }
    recover
}

/// The last step that finds says that nothing is there by what it cannot capture: not every page
/// may pass for such an answer.
fn check_tells(step: &Step, place: Place, faults: &mut Faults) {
    let id = &step.id;
    if !step.expects_of_page() {
        let why = "a maintenance page would pass for nothing found";
        let instead = "expect by 'json', 'html' or 'text' what is there when nothing is found too";
        faults.at(place, format!("the step '{id}' takes any page: {why}; {instead}"));
    }
    if step.captures.is_empty() {
        let instead = "capture what the record has and an answer without it has not";
        faults.at(place, format!("the step '{id}' cannot tell that nothing is there: {instead}"));
    }
}

/// Whoever writes takes it back, whatever became of the write's answer.
pub fn check_taken_back(journey: &[&Step], recover: &[Step], place: Place, faults: &mut Faults) {
    let Some(write) = journey.iter().position(|step| step.effect == Effect::Write) else { return };
    let takes_back: Vec<_> =
        journey.iter().filter(|step| step.effect == Effect::Compensate).collect();
    if takes_back.is_empty() {
        faults.at(place, "the probe writes: name a step that takes it back");
    }
    let captured = |steps: &[&Step]| -> BTreeSet<String> {
        let captures = steps.iter().flat_map(|step| &step.captures);
        captures.map(|capture| capture.name.clone()).collect()
    };
    let mut had = captured(&journey[..write]);
    had.extend(captured(&recover.iter().collect::<Vec<_>>()));
    for step in takes_back {
        for name in step.uses.captured.difference(&had) {
            let message = format!(
                "'{}' needs '${{{name}}}', which is lost with the write's answer: capture it under \
                 'recover', in a step that finds the record by '${{run.id}}'",
                step.id
            );
            faults.at(place, message);
        }
    }
}
