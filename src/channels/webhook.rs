//! A notice to another system: one signed POST of a JSON object.
//!
//! The receiver verifies it with the shared secret: `Holdfast-Signature: v1=` is HMAC-SHA-256, in
//! hex, over the value of `Holdfast-Timestamp`, a full stop and the body as received. It refuses
//! timestamps older than five minutes, and takes a second POST with the same `Idempotency-Key` for
//! the first one sent again. Redirects are not followed: they would carry the notice elsewhere.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{Delivery, NotRecorded};
use crate::crypto::hmac;

/// A receiver that asks for a longer pause is asked again after this all the same.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(600);

/// Where notices go and how they are signed.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// `https://…`; `http://` only on loopback.
    pub url: String,
    pub secret: SecretString,
    /// For the whole exchange.
    pub answer_timeout: Duration,
}

/// Why a webhook cannot be used with these settings.
#[derive(Debug, thiserror::Error)]
pub enum WebhookSettingsError {
    #[error("'{0}' is not an address for notices: write 'https://…'")]
    Url(String),
    #[error("the client cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// What the receiver reads; keys are added in later versions, never taken away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Post {
    /// `holdfast/notice/v1`.
    pub format: &'static str,
    /// The outbox id, which is also the idempotency key.
    pub notice: String,
    /// The same for all notices about one incident.
    pub thread: Option<String>,
    pub severity: Option<String>,
    pub subject: String,
    pub text: String,
    /// Where a person acknowledges it.
    pub acknowledge_url: Option<String>,
    pub written_at: Timestamp,
}

impl Post {
    pub const FORMAT: &'static str = "holdfast/notice/v1";
}

/// Sends notices to one receiver.
#[derive(Debug)]
pub struct Webhook {
    client: Client,
    url: Url,
    secret: SecretString,
}

impl Webhook {
    /// # Errors
    /// When the address is not HTTPS, or the client cannot be made.
    pub fn new(settings: WebhookSettings) -> Result<Self, WebhookSettingsError> {
        let wrong = || WebhookSettingsError::Url(settings.url.clone());
        let url = Url::parse(&settings.url).map_err(|_| wrong())?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err(wrong());
        }
        let client = Client::builder()
            .timeout(settings.answer_timeout)
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .user_agent(concat!("Holdfast/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, url, secret: settings.secret })
    }

    /// Makes one attempt.
    ///
    /// `data_sent` is awaited once, before the request goes: it must not return before it is
    /// durable that the notice may have been sent. When it fails, nothing is sent.
    pub async fn send(
        &self,
        post: &Post,
        now: Timestamp,
        data_sent: impl Future<Output = Result<(), NotRecorded>>,
    ) -> Delivery {
        let body = match serde_json::to_string(post) {
            Ok(body) => body,
            Err(why) => return Delivery::Refused { why: why.to_string() },
        };
        if let Err(why) = data_sent.await {
            return Delivery::Temporary { why: why.to_string(), retry_after: None };
        }
        let timestamp = now.as_second().to_string();
        let sent = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", &post.notice)
            .header("Holdfast-Timestamp", &timestamp)
            .header("Holdfast-Signature", signature(&self.secret, &timestamp, &body))
            .body(body)
            .send()
            .await;
        match sent {
            Ok(response) => verdict_of(&response),
            // The URL may carry a token of the receiver's, so it is not put in words.
            Err(error) if error.is_connect() => {
                Delivery::Unreachable { why: in_words(&error.without_url()) }
            }
            Err(error) => Delivery::InDoubt { why: in_words(&error.without_url()) },
        }
    }
}

/// What the header `Holdfast-Signature` says.
#[must_use]
pub fn signature(secret: &SecretString, timestamp: &str, body: &str) -> String {
    let message = format!("{timestamp}.{body}");
    let code = hmac::code(secret.expose_secret().as_bytes(), message.as_bytes());
    format!("v1={code}")
}

fn verdict_of(response: &Response) -> Delivery {
    let status = response.status();
    let answer = format!("the receiver answered {status}");
    if status.is_success() {
        Delivery::Sent { answer }
    } else if status.is_server_error()
        || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status)
    {
        let header = response.headers().get(RETRY_AFTER);
        let seconds = header.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after = seconds.map(Duration::from_secs).map(|d| d.min(LONGEST_RETRY_AFTER));
        Delivery::Temporary { why: answer, retry_after }
    } else {
        Delivery::Refused { why: answer }
    }
}

fn in_words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
