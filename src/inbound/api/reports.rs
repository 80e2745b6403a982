//! Questions over many tickets and over the whole log: `/api/v1/reports`, `/api/v1/events`; the way of one ticket, and what is
//! promised of all. What they say is made in `evidence::report`, `ticket` and `procedure`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};

use super::body::number;
use super::query::{Asked, wrong};
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::evidence::report::{ALL, Report};
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::code::Code;
use crate::inbound::problem::Problem;
use crate::inbound::reports::{self, Wanted};
use crate::procedure::model::Permission;
use crate::procedure::targets;
use crate::ticket::period::since;
use crate::ticket::timeline::timeline;
use crate::ticket::trace::trace;

/// Rows read at a time.
const PAGE: i64 = 1000;
/// Events that one search looks at; then it says where to go on.
const MOST_SEARCHED: i64 = 20_000;

/// Which period a report is about: by the opening of tickets, or the recording of events.
struct Period {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Period {
    fn of(asked: &Asked) -> Result<Self, Problem> {
        let period = Self { from: asked.moment("from")?, to: asked.moment("to")? };
        if period.from.zip(period.to).is_some_and(|(from, to)| from > to) {
            return Err(wrong("from", "is later than to."));
        }
        Ok(period)
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }
}

pub(super) async fn list(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    Asked::of(&uri, &[])?;
    let shown = |report: &Report| json!({ "report": report.name, "answers": report.answers, "takes": report.takes });
    let reports: Vec<Value> = ALL.iter().map(shown).collect();
    Ok(Json(json!({ "reports": reports })))
}

pub(super) async fn report(State(app): State<App>, Path(name): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    let Some(report) = reports::find(&name) else {
        return Err(Problem::new(StatusCode::NOT_FOUND, Code::NotFound, reports::none_of_that_name()));
    };
    let asked = Asked::of(&uri, report.takes)?;
    let (period, now) = (Period::of(&asked)?, app.desk.now());
    let at = asked.moment("at")?;
    if at.is_some_and(|at| at > now) {
        return Err(wrong("at", "lies in the future; nobody knows yet."));
    }
    let back =
        asked.text("since").map(|text| since(text, now).ok_or_else(|| wrong("since", "reads like 6mo, 30d, 2w, 1y, or 2026-03-01.")));
    let kind = match asked.text("kind") {
        Some(_) => asked.one_of("kind", &super::read::named(&app).await?.0)?.map(str::to_owned),
        None => None,
    };
    let from = period.from.or(back.transpose()?);
    let wanted = Wanted { from, to: period.to, at, role: asked.text("role").map(str::to_owned), kind };
    Ok(Json(reports::report(&app.desk, &caller.person, report, &wanted).await?))
}

pub(super) async fn way(State(app): State<App>, Path(ticket): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    let number = number(&ticket)?;
    Asked::of(&uri, &[])?;
    let stands = app.desk.ticket(&caller.person, &number).await?;
    let (mut after, mut events) = (0, Vec::new());
    while after < stands.rev {
        let page = app.desk.history(&caller.person, &number, after, PAGE).await?;
        let Some(last) = page.last().and_then(|told| told.event.rev) else { break };
        after = last;
        events.extend(page.into_iter().map(|told| told.event).filter(crate::ticket::timeline::matters));
    }
    let mut way = serde_json::to_value(timeline(&events)).unwrap_or_default();
    way["ticket"] = json!(number);
    Ok(Json(way))
}

/// Who did what and when, from the request to the proof, as its procedure divides it.
pub(super) async fn traced(State(app): State<App>, Path(ticket): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    let number = number(&ticket)?;
    Asked::of(&uri, &[])?;
    let stands = app.desk.ticket(&caller.person, &number).await?;
    let snapshot = app.desk.snapshot();
    let kind = snapshot.procedures.kind(&stands.kind_digest).ok_or_else(|| NoView::NotFound(format!("procedure for {number}")))?;
    let trace = trace(&stands, kind).ok_or_else(|| NoView::NotFound(format!("way of {number} to follow: its procedure names no parts")))?;
    let mut shown = serde_json::to_value(&trace).unwrap_or_default();
    for (entry, told) in trace.entries.iter().zip(shown["entries"].as_array_mut().into_iter().flatten()) {
        told["name"] = json!(entry.by.as_ref().and_then(|by| by.person()).map(|id| snapshot.directory.name_of(id)));
    }
    shown["ticket"] = json!(number);
    shown["status"] = json!(stands.status);
    Ok(Json(shown))
}

/// What is promised: every target of the procedures that count now.
pub(super) async fn promised(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    Asked::of(&uri, &[])?;
    let library = app.desk.snapshot().procedures.current().cloned();
    let all = library.as_deref().map(targets::targets).unwrap_or_default();
    let digests: Value = library.iter().flat_map(|l| l.kinds.values()).map(|kind| (kind.name.clone(), json!(kind.digest))).collect();
    let lines: Vec<String> = all.iter().map(targets::render).collect();
    Ok(Json(json!({ "targets": all, "lines": lines, "procedures": digests })))
}

/// A page of policy, made from the procedure that counts.
pub(super) async fn policy(State(app): State<App>, Path(kind): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    Asked::of(&uri, &[])?;
    let library = app.desk.snapshot().procedures.current().cloned();
    let page = library.as_deref().and_then(|library| crate::procedure::policy::policy(library, &kind));
    let page = page.ok_or_else(|| NoView::NotFound("kind of that name".to_owned()))?;
    Ok(Json(serde_json::to_value(page).unwrap_or_default()))
}

/// Finds events of the whole log: by time (found at once, since the log is in the order of time), kind, and actor.
pub(super) async fn search(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    let asked = Asked::of(&uri, &["from", "to", "kind", "actor", "after", "limit"])?;
    let (limit, period) = (asked.limit()?, Period::of(&asked)?);
    let size = app.desk.size().await.map_err(NoView::Store)?;
    let mut next = asked.after(-1, size)? + 1;
    if let Some(from) = period.from {
        next = next.max(app.desk.position_at(&caller.person, from).await?);
    }
    let (kind, actor) = (asked.text("kind"), asked.text("actor"));
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let (end, mut found, mut last) = (size.min(next.saturating_add(MOST_SEARCHED)), Vec::new(), None);
    'pages: while next < end {
        let events = app.desk.log(&caller.person, next, PAGE.min(end - next)).await?;
        let Some(latest) = events.last().map(|e| e.seq) else { break };
        next = latest + 1;
        for event in events {
            if !period.holds(event.at) {
                return Ok(Json(json!({ "events": found, "next": null })));
            }
            last = Some(event.seq);
            let shown = serde_json::to_value(&event).unwrap_or_default();
            let by = [&shown["actor"]["id"], &shown["actor"]["name"]];
            if kind.is_none_or(|kind| shown["kind"] == kind) && actor.is_none_or(|actor| by.iter().any(|id| **id == actor)) {
                found.push(shown);
            }
            if found.len() == most {
                break 'pages;
            }
        }
    }
    let more = last.filter(|last| last + 1 < size);
    Ok(Json(json!({ "events": found, "next": more })))
}
