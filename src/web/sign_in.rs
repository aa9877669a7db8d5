//! Signing in and out: a form without script, a cookie that holds nothing but a token.
//!
//! What is wrong is never said more precisely than "name, passphrase or code". It must not decide
//! who may see what.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::error::WebError;
use super::forms::FieldError;
use super::gate::{SESSION_COOKIE, Visitor, cookie};
use super::layout::{Layout, Section, page};
use super::ops;
use super::portal::PortalWeb;
use super::times::in_words;
use crate::domain::access::Action;
use crate::domain::session::{Role, Session};
use crate::identity::{Attempt, SESSION_WINDOW, SignInError};
use crate::vault::audit::{Entry, Event};

/// Where somebody wanted to go.
#[derive(Debug, Default, Deserialize)]
pub struct Wish {
    #[serde(default)]
    next: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    next: String,
    name: String,
    passphrase: SecretString,
    code: String,
}

#[derive(Template)]
#[template(path = "web/sign_in.html")]
struct SignInPage {
    layout: Layout,
    errors: Vec<FieldError>,
    next: String,
    name: String,
    duty_line: Option<String>,
}

/// The form.
///
/// # Errors
/// When the page does not render.
pub async fn show(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
    Query(wish): Query<Wish>,
) -> Result<Response, WebError> {
    form(&portal, &visitor, Vec::new(), (wish.next, String::new())).map(IntoResponse::into_response)
}

/// Checks a sign-in, sets the cookie and leads on.
///
/// # Errors
/// When hashing fails or the page does not render.
pub async fn submit(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Form(sent): Form<SignInForm>,
) -> Result<Response, WebError> {
    let now = portal.clock.now();
    let attempt = Attempt {
        name: sent.name.clone(),
        passphrase: sent.passphrase,
        code: sent.code,
        address: visitor.address(),
    };
    let signed_in = match portal.identity.sign_in(attempt, now).await {
        Ok(signed_in) => signed_in,
        Err(SignInError::Failed) => return Err(WebError::internal(SignInError::Failed)),
        Err(refused) => {
            let (status, text) = words(&refused);
            let errors = vec![FieldError { field: "name", text }];
            let page = form(&portal, &visitor, errors, (sent.next, sent.name))?;
            return Ok((status, page).into_response());
        }
    };
    // A session that came with the request ends: nobody holds two by one browser.
    if let Some(old) = cookie(&headers, SESSION_COOKIE) {
        portal.identity.sessions.end(old);
    }
    let token = signed_in.token.expose_secret();
    let Some(session) = portal.identity.sessions.find(token, now) else {
        return Err(WebError::internal("a session ended as it began"));
    };
    // The console must be reachable when the trail is not; case data is not.
    if portal.audit.append(Entry::of(&session, Event::SignedIn, now)).await.is_err() {
        tracing::error!("a sign-in is not in the audit trail, which cannot be written");
    }
    let next = local(&sent.next).unwrap_or(home(&session));
    let age = SESSION_WINDOW.as_secs();
    let cookie = format!(
        "{SESSION_COOKIE}={token}; Path=/; Max-Age={age}; Secure; HttpOnly; SameSite=Strict"
    );
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

/// The first page that is for somebody of these roles.
fn home(session: &Session) -> &'static str {
    let is_one_of = |roles: &[Role]| roles.iter().any(|role| session.account.has_role(*role));
    if is_one_of(Action::FindPeople.roles()) {
        "/portal"
    } else if is_one_of(ops::READERS) {
        "/ops"
    } else {
        "/"
    }
}

/// Ends the session and forgets the cookie.
pub async fn sign_out(
    State(portal): State<Arc<PortalWeb>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
) -> Response {
    if let Some(token) = cookie(&headers, SESSION_COOKIE) {
        portal.identity.sessions.end(token);
    }
    if let Some(session) = visitor.session() {
        let entry = Entry::of(session, Event::SignedOut, portal.clock.now());
        if portal.audit.append(entry).await.is_err() {
            tracing::error!("a sign-out is not in the audit trail, which cannot be written");
        }
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
    ([(header::SET_COOKIE, gone)], Redirect::to("/sign-in")).into_response()
}

fn form(
    portal: &PortalWeb,
    visitor: &Visitor,
    errors: Vec<FieldError>,
    (next, name): (String, String),
) -> Result<impl IntoResponse, WebError> {
    let title = if errors.is_empty() { "Sign in" } else { "Not signed in" };
    let now = portal.times().moment(portal.clock.now());
    let layout =
        Layout::new(title, Section::Portal, visitor, &now).at("").synthetic(portal.synthetic);
    let duty_line = portal.identity.sessions.directory().phones.duty_line.clone();
    let next = local(&next).unwrap_or_default().to_owned();
    page(&SignInPage { layout, errors, next, name, duty_line })
}

fn words(refused: &SignInError) -> (StatusCode, String) {
    match refused {
        SignInError::Wait(wait) => {
            let wait = in_words((*wait).max(Duration::from_secs(1)));
            let text = format!("Too many tries. Wait {wait}, then try again.");
            (StatusCode::TOO_MANY_REQUESTS, text)
        }
        SignInError::Wrong | SignInError::Failed => {
            let text = "Name, passphrase or code is wrong, or the account has ended. A code works \
                        once: wait for the next one.";
            (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned())
        }
    }
}

/// An address on this site: one that a browser cannot read as another host's.
fn local(next: &str) -> Option<&str> {
    let on_this_site = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains(['\\', '\r', '\n', '\t']);
    on_this_site.then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_leads_back_to_this_site_only() {
        assert_eq!(local("/portal/person/P-1"), Some("/portal/person/P-1"));
        for elsewhere in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/\t/x"]
        {
            assert_eq!(local(elsewhere), None, "{elsewhere}");
        }
    }
}
