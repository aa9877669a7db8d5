//! Checks of the ledger as detection looks at them again: with what was seen of their failures, so
//! that an outage of the past names its step as one of the present does.

use std::time::Duration;

use sqlx::Row as _;

use super::ledger::{COLUMNS, Details, Range, Recorded, WITHIN, recorded, within};
use super::{Store, StoreError};
use crate::domain::check::{Check, Evidence};

/// The checks of a range by slot, confirmations included. Their steps' timings are left out.
///
/// # Errors
/// When the database cannot be read.
pub async fn checks(store: &Store, range: &Range) -> Result<Vec<Check>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS}, d.document FROM checks c \
         LEFT JOIN check_details d ON d.check_id = c.id AND d.keep = 1 \
         WHERE {WITHIN} ORDER BY c.slot_at, c.id"
    );
    let rows = within(sql, range).fetch_all(store.reader()).await?;
    rows.iter()
        .map(|row| {
            let document: Option<&str> = row.try_get("document")?;
            let details = document.map(serde_json::from_str::<Details>).transpose();
            let details = details.map_err(|_| StoreError::Unreadable("check's details"))?;
            Ok(check(recorded(row)?, details.and_then(|details| details.evidence)))
        })
        .collect()
}

/// A check from its row, with the evidence that was kept of it.
#[must_use]
pub fn check(recorded: Recorded, evidence: Option<Evidence>) -> Check {
    let latency = Duration::from_millis(u64::from(recorded.latency_ms));
    Check {
        target: recorded.target,
        probe: recorded.probe,
        location: recorded.location,
        kind: recorded.kind,
        slot_at: recorded.slot_at,
        finished_at: recorded.slot_at.checked_add(latency).unwrap_or(recorded.slot_at),
        latency_ms: recorded.latency_ms,
        outcome: recorded.outcome,
        steps: Vec::new(),
        evidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::{CheckKind, FailureReason, Outcome};
    use crate::domain::ids::{LocationId, ProbeId, StepId, TargetId};
    use crate::store::ledger::{self, Entry};

    #[tokio::test]
    async fn a_failure_is_recalled_with_the_step_it_failed_at() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        let at = |second: i64| jiff::Timestamp::from_second(1_677_661_200 + second).unwrap();
        let made = |second: i64, outcome: Outcome, evidence: Option<Evidence>| Check {
            target: TargetId::new("c3ms").unwrap(),
            probe: ProbeId::new("search").unwrap(),
            location: LocationId::new("noarlunga").unwrap(),
            kind: CheckKind::Slot,
            slot_at: at(second),
            finished_at: at(second) + Duration::from_millis(20),
            latency_ms: 20,
            outcome,
            steps: Vec::new(),
            evidence,
        };
        let seen = Evidence {
            step: Some(StepId::new("find").unwrap()),
            address: Some("10.0.0.1:443".to_owned()),
            detail: "expected status 200 and got 503".to_owned(),
        };
        let checks = [
            made(0, Outcome::Passed, None),
            made(10, Outcome::Failed(FailureReason::Status), Some(seen)),
        ];
        let entries = checks.clone().map(|check| Entry::Check { check, interval_us: 10_000_000 });
        ledger::append(&store, &entries).await.unwrap();
        let range = Range { from: at(-60), to: at(60), ..Range::default() };
        assert_eq!(super::checks(&store, &range).await.unwrap(), checks);
    }
}
