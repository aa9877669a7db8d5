//! The agent, from its files to its end.
//!
//! What it cannot do without is its files; the hub may be away for as long as it likes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::enrolment::missing;
use super::keys::{Folder, Keys};
use super::plan::Keeper;
use crate::app::observe::on_a_thread_of_its_own;
use crate::clock::Clock;
use crate::config::agent;
use crate::config::diagnostics::Diagnostics;
use crate::crypto::authority::{CLIENT_LIFE, Request, Seen};
use crate::domain::agent::Trouble;
use crate::domain::ids::LocationId;
use crate::probing::agent::keeping::Keeping;
use crate::probing::agent::sender::{Sending, Standing};
use crate::probing::agent::troubles::Troubles;
use crate::probing::agent::uplink::Uplink;
use crate::probing::readings::Readings;
use crate::probing::run::Setting;
use crate::probing::scheduler::{Confirm, Report, Scheduler};
use crate::probing::vigil::Vigil;
use crate::store::spool::Spool;
use crate::telemetry::labels::LabelSets;
use crate::telemetry::metrics::Metrics;
use crate::web::agent_vitals;

const REPORT_QUEUE: usize = 4_096;
const READING_QUEUE: usize = 1_024;
const CONFIRM_QUEUE: usize = 1_024;
/// A hub that took a delivery within this is reported to.
const HEARD: SignedDuration = SignedDuration::from_secs(30);
/// A renewal that failed is tried again after this; there are ten days for it. Nor is one that did
/// not followed sooner by the next: a clock that is wrong by weeks always says that it is time.
const RENEW_AGAIN_AFTER: Duration = Duration::from_mins(10);
/// A certificate is renewed when a third of its life is left.
const LIFE_LEFT: Duration = Duration::from_secs(CLIENT_LIFE.as_secs() / 3);

/// Probes and reports until `stop`.
///
/// # Errors
/// [`Diagnostics`] when a file is wrong or nobody was enrolled; otherwise what could not be opened
/// or bound.
pub async fn run(config: &Path, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    let hangups = signal(SignalKind::hangup()).context("waiting for SIGHUP")?;
    let agent = agent::load(config)?;
    let folder = Arc::new(Folder::take(&agent.data)?);
    let keys = folder.keys()?.ok_or_else(|| Diagnostics::from(missing(&agent.data)))?;
    let Keys { location, seen, identity, authority } = keys;
    let spool = Spool::open(&folder.spool(), &location).await.context("opening the spool")?;
    let uplink = Uplink::new(agent.hub.clone(), &authority, &identity, clock.clone())?;
    let uplink = Arc::new(uplink);
    let metrics = Arc::new(Metrics::new(&LabelSets::default())?);
    let (read, readings) = mpsc::channel(READING_QUEUE);
    let (reports, reported) = mpsc::channel(REPORT_QUEUE);
    let (confirm, confirmations) = mpsc::channel(CONFIRM_QUEUE);
    let (plan, named) = watch::channel(String::new());
    let (standing, stands) = watch::channel(Standing::default());
    let (settings, configured) = watch::channel(Vec::new());
    let (troubles, kept) = (Troubles::default(), Arc::new(Notify::new()));
    let sending = Sending {
        location: location.clone(),
        spool: spool.clone(),
        uplink: Arc::clone(&uplink),
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        standing,
        plan,
        kept: Arc::clone(&kept),
        troubles: troubles.clone(),
    };
    let keeping = Keeping {
        spool: spool.clone(),
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        troubles: troubles.clone(),
        kept,
    };
    if let Some(listen) = agent.listen {
        let (now, at, wrong) = (clock.clone(), location.clone(), troubles.clone());
        let words = move || in_words(&stands.borrow(), (&at, &wrong.all()), now.now());
        serve_vitals(listen, Arc::clone(&metrics), Arc::new(words), stop.clone()).await?;
    }
    let keeper = Keeper {
        config: config.to_owned(),
        location: location.clone(),
        file: folder.plan(),
        uplink: Arc::clone(&uplink),
        clock: clock.clone(),
        metrics: Arc::clone(&metrics),
        readings: Readings::to(read),
        settings,
        troubles,
    };
    let last = keeper.last(&agent);
    tracing::info!(%location, hub = %agent.hub, plan = last.is_some(), "the agent runs");
    let keeping = tokio::spawn(keeping.run(reported, readings));
    let background = [
        tokio::spawn(sending.clone().send()),
        tokio::spawn(sending.listen(confirm)),
        tokio::spawn(keeper.keep((agent, last), named, hangups)),
        tokio::spawn(keep_certified(folder, uplink, seen, clock)),
    ];
    let probing = Probing { spool: spool.clone(), metrics, stop };
    let observing = probing.run(reports, confirmations, configured);
    on_a_thread_of_its_own(observing).context("starting the observing thread")?.await;
    // Probing has ended, and with it whoever reports: what was found is in the spool.
    let _ = keeping.await;
    for task in background {
        task.abort();
    }
    spool.close().await;
    Ok(())
}

/// Says how the agent stands to whoever looks after its machine.
async fn serve_vitals(
    listen: SocketAddr,
    metrics: Arc<Metrics>,
    words: agent_vitals::Words,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("listening on {listen}"))?;
    tokio::spawn(agent_vitals::serve(listener, metrics, words, stop));
    Ok(())
}

/// Runs the scheduler as soon as there is a plan.
struct Probing {
    spool: Spool,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
}

impl Probing {
    async fn run(
        self,
        reports: mpsc::Sender<Report>,
        confirmations: mpsc::Receiver<Confirm>,
        mut configured: watch::Receiver<Vec<Arc<Setting>>>,
    ) {
        let settings = tokio::select! {
            () = self.stop.cancelled() => return,
            settings = configured.wait_for(|settings| !settings.is_empty()) => match settings {
                Ok(settings) => settings.clone(),
                Err(_) => return,
            },
        };
        let Some(clock) = settings.first().map(|setting| setting.clock.clone()) else { return };
        let vigil = Vigil::new(clock.clone());
        let watched = (Arc::clone(&vigil), Arc::clone(&self.metrics));
        let mut scheduler = Scheduler::new(settings, reports, watched);
        let watching = tokio::spawn(vigil.keep(self.metrics));
        match self.spool.last_slots().await {
            Ok(last) => scheduler.report_missed(&last, clock.now()).await,
            Err(error) => tracing::error!(%error, "missed slots cannot be told"),
        }
        scheduler.run(confirmations, configured, self.stop).await;
        watching.abort();
    }
}

/// Renews the certificate while a third of its life is left, for ever.
pub async fn keep_certified(
    folder: Arc<Folder>,
    uplink: Arc<Uplink>,
    mut seen: Seen,
    clock: Clock,
) {
    loop {
        clock.sleep_until(renew_at(&seen)).await;
        match renew(&folder, &uplink).await {
            Ok(newer) => {
                tracing::info!(ends_at = %newer.ends_at, "the certificate is renewed");
                seen = newer;
            }
            Err(error) => {
                let left = seen.ends_at.duration_since(clock.now());
                if left.is_negative() {
                    tracing::error!("the certificate is over: enrol the agent anew; {error:#}");
                } else {
                    let days = left.as_hours() / 24;
                    tracing::warn!(days, "the certificate cannot be renewed yet: {error:#}");
                }
            }
        }
        clock.sleep(RENEW_AGAIN_AFTER).await;
    }
}

/// When a certificate is to be renewed.
#[must_use]
pub fn renew_at(seen: &Seen) -> Timestamp {
    seen.ends_at.checked_sub(LIFE_LEFT).unwrap_or(seen.begins_at)
}

/// Fetches a certificate for a new key and shows it from then on.
///
/// # Errors
/// When the hub does not certify it, or it cannot be kept; the one before stays in use.
pub async fn renew(folder: &Folder, uplink: &Uplink) -> anyhow::Result<Seen> {
    let request = Request::make()?;
    let answer = uplink.renew(request.pem).await?;
    let seen = Seen::in_pem(&answer.certificate).context("reading the certificate")?;
    let identity = folder.keep_identity(&answer.certificate, &request.key_pem)?;
    uplink.identify(&identity)?;
    Ok(seen)
}

/// Whether it reports and can do its work, and what there is to say of it.
fn in_words(
    standing: &Standing,
    (location, troubles): (&LocationId, &[Trouble]),
    now: Timestamp,
) -> (bool, String) {
    let waiting = standing.waiting;
    let heard = standing.delivered_at.is_some_and(|at| now.duration_since(at) < HEARD);
    let reports = heard && standing.trouble.is_none();
    let mut words = match standing.delivered_at {
        Some(_) if reports => format!("reporting; {waiting} checks wait\n"),
        delivered_at => {
            let since = delivered_at.map_or("the start".to_owned(), |at| at.to_string());
            let why = standing.trouble.as_deref().unwrap_or("the hub has not answered yet");
            format!("not reporting since {since}; {waiting} checks wait: {why}\n")
        }
    };
    if let Some(why) = standing.unasked.as_deref().filter(|_| reports) {
        words += &format!("confirmations are not fetched: {why}\n");
    }
    for trouble in troubles {
        words += &(trouble.sentence(location.as_str()) + "\n");
    }
    (reports && troubles.is_empty(), words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_says_whether_it_reports_and_what_waits() {
        let now: Timestamp = "2026-03-01T00:01:00Z".parse().unwrap();
        let at = |second: i64| Some(now - SignedDuration::from_secs(60 - second));
        let here = LocationId::new("noarlunga").unwrap();
        let told = |delivered_at, trouble: Option<&str>| {
            let trouble = trouble.map(str::to_owned);
            let standing = Standing { delivered_at, trouble, waiting: 3, unasked: None };
            in_words(&standing, (&here, &[]), now)
        };
        assert_eq!(told(at(58), None), (true, "reporting; 3 checks wait\n".to_owned()));
        let cut = told(at(58), Some("the hub is not reached: timed out"));
        let words = "not reporting since 2026-03-01T00:00:58Z; 3 checks wait: the hub is not \
                     reached: timed out\n";
        assert_eq!(cut, (false, words.to_owned()));
        assert!(!told(at(10), None).0, "an answer of long ago says nothing");
        assert!(told(None, None).1.starts_with("not reporting since the start"));

        let standing = Standing { delivered_at: at(58), ..Standing::default() };
        let full = [Trouble::Disk { why: "no space left".to_owned() }];
        let (well, words) = in_words(&standing, (&here, &full), now);
        assert!(!well, "it reports, and cannot do its work");
        assert!(words.ends_with("is lost until it can: no space left\n"), "{words}");
    }

    #[test]
    fn a_certificate_is_renewed_when_ten_of_thirty_days_are_left() {
        let seen = Seen {
            name: "noarlunga".to_owned(),
            serial: "01".to_owned(),
            begins_at: "2026-03-01T00:00:00Z".parse().unwrap(),
            ends_at: "2026-04-01T00:00:00Z".parse().unwrap(),
        };
        assert_eq!(renew_at(&seen), "2026-03-22T00:00:00Z".parse().unwrap());
    }
}
