//! Keeps the numbers that probes read, and shows them as metrics.
//!
//! A number is no verdict: nothing here says whether a target serves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::continuity::command::{Command, Handle};
use crate::domain::ids::{SignalId, TargetId};
use crate::domain::signal::{Level, Measure, Reading, Signal};
use crate::domain::target::Target;
use crate::store::{Store, signals};
use crate::telemetry::metrics::Metrics;

/// Readings on their way to the store; they come a few a second at most.
pub const READING_QUEUE: usize = 1_024;
/// Readings are kept this long.
const KEPT_FOR: Duration = Duration::from_hours(24 * 400);
const FORGET_INTERVAL: Duration = Duration::from_hours(6);

/// Takes readings to the store and the metrics until the senders are gone.
pub struct Keeper {
    pub store: Store,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    /// As the files that are in force have them.
    pub targets: watch::Receiver<Arc<Vec<Arc<Target>>>>,
    /// Called when something changed that a page may show.
    pub changed: Arc<dyn Fn() + Send + Sync>,
    /// Tells operations of thresholds.
    pub continuity: Handle,
}

impl Keeper {
    pub async fn run(self, mut readings: mpsc::Receiver<Reading>) {
        let mut levels = self.show_latest().await;
        let mut forgot_at = self.clock.now();
        let mut batch = Vec::new();
        while readings.recv_many(&mut batch, READING_QUEUE).await > 0 {
            let mut changed = false;
            let targets = Arc::clone(&self.targets.borrow());
            for reading in &batch {
                let Some((target, signal)) = signal_of(&targets, reading) else { continue };
                self.show(reading, signal);
                let level = signal.level(reading.value);
                let key = (reading.target.clone(), reading.signal.clone());
                let before = levels.insert(key, level).unwrap_or(Level::Usual);
                changed |= level != before;
                // A feed that is stale is an outage and told as one.
                if level > before && signal.measure != Measure::Age {
                    self.tell(target, signal, reading).await;
                }
            }
            if let Err(error) = signals::keep(&self.store, &batch).await {
                tracing::error!(%error, "numbers that were read cannot be kept");
            }
            batch.clear();
            if changed {
                (self.changed)();
            }
            self.forget(&mut forgot_at).await;
        }
    }

    /// Shows what was read last before a stop, and says at which level each signal is.
    async fn show_latest(&self) -> BTreeMap<(TargetId, SignalId), Level> {
        let latest = signals::latest(&self.store).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the last numbers cannot be read");
            Vec::new()
        });
        let mut levels = BTreeMap::new();
        let targets = Arc::clone(&self.targets.borrow());
        for reading in latest {
            if let Some((_, signal)) = signal_of(&targets, &reading) {
                self.show(&reading, signal);
                let level = signal.level(reading.value);
                levels.insert((reading.target, reading.signal), level);
            }
        }
        levels
    }

    fn show(&self, reading: &Reading, signal: &Signal) {
        self.metrics.set_signal_read(&reading.target, &reading.signal, reading.read_at);
        match signal.measure {
            Measure::Captured { .. } => {
                self.metrics.set_signal(&reading.target, &reading.signal, reading.value);
            }
            Measure::Age => {
                self.metrics.set_feed_age(&reading.target, &reading.signal, reading.value);
            }
        }
    }

    async fn tell(&self, target: &Target, signal: &Signal, reading: &Reading) {
        let sentence = sentence(target, signal, reading.value);
        tracing::info!(target = %target.id, signal = %signal.id, "{sentence}");
        let level = signal.level(reading.value).as_str();
        let name = format!("{}/{}/{level}", target.id, signal.id);
        if let Err(error) = self.continuity.ask(Command::Signal { signal: name, sentence }).await {
            tracing::error!(%error, signal = %signal.id, "operations are not told of a number");
        }
    }

    async fn forget(&self, forgot_at: &mut Timestamp) {
        let now = self.clock.now();
        if Duration::try_from(now.duration_since(*forgot_at)).unwrap_or_default() < FORGET_INTERVAL
        {
            return;
        }
        *forgot_at = now;
        let before = now.checked_sub(KEPT_FOR).unwrap_or(now);
        if let Err(error) = signals::forget(&self.store, before).await {
            tracing::warn!(%error, "old numbers could not be forgotten");
        }
    }
}

/// The signal a reading is of; none when the files no longer have it.
fn signal_of<'a>(
    targets: &'a [Arc<Target>],
    reading: &Reading,
) -> Option<(&'a Target, &'a Signal)> {
    let target = targets.iter().find(|target| target.id == reading.target)?;
    let signal = target.signals().find(|signal| signal.id == reading.signal)?;
    Some((target, signal))
}

/// "Assist: cases with no case worker stand at 1,310 cases, from 1,200 cases on it is worse."
fn sentence(target: &Target, signal: &Signal, value: f64) -> String {
    let level = signal.level(value);
    let threshold = signal.threshold_words(level).unwrap_or_default();
    let what = match level {
        Level::Usual => "as usual".to_owned(),
        Level::Attention => format!("to be looked at from {threshold} on"),
        Level::Worse => format!("at its worst level, from {threshold} on"),
    };
    format!("{}: {} is {}, {what}.", target.title, signal.title, signal.words(value))
}
