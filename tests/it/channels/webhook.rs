//! What a receiver of webhooks sees, and what we learn from how it answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use holdfast::channels::webhook::{Post, Webhook, WebhookSettings};
use holdfast::channels::{Delivery, NotRecorded};
use holdfast::crypto::hmac;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;

const SECRET: &str = "shared with the receiver";

type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A receiver that keeps what it gets; the path says how it answers.
async fn receiver() -> (String, Received) {
    let received = Received::default();
    let keep = |State(kept): State<Received>, headers: HeaderMap, body: String| async move {
        kept.lock().unwrap().push((headers, body));
    };
    let away = [(header::LOCATION, "/taken")];
    let routes = Router::new()
        .route("/taken", post(keep))
        .route(
            "/busy",
            post(async || (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "7")])),
        )
        .route("/gone", post(async || StatusCode::GONE))
        .route("/moved", post(async move || (StatusCode::FOUND, away).into_response()))
        .route("/silent", post(std::future::pending::<()>))
        .with_state(received.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, received)
}

fn webhook(url: String) -> Webhook {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Webhook::new(WebhookSettings {
        url,
        secret: SecretString::from(SECRET.to_owned()),
        answer_timeout: Duration::from_millis(400),
    })
    .unwrap()
}

fn notice() -> Post {
    Post {
        format: Post::FORMAT,
        notice: "0190e2c1-1".into(),
        thread: Some("c3ms-20230301T093109-1".into()),
        severity: None,
        subject: "C3MS is down for Noarlunga".into(),
        text: "Māori and pākehā staff alike".into(),
        acknowledge_url: None,
        written_at: now(),
    }
}

fn now() -> Timestamp {
    "2023-03-01T09:31:09Z".parse().unwrap()
}

async fn delivered(url: String) -> Delivery {
    webhook(url).send(&notice(), now(), async { Ok(()) }).await
}

#[tokio::test]
async fn the_receiver_can_verify_what_it_gets() {
    let (address, received) = receiver().await;
    let delivery = delivered(format!("{address}/taken")).await;
    assert!(matches!(delivery, Delivery::Sent { .. }), "{delivery:?}");
    let (headers, body) = received.lock().unwrap().pop().unwrap();
    assert_eq!(headers["idempotency-key"], "0190e2c1-1");
    let timestamp = headers["holdfast-timestamp"].to_str().unwrap();
    assert_eq!(timestamp, "1677663069");
    let code = headers["holdfast-signature"].to_str().unwrap().strip_prefix("v1=").unwrap();
    let signed = format!("{timestamp}.{body}");
    assert!(hmac::verifies(SECRET.as_bytes(), signed.as_bytes(), code));
    assert!(!hmac::verifies(SECRET.as_bytes(), format!("1{signed}").as_bytes(), code));
    let read: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(read["text"], "Māori and pākehā staff alike");
}

#[tokio::test]
async fn the_answer_says_what_to_do_next() {
    let (address, received) = receiver().await;
    let busy = delivered(format!("{address}/busy")).await;
    let seven = Some(Duration::from_secs(7));
    assert!(matches!(&busy, Delivery::Temporary { retry_after, .. } if *retry_after == seven));
    for path in ["gone", "moved"] {
        let refused = delivered(format!("{address}/{path}")).await;
        assert!(matches!(refused, Delivery::Refused { .. }), "{path}: {refused:?}");
    }
    let silent = delivered(format!("{address}/silent")).await;
    assert!(matches!(silent, Delivery::InDoubt { .. }), "{silent:?}");
    assert!(received.lock().unwrap().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn nobody_there_is_not_a_doubt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let delivery = delivered(format!("http://{closed}/?token=hidden")).await;
    let Delivery::Unreachable { why } = delivery else { panic!("{delivery:?}") };
    assert!(!why.contains("hidden"), "{why}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_sent() {
    let (address, received) = receiver().await;
    let full = async { Err(NotRecorded("the disk is full".into())) };
    let delivery = webhook(format!("{address}/taken")).send(&notice(), now(), full).await;
    assert!(matches!(delivery, Delivery::Temporary { .. }), "{delivery:?}");
    assert!(received.lock().unwrap().is_empty());
}

#[test]
fn notices_do_not_travel_in_the_open() {
    let settings = WebhookSettings {
        url: "http://hooks.example.org/".into(),
        secret: SecretString::from(SECRET.to_owned()),
        answer_timeout: Duration::from_secs(1),
    };
    assert!(Webhook::new(settings).unwrap_err().to_string().contains("https://"));
}
