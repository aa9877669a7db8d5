//! Who signs in, proven with nothing else up: passphrase and code against the signed directory.
//!
//! An unknown name, a wrong passphrase, a wrong code, a code used before and an account that has
//! ended are one answer after one length of time. It must not read case data or know a cookie.

mod sessions;
mod throttle;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::crypto::passphrase::PassphraseHash;
use crate::domain::ids::PersonId;
use crate::domain::session::Assurance;
use crate::vault::directory::{Credential, Directory};

pub use sessions::{IDLE_WINDOW, SESSION_WINDOW, Sessions};
use throttle::Throttle;

/// Hashes computed at once: each takes 19 MiB and a core for tens of milliseconds.
const HASHES_AT_ONCE: usize = 2;
/// Sign-ins waiting for their turn; more are asked to come back.
const WAITING_AT_MOST: usize = 32;
/// How long somebody asked to come back waits.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The door.
pub struct Identity {
    pub sessions: Sessions,
    throttle: Mutex<Throttle>,
    /// The last step of a code taken from each person, which is never taken again.
    steps: Mutex<HashMap<PersonId, u64>>,
    hashing: std::sync::Arc<Semaphore>,
    waiting: Semaphore,
}

/// What somebody types.
#[derive(Debug)]
pub struct Attempt {
    pub name: String,
    pub passphrase: SecretString,
    pub code: String,
    pub address: Option<IpAddr>,
}

/// Somebody got in.
#[derive(Debug)]
pub struct SignedIn {
    pub person: PersonId,
    /// For the cookie; it is not kept here.
    pub token: SecretString,
}

/// Why somebody did not get in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name, passphrase or code: which of them is never said.
    #[error("name, passphrase or code is wrong, or the account has ended")]
    Wrong,
    #[error("too many tries")]
    Wait(Duration),
    #[error("hashing failed: no memory or randomness")]
    Failed,
}

impl Identity {
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self {
            sessions: Sessions::new(directory),
            throttle: Mutex::default(),
            steps: Mutex::default(),
            hashing: std::sync::Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            waiting: Semaphore::new(WAITING_AT_MOST),
        }
    }

    /// Checks a sign-in and begins a session.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn sign_in(&self, attempt: Attempt, now: Timestamp) -> Result<SignedIn, SignInError> {
        let _turn = self.waiting.try_acquire().map_err(|_| SignInError::Wait(BUSY_WAIT))?;
        let name = attempt.name.trim().to_lowercase();
        lock(&self.throttle).begin(&name, attempt.address, now).map_err(SignInError::Wait)?;
        let directory = self.sessions.directory();
        let person = PersonId::new(&name).ok();
        let enrolled = person.as_ref().and_then(|person| directory.find(person));
        let credential = enrolled.and_then(|enrolled| enrolled.credential.clone());
        let hash = credential.as_ref().map(|one| one.passphrase.clone());
        let right = self.matches(hash, attempt.passphrase).await?;
        let current = enrolled.is_some_and(|enrolled| enrolled.account.is_current(now));
        match (person, credential) {
            (Some(person), Some(credential))
                if right
                    && current
                    && self.takes_code(&person, &credential, &attempt.code, now) =>
            {
                lock(&self.throttle).succeeded(&name, attempt.address);
                let token = self.sessions.begin(&person, Assurance::PassphraseAndCode, now);
                Ok(SignedIn { person, token })
            }
            _ => Err(SignInError::Wrong),
        }
    }

    /// Compares on a blocking thread; a name without a hash is compared with a decoy.
    async fn matches(
        &self,
        hash: Option<PassphraseHash>,
        passphrase: SecretString,
    ) -> Result<bool, SignInError> {
        let permit = self.hashing.clone().acquire_owned().await.map_err(|_| SignInError::Failed)?;
        let compared = tokio::task::spawn_blocking(move || {
            // The permit lives as long as the memory is taken, also when the request is dropped.
            let _permit = permit;
            match hash {
                Some(hash) => Ok(hash.matches(&passphrase)),
                None => PassphraseHash::decoy().map(|decoy| decoy.matches(&passphrase)),
            }
        });
        compared.await.ok().and_then(Result::ok).ok_or(SignInError::Failed)
    }

    /// Whether the code is right and of a later step than the last one taken.
    fn takes_code(
        &self,
        person: &PersonId,
        credential: &Credential,
        code: &str,
        now: Timestamp,
    ) -> bool {
        let Some(step) = credential.totp.step_of(code, now) else { return false };
        let mut steps = lock(&self.steps);
        match steps.get(person) {
            Some(last) if *last >= step => false,
            _ => {
                steps.insert(person.clone(), step);
                true
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
