//! `/auth/link`: whoever has just signed in gets a short code to type in chat, and sees which accounts are theirs.

use std::time::Duration;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::render::link_page;
use super::reply;
use super::routes::Visitor;
use super::session::LASTS;
use super::views::{AccountLine, LinkView};
use crate::card::words::capitalise;
use crate::desk::request::Ask;
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::people::PeopleCommand;

/// How long a code is good.
const CODE: Duration = Duration::from_secs(600);
/// Whoever signed in longer ago signs in once more: an open browser is not its owner.
const FRESH: Duration = Duration::from_secs(1_800);

/// The account to take back.
#[derive(Deserialize)]
pub(super) struct Chosen {
    account: String,
}

fn view(app: &App, caller: &Caller, code: Option<(String, Timestamp)>, refused: Option<String>) -> LinkView {
    let directory = app.desk.snapshot().directory;
    let line = |a: &crate::people::Account| AccountLine {
        id: a.state.id.clone(),
        platform: capitalise(&a.state.platform),
        handle: a.handle.clone(),
    };
    let until = code.as_ref().map(|(_, at)| at.utc().format("%H:%M UTC").to_string()).unwrap_or_default();
    LinkView {
        name: caller.person.name.clone(),
        accounts: directory.accounts_of(&caller.person.state.id).map(line).collect(),
        code: code.map(|(code, _)| code),
        until,
        refused,
    }
}

/// Shows what is linked, and offers a code.
pub(super) async fn page(State(app): State<App>, Visitor(caller): Visitor) -> Response {
    if app.desk.size().await.is_ok_and(|size| size > app.desk.snapshot().size) {
        app.desk.catch_up().await;
    }
    reply::html(StatusCode::OK, link_page(&view(&app, &caller, None, None)))
}

/// Whether the person signed in a short while ago.
async fn is_fresh(app: &App, caller: &Caller) -> bool {
    let Some(hash) = &caller.session else { return false };
    let Ok(Some((_, session))) = app.desk.session(hash).await else { return false };
    let Some(ends) = Timestamp::from_micros(session.expires_at) else { return false };
    ends.minus(LASTS).plus(FRESH) >= app.desk.now()
}

/// Gives a code.
pub(super) async fn give(State(app): State<App>, Visitor(caller): Visitor) -> Response {
    if !is_fresh(&app, &caller).await {
        let refused = "You signed in a while ago. Please sign out, sign in again, and ask for the code then.".to_owned();
        return reply::html(StatusCode::FORBIDDEN, link_page(&view(&app, &caller, None, Some(refused))));
    }
    let (code, hash) = app.desk.mint_code();
    let expires_at = app.desk.now().plus(CODE);
    match app.desk.ask(caller.request(Ask::IssueLinkCode { hash, expires_at }, None, "link", &[])).await {
        Ok(_) => reply::html(StatusCode::OK, link_page(&view(&app, &caller, Some((code, expires_at)), None))),
        Err(error) => reply::html(StatusCode::SERVICE_UNAVAILABLE, link_page(&view(&app, &caller, None, Some(error.to_string())))),
    }
}

/// Takes an account back.
pub(super) async fn take_back(
    State(app): State<App>,
    Visitor(caller): Visitor,
    headers: HeaderMap,
    Form(chosen): Form<Chosen>,
) -> Response {
    let reason = app.desk.seal("Taken back in the console by its owner.");
    let own = app.desk.snapshot().directory.accounts_of(&caller.person.state.id).any(|a| a.state.id == chosen.account);
    if !own {
        return reply::says(&app, &headers, StatusCode::NOT_FOUND, "Not yours", "That account is not linked to you.".to_owned());
    }
    let command = PeopleCommand::UnlinkAccount { account: chosen.account, reason };
    match app.desk.ask(caller.request(Ask::People(command), None, "unlink", &[])).await {
        Ok(_) => Redirect::to("/auth/link").into_response(),
        Err(error) => reply::says(&app, &headers, StatusCode::SERVICE_UNAVAILABLE, "That did not work", error.to_string()),
    }
}
