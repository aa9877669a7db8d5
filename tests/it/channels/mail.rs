//! Mail against a real SMTP server that fails in every phase of the dialogue.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use holdfast::channels::mail::{Letter, Mail, MailSettings, RelaySettings, Security};
use holdfast::channels::{Delivery, NotRecorded};
use holdfast::clock::Clock;
use holdfast::standin::smtp::{SmtpFault, SmtpReceiver};

const DUTY: &str = "duty@example.org";

fn receiver() -> SmtpReceiver {
    SmtpReceiver::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), None, Clock::system()).unwrap()
}

fn mail_through(relays: &[&SmtpReceiver]) -> Mail {
    let settings = MailSettings {
        from: "Holdfast <holdfast@example.org>".into(),
        hello_name: "hub.example.org".into(),
        relays: relays
            .iter()
            .map(|relay| RelaySettings {
                host: relay.addr().ip().to_string(),
                port: relay.addr().port(),
                security: Security::Plain,
                credentials: None,
                answer_timeout: Duration::from_millis(500),
            })
            .collect(),
    };
    Mail::new(settings, &Clock::system()).unwrap()
}

fn letter() -> Letter {
    Letter {
        message_id: "0190e2c1-1@holdfast.example.org".into(),
        thread_id: None,
        to: format!("Duty Manager <{DUTY}>"),
        subject: "C3MS is down for Māngere".into(),
        body: "Every journey fails.\r\n.\r\nRing the on-call supervisor.\r\n".into(),
        written_at: "2023-03-01T09:31:09Z".parse().unwrap(),
    }
}

/// One attempt, and how often the mark before the body was made.
async fn attempt(mail: &Mail) -> (Delivery, usize) {
    let marks = AtomicUsize::new(0);
    let mark = async {
        marks.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let delivery = mail.send(&letter(), mark).await;
    (delivery, marks.into_inner())
}

#[tokio::test]
async fn a_letter_arrives_whole_in_one_envelope() {
    let relay = receiver();
    let (delivery, marks) = attempt(&mail_through(&[&relay])).await;
    assert!(matches!(delivery, Delivery::Sent { .. }), "{delivery:?}");
    assert_eq!(marks, 1);
    let [received] = relay.messages().try_into().unwrap();
    assert_eq!(received.envelope_from, "holdfast@example.org");
    assert_eq!(received.envelope_to, [DUTY]);
    assert_eq!(received.header("Message-ID"), Some("<0190e2c1-1@holdfast.example.org>"));
    // A full stop alone on a line ends a message, unless it is doubled on the way.
    assert_eq!(received.text().trim_end(), letter().body.trim_end());
}

#[tokio::test]
async fn the_mark_is_made_before_the_body_or_the_body_does_not_go() {
    let relay = receiver();
    let full = async { Err(NotRecorded("the disk is full".into())) };
    let delivery = mail_through(&[&relay]).send(&letter(), full).await;
    assert!(matches!(delivery, Delivery::Temporary { .. }), "{delivery:?}");
    assert_eq!(relay.messages(), []);
}

#[tokio::test]
async fn a_refused_recipient_is_final_and_a_busy_one_is_not() {
    let (relay, second) = (receiver(), receiver());
    let mail = mail_through(&[&relay, &second]);
    relay.apply(SmtpFault::Recipient { address: DUTY.into(), code: 550 });
    let (delivery, marks) = attempt(&mail).await;
    assert!(matches!(&delivery, Delivery::Refused { why } if why.contains("550")), "{delivery:?}");
    assert_eq!(marks, 0);
    relay.clear();
    relay.apply(SmtpFault::Recipient { address: DUTY.into(), code: 450 });
    let (delivery, _) = attempt(&mail).await;
    assert!(matches!(delivery, Delivery::Temporary { .. }), "{delivery:?}");
    relay.clear();
    let (delivery, _) = attempt(&mail).await;
    assert!(matches!(delivery, Delivery::Sent { .. }), "the relay itself was not at fault");
    assert_eq!((relay.messages().len(), second.messages().len()), (1, 0));
}

#[tokio::test]
async fn after_the_body_a_broken_connection_is_a_doubt() {
    for kept in [true, false] {
        let (relay, second) = (receiver(), receiver());
        relay.apply(SmtpFault::DropAfterData { kept });
        let (delivery, marks) = attempt(&mail_through(&[&relay, &second])).await;
        assert!(matches!(delivery, Delivery::InDoubt { .. }), "{delivery:?}");
        assert_eq!(marks, 1);
        assert_eq!(relay.messages().len(), usize::from(kept));
        assert_eq!(second.messages(), [], "sent twice");
    }
}

#[tokio::test]
async fn a_relay_that_cannot_be_used_gives_way_to_the_next() {
    let faults = [
        SmtpFault::RefuseConnection,
        SmtpFault::Greeting { code: 554 },
        SmtpFault::Greeting { code: 421 },
        SmtpFault::Sender { code: 550 },
        SmtpFault::Delay(Duration::from_secs(2)),
    ];
    for fault in faults {
        let (relay, second) = (receiver(), receiver());
        relay.apply(fault.clone());
        let mail = mail_through(&[&relay, &second]);
        let (delivery, marks) = attempt(&mail).await;
        assert!(matches!(delivery, Delivery::Sent { .. }), "{fault:?}: {delivery:?}");
        assert_eq!((marks, second.messages().len()), (1, 1), "{fault:?}");
        // It is back, but left alone for a while: the next letter does not wait for it.
        relay.clear();
        let (delivery, _) = attempt(&mail).await;
        assert!(matches!(delivery, Delivery::Sent { .. }), "{fault:?}: {delivery:?}");
        assert_eq!((relay.messages().len(), second.messages().len()), (0, 2), "{fault:?}");
    }
}

#[tokio::test]
async fn without_any_relay_nothing_is_said_of_the_recipient() {
    let relay = receiver();
    relay.apply(SmtpFault::RefuseConnection);
    let (delivery, marks) = attempt(&mail_through(&[&relay])).await;
    assert!(matches!(delivery, Delivery::Unreachable { .. }), "{delivery:?}");
    assert_eq!(marks, 0);
}
