//! Steps of ICMP to this machine, as far as it permits them.

use holdfast::domain::check::{InconclusiveReason, Outcome};
use socket2::{Domain, Protocol, Socket, Type};

use super::rig::Rig;

/// Whether this user may send echoes, by asking for the sockets that send them.
fn permitted() -> bool {
    [Type::DGRAM, Type::RAW]
        .into_iter()
        .any(|kind| Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4)).is_ok())
}

#[tokio::test]
async fn echoes_come_back_or_it_is_said_what_to_grant() {
    let rig = Rig::new();
    let step = "- { id: ping, icmp: { host: 127.0.0.1, count: 2 }, expect: { within: 2 s } }";
    if permitted() {
        let check = rig.passes(step).await;
        assert!(check.steps[0].first_byte_us.is_some());
        let lost = "- { id: ping, icmp: { host: 127.0.0.1, count: 1, reply_timeout: 1 s }, \
                    expect: { lost: { at_least: 1 } } }";
        let check = rig.check(lost).await;
        let detail = check.evidence.unwrap().detail;
        assert_eq!(detail, "expected the echoes lost to be at least 1, got 0");
    } else {
        let outcome = Outcome::Inconclusive(InconclusiveReason::Prober);
        rig.ends(step, outcome, "add the service's group to net.ipv4.ping_group_range").await;
    }
}
