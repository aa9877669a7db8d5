//! The read-only copy as operations see it: how old, whether it opens, whether it is open now.

use crate::snapshots::Status;
use crate::store::capture::{self, CaptureRun, CopyStatus, Proof};
use crate::store::copy_readiness;

use super::super::Web;
use super::super::staff::copy::titles;
use super::super::states::State;
use super::super::times::Times;

/// One line of the section.
pub struct CopyLine {
    pub title: &'static str,
    /// None where nothing is well or ill about it.
    pub state: Option<State>,
    pub words: String,
}

/// The lines of the section; none where no copy is captured here.
pub async fn lines(web: &Web, times: &Times) -> Vec<CopyLine> {
    let Some(objective) = web.freshness_objective else { return Vec::new() };
    let line = |title, state, words| CopyLine { title, state: Some(state), words };
    let open = CopyLine { title: "Open now", state: None, words: open_words(web, times) };
    let Ok(status) = capture::status(&web.store).await else {
        return vec![line("Age", State::NotKnown, "the records cannot be read".to_owned()), open];
    };
    let faults = copy_readiness::faults(&status, objective, times.now());
    let has = |kind: &str| faults.iter().any(|fault| fault.kind == kind);
    let well = |bad: bool| if bad { State::Down } else { State::Working };
    let mut lines = Vec::new();
    if status.published.is_some() {
        let age = if has("copy-old") { State::Slow } else { State::Working };
        lines.push(line("Age", age, age_words(&status, times)));
        let opens = has("copy-not-openable");
        lines.push(line("Opens", well(opens), proof_words(status.trial.as_ref(), opens, times)));
        let bytes = has("copy-damaged") || has("copy-unproven");
        let words = proof_words(status.scrub.as_ref(), bytes, times);
        lines.push(line("Bytes as published", well(bytes), words));
    }
    lines.push(open);
    let faults = faults.into_iter();
    lines.extend(faults.map(|fault| line("Overdue preparation", State::Down, fault.words)));
    lines
}

fn age_words(status: &CopyStatus, times: &Times) -> String {
    let run = status.published.as_ref();
    let number = run.and_then(CaptureRun::generation).unwrap_or_default();
    match run.and_then(CaptureRun::captured_at) {
        Some(at) => {
            let made = times.moment(at);
            format!("{}, made at {}, generation {number}", made.age(), made.short())
        }
        None => format!("not known, generation {number}"),
    }
}

fn proof_words(proof: Option<&Proof>, fault: bool, times: &Times) -> String {
    let when = proof.map(|proof| times.moment(proof.at).relative());
    match (when, fault) {
        (Some(when), false) => format!("yes, proven {when}"),
        (Some(when), true) => format!("not proven; last tried {when}"),
        (None, _) => "never tried".to_owned(),
    }
}

fn open_words(web: &Web, times: &Times) -> String {
    let Status::Open(status) = &*web.copy.borrow() else { return "closed".to_owned() };
    format!(
        "open for {} since {}: generation {}, until {} unless it is renewed",
        titles(&status.scope, &web.targets()),
        times.moment(status.opened_at).short(),
        status.generation,
        times.moment(status.order_expires_at).short()
    )
}
