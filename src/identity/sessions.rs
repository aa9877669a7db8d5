//! Sessions: opaque tokens in memory, ended by fifteen idle minutes, twelve hours, sign-out or the
//! directory.
//!
//! The map holds the digest of a token and never the token, so that a memory dump signs nobody in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::crypto::digest::{self, Digest, MacKey, to_hex};
use crate::domain::ids::PersonId;
use crate::domain::session::{Assurance, Session, SessionRef};
use crate::vault::directory::Directory;

/// A session ends after this long without a request.
pub const IDLE_WINDOW: Duration = Duration::from_secs(15 * 60);
/// A session ends after this long however busy it is.
pub const SESSION_WINDOW: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once; when full, the one idle longest ends.
const SESSIONS_AT_MOST: usize = 4096;

/// Everybody signed in.
pub struct Sessions {
    live: Mutex<HashMap<Digest, Live>>,
    directory: RwLock<Arc<Directory>>,
    /// Forms carry a code under this key over their session, so that no other site can send one.
    form_key: MacKey,
}

struct Live {
    reference: SessionRef,
    person: PersonId,
    assurance: Assurance,
    signed_in_at: Timestamp,
    seen_at: Timestamp,
}

impl Live {
    fn expires_at(&self) -> Timestamp {
        self.signed_in_at.checked_add(SESSION_WINDOW).unwrap_or(Timestamp::MAX)
    }

    fn is_live(&self, now: Timestamp) -> bool {
        let idle_until = self.seen_at.checked_add(IDLE_WINDOW).unwrap_or(Timestamp::MAX);
        now < idle_until && now < self.expires_at()
    }
}

impl Sessions {
    #[must_use]
    pub fn new(directory: Directory) -> Self {
        Self {
            live: Mutex::default(),
            directory: RwLock::new(Arc::new(directory)),
            form_key: MacKey::new(&digest::random()),
        }
    }

    /// The directory in force.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a newer directory; sessions read their account from it at their next request, so that
    /// whoever is no longer in it is out at once. One that is not newer is ignored.
    pub fn replace_directory(&self, newer: Directory) {
        let mut current = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        if newer.number > current.number {
            *current = Arc::new(newer);
        }
    }

    /// Begins a session and says its token, of 256 random bits, once.
    pub(super) fn begin(
        &self,
        person: &PersonId,
        assurance: Assurance,
        now: Timestamp,
    ) -> SecretString {
        let token = to_hex(digest::random().as_slice());
        let reference = SessionRef(to_hex(&digest::random()[..8]));
        let live =
            Live { reference, person: person.clone(), assurance, signed_in_at: now, seen_at: now };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.is_live(now));
        if sessions.len() >= SESSIONS_AT_MOST {
            let idlest = sessions.iter().min_by_key(|(_, session)| session.seen_at);
            if let Some(idlest) = idlest.map(|(key, _)| *key) {
                sessions.remove(&idlest);
            }
        }
        sessions.insert(Digest::of(token.as_bytes()), live);
        token.into()
    }

    /// The live session of a token; the request counts as activity.
    #[must_use]
    pub fn find(&self, token: &str, now: Timestamp) -> Option<Session> {
        let key = Digest::of(token.as_bytes());
        let mut sessions = self.lock();
        let live = sessions.get_mut(&key)?;
        let directory = self.directory();
        let account = directory.find(&live.person).map(|enrolled| &enrolled.account);
        let Some(account) = account.filter(|one| live.is_live(now) && one.is_current(now)) else {
            sessions.remove(&key);
            return None;
        };
        live.seen_at = now;
        Some(Session {
            reference: live.reference.clone(),
            account: account.clone(),
            assurance: live.assurance,
            signed_in_at: live.signed_in_at,
            expires_at: live.expires_at(),
        })
    }

    /// Ends the session of a token.
    pub fn end(&self, token: &str) {
        self.lock().remove(&Digest::of(token.as_bytes()));
    }

    /// Ends every session, as when the portal closes.
    pub fn end_all(&self) {
        self.lock().clear();
    }

    /// The code that a form of this session carries.
    #[must_use]
    pub fn form_code(&self, session: &Session) -> String {
        self.form_key.code(&[session.reference.0.as_bytes()]).to_hex()
    }

    /// Whether a form came from a page of this session.
    #[must_use]
    pub fn is_form_of(&self, session: &Session, code: &str) -> bool {
        digest::same(self.form_code(session).as_bytes(), code.as_bytes())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
