//! When each agent was last heard, how its clock stands, and what is asked of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::domain::agent::{Ask, Measured, Trouble};
use crate::domain::ids::{LocationId, ProbeId};

/// Confirmations that wait for one agent: what it does not fetch in time is no evidence any more.
const MOST_ASKS: usize = 256;
/// A confirmation fetched later than this says nothing of the suspicion it was asked on.
const ASK_LIFE: Duration = Duration::from_secs(15);

/// What is known of each agent since this process began.
pub struct Desk {
    clock: Clock,
    seats: Mutex<HashMap<LocationId, Arc<Seat>>>,
}

#[derive(Default)]
struct Seat {
    seen: Mutex<Seen>,
    asked: Notify,
}

#[derive(Default)]
struct Seen {
    heard: Heard,
    asks: Vec<Waiting>,
}

/// A confirmation that was asked for, at the monotonic instants of asking and of running it.
struct Waiting {
    probe: ProbeId,
    asked: Duration,
    due: Duration,
}

/// How an agent stands. Instants are monotonic; none when it did not since this process began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// When it last delivered, be it nothing, and that came to stay: then it reports.
    pub delivered: Option<Duration>,
    /// When it last said anything at all.
    pub spoken: Option<Duration>,
    pub measured: Option<Measured>,
    /// What it said last keeps it from its work.
    pub troubles: Vec<Trouble>,
}

impl Desk {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, seats: Mutex::default() }
    }

    /// Notes that an agent said something, and how its clock stands by its own measure.
    pub fn speak(&self, location: &LocationId, measured: Option<Measured>) {
        let now = self.clock.monotonic();
        let seat = self.seat(location);
        let heard = &mut lock(&seat.seen).heard;
        heard.spoken = Some(now);
        heard.measured = measured.or(heard.measured);
    }

    /// Notes that a delivery of it is durable, and what troubles it.
    pub fn deliver(&self, location: &LocationId, troubles: Vec<Trouble>) {
        let now = self.clock.monotonic();
        let seat = self.seat(location);
        let heard = &mut lock(&seat.seen).heard;
        (heard.delivered, heard.troubles) = (Some(now), troubles);
    }

    #[must_use]
    pub fn heard(&self, location: &LocationId) -> Heard {
        lock(&self.seat(location).seen).heard.clone()
    }

    /// Asks an agent for a run of a probe in this time. What is too much is let go: slots go on.
    pub fn ask(&self, location: &LocationId, probe: ProbeId, delay: Duration) {
        let asked = self.clock.monotonic();
        let seat = self.seat(location);
        let mut seen = lock(&seat.seen);
        seen.asks.retain(|one| asked.saturating_sub(one.asked) < ASK_LIFE);
        if seen.asks.len() < MOST_ASKS {
            seen.asks.push(Waiting { probe, asked, due: asked + delay });
        }
        drop(seen);
        seat.asked.notify_one();
    }

    /// What is asked of an agent, as soon as there is something; nothing after this time.
    pub(super) async fn asks(&self, location: &LocationId, wait: Duration) -> Vec<Ask> {
        let seat = self.seat(location);
        let asked = async {
            loop {
                let asks = self.taken(&seat);
                if !asks.is_empty() {
                    return asks;
                }
                seat.asked.notified().await;
            }
        };
        tokio::time::timeout(wait, asked).await.unwrap_or_default()
    }

    fn taken(&self, seat: &Seat) -> Vec<Ask> {
        let now = self.clock.monotonic();
        let asks = std::mem::take(&mut lock(&seat.seen).asks);
        let fresh = asks.into_iter().filter(|one| now.saturating_sub(one.asked) < ASK_LIFE);
        fresh
            .map(|one| {
                let delay_ms = one.due.saturating_sub(now).as_millis();
                Ask { probe: one.probe, delay_ms: u32::try_from(delay_ms).unwrap_or(u32::MAX) }
            })
            .collect()
    }

    fn seat(&self, location: &LocationId) -> Arc<Seat> {
        Arc::clone(lock(&self.seats).entry(location.clone()).or_default())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_ask_reaches_an_agent_that_waits_and_is_asked_once() {
        let clock = Clock::manual("2026-03-01T00:00:00Z".parse().unwrap());
        let desk = Arc::new(Desk::new(clock.clone()));
        let here = LocationId::new("noarlunga").unwrap();
        let probe = || ProbeId::new("search").unwrap();
        let waiting = tokio::spawn({
            let (desk, here) = (Arc::clone(&desk), here.clone());
            async move { desk.asks(&here, Duration::from_secs(30)).await }
        });
        tokio::task::yield_now().await;
        desk.ask(&here, probe(), Duration::from_secs(1));
        let asked = waiting.await.unwrap();
        assert_eq!(asked, [Ask { probe: probe(), delay_ms: 1_000 }]);
        assert_eq!(desk.asks(&here, Duration::ZERO).await, []);

        desk.ask(&here, probe(), Duration::from_secs(1));
        clock.set(clock.now() + Duration::from_millis(400));
        assert_eq!(desk.asks(&here, Duration::ZERO).await[0].delay_ms, 600, "from when it is told");
        desk.ask(&here, probe(), Duration::ZERO);
        clock.set(clock.now() + ASK_LIFE);
        assert_eq!(desk.asks(&here, Duration::ZERO).await, [], "the suspicion is long over");
    }

    #[test]
    fn an_agent_that_speaks_and_delivers_nothing_does_not_report() {
        let clock = Clock::manual("2026-03-01T00:00:00Z".parse().unwrap());
        let desk = Desk::new(clock.clone());
        let here = LocationId::new("noarlunga").unwrap();
        assert_eq!(desk.heard(&here), Heard::default());
        let measured = Some(Measured { offset_us: 7, delay_us: 3 });
        desk.speak(&here, measured);
        clock.set(clock.now() + Duration::from_secs(9));
        desk.speak(&here, None);
        let spoken = Some(Duration::from_secs(9));
        let spoken = Heard { spoken, measured, ..Heard::default() };
        assert_eq!(desk.heard(&here), spoken, "with the last measure it had");
        let troubles = vec![Trouble::Disk { why: "no space left".to_owned() }];
        desk.deliver(&here, troubles.clone());
        assert_eq!(desk.heard(&here), Heard { delivered: spoken.spoken, troubles, ..spoken });
    }
}
