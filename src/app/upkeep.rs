//! What keeps a target clean of what probes write: a janitor for each target where any may, and
//! no writing in an outage.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::detection::State;
use crate::domain::outage::Outage;
use crate::probing::janitor::Janitor;
use crate::probing::run::Setting;
use crate::store::{Store, compensations};
use crate::telemetry::metrics::Metrics;

/// Takes back what probes leave behind, from before this start too, until told to stop; again
/// from the beginning whenever the files changed.
pub async fn keep_clean(
    store: Store,
    metrics: Arc<Metrics>,
    mut settings: watch::Receiver<Vec<Arc<Setting>>>,
    stop: CancellationToken,
) {
    loop {
        let current = settings.borrow_and_update().clone();
        // Without an answer everybody is seen to, and says so if the database stays away.
        let open = compensations::open(&store).await.ok();
        let mut janitors = JoinSet::new();
        for setting in &current {
            if open.as_ref().is_none_or(|open| Janitor::is_needed(setting, open)) {
                let setting = Arc::clone(setting);
                let janitor = Janitor::new(setting, store.clone(), Arc::clone(&metrics));
                janitors.spawn(janitor.run());
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            Ok(()) = settings.changed() => {}
        }
        // Dropped here: an attempt that was under way begins again.
        janitors.shutdown().await;
    }
}

/// Probes do not write to a target in an outage. That what other systems send is stale is none of
/// the target itself, and only writing on shows when it is over.
pub fn hold_writes(settings: &[Arc<Setting>], state: &State) {
    let setting = settings.iter().find(|setting| setting.target.id == *state.target());
    if let Some(setting) = setting {
        let titles = state.configured().titles();
        let of_target = |outage: &Outage| !outage.scope.is_of_feeds(&titles);
        setting.writes.set_in_outage(state.open_outages().iter().any(of_target));
    }
}
