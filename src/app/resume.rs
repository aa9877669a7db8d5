//! How things stood when the service stopped: verdicts and outages in force, checks that are still
//! evidence, and time that nobody observed. Shown in the metrics from the first second.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;

use crate::detection::{Standing, State};
use crate::domain::ids::{LocationId, ProbeId};
use crate::domain::outage::Outage;
use crate::domain::target::Target;
use crate::domain::verdict::Verdict;
use crate::probing::run::Setting;
use crate::store::ledger::Range;
use crate::store::{Store, detection, recall};
use crate::telemetry::labels::TimeState;
use crate::telemetry::metrics::Metrics;

/// What the ledger holds from before a stop and is still evidence after it.
pub const RECALL_WINDOW: Duration = Duration::from_secs(600);

/// Shows what is in force from before, and counts the time since each probe's last slot, while
/// nobody probed, as not known.
pub fn show_resumed(
    metrics: &Metrics,
    states: &[State],
    last: &[(ProbeId, LocationId, Timestamp)],
    now: Timestamp,
) {
    let mut last_slots: HashMap<&ProbeId, Timestamp> = HashMap::new();
    for (probe, _, at) in last {
        let latest = last_slots.entry(probe).or_insert(*at);
        *latest = (*latest).max(*at);
    }
    for state in states {
        show_standing(metrics, state);
        let target = state.configured();
        for probe in &target.probes {
            let away = last_slots.get(&probe.id).map_or(Duration::ZERO, |last_slot_at| {
                Duration::try_from(now.duration_since(*last_slot_at)).unwrap_or_default()
            });
            let unknown = TimeState::Verdict(Verdict::Unknown);
            metrics.add_state_time(&target.id, &probe.id, unknown, away);
        }
    }
}

/// Shows what is in force of a target.
pub fn show_standing(metrics: &Metrics, state: &State) {
    let target = state.configured();
    for cohort in &target.cohorts {
        if let Some(standing) = state.standing(&cohort.id) {
            metrics.set_verdict(&target.id, &cohort.id, standing.verdict);
        }
    }
    let open = state.open_outages();
    metrics.set_open_outages(&target.id, open.len(), affected(target, open));
}

/// Detection as it stood: verdicts and open outages from the store, recent checks recalled.
pub async fn resume(
    store: &Store,
    settings: &[Arc<Setting>],
    now: Timestamp,
) -> anyhow::Result<Vec<State>> {
    let standings = detection::standings(store).await.context("reading verdicts")?;
    let open = detection::open_outages(store).await.context("reading outages")?;
    let from = now.checked_sub(RECALL_WINDOW).unwrap_or(now);
    let mut states = Vec::new();
    for setting in settings {
        let target = &setting.target;
        let known: BTreeMap<_, _> = standings
            .iter()
            .filter(|standing| standing.target == target.id)
            .map(|s| (s.cohort.clone(), Standing { verdict: s.verdict, since: s.since }))
            .collect();
        let outages = open.iter().filter(|outage| outage.target == target.id).cloned().collect();
        let mut state = State::new(Arc::clone(target), known, outages);
        let range = Range { target: Some(target.id.clone()), from, to: now, ..Range::default() };
        for check in recall::checks(store, &range).await.context("reading recent checks")? {
            state.recall(&check);
        }
        states.push(state);
    }
    Ok(states)
}

/// Staff in the cohorts of open outages, each cohort counted once.
pub fn affected(target: &Target, open: &[Outage]) -> u32 {
    let within = |id| open.iter().any(|outage| outage.scope.cohorts.contains(id));
    target.cohorts.iter().filter(|cohort| within(&cohort.id)).map(|cohort| cohort.head_count).sum()
}
