//! What an agent and its hub say to each other: the messages of `/agent/v1/…`, in JSON.
//!
//! An agent numbers what it found and keeps it until the hub has acknowledged the number, so that
//! nothing is lost and nothing counts twice. It must not know how a message travels.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::check::{Check, CheckKind, Gap};
use super::ids::{LocationId, ProbeId, TargetId};
use super::length::Length;
use super::signal::Reading;

/// Where an agent asks for its first certificate; the only address that asks for none.
pub const ENROL: &str = "/agent/v1/enrol";
pub const RENEW: &str = "/agent/v1/renew";
pub const PLAN: &str = "/agent/v1/plan";
pub const CHECKS: &str = "/agent/v1/checks";
pub const ASKS: &str = "/agent/v1/asks";

/// Findings in one delivery, at most.
pub const MOST_FINDINGS: usize = 500;
/// Bytes in one delivery, beyond which an agent begins another.
pub const DELIVERY_BYTES: usize = 1024 * 1024;
/// Bytes of any message that a hub takes: a delivery and the one finding that went over.
pub const MESSAGE_BYTES: usize = 4 * DELIVERY_BYTES;
/// How long a hub keeps an agent waiting that asks for confirmations.
pub const ASK_WAIT: Duration = Duration::from_secs(5);
/// An agent that finds nothing says so this often, by a delivery that is empty: only who delivers
/// reports.
pub const DELIVERY_INTERVAL: Duration = Duration::from_secs(5);
/// Signs of what an agent says keeps it from its work.
const MOST_WORDS: usize = 400;
/// A location whose clock is further off is not correlated with others.
pub const MOST_OFFSET: SignedDuration = SignedDuration::from_secs(1);

/// Asks for a certificate with a one-time token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    pub token: String,
    /// PKCS #10 in PEM.
    pub request: String,
}

/// The answer: who the agent is, and how it shows that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enrolled {
    pub location: LocationId,
    /// PEM.
    pub certificate: String,
}

/// Asks for a certificate in place of the one that is shown.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// PKCS #10 in PEM.
    pub request: String,
}

/// What an agent probes: the files as the hub has validated them, and what `holdfast.yaml` there
/// says of each target, secrets apart: those never travel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub location: LocationId,
    pub targets: Vec<PlannedTarget>,
}

/// A probe file with what its hub changes in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTarget {
    pub target: TargetId,
    pub file: String,
    pub text: String,
    pub base_url: Option<String>,
    pub systems: BTreeMap<String, String>,
    pub interval: Option<Length>,
}

/// Something that was found, with the number it has in the agent's spool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Numbered {
    pub number: i64,
    pub finding: Finding,
}

/// What leaves the scheduler of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    Check { check: Check, interval_us: i64 },
    Missed(MissedSlots),
    Reading(Reading),
}

/// Slots in a row without a check of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedSlots {
    pub target: TargetId,
    pub probe: ProbeId,
    pub location: LocationId,
    pub first_slot_at: Timestamp,
    pub slots: u32,
    pub interval_us: i64,
    pub gap: Gap,
}

impl MissedSlots {
    /// What is left of a check whose record the disk did not take; none of a confirmation, which
    /// fills no slot.
    #[must_use]
    pub fn not_kept(check: Check, interval_us: i64) -> Option<Self> {
        (check.kind == CheckKind::Slot).then_some(Self {
            target: check.target,
            probe: check.probe,
            location: check.location,
            first_slot_at: check.slot_at,
            slots: 1,
            interval_us,
            gap: Gap::Disk,
        })
    }
}

impl Finding {
    /// Where it was found; a number that was read says only of what.
    #[must_use]
    pub fn location(&self) -> Option<&LocationId> {
        match self {
            Self::Check { check, .. } => Some(&check.location),
            Self::Missed(missed) => Some(&missed.location),
            Self::Reading(_) => None,
        }
    }

    /// When it was found, by the agent's clock.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Check { check, .. } => check.finished_at,
            Self::Missed(missed) => missed.first_slot_at,
            Self::Reading(reading) => reading.read_at,
        }
    }
}

/// Findings on their way to the hub.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// Names the spool whose numbers these are: a new one begins anew.
    pub spool: String,
    /// In the order of their numbers.
    pub findings: Vec<Numbered>,
    /// How many more wait behind these.
    pub behind: u64,
    /// Findings that were lost since the spool was made: to its bound, or to damage.
    pub dropped: u64,
    pub measured: Option<Measured>,
    #[serde(default)]
    pub troubles: Vec<Trouble>,
}

/// What keeps an agent from its work, for its hub to tell operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It cannot probe by the plan in force, and probes by the one before where it has one.
    Plan { why: String, has_another: bool },
    /// Its disk does not take what it finds.
    Disk { why: String },
}

impl Trouble {
    /// In one line, and no longer than a page has room for: another machine says it.
    #[must_use]
    pub fn bounded(self) -> Self {
        let bounded = |why: String| {
            let words: Vec<&str> = why.split_whitespace().collect();
            words.join(" ").chars().take(MOST_WORDS).collect()
        };
        match self {
            Self::Plan { why, has_another } => Self::Plan { why: bounded(why), has_another },
            Self::Disk { why } => Self::Disk { why: bounded(why) },
        }
    }

    /// What operations read of the agent at this place.
    #[must_use]
    pub fn sentence(&self, title: &str) -> String {
        let probes = |has_another: &bool| match has_another {
            true => "probes by the plan before it",
            false => "probes nothing",
        };
        match self {
            Self::Plan { why, has_another } => format!(
                "The agent at {title} cannot use the plan it is sent, and {}: {why}",
                probes(has_another)
            ),
            Self::Disk { why } => format!(
                "The agent at {title} cannot write its disk, and what it finds is lost until it \
                 can: {why}"
            ),
        }
    }
}

/// The agent waits for confirmations to be asked of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    pub measured: Option<Measured>,
}

/// How the agent's clock stands to the hub's: its own minus the hub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    pub offset_us: i64,
    /// The time on the way, there and back, of which the measure may be half wrong.
    pub delay_us: i64,
}

/// What stands in every answer to somebody known: when the message came and the answer went, by
/// the hub's clock, and which plan is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamps {
    pub received_at: Timestamp,
    pub answered_at: Timestamp,
}

/// Everything up to this number is durable at the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub stamps: Stamps,
    pub number: i64,
    pub plan: String,
}

/// What is asked of the agent; nothing when nobody asked in [`ASK_WAIT`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub stamps: Stamps,
    pub asks: Vec<Ask>,
    pub plan: String,
}

/// An extra run on suspicion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub probe: ProbeId,
    /// From now on; an instant would be by another clock.
    pub delay_ms: u32,
}

/// The plan in force, with the name by which answers speak of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub digest: String,
    pub plan: Plan,
}

/// Why a message was not taken, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    pub why: String,
}

impl Measured {
    /// From the four instants of an exchange: RFC 5905, section 8. `sent_at` and `heard_at` are by
    /// the agent's clock.
    #[must_use]
    pub fn from_exchange(sent_at: Timestamp, stamps: Stamps, heard_at: Timestamp) -> Self {
        let [t1, t2, t3, t4] = [sent_at, stamps.received_at, stamps.answered_at, heard_at]
            .map(|at| i128::from(at.as_microsecond()));
        let narrow = |wide: i128| i64::try_from(wide).unwrap_or(i64::MAX);
        Self {
            // The RFC's theta is the other's clock minus one's own.
            offset_us: narrow(((t1 - t2) + (t4 - t3)) / 2),
            delay_us: narrow(((t4 - t1) - (t3 - t2)).max(0)),
        }
    }

    #[must_use]
    pub fn offset(self) -> SignedDuration {
        SignedDuration::from_micros(self.offset_us)
    }

    /// Whether the clocks are so far apart that instants of both do not compare: by more than a
    /// slow line accounts for, one way or the other.
    #[must_use]
    pub fn is_off(self) -> bool {
        let by_the_line = SignedDuration::from_micros(self.delay_us / 2);
        self.offset().abs() - by_the_line > MOST_OFFSET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + ms).unwrap()
    }

    #[test]
    fn four_instants_tell_offset_and_delay() {
        // The agent's clock is 2 s ahead; 30 ms there, 5 s of waiting, 50 ms back.
        let stamps = Stamps { received_at: at(30), answered_at: at(5_030) };
        let measured = Measured::from_exchange(at(2_000), stamps, at(7_080));
        assert_eq!(measured, Measured { offset_us: 2_000_000 - 10_000 + 20_000, delay_us: 80_000 });
        assert!(measured.is_off());
        let measured = Measured::from_exchange(at(0), stamps, at(5_060));
        assert_eq!(measured, Measured { offset_us: 0, delay_us: 60_000 });
        assert!(!measured.is_off());
        // A delivery that took 4 s to come over a slow line, between clocks that agree.
        let stamps = Stamps { received_at: at(4_000), answered_at: at(4_000) };
        assert!(!Measured::from_exchange(at(0), stamps, at(4_020)).is_off());
    }
}
