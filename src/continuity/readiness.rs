//! Whether the people a plan counts on can be reached: faults shown every day, before the day.
//!
//! Pure. It reports; it must not stop anything from starting.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::ids::{PlaybookId, RoleId};
use crate::domain::notice::Channel;
use crate::domain::people::People;
use crate::domain::playbook::Playbook;

/// How far ahead rotas are looked at.
const AHEAD: Duration = Duration::from_secs(7 * 86_400);
/// And how often within that.
const STRIDE: Duration = Duration::from_secs(3_600);

/// Every kind of fault, for metrics.
pub const KINDS: [&str; 5] =
    ["role-empty", "role-thin", "one-channel", "night-gap", "review-overdue"];

/// Something that would be missing on the worst day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadinessFault {
    pub playbook: PlaybookId,
    /// None for a fault of the plan as a whole.
    pub role: Option<RoleId>,
    /// One of [`KINDS`].
    pub kind: &'static str,
    /// What is wrong and what to do about it.
    pub words: String,
}

/// Every fault of these plans now and over the coming week.
#[must_use]
pub fn faults<'a>(
    playbooks: impl IntoIterator<Item = &'a Playbook>,
    people: &People,
    channels: &BTreeSet<Channel>,
    now: Timestamp,
) -> Vec<ReadinessFault> {
    let mut faults = Vec::new();
    for playbook in playbooks {
        let today = now.to_zoned(people.zone.clone()).date();
        if playbook.review_by < today {
            faults.push(ReadinessFault {
                playbook: playbook.id.clone(),
                role: None,
                kind: "review-overdue",
                words: format!(
                    "'{}' was to be reviewed by {}.",
                    playbook.title, playbook.review_by
                ),
            });
        }
        for (role, need) in &playbook.roles {
            let mut fault = |kind, words| {
                let (playbook, role) = (playbook.id.clone(), Some(role.clone()));
                faults.push(ReadinessFault { playbook, role, kind, words });
            };
            let holders = people.holders(role, now);
            if holders.is_empty() {
                fault("role-empty", format!("Nobody holds '{role}' now: fill its rota."));
            } else if holders.len() < need.at_least as usize {
                let (have, least) = (holders.len(), need.at_least);
                fault("role-thin", format!("'{role}' needs {least} people and has {have} now."));
            }
            for person in &holders {
                let ways = need.reach.iter().filter(|channel| {
                    channels.contains(channel) && person.address(**channel).is_some()
                });
                if ways.count() < 2 {
                    let words = format!(
                        "{} ('{role}') is reached over fewer than two working channels.",
                        person.name
                    );
                    fault("one-channel", words);
                }
            }
            if let Some(at) = need.around_the_clock.then(|| gap(people, role, now)).flatten() {
                let local = at.to_zoned(people.zone.clone()).strftime("%H:%M on %A %-d %B");
                fault("night-gap", format!("Nobody holds '{role}' at {local}: fill its rota."));
            }
        }
    }
    faults
}

/// The first instant of the coming week at which nobody holds a role.
fn gap(people: &People, role: &RoleId, now: Timestamp) -> Option<Timestamp> {
    let strides = u32::try_from(AHEAD.as_secs() / STRIDE.as_secs()).unwrap_or_default();
    (0..strides)
        .filter_map(|stride| now.checked_add(STRIDE * stride).ok())
        .find(|at| people.holders(role, *at).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{people, playbooks};

    #[test]
    fn thin_and_unreachable_roles_are_found() {
        let people =
            people::parse("people.yaml", include_str!("../../playbooks/demo/people.yaml")).unwrap();
        let plan = playbooks::parse(
            "march-2023.yaml",
            include_str!("../../playbooks/demo/march-2023.yaml"),
            playbooks::Known::default(),
        )
        .unwrap();
        let found = |channels: &[Channel], at: &str| -> Vec<(String, &'static str)> {
            let channels = channels.iter().copied().collect();
            faults([&plan], &people, &channels, at.parse().unwrap())
                .into_iter()
                .map(|fault| (fault.role.map(|r| r.to_string()).unwrap_or_default(), fault.kind))
                .collect()
        };
        let now = "2023-03-01T00:00:00Z";
        assert!(found(&[Channel::Email], now).iter().all(|(_, kind)| *kind == "one-channel"));
        assert_eq!(found(&[Channel::Email], "2028-01-01T00:00:00Z")[0].1, "review-overdue");
        // Before the rota starts, deputies hold the role: no gap.
        assert!(!found(&[], "2022-12-30T00:00:00Z").iter().any(|(_, kind)| *kind == "night-gap"));
    }
}
