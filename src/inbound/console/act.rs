//! Forms shown and sent: every action of a card, and declaring.

use axum::extract::{Form as Body, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;

use super::reply;
use super::routes::{Visitor, number};
use super::typed::{self, Data, Reading};
use super::view_of::{Look, Pinned};
use super::views::{FormView, ROOT};
use crate::card::action_form;
use crate::card::buttons::Action;
use crate::card::form::{Choice, Form, Typed};
use crate::card::freezes;
use crate::desk::query::NoView;
use crate::desk::request::Ask;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::procedure::model::Kind;
use crate::ticket::command::Command;
use crate::ticket::number::Number;

/// Pairs as a browser sends them.
type Pairs = Vec<(String, String)>;

/// What a button was bound to when it was shown.
#[derive(Deserialize)]
pub(super) struct Shown {
    binding: Option<String>,
}

fn no_such() -> NoView {
    NoView::NotFound("such action".to_owned())
}

/// The form of an action on a ticket, as it stands now.
pub(in crate::inbound) fn form_of(look: &Look<'_>, pinned: &Pinned, action: &str) -> Result<Form, NoView> {
    let action: Action = action.parse().map_err(|_| no_such())?;
    let people = look.people();
    look.scene(pinned, |scene| action_form::form(scene, &action, &people, &look.library.organisation)).ok_or_else(no_such)
}

/// A form with its key against double clicks.
pub(super) fn view_of(look: &Look<'_>, form: Form, number: Option<String>) -> FormView {
    FormView { form, number, kinds: Vec::new(), dedupe: look.app.desk.env().id(""), now: look.now }
}

/// Shows a form. It keeps the binding of the button that opened it: what the person saw counts.
pub(super) async fn show(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path((name, action)): Path<(String, String)>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
) -> Response {
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let pinned = look.ticket(&number(&name)?).await?;
        let mut form = form_of(&look, &pinned, &action)?;
        // A decision counts for what its own form shows.
        let seen = shown.binding.filter(|b| b.len() == 64 && !matches!(form.action, Action::Decide(_)));
        form.binding = form.binding.map(|now| seen.unwrap_or(now));
        Ok(view_of(&look, form, Some(pinned.ticket.number.to_string())))
    };
    match made.await {
        Ok(view) => reply::form(StatusCode::OK, &headers, &view),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

/// Takes what a form or a one-click button sends.
pub(super) async fn take(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path((name, action)): Path<(String, String)>,
    headers: HeaderMap,
    Body(pairs): Body<Pairs>,
) -> Response {
    let data = Data::of(pairs.clone());
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let pinned = look.ticket(&number(&name)?).await?;
        let form = form_of(&look, &pinned, &action)?;
        let read = {
            let salt = || app.desk.env().bytes();
            let reading = Reading { data: &data, salt: &salt, library: &look.library };
            look.scene(&pinned, |scene| {
                if saving(&form, &data) { typed::save(scene, &form, &reading) } else { typed::command(scene, &form, &reading) }
            })
        };
        Ok((view_of(&look, form, Some(pinned.ticket.number.to_string())), read, pinned.ticket.number))
    };
    match made.await {
        Ok((view, Ok(command), number)) => match ask(&app, &caller, command, &data, &format!("{number} {action}"), &pairs).await {
            Ok(answer) => {
                let own = number.to_string();
                // A form on a ticket may open another one: that is where one goes on.
                let opened = action.starts_with("offer.").then(|| answer.tickets.into_iter().find(|ticket| *ticket != own)).flatten();
                let on = opened.map_or_else(|| back_to(&data, &number), |opened| format!("{ROOT}/c/{opened}"));
                reply::done(&headers, &on, false)
            }
            Err(error) => reply::unanswered(&app, &headers, error, Some((view, data.typed()))),
        },
        Ok((view, Err(wrong), _)) => wrongly_typed(&app, &headers, view, &wrong),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

/// Where somebody came from: the inbox, or the ticket's own page.
fn back_to(data: &Data, number: &Number) -> String {
    if data.one("back") == Some("inbox") { format!("{ROOT}/inbox") } else { format!("{ROOT}/c/{number}") }
}

/// Whether the fields are to be kept without taking the step.
fn saving(form: &Form, data: &Data) -> bool {
    form.save.is_some() && data.one("instead") == Some("save")
}

/// The form again, with everything that was typed and each error at its field.
pub(super) fn wrongly_typed(app: &App, headers: &HeaderMap, mut view: FormView, wrong: &Typed) -> Response {
    view.form = view.form.with(wrong);
    if view.form.fields.is_empty() || reply::wants_sentence(headers) {
        let text = wrong.error.iter().chain(wrong.errors.values()).cloned().collect::<Vec<_>>().join(" ");
        return reply::says(app, headers, StatusCode::UNPROCESSABLE_ENTITY, "That was not recorded", text);
    }
    reply::form(StatusCode::UNPROCESSABLE_ENTITY, headers, &view)
}

/// Asks the desk, once for every key: the same form sent twice is recorded once.
async fn ask(
    app: &App,
    caller: &Caller,
    command: Command,
    data: &Data,
    what: &str,
    pairs: &Pairs,
) -> Result<crate::desk::request::Answer, crate::desk::request::Unanswered> {
    let body = serde_json::to_vec(pairs).unwrap_or_default();
    let key = data.one("dedupe").filter(|key| key.len() <= 200);
    app.desk.ask(caller.request(Ask::Ticket(Box::new(command)), key, what, &body)).await
}

/// The kind to open: the one that was named, or the first that the person may open.
fn kind_of<'l>(look: &'l Look<'_>, named: Option<&str>) -> Result<&'l Kind, NoView> {
    let kinds = look.declarable();
    let found = named.map_or_else(|| kinds.first(), |named| kinds.iter().find(|kind| kind.name == named));
    found.copied().ok_or_else(no_such)
}

fn declare_view(look: &Look<'_>, kind: &Kind) -> FormView {
    let responses: Vec<Choice> = look
        .library
        .responses
        .iter()
        .filter(|response| response.kind == kind.name)
        .map(|response| Choice { value: response.name.clone(), label: response.title.clone() })
        .collect();
    let mut form = action_form::declare_form(kind, &look.library.taxonomies, &look.people(), &responses);
    form.notices.extend(freezes::ahead(kind, &look.library.organisation, look.now));
    let others = look.declarable().into_iter().filter(|other| other.name != kind.name);
    let kinds = others.map(|other| (other.title.clone(), format!("{ROOT}/declare/{}", other.name))).collect();
    FormView { kinds, ..view_of(look, form, None) }
}

/// Shows the form that opens a ticket by hand, of the first kind.
pub(super) async fn show_declare(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    show_kind(&app, &caller, None, &headers)
}

/// Shows the form that opens a ticket of this kind by hand.
pub(super) async fn show_declare_kind(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(kind): Path<String>,
    headers: HeaderMap,
) -> Response {
    show_kind(&app, &caller, Some(&kind), &headers)
}

fn show_kind(app: &App, caller: &Caller, kind: Option<&str>, headers: &HeaderMap) -> Response {
    let made = Look::new(app, &caller.person).and_then(|look| Ok(declare_view(&look, kind_of(&look, kind)?)));
    match made {
        Ok(view) => reply::form(StatusCode::OK, headers, &view),
        Err(error) => reply::no_view(app, headers, error),
    }
}

/// Opens a ticket by hand.
pub(super) async fn declare(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path(kind): Path<String>,
    headers: HeaderMap,
    Body(pairs): Body<Pairs>,
) -> Response {
    let data = Data::of(pairs.clone());
    let made = Look::new(&app, &caller.person).and_then(|look| {
        let kind = kind_of(&look, Some(&kind))?;
        let view = declare_view(&look, kind);
        let salt = || app.desk.env().bytes();
        let read = typed::declare(kind, &view.form, &Reading { data: &data, salt: &salt, library: &look.library }, look.now);
        Ok((view, read))
    });
    match made {
        Ok((view, Ok(command))) => match ask(&app, &caller, command, &data, &format!("declare {kind}"), &pairs).await {
            Ok(answer) => {
                let to = answer.tickets.first().map_or_else(|| format!("{ROOT}/"), |number| format!("{ROOT}/c/{number}"));
                reply::done(&headers, &to, true)
            }
            Err(error) => reply::unanswered(&app, &headers, error, Some((view, data.typed()))),
        },
        Ok((view, Err(wrong))) => wrongly_typed(&app, &headers, view, &wrong),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}
