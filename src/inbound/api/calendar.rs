//! Freezes for programs, and the address of one's own calendar.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::query::Asked;
use crate::desk::request::Ask;
use crate::inbound::app::App;
use crate::inbound::calendar::{address, freezes_around};
use crate::inbound::caller::Caller;
use crate::inbound::problem::Problem;
use crate::people::{PeopleCommand, secret};
use crate::procedure::model::Permission;

/// `GET /freezes`
pub(super) async fn freezes(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    Asked::of(&uri, &[])?;
    let snapshot = app.desk.snapshot();
    let freezes = snapshot.procedures.current().map(|library| library.organisation.estate.freezes.clone()).unwrap_or_default();
    let shown: Vec<Value> = freezes_around(&freezes, app.desk.now())
        .into_iter()
        .map(|f| json!({ "name": f.name, "why": f.why, "from": f.starts, "to": f.ends, "systems": f.systems }))
        .collect();
    Ok(Json(json!({ "freezes": shown })))
}

/// `POST /calendar`: a new address; the one before it stops.
pub(super) async fn issue(State(app): State<App>, uri: Uri, caller: Caller) -> Result<(StatusCode, Json<Value>), Problem> {
    Asked::of(&uri, &[])?;
    let shown = new_address(&app, &caller).await?;
    Ok((StatusCode::CREATED, Json(json!({ "address": shown }))))
}

/// Makes a new address, which is shown this once.
pub(in crate::inbound) async fn new_address(app: &App, caller: &Caller) -> Result<String, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    let key = app.desk.env().id("c");
    let minted = secret::mint_key(app.desk.env(), &key);
    let command = PeopleCommand::IssueCalendar { key, sha256: minted.sha256 };
    app.desk.ask(caller.request(Ask::People(command), None, "calendar", &[])).await?;
    Ok(address(app, &minted.shown))
}

/// `POST /calendar/stop`
pub(super) async fn stop(State(app): State<App>, uri: Uri, caller: Caller) -> Result<StatusCode, Problem> {
    Asked::of(&uri, &[])?;
    app.desk.allow(&caller.person, Permission::Read)?;
    app.desk.ask(caller.request(Ask::People(PeopleCommand::StopCalendar), None, "calendar-stop", &[])).await?;
    Ok(StatusCode::NO_CONTENT)
}
