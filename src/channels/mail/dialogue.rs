//! The SMTP dialogue with one relay, split where knowledge changes: up to the body, and the body.
//!
//! It must not choose relays or retry. Source: RFC 5321, 4.1.4 and 4.2.1; RFC 3207; RFC 6531.

use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret;

use super::letter::Composed;
use super::{RelaySettings, Security};
use crate::channels::{Delivery, NotRecorded};

/// Mechanisms that both hide behind TLS; the relay's first match is used.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// Politeness after the letter is settled; nothing hangs on it.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// A relay that has accepted sender and recipient and waits for the body.
pub(super) struct Ready {
    connection: AsyncSmtpConnection,
    relay: String,
    answer_timeout: Duration,
}

/// Why the dialogue did not come to the body; nothing was sent.
pub(super) enum Stopped {
    /// The relay said something about this letter or its recipient.
    AboutRecipient(Delivery),
    /// The relay cannot be used.
    AboutRelay(String),
}

/// Greets, secures, authenticates, names sender and recipient, and asks to send the body.
pub(super) async fn up_to_the_body(
    relay: &RelaySettings,
    hello_name: &str,
    message: &Composed,
) -> Result<Ready, Stopped> {
    let mut talk = connect(relay, hello_name).await?;
    let mut options = Vec::new();
    let addresses = message.envelope.to().iter().chain(message.envelope.from());
    if !addresses.map(AsRef::<str>::as_ref).all(str::is_ascii) {
        if !talk.connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let why = "the relay takes no addresses with letters outside ASCII".to_owned();
            return Err(Stopped::AboutRecipient(Delivery::Refused { why }));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    // A refused sender is our configuration or the relay's mood, not the recipient's fault.
    let sender = Mail::new(message.envelope.from().cloned(), options);
    answered(relay.answer_timeout, talk.connection.command(sender)).await.map_err(about_relay)?;
    for to in message.envelope.to() {
        let recipient = Rcpt::new(to.clone(), Vec::new());
        answered(relay.answer_timeout, talk.connection.command(recipient))
            .await
            .map_err(about_recipient)?;
    }
    answered(relay.answer_timeout, talk.connection.command(Data)).await.map_err(about_recipient)?;
    talk.relay = format!("{}:{}", relay.host, relay.port);
    Ok(talk)
}

async fn connect(relay: &RelaySettings, hello_name: &str) -> Result<Ready, Stopped> {
    let hello = ClientId::Domain(hello_name.to_owned());
    let wait = relay.answer_timeout;
    let tls = || TlsParameters::new(relay.host.clone()).map_err(Failure::from);
    let encrypted = match relay.security {
        Security::Tls => Some(tls().map_err(about_relay)?),
        Security::Plain | Security::StartTls => None,
    };
    let address = (relay.host.as_str(), relay.port);
    let opening = AsyncSmtpConnection::connect_tokio1(address, Some(wait), &hello, encrypted, None);
    let mut connection = answered(wait, opening).await.map_err(about_relay)?;
    if relay.security == Security::StartTls {
        let securing = connection.starttls(tls().map_err(about_relay)?, &hello);
        answered(wait, securing).await.map_err(about_relay)?;
    }
    if let Some((account, password)) = &relay.credentials {
        let credentials = Credentials::new(account.clone(), password.expose_secret().to_owned());
        let proving = connection.auth(&MECHANISMS, &credentials);
        answered(wait, proving).await.map_err(about_relay)?;
    }
    Ok(Ready { connection, relay: String::new(), answer_timeout: wait })
}

impl Ready {
    /// Records that the letter may go out, sends the body, and waits for the relay's word on it.
    ///
    /// When recording fails the connection is dropped without a word: the relay waits for a body
    /// now, and would take QUIT for its first line. Without the final dot it keeps nothing.
    pub(super) async fn finish(
        mut self,
        message: &Composed,
        data_sent: impl Future<Output = Result<(), NotRecorded>>,
    ) -> Delivery {
        if let Err(why) = data_sent.await {
            return Delivery::Temporary { why: why.to_string(), retry_after: None };
        }
        let body = self.connection.message(&message.bytes);
        match answered(self.answer_timeout.saturating_mul(3), body).await {
            Ok(response) => {
                let answer = format!("{}: {}", self.relay, one_line(&response));
                let _ = tokio::time::timeout(QUIT_TIMEOUT, self.connection.command(Quit)).await;
                Delivery::Sent { answer }
            }
            Err(Failure::Answer { permanent: true, why }) => Delivery::Refused { why },
            Err(Failure::Answer { permanent: false, why }) => {
                Delivery::Temporary { why, retry_after: None }
            }
            Err(Failure::Broken(why)) => {
                Delivery::InDoubt { why: format!("{}: {why}, after the body went", self.relay) }
            }
        }
    }
}

/// How a command failed.
enum Failure {
    /// The relay answered with 4xx or 5xx.
    Answer { permanent: bool, why: String },
    /// No answer, or none that can be read.
    Broken(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let why = in_words(&error);
        match error.status() {
            Some(_) => Self::Answer { permanent: error.is_permanent(), why },
            None => Self::Broken(why),
        }
    }
}

/// The answer to one command within its time; lettre itself bounds only the connecting.
async fn answered<T>(
    wait: Duration,
    command: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(wait, command).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::Broken(format!("no answer within {} s", wait.as_secs_f32()))),
    }
}

fn about_relay(failure: Failure) -> Stopped {
    let (Failure::Answer { why, .. } | Failure::Broken(why)) = failure;
    Stopped::AboutRelay(why)
}

fn about_recipient(failure: Failure) -> Stopped {
    match failure {
        Failure::Answer { permanent: true, why } => {
            Stopped::AboutRecipient(Delivery::Refused { why })
        }
        Failure::Answer { permanent: false, why } => {
            Stopped::AboutRecipient(Delivery::Temporary { why, retry_after: None })
        }
        Failure::Broken(why) => Stopped::AboutRelay(why),
    }
}

/// An error with its causes, which lettre's own words leave out.
fn in_words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !words.contains(&inner_words) {
            words = format!("{words}: {inner_words}");
        }
        cause = inner.source();
    }
    words
}

fn one_line(response: &Response) -> String {
    response.message().collect::<Vec<_>>().join(" ")
}
