//! E-mail over SMTP: one letter, one recipient, one attempt, over the first relay that talks.
//!
//! The dialogue is driven command by command (RFC 5321), because the phase in which it breaks
//! decides what is known: before the message body goes, nothing was sent; after, nobody can tell.
//! So the attempt is recorded as possibly sent just before the body, and never after.

use std::time::Duration;

use lettre::message::Mailbox;
use secrecy::SecretString;

use super::breaker::Breaker;
use super::{Delivery, NotRecorded};
use crate::clock::Clock;

mod dialogue;
mod letter;

pub use letter::Letter;

/// How a relay is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// No encryption; credentials are then refused, except on loopback.
    Plain,
    /// Encryption is asked for after the greeting, and required.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
}

/// A server that takes our mail.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Account and password, where it asks for them.
    pub credentials: Option<(String, SecretString)>,
    /// For connecting and for every answer; the answer to the message may take three times as
    /// long, because the relay then writes to disk.
    pub answer_timeout: Duration,
}

/// How mail is sent from this installation.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// `Holdfast <holdfast@example.org>`, or the address alone.
    pub from: String,
    /// What we call ourselves in EHLO: this machine's full name.
    pub hello_name: String,
    /// In the order in which they are tried.
    pub relays: Vec<RelaySettings>,
}

/// Why mail cannot be sent with these settings.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailSettingsError {
    #[error("'{0}' is not a sender: write 'Holdfast <holdfast@example.org>'")]
    Sender(String),
    #[error("mail needs at least one relay")]
    NoRelay,
    #[error("{0} would get a password unencrypted: write 'security: start-tls' or 'tls'")]
    BarePassword(String),
}

/// Sends letters; shared by all that do.
#[derive(Debug)]
pub struct Mail {
    from: Mailbox,
    hello_name: String,
    relays: Vec<Relay>,
}

#[derive(Debug)]
struct Relay {
    settings: RelaySettings,
    breaker: Breaker,
}

impl Mail {
    /// # Errors
    /// When the settings cannot work: see [`MailSettingsError`].
    pub fn new(settings: MailSettings, clock: &Clock) -> Result<Self, MailSettingsError> {
        let sender = settings.from.parse();
        let from = sender.map_err(|_| MailSettingsError::Sender(settings.from.clone()))?;
        if settings.relays.is_empty() {
            return Err(MailSettingsError::NoRelay);
        }
        let mut relays = Vec::with_capacity(settings.relays.len());
        for relay in settings.relays {
            let bare = relay.security == Security::Plain && relay.credentials.is_some();
            if bare && !is_loopback(&relay.host) {
                return Err(MailSettingsError::BarePassword(relay.host));
            }
            relays.push(Relay { settings: relay, breaker: Breaker::new(clock.clone()) });
        }
        Ok(Self { from, hello_name: settings.hello_name, relays })
    }

    /// Makes one attempt for one letter.
    ///
    /// `data_sent` is awaited at most once, just before the message body goes: it must not return
    /// before it is durable that the letter may have been sent. When it fails, nothing is sent.
    ///
    /// A relay that cannot be reached, is silent, or refuses before the recipient is named, is left
    /// alone for a while and the next one tried. A relay's word on the recipient is final.
    pub async fn send(
        &self,
        letter: &Letter,
        data_sent: impl Future<Output = Result<(), NotRecorded>>,
    ) -> Delivery {
        let message = match letter.compose(&self.from) {
            Ok(message) => message,
            Err(why) => return Delivery::Refused { why },
        };
        let mut silent = Vec::new();
        for relay in &self.relays {
            let name = format!("{}:{}", relay.settings.host, relay.settings.port);
            if !relay.breaker.may_try() {
                silent.push(format!("{name} is left alone after a failure"));
                continue;
            }
            match dialogue::up_to_the_body(&relay.settings, &self.hello_name, &message).await {
                Ok(ready) => {
                    let delivery = ready.finish(&message, data_sent).await;
                    match &delivery {
                        Delivery::InDoubt { .. } => relay.breaker.failed(),
                        _ => relay.breaker.succeeded(),
                    }
                    return delivery;
                }
                Err(dialogue::Stopped::AboutRecipient(delivery)) => {
                    relay.breaker.succeeded();
                    return delivery;
                }
                Err(dialogue::Stopped::AboutRelay(why)) => {
                    relay.breaker.failed();
                    tracing::warn!(relay = name, why, "a mail relay cannot be used");
                    silent.push(format!("{name}: {why}"));
                }
            }
        }
        Delivery::Unreachable { why: silent.join("; ") }
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(from: &str, host: &str) -> MailSettings {
        MailSettings {
            from: from.into(),
            hello_name: "hub.example.org".into(),
            relays: vec![RelaySettings {
                host: host.into(),
                port: 25,
                security: Security::Plain,
                credentials: Some(("holdfast".into(), SecretString::from("x".to_owned()))),
                answer_timeout: Duration::from_secs(5),
            }],
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let clock = Clock::system();
        let refused = |settings| Mail::new(settings, &clock).err();
        let sender = "Holdfast <holdfast@example.org>";
        assert_eq!(refused(settings(sender, "127.0.0.1")), None);
        assert_eq!(
            refused(settings(sender, "mail.example.org")),
            Some(MailSettingsError::BarePassword("mail.example.org".into()))
        );
        assert_eq!(refused(settings("us", "::1")), Some(MailSettingsError::Sender("us".into())));
        let none = MailSettings { relays: Vec::new(), ..settings(sender, "localhost") };
        assert_eq!(refused(none), Some(MailSettingsError::NoRelay));
    }
}
