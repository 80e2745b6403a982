//! Who asks: the bearer of an API key, or the holder of a session cookie. Verified here, looked up again under the
//! head's lock.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use sha2::{Digest, Sha256};

use super::app::App;
use super::code::Code;
use super::hooks::auth::verify_source;
use super::problem::Problem;
use crate::config::Auth;
use crate::config::Config;
use crate::desk::request::{Ask, Dedupe, Request, Who};
use crate::ledger::sealed::Sealed;
use crate::people::{Person, secret};
use crate::ticket::event::Via;

/// Name of the session cookie.
pub const COOKIE: &str = "countersign_session";

/// A verified person and the way they came.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The person.
    pub person: Person,
    /// `api` or `console`.
    pub via: Via,
    /// The client's address, sealed.
    pub ip: Option<Sealed>,
    /// SHA-256 of the session's token, for signing out; none with a key.
    pub session: Option<String>,
}

/// The client's address: the connection's, or what a trusted proxy in front of us says it is.
#[must_use]
pub fn client_ip(config: &Config, headers: &HeaderMap, peer: Option<SocketAddr>) -> Option<IpAddr> {
    let mut address = peer?.ip();
    let trusted = |ip: IpAddr| config.trusted_proxies.iter().any(|range| range.contains(ip));
    let forwarded: Vec<IpAddr> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .filter_map(|v| v.trim().parse().ok())
        .collect();
    for next in forwarded.into_iter().rev() {
        if !trusted(address) {
            break;
        }
        address = next;
    }
    Some(address)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The session cookie's value.
#[must_use]
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// Whether a request that changes something comes from our own page: browsers say so, and a page elsewhere cannot make
/// them say otherwise.
#[must_use]
pub fn from_own_page(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site").and_then(|v| v.to_str().ok()) {
        return matches!(site, "same-origin" | "none");
    }
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok());
    match (headers.get(header::ORIGIN).and_then(|v| v.to_str().ok()), host) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, rest)| rest == host),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// The source whose bearer token this is.
fn source_of<'a>(app: &'a App, headers: &HeaderMap) -> Option<&'a str> {
    let proves = |auth: &Auth| matches!(auth, Auth::Bearer { .. }) && verify_source(auth, headers, None, b"", app.desk.now()).is_ok();
    app.config.sources.iter().find(|s| proves(&s.auth)).map(|s| s.name.as_str())
}

impl Caller {
    /// Who asks, if anybody proves to be somebody.
    ///
    /// # Errors
    /// 401 with what to do.
    pub async fn of(app: &App, method: &Method, headers: &HeaderMap, peer: Option<SocketAddr>) -> Result<Self, Problem> {
        let ip = client_ip(&app.config, headers, peer).map(|ip| app.desk.seal(ip.to_string()));
        if let Some(token) = bearer(headers) {
            let mut snapshot = app.desk.snapshot();
            if app.desk.size().await.is_ok_and(|size| size > snapshot.size) {
                // Another process may have issued the key a moment ago, or disabled its person.
                app.desk.catch_up().await;
                snapshot = app.desk.snapshot();
            }
            let Some((person, key)) = snapshot.directory.by_key(token) else {
                if let Some(source) = source_of(app, headers) {
                    let detail = format!(
                        "This is the token of the source {source}: it posts alerts to /hooks/{source}, and opens nothing else. Use a person's key."
                    );
                    return Err(Problem::new(StatusCode::FORBIDDEN, Code::NotAllowed, &detail));
                }
                app.desk.count_forgery("api", "wrong key");
                return Err(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    Code::NotAuthentic,
                    "This API key opens nothing: it is wrong, revoked, or its person was disabled.",
                ));
            };
            let via = Via { surface: "api".to_owned(), auth: "key".to_owned(), credential: Some(key) };
            return Ok(Self { person: person.clone(), via, ip, session: None });
        }
        let Some(token) = cookie(headers) else {
            let detail = "Sign in at the console, or send an API key: Authorization: Bearer cs_…";
            return Err(Problem::new(StatusCode::UNAUTHORIZED, Code::NotAuthentic, detail));
        };
        if !method.is_safe() && !from_own_page(headers) {
            app.desk.count_forgery("console", "foreign page");
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                Code::ForeignPage,
                "This request was made by another site's page; use the console itself.",
            ));
        }
        let hash = secret::hash(token);
        match app.desk.session(&hash).await {
            Ok(Some((person, session))) => {
                let via = Via { surface: "console".to_owned(), auth: "session".to_owned(), credential: Some(session.id) };
                Ok(Self { person, via, ip, session: Some(hash) })
            }
            Ok(None) => {
                app.desk.count_forgery("console", "no such session");
                Err(Problem::new(
                    StatusCode::UNAUTHORIZED,
                    Code::SignedOut,
                    "You are signed out. Sign in again; what you typed is kept in the page.",
                ))
            }
            Err(error) => {
                tracing::error!(%error, "a session could not be looked up");
                Err(Problem::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    Code::NotAvailable,
                    "I cannot look up who you are now; please try again in a minute.",
                ))
            }
        }
    }

    /// A request of this person. `key` is the retry's key, `what` the action and `body` its content: the same key with
    /// another body is refused.
    #[must_use]
    pub fn request(&self, ask: Ask, key: Option<&str>, what: &str, body: &[u8]) -> Request {
        let dedupe = key.map(|key| {
            let key = hex::encode(Sha256::digest(format!("{}\n{what}\n{key}", self.person.state.id)));
            Dedupe { key: format!("person:{key}"), digest: hex::encode(Sha256::digest(body)) }
        });
        Request {
            who: Who::Person { id: self.person.state.id.clone() },
            via: self.via.clone(),
            ip: self.ip.clone(),
            envelope: None,
            dedupe,
            ask,
        }
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|c| c.0);
        Self::of(app, &parts.method, &parts.headers, peer).await
    }
}
