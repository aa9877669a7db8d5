//! What is our own doing is never an outage of the target: a frozen prober, an expired account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::domain::check::{Check, CheckKind, FailureReason, InconclusiveReason, Outcome};
use holdfast::domain::ids::{LocationId, ProbeId};
use holdfast::domain::verdict::Verdict;
use holdfast::probing::accounts::Accounts;
use holdfast::probing::run::{Setting, run};
use holdfast::probing::values::Secrets;
use holdfast::standin::Standin;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::store::ledger::{self, Range};
use holdfast::store::{Store, detection};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use crate::support::served::{Installation, Served};
use crate::support::{c3ms, eventually, setting, standin};

/// A setting whose runs take turns with these passwords of `probe-1` and `probe-2`.
fn pair(standin: &Standin, passwords: &[&str]) -> Setting {
    let usual = setting(c3ms(standin, Duration::from_secs(5)), &Clock::system(), None);
    let account = |(number, password): (usize, &&str)| -> BTreeMap<String, SecretString> {
        let username = format!("probe-{}", number + 1);
        [("username".to_owned(), username.into()), ("password".to_owned(), (*password).into())]
            .into()
    };
    let own = passwords.iter().enumerate().map(account).collect();
    let accounts = Accounts::new(Secrets::default(), own);
    Setting { accounts, ..Arc::try_unwrap(usual).unwrap() }
}

async fn check(setting: &Setting) -> Check {
    let probe = setting.target.probe(&ProbeId::new("search").unwrap()).unwrap();
    let location = setting.target.location(&LocationId::new("noarlunga").unwrap()).unwrap();
    run(setting, probe, location, CheckKind::Slot, setting.clock.now()).await
}

#[tokio::test]
async fn an_account_that_expired_is_told_from_a_sign_in_that_fails_for_everybody() {
    const RIGHT: &str = "synthetic-probe";
    const EXPIRED: &str = "expired-synthetic";
    let standin = standin(&Clock::system()).await;
    let credentials = Outcome::Inconclusive(InconclusiveReason::Credentials);

    let setting = pair(&standin, &[EXPIRED, RIGHT]);
    let first = check(&setting).await;
    assert_eq!(first.outcome, credentials, "{:?}", first.evidence);
    let evidence = first.evidence.unwrap();
    assert!(evidence.detail.contains("account 1 was refused and another was not"), "{evidence:?}");
    assert_eq!(evidence.step.unwrap().as_str(), "sign-in");
    assert_eq!(setting.accounts.refused(), [0]);
    for _ in 0..4 {
        assert_eq!(check(&setting).await.outcome, Outcome::Passed, "the other one is used");
    }

    let setting = pair(&standin, &[EXPIRED, EXPIRED]);
    let check_both = check(&setting).await;
    assert_eq!(check_both.outcome, Outcome::Failed(FailureReason::Status), "nobody comes in");
    assert!(!check_both.evidence.unwrap().detail.contains(EXPIRED));
    for _ in 0..2 {
        assert_eq!(setting.accounts.alone(setting.clock.monotonic()), Some(0));
        assert_eq!(check(&setting).await.outcome, Outcome::Failed(FailureReason::Status));
    }

    let setting = pair(&standin, &[EXPIRED]);
    assert_eq!(check(&setting).await.outcome, credentials, "with one alone nobody can tell");

    let setting = pair(&standin, &[RIGHT, RIGHT]);
    standin.apply(Fault::new(Effect::SignInBroken)).unwrap();
    let broken = check(&setting).await;
    assert_eq!(broken.outcome, Outcome::Failed(FailureReason::Content), "the target's failure");
    assert!(setting.accounts.refused().is_empty());
}

async fn all_up(store: &Store) {
    eventually("every cohort being up", || async {
        let standings = detection::standings(store).await.unwrap();
        let up = standings.iter().filter(|one| one.verdict == Verdict::Up).count();
        (up == 9).then_some(())
    })
    .await;
}

async fn end_of(seconds: i64) {
    let clock = Clock::system();
    let until = clock.now() + SignedDuration::from_secs(seconds);
    eventually("time going by", || async { (clock.now() >= until).then_some(()) }).await;
}

/// Slots between two instants by how they ended.
async fn slots(store: &Store, from: Timestamp, to: Timestamp) -> (u32, Vec<Outcome>) {
    let range = Range { from, to, ..Range::default() };
    let rows = ledger::range(store, &range).await.unwrap();
    let missed = rows.iter().filter(|row| row.outcome == Outcome::Missed).map(|row| row.slots);
    let failed = rows.iter().map(|row| row.outcome);
    let failed = failed.filter(|outcome| matches!(outcome, Outcome::Failed(_) | Outcome::Slow));
    (missed.sum(), failed.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_prober_never_produces_an_outage_of_the_target() {
    let clock = Clock::system();
    let standin = standin(&clock).await;
    let care = Installation::of(&standin, "2 s", "");
    let served: Served = care.serve().await;
    let store = care.store().await;
    all_up(&store).await;
    // Runs are under way when it freezes, so that their time is up while nobody looks.
    standin.apply(Fault::new(Effect::Slow { ms: 150 })).unwrap();
    end_of(3).await;
    let frozen_at = clock.now();
    served.signal("-STOP");
    end_of(12).await;
    served.signal("-CONT");
    let thawed_at = clock.now();
    served.shows("holdfast_event_loop_stalls_total", |stalls| stalls >= 1.0).await;
    end_of(6).await;
    all_up(&store).await;

    let (missed, failed) = slots(&store, frozen_at, clock.now()).await;
    assert_eq!(failed, [], "{}", served.log());
    assert!(missed >= 28 * 4, "12 s of 28 probes and places every 2 s: {missed} missed");
    let before = frozen_at - SignedDuration::from_mins(1);
    let outages = detection::outages(&store, before, clock.now()).await.unwrap();
    assert_eq!(outages, [], "no outage began");
    assert!(served.log().contains("Holdfast stood still"), "{}", served.log());
    assert!(thawed_at > frozen_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_account_is_overdue_preparation_and_no_outage() {
    let standin = standin(&Clock::system()).await;
    let account = |user: &str, password: &str| {
        format!(
            "      - {{ username: {{ file: secrets/{user} }}, \
             password: {{ file: secrets/{password} }} }}\n"
        )
    };
    let pair = format!("    accounts:\n{}{}", account("one", "expired"), account("two", "right"));
    let care = Installation::of(&standin, "2 s", &pair);
    for (name, secret) in [
        ("one", "probe-1"),
        ("expired", "expired-synthetic"),
        ("two", "probe-2"),
        ("right", "synthetic-probe"),
    ] {
        std::fs::write(care.folder.join("secrets").join(name), secret).unwrap();
    }
    let served = care.serve().await;
    let store = care.store().await;
    let metric = "holdfast_readiness_faults{kind=\"probe-account-refused\"}";
    served.shows(metric, |faults| faults == 1.0).await;
    all_up(&store).await;
    let range =
        Range { from: Timestamp::UNIX_EPOCH, to: Clock::system().now(), ..Range::default() };
    let rows = ledger::range(&store, &range).await.unwrap();
    assert!(rows.iter().all(|row| !matches!(row.outcome, Outcome::Failed(_))), "{rows:?}");
    let log = served.log();
    assert!(!log.contains("expired-synthetic") && !log.contains("synthetic-probe"), "{log}");
}
