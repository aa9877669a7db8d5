//! An SMTP receiver on loopback that keeps what arrives, and fails on demand.
//!
//! For synthetic mail only: it takes every recipient and delivers to nobody. With a folder it
//! writes each message as `.eml`, so that a person can read the mail that arrived. The dialogue
//! itself is in [`super::smtp_session`].

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::accept::Port;
use super::smtp_session;
use crate::clock::Clock;

/// After so many messages the oldest are forgotten (not their files).
const MAX_MESSAGES: usize = 10_000;

/// A message as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMail {
    pub envelope_from: String,
    pub envelope_to: Vec<String>,
    /// Unfolded, in the order they came, names as written.
    pub headers: Vec<(String, String)>,
    /// After the headers, as transferred.
    pub body: String,
    pub received_at: Timestamp,
}

/// What the receiver does wrong. Faults add up until cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmtpFault {
    /// The port is closed.
    RefuseConnection,
    /// The greeting has this code instead of 220.
    Greeting { code: u16 },
    /// MAIL is answered with this code.
    Sender { code: u16 },
    /// RCPT for this address is answered with this code.
    Recipient { address: String, code: u16 },
    /// The message is taken and the connection dropped before the answer, which leaves the sender
    /// in doubt. `kept` says whether the message arrived.
    DropAfterData { kept: bool },
    /// Every answer comes that much later.
    Delay(Duration),
}

/// Fewer messages came in time than were waited for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{received} messages came, {wanted} were waited for")]
pub struct TooFew {
    pub received: usize,
    pub wanted: usize,
}

impl ReceivedMail {
    /// The first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The body with quoted-printable undone, which is how lines with links are transferred.
    #[must_use]
    pub fn text(&self) -> String {
        let quoted = self.header("Content-Transfer-Encoding");
        if quoted.is_some_and(|how| how.trim().eq_ignore_ascii_case("quoted-printable")) {
            unquote(&self.body)
        } else {
            self.body.clone()
        }
    }

    /// Splits what came after DATA into headers and body.
    pub(super) fn parse(
        envelope_from: String,
        envelope_to: Vec<String>,
        raw: &str,
        received_at: Timestamp,
    ) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").unwrap_or((raw, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in head.lines() {
            match (line.starts_with([' ', '\t']), headers.last_mut()) {
                (true, Some((_, value))) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                _ => {
                    if let Some((name, value)) = line.split_once(':') {
                        headers.push((name.to_owned(), value.trim().to_owned()));
                    }
                }
            }
        }
        Self { envelope_from, envelope_to, headers, body: body.to_owned(), received_at }
    }
}

/// Undoes quoted-printable (RFC 2045, section 6.7); what is not it stays as it is.
fn unquote(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What sessions share.
pub(super) struct Mailbox {
    pub clock: Clock,
    folder: Option<PathBuf>,
    kept: Mutex<Kept>,
    /// Messages that ever came, told when they can be read.
    count: watch::Sender<usize>,
    faults: Mutex<Vec<SmtpFault>>,
    open: watch::Sender<bool>,
}

#[derive(Default)]
struct Kept {
    messages: Vec<ReceivedMail>,
    /// Messages that ever came.
    arrived: usize,
}

impl Mailbox {
    pub(super) fn faults(&self) -> Vec<SmtpFault> {
        lock(&self.faults).clone()
    }

    /// Keeps a message, in the folder first.
    pub(super) async fn keep(&self, mail: ReceivedMail, raw: &str) {
        let number = {
            let mut kept = lock(&self.kept);
            if kept.messages.len() == MAX_MESSAGES {
                kept.messages.remove(0);
            }
            kept.messages.push(mail.clone());
            kept.arrived += 1;
            kept.arrived
        };
        if let Some(folder) = &self.folder {
            let to = mail.envelope_to.first().map_or("nobody", String::as_str);
            let to: String =
                to.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            let path = folder.join(format!("{number:04}-{to}.eml"));
            if let Err(error) = tokio::fs::write(&path, raw).await {
                tracing::warn!(%error, path = %path.display(), "a received mail was not written");
            }
        }
        self.count.send_modify(|count| *count += 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running receiver. Dropping it stops it.
pub struct SmtpReceiver {
    addr: SocketAddr,
    mailbox: Arc<Mailbox>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl SmtpReceiver {
    /// Listens on `listen`, port 0 for any free one; writes `.eml` files into `folder`, which must
    /// exist.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(listen: SocketAddr, folder: Option<PathBuf>, clock: Clock) -> io::Result<Self> {
        let port = Port::bind(listen)?;
        let listener = port.listen()?;
        let addr = port.addr();
        let mailbox = Arc::new(Mailbox {
            clock,
            folder,
            kept: Mutex::default(),
            count: watch::channel(0).0,
            faults: Mutex::default(),
            open: watch::channel(true).0,
        });
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let receiving = Receiving {
            mailbox: Arc::clone(&mailbox),
            open: mailbox.open.subscribe(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        tasks.spawn(receiving.run(port, listener));
        Ok(Self { addr, mailbox, tasks, stop: stop.drop_guard() })
    }

    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What arrived, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<ReceivedMail> {
        lock(&self.mailbox.kept).messages.clone()
    }

    /// Waits until `count` messages have arrived since the start, for at most `timeout` of real
    /// time.
    ///
    /// # Errors
    /// When fewer came.
    pub async fn wait_for(
        &self,
        count: usize,
        timeout: Duration,
    ) -> Result<Vec<ReceivedMail>, TooFew> {
        let mut arrived = self.mailbox.count.subscribe();
        let enough = arrived.wait_for(|arrived| *arrived >= count);
        match tokio::time::timeout(timeout, enough).await {
            Ok(_) => Ok(self.messages()),
            Err(_) => Err(TooFew { received: *self.mailbox.count.borrow(), wanted: count }),
        }
    }

    /// Makes the receiver fail from now on.
    pub fn apply(&self, fault: SmtpFault) {
        if fault == SmtpFault::RefuseConnection {
            self.mailbox.open.send_replace(false);
        }
        lock(&self.mailbox.faults).push(fault);
    }

    /// Ends every fault.
    pub fn clear(&self) {
        lock(&self.mailbox.faults).clear();
        self.mailbox.open.send_replace(true);
    }

    /// Stops and waits until every session has ended.
    pub async fn shutdown(self) {
        drop(self.stop);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The accept loop's part.
struct Receiving {
    mailbox: Arc<Mailbox>,
    open: watch::Receiver<bool>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Receiving {
    async fn run(mut self, port: Port, first: tokio::net::TcpListener) {
        let mut door = port.door(first);
        loop {
            let wanted = *self.open.borrow_and_update();
            door.set_open(wanted);
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = self.open.changed() => {}
                (stream, _) = door.accept() => {
                    let (mailbox, stop) = (Arc::clone(&self.mailbox), self.stop.clone());
                    self.tasks.spawn(async move {
                        tokio::select! {
                            // A client that leaves mid-sentence has had its answer.
                            _ = smtp_session::converse(stream, &mailbox) => {}
                            () = stop.cancelled() => {}
                        }
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_headers_and_quoted_lines_are_undone() {
        let raw = "Subject: C3MS is down\r\n at Noarlunga\r\n\
                   Content-Transfer-Encoding: quoted-printable\r\n\r\n\
                   M=C4=81ngere http://127.0.0.1/ac=\r\nknowledge?token=3D1\r\n";
        let mail = ReceivedMail::parse(
            "holdfast@example.org".into(),
            vec!["duty@example.org".into()],
            raw,
            Timestamp::UNIX_EPOCH,
        );
        assert_eq!(mail.header("subject"), Some("C3MS is down at Noarlunga"));
        assert_eq!(mail.text(), "Māngere http://127.0.0.1/acknowledge?token=1\r\n");
    }
}
