//! One SMTP dialogue (RFC 5321), as far as a sender needs it.
//!
//! It answers EHLO, HELO, MAIL, RCPT, DATA, RSET, NOOP and QUIT; commands may be pipelined. It
//! keeps nothing itself.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::smtp::{Mailbox, ReceivedMail, SmtpFault};

/// A longer line is no command and no text a mail program wrote.
const MAX_LINE_BYTES: u64 = 4096;
/// Told in the answer to EHLO; a notice is a few kilobytes.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;
const MAX_RECIPIENTS: usize = 100;
/// RFC 5321 asks for five minutes; a sender that silent has gone.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(300);

/// Talks until the client quits, leaves or is dropped.
///
/// # Errors
/// When the connection breaks or a bound is exceeded.
pub(super) async fn converse(stream: TcpStream, mailbox: &Mailbox) -> io::Result<()> {
    let mut session =
        Session { stream: BufReader::new(stream), mailbox, from: None, to: Vec::new() };
    match fault_code(mailbox, |fault| match fault {
        SmtpFault::Greeting { code } => Some(*code),
        _ => None,
    }) {
        Some(code) => return session.say(&format!("{code} not now")).await,
        None => session.say("220 standin.example ESMTP for synthetic mail").await?,
    }
    loop {
        let Some(line) = session.line().await? else { return Ok(()) };
        if session.obey(line.trim_end()).await? == Next::Hangup {
            return Ok(());
        }
    }
}

/// The code of the first fault that `pick` chooses.
fn fault_code(mailbox: &Mailbox, pick: impl Fn(&SmtpFault) -> Option<u16>) -> Option<u16> {
    mailbox.faults().iter().find_map(pick)
}

#[derive(PartialEq, Eq)]
enum Next {
    Listen,
    Hangup,
}

struct Session<'a> {
    stream: BufReader<TcpStream>,
    mailbox: &'a Mailbox,
    from: Option<String>,
    to: Vec<String>,
}

impl Session<'_> {
    async fn obey(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                let size = format!("250 SIZE {MAX_MESSAGE_BYTES}");
                let lines = ["250-standin.example", "250-PIPELINING", "250-8BITMIME", &size];
                self.say(&lines.join("\r\n")).await?;
            }
            "HELO" => self.say("250 standin.example").await?,
            "MAIL" => self.mail(rest).await?,
            "RCPT" => self.rcpt(rest).await?,
            "DATA" => return self.data().await,
            "RSET" => {
                self.reset();
                self.say("250 forgotten").await?;
            }
            "NOOP" => self.say("250 yes").await?,
            "QUIT" => {
                self.say("221 goodbye").await?;
                return Ok(Next::Hangup);
            }
            _ => self.say("502 not known here").await?,
        }
        Ok(Next::Listen)
    }

    async fn mail(&mut self, rest: &str) -> io::Result<()> {
        let code = fault_code(self.mailbox, |fault| match fault {
            SmtpFault::Sender { code } => Some(*code),
            _ => None,
        });
        match (code, address(rest, "FROM:")) {
            (Some(code), _) => self.say(&format!("{code} not from you")).await,
            (None, None) => self.say("501 write MAIL FROM:<address>").await,
            (None, Some(from)) => {
                self.reset();
                self.from = Some(from);
                self.say("250 sender ok").await
            }
        }
    }

    async fn rcpt(&mut self, rest: &str) -> io::Result<()> {
        let Some(to) = address(rest, "TO:") else {
            return self.say("501 write RCPT TO:<address>").await;
        };
        if self.from.is_none() {
            return self.say("503 MAIL first").await;
        }
        if self.to.len() == MAX_RECIPIENTS {
            return self.say("452 too many recipients").await;
        }
        let code = fault_code(self.mailbox, |fault| match fault {
            SmtpFault::Recipient { address, code } if *address == to => Some(*code),
            _ => None,
        });
        if let Some(code) = code {
            return self.say(&format!("{code} not to {to}")).await;
        }
        self.to.push(to);
        self.say("250 recipient ok").await
    }

    async fn data(&mut self) -> io::Result<Next> {
        if self.to.is_empty() {
            self.say("503 RCPT first").await?;
            return Ok(Next::Listen);
        }
        self.say("354 go on, end with a single dot").await?;
        let Some(raw) = self.message().await? else { return Ok(Next::Hangup) };
        if raw.len() > MAX_MESSAGE_BYTES {
            self.reset();
            self.say("552 too long").await?;
            return Ok(Next::Listen);
        }
        let from = self.from.take().unwrap_or_default();
        let to = std::mem::take(&mut self.to);
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let mail = ReceivedMail::parse(from, to, &raw, self.mailbox.clock.now());
        let dropping = self.mailbox.faults().iter().find_map(|fault| match fault {
            SmtpFault::DropAfterData { kept } => Some(*kept),
            _ => None,
        });
        if dropping != Some(false) {
            self.mailbox.keep(mail, &raw).await;
        }
        if dropping.is_some() {
            return Ok(Next::Hangup);
        }
        self.say("250 taken").await?;
        Ok(Next::Listen)
    }

    /// The lines up to the single dot, dots undoubled; none when the client left before it. What
    /// is over the bound is read and forgotten.
    async fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut raw = Vec::new();
        while let Some(line) = self.line().await? {
            if line == ".\r\n" || line == ".\n" {
                return Ok(Some(raw));
            }
            if raw.len() <= MAX_MESSAGE_BYTES {
                raw.extend_from_slice(line.strip_prefix('.').unwrap_or(&line).as_bytes());
            }
        }
        Ok(None)
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    /// The next line with its end; none when the client has left.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.stream).take(MAX_LINE_BYTES);
        let reading = bounded.read_until(b'\n', &mut line);
        tokio::time::timeout(SILENCE_TIMEOUT, reading).await??;
        match line.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(String::from_utf8_lossy(&line).into_owned())),
            Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "line without an end")),
        }
    }

    async fn say(&mut self, answer: &str) -> io::Result<()> {
        for fault in self.mailbox.faults() {
            if let SmtpFault::Delay(delay) = fault {
                tokio::time::sleep(delay).await;
            }
        }
        self.stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }
}

/// The address in `FROM:<a@b> …`.
fn address(rest: &str, keyword: &str) -> Option<String> {
    let (head, tail) = rest.split_at_checked(keyword.len())?;
    let tail = head.eq_ignore_ascii_case(keyword).then_some(tail)?.trim_start();
    let (address, _) = tail.strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_stands_in_angle_brackets() {
        assert_eq!(address("FROM:<a@b.example> SIZE=1", "FROM:").as_deref(), Some("a@b.example"));
        assert_eq!(address("to: <a@b.example>", "TO:").as_deref(), Some("a@b.example"));
        assert_eq!(address("FROM:<>", "FROM:").as_deref(), Some(""));
        assert_eq!(address("TO:a@b.example", "TO:"), None);
        assert_eq!(address("ā", "TO:"), None);
    }
}
