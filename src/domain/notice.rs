//! Words shared by everybody who asks for, carries or shows a notice: one message to one person
//! over one channel.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::RoleId;
use super::length::Length;
use super::verdict::Verdict;

/// How a person is reached.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    Email,
    Sms,
    /// Shown to the person on the console; needs no carrier.
    Console,
    /// An endpoint of another system rather than a person.
    Webhook,
}

/// What a notice is for, which is also the name of its template.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The first word of an incident.
    DownFirst,
    /// The scope or the verdict is another.
    Update,
    /// It works again.
    Recovered,
    /// A plan is in force; what to do now.
    PlanStarted,
    /// Somebody proposes a plan; a person decides.
    PlanProposed,
    /// Nobody acknowledged in time.
    Escalation,
    /// A decision is asked for.
    ApproveRequest,
    /// A checklist is handed over.
    Checklist,
    /// A checklist is not finished.
    Reminder,
    /// A function is suspended; its risk needs an owner.
    Suspended,
    /// A function is taken up again.
    Resumed,
    /// It works again for long enough; may the plan be stood down?
    StandDownOffer,
    /// The plan has been stood down.
    AllClear,
    /// Several notices that were overdue after a stop, in one.
    CaughtUp,
    /// Staff of one office say it does not work, and the probes pass.
    StaffReports,
    /// A number that is read crossed a threshold.
    Signal,
    /// The agent of a location is silent.
    AgentSilent,
    /// The agent of a location reports again.
    AgentHeard,
}

/// How bad, for whoever sorts a queue.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Minor,
    Major,
    Critical,
}

/// Who is told of every outage at detection, before and besides any plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpsNotices {
    pub notify: RoleId,
    pub reach: Vec<Channel>,
    /// Names of webhooks that are told as well.
    pub webhooks: Vec<String>,
    /// The least verdict that is worth a notice.
    pub from_verdict: Verdict,
    /// A person is sent at most one update of an incident in this time.
    pub update_interval: Length,
}

/// How far a notice has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeState {
    Queued,
    /// Taken by a sender under a lease.
    Claimed,
    /// The receiver may have it: its answer is not recorded yet.
    DataSent,
    Sent,
    Failed,
    /// A process died between sending and recording the answer.
    InDoubt,
    /// No longer needed when its turn came.
    Cancelled,
}

macro_rules! words {
    ($name:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word in files, tables, metrics and interfaces.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word that `as_str` writes.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(Channel { Email => "email", Sms => "sms", Console => "console", Webhook => "webhook" });
words!(Severity { Minor => "minor", Major => "major", Critical => "critical" });
words!(NoticeKind {
    DownFirst => "down-first",
    Update => "update",
    Recovered => "recovered",
    PlanStarted => "plan-started",
    PlanProposed => "plan-proposed",
    Escalation => "escalation",
    ApproveRequest => "approve-request",
    Checklist => "checklist",
    Reminder => "reminder",
    Suspended => "suspended",
    Resumed => "resumed",
    StandDownOffer => "stand-down-offer",
    AllClear => "all-clear",
    CaughtUp => "caught-up",
    StaffReports => "staff-reports",
    Signal => "signal",
    AgentSilent => "agent-silent",
    AgentHeard => "agent-heard",
});
words!(NoticeState {
    Queued => "queued",
    Claimed => "claimed",
    DataSent => "data-sent",
    Sent => "sent",
    Failed => "failed",
    InDoubt => "in-doubt",
    Cancelled => "cancelled",
});

impl Severity {
    /// How bad a verdict is.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Down => Self::Critical,
            Verdict::Intermittent => Self::Major,
            Verdict::Slow | Verdict::Up | Verdict::Unknown => Self::Minor,
        }
    }
}

impl NoticeKind {
    /// Whether a playbook step may ask for it by name; the others the engine sends by itself.
    #[must_use]
    pub fn for_a_step(self) -> bool {
        matches!(self, Self::DownFirst | Self::Update | Self::PlanStarted | Self::AllClear)
    }
}

impl NoticeState {
    /// Whether nothing more will happen to it by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::Failed | Self::InDoubt | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_files() {
        for kind in NoticeKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(NoticeKind::parse(kind.as_str()), Some(*kind));
        }
        for state in NoticeState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
