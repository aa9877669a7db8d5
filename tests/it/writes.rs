//! Probes that write: what they leave behind is taken back, whatever happens to them.

use std::sync::Arc;
use std::time::Duration;

use holdfast::app::parts;
use holdfast::clock::Clock;
use holdfast::domain::check::{Check, CheckKind, FailureReason, InconclusiveReason, Outcome};
use holdfast::domain::ids::{LocationId, ProbeId};
use holdfast::probing::janitor::Janitor;
use holdfast::probing::run::{Setting, run};
use holdfast::standin::Standin;
use holdfast::standin::faults::{Effect, Fault};
use holdfast::store::Store;
use holdfast::store::compensations::{self, Compensation};
use holdfast::telemetry::metrics::Metrics;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};
use tempfile::TempDir;

use crate::support::served::Installation;
use crate::support::small_disk::SmallDisk;
use crate::support::{c3ms, eventually, lodged, setting, standin, writes};

const SELDOM: Duration = Duration::from_secs(600);

/// A stand-in, a store, and what probes of it run with.
struct Bench {
    standin: Standin,
    store: Store,
    setting: Arc<Setting>,
    _folder: TempDir,
}

impl Bench {
    async fn new(timeout: Duration) -> Self {
        let (clock, folder) = (Clock::system(), TempDir::new().unwrap());
        let standin = standin(&clock).await;
        let store = Store::open(&folder.path().join("holdfast.db")).await.unwrap();
        let writes = Some(writes(&store, SELDOM));
        let setting = setting(c3ms(&standin, timeout), &clock, writes);
        Self { standin, store, setting, _folder: folder }
    }

    async fn intake(&self, location: &str, kind: CheckKind) -> Check {
        let target = &self.setting.target;
        let probe = target.probe(&ProbeId::new("intake").unwrap()).unwrap();
        let location = target.location(&LocationId::new(location).unwrap()).unwrap();
        run(&self.setting, probe, location, kind, self.setting.clock.now()).await
    }

    async fn open(&self) -> Vec<Compensation> {
        compensations::open(&self.store).await.unwrap()
    }

    /// The janitor, and the metrics it keeps.
    fn janitor(&self) -> (tokio::task::JoinHandle<()>, Arc<Metrics>) {
        let labels = parts::labels(None, &[Arc::clone(&self.setting)], &[]);
        let metrics = Arc::new(Metrics::new(&labels).unwrap());
        let setting = Arc::clone(&self.setting);
        let janitor = Janitor::new(setting, self.store.clone(), Arc::clone(&metrics));
        (tokio::spawn(janitor.run()), metrics)
    }

    async fn clean(&self) {
        eventually("nothing being left behind", || async {
            (self.open().await.is_empty() && lodged(&self.standin).is_empty()).then_some(())
        })
        .await;
    }
}

fn wrote(check: &Check) -> bool {
    check.steps.iter().any(|step| step.step.as_str() == "lodge")
}

fn hang(path: &str) -> Fault {
    Fault::new(Effect::Hang).path(path).named("hang")
}

#[tokio::test]
async fn a_run_takes_back_what_it_lodged_and_writes_seldom() {
    let bench = Bench::new(Duration::from_secs(5)).await;
    let asked = bench.intake("city", CheckKind::Confirmation).await;
    assert!(!wrote(&asked), "a confirmation never writes");
    let first = bench.intake("noarlunga", CheckKind::Slot).await;
    assert_eq!(first.outcome, Outcome::Passed, "{:?}", first.evidence);
    assert!(wrote(&first));
    assert!(first.steps.iter().any(|step| step.step.as_str() == "withdraw"));
    assert_eq!((bench.open().await, lodged(&bench.standin)), (Vec::new(), Vec::new()));
    let second = bench.intake("elizabeth", CheckKind::Slot).await;
    assert_eq!(second.outcome, Outcome::Passed, "{:?}", second.evidence);
    assert!(!wrote(&second), "one write in ten minutes");

    // Another process on the same data knows of the write before it.
    let target = c3ms(&bench.standin, Duration::from_secs(5));
    let again = setting(target, &bench.setting.clock, Some(writes(&bench.store, SELDOM)));
    let restarted = Bench { setting: again, ..bench };
    assert!(!wrote(&restarted.intake("city", CheckKind::Slot).await));
}

#[tokio::test]
async fn nothing_is_written_in_an_outage_or_without_a_note_on_disk() {
    let bench = Bench::new(Duration::from_secs(5)).await;
    bench.setting.writes.set_in_outage(true);
    assert!(!wrote(&bench.intake("city", CheckKind::Slot).await));
    bench.setting.writes.set_in_outage(false);
    bench.store.close().await;
    let check = bench.intake("city", CheckKind::Slot).await;
    assert!(!wrote(&check));
    let evidence = check.evidence.unwrap();
    assert_eq!(check.outcome, Outcome::Inconclusive(InconclusiveReason::Disk), "{evidence:?}");
    assert_eq!(evidence.step.unwrap().as_str(), "lodge", "what can be read was read");
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_written_and_nobody_says_it_was_the_target() {
    let bench = Bench::new(Duration::from_secs(5)).await;
    let disk = SmallDisk::mount();
    let store = Store::open(&disk.path().join("holdfast.db")).await.unwrap();
    let clock = Clock::system();
    let often = Some(writes(&store, Duration::ZERO));
    let target = c3ms(&bench.standin, Duration::from_secs(5));
    let bench = Bench { setting: setting(target, &clock, often), store, ..bench };
    // What the database has of the disk already would serve for a few notes more.
    let url = format!("sqlite://{}", disk.path().join("holdfast.db").display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    disk.fill();
    let full = Outcome::Inconclusive(InconclusiveReason::Disk);
    let check = bench.intake("city", CheckKind::Slot).await;
    assert_eq!(check.outcome, full, "{:?}", check.evidence);
    assert!(!wrote(&check) && lodged(&bench.standin).is_empty());
    other.close().await.unwrap();
    disk.make_room();
    let check = bench.intake("city", CheckKind::Slot).await;
    assert_eq!(check.outcome, Outcome::Passed, "{:?}", check.evidence);
    assert!(wrote(&check));
    // What the target does wrong before the write is its own all the same.
    disk.fill();
    bench.standin.apply(Fault::new(Effect::Status(503)).named("down")).unwrap();
    let check = bench.intake("city", CheckKind::Slot).await;
    assert_eq!(check.outcome, Outcome::Failed(FailureReason::Status));
}

#[tokio::test]
async fn what_the_target_would_not_withdraw_is_withdrawn_later() {
    let bench = Bench::new(Duration::from_secs(5)).await;
    let fault = Fault::new(Effect::Status(503)).path("/intake/").named("refused");
    // The page behind the lodged one is asked for once, so its answer is lost as well.
    bench.standin.apply(fault).unwrap();
    let check = bench.intake("noarlunga", CheckKind::Slot).await;
    assert_eq!(check.outcome, Outcome::Failed(FailureReason::Status));
    assert_eq!(check.evidence.unwrap().step.unwrap().as_str(), "lodge");
    let left = bench.open().await;
    assert_eq!((left.len(), lodged(&bench.standin).len()), (1, 1));
    assert!(left[0].captured.is_empty(), "the reference never came");

    let (janitor, _metrics) = bench.janitor();
    eventually("an attempt that fails", || async {
        bench.open().await.first()?.fault.as_ref().map(|fault| assert!(fault.contains("withdraw")))
    })
    .await;
    bench.standin.clear_all();
    bench.clean().await;
    janitor.abort();
}

#[tokio::test]
async fn a_lost_answer_is_found_by_its_run_and_only_that() {
    let bench = Bench::new(Duration::from_secs(1)).await;
    bench.standin.apply(hang("/intake/")).unwrap();
    let check = bench.intake("noarlunga", CheckKind::Slot).await;
    assert_eq!(check.outcome, Outcome::Failed(FailureReason::Timeout));
    assert_eq!(lodged(&bench.standin).len(), 1);
    let stored = std::fs::read(bench._folder.path().join("holdfast.db-wal")).unwrap();
    let holds = |text: &str| stored.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds(&bench.open().await[0].planned.run), "the note is in the file");
    assert!(!holds("synthetic-probe"), "and no secret is");
    bench.standin.clear_all();
    let (janitor, _metrics) = bench.janitor();
    bench.clean().await;
    janitor.abort();
}

const WRITES: &str = "    writes: { interval: 1 min, test_office: Test office (synthetic) }\n";

/// Killed between the write and taking it back, with what `is_there` says is known of it.
async fn killed_between(hanging: &str, is_there: impl Fn(&Compensation) -> bool) {
    let standin = standin(&Clock::system()).await;
    let care = Installation::of(&standin, "5 s", WRITES);
    standin.apply(hang(hanging)).unwrap();
    let served = care.serve().await;
    let store = care.store().await;
    eventually("a write whose end is not known", || async {
        let open = compensations::open(&store).await.unwrap();
        (!lodged(&standin).is_empty() && open.iter().any(&is_there)).then_some(())
    })
    .await;
    served.kill();
    let left = compensations::open(&store).await.unwrap();
    assert_eq!((left.len(), lodged(&standin).len()), (1, 1));
    assert!(is_there(&left[0]), "{left:?}");
    assert!(lodged(&standin)[0].1.contains(&left[0].planned.run));

    // The target still does not let go of it: the metric says so.
    let served = care.serve().await;
    let metric = "holdfast_probe_residual_records{target=\"c3ms\"}";
    served.shows(metric, |left| left == 1.0).await;
    standin.clear_all();
    served.shows(metric, |left| left == 0.0).await;
    assert_eq!(compensations::open(&store).await.unwrap(), []);
    assert_eq!(lodged(&standin), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_withdrawing_nothing_is_left_behind_after_the_restart() {
    // The next reference is the one after the last; only withdrawing it hangs.
    let standin = standin(&Clock::system()).await;
    let last = standin.read(|register| register.concern_reports.iter().last().unwrap().id.clone());
    drop(standin);
    let (letter, number) = last.split_at(2);
    let next = number.parse::<u64>().unwrap() + 1;
    let withdraw = format!("/intake/{letter}{next}/withdraw");
    killed_between(&withdraw, |one| one.captured.contains_key("reference")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_answer_came_nothing_is_left_behind_after_the_restart() {
    killed_between("/intake/", |one| one.captured.is_empty()).await;
}
