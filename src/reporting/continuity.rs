//! What was done about it: incidents, plans in force and notices, as the store keeps them.

use std::collections::BTreeMap;

use super::period::Period;
use super::report::{IncidentLine, NoticeCount, PlanLine};
use crate::store::continuity::{find, plans};
use crate::store::{Store, StoreError};

/// More incidents than this in one report are no longer incidents but a condition.
const MOST_INCIDENTS: u32 = 1_000;

/// The answer to a period's outages.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub incidents: Vec<IncidentLine>,
    pub plans: Vec<PlanLine>,
    pub notices: Vec<NoticeCount>,
}

/// Incidents opened in the period or still open at it, with their notices; plans that came into
/// force in it.
///
/// # Errors
/// When the store cannot be read.
pub async fn read(store: &Store, period: &Period) -> Result<Answer, StoreError> {
    let mut rows = find::incidents(store, period.from, period.to, MOST_INCIDENTS).await?;
    rows.retain(|row| row.opened_at < period.to);
    rows.sort_by(|a, b| (a.opened_at, &a.id).cmp(&(b.opened_at, &b.id)));
    let mut incidents = Vec::new();
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        let mut notices = 0;
        for notice in find::notices_of_incident(store, &row.id).await? {
            if (period.from..period.to).contains(&notice.created_at) {
                *counts.entry((notice.channel.as_str(), notice.state.as_str())).or_default() += 1;
                notices += 1;
            }
        }
        incidents.push(IncidentLine {
            incident: row.id.to_string(),
            opened_at: row.opened_at,
            recovered_at: row.recovered_at.filter(|at| *at < period.to),
            closed_at: row.closed_at.filter(|at| *at < period.to),
            notices,
        });
    }
    let notices = counts.into_iter().map(|((channel, state), notices)| NoticeCount {
        channel: channel.to_owned(),
        state: state.to_owned(),
        notices,
    });
    let plans = plans::between(store, period.from, period.to).await?;
    Ok(Answer {
        incidents,
        notices: notices.collect(),
        plans: plans.into_iter().map(line).collect(),
    })
}

fn line(plan: plans::PlanRow) -> PlanLine {
    let plans::PlanRow {
        activation,
        playbook,
        unit,
        ground,
        phase,
        exercise,
        opened_at,
        stood_down_at,
        closed_at,
    } = plan;
    PlanLine {
        activation,
        playbook,
        unit,
        ground,
        phase,
        exercise,
        opened_at,
        stood_down_at,
        closed_at,
    }
}
