//! Proves the copy every night: its bytes, and that it opens.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::copy::show;
use crate::capture::start::{Captures, StartError};
use crate::clock::Clock;
use crate::store::capture::{self, Proof};
use crate::store::{Store, StoreError};
use crate::telemetry::metrics::Metrics;

/// When it is proven, by the installation's zone: people sleep, and there is time to act.
const PROOF_TIME: Time = Time::constant(2, 30, 0, 0);
/// A proof older than this is made up for at once.
const PROOF_WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// Before there is a copy, and while records cannot be read, it looks again this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// Proves the copy nightly, and at once when the last proof is older than a day.
pub async fn keep_proving(
    captures: Captures,
    zone: TimeZone,
    objective: Duration,
    (store, clock, metrics): (Store, Clock, Arc<Metrics>),
) {
    loop {
        match last_proof(&store).await {
            Ok(Some(last)) => {
                let due = next_proof(last, clock.now(), &zone);
                if due > clock.now() {
                    clock.sleep_until(due).await;
                }
            }
            Ok(None) => {
                clock.sleep(LOOK_INTERVAL).await;
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "whether the copy is proven cannot be read");
                clock.sleep(LOOK_INTERVAL).await;
                continue;
            }
        }
        if let Err(error) = prove(&captures, &store, &clock).await {
            tracing::error!(%error, "the copy could not be proven");
            clock.sleep(LOOK_INTERVAL).await;
        }
        show(&store, objective, &clock, &metrics).await;
    }
}

async fn prove(captures: &Captures, store: &Store, clock: &Clock) -> Result<(), StartError> {
    let told = |what: &str, proof: &Proof| {
        if let Some(fault) = &proof.fault {
            tracing::error!(fault, "{what}");
        }
    };
    told("the copy does not open", &captures.trial(store, clock).await?);
    told("the copy is not as it was published", &captures.scrub(store, clock).await?);
    Ok(())
}

/// When a copy was last proven, the beginning of time when never; none while there is no copy.
async fn last_proof(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let status = capture::status(store).await?;
    let last = status.scrub.map_or(Timestamp::UNIX_EPOCH, |proof| proof.at);
    Ok(status.published.map(|_| last))
}

/// When to prove next: now when the last proof is older than a day, else the coming night.
fn next_proof(last: Timestamp, now: Timestamp, zone: &TimeZone) -> Timestamp {
    if now.duration_since(last) > PROOF_WINDOW {
        return now;
    }
    let today = now.to_zoned(zone.clone()).date();
    let nights = [Some(today), today.tomorrow().ok()];
    let nights = nights.into_iter().flatten();
    let nights = nights.filter_map(|day| day.to_datetime(PROOF_TIME).to_zoned(zone.clone()).ok());
    nights.map(|night| night.timestamp()).find(|night| *night > now).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_proof_is_tonight_or_at_once() {
        let zone = TimeZone::get("Australia/Adelaide").unwrap();
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let next = |last, now| next_proof(at(last), at(now), &zone);
        // 02:30 in Adelaide is 16:00 UTC of the day before, in summer.
        let tonight = at("2023-03-01T16:00:00Z");
        assert_eq!(next("2023-02-28T16:00:00Z", "2023-02-28T16:00:05Z"), tonight);
        assert_eq!(next("2023-03-01T03:00:00Z", "2023-03-01T15:59:59Z"), tonight);
        assert_eq!(
            next("2023-03-01T03:00:00Z", "2023-03-01T16:00:00Z"),
            at("2023-03-02T16:00:00Z")
        );
        let late = at("2023-03-02T16:00:01Z");
        assert_eq!(next("2023-03-01T16:00:00Z", "2023-03-02T16:00:01Z"), late);
    }

    #[test]
    fn a_night_without_that_hour_has_a_proof_all_the_same() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now: Timestamp = "2023-03-25T22:00:00Z".parse().unwrap();
        // The clocks go from 02:00 to 03:00, so that half past two is half past three.
        assert_eq!(next_proof(now, now, &zone), "2023-03-26T01:30:00Z".parse().unwrap());
    }
}
