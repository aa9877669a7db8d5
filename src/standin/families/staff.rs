//! The offices of the stand-in and the workers in them.
//!
//! Head counts are those of the demo: they are ours and stand for no real office.

use super::Draft;
use super::forms;
use super::names::COMMUNITIES;
use crate::standin::model::staff::{Worker, WorkerRole};

/// A place of staff.
#[derive(Debug)]
pub struct Office {
    /// As in worker ids: `w-noarlunga-07`.
    pub slug: &'static str,
    pub title: &'static str,
    pub workers: usize,
    /// What most of its workers are.
    pub role: WorkerRole,
    /// Families of a hundred it works with; zero where it carries no cases.
    pub families_percent: usize,
    /// Localities with their postcodes.
    pub localities: &'static [(&'static str, &'static str)],
}

pub static OFFICES: [Office; 9] = [
    Office {
        slug: "noarlunga",
        title: "Noarlunga",
        workers: 62,
        role: WorkerRole::CaseWorker,
        families_percent: 32,
        localities: &[
            ("Noarlunga Centre", "5168"),
            ("Christies Beach", "5165"),
            ("Morphett Vale", "5162"),
            ("Hackham West", "5163"),
            ("Aldinga Beach", "5173"),
        ],
    },
    Office {
        slug: "elizabeth",
        title: "Elizabeth",
        workers: 71,
        role: WorkerRole::CaseWorker,
        families_percent: 36,
        localities: &[
            ("Elizabeth", "5112"),
            ("Davoren Park", "5113"),
            ("Salisbury North", "5108"),
            ("Smithfield Plains", "5114"),
        ],
    },
    Office {
        slug: "port-augusta",
        title: "Port Augusta",
        workers: 24,
        role: WorkerRole::CaseWorker,
        families_percent: 14,
        localities: &[("Port Augusta", "5700"), ("Stirling North", "5710"), ("Quorn", "5433")],
    },
    Office {
        slug: "ceduna",
        title: "Ceduna",
        workers: 11,
        role: WorkerRole::CaseWorker,
        families_percent: 7,
        localities: &[("Ceduna", "5690"), ("Thevenard", "5690")],
    },
    Office {
        slug: "apy",
        title: "APY visiting team",
        workers: 6,
        role: WorkerRole::CaseWorker,
        families_percent: 4,
        localities: &[("Umuwa", "0872"), ("Marla", "5724")],
    },
    Office {
        slug: "youth-justice",
        title: "Youth Justice",
        workers: 45,
        role: WorkerRole::YouthJustice,
        families_percent: 7,
        localities: &[("Cavan", "5094"), ("Kilburn", "5084")],
    },
    Office {
        slug: "report-line",
        title: "Report Line",
        workers: 38,
        role: WorkerRole::Intake,
        families_percent: 0,
        localities: &[("Adelaide", "5000")],
    },
    Office {
        slug: "crisis",
        title: "Crisis team",
        workers: 14,
        role: WorkerRole::Crisis,
        families_percent: 0,
        localities: &[("Adelaide", "5000")],
    },
    Office {
        slug: "court",
        title: "Court officers",
        workers: 12,
        role: WorkerRole::CourtOfficer,
        families_percent: 0,
        localities: &[("Adelaide", "5000")],
    },
];

/// Every eighth worker leads the team of the next seven.
const TEAM_SIZE: usize = 8;

impl Office {
    /// The id of its `number`-th worker, counted from 1.
    #[must_use]
    pub fn worker_id(&self, number: usize) -> String {
        format!("w-{}-{number:02}", self.slug)
    }

    /// The team leader over its `number`-th worker.
    #[must_use]
    pub fn leader_id(&self, number: usize) -> String {
        self.worker_id((number - 1) / TEAM_SIZE * TEAM_SIZE + 1)
    }

    /// The team its `number`-th worker is in.
    #[must_use]
    pub fn team(&self, number: usize) -> String {
        format!("{} team {}", self.title, (number - 1) / TEAM_SIZE + 1)
    }
}

/// The office with this slug; the first one when there is none, which tests rule out.
#[must_use]
pub fn office(slug: &str) -> &'static Office {
    OFFICES.iter().find(|office| office.slug == slug).unwrap_or(&OFFICES[0])
}

/// Adds every worker of every office; the last of each large office is a student, and one left a
/// week ago.
pub(super) fn add_workers(draft: &mut Draft) {
    for office in &OFFICES {
        for number in 1..=office.workers {
            let worker = worker(draft, office, number);
            draft.register.workers.put(worker);
        }
    }
}

fn worker(draft: &mut Draft, office: &'static Office, number: usize) -> Worker {
    let id = office.worker_id(number);
    let leads = (number - 1).is_multiple_of(TEAM_SIZE);
    let student = number == office.workers && office.workers > 20;
    let left = office.slug == "elizabeth" && number == office.workers - 1;
    let community = &COMMUNITIES[draft.draw.below(COMMUNITIES.len())];
    let women = draft.draw.chance(70);
    let given = draft.draw.pick(if women { community.women } else { community.men });
    Worker {
        updated_at: draft.when.days(-draft.draw.between(8, 700)),
        name: format!("{given} {}", draft.draw.pick(community.surnames)),
        office: office.title.to_owned(),
        team: office.team(number),
        role: match (leads, student) {
            (true, _) => WorkerRole::TeamLeader,
            (_, true) => WorkerRole::Student,
            _ => office.role,
        },
        supervisor_id: (!leads).then(|| office.leader_id(number)),
        phone: forms::phone(&mut draft.draw),
        left_on: left.then(|| draft.when.day(-7)),
        id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_shared_out_completely() {
        assert_eq!(OFFICES.iter().map(|office| office.families_percent).sum::<usize>(), 100);
        assert_eq!(COMMUNITIES.iter().map(|community| community.percent).sum::<usize>(), 100);
    }

    #[test]
    fn a_leader_leads_the_seven_after_her() {
        let office = office("noarlunga");
        assert_eq!(office.leader_id(8), "w-noarlunga-01");
        assert_eq!(office.leader_id(9), "w-noarlunga-09");
        assert_eq!(office.leader_id(10), "w-noarlunga-09");
    }
}
