//! Signing in by a one-time link, being one of the example people in the demonstration, and signing out.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Extension;
use axum::extract::{ConnectInfo, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::render::sign_in_page;
use super::reply;
use super::routes::Visitor;
use super::view_of::stand_ins;
use super::views::{ROOT, SignIn as SignInView};
use crate::desk::request::{Ask, Refused, Request, SignIn, Unanswered, Who};
use crate::inbound::app::App;
use crate::inbound::caller::{COOKIE, client_ip, from_own_page};
use crate::people::secret;
use crate::ticket::event::Via;

/// How long a session lasts.
pub(super) const LASTS: Duration = Duration::from_secs(12 * 60 * 60);

type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

/// The secret of a one-time link.
#[derive(Deserialize)]
pub(super) struct Token {
    token: Option<String>,
}

/// The person to be, in the demonstration.
#[derive(Deserialize)]
pub(super) struct Chosen {
    person: String,
}

/// The page of a one-time link. Looking at it uses nothing up: mail scanners look, people click.
pub(super) async fn page(State(app): State<App>, Query(Token { token }): Query<Token>) -> Response {
    let token = token.filter(|token| token.len() <= 200);
    reply::html(StatusCode::OK, sign_in_page(&view(&app, token, None)))
}

fn view(app: &App, token: Option<String>, refused: Option<String>) -> SignInView {
    SignInView { organisation: reply::organisation(app), token, stand_ins: stand_ins(app), refused }
}

/// Uses a one-time link up.
pub(super) async fn sign_in(State(app): State<App>, peer: Peer, headers: HeaderMap, Form(Token { token }): Form<Token>) -> Response {
    let link = secret::hash(token.as_deref().unwrap_or_default());
    start(&app, peer, &headers, Some(link), None).await
}

/// Becomes one of the example people.
pub(super) async fn be(State(app): State<App>, peer: Peer, headers: HeaderMap, Form(Chosen { person }): Form<Chosen>) -> Response {
    if !app.demo {
        let text = Refused::NotADemo.to_string();
        return reply::says(&app, &headers, StatusCode::FORBIDDEN, "Not here", text);
    }
    start(&app, peer, &headers, None, Some(person)).await
}

async fn start(app: &App, peer: Peer, headers: &HeaderMap, link: Option<String>, person: Option<String>) -> Response {
    if !from_own_page(headers) {
        let text = "This request was made by another site's page; use the console itself.".to_owned();
        return reply::says(app, headers, StatusCode::FORBIDDEN, "Not here", text);
    }
    let method = if link.is_some() { "link" } else { "demo" };
    let minted = secret::mint(app.desk.env());
    let sign_in =
        SignIn { link, person, session: minted.sha256, session_id: app.desk.env().id("s_"), expires_at: app.desk.now().plus(LASTS) };
    let request = Request {
        // Nobody is known yet: the desk makes the event the person's, once the link has proved who it is.
        who: Who::Scheduler,
        via: Via { surface: "console".to_owned(), auth: method.to_owned(), credential: Some(sign_in.session_id.clone()) },
        ip: client_ip(&app.config, headers, peer.map(|p| p.0.0)).map(|ip| app.desk.seal(ip.to_string())),
        envelope: None,
        dedupe: None,
        ask: Ask::SignIn(sign_in),
    };
    match app.desk.ask(request).await {
        Ok(_) => with_cookie(app, Some(&minted.shown), back(headers)),
        Err(error) => {
            if matches!(error, Unanswered::Refused(Refused::LinkSpent)) {
                app.desk.count_forgery("console", "spent link");
            }
            reply::html(StatusCode::UNAUTHORIZED, sign_in_page(&view(app, None, Some(error.to_string()))))
        }
    }
}

/// Where a switch of person came from, if that is a page of the desk.
fn back(headers: &HeaderMap) -> String {
    let from = headers.get(header::REFERER).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let path = from.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or_default();
    if let Some(page) = ["/console/inbox", "/console/try"].into_iter().find(|page| path == *page) {
        return page.to_owned();
    }
    let ticket = path.strip_prefix("/console/c/").filter(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    ticket.map_or_else(|| format!("{ROOT}/"), |number| format!("{ROOT}/c/{number}"))
}

/// Ends the session at once, everywhere.
pub(super) async fn sign_out(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    if let Some(hash) = caller.session.clone()
        && let Err(error) = app.desk.ask(caller.request(Ask::SignOut { hash }, None, "sign-out", &[])).await
    {
        return reply::says(&app, &headers, StatusCode::SERVICE_UNAVAILABLE, "Still signed in", error.to_string());
    }
    with_cookie(&app, None, format!("{ROOT}/sign-in"))
}

/// Sets the session's cookie, or takes it away, and goes to `to`.
fn with_cookie(app: &App, token: Option<&str>, to: String) -> Response {
    let secure = if app.config.public_url.starts_with("https:") { "; Secure" } else { "" };
    let (value, lasts) = token.map_or(("", 0), |token| (token, LASTS.as_secs()));
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={lasts}{secure}");
    let mut response = Redirect::to(&to).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_person_goes_back_to_a_ticket_and_nowhere_else() {
        let from = |referer: &str| back(&HeaderMap::from_iter([(header::REFERER, HeaderValue::from_str(referer).expect("a header"))]));
        assert_eq!(from("http://127.0.0.1:8080/console/c/INC-000042"), "/console/c/INC-000042");
        for elsewhere in ["https://evil.example/", "http://x/console/c/../../admin", "http://x/console/people", "//", ""] {
            assert_eq!(from(elsewhere), "/console/", "{elsewhere}");
        }
    }
}
