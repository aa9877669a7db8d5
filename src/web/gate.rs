//! Who asks, and whether this route is for them: in front of every handler, from the route table.
//!
//! It decides by session and role alone. What of a case record somebody may see is
//! `domain::access`'s decision, made later and per record.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::domain::network::Network;
use crate::domain::session::{Role, Session};

use super::error::WebError;

/// The session's cookie. The prefix binds it to this host, to `/` and to TLS or loopback.
pub const SESSION_COOKIE: &str = "__Host-holdfast";

/// Finds the live session that a cookie's value names, and counts the request as activity.
pub trait Sessions: Send + Sync {
    fn find(&self, token: &str, now: Timestamp) -> Option<Session>;
}

/// What a route asks of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Anybody: no case data, nothing that names a person of the public.
    Public,
    /// Machines in the networks that the installation names for metrics: no case data, yet a map
    /// of what is watched.
    MetricsNetworks,
    /// Whoever holds the link; its signature is checked by the handler.
    SignedLink,
    /// Anybody signed in; the handler decides by record.
    SignedIn,
    /// Somebody signed in with one of these roles.
    Roles(&'static [Role]),
}

/// Who asks: perhaps somebody signed in, from an address where it is known.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    session: Option<Arc<Session>>,
    address: Option<IpAddr>,
}

impl Visitor {
    #[must_use]
    pub fn new(session: Option<Session>, address: Option<IpAddr>) -> Self {
        Self { session: session.map(Arc::new), address }
    }

    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.session.as_deref()
    }

    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The session of a route that asks for one.
    ///
    /// # Errors
    /// When nobody is signed in.
    pub fn signed_in(&self) -> Result<&Session, WebError> {
        self.session().ok_or(WebError::SignIn { next: None })
    }
}

impl Decision {
    /// Whether `visitor` may pass as far as session and role go; `next` is where to lead back to
    /// after signing in.
    ///
    /// # Errors
    /// [`WebError::SignIn`] without a session, [`WebError::Forbidden`] with the wrong role.
    pub fn check(self, visitor: &Visitor, next: Option<&str>) -> Result<(), WebError> {
        let roles = match self {
            Self::Public | Self::SignedLink | Self::MetricsNetworks => return Ok(()),
            Self::SignedIn => None,
            Self::Roles(roles) => Some(roles),
        };
        let Some(session) = visitor.session() else {
            return Err(WebError::SignIn { next: next.map(str::to_owned) });
        };
        match roles {
            Some(roles) if !roles.iter().any(|role| session.account.has_role(*role)) => {
                let titles: Vec<&str> = roles.iter().map(|role| role.title()).collect();
                Err(WebError::Forbidden(format!(
                    "It is for: {}. You are signed in as {}, {}. If you need it, ring operations.",
                    titles.join(", "),
                    session.account.name,
                    session.titles()
                )))
            }
            _ => Ok(()),
        }
    }
}

/// What the gate works with; cheap to clone.
#[derive(Clone)]
pub struct Gate {
    pub clock: Clock,
    pub sessions: Arc<dyn Sessions>,
    /// For [`Decision::MetricsNetworks`].
    pub metrics_networks: Arc<[Network]>,
}

impl Gate {
    /// Whether `visitor` may pass; `next` is where to lead back to after signing in.
    ///
    /// # Errors
    /// As [`Decision::check`], and [`WebError::Forbidden`] from an address of no named network.
    pub fn admit(
        &self,
        decision: Decision,
        visitor: &Visitor,
        next: Option<&str>,
    ) -> Result<(), WebError> {
        let is_near = || {
            let networks = &self.metrics_networks;
            visitor.address().is_some_and(|at| networks.iter().any(|near| near.contains(at)))
        };
        if decision == Decision::MetricsNetworks && !is_near() {
            let why = "Metrics answer to the networks that 'metrics_networks' names.";
            return Err(WebError::Forbidden(why.to_owned()));
        }
        decision.check(visitor, next)
    }
}

/// Middleware: finds the visitor, decides, and hands the visitor on as an extension.
pub async fn enforce(
    State((gate, decision)): State<(Gate, Decision)>,
    mut request: Request,
    next: Next,
) -> Result<Response, WebError> {
    if !request.method().is_safe() {
        refuse_other_origins(request.headers())?;
    }
    let session = cookie(request.headers(), SESSION_COOKIE)
        .and_then(|token| gate.sessions.find(token, gate.clock.now()));
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let visitor = Visitor::new(session, address);
    let back = (request.method() == Method::GET)
        .then(|| request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned());
    gate.admit(decision, &visitor, back.as_deref())?;
    request.extensions_mut().insert(visitor);
    Ok(next.run(request).await)
}

/// A form of another site must not act for somebody signed in here. Browsers say where a request
/// comes from; something that is no browser says nothing and holds no cookie of a browser.
fn refuse_other_origins(headers: &HeaderMap) -> Result<(), WebError> {
    let refused = || Err(WebError::Forbidden("The form was sent from another site.".into()));
    match text(headers, "sec-fetch-site") {
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return refused(),
        None => {}
    }
    match (text(headers, header::ORIGIN.as_str()), text(headers, header::HOST.as_str())) {
        (None, _) => Ok(()),
        (Some(origin), Some(host))
            if origin.split_once("://").is_some_and(|(_, there)| there == host) =>
        {
            Ok(())
        }
        _ => refused(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The value of the cookie called `name`.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn forms_of_other_sites_are_refused() {
        let refused = |pairs: &[_]| refuse_other_origins(&headers(pairs)).is_err();
        assert!(refused(&[("sec-fetch-site", "cross-site")]));
        assert!(refused(&[("sec-fetch-site", "same-site")]));
        assert!(refused(&[("origin", "https://evil.example"), ("host", "holdfast.example")]));
        assert!(refused(&[("origin", "null"), ("host", "holdfast.example")]));
        assert!(!refused(&[("sec-fetch-site", "same-origin")]));
        assert!(!refused(&[("origin", "https://holdfast.example"), ("host", "holdfast.example")]));
        assert!(!refused(&[("host", "holdfast.example")]));
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = headers(&[("cookie", "xoffice=a; office=noarlunga"), ("cookie", "b=c")]);
        assert_eq!(cookie(&headers, "office"), Some("noarlunga"));
        assert_eq!(cookie(&headers, "b"), Some("c"));
        assert_eq!(cookie(&headers, "fice"), None);
    }
}
