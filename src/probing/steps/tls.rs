//! A handshake that shows a server's certificates, after STARTTLS where it takes one.

use tokio::net::TcpStream;

use super::conversation::Conversation;
use super::handshake::{secure, show};
use super::smtp;
use super::{Bearings, Fault, Findings, Hop};
use crate::domain::check::{FailureReason, Phase};
use crate::domain::step::{StartTls, TlsHandshake};

/// "SSLRequest": its length, and a code that no version of the protocol has.
const POSTGRES_SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Connects and shakes hands.
///
/// # Errors
/// A [`Fault`] that says which certificate is wrong, or how far it came.
pub async fn look(
    bearings: &Bearings<'_>,
    tls: &TlsHandshake,
    hops: &mut Vec<Hop>,
) -> Result<Findings, Fault> {
    let hop = bearings.hop(hops);
    let (host, port) = bearings.place(&tls.server);
    let connected = bearings.reach.connect(host, port, hop).await?;
    let address = connected.address;
    let name = tls.server_name.as_deref().unwrap_or(host);
    let shaking = async {
        let stream = match tls.start_tls {
            None => connected.stream,
            Some(protocol) => ask(protocol, connected.stream, hop).await?,
        };
        hop.begin(Phase::Tls);
        secure(stream, name, &bearings.tls.plain).await
    };
    let secured = shaking.await.map_err(|fault| fault.at(address))?;
    hop.finish();
    let mut findings = Findings::at(address);
    show(&secured, bearings.clock.now(), &mut findings);
    Ok(findings)
}

/// Asks the server to turn to TLS.
async fn ask(protocol: StartTls, stream: TcpStream, hop: &mut Hop) -> Result<TcpStream, Fault> {
    let refused = || Fault::failed(FailureReason::Protocol, "the server does not turn to TLS");
    let hello = smtp::literal(&stream);
    let mut conversation = Conversation::over(stream, hop);
    match protocol {
        StartTls::Smtp => {
            smtp::greet(&mut conversation, &hello, hop).await?;
            smtp::start_tls(&mut conversation, hop).await?;
        }
        StartTls::Imap => {
            conversation.line(hop).await?;
            conversation.say(b"a1 STARTTLS\r\n").await?;
            // Untagged lines may come before the answer.
            loop {
                let line = conversation.line(hop).await?;
                match line.strip_prefix("a1 ") {
                    Some(answer) if answer.starts_with("OK") => break,
                    Some(_) => return Err(refused()),
                    None => {}
                }
            }
        }
        StartTls::Postgres => {
            conversation.say(&POSTGRES_SSL_REQUEST).await?;
            if conversation.exactly(1, hop).await? != b"S" {
                return Err(refused());
            }
        }
    }
    conversation.into_stream()
}
