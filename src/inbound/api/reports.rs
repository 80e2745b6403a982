//! Questions over many tickets and over the whole log: `/api/v1/reports`, `/api/v1/events`. What they say is made in
//! `evidence::report` and `ticket`; here it is only fed.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::body::number;
use super::query::{Asked, wrong};
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::evidence::report::closing::{Dispositions, EvidenceGaps, ServiceRestored, Unlinked, Wrong};
use crate::evidence::report::deployments::Deployments;
use crate::evidence::report::{ALL, alerts, people::Roles};
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::code::Code;
use crate::inbound::problem::Problem;
use crate::procedure::model::Permission;
use crate::ticket::event::Event;
use crate::ticket::state::Ticket;
use crate::ticket::timeline::timeline;

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

/// Feeds the log's events of a period, up to position `size`, until `take` has enough.
async fn each_event(app: &App, caller: &Caller, period: &Period, size: i64, mut take: impl FnMut(&Event) -> bool) -> Result<(), Problem> {
    let mut next = match period.from {
        Some(from) => app.desk.position_at(&caller.person, from).await?,
        None => 0,
    };
    while next < size {
        let events = app.desk.log(&caller.person, next, PAGE.min(size - next)).await?;
        let Some(last) = events.last() else { return Ok(()) };
        next = last.seq + 1;
        for event in &events {
            if period.to.is_some_and(|to| event.at >= to) || !take(event) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The tickets that were opened in a period, page by page.
struct Tickets<'a> {
    app: &'a App,
    caller: &'a Caller,
    to: Option<Timestamp>,
    after: i64,
}

impl<'a> Tickets<'a> {
    async fn of(app: &'a App, caller: &'a Caller, period: &Period) -> Result<Self, Problem> {
        let after = match period.from {
            Some(from) => app.desk.position_at(&caller.person, from).await? - 1,
            None => -1,
        };
        Ok(Self { app, caller, to: period.to, after })
    }

    /// The next ones; none at the end.
    async fn next(&mut self) -> Result<Vec<Ticket>, Problem> {
        let rows = self.app.desk.tickets(&self.caller.person, self.after, "", "", PAGE).await?;
        self.after = rows.last().map_or(self.after, |(seq, _)| *seq);
        let within = |ticket: &Ticket| self.to.is_none_or(|to| ticket.opened_at < to);
        Ok(rows.into_iter().map(|(_, ticket)| ticket).take_while(within).collect())
    }
}

pub(super) async fn list(State(app): State<App>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    Asked::of(&uri, &[])?;
    let reports: Vec<Value> = ALL.iter().map(|(name, answers)| json!({ "report": name, "answers": answers })).collect();
    Ok(Json(json!({ "reports": reports })))
}

/// The report of this name; the console shows the same answer.
pub(in crate::inbound) async fn report(
    State(app): State<App>,
    Path(name): Path<String>,
    uri: Uri,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    app.desk.allow(&caller.person, Permission::Read)?;
    let known: &[&str] = if name == "roles" { &["at", "role"] } else { &["from", "to"] };
    let asked = Asked::of(&uri, known)?;
    let size = app.desk.size().await.map_err(NoView::Store)?;
    let as_of = json!({ "position": size, "at": app.desk.now() });
    let mut answer = match name.as_str() {
        "roles" => roles(&app, &caller, &asked, size).await?,
        "evidence-gaps" => evidence_gaps(&app, &caller, &Period::of(&asked)?).await?,
        "intake" | "latency" => of_events(&app, &caller, &name, &Period::of(&asked)?, size).await?,
        "deployments" | "dispositions" | "mismatches" | "service-restored" | "unlinked" => {
            of_tickets(&app, &caller, &name, &Period::of(&asked)?).await?
        }
        _ => {
            let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
            let detail = format!("There is no report of that name. There are: {}.", names.join(", "));
            return Err(Problem::new(axum::http::StatusCode::NOT_FOUND, Code::NotFound, detail));
        }
    };
    answer["report"] = json!(name);
    answer["as_of"] = as_of;
    Ok(Json(answer))
}

async fn of_events(app: &App, caller: &Caller, name: &str, period: &Period, size: i64) -> Result<Value, Problem> {
    if name == "intake" {
        let mut report = alerts::Intake::default();
        each_event(app, caller, period, size, |event| (report.take(event), true).1).await?;
        return Ok(report.answer());
    }
    let mut report = alerts::Latency::default();
    each_event(app, caller, period, size, |event| (report.take(event), true).1).await?;
    Ok(report.answer())
}

async fn of_tickets(app: &App, caller: &Caller, name: &str, period: &Period) -> Result<Value, Problem> {
    let (mut dispositions, mut mismatches) = (Dispositions::default(), alerts::Mismatches::default());
    let (mut restored, mut unlinked) = (ServiceRestored::default(), Unlinked::default());
    let library = app.desk.snapshot().procedures.current().cloned();
    let mut deployments = library.map(|library| Deployments::of(&library)).unwrap_or_default();
    let mut tickets = Tickets::of(app, caller, period).await?;
    loop {
        let page = tickets.next().await?;
        if page.is_empty() {
            break;
        }
        for ticket in &page {
            match name {
                "deployments" => deployments.take(ticket),
                "dispositions" => dispositions.take(ticket),
                "mismatches" => mismatches.take(ticket),
                "service-restored" => restored.take(ticket),
                _ => unlinked.take(ticket),
            }
        }
    }
    Ok(match name {
        "deployments" => deployments.answer(),
        "dispositions" => dispositions.answer(),
        "mismatches" => mismatches.answer(),
        "service-restored" => restored.answer(),
        _ => unlinked.answer(),
    })
}

async fn roles(app: &App, caller: &Caller, asked: &Asked, size: i64) -> Result<Value, Problem> {
    let now = app.desk.now();
    let at = asked.moment("at")?.unwrap_or(now);
    if at > now {
        return Err(wrong("at", "lies in the future; nobody knows yet."));
    }
    let mut report = Roles::held(at, asked.text("role"));
    let all = Period { from: None, to: None };
    each_event(app, caller, &all, size, |event| report.take(event)).await?;
    let directory = app.desk.snapshot().directory;
    Ok(report.answer(|person| directory.name_of(person)))
}

/// Reads every file again, which only people who may export are given the time for.
async fn evidence_gaps(app: &App, caller: &Caller, period: &Period) -> Result<Value, Problem> {
    app.desk.allow(&caller.person, Permission::Export)?;
    let mut report = EvidenceGaps::default();
    let mut tickets = Tickets::of(app, caller, period).await?;
    loop {
        let page = tickets.next().await?;
        if page.is_empty() {
            return Ok(report.answer());
        }
        for ticket in &page {
            report.take(ticket);
            for file in &ticket.files {
                // What was redacted has no digest any more, and no bytes that could be missing.
                if let Ok((_, _, sha256)) = app.desk.file(&caller.person, &ticket.number, file.file).await {
                    report.file(ticket, file.file, wrong_with(app, &sha256).await);
                }
            }
        }
    }
}

async fn wrong_with(app: &App, sha256: &str) -> Option<Wrong> {
    let Ok(mut file) = app.desk.attachments().open_file(sha256).await else { return Some(Wrong::Missing) };
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut chunk).await {
            Ok(0) => break,
            Ok(n) => hash.update(&chunk[..n]),
            Err(_) => return Some(Wrong::Damaged),
        }
    }
    (hex::encode(hash.finalize()) != sha256).then_some(Wrong::Damaged)
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
