//! One HTTP exchange in every form, and against everything that can go wrong with it.

use std::io::Write;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use holdfast::clock::{Clock, Stopwatch};
use holdfast::config::probes;
use holdfast::domain::check::{Check, CheckKind, FailureReason, InconclusiveReason, Outcome};
use holdfast::probing::run::{Setting, run};
use holdfast::probing::tls::{Identity, Tls};
use holdfast::probing::values::Secrets;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Response, Version};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::server::{Authority, Certified, Seen, Server, by_hand};

/// A probe has this long; a test that waits for it waits no longer.
const TIMEOUT: Duration = Duration::from_millis(1_500);

fn tls() -> Tls {
    Tls::new(rustls::RootCertStore::empty(), None).unwrap()
}

/// Runs one probe with these steps, written as in a file.
async fn check(base_url: &str, networks: &str, tls: Tls, steps: &str) -> Check {
    let indented = steps.trim_start_matches('\n').replace('\n', "\n      ");
    let text = format!(
        "format: holdfast/probes/v1\ntarget: sample\ntitle: Sample\nbase_url: {base_url}\n\
         time_zone: Australia/Adelaide\nnetworks: {networks}\n\
         locations: [{{ id: here, title: Here }}]\n\
         cohorts: [{{ id: office, title: Office, head_count: 1, office: office, \
         locations: [here] }}]\nprobes:\n  - id: one\n    title: One\n    kind: journey\n    \
         weight: essential\n    interval: 30 s\n    timeout: {} ms\n    steps:\n      {}\n",
        TIMEOUT.as_millis(),
        indented.trim_end()
    );
    let target = probes::read("sample.yaml", &text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let clock = Clock::system();
    let setting = Setting {
        target: Arc::new(target),
        accounts: Secrets::default().into(),
        tls,
        clock: clock.clone(),
        browsers: crate::support::browsers(),
        writes: holdfast::probing::writes::Writes::never(),
        readings: holdfast::probing::readings::Readings::default(),
        elsewhere: Arc::default(),
    };
    let (probe, location) = (&setting.target.probes[0], &setting.target.locations[0]);
    run(&setting, probe, location, CheckKind::Slot, clock.now()).await
}

async fn get(base_url: &str, tls: Tls, request: &str) -> Check {
    check(base_url, "[127.0.0.0/8]", tls, &format!("- {{ id: get, http: {{ {request} }} }}")).await
}

fn said(text: &str) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from(text.to_owned())))
}

fn hello(_: &Seen) -> Response<Full<Bytes>> {
    said("hello")
}

#[track_caller]
fn assert_failed(check: &Check, reason: FailureReason, words: &str) {
    assert_eq!(check.outcome, Outcome::Failed(reason), "{:?}", check.evidence);
    let detail = &check.evidence.as_ref().unwrap().detail;
    assert!(detail.contains(words), "{detail}");
}

#[tokio::test]
async fn every_method_and_every_body_arrives_as_it_was_written() {
    let server = Server::start(hello, None).await;
    let base = format!("http://{}", server.address);
    for method in ["get", "head", "post", "put", "patch", "delete", "options"] {
        let check = get(&base, tls(), &format!("{method}: /{method}")).await;
        assert_eq!(check.outcome, Outcome::Passed, "{method}: {:?}", check.evidence);
        let line = server.requests().pop().unwrap().line;
        assert_eq!(line, format!("{} /{method}", method.to_uppercase()));
    }
    let steps = r#"
- { id: form, http: { post: /, query: { q: "ā b" }, form: { name: "Ngā & Tū" } } }
- { id: json, http: { put: /, json: { "id": "00123", "deep": [1, "${run.id}"] } } }
- { id: raw, http: { patch: /, headers: { X-Office: Ceduna }, raw: { content_type: text/csv, text: "a;b" } } }
- id: parts
  http:
    post: /
    multipart:
      - { name: 'what "it" is', text: a note }
      - { name: file, file_name: note.txt, content_type: text/plain, text: "synthetic" }
"#;
    let check = check(&base, "[127.0.0.0/8]", tls(), steps).await;
    assert_eq!(check.outcome, Outcome::Passed, "{:?}", check.evidence);
    let seen = server.requests().split_off(7);
    assert_eq!(seen[0].line, "POST /?q=%C4%81+b");
    assert_eq!(seen[0].body, "name=Ng%C4%81+%26+T%C5%AB");
    let json: serde_json::Value = serde_json::from_str(&seen[1].body).unwrap();
    assert_eq!((&json["id"], &json["deep"][0]), (&"00123".into(), &1.into()));
    let run_id = json["deep"][1].as_str().unwrap();
    assert_eq!((seen[2].headers["x-office"].to_str().unwrap(), &*seen[2].body), ("Ceduna", "a;b"));
    let kind = seen[3].headers["content-type"].to_str().unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let parts: Vec<&str> = seen[3].body.split(&format!("--{boundary}")).collect();
    assert_eq!((parts.len(), parts[3]), (4, "--\r\n"));
    assert!(parts[1].contains("name=\"what %22it%22 is\"\r\n\r\na note\r\n"), "{}", parts[1]);
    assert!(parts[2].contains("filename=\"note.txt\"\r\ncontent-type: text/plain"), "{}", parts[2]);
    for (index, request) in seen.iter().enumerate() {
        let trace: Vec<_> = request.headers["traceparent"].to_str().unwrap().split('-').collect();
        assert_eq!((trace[0], trace[1], trace[3]), ("00", run_id, "01"), "the run is the trace");
        let others = seen[..index].iter().map(|other| &other.headers["traceparent"]);
        assert!(!others.into_iter().any(|other| other == request.headers["traceparent"]));
        let agent = request.headers["user-agent"].to_str().unwrap();
        assert!(agent.starts_with("Holdfast-probe/"), "{agent}");
    }
}

/// `/0` leads to `/1`, that to `/2` and so on; `/loop` to itself.
fn onward(seen: &Seen) -> Response<Full<Bytes>> {
    let path = seen.line.split(' ').next_back().unwrap();
    let next = match path.trim_start_matches('/').parse::<u32>() {
        Ok(3) => return said("the end"),
        Ok(number) => format!("/{}", number + 1),
        Err(_) => path.to_owned(),
    };
    let response = Response::builder().status(302).header("location", next);
    response.header("set-cookie", "kept=yes; Path=/").body(Full::default()).unwrap()
}

#[tokio::test]
async fn every_redirect_is_a_hop_with_its_own_times_and_a_loop_ends() {
    let server = Server::start(onward, None).await;
    let base = format!("http://{}", server.address);
    let steps =
        "- { id: go, http: { get: /0, redirects: 3 }, expect: { text: { contains: end } } }";
    let followed = check(&base, "[127.0.0.0/8]", tls(), steps).await;
    assert_eq!(followed.outcome, Outcome::Passed, "{:?}", followed.evidence);
    assert_eq!(followed.steps.len(), 4, "a hop each");
    assert!(followed.steps[0].connect_us.is_some(), "the first hop connects");
    assert!(followed.steps[1..].iter().all(|hop| hop.connect_us.is_none()), "the others need not");
    assert!(followed.steps.iter().all(|hop| hop.first_byte_us.is_some() && hop.tls_us.is_none()));
    assert!(followed.steps.windows(2).all(|two| two[0].offset_us <= two[1].offset_us));
    let cookies = server.requests().iter().filter(|r| r.headers.contains_key("cookie")).count();
    assert_eq!(cookies, 3, "a cookie is kept from the first answer on");
    let looping = get(&base, tls(), "get: /loop, redirects: 5").await;
    assert_failed(&looping, FailureReason::Redirect, "more than 5 redirects were needed");
    let unasked = get(&base, tls(), "get: /0").await;
    assert_failed(&unasked, FailureReason::Status, "expected status 200, got 302");
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_and_one_can_be_insisted_on() {
    let authority = Authority::new();
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    let server = Server::start(hello, Some(authority.server("localhost", both, false))).await;
    let secure = format!("https://localhost:{}", server.address.port());
    let plain = Server::start(hello, None).await;
    let open = format!("http://{}", plain.address);
    let old = Server::start(hello, Some(authority.server("localhost", &[], false))).await;
    let tls = || Tls::new(authority.roots(), None).unwrap();
    for (base, server, request, version) in [
        (&secure, &server, "get: /", Version::HTTP_2),
        (&secure, &server, "get: /, version: '1.1'", Version::HTTP_11),
        (&secure, &server, "get: /, version: '2'", Version::HTTP_2),
        (&open, &plain, "get: /", Version::HTTP_11),
        (&open, &plain, "get: /, version: '2'", Version::HTTP_2),
    ] {
        let check = get(base, tls(), request).await;
        assert_eq!(check.outcome, Outcome::Passed, "{base} {request}: {:?}", check.evidence);
        assert_eq!(server.requests().pop().unwrap().version, version, "{base} {request}");
        assert_eq!(check.steps[0].tls_us.is_some(), base.starts_with("https"));
    }
    let base = format!("https://localhost:{}", old.address.port());
    let check = get(&base, tls(), "get: /, version: '2'").await;
    assert_failed(&check, FailureReason::Protocol, "does not speak the version");
}

#[tokio::test]
async fn an_authority_and_a_certificate_of_our_own_are_used() {
    let authority = Authority::new();
    let server = Server::start(hello, Some(authority.server("localhost", &[], true))).await;
    let base = format!("https://localhost:{}", server.address.port());
    let Certified { certificate, key, .. } = authority.certify("prober.example.org");
    let identity = Identity { chain: vec![certificate], key };
    let known = Tls::new(authority.roots(), Some(identity)).unwrap();
    let check = get(&base, known, "get: /").await;
    assert_eq!(check.outcome, Outcome::Passed, "{:?}", check.evidence);
    let unknown = get(&base, Tls::new(authority.roots(), None).unwrap(), "get: /").await;
    assert_failed(&unknown, FailureReason::Tls, "the server ended TLS: CertificateRequired");
    let nobody = get(&base, tls(), "get: /").await;
    assert_eq!(nobody.outcome, Outcome::Inconclusive(InconclusiveReason::Prober));
    let detail = nobody.evidence.unwrap().detail;
    assert!(detail.contains("no certificate is trusted on this machine"), "{detail}");
    let by_address = format!("https://{}", server.address);
    let misnamed = get(&by_address, Tls::new(authority.roots(), None).unwrap(), "get: /").await;
    assert_failed(&misnamed, FailureReason::Tls, "the server's certificate is not for '127.0.0.1'");
}

/// Reads a request's head and leaves the rest to the test.
async fn head(stream: &mut TcpStream) {
    let mut text = Vec::new();
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut more = [0; 1_024];
        match stream.read(&mut more).await {
            Ok(length) if length > 0 => text.extend_from_slice(&more[..length]),
            _ => return,
        }
    }
}

async fn endless_body(mut stream: TcpStream) {
    head(&mut stream).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
    while stream.write_all(&[b'a'; 65_536]).await.is_ok() {}
}

async fn slow_drip(mut stream: TcpStream) {
    head(&mut stream).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
    while stream.write_all(b"a").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// 16 MiB of nothing, packed; small on the way.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&vec![0; 16 * 1024 * 1024]).unwrap();
    packed.finish().unwrap()
});

async fn bomb(mut stream: TcpStream) {
    head(&mut stream).await;
    let length = BOMB.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&BOMB).await;
}

async fn huge_headers(mut stream: TcpStream) {
    head(&mut stream).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
    while stream.write_all(format!("x-a: {}\r\n", "a".repeat(8_000)).as_bytes()).await.is_ok() {}
}

async fn silence(mut stream: TcpStream) {
    let mut more = [0; 1_024];
    while matches!(stream.read(&mut more).await, Ok(length) if length > 0) {}
}

async fn gibberish(mut stream: TcpStream) {
    let _ = stream.write_all(b"220 mail.example.org ESMTP\r\n").await;
    silence(stream).await;
}

async fn half_an_answer(mut stream: TcpStream) {
    head(&mut stream).await;
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nabc").await;
}

/// Each ends in a named failure within its deadline.
#[tokio::test]
async fn nothing_a_server_does_keeps_a_probe_for_ever() {
    use FailureReason::{Protocol, Reset, Timeout, TooLarge};
    let http = "http";
    // Packing it takes longer than the probe waits.
    assert!(BOMB.len() < 200_000, "{}", BOMB.len());
    for (address, scheme, reason, words) in [
        (by_hand(endless_body).await, http, TooLarge, "larger than 4194304 bytes"),
        (by_hand(slow_drip).await, http, Timeout, "the answer did not end within 1500 ms"),
        (by_hand(bomb).await, http, TooLarge, "unpacks to more than 4194304 bytes"),
        (by_hand(huge_headers).await, http, TooLarge, "headers are larger than 65536 bytes"),
        (by_hand(silence).await, http, Timeout, "no answer came within 1500 ms"),
        (by_hand(silence).await, "https", Timeout, "TLS was not agreed on within 1500 ms"),
        (by_hand(gibberish).await, http, Protocol, "not HTTP"),
        (by_hand(half_an_answer).await, http, Reset, "cut"),
    ] {
        let watch = Stopwatch::start();
        let check = get(&format!("{scheme}://{address}"), tls(), "get: /").await;
        assert_failed(&check, reason, words);
        assert_eq!(check.evidence.as_ref().unwrap().step.as_ref().unwrap().as_str(), "get");
        assert_eq!(check.steps.len(), 1, "the hop that was cut short is on record: {words}");
        assert!(check.steps[0].connect_us.is_some(), "{words}");
        // Wide: a machine under load. What matters is that it ended by itself.
        assert!(watch.elapsed() < TIMEOUT * 4, "{words}: {:?}", watch.elapsed());
    }
}

#[tokio::test]
async fn a_connection_that_nobody_answers_says_so() {
    // A queue of one that is full: the next connection's first packet is dropped.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let check = get(&format!("http://{address}"), tls(), "get: /").await;
    assert_failed(&check, FailureReason::ConnectTimeout, "nothing answered the connection");
}

/// However an address is spelt, a probe goes only where its target's networks allow.
#[tokio::test]
async fn no_spelling_of_an_address_leads_a_probe_astray() {
    let server = Server::start(hello, None).await;
    let port = server.address.port();
    let everywhere = "['0.0.0.0/0', '::/0']";
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[::1]",
        "0.0.0.0",
        "localhost",
        "169.254.169.254",
    ] {
        let check = check(
            &format!("http://{host}:{port}"),
            everywhere,
            tls(),
            "- { id: get, http: { get: / } }",
        )
        .await;
        assert_failed(&check, FailureReason::Redirect, "outside the target's networks");
    }
    assert!(server.requests().is_empty(), "nobody was spoken to");
}

fn astray(_: &Seen) -> Response<Full<Bytes>> {
    let response = Response::builder().status(302);
    response.header("location", "http://127.9.9.9:1/").body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_redirect_is_looked_at_as_the_first_address_is() {
    let server = Server::start(astray, None).await;
    let base = format!("http://{}", server.address);
    let steps = "- { id: get, http: { get: /, redirects: 2 } }";
    let check = check(&base, "[127.0.0.1/32]", tls(), steps).await;
    assert_failed(&check, FailureReason::Redirect, "outside the target's networks");
    assert_eq!(check.evidence.unwrap().address.as_deref(), Some("127.9.9.9"));
}
