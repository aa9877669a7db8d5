//! Asking over HTTP: signing in, waiting while the source is busy, bounded answers.
//!
//! A secret goes to the source's own address and to the one that issues tokens, to no other. No
//! answer is repeated in an error.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;
use zeroize::Zeroizing;

use super::{MAX_PAGE_BYTES, SourceError, address};
use crate::clock::Clock;
use crate::domain::mapping::Collection;
use crate::domain::mapping::origin::{Authorization, Oauth2, Session};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A source that fails is asked this often for one page, with a growing pause between.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// One that says itself when to come back is asked more often.
const PATIENT_ATTEMPTS: u32 = 10;
/// A source that asks for a longer pause is tried again by the next run.
const MAX_PAUSE: Duration = Duration::from_secs(5 * 60);
/// A token is renewed so long before it expires, so that none expires on its way.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// An issuer that does not say means an hour, as most do.
const USUAL_EXPIRY_SECS: u64 = 3_600;

/// A client of one address.
pub struct Http {
    client: Client,
    base_url: Url,
    authorization: Authorization,
    secret: SecretString,
    clock: Clock,
    pass: Mutex<Option<Pass>>,
}

/// What a source gave us to be let in with.
#[derive(Clone)]
enum Pass {
    Token {
        token: SecretString,
        renew_at: Option<Duration>,
    },
    /// The client keeps the cookie.
    Cookie,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub body: Zeroizing<Vec<u8>>,
}

impl Http {
    /// # Errors
    /// When the client cannot be made.
    pub fn new(
        base_url: Url,
        authorization: Authorization,
        secret: SecretString,
        timeout: Duration,
        clock: Clock,
    ) -> Result<Self, SourceError> {
        let client = Client::builder()
            // Case data takes no way that the operator has not written down here.
            .no_proxy()
            .user_agent(concat!("holdfast-capture/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .cookie_store(matches!(authorization, Authorization::Session(_)))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(timeout)
            .build()
            .map_err(|error| SourceError::Address(error.without_url().to_string()))?;
        Ok(Self { client, base_url, authorization, secret, clock, pass: Mutex::new(None) })
    }

    /// The address of a path below the source's.
    ///
    /// # Errors
    /// When both together are none.
    pub fn url(&self, path: &str) -> Result<Url, SourceError> {
        let base = self.base_url.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/{}", path.trim_start_matches('/')))
            .map_err(|error| SourceError::Address(error.to_string()))
    }

    /// The address of a link that the source gave: none of another host.
    ///
    /// # Errors
    /// When the link leads elsewhere.
    pub fn link(&self, collection: &Collection, link: &str) -> Result<Url, SourceError> {
        let url = self.base_url.join(link).ok();
        url.filter(|url| url.origin() == self.base_url.origin()).ok_or_else(|| {
            SourceError::shape(collection, "a page names one of another host as the next")
        })
    }

    /// Asks until there is an answer that is not "busy".
    ///
    /// # Errors
    /// When there is none, or the source does not let us in.
    pub async fn get(
        &self,
        collection: &Collection,
        url: &Url,
        headers: &[(&'static str, String)],
    ) -> Result<Answer, SourceError> {
        let (mut pause, mut attempt, mut renewed) = (FIRST_PAUSE, 0, false);
        loop {
            attempt += 1;
            let mut request = self.client.get(url.clone()).header("accept", "application/json");
            for (name, value) in headers {
                request = request.header(*name, value);
            }
            let request = self.authorized(collection, request).await?;
            let (fault, asked_to_wait) = match request.send().await {
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED && !renewed => {
                    // A session that ended, or a token withdrawn: once more with a new one.
                    renewed = true;
                    if self.pass.lock().await.take().is_some() {
                        continue;
                    }
                    return answer(collection, response).await;
                }
                Ok(response) if !is_busy(response.status()) => {
                    return answer(collection, response).await;
                }
                Ok(response) => {
                    let wait = retry_after(&response, &self.clock);
                    (format!("status {}", response.status().as_u16()), wait)
                }
                Err(error) => (error.without_url().to_string(), None),
            };
            let most = if asked_to_wait.is_some() { PATIENT_ATTEMPTS } else { ATTEMPTS };
            let wait = asked_to_wait.unwrap_or(pause);
            if attempt >= most || wait > MAX_PAUSE {
                return Err(SourceError::unreachable(collection, fault));
            }
            self.clock.sleep(wait).await;
            pause *= 2;
        }
    }

    async fn authorized(
        &self,
        collection: &Collection,
        request: RequestBuilder,
    ) -> Result<RequestBuilder, SourceError> {
        let secret = self.secret.expose_secret();
        Ok(match &self.authorization {
            Authorization::Bearer => request.bearer_auth(secret),
            Authorization::Basic { user } => request.basic_auth(user, Some(secret)),
            Authorization::Header { name } => request.header(name, secret),
            Authorization::Oauth2(_) | Authorization::Session(_) => {
                match self.pass(collection).await? {
                    Pass::Token { token, .. } => request.bearer_auth(token.expose_secret()),
                    Pass::Cookie => request,
                }
            }
        })
    }

    /// The pass that is held, or a new one.
    async fn pass(&self, collection: &Collection) -> Result<Pass, SourceError> {
        let mut held = self.pass.lock().await;
        if let Some(pass) = &*held
            && !pass.is_due(self.clock.monotonic())
        {
            return Ok(pass.clone());
        }
        let pass = match &self.authorization {
            Authorization::Oauth2(oauth2) => self.issue(collection, oauth2).await?,
            Authorization::Session(session) => self.sign_in(collection, session).await?,
            Authorization::Bearer | Authorization::Basic { .. } | Authorization::Header { .. } => {
                Pass::Cookie
            }
        };
        Ok(held.insert(pass).clone())
    }

    async fn issue(&self, collection: &Collection, oauth2: &Oauth2) -> Result<Pass, SourceError> {
        let url: Url = oauth2
            .token_url
            .parse()
            .map_err(|_| SourceError::Address("'token_url' is not an address".to_owned()))?;
        if url.scheme() != "https" && !address::is_of_this_machine(&url) {
            let fault = "plain HTTP is for this machine only: write https in 'token_url'";
            return Err(SourceError::Address(fault.to_owned()));
        }
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", &oauth2.client_id),
            ("client_secret", self.secret.expose_secret()),
        ];
        form.extend(oauth2.scope.as_deref().map(|scope| ("scope", scope)));
        let request = self.client.post(url).form(&form);
        let (_, body) = self.let_in(collection, request, "the issuer of tokens").await?;
        let token = body.get("access_token").and_then(Value::as_str).ok_or_else(|| {
            SourceError::refused(collection, "the issuer of tokens gave no access_token")
        })?;
        let seconds = body.get("expires_in").and_then(Value::as_u64).unwrap_or(USUAL_EXPIRY_SECS);
        let lasts = Duration::from_secs(seconds);
        // One that lasts a minute is renewed at half of it.
        let good_for = lasts.saturating_sub(RENEW_BEFORE).max(lasts / 2);
        let renew_at = Some(self.clock.monotonic() + good_for);
        Ok(Pass::Token { token: SecretString::from(token.to_owned()), renew_at })
    }

    async fn sign_in(
        &self,
        collection: &Collection,
        session: &Session,
    ) -> Result<Pass, SourceError> {
        let mut who = json!({ &session.user_field: session.user });
        who[&session.password_field] = self.secret.expose_secret().into();
        let who = match &session.wrapped_in {
            Some(name) => json!({ name: who }),
            None => who,
        };
        let request = self.client.post(self.url(&session.path)?).json(&who);
        let (header, body) = self.let_in(collection, request, "signing in").await?;
        let token = match &session.token {
            None => header,
            Some(path) => {
                Some(path.find(&body).as_str().map(SecretString::from).ok_or_else(|| {
                    SourceError::refused(
                        collection,
                        "signing in gave no token where the mapping says",
                    )
                })?)
            }
        };
        Ok(token.map_or(Pass::Cookie, |token| Pass::Token { token, renew_at: None }))
    }

    /// Sends what signs in, and says which token its answer has in the header of that name, if any.
    /// `what` names it in an error.
    async fn let_in(
        &self,
        collection: &Collection,
        request: RequestBuilder,
        what: &str,
    ) -> Result<(Option<SecretString>, Value), SourceError> {
        let response = request.header("accept", "application/json").send().await;
        let response = response.map_err(|error| {
            SourceError::unreachable(collection, error.without_url().to_string())
        })?;
        let status = response.status();
        if is_busy(status) {
            let fault = format!("{what}: status {}", status.as_u16());
            return Err(SourceError::unreachable(collection, fault));
        }
        if !status.is_success() {
            let fault = format!("{what}: status {}", status.as_u16());
            return Err(SourceError::refused(collection, fault));
        }
        let header = response.headers().get("authorization").and_then(|text| text.to_str().ok());
        let header = header.and_then(|text| text.strip_prefix("Bearer ")).map(SecretString::from);
        let body = read_bounded(response, collection).await?;
        Ok((header, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

impl Pass {
    fn is_due(&self, now: Duration) -> bool {
        matches!(self, Self::Token { renew_at: Some(renew_at), .. } if now >= *renew_at)
    }
}

impl Answer {
    /// The body of a page.
    ///
    /// # Errors
    /// When the source refused, or answered anything but a page.
    pub fn json(&self, collection: &Collection) -> Result<Value, SourceError> {
        match self.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let fault = format!("status {}", self.status.as_u16());
                return Err(SourceError::refused(collection, fault));
            }
            _ => {
                let fault = format!("the source answered with status {}", self.status.as_u16());
                return Err(SourceError::shape(collection, fault));
            }
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| SourceError::shape(collection, "a page is not JSON"))
    }
}

async fn answer(collection: &Collection, response: Response) -> Result<Answer, SourceError> {
    let status = response.status();
    Ok(Answer { status, body: read_bounded(response, collection).await? })
}

async fn read_bounded(
    mut response: Response,
    collection: &Collection,
) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let mut body = Zeroizing::new(Vec::new());
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            SourceError::unreachable(collection, error.without_url().to_string())
        })?;
        let Some(chunk) = chunk else { return Ok(body) };
        if body.len() + chunk.len() > MAX_PAGE_BYTES {
            let fault = format!("a page is larger than {MAX_PAGE_BYTES} bytes: ask for fewer rows");
            return Err(SourceError::shape(collection, fault));
        }
        body.extend_from_slice(&chunk);
    }
}

fn is_busy(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// Seconds, or an instant of HTTP (RFC 9110, section 10.2.3).
fn retry_after(response: &Response, clock: &Clock) -> Option<Duration> {
    let text = response.headers().get("retry-after")?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(at.duration_since(clock.now()).try_into().unwrap_or(Duration::ZERO))
}
