//! What would be missing if the copy were needed now: faults of the copy, in words and in metrics.
//!
//! Pure. It judges what [`super::capture`] has kept and looks at nothing else.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::capture::{CaptureRun, CopyStatus, Proof, RunEnd};

/// Every kind of fault, for metrics.
pub const KINDS: [&str; 6] =
    ["copy-missing", "copy-old", "copy-not-renewed", "copy-not-openable", "copy-damaged", UNPROVEN];

const UNPROVEN: &str = "copy-unproven";
/// Proofs are nightly; one that is this old was not made last night.
const PROOF_WINDOW: SignedDuration = SignedDuration::from_hours(36);

/// Something that has to be seen to before the copy is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyFault {
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// What is wrong and what to do about it.
    pub words: String,
}

/// Every fault now; `objective` is the age that the copy may have.
#[must_use]
pub fn faults(status: &CopyStatus, objective: Duration, now: Timestamp) -> Vec<CopyFault> {
    let Some(published) = &status.published else {
        let words = match why_not_renewed(status.last.as_ref()) {
            Some(why) => format!("There is no copy yet: {why}."),
            None => "There is no copy yet.".to_owned(),
        };
        return vec![CopyFault { kind: "copy-missing", words }];
    };
    let mut faults = Vec::new();
    let mut fault = |kind, words| faults.push(CopyFault { kind, words });
    if status.freshness(now).is_some_and(|age| age.unsigned_abs() > objective) {
        let words = "The copy is older than it may be: see why captures do not come through.";
        fault("copy-old", words.to_owned());
    }
    if let Some(why) = why_not_renewed(status.last.as_ref()) {
        fault("copy-not-renewed", format!("The last capture was not published: {why}."));
    }
    if !status.is_openable() {
        let number = published.generation().unwrap_or_default();
        let why = fault_of(status.trial.as_ref())
            .map_or_else(|| "it has not been tried".to_owned(), str::to_owned);
        let words = format!("Generation {number} is not known to open: {why}.");
        fault("copy-not-openable", words);
    }
    match &status.scrub {
        Some(Proof { fault: Some(why), .. }) => {
            let words = format!("The copy is not as it was published: {why}. Capture it in full.");
            fault("copy-damaged", words);
        }
        Some(proof) if now.duration_since(proof.at) <= PROOF_WINDOW => {}
        Some(_) => fault(UNPROVEN, "The copy's bytes were not proven last night.".to_owned()),
        None => fault(UNPROVEN, "The copy's bytes have not been proven yet.".to_owned()),
    }
    faults
}

fn fault_of(proof: Option<&Proof>) -> Option<&str> {
    proof?.fault.as_deref()
}

fn why_not_renewed(last: Option<&CaptureRun>) -> Option<&str> {
    match last?.end.as_ref()? {
        RunEnd::Reported(row) => row.quarantined.as_deref(),
        RunEnd::Failed { message, .. } => Some(message),
    }
}

#[cfg(test)]
mod tests {
    use super::super::capture::{ProofKind, RunRow};
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> Timestamp {
        "2023-03-03T00:00:00Z".parse().unwrap()
    }

    fn ago(hours: i64) -> Timestamp {
        now() - SignedDuration::from_hours(hours)
    }

    fn run(generation: Option<u64>, quarantined: Option<&str>) -> CaptureRun {
        let row = RunRow {
            build: "full".into(),
            ended_at: ago(0),
            captured_at: ago(0),
            generation,
            quarantined: quarantined.map(str::to_owned),
            rows: 1,
            changed: 1,
            removed: 0,
            standard: 1,
            restricted: 0,
            rejected: 0,
            unmapped: vec![],
            vanished: vec![],
        };
        CaptureRun { id: "r".into(), begun_at: ago(0), end: Some(RunEnd::Reported(row)) }
    }

    fn proof(kind: ProofKind, at: Timestamp, fault: Option<&str>) -> Option<Proof> {
        Some(Proof { kind, at, generation: Some(7), fault: fault.map(str::to_owned) })
    }

    fn well() -> CopyStatus {
        CopyStatus {
            published: Some(run(Some(7), None)),
            last: Some(run(Some(7), None)),
            scrub: proof(ProofKind::Scrub, ago(24), None),
            trial: proof(ProofKind::Trial, ago(1), None),
        }
    }

    fn kinds(status: &CopyStatus) -> Vec<&'static str> {
        faults(status, HOUR, now()).iter().map(|fault| fault.kind).collect()
    }

    #[test]
    fn a_copy_that_is_fresh_opens_and_is_proven_has_no_fault() {
        assert_eq!(faults(&well(), HOUR, now()), []);
    }

    #[test]
    fn each_fault_has_a_kind_and_says_what_is_wrong() {
        assert_eq!(kinds(&CopyStatus::default()), ["copy-missing"]);
        let held = CopyStatus { last: Some(run(None, Some("no records"))), ..well() };
        assert_eq!(kinds(&held), ["copy-not-renewed"]);
        assert!(faults(&held, HOUR, now())[0].words.contains("no records"));
        let damaged = CopyStatus { scrub: proof(ProofKind::Scrub, ago(1), Some("cut")), ..well() };
        assert_eq!(kinds(&damaged), ["copy-damaged"]);
        let unproven = CopyStatus { scrub: proof(ProofKind::Scrub, ago(37), None), ..well() };
        assert_eq!(kinds(&unproven), ["copy-unproven"]);
        let shut = CopyStatus { trial: proof(ProofKind::Trial, ago(1), Some("no key")), ..well() };
        assert_eq!(kinds(&shut), ["copy-not-openable"]);
        let later = now() + SignedDuration::from_hours(2);
        let old: Vec<_> = faults(&well(), HOUR, later).iter().map(|fault| fault.kind).collect();
        assert_eq!(old, ["copy-old"]);
        assert!(old.iter().all(|kind| KINDS.contains(kind)));
    }
}
