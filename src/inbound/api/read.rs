//! What programs can read. Cursors are positions in the log, so they stay right while others write.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde_json::{Value, json};

use super::body::number;
use super::query::{Asked, wrong};
use super::shown;
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::console::view_of::Look;
use crate::inbound::inbox;
use crate::inbound::problem::Problem;
use crate::procedure::model::Permission;

/// Bytes of a name at most.
const MOST_NAME: usize = 256;

/// A name as it stands in a path: nothing that could not be one reaches the database.
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

pub(super) async fn me(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    Asked::of(&uri, &[])?;
    let snapshot = app.desk.snapshot();
    let organisation = snapshot.procedures.current().map(|l| &l.organisation);
    let may = |p: Permission| organisation.is_some_and(|o| caller.person.may(o, p));
    let may: Vec<Permission> =
        [Permission::Read, Permission::Work, Permission::Export, Permission::Administer].into_iter().filter(|p| may(*p)).collect();
    let person = &caller.person;
    Ok(Json(json!({ "id": person.state.id, "name": person.name, "email": person.email, "roles": person.state.roles, "may": may })))
}

pub(super) async fn people(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    Asked::of(&uri, &[])?;
    let snapshot = app.desk.snapshot();
    let people: Vec<Value> = snapshot
        .directory
        .iter()
        .map(|p| json!({ "id": p.state.id, "name": p.name, "roles": p.state.roles, "disabled": p.state.disabled }))
        .collect();
    Ok(Json(json!({ "people": people })))
}

pub(super) async fn kinds(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    Asked::of(&uri, &[])?;
    let snapshot = app.desk.snapshot();
    let kinds: Vec<Value> =
        snapshot.procedures.current().into_iter().flat_map(|l| l.kinds.values()).map(|k| super::openapi::kind(k)).collect();
    Ok(Json(json!({ "kinds": kinds })))
}

/// Every kind and status that there is or, on tickets of older procedures, was.
pub(super) async fn named(app: &App) -> Result<(Vec<String>, BTreeMap<String, Vec<String>>), Problem> {
    let mut statuses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Some(library) = app.desk.snapshot().procedures.current() {
        statuses.extend(library.kinds.values().map(|k| (k.name.clone(), k.statuses.clone())));
    }
    for (kind, status, _) in app.desk.tickets_counted().await? {
        let known = statuses.entry(kind).or_default();
        if !known.contains(&status) {
            known.push(status);
        }
    }
    Ok((statuses.keys().cloned().collect(), statuses))
}

pub(super) async fn tickets(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    let asked = Asked::of(&uri, &["kind", "status", "open", "after", "limit"])?;
    let (limit, open) = (asked.limit()?, asked.flag("open")?);
    let after = asked.after(-1, app.desk.size().await.map_err(NoView::Store)?)?;
    let (mut kind, mut status) = ("", "");
    if asked.text("kind").is_some() || asked.text("status").is_some() {
        let (kinds, statuses) = named(&app).await?;
        kind = asked.one_of("kind", &kinds)?.unwrap_or_default();
        let mut known: Vec<String> = if kind.is_empty() { statuses.into_values().flatten().collect() } else { statuses[kind].clone() };
        let mut seen = BTreeSet::new();
        known.retain(|s| seen.insert(s.clone()));
        status = asked.one_of("status", &known)?.unwrap_or_default();
    }
    let rows = if open && kind.is_empty() && status.is_empty() {
        app.desk.tickets_open(&caller.person, after, limit).await?
    } else {
        app.desk.tickets(&caller.person, after, kind, status, limit).await?
    };
    let mut tickets = Vec::with_capacity(rows.len());
    for (_, ticket) in rows.iter().filter(|(_, t)| !open || !t.ended) {
        let texts = app.desk.title_texts(&caller.person, ticket).await?;
        tickets.push(shown::summary(ticket, &texts));
    }
    Ok(Json(json!({ "tickets": tickets, "next": next(&rows, limit, |(seq, _)| *seq) })))
}

pub(super) async fn inbox(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    let asked = Asked::of(&uri, &["limit"])?;
    let most = usize::try_from(asked.limit()?).unwrap_or(usize::MAX);
    let mut waiting = Vec::new();
    for (one, ticket) in app.desk.inbox(&caller.person, most).await? {
        let texts = app.desk.title_texts(&caller.person, &ticket).await?;
        waiting.push(shown::waiting(&one, &ticket, &texts));
    }
    let ending: Vec<Value> = inbox::ending(&Look::new(&app, &caller.person)?).await?.iter().map(shown::ending).collect();
    Ok(Json(json!({ "waiting": waiting, "ending": ending })))
}

pub(super) async fn ticket(State(app): State<App>, Path(ticket): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    let asked = Asked::of(&uri, &["rev"])?;
    // `INC-000001@3` is the same as `INC-000001?rev=3`.
    let (name, at) = ticket.split_once('@').map_or((ticket.as_str(), None), |(name, rev)| (name, Some(rev)));
    let number = number(name)?;
    let rev = match (at, asked.whole("rev", 1)?) {
        (Some(_), Some(_)) => return Err(wrong("rev", "stands in the address already; give it once.")),
        (Some(at), None) => Some(at.parse().map_err(|_| wrong("rev", "a version reads like INC-000042@3."))?),
        (None, rev) => rev,
    };
    match rev {
        None => {
            let ticket = app.desk.ticket(&caller.person, &number).await?;
            let texts = app.desk.texts(&caller.person, &[&ticket]).await?;
            Ok(Json(shown::ticket(&ticket, &texts, &app.desk.snapshot())))
        }
        Some(rev) => {
            let ticket = app.desk.version(&caller.person, &number, rev).await?;
            let texts = app.desk.texts(&caller.person, &[&ticket]).await?;
            Ok(Json(shown::version(&ticket, &texts)))
        }
    }
}

pub(super) async fn diff(State(app): State<App>, Path(ticket): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    let number = number(&ticket)?;
    let asked = Asked::of(&uri, &["from", "to"])?;
    let stands = app.desk.ticket(&caller.person, &number).await?;
    let (from, to) = (asked.whole("from", 1)?.unwrap_or(1), asked.whole("to", 1)?.unwrap_or(stands.rev));
    if from > to {
        return Err(wrong("from", "is the older version, so it cannot be above to."));
    }
    let (before, after, changes) = app.desk.difference(&caller.person, &number, from, to).await?;
    let (old, new) = (app.desk.texts(&caller.person, &[&before]).await?, app.desk.texts(&caller.person, &[&after]).await?);
    let changes = shown::changes(&changes, &old, &new);
    Ok(Json(json!({ "ticket": number, "from": from, "to": to, "changes": changes })))
}

pub(super) async fn events(State(app): State<App>, Path(ticket): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    let number = number(&ticket)?;
    let stands = app.desk.ticket(&caller.person, &number).await?;
    let asked = Asked::of(&uri, &["after", "limit"])?;
    let (limit, after) = (asked.limit()?, asked.after(0, stands.rev)?);
    let history = app.desk.history(&caller.person, &number, after, limit).await?;
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

pub(super) async fn alerts(State(app): State<App>, Path(ticket): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    let number = number(&ticket)?;
    Asked::of(&uri, &[])?;
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
