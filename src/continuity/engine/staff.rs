//! "It is not working for me": what staff say confirms an outage, or contradicts the probes.
//!
//! A report counts for [`REPORTS_COUNT_FOR`]. It must not become a verdict, nor availability: it
//! confirms an outage that probes have found, or operations are told that the two disagree.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Engine;
use super::load::REPORTS_COUNT_FOR;
use crate::domain::ids::{CohortId, TargetId};
use crate::domain::notice::NoticeKind;
use crate::store::continuity::find;
use crate::store::staff_reports::StaffReport;

/// Reports from one office that are a disagreement when its probes pass.
pub const A_DISAGREEMENT: usize = 3;

/// An office or team, and what it says does not work.
type Place = (TargetId, CohortId);

/// Reports that count now, and which disagreements operations know of.
#[derive(Debug, Default)]
pub(super) struct Said {
    reports: Vec<StaffReport>,
    told: BTreeMap<Place, Timestamp>,
}

impl Said {
    pub(super) fn new(reports: Vec<StaffReport>) -> Self {
        Self { reports, told: BTreeMap::new() }
    }

    /// Takes in a report; the same form sent twice counts once.
    pub(super) fn take(&mut self, report: StaffReport, now: Timestamp) {
        let from = since(now);
        self.reports.retain(|one| one.received_at >= from && one.id != report.id);
        self.told.retain(|_, at| *at >= from);
        self.reports.push(report);
    }

    /// How many speak of this target now.
    pub(super) fn of(&self, target: &TargetId, now: Timestamp) -> u32 {
        let from = since(now);
        let speaks = |one: &&StaffReport| one.target == *target && one.received_at >= from;
        u32::try_from(self.reports.iter().filter(speaks).count()).unwrap_or(u32::MAX)
    }
}

impl Engine {
    /// Tells operations where staff and probes disagree: once an office and target in
    /// [`REPORTS_COUNT_FOR`], restarts included.
    pub(super) async fn tell_disagreements(&mut self) {
        let now = self.clock.now();
        for (place, reports) in self.disagreements(now) {
            let (target, office) = &place;
            let step = format!("{target}/{office}");
            let told = find::last_notice(&self.store, NoticeKind::StaffReports, &step).await;
            let told = match told {
                Ok(told) => told.filter(|at| *at >= since(now)),
                Err(error) => {
                    self.refused(&error);
                    return;
                }
            };
            if told.is_none() {
                let sentence = self.sentence(&place, reports);
                tracing::info!(place = step, "staff say it does not work, probes pass");
                if !self.remark(NoticeKind::StaffReports, &step, sentence, now).await {
                    return;
                }
            }
            self.said.told.insert(place, told.unwrap_or(now));
        }
    }

    /// Offices that said often enough that a target does not work while it is known to work there,
    /// with how often, and of which operations have not been told.
    fn disagreements(&self, now: Timestamp) -> Vec<(Place, usize)> {
        let mut people: BTreeMap<Place, BTreeSet<&str>> = BTreeMap::new();
        for report in &self.said.reports {
            let place = (report.target.clone(), report.cohort.clone());
            // What was said of an outage that has ended since was true then.
            let meant = self.picture.served_since(&place.0, &place.1);
            if report.received_at >= since(now) && meant.is_some_and(|at| report.received_at > at) {
                people.entry(place).or_default().insert(&report.id);
            }
        }
        let told = |place: &Place| self.said.told.get(place).is_some_and(|at| *at >= since(now));
        people
            .into_iter()
            .map(|(place, ids)| (place, ids.len()))
            .filter(|(place, count)| *count >= A_DISAGREEMENT && !told(place))
            .collect()
    }

    fn sentence(&self, (target, office): &Place, reports: usize) -> String {
        let named = self.settings.targets.iter().find(|one| one.id == *target);
        let title = named.map_or(target.as_str(), |one| &one.title);
        let place = named.and_then(|one| one.cohort(office));
        let place = place.map_or(office.as_str(), |one| &one.title);
        let minutes = REPORTS_COUNT_FOR.as_secs() / 60;
        format!(
            "{place} says {title} is not working, and every probe from there passes: {reports} \
             staff reports in the last {minutes} minutes."
        )
    }
}

fn since(now: Timestamp) -> Timestamp {
    now.checked_sub(REPORTS_COUNT_FOR).unwrap_or(Timestamp::MIN)
}
