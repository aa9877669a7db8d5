//! What agents say and ask, route by route.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Extension, State};
use jiff::{SignedDuration, Timestamp};

use super::routes::{Known, Peer, Refusal};
use super::{Agents, Assignment, Delivered, is_of};
use crate::crypto::digest::{Digest, same};
use crate::domain::agent::{
    ASK_WAIT, Acknowledged, Asked, Delivery, Enrolled, Enrolment, Finding, MOST_FINDINGS, Measured,
    Numbered, Planned, Renewal, Stamps, Trouble, Waiting,
};
use crate::domain::ids::LocationId;
use crate::store::agents;
use crate::store::deliveries::{self, Handed};

/// A check older than an agent keeps any comes from a clock that is wrong by months, as one that
/// begins in 1970: it says nothing of when.
const OLDEST_CHECK: SignedDuration = SignedDuration::from_hours(24 * 32);
/// Slots that nobody ran may be as long ago as an office was closed.
const OLDEST_GAP: SignedDuration = SignedDuration::from_hours(24 * 400);
/// A clock that is ahead by more than this is not one that somebody set wrongly.
const NEWEST: SignedDuration = SignedDuration::from_hours(24);
/// What is older than this when it comes is history to be judged as a whole. A delivery takes
/// milliseconds; this is one that was tried again.
const LATE: Duration = Duration::from_secs(10);

/// Kinds of them that an agent can have at once, and some more.
const MOST_TROUBLES: usize = 4;

type Answer<T> = Result<Json<T>, Refusal>;
type Here = State<Arc<Agents>>;

pub(super) async fn enrol(
    State(agents): Here,
    Extension(peer): Extension<Peer>,
    Json(enrolment): Json<Enrolment>,
) -> Answer<Enrolled> {
    let now = agents.clock.now();
    let address = peer.address.ip();
    if !agents.throttle.admits(Some(address), agents.clock.monotonic()) {
        return Err(Refusal::Throttled);
    }
    let offered = Digest::of(enrolment.token.as_bytes()).to_hex();
    let invitations = agents::invitations(&agents.store, now).await.map_err(Refusal::unable)?;
    let invited = invitations.into_iter().fold(None, |found, (token, location)| {
        if same(token.as_bytes(), offered.as_bytes()) { Some(location) } else { found }
    });
    let wrong = || {
        tracing::warn!(%address, "somebody tried to enrol an agent with a token that is none");
        Refusal::Forbidden("the token is wrong, used or expired: ask for another".to_owned())
    };
    let location = invited.ok_or_else(wrong)?;
    let (enrolled, serial, ends_at) = certify(&agents, &location, &enrolment.request)?;
    let certificate = (&location, serial.as_str(), ends_at);
    let is_first = agents::enrol(&agents.store, &offered, certificate, now).await;
    if !is_first.map_err(Refusal::unable)? {
        return Err(wrong());
    }
    tracing::info!(%location, %address, "an agent is enrolled");
    Ok(Json(enrolled))
}

pub(super) async fn renew(
    State(agents): Here,
    Extension(known): Extension<Known>,
    Json(renewal): Json<Renewal>,
) -> Answer<Enrolled> {
    let (enrolled, serial, ends_at) = certify(&agents, &known.location, &renewal.request)?;
    let certificate = (&known.location, serial.as_str(), ends_at);
    let renewed =
        agents::renew(&agents.store, &known.serial, certificate, agents.clock.now()).await;
    if !renewed.map_err(Refusal::unable)? {
        return Err(Refusal::Forbidden("the certificate was revoked meanwhile".to_owned()));
    }
    tracing::info!(location = %known.location, "an agent's certificate is renewed");
    Ok(Json(enrolled))
}

fn certify(
    agents: &Agents,
    location: &LocationId,
    request: &str,
) -> Result<(Enrolled, String, Timestamp), Refusal> {
    let issued = agents.authority.certify_client(location.as_str(), request, agents.clock.now());
    let issued = issued.map_err(|error| Refusal::Wrong(error.to_string()))?;
    let enrolled = Enrolled { location: location.clone(), certificate: issued.pem };
    Ok((enrolled, issued.seen.serial, issued.seen.ends_at))
}

pub(super) async fn plan(
    State(agents): Here,
    Extension(known): Extension<Known>,
) -> Answer<Planned> {
    agents.desk.speak(&known.location, None);
    let plan = agents.plan(&known.location);
    let plan = plan.ok_or_else(|| Refusal::unable("the plan went meanwhile"))?;
    // What it finds by this plan is taken whenever it comes.
    let given = agents::give(&agents.store, &known.location, &plan.probes).await;
    given.map_err(Refusal::unable)?;
    Ok(Json(plan.planned.clone()))
}

pub(super) async fn checks(
    State(agents): Here,
    Extension(known): Extension<Known>,
    Json(delivery): Json<Delivery>,
) -> Answer<Acknowledged> {
    let received_at = agents.clock.now();
    let location = known.location;
    agents.desk.speak(&location, delivery.measured);
    check_places(&location, &delivery.findings)?;
    let last = delivery.findings.last().map_or(0, |one| one.number);
    let mut findings = delivery.findings;
    let found = findings.len();
    let plan = agents.plan(&location);
    let is_planned = |one: &Numbered| plan.as_ref().is_some_and(|plan| plan.covers(&one.finding));
    let given = match findings.iter().all(is_planned) {
        true => BTreeSet::new(),
        false => agents::given(&agents.store, &location).await.map_err(Refusal::unable)?,
    };
    findings.retain(|one| {
        is_of_now(&one.finding, received_at) && (is_planned(one) || is_of(&one.finding, &given))
    });
    let refused = found - findings.len();
    if refused > 0 {
        tracing::warn!(%location, refused, "findings of no probe there or of no sane time");
    }
    let offset = agents.desk.heard(&location).measured;
    let late_from = late_from(&findings, offset, received_at);
    let (behind, dropped) = (delivery.behind, delivery.dropped);
    let whose = location.clone();
    let delivered = Delivered { location: whose, findings, behind, dropped, late_from, refused };
    // A connection that is given up must not part what is durable from what is handed on.
    let taking = tokio::spawn(take(Arc::clone(&agents), plan, delivery.spool, delivered, last));
    let number = taking.await.map_err(Refusal::unable)??;
    // Only now does it report: what it says must have come to stay.
    let troubles = delivery.troubles.into_iter().take(MOST_TROUBLES).map(Trouble::bounded);
    agents.desk.deliver(&location, troubles.collect());
    let stamps = Stamps { received_at, answered_at: agents.clock.now() };
    let plan = digest(&agents, &location);
    Ok(Json(Acknowledged { stamps, number, plan }))
}

/// Makes a delivery durable and hands on what of it is new and of the plan in force. Returns the
/// number up to which it is there.
async fn take(
    agents: Arc<Agents>,
    plan: Option<Arc<Assignment>>,
    spool: String,
    mut delivered: Delivered,
    last: i64,
) -> Result<i64, Refusal> {
    // Room first: nothing is taken that could not be handed on.
    // An agent that is told to try again keeps them; one that waited would wait in memory.
    let room = agents.delivered.try_reserve().map_err(Refusal::unable)?;
    let Delivered { dropped, late_from, .. } = delivered;
    let findings = std::mem::take(&mut delivered.findings);
    let handed = Handed { findings, last, dropped, late_from };
    let whose = (&delivered.location, spool.as_str());
    let taken = deliveries::take(&agents.store, whose, handed, agents.clock.now()).await;
    let taken = taken.map_err(Refusal::unable)?;
    if !taken.new.is_empty() || delivered.refused > 0 {
        let mut findings = taken.new;
        findings.retain(|one| plan.as_ref().is_some_and(|plan| plan.covers(&one.finding)));
        // Even with none: whether it has caught up is said with it.
        room.send(Delivered { findings, ..delivered });
    }
    Ok(taken.number)
}

/// Whether its instants are ones that it may have.
fn is_of_now(finding: &Finding, now: Timestamp) -> bool {
    let within = |at: Timestamp, oldest: SignedDuration| {
        let age = now.duration_since(at);
        -NEWEST <= age && age <= oldest
    };
    match finding {
        Finding::Check { check, interval_us } => {
            *interval_us > 0
                && within(check.slot_at, OLDEST_CHECK)
                && within(check.finished_at, OLDEST_CHECK)
        }
        Finding::Missed(missed) => {
            let length = missed.interval_us.checked_mul(i64::from(missed.slots));
            let length = length.map(SignedDuration::from_micros);
            missed.interval_us > 0
                && within(missed.first_slot_at, OLDEST_GAP)
                && length.is_some_and(|length| length <= OLDEST_GAP)
        }
        Finding::Reading(reading) => within(reading.read_at, OLDEST_CHECK),
    }
}

/// Nothing is taken of another location.
fn check_places(location: &LocationId, findings: &[Numbered]) -> Result<(), Refusal> {
    if findings.len() > MOST_FINDINGS {
        return Err(Refusal::Wrong(format!("more than {MOST_FINDINGS} findings")));
    }
    let foreign = |one: &Numbered| one.finding.location().is_some_and(|at| at != location);
    if findings.iter().any(foreign) {
        let why = format!("a finding is not of '{location}', which the certificate is for");
        return Err(Refusal::Forbidden(why));
    }
    Ok(())
}

/// The slot of the earliest check that is too old to be judged as it comes.
fn late_from(
    findings: &[Numbered],
    measured: Option<Measured>,
    now: Timestamp,
) -> Option<Timestamp> {
    let offset = measured.map(Measured::offset).unwrap_or_default();
    let late = findings.iter().filter_map(|one| match &one.finding {
        Finding::Check { check, .. } => {
            let age = now.duration_since(check.finished_at) + offset;
            (Duration::try_from(age).unwrap_or_default() > LATE).then_some(check.slot_at)
        }
        Finding::Missed(_) | Finding::Reading(_) => None,
    });
    late.min()
}

pub(super) async fn asks(
    State(agents): Here,
    Extension(known): Extension<Known>,
    Json(waiting): Json<Waiting>,
) -> Answer<Asked> {
    let received_at = agents.clock.now();
    agents.desk.speak(&known.location, waiting.measured);
    let asks = tokio::select! {
        asks = agents.desk.asks(&known.location, ASK_WAIT) => asks,
        () = agents.stop.cancelled() => Vec::new(),
    };
    // It may have been revoked while it waited.
    known.check(&agents).await?;
    let stamps = Stamps { received_at, answered_at: agents.clock.now() };
    Ok(Json(Asked { stamps, asks, plan: digest(&agents, &known.location) }))
}

fn digest(agents: &Agents, location: &LocationId) -> String {
    agents.plan(location).map(|plan| plan.planned.digest.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agent::MissedSlots;
    use crate::domain::check::Gap;
    use crate::domain::ids::{ProbeId, TargetId};

    #[test]
    fn what_a_clock_of_another_time_found_is_let_go() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let missed = |first_slot_at: Timestamp, slots, interval_us| {
            let (target, probe) = (TargetId::new("c3ms").unwrap(), ProbeId::new("search").unwrap());
            let (location, gap) = (LocationId::new("noarlunga").unwrap(), Gap::Away);
            Finding::Missed(MissedSlots {
                target,
                probe,
                location,
                first_slot_at,
                slots,
                interval_us,
                gap,
            })
        };
        let day = SignedDuration::from_hours(24);
        assert!(is_of_now(&missed(now - day, 60, 1_000_000), now));
        assert!(is_of_now(&missed(now + day / 2, 60, 1_000_000), now), "a clock that is off");
        assert!(!is_of_now(&missed(Timestamp::UNIX_EPOCH, 60, 1_000_000), now));
        assert!(!is_of_now(&missed(now + day * 2, 60, 1_000_000), now));
        assert!(!is_of_now(&missed(now - day, 60, 0), now));
        assert!(!is_of_now(&missed(now - day, u32::MAX, i64::MAX), now));
    }
}
