//! The lines of a review for programs: lists of users in, lines out, decisions of people in.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::body::{self, Ask, key_of, number, text};
use super::query::{Asked, wrong};
use super::write::{EmptyBody, ask, recorded};
use crate::desk::campaign::{LineView, Wanted, flag_words};
use crate::desk::request::Ask as Request;
use crate::desk::request::Unanswered;
use crate::evidence::table::render_csv;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::code::Code;
use crate::inbound::problem::Problem;
use crate::procedure::model::Permission;
use crate::ticket::command::{AttachEvidence, Command, LineChoice};
use crate::ticket::lines::Verdict;
use crate::ticket::number::Number;
use crate::ticket::users;

/// The origin of a line that no record here ever gave.
const ORPHAN: &str = "orphan";
/// Columns of the table of a review's lines.
const COLUMNS: [&str; 18] = [
    "line",
    "system",
    "role",
    "account",
    "name",
    "email",
    "record",
    "origin",
    "since",
    "until",
    "last_used",
    "flags",
    "asked",
    "stands",
    "decided_by",
    "decided_at",
    "reason",
    "done_at",
];

/// `POST …/lines`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinesBody {
    lines: Vec<LineBody>,
}

/// What is decided of one line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineBody {
    line: i64,
    decision: Verdict,
    reason: Option<String>,
}

fn shown(app: &App, view: &LineView) -> Value {
    let directory = &app.desk.snapshot().directory;
    let asked = &view.asked.reviewer;
    json!({
        "line": view.line,
        "system": view.shown.system,
        "role": view.shown.role,
        "account": view.shown.account,
        "name": view.shown.name,
        "email": view.shown.email,
        "person": view.asked.subject,
        "record": view.asked.record,
        "origin": view.asked.record.as_ref().map_or_else(|| ORPHAN.to_owned(), ToString::to_string),
        "since": view.shown.since,
        "until": view.shown.until,
        "last_used": view.shown.last_used,
        "flags": view.shown.flags,
        "needs_reason": view.asked.flagged,
        "asked": if directory.get(asked).is_some() { directory.name_of(asked) } else { asked.clone() },
        "reviewer": asked,
        "listed_by": view.asked.giver,
        "mine": view.mine,
        "stands": view.mark.name(),
        "follow_up": view.follow_up,
    })
}

pub(super) async fn list(State(app): State<App>, Path(ticket): Path<String>, uri: Uri, caller: Caller) -> Result<Json<Value>, Problem> {
    let asked = Asked::of(&uri, &["mine", "open", "after", "limit"])?;
    let (number, limit) = (number(&ticket)?, asked.limit()?);
    let wanted = Wanted { mine: asked.flag("mine")?, open: asked.flag("open")? };
    let ticket = app.desk.ticket(&caller.person, &number).await?;
    let lines = ticket.lines.unwrap_or_default();
    let after = asked.after(0, lines.total())?;
    let page = app.desk.lines(&caller.person, &number, wanted, after, usize::try_from(limit).unwrap_or(1)).await?;
    let next = if i64::try_from(page.len()) == Ok(limit) { page.last().map(|l| l.line) } else { None };
    Ok(Json(json!({
        "review": number,
        "digest": lines.digest,
        "scope": lines.scope,
        "total": lines.total(),
        "open": lines.open(),
        "under_way": lines.following.len(),
        "freezes_at": lines.until,
        "lists": lines.lists,
        "lines": page.iter().map(|view| shown(&app, view)).collect::<Vec<_>>(),
        "next": next,
    })))
}

/// Every line with what was decided of it, as a table.
pub(in crate::inbound) async fn table(app: &App, caller: &Caller, number: &Number) -> Result<Vec<u8>, Problem> {
    let (mut rows, mut after) = (Vec::<Map<String, Value>>::new(), 0);
    let decided = app.desk.line_decisions(&caller.person, number).await?;
    let directory = app.desk.snapshot().directory;
    loop {
        let page = app.desk.lines(&caller.person, number, Wanted::default(), after, 1000).await?;
        let Some(last) = page.last() else { break };
        after = last.line;
        for view in &page {
            let Value::Object(mut row) = shown(app, view) else { continue };
            row.insert("flags".into(), json!(flag_words(&view.shown.flags).join(", ")));
            if let Some(decision) = decided.get(&view.line) {
                row.insert("decided_by".into(), json!(directory.name_of(&decision.by)));
                row.insert("decided_at".into(), json!(decision.at));
                row.insert("reason".into(), json!(decision.reason));
                row.insert("done_at".into(), json!(decision.settled_at));
            }
            rows.push(row);
        }
    }
    render_csv(&COLUMNS, &rows)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, Code::Broken, "The table could not be written."))
}

pub(super) async fn csv(State(app): State<App>, Path(ticket): Path<String>, caller: Caller) -> Result<Response, Problem> {
    let number = number(&ticket)?;
    app.desk.ticket(&caller.person, &number).await?;
    Ok(as_file(table(&app, &caller, &number).await?, &number))
}

/// A table as a file to keep.
pub(in crate::inbound) fn as_file(bytes: Vec<u8>, number: &Number) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{number}.csv\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

pub(super) async fn decide(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<LinesBody>) -> Result<Response, Problem> {
    let number = number(&ticket)?;
    let mut wanted = Vec::new();
    for line in &asked.body.lines {
        wanted.push(LineChoice::of(line.line, line.decision, text(&app, "reason", line.reason.clone(), body::MOST_TEXT)?));
    }
    let command = Command::DecideLines { ticket: number, choices: wanted };
    let answer = ask(&app, &asked.caller, asked.key.as_deref(), &asked.path, &asked.bytes, command).await?;
    Ok(recorded(&app, &answer, StatusCode::OK).await)
}

pub(super) async fn freeze(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<EmptyBody>) -> Result<Response, Problem> {
    app.desk.allow(&asked.caller.person, Permission::Read)?;
    let command = app.desk.freezing(&number(&ticket)?).await?;
    let answer = ask(&app, &asked.caller, asked.key.as_deref(), &asked.path, &asked.bytes, command).await?;
    Ok(recorded(&app, &answer, StatusCode::OK).await)
}

pub(super) async fn users(
    State(app): State<App>,
    Path(ticket): Path<String>,
    uri: Uri,
    caller: Caller,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Response, Problem> {
    let (ticket, key) = (number(&ticket)?, key_of(&headers)?);
    let asked = Asked::of(&uri, &["system"])?;
    let system = asked.text("system").ok_or_else(|| wrong("system", "say whose users these are, by the system's name."))?.to_owned();
    if app.desk.allow(&caller.person, Permission::Work).is_err() {
        // In the desk's own words, and on record.
        let file = AttachEvidence { ticket, size: 0, ..unkept(&app) };
        return Err(app
            .desk
            .ask(caller.request(list_of(file, system, 0), None, "users", &[]))
            .await
            .err()
            .unwrap_or(Unanswered::Unknown)
            .into());
    }
    let answer = hand_in(&app, &caller, &ticket, system, &bytes, key.as_deref()).await?;
    Ok(recorded(&app, &answer, StatusCode::CREATED).await)
}

fn list_of(file: AttachEvidence, system: String, rows: i64) -> Request {
    Request::Ticket(Box::new(Command::ListUsers { file, system, rows }))
}

fn unkept(app: &App) -> AttachEvidence {
    let nothing = || app.desk.seal("");
    AttachEvidence {
        ticket: Number::new("REV", 1),
        name: nothing(),
        sha256: nothing(),
        size: 0,
        media_type: "text/csv".to_owned(),
        phase: None,
        captured_at: None,
    }
}

/// Checks a list, keeps its bytes, and hands it in.
pub(in crate::inbound) async fn hand_in(
    app: &App,
    caller: &Caller,
    ticket: &Number,
    system: String,
    bytes: &[u8],
    key: Option<&str>,
) -> Result<crate::desk::request::Answer, Problem> {
    app.desk.ticket(&caller.person, ticket).await?;
    let listed = users::read(bytes).map_err(|problem| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::BadFields, problem.clone()).with_fields(vec![("file".to_owned(), problem)])
    })?;
    let kept = app.desk.attachments().keep(bytes, &app.desk.env().id("")).await.map_err(|error| {
        tracing::error!(%error, "a list of users could not be kept");
        let detail = "I could not save that list. Nothing was recorded; please try again in a minute.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::NotStored, detail)
    })?;
    let sha256 = kept.sha256().to_owned();
    let file = AttachEvidence {
        ticket: ticket.clone(),
        name: app.desk.seal(format!("users of {system}.csv")),
        sha256: app.desk.seal(sha256.clone()),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        ..unkept(app)
    };
    let rows = i64::try_from(listed.len()).unwrap_or(i64::MAX);
    let body = hex::encode(Sha256::digest(format!("{sha256}\n{system}")));
    let request = caller.request(list_of(file, system, rows), key, &format!("{ticket}/users"), body.as_bytes());
    let answer = app.desk.ask(request).await;
    if answer.as_ref().is_err_and(|error| !matches!(error, Unanswered::Unknown)) {
        kept.discard();
    }
    Ok(answer?)
}
