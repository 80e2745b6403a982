//! How the console answers: pages under the content policy, fragments for the script, redirects for browsers without
//! it. In one place: which refusal becomes which answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::assets::POLICY;
use super::render::{form_page, form_sheet, plain_page};
use super::view_of::Look;
use super::views::{FormView, Plain, ROOT};
use crate::card::form::Typed;
use crate::card::replies;
use crate::card::words::{Words, list};
use crate::desk::query::NoView;
use crate::desk::request::{Refused, Unanswered};
use crate::inbound::app::App;
use crate::inbound::caller::COOKIE;
use crate::inbound::problem::Problem;
use crate::procedure::model::Permission;

/// Where the script finds the page to go to after it sent something.
const LOCATION: HeaderName = HeaderName::from_static("x-location");

/// Whether the script asks: it wants the part, not the page.
pub(super) fn wants_fragment(headers: &HeaderMap) -> bool {
    headers.contains_key("x-fragment")
}

/// Whether the script asks from a place that shows a sentence but no form (the composer).
pub(super) fn wants_sentence(headers: &HeaderMap) -> bool {
    headers.contains_key("x-composer")
}

/// A page, or a part of one.
pub(super) fn html(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // With `no-referrer`, a form's Origin would be `null`, and our own page could not be told from another's.
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (status, headers, body).into_response()
}

/// A sentence for the script to show.
fn sentence(status: StatusCode, text: String) -> Response {
    (status, [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], text).into_response()
}

/// It is done. The script is told so (and where to go, when that is elsewhere); another browser is sent there.
pub(super) fn done(headers: &HeaderMap, to: &str, elsewhere: bool) -> Response {
    if !wants_fragment(headers) {
        return Redirect::to(to).into_response();
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let (true, Ok(to)) = (elsewhere, HeaderValue::from_str(to)) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// A form: as a part for the dialog, or as a page.
pub(super) fn form(status: StatusCode, headers: &HeaderMap, view: &FormView) -> Response {
    html(status, if wants_fragment(headers) { form_sheet(view) } else { form_page(view) })
}

/// Says one thing, on a page or to the script.
pub(super) fn says(app: &App, headers: &HeaderMap, status: StatusCode, title: &str, text: String) -> Response {
    if wants_fragment(headers) {
        return sentence(status, text);
    }
    let view = Plain {
        organisation: organisation(app),
        title: title.to_owned(),
        text: Words::of(text),
        command: None,
        way_on: ("Back to the desk".to_owned(), format!("{ROOT}/")),
        signed_in: holds_session(headers),
    };
    html(status, plain_page(&view, app.desk.now()))
}

/// Whether the browser holds a session's cookie; whether that is still good, the next page says.
fn holds_session(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    cookies.filter_map(|pair| pair.trim().split_once('=')).any(|(name, value)| name == COOKIE && !value.is_empty())
}

/// The first page of somebody who administers but may not see tickets: who they are, and what to do next.
pub(super) fn only_administers(look: &Look<'_>) -> Response {
    let organisation = &look.library.organisation;
    let held: Vec<String> = look.viewer.state.roles.iter().map(|role| role.replace('-', " ")).collect();
    let (subject, verb) = if held.len() == 1 { ("role", "works") } else { ("roles", "work") };
    let named = list(&held, "and");
    let working = organisation.roles.iter().filter(|(_, role)| role.may.contains(&Permission::Work)).map(|(name, _)| name.as_str());
    let role = working.clone().find(|name| *name == "responder").or_else(|| working.clone().next()).unwrap_or("ROLE");
    let add = format!("Your {subject}, {named}, {verb} no tickets in this profile. Add people who do at the command line:");
    let view = Plain {
        organisation: organisation.name.clone(),
        title: look.viewer.name.clone(),
        text: Words::of(add),
        command: Some(format!("countersign people add EMAIL --name NAME --role {role}")),
        way_on: ("People".to_owned(), format!("{ROOT}/people")),
        signed_in: true,
    };
    html(StatusCode::OK, plain_page(&view, look.now))
}

/// The organisation's name, or the product's before the first adoption.
pub(super) fn organisation(app: &App) -> String {
    app.desk.snapshot().procedures.current().map_or_else(|| "Countersign".to_owned(), |library| library.organisation.name.clone())
}

/// Nobody is signed in, or the request is another site's. A browser is led to the page to sign in; the script and the
/// stream of an open page are told.
pub(super) fn problem(app: &App, headers: &HeaderMap, problem: &Problem) -> Response {
    let status = problem.status();
    if status != StatusCode::UNAUTHORIZED {
        return says(app, headers, status, "That did not work", problem.detail.clone());
    }
    if wants_fragment(headers) || wants_stream(headers) {
        return sentence(status, replies::signed_out());
    }
    Redirect::to(&format!("{ROOT}/sign-in")).into_response()
}

/// Whether an open page asks for its stream.
fn wants_stream(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.contains("text/event-stream")
}

/// There is nothing to show.
pub(super) fn no_view(app: &App, headers: &HeaderMap, error: NoView) -> Response {
    let status = Problem::from(error).status();
    let (title, text) = match status {
        StatusCode::NOT_FOUND => ("Not found", replies::not_found()),
        StatusCode::FORBIDDEN => ("Not for you", NoView::NotAllowed.to_string()),
        _ => ("Not available", "I cannot look that up now; please try again in a minute.".to_owned()),
    };
    says(app, headers, status, title, text)
}

/// A request was refused or not stored. A form is shown again with everything that was typed; one click gets a sentence.
pub(super) fn unanswered(app: &App, headers: &HeaderMap, error: Unanswered, again: Option<(FormView, Typed)>) -> Response {
    let fields = match &error {
        Unanswered::Refused(Refused::Ticket(refusal)) => refusal.fields(),
        _ => Default::default(),
    };
    let text = error.to_string();
    let status = Problem::from(error).status();
    let Some((mut view, mut typed)) = again.filter(|(view, _)| !view.form.fields.is_empty() && !wants_sentence(headers)) else {
        return says(app, headers, status, "That was not recorded", text);
    };
    typed.errors.extend(fields);
    typed.error = Some(text);
    view.form = view.form.with(&typed);
    view.dedupe = app.desk.env().id("");
    form(status, headers, &view)
}
