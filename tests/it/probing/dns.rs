//! Steps of DNS against a real name server (Unbound), over UDP, TCP and TLS.

use holdfast::domain::check::FailureReason;

use super::programs::{Program, certificate_files, folder, free_port, with_the_test};
use super::rig::Rig;
use crate::support::free_address;
use crate::support::server::Authority;

/// A name server that knows one zone, on a port of its own, and over TLS on another.
async fn name_server(authority: &Authority) -> (Program, u16) {
    let folder = folder();
    let (certificate, key) = certificate_files(folder.path(), &authority.certify("ns.example.gov"));
    let (address, tls_port) = (free_address(), free_port());
    let port = address.port();
    let long = format!("\"{}\"", "x".repeat(200));
    let many: String =
        (0..20).map(|n| format!("local-data: 'many.example.gov. TXT \"{n}\" {long}'\n")).collect();
    let (certificate, key) = (certificate.display(), key.display());
    let text = format!(
        r#"
server:
    interface: 127.0.0.1@{port}
    interface: 127.0.0.1@{tls_port}
    tls-port: {tls_port}
    tls-service-pem: "{certificate}"
    tls-service-key: "{key}"
    username: ""
    chroot: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-ip6: no
    module-config: "iterator"
    local-zone: "." static
    local-zone: "refused.example." refuse
    local-zone: "example.gov." static
    local-data: "example.gov. SOA ns.example.gov. hostmaster.example.gov. 7 3600 900 604800 300"
    local-data: "example.gov. NS ns.example.gov."
    local-data: "example.gov. MX 10 mail.example.gov."
    local-data: "c3ms.example.gov. A 10.1.2.3"
    local-data: "c3ms.example.gov. A 10.1.2.4"
    local-data: "c3ms.example.gov. AAAA fd00::3"
    local-data: "www.example.gov. CNAME c3ms.example.gov."
    local-data: 'note.example.gov. TXT "v=spf1 -all"'
    local-data: "_sip._tcp.example.gov. SRV 1 2 5060 c3ms.example.gov."
    local-data-ptr: "10.1.2.3 C3MS.example.gov"
    {many}
remote-control:
    control-enable: no
"#
    );
    let config = folder.path().join("unbound.conf");
    std::fs::write(&config, text).unwrap();
    let mut command = with_the_test("/usr/sbin/unbound");
    command.arg("-d").arg("-c").arg(config);
    (Program::start(command, address, folder).await, tls_port)
}

fn step(port: u16, question: &str, expect: &str) -> String {
    format!("- id: ask\n  dns: {{ {question}, server: '127.0.0.1:{port}' }}\n  expect: {expect}")
}

#[tokio::test]
async fn every_type_of_record_is_asked_for_and_compared() {
    let (server, _) = name_server(&Authority::new()).await;
    let port = server.address.port();
    let rig = Rig::new();
    for (question, expect) in [
        ("name: c3ms.example.gov, record: A", "{ answers: { equals: [10.1.2.4, 10.1.2.3] } }"),
        ("name: c3ms.example.gov, record: A", "{ answers: { contains: [10.1.2.3] } }"),
        ("name: c3ms.example.gov, record: AAAA", "{ answers: { equals: ['fd00::3'] } }"),
        ("name: www.example.gov, record: CNAME", "{ answers: { equals: [c3ms.example.gov] } }"),
        ("name: example.gov, record: MX", "{ answers: { equals: [10 mail.example.gov] } }"),
        ("name: note.example.gov, record: TXT", "{ answers: { equals: [v=spf1 -all] } }"),
        (
            "name: _sip._tcp.example.gov, record: SRV",
            "{ answers: { equals: [1 2 5060 c3ms.example.gov] } }",
        ),
        ("name: example.gov, record: NS", "{ answers: { equals: [ns.example.gov] } }"),
        ("name: example.gov, record: SOA", "{ answers: { matches: ' 7 3600 900 604800 300$' } }"),
        ("name: 10.1.2.3, record: PTR", "{ answers: { equals: [c3ms.example.gov] } }"),
        ("name: gone.example.gov, record: A", "{ rcode: NXDOMAIN, count: { at_most: 0 } }"),
        ("name: c3ms.example.gov, record: A, transport: tcp", "{ count: { at_least: 2 } }"),
    ] {
        let check = rig.passes(&step(port, question, expect)).await;
        assert!(check.steps[0].first_byte_us.is_some(), "{question}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_asked_for_again_over_tcp() {
    let (server, _) = name_server(&Authority::new()).await;
    let question = "name: many.example.gov, record: TXT";
    let expect = "{ count: { at_least: 20 } }";
    let check = Rig::new().passes(&step(server.address.port(), question, expect)).await;
    assert_eq!(check.steps.len(), 2, "UDP, then TCP");
    assert!(check.steps[1].connect_us.is_some());
}

#[tokio::test]
async fn a_name_server_is_asked_over_tls_and_must_be_who_it_says() {
    let authority = Authority::new();
    let (_server, tls_port) = name_server(&authority).await;
    let rig = Rig::trusting(&authority);
    let question = |name: &str| {
        format!("name: c3ms.example.gov, record: A, transport: tls, server_name: {name}")
    };
    let expect = "{ count: { at_least: 2 }, within: 5 s }";
    let check = rig.passes(&step(tls_port, &question("ns.example.gov"), expect)).await;
    assert!(check.steps[0].tls_us.is_some());
    let wrong = step(tls_port, &question("other.example"), expect);
    rig.fails(&wrong, FailureReason::Tls, "is not for 'other.example'").await;
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_is_told_by_code_and_count() {
    let (server, _) = name_server(&Authority::new()).await;
    let port = server.address.port();
    let rig = Rig::new();
    let gone = step(port, "name: gone.example.gov, record: A", "{ within: 5 s }");
    let words = "expected the response code to be NOERROR, got NXDOMAIN";
    rig.fails(&gone, FailureReason::Dns, words).await;
    let refused = step(port, "name: a.refused.example, record: A", "{ within: 5 s }");
    rig.fails(&refused, FailureReason::Dns, "got REFUSED").await;
    let c3ms = "name: c3ms.example.gov, record: A";
    let other = step(port, c3ms, "{ answers: { equals: [10.1.2.3] } }");
    let words = "the 2 answers are not the 1 expected";
    let check = rig.fails(&other, FailureReason::Content, words).await;
    assert!(!check.evidence.unwrap().detail.contains("10.1.2"), "answers are not quoted");
    let few = step(port, c3ms, "{ count: { at_least: 3 } }");
    rig.fails(&few, FailureReason::Content, "to be at least 3, got 2").await;
    let nobody = step(free_port(), c3ms, "{ within: 5 s }");
    rig.fails(&nobody, FailureReason::Refused, "no name server listens there").await;
    let kept = format!(
        "- id: find\n  dns: {{ name: example.gov, record: NS, server: '127.0.0.1:{port}' }}\n  \
         capture: {{ ns: {{ answer: first }} }}\n{}",
        step(port, "name: example.gov, record: NS", "{ answers: { equals: [\"${ns}\"] } }")
    );
    rig.passes(&kept).await;
}
