//! What would keep probes from telling the truth: accounts that are refused, and records that they
//! left behind. Shown as overdue preparation, in words and in metrics.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::probing::run::Setting;
use crate::store::{Store, compensations};
use crate::telemetry::metrics::Metrics;

/// Every kind of fault, for metrics.
pub const KINDS: [&str; 2] = [REFUSED, RESIDUAL];
const REFUSED: &str = "probe-account-refused";
const RESIDUAL: &str = "probe-record-left";

/// How often it is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// A record that is older than this should have been taken back: runs end in seconds.
const LEFT_AFTER: Duration = Duration::from_secs(120);

/// Says what is wrong with probes, for ever.
pub async fn keep(
    (store, clock, metrics): (Store, Clock, Arc<Metrics>),
    settings: watch::Receiver<Vec<Arc<Setting>>>,
    words: watch::Sender<Vec<String>>,
) {
    loop {
        let current = settings.borrow().clone();
        let refused: Vec<String> = current.iter().flat_map(|setting| refused(setting)).collect();
        let left = left_behind(&store, &clock).await;
        metrics.set_readiness_faults(REFUSED, refused.len());
        metrics.set_readiness_faults(RESIDUAL, left.len());
        let faults: Vec<String> = refused.into_iter().chain(left).collect();
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
