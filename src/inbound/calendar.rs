//! `/calendar/{secret}.ics`: freezes and planned changes for calendars (RFC 5545). A calendar cannot sign in, so a long
//! secret in its address opens it, one a person; whoever has it makes a new one, or stops it.
//!
//! What is fetched leaves the house: numbers, kinds, systems and statuses, never a title.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

use super::app::App;
use super::code::Code;
use super::problem::Problem;
use crate::card::words::humanise;
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::people::Person;
use crate::procedure::estate::Freeze;
use crate::procedure::ics::{Entry, write};
use crate::procedure::model::{Kind, Permission};
use crate::ticket::state::Ticket;

const DAY: Duration = Duration::from_secs(86_400);
/// So long after its end something still stands in the calendar.
const PAST: u32 = 30;
/// So far ahead the calendar looks.
const AHEAD: u32 = 400;
/// Rows read at a time.
const PAGE: i64 = 500;
/// Entries in a calendar at most.
const MOST: usize = 5_000;

/// The calendar's route.
pub fn routes() -> Router<App> {
    Router::new().route("/calendar/{secret}", get(feed))
}

/// The address that a secret opens.
#[must_use]
pub fn address(app: &App, secret: &str) -> String {
    format!("{}/calendar/{secret}.ics", app.config.public_url)
}

async fn feed(State(app): State<App>, Path(secret): Path<String>) -> Result<Response, Problem> {
    if app.desk.size().await.is_ok_and(|size| size > app.desk.snapshot().size) {
        // Another process may have made the address a moment ago, or stopped it.
        app.desk.catch_up().await;
    }
    let snapshot = app.desk.snapshot();
    let Some((person, _)) = secret.strip_suffix(".ics").and_then(|secret| snapshot.directory.by_calendar_key(secret)) else {
        app.desk.count_forgery("calendar", "wrong address");
        let detail = "There is no calendar at this address: it is mistyped, or was stopped. The console makes a new one.";
        return Err(Problem::new(StatusCode::NOT_FOUND, Code::NotFound, detail));
    };
    let text = calendar(&app, person).await?;
    let headers = [(header::CONTENT_TYPE, "text/calendar; charset=utf-8"), (header::CACHE_CONTROL, "private, max-age=300")];
    Ok((headers, text).into_response())
}

/// Freezes that the calendar shows at `now`, in order of their beginning.
pub fn freezes_around(freezes: &[Freeze], now: Timestamp) -> Vec<&Freeze> {
    let mut shown: Vec<&Freeze> =
        freezes.iter().filter(|f| f.ends > now.minus(DAY * PAST) && f.starts < now.plus(DAY * AHEAD)).take(MOST).collect();
    shown.sort_by(|a, b| (a.starts, &a.name).cmp(&(b.starts, &b.name)));
    shown
}

async fn calendar(app: &App, person: &Person) -> Result<String, NoView> {
    app.desk.allow(person, Permission::Read)?;
    let snapshot = app.desk.snapshot();
    let library = snapshot.procedures.current().ok_or_else(|| NoView::NotFound("procedure".to_owned()))?;
    let now = app.desk.now();
    let mut entries: Vec<Entry> =
        freezes_around(&library.organisation.estate.freezes, now).into_iter().map(|f| of_freeze(app, f)).collect();
    let mut after = -1;
    loop {
        let page = app.desk.tickets_open(person, after, PAGE).await?;
        for (seq, ticket) in &page {
            after = *seq;
            if let Some(kind) = snapshot.procedures.kind(&ticket.kind_digest) {
                entries.extend(of_ticket(app, kind, ticket).filter(|e| e.ends > now.minus(DAY * PAST) && e.starts < now.plus(DAY * AHEAD)));
            }
        }
        if i64::try_from(page.len()).unwrap_or(0) < PAGE || entries.len() >= MOST {
            break;
        }
    }
    entries.truncate(MOST);
    Ok(write(&format!("{}: freezes and changes", library.organisation.name), &entries, now))
}

fn host(app: &App) -> &str {
    app.config.public_url.split_once("://").map_or("countersign", |(_, rest)| rest)
}

fn of_freeze(app: &App, freeze: &Freeze) -> Entry {
    // The same freeze keeps its name in every calendar that fetched it.
    let digest = hex::encode(Sha256::digest(format!("{}\n{}", freeze.name, freeze.starts)));
    Entry {
        uid: format!("freeze-{}@{}", &digest[..24], host(app)),
        name: format!("Freeze: {}", freeze.name),
        about: freeze.why.clone(),
        categories: freeze.systems.clone(),
        url: None,
        starts: freeze.starts,
        ends: freeze.ends,
    }
}

/// A ticket that is to happen within a window: what its procedure calls so, once it was asked for.
fn of_ticket(app: &App, kind: &Kind, ticket: &Ticket) -> Option<Entry> {
    let window = kind.transitions.values().flat_map(|t| &t.requires.window).next()?;
    let time = |field: &str| Timestamp::parse(ticket.plain(field)?.as_str()?);
    let (starts, ends) = (time(&window.from)?, time(&window.to)?);
    let planned = kind.statuses.first() != Some(&ticket.status);
    let word = |field: &str| ticket.plain(field).and_then(Value::as_str);
    let system = word("system");
    let what = [word("type"), Some(kind.title.as_str())].into_iter().flatten().collect::<Vec<_>>().join(" ").to_lowercase();
    let on = system.map(|s| format!(" on {s}")).unwrap_or_default();
    (planned && ends > starts).then(|| Entry {
        uid: format!("{}@{}", ticket.number, host(app)),
        name: format!("{}: {what}{on} ({})", ticket.number, humanise(&ticket.status).to_lowercase()),
        about: String::new(),
        categories: system.map(str::to_owned).into_iter().collect(),
        url: Some(format!("{}/console/c/{}", app.config.public_url, ticket.number)),
        starts,
        ends,
    })
}
