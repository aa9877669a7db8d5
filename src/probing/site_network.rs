//! Whether a failure is the target's, or of the network at the place it was probed from.
//!
//! A check that failed on the way is *failed (site-network)* when
//! - none of the location's reference endpoints takes a connection from there either, or
//! - every other target probed from there, at least one, failed on the way last as well, or
//! - its name was not resolved, and none of this machine's name servers answers anybody.
//!
//! Reference endpoints and name servers are asked only then, at most every few seconds, and are
//! told nothing. It
//! must not look at a check that the target answered.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpSocket;

use super::name_servers;
use crate::clock::Stopwatch;
use crate::domain::check::{Check, Evidence, FailureReason, Outcome};
use crate::domain::ids::{LocationId, TargetId};
use crate::domain::target::Location;

/// What is near answers in milliseconds, and what is far in less than this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// What was found out holds for so long.
const FRESH: Duration = Duration::from_secs(5);
/// What another target said is evidence for so long.
const RECENT: Duration = Duration::from_secs(120);

/// What is known of the networks at each location.
#[derive(Debug)]
pub struct SiteNetworks {
    watch: Stopwatch,
    met: Mutex<HashMap<LocationId, Met>>,
    /// Whether a reference endpoint answered, and when; held while one is asked.
    asked: Mutex<HashMap<LocationId, Answered>>,
    /// The same of the name servers, which are the machine's for every location.
    names: Answered,
}

/// When each target was last met from a location, and whether it failed on the way.
type Met = HashMap<TargetId, (Duration, bool)>;
type Answered = Arc<tokio::sync::Mutex<Option<(Duration, bool)>>>;

impl Default for SiteNetworks {
    fn default() -> Self {
        let (met, asked, names) = Default::default();
        Self { watch: Stopwatch::start(), met, asked, names }
    }
}

impl SiteNetworks {
    /// The check with its failure put where it belongs.
    pub async fn judged(&self, check: Check, location: &Location) -> Check {
        let on_the_way = is_on_the_way(&check);
        let nobody_met = self.meet(&check, on_the_way);
        if !on_the_way {
            return check;
        }
        let detail = if !location.reference_endpoints.is_empty() && !self.answers(location).await {
            "nothing that should answer here does: the network at this place fails"
        } else if nobody_met {
            "no target is reached from here: the network at this place fails"
        } else if check.outcome == Outcome::Failed(FailureReason::Dns) && !self.names().await {
            "no name server of this machine answers: the network at this place fails"
        } else {
            return check;
        };
        let before = check.evidence;
        let step = before.as_ref().and_then(|seen| seen.step.clone());
        let address = before.and_then(|seen| seen.address);
        let evidence = Some(Evidence { step, address, detail: detail.to_owned() });
        let outcome = Outcome::Failed(FailureReason::SiteNetwork);
        Check { outcome, evidence, ..check }
    }

    /// Notes how a target was met. Returns whether every one of several was not, of late.
    fn meet(&self, check: &Check, on_the_way: bool) -> bool {
        let conclusive =
            matches!(check.outcome, Outcome::Passed | Outcome::Slow | Outcome::Failed(_));
        let now = self.watch.elapsed();
        let mut met = lock(&self.met);
        let here = met.entry(check.location.clone()).or_default();
        if conclusive {
            here.insert(check.target.clone(), (now, on_the_way));
        }
        let recent = here.values().filter(|(at, _)| now.saturating_sub(*at) < RECENT);
        let (all, lost) =
            recent.fold((0, 0), |(all, lost), (_, one)| (all + 1, lost + usize::from(*one)));
        all > 1 && all == lost
    }

    async fn answers(&self, location: &Location) -> bool {
        let answered = Arc::clone(lock(&self.asked).entry(location.id.clone()).or_default());
        let asking = async {
            let mut answers = false;
            for endpoint in &location.reference_endpoints {
                answers = answers || takes_connections(location, *endpoint).await;
            }
            answers
        };
        self.fresh(&answered, asking).await
    }

    async fn names(&self) -> bool {
        self.fresh(&self.names, name_servers::answer()).await
    }

    /// What was answered of late, or else now.
    async fn fresh(&self, answered: &Answered, asking: impl Future<Output = bool>) -> bool {
        let mut answered = answered.lock().await;
        if let Some((at, answers)) = *answered
            && self.watch.elapsed().saturating_sub(at) < FRESH
        {
            return answers;
        }
        let answers = asking.await;
        *answered = Some((self.watch.elapsed(), answers));
        answers
    }
}

/// Whether a failure happened before the target said anything.
fn is_on_the_way(check: &Check) -> bool {
    use FailureReason::{ConnectTimeout, Dns, Reset, SiteNetwork, Timeout};
    match check.outcome {
        // Where an answer was waited for a connection stood: the target is slow, not out of reach.
        Outcome::Failed(Timeout) => check.steps.iter().all(|step| step.first_byte_us.is_none()),
        Outcome::Failed(ConnectTimeout | Dns | Reset | SiteNetwork) => true,
        _ => false,
    }
}

/// Whether the endpoint answers a connection from there; a refusal is an answer.
async fn takes_connections(location: &Location, endpoint: SocketAddr) -> bool {
    let socket = if endpoint.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let Ok(socket) = socket else { return true };
    if let Some(source) = location.source_address
        && source.is_ipv4() == endpoint.is_ipv4()
        && socket.bind(SocketAddr::new(source, 0)).is_err()
    {
        // Our own fault, which says nothing of the network.
        return true;
    }
    match tokio::time::timeout(ANSWER_TIMEOUT, socket.connect(endpoint)).await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        Err(_) => false,
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::check::CheckKind;
    use crate::domain::ids::{ProbeId, StepId};
    use crate::probing::steps::Hop;

    const TIMEOUT: Outcome = Outcome::Failed(FailureReason::Timeout);
    const LOST: Outcome = Outcome::Failed(FailureReason::SiteNetwork);

    fn check(target: &str, outcome: Outcome) -> Check {
        let slot_at = "2023-03-01T09:00:00Z".parse().unwrap();
        Check {
            target: TargetId::new(target).unwrap(),
            probe: ProbeId::new("search").unwrap(),
            location: LocationId::new("noarlunga").unwrap(),
            kind: CheckKind::Slot,
            slot_at,
            finished_at: slot_at,
            latency_ms: 10,
            outcome,
            steps: Vec::new(),
            evidence: None,
        }
    }

    fn noarlunga(reference_endpoints: Vec<SocketAddr>) -> Location {
        let id = LocationId::new("noarlunga").unwrap();
        let source_address = Some("127.0.1.2".parse().unwrap());
        Location { id, title: "Noarlunga".to_owned(), source_address, reference_endpoints }
    }

    async fn told(endpoints: Vec<SocketAddr>, outcome: Outcome) -> Outcome {
        SiteNetworks::default().judged(check("c3ms", outcome), &noarlunga(endpoints)).await.outcome
    }

    #[tokio::test]
    async fn reference_endpoints_tell_the_network_from_the_target() {
        let near = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = near.local_addr().unwrap();
        // The kernel sends nothing from a loopback address to elsewhere.
        let unreachable: SocketAddr = "192.0.2.1:80".parse().unwrap();
        assert_eq!(told(vec![near], TIMEOUT).await, TIMEOUT, "it is the target");
        assert_eq!(told(vec![unreachable, near], TIMEOUT).await, TIMEOUT, "one is enough");
        assert_eq!(told(vec![unreachable], TIMEOUT).await, LOST);
        assert_eq!(told(Vec::new(), TIMEOUT).await, TIMEOUT, "nobody to ask");
        let status = Outcome::Failed(FailureReason::Status);
        assert_eq!(told(vec![unreachable], status).await, status, "the target answered");
    }

    #[tokio::test]
    async fn when_no_target_is_reached_it_is_the_network() {
        let (networks, here) = (SiteNetworks::default(), noarlunga(Vec::new()));
        let told =
            async |target, outcome| networks.judged(check(target, outcome), &here).await.outcome;
        assert_eq!(told("c3ms", Outcome::Passed).await, Outcome::Passed);
        assert_eq!(told("care", TIMEOUT).await, TIMEOUT, "the other one is reached");
        assert_eq!(told("c3ms", TIMEOUT).await, LOST, "now none is");
        assert_eq!(told("care", TIMEOUT).await, LOST);
        assert_eq!(told("c3ms", Outcome::Passed).await, Outcome::Passed);
        assert_eq!(told("care", TIMEOUT).await, TIMEOUT, "the network is back, it is not");
    }

    #[tokio::test]
    async fn targets_that_are_slow_are_reached_all_the_same() {
        let (networks, here) = (SiteNetworks::default(), noarlunga(Vec::new()));
        for target in ["c3ms", "care"] {
            let mut slow = check(target, TIMEOUT);
            let mut step = Hop::start(0).timing(&StepId::new("search").unwrap());
            step.first_byte_us = Some(9_000_000);
            slow.steps.push(step);
            assert_eq!(networks.judged(slow, &here).await.outcome, TIMEOUT, "{target}");
        }
    }
}
