//! Signing in and staying signed in, with real hashes and codes.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::crypto::sealed::OpeningKey;
use crate::crypto::totp::TotpSecret;
use crate::domain::ids::{CohortId, OfficeId};
use crate::domain::session::{Account, Phones, Role};
use crate::vault::directory::Enrolled;

const PASSPHRASE: &str = "Synthetic walnut harbour 7";

fn now() -> Timestamp {
    "2023-03-01T09:00:00Z".parse().unwrap()
}

fn account(person: &str) -> Account {
    Account {
        person: PersonId::new(person).unwrap(),
        name: "Robin Synthetic".into(),
        roles: [Role::CaseWorker].into(),
        staff_id: None,
        cohort: CohortId::new("noarlunga").unwrap(),
        office: OfficeId::new("noarlunga").unwrap(),
        teams: Default::default(),
        cases: Default::default(),
        rostered: Vec::new(),
        agency: None,
        supervisor: None,
        authorities: Default::default(),
        kin: Default::default(),
        home_address: None,
        ends_at: None,
    }
}

fn directory(number: u64, accounts: Vec<(Account, Option<Credential>)>) -> Directory {
    Directory {
        number,
        issued_at: now(),
        phones: Phones::default(),
        review_key: OpeningKey::generate().sealing_key(),
        people: accounts
            .into_iter()
            .map(|(account, credential)| Enrolled { account, credential })
            .collect(),
    }
}

struct Door {
    identity: Identity,
    totp: TotpSecret,
}

impl Door {
    fn new() -> Self {
        let totp = TotpSecret::generate();
        let passphrase = PassphraseHash::new(&SecretString::from(PASSPHRASE)).unwrap();
        let credential = Credential { passphrase, totp: totp.clone() };
        let mut leaver = account("p-leaver");
        leaver.ends_at = Some(now() - Duration::from_secs(7 * 86_400));
        let accounts = vec![
            (account("p-one"), Some(credential.clone())),
            (leaver, Some(credential)),
            (account("p-not-enrolled"), None),
        ];
        Self { identity: Identity::new(directory(1, accounts)), totp }
    }

    async fn try_in(
        &self,
        name: &str,
        passphrase: &str,
        at: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        let code = self.totp.code_at(at);
        self.try_with_code(name, passphrase, code, at).await
    }

    async fn try_with_code(
        &self,
        name: &str,
        passphrase: &str,
        code: String,
        at: Timestamp,
    ) -> Result<SignedIn, SignInError> {
        let attempt = Attempt {
            name: name.into(),
            passphrase: SecretString::from(passphrase),
            code,
            address: None,
        };
        self.identity.sign_in(attempt, at).await
    }
}

#[tokio::test]
async fn passphrase_and_code_begin_a_session_that_ends_idle() {
    let door = Door::new();
    let signed_in = door.try_in(" P-One ", PASSPHRASE, now()).await.unwrap();
    let sessions = &door.identity.sessions;
    let token = signed_in.token.expose_secret();
    assert_eq!(token.len(), 64);
    let session = sessions.find(token, now()).unwrap();
    assert_eq!(session.account.person, signed_in.person);
    let later = now() + IDLE_WINDOW - Duration::from_secs(1);
    assert!(sessions.find(token, later).is_some());
    assert!(sessions.find(token, later + IDLE_WINDOW - Duration::from_secs(1)).is_some());
    assert!(sessions.find(token, later + IDLE_WINDOW * 2).is_none());
    assert!(sessions.find(token, now()).is_none(), "an ended session does not come back");
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_by_sign_out_and_with_the_account() {
    let door = Door::new();
    let sessions = &door.identity.sessions;
    let token = door.try_in("p-one", PASSPHRASE, now()).await.unwrap().token;
    let mut at = now();
    while at < now() + SESSION_WINDOW {
        assert!(sessions.find(token.expose_secret(), at).is_some());
        at += Duration::from_secs(600);
    }
    assert!(sessions.find(token.expose_secret(), at).is_none());

    let token = door.try_in("p-one", PASSPHRASE, at).await.unwrap().token;
    sessions.end(token.expose_secret());
    assert!(sessions.find(token.expose_secret(), at).is_none());

    at += Duration::from_secs(60);
    let token = door.try_in("p-one", PASSPHRASE, at).await.unwrap().token;
    sessions.replace_directory(directory(1, Vec::new()));
    assert!(sessions.find(token.expose_secret(), at).is_some(), "not newer, not taken");
    sessions.replace_directory(directory(2, Vec::new()));
    assert!(sessions.find(token.expose_secret(), at).is_none());
}

#[tokio::test]
async fn everything_wrong_is_one_answer() {
    let door = Door::new();
    let wrong = [
        door.try_in("p-one", "Synthetic walnut harbour 8", now()).await,
        door.try_with_code("p-one", PASSPHRASE, "000000".into(), now()).await,
        door.try_in("p-nobody", PASSPHRASE, now()).await,
        door.try_in("p-not-enrolled", PASSPHRASE, now()).await,
        door.try_in("p-leaver", PASSPHRASE, now()).await,
        door.try_in("not an id at all", PASSPHRASE, now()).await,
    ];
    for outcome in wrong {
        assert!(matches!(outcome, Err(SignInError::Wrong)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_code_is_taken_once() {
    let door = Door::new();
    let code = door.totp.code_at(now());
    assert!(door.try_with_code("p-one", PASSPHRASE, code.clone(), now()).await.is_ok());
    let again = door.try_with_code("p-one", PASSPHRASE, code, now()).await;
    assert!(matches!(again, Err(SignInError::Wrong)));
    let earlier = door.totp.code_at(now() - Duration::from_secs(30));
    let earlier = door.try_with_code("p-one", PASSPHRASE, earlier, now()).await;
    assert!(matches!(earlier, Err(SignInError::Wrong)), "nor an earlier one afterwards");
    assert!(door.try_in("p-one", PASSPHRASE, now() + Duration::from_secs(30)).await.is_ok());
}

#[tokio::test]
async fn wrong_tries_are_throttled_for_known_and_unknown_names_alike() {
    let door = Door::new();
    for name in ["p-one", "p-nobody"] {
        for _ in 0..5 {
            let outcome = door.try_in(name, "quite wrong passphrase", now()).await;
            assert!(matches!(outcome, Err(SignInError::Wrong)));
        }
        let outcome = door.try_in(name, PASSPHRASE, now()).await;
        assert!(matches!(outcome, Err(SignInError::Wait(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_form_belongs_to_its_session() {
    let door = Door::new();
    let sessions = &door.identity.sessions;
    let token = door.try_in("p-one", PASSPHRASE, now()).await.unwrap().token;
    let session = sessions.find(token.expose_secret(), now()).unwrap();
    let at = now() + Duration::from_secs(30);
    let other = door.try_in("p-one", PASSPHRASE, at).await.unwrap().token;
    let other = sessions.find(other.expose_secret(), at).unwrap();
    let code = sessions.form_code(&session);
    assert!(sessions.is_form_of(&session, &code));
    assert!(!sessions.is_form_of(&other, &code) && !sessions.is_form_of(&session, ""));
}
