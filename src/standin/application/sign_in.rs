//! Signing in: a form with a token against forged requests, and sessions in memory.
//!
//! As good as a demo needs: sessions end when the stand-in does or when too many are newer.

use std::collections::{HashMap, VecDeque};
use std::sync::{MutexGuard, PoisonError};

use axum::extract::{FromRequestParts, State};
use axum::http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::super::accept::SignInBroken;
use super::super::system::System;
use super::{Application, html};

/// Probes sign in every few seconds for days; the oldest sessions go.
const MAX_SESSIONS: usize = 4096;

pub(super) fn routes() -> Router<Application> {
    Router::new().route("/sign-in", get(form).post(sign_in)).route("/sign-out", post(sign_out))
}

/// Who has signed in.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_token: HashMap<String, Session>,
    oldest_first: VecDeque<String>,
}

/// A request with a valid session.
#[derive(Clone, Debug)]
pub(in crate::standin) struct Session {
    /// Whose pages it is for.
    pub system: System,
    pub username: String,
    /// What the forms of this session carry.
    pub csrf: String,
}

impl Session {
    /// Whether a form's token is this session's.
    ///
    /// # Errors
    /// When it is not, so that the form may come from elsewhere.
    pub fn check(&self, csrf: &str) -> Result<(), Forged> {
        if csrf == self.csrf { Ok(()) } else { Err(Forged(self.system)) }
    }
}

/// A form that this application did not hand to this visitor; answered with 403.
pub(in crate::standin) struct Forged(System);

impl IntoResponse for Forged {
    fn into_response(self) -> Response {
        let page = html::message(self.0, "Not accepted", "The form is out of date. Open it again.");
        (StatusCode::FORBIDDEN, Html(page)).into_response()
    }
}

impl Sessions {
    fn begin(&mut self, system: System, username: &str) -> String {
        let token = random_token();
        let username = username.to_owned();
        let session = Session { system, username, csrf: random_token() };
        self.by_token.insert(token.clone(), session);
        self.oldest_first.push_back(token.clone());
        if self.oldest_first.len() > MAX_SESSIONS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_token.remove(&oldest);
        }
        token
    }
}

impl FromRequestParts<Application> for Session {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, app: &Application) -> Result<Self, Redirect> {
        app.session(&parts.headers).ok_or_else(|| Redirect::to("/sign-in"))
    }
}

/// A request to the API by a session or by the capture account.
pub(in crate::standin) struct ApiCaller;

impl FromRequestParts<Application> for ApiCaller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Application) -> Result<Self, Response> {
        if bearer(&parts.headers) == Some(app.0.capture_token.expose_secret())
            || app.session(&parts.headers).is_some()
        {
            return Ok(Self);
        }
        Err(unauthorized())
    }
}

/// A request by the other side of an interface.
pub(in crate::standin) struct OtherSide;

impl FromRequestParts<Application> for OtherSide {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Application) -> Result<Self, Response> {
        match bearer(&parts.headers) {
            Some(token) if token == app.0.interface_token.expose_secret() => Ok(Self),
            _ => Err(unauthorized()),
        }
    }
}

/// A request by the read-only account that captures.
pub(super) struct CaptureAccount;

impl FromRequestParts<Application> for CaptureAccount {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Application) -> Result<Self, Response> {
        match bearer(&parts.headers) {
            Some(token) if token == app.0.capture_token.expose_secret() => Ok(Self),
            _ => Err(unauthorized()),
        }
    }
}

impl Application {
    fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let token = cookie(headers, "standin_session")?;
        self.sessions().by_token.get(token).cloned()
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Credentials {
    csrf: String,
    username: String,
    password: String,
}

async fn form(State(app): State<Application>) -> Response {
    let csrf = random_token();
    let cookie = format!("standin_form={csrf}; Path=/sign-in; HttpOnly; SameSite=Strict");
    let page = html::sign_in(app.system(), &csrf, None);
    (AppendHeaders([(SET_COOKIE, cookie)]), Html(page)).into_response()
}

async fn sign_in(
    State(app): State<Application>,
    headers: HeaderMap,
    broken: Option<Extension<SignInBroken>>,
    Form(form): Form<Credentials>,
) -> Response {
    if cookie(&headers, "standin_form") != Some(form.csrf.as_str()) {
        return Forged(app.system()).into_response();
    }
    if broken.is_some() {
        let page =
            html::sign_in(app.system(), &form.csrf, Some("Your session could not be created."));
        return Html(page).into_response();
    }
    let known = app.0.accounts.iter().any(|account| {
        account.username == form.username && account.password.expose_secret() == form.password
    });
    if !known {
        let page = html::sign_in(app.system(), &form.csrf, Some("User name or password is wrong."));
        return (StatusCode::UNAUTHORIZED, Html(page)).into_response();
    }
    let token = app.sessions().begin(app.system(), &form.username);
    let cookie = format!("standin_session={token}; Path=/; HttpOnly; SameSite=Lax");
    (AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to("/")).into_response()
}

#[derive(Deserialize)]
pub(in crate::standin) struct OnlyCsrf {
    pub csrf: String,
}

async fn sign_out(
    State(app): State<Application>,
    session: Session,
    headers: HeaderMap,
    Form(form): Form<OnlyCsrf>,
) -> Result<Response, Forged> {
    session.check(&form.csrf)?;
    if let Some(token) = cookie(&headers, "standin_session") {
        let mut sessions = app.sessions();
        sessions.by_token.remove(token);
        sessions.oldest_first.retain(|other| other != token);
    }
    let gone = "standin_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
    Ok((AppendHeaders([(SET_COOKIE, gone)]), Redirect::to("/sign-in")).into_response())
}

fn unauthorized() -> Response {
    let body = axum::Json(serde_json::json!({ "error": "sign in, or send a bearer token" }));
    (StatusCode::UNAUTHORIZED, body).into_response()
}

fn random_token() -> String {
    format!("{:032x}", rand::random::<u128>())
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_session_goes_when_there_are_too_many() {
        let mut sessions = Sessions::default();
        let first = sessions.begin(System::C3ms, "probe");
        for _ in 0..MAX_SESSIONS {
            sessions.begin(System::C3ms, "probe");
        }
        assert!(!sessions.by_token.contains_key(&first));
        assert_eq!(sessions.by_token.len(), MAX_SESSIONS);
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, "a=1; standin_session=x; b=2".parse().unwrap());
        assert_eq!(cookie(&headers, "standin_session"), Some("x"));
        assert_eq!(cookie(&headers, "session"), None);
    }
}
