//! `/console/calendar`: freezes ahead, and the address at which one's own calendar finds them.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

use super::render::calendar_page;
use super::reply;
use super::routes::Visitor;
use super::views::{CalendarView, FreezeLine, ROOT};
use crate::desk::request::Ask;
use crate::inbound::api::calendar::new_address;
use crate::inbound::app::App;
use crate::inbound::calendar::freezes_around;
use crate::inbound::caller::Caller;
use crate::people::PeopleCommand;
use crate::procedure::model::Permission;

/// Freezes that the page shows.
const SHOWN: usize = 30;

fn view(app: &App, caller: &Caller, address: Option<String>, refused: Option<String>) -> CalendarView {
    let snapshot = app.desk.snapshot();
    let now = app.desk.now();
    let freezes = snapshot.procedures.current().map(|library| library.organisation.estate.freezes.clone()).unwrap_or_default();
    let ahead = freezes_around(&freezes, now).into_iter().filter(|f| f.ends > now).take(SHOWN);
    let line = |f: &crate::procedure::estate::Freeze| FreezeLine {
        name: f.name.clone(),
        why: f.why.clone(),
        systems: f.systems.join(", "),
        starts: f.starts,
        ends: f.ends,
    };
    let has_address = snapshot.directory.active(&caller.person.state.id).is_some_and(|p| p.calendar_keys().next().is_some());
    CalendarView { freezes: ahead.map(line).collect(), address, has_address, refused }
}

/// Shows what is frozen.
pub(super) async fn page(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    match app.desk.allow(&caller.person, Permission::Read) {
        Ok(()) => reply::html(StatusCode::OK, calendar_page(&view(&app, &caller, None, None), app.desk.now())),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

/// Makes a new address, which is shown this once.
pub(super) async fn make(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    if let Err(error) = app.desk.allow(&caller.person, Permission::Read) {
        return reply::no_view(&app, &headers, error);
    }
    match new_address(&app, &caller).await {
        Ok(address) => reply::html(StatusCode::OK, calendar_page(&view(&app, &caller, Some(address), None), app.desk.now())),
        Err(problem) => {
            let page = calendar_page(&view(&app, &caller, None, Some(problem.detail)), app.desk.now());
            reply::html(StatusCode::SERVICE_UNAVAILABLE, page)
        }
    }
}

/// The address opens nothing any more.
pub(super) async fn stop(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    match app.desk.ask(caller.request(Ask::People(PeopleCommand::StopCalendar), None, "calendar-stop", &[])).await {
        Ok(_) => Redirect::to(&format!("{ROOT}/calendar")).into_response(),
        Err(error) => reply::says(&app, &headers, StatusCode::SERVICE_UNAVAILABLE, "That did not work", error.to_string()),
    }
}
