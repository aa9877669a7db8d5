//! Steps of TCP against real conversations.

use std::time::Duration;

use holdfast::domain::check::FailureReason;
use tokio::io::AsyncWriteExt;

use super::rig::Rig;
use super::smtp::mail_server;
use crate::support::server::{Authority, by_hand};

#[tokio::test]
async fn a_dialogue_is_held_turn_by_turn_and_timed() {
    let server = mail_server(&Authority::new(), "localhost").await;
    let port = server.address.port();
    let check = Rig::new()
        .passes(&format!(
            r#"
- id: mail
  tcp:
    port: {port}
    dialogue:
      - expect: "^220 "
      - send: "EHLO probe.example\r\n"
      - expect: "250 HELP\r\n"
      - send: "QUIT\r\n"
      - expect: "^221 "
  expect: {{ text: {{ contains: STARTTLS }}, size_bytes: {{ at_least: 20 }}, within: 5 s }}
  capture: {{ software: {{ regex: "Python (\\S+)" }} }}
- id: again
  tcp: {{ port: {port}, dialogue: [{{ expect: "^220" }}, {{ send: "NOOP ${{software}}\r\n" }}, {{ expect: "250" }}] }}
"#
        ))
        .await;
    let step = &check.steps[0];
    assert!(step.connect_us.is_some() && step.first_byte_us.is_some() && step.body_us.is_some());
    assert_eq!((step.dns_us, step.tls_us), (None, None), "an address, in the clear");
}

#[tokio::test]
async fn each_way_of_not_answering_has_its_name() {
    let mute = by_hand(|stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let endless =
        by_hand(|mut stream| async move { while stream.write_all(&[b'a'; 4096]).await.is_ok() {} })
            .await;
    let curt = by_hand(|mut stream| async move {
        let _ = stream.write_all(b"go away Synthetic-Child\n").await;
    })
    .await;
    let rig = Rig { timeout: Duration::from_millis(1_500), ..Rig::new() };
    let step = |port: u16| {
        format!("- {{ id: talk, tcp: {{ port: {port}, dialogue: [{{ expect: welcome }}] }} }}")
    };
    rig.fails(&step(mute.port()), FailureReason::Timeout, "no answer came within").await;
    rig.fails(&step(endless.port()), FailureReason::TooLarge, "more than 65536 bytes").await;
    let words = "expected 'welcome': the connection was closed";
    let check = rig.fails(&step(curt.port()), FailureReason::Reset, words).await;
    assert!(!check.evidence.unwrap().detail.contains("Synthetic"), "answers are not quoted");
    let nobody = step(crate::support::free_address().port());
    rig.fails(&nobody, FailureReason::Refused, "the connection was refused").await;
}

#[tokio::test]
async fn no_kind_of_step_reaches_beyond_the_networks() {
    let rig = Rig { networks: "10.0.0.0/8", ..Rig::new() };
    for action in [
        "tcp: { port: 9 }",
        "tls: { port: 9 }",
        "smtp: { port: 9 }",
        "dns: { name: example, record: A, server: 127.0.0.1 }",
        "dns: { name: example, record: A, server: 127.0.0.1, transport: tls }",
        "sql: { postgres: { database: a, user: b }, query: SELECT 1 }",
        "sql: { mysql: { database: a, user: b }, query: SELECT 1 }",
        "icmp: { count: 1 }",
        "tcp: { host: localhost, port: 9 }",
    ] {
        let words = "led outside the target's networks";
        let step = format!("- {{ id: out, {action} }}");
        rig.fails(&step, FailureReason::Redirect, words).await;
    }
}
