//! Accounts that probes sign in with, in pairs, so that one that expired or was locked is not
//! taken for an outage.
//!
//! Runs take turns with them. One that was refused rests while another is there; whether it was
//! the account or the target, the other one says in the same check. It must not print a secret.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use super::values::Secrets;

/// A refused account is not tried for so long: trying is what keeps it locked.
const REST: Duration = Duration::from_secs(600);
/// After all were refused a single one is tried for so long: the others must not be locked too.
const ALONE: Duration = Duration::from_secs(300);

/// The secrets of a target, once for each of its accounts.
#[derive(Debug)]
pub struct Accounts {
    /// At least one.
    sets: Vec<Secrets>,
    turn: AtomicUsize,
    /// When each was refused, monotonic.
    refused_at: Mutex<Vec<Option<Duration>>>,
    /// The one that is tried after all were refused, and since when, monotonic.
    alone: Mutex<Option<(usize, Duration)>>,
}

impl From<Secrets> for Accounts {
    /// A single account, or none at all.
    fn from(secrets: Secrets) -> Self {
        Self::new(secrets, Vec::new())
    }
}

impl Accounts {
    /// What all accounts share, and what each has of its own.
    #[must_use]
    pub fn new(shared: Secrets, own: Vec<BTreeMap<String, SecretString>>) -> Self {
        let mut sets: Vec<Secrets> = own
            .into_iter()
            .map(|own| {
                let mut secrets = shared.clone();
                secrets.0.extend(own);
                secrets
            })
            .collect();
        if sets.is_empty() {
            sets.push(shared);
        }
        let refused_at = Mutex::new(vec![None; sets.len()]);
        Self { sets, turn: AtomicUsize::new(0), refused_at, alone: Mutex::new(None) }
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.sets.len()
    }

    /// The secrets of one account; numbers go round.
    #[must_use]
    pub fn secrets(&self, number: usize) -> &Secrets {
        &self.sets[number % self.sets.len()]
    }

    /// Whose turn it is; a resting one is passed over while another is fit.
    #[must_use]
    pub fn next(&self, now: Duration) -> usize {
        if let Some(alone) = self.alone(now) {
            return alone;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let refused_at = lock(&self.refused_at);
        let rests = |number: usize| refused_at[number].is_some_and(|at| now < at + REST);
        let round = (0..self.sets.len()).map(|step| turn.wrapping_add(step) % self.sets.len());
        let fit = round.clone().find(|number| !rests(*number));
        fit.unwrap_or(turn % self.sets.len())
    }

    /// Another account than this one, where there is one.
    #[must_use]
    pub fn other(&self, than: usize) -> Option<usize> {
        (self.sets.len() > 1).then(|| (than + 1) % self.sets.len())
    }

    /// It was refused, and it was not the target's failure.
    pub fn refuse(&self, number: usize, now: Duration) {
        lock(&self.refused_at)[number % self.sets.len()] = Some(now);
    }

    /// It was refused as the others were: for a while it alone is tried.
    pub fn refuse_all(&self, number: usize, now: Duration) {
        *lock(&self.alone) = Some((number, now));
    }

    /// The one that is tried while all others rest, because all were refused of late.
    #[must_use]
    pub fn alone(&self, now: Duration) -> Option<usize> {
        lock(&self.alone).filter(|(_, since)| now < *since + ALONE).map(|(number, _)| number)
    }

    /// It could sign in.
    pub fn accept(&self, number: usize) {
        lock(&self.refused_at)[number % self.sets.len()] = None;
        *lock(&self.alone) = None;
    }

    /// Numbers of the refused ones, counted from 0.
    #[must_use]
    pub fn refused(&self) -> Vec<usize> {
        let refused_at = lock(&self.refused_at);
        (0..self.sets.len()).filter(|number| refused_at[*number].is_some()).collect()
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn runs_take_turns_and_a_refused_account_rests() {
        let named = |name: &str, text: &str| (name.to_owned(), SecretString::from(text));
        let shared = Secrets([named("pin", "0042")].into());
        let pair = ["one", "two"].map(|user| [named("username", user)].into());
        let accounts = Accounts::new(shared, pair.into());
        let user = |number| accounts.secrets(number).0["username"].expose_secret().to_owned();
        let now = Duration::from_secs(100);
        assert_eq!([0, 1, 2].map(|_| user(accounts.next(now))), ["one", "two", "one"]);
        assert_eq!(accounts.secrets(1).0["pin"].expose_secret(), "0042");
        accounts.refuse(1, now);
        assert_eq!([0, 1, 2].map(|_| user(accounts.next(now))), ["one", "one", "one"]);
        assert_eq!((accounts.refused(), accounts.other(1)), (vec![1], Some(0)));
        let tries: Vec<_> = (0..2).map(|_| user(accounts.next(now + REST))).collect();
        assert!(tries.contains(&"two".to_owned()), "after its rest it is tried again");
        accounts.refuse(0, now);
        assert!(accounts.next(now) < 2, "when all rest they are tried all the same");
        accounts.accept(1);
        assert_eq!(accounts.refused(), [0]);
        accounts.refuse_all(1, now);
        assert_eq!([0, 1].map(|_| accounts.next(now)), [1, 1], "the other one is spared");
        assert_eq!(accounts.alone(now + ALONE), None, "then both are tried again");
        accounts.accept(1);
        assert_eq!(accounts.alone(now), None);
        let single = Accounts::from(Secrets::default());
        assert_eq!((single.count(), single.other(0), single.next(now)), (1, None, 0));
    }
}
