//! The mail and webhook receivers, with real clients.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use holdfast::clock::Clock;
use holdfast::standin::smtp::{SmtpFault, SmtpReceiver, TooFew};
use holdfast::standin::webhook::{WebhookAnswer, WebhookReceiver};
use lettre::message::Message;
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{AsyncTransport, Tokio1Executor};
use reqwest::StatusCode;

use super::client_at;

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const SOON: Duration = Duration::from_secs(5);

fn receiver() -> SmtpReceiver {
    SmtpReceiver::start(ANYWHERE, None, Clock::system()).unwrap()
}

fn sender(receiver: &SmtpReceiver) -> AsyncSmtpTransport<Tokio1Executor> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
        .port(receiver.addr().port())
        .timeout(Some(SOON))
        .build()
}

fn mail(to: &[&str]) -> Message {
    let mut builder = Message::builder()
        .from("Holdfast <holdfast@standin.example>".parse().unwrap())
        .subject("C3MS is down at Māngere");
    for to in to {
        builder = builder.to(to.parse().unwrap());
    }
    builder.body(".\nāhea: http://127.0.0.1/acknowledge?token=a=b\n..dots\n".to_owned()).unwrap()
}

#[tokio::test]
async fn a_mail_arrives_with_its_envelope_headers_and_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = Some(folder.path().to_owned());
    let receiver = SmtpReceiver::start(ANYWHERE, path, Clock::system()).unwrap();
    sender(&receiver).send(mail(&["duty@standin.example"])).await.unwrap();
    let received = receiver.wait_for(1, SOON).await.unwrap();
    assert_eq!(received[0].envelope_from, "holdfast@standin.example");
    assert_eq!(received[0].envelope_to, ["duty@standin.example"]);
    assert!(received[0].header("to").unwrap().contains("duty@standin.example"));
    let text = received[0].text().replace("\r\n", "\n");
    assert!(text.starts_with(".\nāhea: http://127.0.0.1/acknowledge?token=a=b\n..dots"), "{text}");
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap()).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].file_name(), "0001-duty-standin-example.eml");
    receiver.shutdown().await;
}

#[tokio::test]
async fn one_recipient_is_refused_and_the_other_is_not() {
    let receiver = receiver();
    let address = "gone@standin.example".to_owned();
    receiver.apply(SmtpFault::Recipient { address, code: 550 });
    let sender = sender(&receiver);
    let refused = sender.send(mail(&["gone@standin.example"])).await.unwrap_err();
    assert!(refused.is_permanent(), "{refused}");
    sender.send(mail(&["duty@standin.example"])).await.unwrap();
    assert_eq!(receiver.wait_for(1, SOON).await.unwrap().len(), 1);

    let address = "busy@standin.example".to_owned();
    receiver.apply(SmtpFault::Recipient { address, code: 451 });
    let later = sender.send(mail(&["busy@standin.example"])).await.unwrap_err();
    assert!(later.is_transient(), "{later}");
}

#[tokio::test]
async fn a_sender_is_left_in_doubt_whether_the_mail_arrived() {
    let receiver = receiver();
    let sender = sender(&receiver);
    receiver.apply(SmtpFault::DropAfterData { kept: true });
    let error = sender.send(mail(&["duty@standin.example"])).await.unwrap_err();
    assert!(!error.is_permanent() && !error.is_transient(), "{error}");
    assert_eq!(receiver.wait_for(1, SOON).await.unwrap().len(), 1);
    receiver.clear();
    receiver.apply(SmtpFault::DropAfterData { kept: false });
    assert!(sender.send(mail(&["duty@standin.example"])).await.is_err());
    let nothing_more = receiver.wait_for(2, Duration::from_millis(50)).await;
    assert_eq!(nothing_more, Err(TooFew { received: 1, wanted: 2 }));
}

#[tokio::test]
async fn the_relay_refuses_at_the_port_the_greeting_and_the_sender() {
    let receiver = receiver();
    for (fault, permanent) in
        [(SmtpFault::Greeting { code: 554 }, true), (SmtpFault::Sender { code: 451 }, false)]
    {
        receiver.apply(fault.clone());
        let error = sender(&receiver).send(mail(&["duty@standin.example"])).await.unwrap_err();
        assert_eq!(error.is_permanent(), permanent, "{fault:?}: {error}");
        receiver.clear();
    }
    receiver.apply(SmtpFault::RefuseConnection);
    let mut refused = false;
    for _ in 0..100 {
        refused = refused || tokio::net::TcpStream::connect(receiver.addr()).await.is_err();
    }
    assert!(refused);
    receiver.clear();
    let mut taken = false;
    for _ in 0..100 {
        taken = taken || sender(&receiver).send(mail(&["duty@standin.example"])).await.is_ok();
        if taken {
            break;
        }
    }
    assert!(taken);
}

#[tokio::test]
async fn a_slow_relay_answers_late() {
    let receiver = receiver();
    receiver.apply(SmtpFault::Delay(Duration::from_millis(50)));
    let clock = Clock::system();
    sender(&receiver).send(mail(&["duty@standin.example"])).await.unwrap();
    // Greeting, EHLO, MAIL, RCPT, DATA and the end of it are six answers.
    assert!(clock.monotonic() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_webhook_is_recorded_whatever_it_is_answered() {
    let receiver = WebhookReceiver::start(ANYWHERE, Clock::system()).unwrap();
    let url = format!("http://{}/v2/enqueue?x=1", receiver.addr());
    let post = async |body: &'static str| {
        client_at(1).post(&url).header("x-signature", "s").body(body).send().await
    };
    assert_eq!(post("one").await.unwrap().status(), 200);
    receiver.answer(WebhookAnswer::Status(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(post("two").await.unwrap().status(), 429);
    receiver.answer(WebhookAnswer::Drop);
    assert!(post("three").await.is_err());
    let received = receiver.wait_for(3, SOON).await.unwrap();
    assert_eq!(received[0].uri.to_string(), "/v2/enqueue?x=1");
    assert_eq!(received[0].headers["x-signature"], "s");
    let bodies: Vec<&[u8]> = received.iter().map(|request| &*request.body).collect();
    assert_eq!(bodies, [&b"one"[..], b"two", b"three"]);
    receiver.shutdown().await;
}
