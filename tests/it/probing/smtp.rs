//! Steps of SMTP against a real mail server with STARTTLS (aiosmtpd).

use holdfast::domain::check::{FailureReason, InconclusiveReason, Outcome};

use super::programs::{Program, certificate_files, folder, with_the_test};
use super::rig::Rig;
use crate::support::free_address;
use crate::support::server::Authority;

/// Takes mail for nobody but `postmaster@localhost`, and notes what was delivered.
const SERVER: &str = r#"
import asyncio, ssl, sys
from aiosmtpd.smtp import SMTP

port, certificate, key, delivered = sys.argv[1:]

class Desk:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address != "postmaster@localhost":
            return "550 5.1.1 no such Synthetic-Person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        open(delivered, "a").write("mail\n")
        return "250 OK"

context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)

async def serve():
    make = lambda: SMTP(Desk(), tls_context=context, data_size_limit=10240000)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(make, "127.0.0.1", int(port))
    await server.serve_forever()

asyncio.run(serve())
"#;

/// A mail server with a certificate for that name.
pub async fn mail_server(authority: &Authority, name: &str) -> Program {
    let folder = folder();
    let (certificate, key) = certificate_files(folder.path(), &authority.certify(name));
    let address = free_address();
    let mut command = with_the_test("/usr/bin/python3");
    command.args(["-c", SERVER, &address.port().to_string()]).arg(certificate).arg(key);
    command.arg(folder.path().join("delivered"));
    Program::start(command, address, folder).await
}

#[tokio::test]
async fn a_mail_server_is_asked_over_tls_and_no_mail_is_left() {
    let authority = Authority::new();
    let server = mail_server(&authority, "localhost").await;
    let port = server.address.port();
    let rig = Rig::trusting(&authority);
    let check = rig
        .passes(&format!(
            "
- id: mail
  smtp: {{ host: localhost, port: {port}, ehlo: probe.example, mail_from: probe@example.gov, rcpt_to: postmaster@localhost }}
  expect: {{ code: [250], capabilities: [SIZE, 8BITMIME], days_left: {{ at_least: 21 }}, within: 5 s }}
"
        ))
        .await;
    let step = &check.steps[0];
    assert!(step.dns_us.is_some() && step.connect_us.is_some() && step.tls_us.is_some());
    assert!(!server.folder.path().join("delivered").exists(), "nothing is delivered");

    let refused = format!(
        "- id: mail\n  smtp: {{ host: localhost, port: {port}, mail_from: a@b.example, \
         rcpt_to: someone@localhost }}"
    );
    let words = "expected the reply code to be 250, got 550";
    let check = rig.fails(&refused, FailureReason::Status, words).await;
    assert!(!check.evidence.unwrap().detail.contains("Synthetic"), "answers are not quoted");
    rig.passes(&format!("{refused}\n  expect: {{ code: [550] }}")).await;
    let clear = format!("- {{ id: mail, smtp: {{ port: {port}, starttls: none }} }}");
    rig.passes(&clear).await;
    let more = format!("{refused}\n  expect: {{ code: [550], capabilities: [DSN] }}");
    rig.fails(&more, FailureReason::Content, "expected the capabilities to match").await;
}

#[tokio::test]
async fn a_mail_server_that_cannot_be_trusted_is_told() {
    let authority = Authority::new();
    let server = mail_server(&authority, "elsewhere.example").await;
    let step = format!("- {{ id: mail, smtp: {{ port: {} }} }}", server.address.port());
    let words = "the server's certificate is not for '127.0.0.1'";
    Rig::trusting(&authority).fails(&step, FailureReason::Tls, words).await;
    let nobody = Outcome::Inconclusive(InconclusiveReason::Prober);
    Rig::new().ends(&step, nobody, "no certificate is trusted on this machine").await;
}
