//! A conversation with a mail server, as far as a mail's envelope and never further (RFC 5321).

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::conversation::Conversation;
use super::handshake::{secure, show};
use super::{Bearings, Fault, Findings, Hop};
use crate::domain::check::{FailureReason, Phase};
use crate::domain::step::{Fact, MailEnvelope, SmtpDialogue};

/// An answer: its code and the text of each of its lines.
#[derive(Debug)]
struct Reply {
    code: u16,
    lines: Vec<String>,
}

/// Holds the conversation and takes back what it offered.
///
/// # Errors
/// A [`Fault`] that names the command that was not answered, or answered with an unexpected code
/// where there was no going on.
pub async fn converse(
    bearings: &Bearings<'_>,
    smtp: &SmtpDialogue,
    hops: &mut Vec<Hop>,
) -> Result<Findings, Fault> {
    let hop = bearings.hop(hops);
    let (host, port) = bearings.place(&smtp.server);
    let connected = bearings.reach.connect(host, port, hop).await?;
    let address = connected.address;
    let hello = smtp.hello.clone().unwrap_or_else(|| literal(&connected.stream));
    let mut findings = Findings::at(address);
    let talking = async {
        let mut clear = Conversation::over(connected.stream, hop);
        let announced = greet(&mut clear, &hello, hop).await?;
        if !smtp.encrypted {
            return offer(clear, announced, smtp.envelope.as_ref(), hop, &mut findings).await;
        }
        start_tls(&mut clear, hop).await?;
        let name = smtp.server_name.as_deref().unwrap_or(host);
        hop.begin(Phase::Tls);
        let secured = secure(clear.into_stream()?, name, &bearings.tls.plain).await?;
        hop.finish();
        show(&secured, bearings.clock.now(), &mut findings);
        // What was announced in the clear may have been anybody's; RFC 3207 says to ask again.
        let mut sealed = Conversation::over(secured, hop);
        let announced = ehlo(&mut sealed, &hello, hop).await?;
        offer(sealed, announced, smtp.envelope.as_ref(), hop, &mut findings).await
    };
    talking.await.map_err(|fault| fault.at(address))?;
    Ok(findings)
}

/// Waits for the greeting and answers it.
///
/// # Errors
/// When the server turns us away.
pub async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    conversation: &mut Conversation<S>,
    hello: &str,
    hop: &mut Hop,
) -> Result<Vec<String>, Fault> {
    expect(&reply(conversation, hop).await?, 220, "the greeting")?;
    ehlo(conversation, hello, hop).await
}

/// Asks for TLS.
///
/// # Errors
/// When the server does not offer it.
pub async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(
    conversation: &mut Conversation<S>,
    hop: &mut Hop,
) -> Result<(), Fault> {
    expect(&command(conversation, "STARTTLS", hop).await?, 220, "STARTTLS")
}

/// This end of the connection as an address literal, for want of a name.
#[must_use]
pub fn literal(stream: &TcpStream) -> String {
    match stream.local_addr().map(|address| address.ip()) {
        Ok(std::net::IpAddr::V4(four)) => format!("[{four}]"),
        Ok(std::net::IpAddr::V6(six)) => format!("[IPv6:{six}]"),
        Err(_) => "[127.0.0.1]".to_owned(),
    }
}

/// Offers the envelope, as far as it is accepted, and takes it back.
async fn offer<S: AsyncRead + AsyncWrite + Unpin>(
    mut conversation: Conversation<S>,
    announced: Vec<String>,
    envelope: Option<&MailEnvelope>,
    hop: &mut Hop,
    findings: &mut Findings,
) -> Result<(), Fault> {
    for word in announced {
        findings.add(Fact::Capability, word);
    }
    let mut code = 250;
    if let Some(MailEnvelope { from, to }) = envelope {
        code = command(&mut conversation, &format!("MAIL FROM:<{from}>"), hop).await?.code;
        if let (250, Some(to)) = (code, to) {
            code = command(&mut conversation, &format!("RCPT TO:<{to}>"), hop).await?.code;
        }
        expect(&command(&mut conversation, "RSET", hop).await?, 250, "RSET")?;
    }
    findings.add(Fact::ReplyCode, code);
    // Some servers hang up at once, which is as good an answer.
    let _ = command(&mut conversation, "QUIT", hop).await;
    Ok(())
}

async fn ehlo<S: AsyncRead + AsyncWrite + Unpin>(
    conversation: &mut Conversation<S>,
    hello: &str,
    hop: &mut Hop,
) -> Result<Vec<String>, Fault> {
    let reply = command(conversation, &format!("EHLO {hello}"), hop).await?;
    expect(&reply, 250, "EHLO")?;
    // The first line is a greeting; each one after it is a capability.
    Ok(reply.lines.into_iter().skip(1).collect())
}

async fn command<S: AsyncRead + AsyncWrite + Unpin>(
    conversation: &mut Conversation<S>,
    words: &str,
    hop: &mut Hop,
) -> Result<Reply, Fault> {
    conversation.say(format!("{words}\r\n").as_bytes()).await?;
    reply(conversation, hop).await
}

/// Reads one answer: lines of `250-text`, the last one `250 text`.
async fn reply<S: AsyncRead + AsyncWrite + Unpin>(
    conversation: &mut Conversation<S>,
    hop: &mut Hop,
) -> Result<Reply, Fault> {
    let mut lines = Vec::new();
    loop {
        let line = conversation.line(hop).await?;
        let code = line.get(..3).and_then(|code| code.parse().ok());
        let Some(code) = code.filter(|code| (200..600).contains(code)) else {
            return Err(Fault::failed(FailureReason::Protocol, "the answer was not SMTP"));
        };
        lines.push(line.get(4..).unwrap_or_default().to_owned());
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(Reply { code, lines });
        }
    }
}

fn expect(reply: &Reply, code: u16, what: &str) -> Result<(), Fault> {
    if reply.code == code {
        return Ok(());
    }
    let detail = format!("expected {what} to be answered with {code}, got {}", reply.code);
    Err(Fault::failed(FailureReason::Status, detail))
}
