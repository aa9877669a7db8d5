//! Steps of TLS against servers with every kind of certificate.

use std::net::SocketAddr;
use std::sync::Arc;

use holdfast::clock::Clock;
use holdfast::domain::check::FailureReason;
use jiff::ToSpan;
use jiff::civil::Date;
use rustls::pki_types::CertificateDer;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

use super::rig::Rig;
use super::smtp::mail_server;
use super::sql::postgres;
use crate::support::server::{Authority, Certified, by_hand};

/// A server that shakes hands and says nothing.
async fn server(
    certified: Certified,
    issuers: Vec<CertificateDer<'static>>,
    versions: &[&'static SupportedProtocolVersion],
) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = std::iter::once(certified.certificate).chain(issuers).collect();
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, certified.key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    by_hand(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let _ = acceptor.accept(stream).await;
        }
    })
    .await
}

fn today() -> Date {
    Clock::system().now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

fn step(at: SocketAddr, expect: &str) -> String {
    let port = at.port();
    format!("- id: look\n  tls: {{ port: {port}, server_name: c3ms.example }}\n  expect: {expect}")
}

const NOTHING_MORE: &str = "{ within: 5 s }";

#[tokio::test]
async fn a_valid_chain_passes_and_what_it_shows_can_be_expected() {
    let authority = Authority::new();
    let soon = today() + 30.days();
    let certified = authority.certify_between("c3ms.example", today() - 9.days(), soon);
    let at = server(certified, Vec::new(), rustls::ALL_VERSIONS).await;
    let rig = Rig::trusting(&authority);
    let all = "{ days_left: { at_least: 21 }, san: c3ms.example, protocol: [TLSv1.3] }";
    let check = rig.passes(&step(at, all)).await;
    assert!(check.steps[0].tls_us.is_some());
    let more = "{ days_left: { at_least: 31 } }";
    let words = "expected the days left of the certificates to be at least 31, got 29";
    rig.fails(&step(at, more), FailureReason::Tls, words).await;
    let other = "{ san: care.example }";
    rig.fails(&step(at, other), FailureReason::Tls, "to be 'care.example'").await;
}

#[tokio::test]
async fn the_certificate_of_the_chain_that_ends_first_counts() {
    let authority = Authority::new();
    let deputy = authority.deputy(today() + 5.days());
    let issuers = vec![deputy.certificate()];
    let at = server(deputy.certify("c3ms.example"), issuers, rustls::ALL_VERSIONS).await;
    let rig = Rig::trusting(&authority);
    rig.passes(&step(at, "{ days_left: { at_most: 5 } }")).await;

    let ended = authority.deputy(today() - 2.days());
    let day = today() - 2.days();
    let issuers = vec![ended.certificate()];
    let at = server(ended.certify("c3ms.example"), issuers, rustls::ALL_VERSIONS).await;
    let words = format!("certificate 2 of 2 in the chain is valid from 1975-01-01 to {day} only");
    rig.fails(&step(at, NOTHING_MORE), FailureReason::Tls, &words).await;
}

#[tokio::test]
async fn a_wrong_certificate_is_told_with_its_reason() {
    let authority = Authority::new();
    let rig = Rig::trusting(&authority);
    let all = rustls::ALL_VERSIONS;
    let (from, until) = (today() - 60.days(), today() - 1.day());
    let expired = authority.certify_between("c3ms.example", from, until);
    let at = server(expired, Vec::new(), all).await;
    let words = format!("the server's own certificate is valid from {from} to {until} only");
    rig.fails(&step(at, NOTHING_MORE), FailureReason::Tls, &words).await;

    let early = authority.certify_between("c3ms.example", today() + 2.days(), today() + 9.days());
    let at = server(early, Vec::new(), all).await;
    rig.fails(&step(at, NOTHING_MORE), FailureReason::Tls, "the server's own certificate").await;

    let at = server(authority.certify("care.example"), Vec::new(), all).await;
    let words = "the server's certificate is not for 'c3ms.example'";
    rig.fails(&step(at, NOTHING_MORE), FailureReason::Tls, words).await;

    let at = server(Authority::new().certify("c3ms.example"), Vec::new(), all).await;
    let stranger = rig.check(&step(at, NOTHING_MORE)).await;
    let detail = stranger.evidence.unwrap().detail;
    let known = ["nobody trusted here signed", "the server's certificate is not valid"];
    assert!(known.iter().any(|words| detail.contains(words)), "{detail}");

    let at =
        server(authority.certify("c3ms.example"), Vec::new(), &[&rustls::version::TLS12]).await;
    let words = "expected the version of TLS to be TLSv1.3, got TLSv1.2";
    rig.fails(&step(at, "{ protocol: [TLSv1.3] }"), FailureReason::Tls, words).await;
    rig.passes(&step(at, "{ protocol: [TLSv1.2, TLSv1.3] }")).await;
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_told() {
    let rig = Rig::trusting(&Authority::new());
    let at = by_hand(|mut stream| async move {
        use tokio::io::AsyncWriteExt;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        std::future::pending::<()>().await;
    })
    .await;
    let words = "the server answered with something else than TLS";
    rig.fails(&step(at, NOTHING_MORE), FailureReason::Tls, words).await;
}

#[tokio::test]
async fn tls_is_asked_for_where_a_protocol_begins_in_the_clear() {
    let authority = Authority::new();
    let rig = Rig::trusting(&authority);
    let mail = mail_server(&authority, "localhost").await;
    let database = postgres(&authority).await;
    for (protocol, port) in [("smtp", mail.address.port()), ("postgres", database.address.port())] {
        let step = format!(
            "- {{ id: ask, tls: {{ host: localhost, port: {port}, starttls: {protocol} }}, \
             expect: {{ days_left: {{ at_least: 21 }}, san: localhost }} }}"
        );
        let check = rig.passes(&step).await;
        assert!(check.steps[0].tls_us.is_some(), "{protocol}");
    }
    // IMAP, as RFC 9051 has it, on a server that greets, grants and shakes hands.
    let config = Arc::new(authority.server("localhost", &[], false));
    let at = by_hand(move |stream| imap(stream, TlsAcceptor::from(Arc::clone(&config)))).await;
    let step = "- { id: ask, tls: { host: localhost, port: PORT, starttls: imap } }";
    rig.passes(&step.replace("PORT", &at.port().to_string())).await;
}

async fn imap(stream: tokio::net::TcpStream, acceptor: TlsAcceptor) {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK ready\r\n").await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    assert_eq!(line, "a1 STARTTLS\r\n");
    stream.write_all(b"* CAPABILITY IMAP4rev2\r\na1 OK begin\r\n").await.unwrap();
    let _ = acceptor.accept(stream.into_inner()).await;
}
