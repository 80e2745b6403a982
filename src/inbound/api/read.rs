//! What programs can read. Cursors are positions in the log, so they stay right while others write.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::number;
use super::shown;
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::problem::Problem;
use crate::procedure::model::Permission;

/// Rows of a page, unless asked otherwise.
const PAGE: i64 = 100;
/// Rows of a page at most.
const MOST: i64 = 1000;

/// Bytes of a name at most.
const MOST_NAME: usize = 256;

/// Which tickets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    open: bool,
    after: Option<i64>,
    limit: Option<i64>,
}

/// Which page.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    after: Option<i64>,
    limit: Option<i64>,
}

fn limit(asked: Option<i64>) -> Result<i64, Problem> {
    match asked {
        None => Ok(PAGE),
        Some(n) if (1..=MOST).contains(&n) => Ok(n),
        Some(_) => Err(Problem::bad_request(format!("limit is 1 to {MOST}."))),
    }
}

/// A name as it stands in a query or a path: nothing that could not be one reaches the database.
fn name(what: &str, text: &str) -> Result<(), Problem> {
    if text.len() <= MOST_NAME && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Problem::bad_request(format!("{what} is a name of at most {MOST_NAME} bytes without control characters.")))
}

/// The cursor of the next page: none when this one was not full.
fn next<T>(rows: &[T], limit: i64, position: impl Fn(&T) -> i64) -> Option<i64> {
    if i64::try_from(rows.len()).unwrap_or(0) == limit { rows.last().map(position) } else { None }
}

pub(super) async fn me(State(app): State<App>, caller: Caller) -> Json<Value> {
    let snapshot = app.desk.snapshot();
    let organisation = snapshot.procedures.current().map(|l| &l.organisation);
    let may = |p: Permission| organisation.is_some_and(|o| caller.person.may(o, p));
    let may: Vec<Permission> =
        [Permission::Read, Permission::Work, Permission::Export, Permission::Administer].into_iter().filter(|p| may(*p)).collect();
    let person = &caller.person;
    Json(json!({ "id": person.state.id, "name": person.name, "email": person.email, "roles": person.state.roles, "may": may }))
}

pub(super) async fn people(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    let snapshot = app.desk.snapshot();
    let people: Vec<Value> = snapshot
        .directory
        .iter()
        .map(|p| json!({ "id": p.state.id, "name": p.name, "roles": p.state.roles, "disabled": p.state.disabled }))
        .collect();
    Ok(Json(json!({ "people": people })))
}

pub(super) async fn kinds(State(app): State<App>, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    let snapshot = app.desk.snapshot();
    let kinds: Vec<Value> =
        snapshot.procedures.current().into_iter().flat_map(|l| l.kinds.values()).map(|k| super::openapi::kind(k)).collect();
    Ok(Json(json!({ "kinds": kinds })))
}

pub(super) async fn tickets(State(app): State<App>, Query(which): Query<Which>, caller: Caller) -> Result<Json<Value>, Problem> {
    let (limit, after) = (limit(which.limit)?, which.after.unwrap_or(-1));
    name("kind", &which.kind)?;
    name("status", &which.status)?;
    let rows = if which.open && which.kind.is_empty() && which.status.is_empty() {
        app.desk.tickets_open(&caller.person, after, limit).await?
    } else {
        app.desk.tickets(&caller.person, after, &which.kind, &which.status, limit).await?
    };
    let mut tickets = Vec::with_capacity(rows.len());
    for (_, ticket) in rows.iter().filter(|(_, t)| !which.open || !t.ended) {
        let texts = app.desk.title_texts(&caller.person, ticket).await?;
        tickets.push(shown::summary(ticket, &texts));
    }
    Ok(Json(json!({ "tickets": tickets, "next": next(&rows, limit, |(seq, _)| *seq) })))
}

pub(super) async fn ticket(State(app): State<App>, Path(ticket): Path<String>, caller: Caller) -> Result<Json<Value>, Problem> {
    let ticket = app.desk.ticket(&caller.person, &number(&ticket)?).await?;
    let texts = app.desk.texts(&caller.person, &ticket).await?;
    Ok(Json(shown::ticket(&ticket, &texts, &app.desk.snapshot())))
}

pub(super) async fn events(
    State(app): State<App>,
    Path(ticket): Path<String>,
    Query(page): Query<Page>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let limit = limit(page.limit)?;
    let history = app.desk.history(&caller.person, &number(&ticket)?, page.after.unwrap_or(0), limit).await?;
    let events: Vec<Value> = history
        .iter()
        .map(|told| {
            let mut event = serde_json::to_value(&told.event).unwrap_or_default();
            event["texts"] = json!(told.texts);
            event
        })
        .collect();
    Ok(Json(json!({ "events": events, "next": next(&history, limit, |t| t.event.rev.unwrap_or(0)) })))
}

pub(super) async fn alerts(State(app): State<App>, Path(ticket): Path<String>, caller: Caller) -> Result<Json<Value>, Problem> {
    let number = number(&ticket)?;
    app.desk.ticket(&caller.person, &number).await?;
    let alerts: Vec<Value> = app
        .desk
        .alerts(&caller.person, &number)
        .await?
        .into_iter()
        .map(|(id, mut record)| {
            record["id"] = json!(id);
            record
        })
        .collect();
    Ok(Json(json!({ "alerts": alerts })))
}

pub(super) async fn alert(
    State(app): State<App>,
    Path((source, fingerprint)): Path<(String, String)>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    name("A source", &source)?;
    name("A fingerprint", &fingerprint)?;
    Ok(Json(app.desk.alert(&caller.person, &source, &fingerprint).await?))
}

pub(super) async fn delivery(State(app): State<App>, Path(delivery): Path<i64>, caller: Caller) -> Result<Json<Value>, Problem> {
    let (source, at, alerts) = app.desk.delivery(&caller.person, delivery).await?;
    Ok(Json(json!({ "delivery": delivery, "source": source, "received_at": Timestamp::from_micros(at), "alerts": alerts })))
}
