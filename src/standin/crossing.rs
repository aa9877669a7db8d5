//! What is on its way between two systems: sent at one side, there at the other a little later.
//!
//! Whether something has arrived is a matter of the instant asked for, so that an interface that
//! stands still delivers nothing.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How long a working interface takes.
const DELAY: SignedDuration = SignedDuration::from_millis(400);
/// How long the other side takes to accept what has arrived.
const ACCEPTED_AFTER: SignedDuration = SignedDuration::from_millis(800);
/// Probes that forget to take back must not fill memory; the oldest go.
const SENT_AT_MOST: usize = 10_000;

/// Everything sent, by its number.
#[derive(Debug, Default)]
pub(super) struct Crossing(Mutex<Sent>);

#[derive(Debug, Default)]
struct Sent {
    last_number: u32,
    items: BTreeMap<u32, Item>,
}

/// Something sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub text: String,
    /// Whom it is for; empty for whoever it concerns.
    pub office: String,
    pub sent_at: Timestamp,
}

/// How far something has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    OnItsWay,
    Received,
    Accepted,
}

impl Stage {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::OnItsWay => "on its way",
            Self::Received => "received",
            Self::Accepted => "accepted",
        }
    }
}

impl Item {
    /// How far it has come at an instant, which is in the past for an interface that stands still.
    pub(super) fn stage(&self, as_of: Timestamp) -> Stage {
        let since = as_of.duration_since(self.sent_at);
        if since < DELAY {
            Stage::OnItsWay
        } else if since < DELAY + ACCEPTED_AFTER {
            Stage::Received
        } else {
            Stage::Accepted
        }
    }
}

impl Crossing {
    /// Takes something in and says its number, as in `R-1001`.
    pub(super) fn send(&self, text: &str, office: &str, now: Timestamp) -> String {
        let mut sent = self.lock();
        let number = sent.last_number.max(1_000) + 1;
        sent.last_number = number;
        let (text, office) = (text.to_owned(), office.to_owned());
        sent.items.insert(number, Item { text, office, sent_at: now });
        if sent.items.len() > SENT_AT_MOST {
            sent.items.pop_first();
        }
        format!("R-{number}")
    }

    pub(super) fn find(&self, id: &str) -> Option<Item> {
        self.lock().items.get(&number(id)?).cloned()
    }

    /// What was sent last with these words in it, newest first.
    pub(super) fn latest(&self, words: &str, count: usize) -> Vec<(String, Item)> {
        let sent = self.lock();
        let newest = sent.items.iter().rev();
        let newest = newest.filter(|(_, item)| item.text.contains(words)).take(count);
        newest.map(|(number, item)| (format!("R-{number}"), item.clone())).collect()
    }

    /// Takes something back at both sides; false when it is not there.
    pub(super) fn withdraw(&self, id: &str) -> bool {
        number(id).is_some_and(|number| self.lock().items.remove(&number).is_some())
    }

    fn lock(&self) -> MutexGuard<'_, Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn number(id: &str) -> Option<u32> {
    id.strip_prefix("R-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives_later_and_never_where_time_stands_still() {
        let crossing = Crossing::default();
        let now: Timestamp = "2023-03-01T09:00:00Z".parse().unwrap();
        let id = crossing.send("Synthetic run 7", "Test office", now);
        assert_eq!(id, "R-1001");
        let item = crossing.find(&id).unwrap();
        assert_eq!(item.stage(now - SignedDuration::from_hours(9)), Stage::OnItsWay);
        assert_eq!(item.stage(now + DELAY), Stage::Received);
        assert_eq!(item.stage(now + DELAY + ACCEPTED_AFTER), Stage::Accepted);
        assert_eq!(crossing.latest("run 7", 5), [(id.clone(), item)]);
        assert!(crossing.latest("run 8", 5).is_empty());
        assert!(crossing.withdraw(&id) && !crossing.withdraw(&id));
        assert!(crossing.find("R-1").is_none() && crossing.find("1001").is_none());
    }
}
