//! A handshake that shows a server's certificates, after STARTTLS where it takes one.

use tokio::net::TcpStream;

use super::conversation::Conversation;
use super::handshake::secure;
use super::http::Hop;
use super::lap::Lap;
use super::smtp;
use super::{Bearings, Fault, Findings};
use crate::domain::check::FailureReason;
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
    let mut lap = Lap::begin(hops, bearings.run);
    let (host, port) = bearings.place(&tls.server);
    let connected = bearings.reach.connect(host, port).await?;
    lap.connected(&connected);
    let address = connected.address;
    let name = tls.server_name.as_deref().unwrap_or(host);
    let shaking = async {
        let stream = match tls.start_tls {
            None => connected.stream,
            Some(protocol) => ask(protocol, connected.stream, &mut lap).await?,
        };
        lap.securing();
        secure(stream, name, bearings.trust, bearings.clock).await
    };
    let secured = shaking.await.map_err(|fault| fault.at(address))?;
    lap.secured();
    let mut findings = Findings::at(address);
    secured.shown.add_to(&mut findings);
    Ok(findings)
}

/// Asks the server to turn to TLS.
async fn ask(protocol: StartTls, stream: TcpStream, lap: &mut Lap<'_>) -> Result<TcpStream, Fault> {
    let refused = || Fault::failed(FailureReason::Protocol, "the server does not turn to TLS");
    let hello = smtp::literal(&stream);
    let mut conversation = Conversation::new(stream);
    match protocol {
        StartTls::Smtp => {
            smtp::greet(&mut conversation, &hello, lap).await?;
            smtp::start_tls(&mut conversation, lap).await?;
        }
        StartTls::Imap => {
            conversation.line(lap).await?;
            conversation.say(b"a1 STARTTLS\r\n").await?;
            // Untagged lines may come before the answer.
            loop {
                let line = conversation.line(lap).await?;
                match line.strip_prefix("a1 ") {
                    Some(answer) if answer.starts_with("OK") => break,
                    Some(_) => return Err(refused()),
                    None => {}
                }
            }
        }
        StartTls::Postgres => {
            conversation.say(&POSTGRES_SSL_REQUEST).await?;
            if conversation.exactly(1, lap).await? != b"S" {
                return Err(refused());
            }
        }
    }
    conversation.into_stream()
}
