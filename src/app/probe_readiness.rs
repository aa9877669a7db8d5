//! What would keep probes from telling the truth: accounts that are refused, records that they left
//! behind, and a changed configuration that is not in force. Shown as overdue preparation, in words
//! and in metrics.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::probing::run::Setting;
use crate::store::{Store, compensations};
use crate::telemetry::metrics::Metrics;

/// Every kind of fault, for metrics.
pub const KINDS: [&str; 3] = [REFUSED, RESIDUAL, RESTART];
const REFUSED: &str = "probe-account-refused";
const RESIDUAL: &str = "probe-record-left";
const RESTART: &str = "restart-awaited";

/// How often it is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// A record that is older than this should have been taken back: runs end in seconds.
const LEFT_AFTER: Duration = Duration::from_secs(120);

/// Says what is wrong with probes, for ever.
pub async fn keep(
    (store, clock, metrics): (Store, Clock, Arc<Metrics>),
    (settings, waiting): (watch::Receiver<Vec<Arc<Setting>>>, watch::Receiver<Vec<String>>),
    words: watch::Sender<Vec<String>>,
) {
    loop {
        let current = settings.borrow().clone();
        let refused: Vec<String> = current.iter().flat_map(|setting| refused(setting)).collect();
        let left = left_behind(&store, &clock).await;
        metrics.set_readiness_faults(REFUSED, refused.len());
        metrics.set_readiness_faults(RESIDUAL, left.len());
        let waiting = restart(&waiting.borrow());
        metrics.set_readiness_faults(RESTART, waiting.iter().len());
        let faults: Vec<String> = refused.into_iter().chain(left).chain(waiting).collect();
        words.send_if_modified(|before| {
            let differs = *before != faults;
            if differs {
                *before = faults;
            }
            differs
        });
        clock.sleep(LOOK_INTERVAL).await;
    }
}

fn refused(setting: &Setting) -> Vec<String> {
    let (title, count) = (&setting.target.title, setting.accounts.count());
    let numbers = setting.accounts.refused().into_iter();
    numbers
        .map(|number| {
            let number = number + 1;
            format!("Probe account {number} of {count} of {title} is refused: unlock or renew it.")
        })
        .collect()
}

/// Sections of the installation's file that the service was not started with.
fn restart(waiting: &[String]) -> Option<String> {
    let sections = waiting.join(", ");
    let words = format!("holdfast.yaml was changed under {sections}: restart Holdfast to take it.");
    (!waiting.is_empty()).then_some(words)
}

async fn left_behind(store: &Store, clock: &Clock) -> Vec<String> {
    let open = match compensations::open(store).await {
        Ok(open) => open,
        Err(error) => return vec![format!("What probes left behind is not known: {error}.")],
    };
    let now = clock.now();
    let old = open.into_iter().filter(|one| {
        let age = Duration::try_from(now.duration_since(one.planned.planned_at));
        age.unwrap_or_default() > LEFT_AFTER
    });
    old.map(|one| {
        let (target, run) = (&one.planned.target, &one.planned.run);
        format!(
            "A synthetic record may be left in {target}: see 'holdfast probe residuals', {run}."
        )
    })
    .collect()
}
