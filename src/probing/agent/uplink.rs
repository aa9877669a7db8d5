//! The agent's requests to its hub: mutual TLS, the hub's own authority and no other, everything
//! bounded in bytes and time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Certificate, Client, Identity, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::clocks::Clocks;
use crate::clock::Clock;
use crate::domain::agent::{
    ASK_WAIT, ASKS, Acknowledged, Asked, CHECKS, Delivery, ENROL, Enrolled, Enrolment, Measured,
    PLAN, Planned, RENEW, Refused, Renewal, Stamps, Waiting,
};

/// A line that needs longer for the handshakes is no line to report over.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The plan is the longest: the texts of every probe file of a location.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Why there is no answer that helps.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// Nobody answers, or not in time: try again.
    #[error("the hub is not reached: {0}")]
    Away(String),
    /// The hub does not take it: trying again soon does not help.
    #[error("the hub refuses: {0}")]
    Refused(String),
    /// The hub speaks otherwise, or cannot do its work now.
    #[error("the hub answered {0}")]
    Odd(String),
    /// Our own key, certificate or address.
    #[error("the agent cannot speak to its hub: {0}")]
    Unusable(#[source] reqwest::Error),
}

/// The way to the hub.
pub struct Uplink {
    hub: Url,
    /// PEM.
    authority: String,
    client: Mutex<Client>,
    clocks: Mutex<Clocks>,
    clock: Clock,
}

impl Uplink {
    /// A way to the hub whose authority this is, for whoever holds `identity`: a certificate and
    /// its key, both in PEM.
    ///
    /// # Errors
    /// When they are not what they should be.
    pub fn new(
        hub: Url,
        authority: &str,
        identity: &str,
        clock: Clock,
    ) -> Result<Self, UplinkError> {
        let client = client(authority, Some(identity)).map_err(UplinkError::Unusable)?;
        let (client, authority) = (Mutex::new(client), authority.to_owned());
        Ok(Self { hub, authority, client, clocks: Mutex::default(), clock })
    }

    /// Goes on with another certificate.
    ///
    /// # Errors
    /// When it is none; the one before stays in use.
    pub fn identify(&self, identity: &str) -> Result<(), UplinkError> {
        let new = client(&self.authority, Some(identity)).map_err(UplinkError::Unusable)?;
        *lock(&self.client) = new;
        Ok(())
    }

    /// How the clocks stand.
    #[must_use]
    pub fn measured(&self) -> Option<Measured> {
        lock(&self.clocks).best()
    }

    /// Hands findings over; they are durable at the hub when it acknowledges them.
    ///
    /// # Errors
    /// See [`UplinkError`]; whether the hub has them is then not known.
    pub async fn deliver(&self, delivery: &Delivery) -> Result<Acknowledged, UplinkError> {
        let sent_at = self.clock.now();
        let request = self.post(CHECKS, delivery).timeout(ANSWER_TIMEOUT);
        let answer: Acknowledged = answered(request).await?;
        self.note(sent_at, answer.stamps);
        Ok(answer)
    }

    /// Waits for confirmations to be asked for.
    ///
    /// # Errors
    /// See [`UplinkError`].
    pub async fn wait(&self) -> Result<Asked, UplinkError> {
        let sent_at = self.clock.now();
        let request = self.post(ASKS, &Waiting { measured: self.measured() });
        let answer: Asked = answered(request.timeout(ASK_WAIT + ANSWER_TIMEOUT)).await?;
        self.note(sent_at, answer.stamps);
        Ok(answer)
    }

    /// The plan in force.
    ///
    /// # Errors
    /// See [`UplinkError`].
    pub async fn plan(&self) -> Result<Planned, UplinkError> {
        let request = lock(&self.client).get(address(&self.hub, PLAN));
        answered(request.timeout(ANSWER_TIMEOUT * 3)).await
    }

    /// A certificate for a new key, in place of the one that is shown.
    ///
    /// # Errors
    /// See [`UplinkError`].
    pub async fn renew(&self, request: String) -> Result<Enrolled, UplinkError> {
        answered(self.post(RENEW, &Renewal { request }).timeout(ANSWER_TIMEOUT)).await
    }

    fn post(&self, path: &str, message: &impl Serialize) -> RequestBuilder {
        lock(&self.client).post(address(&self.hub, path)).json(message)
    }

    fn note(&self, sent_at: Timestamp, stamps: Stamps) {
        let measured = Measured::from_exchange(sent_at, stamps, self.clock.now());
        lock(&self.clocks).take(measured);
    }
}

/// Asks for the first certificate, of the hub whose authority this is.
///
/// # Errors
/// See [`UplinkError`].
pub async fn enrol(
    hub: &Url,
    authority: &str,
    enrolment: &Enrolment,
) -> Result<Enrolled, UplinkError> {
    let client = client(authority, None).map_err(UplinkError::Unusable)?;
    let request = client.post(address(hub, ENROL)).json(enrolment);
    answered(request.timeout(ANSWER_TIMEOUT)).await
}

fn client(authority: &str, identity: Option<&str>) -> Result<Client, reqwest::Error> {
    let authority = Certificate::from_pem(authority.as_bytes())?;
    let builder = Client::builder()
        .tls_certs_only([authority])
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT);
    match identity {
        Some(identity) => builder.identity(Identity::from_pem(identity.as_bytes())?).build(),
        None => builder.build(),
    }
}

fn address(hub: &Url, path: &str) -> Url {
    let mut address = hub.clone();
    address.set_path(path);
    address
}

async fn answered<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, UplinkError> {
    let answer = request.send().await.map_err(|error| UplinkError::Away(in_words(&error)))?;
    let status = answer.status();
    let body = bounded(answer).await?;
    if status.is_success() {
        return serde_json::from_slice(&body)
            .map_err(|_| UplinkError::Odd("something that is no answer".to_owned()));
    }
    let why = serde_json::from_slice::<Refused>(&body).map(|refused| refused.why);
    let why = why.unwrap_or_else(|_| status.to_string());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => {
            Err(UplinkError::Refused(why))
        }
        _ => Err(UplinkError::Odd(format!("{}: {why}", status.as_u16()))),
    }
}

async fn bounded(mut answer: Response) -> Result<Vec<u8>, UplinkError> {
    let mut body = Vec::new();
    loop {
        let piece = answer.chunk().await;
        match piece.map_err(|error| UplinkError::Away(in_words(&error)))? {
            None => return Ok(body),
            Some(piece) if body.len() + piece.len() > MOST_BYTES => {
                return Err(UplinkError::Odd(format!("with more than {MOST_BYTES} bytes")));
            }
            Some(piece) => body.extend_from_slice(&piece),
        }
    }
}

/// An error with what is behind it: the first alone says only that something went wrong.
fn in_words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut behind = std::error::Error::source(error);
    while let Some(error) = behind {
        words = format!("{words}: {error}");
        behind = error.source();
    }
    words
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
