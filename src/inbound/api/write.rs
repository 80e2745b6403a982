//! What can be asked of the desk by a program. Each handler turns a body into one command; the desk decides.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::{self, Ask, line, moment, needed, number, text};
use crate::desk::query::NoView;
use crate::desk::request::{Answer, Ask as Asked};
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::problem::Problem;
use crate::procedure::model::Permission;
use crate::ticket::command::{Command, Fields, Offer, Open, Step, Take};
use crate::ticket::event::Actor;
use crate::ticket::fields::seal;
use crate::ticket::number::Number;
use crate::ticket::offer::may;
use crate::ticket::refusal::Refusal;

type Raw = BTreeMap<String, Value>;

/// `POST /tickets`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenBody {
    kind: String,
    #[serde(default)]
    fields: Raw,
    response: Option<String>,
    occurred_at: Option<String>,
}

/// One step, as `POST /tickets/{number}/{transition}` has it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TakeBody {
    #[serde(default)]
    fields: Raw,
    line: Option<String>,
    reason: Option<String>,
    other: Option<Number>,
    occurred_at: Option<String>,
    rev: Option<i64>,
    binding: Option<String>,
}

/// `POST …/steps`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepsBody {
    steps: Vec<NamedStep>,
    rev: Option<i64>,
    binding: Option<String>,
}

/// One of several steps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedStep {
    transition: String,
    #[serde(default)]
    fields: Raw,
    line: Option<String>,
    reason: Option<String>,
    other: Option<Number>,
    occurred_at: Option<String>,
}

/// `POST …/comments`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CommentBody {
    text: Option<String>,
    occurred_at: Option<String>,
    reason: Option<String>,
}

/// `POST …/fields`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldsBody {
    fields: Raw,
    reason: Option<String>,
}

/// `POST …/offers/{offer}`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferBody {
    #[serde(default)]
    fields: Raw,
}

/// `POST …/links`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkBody {
    link: String,
    to: Option<Number>,
    target: Option<String>,
    reason: Option<String>,
}

/// Whatever needs only a reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    reason: Option<String>,
}

/// `POST …/approvals`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApprovalBody {
    /// Left out where only one waits for a decision.
    transition: Option<String>,
    decision: Decision,
    reason: Option<String>,
    #[serde(default)]
    digest: String,
}

/// What an approver says.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Approve,
    Reject,
    Withdraw,
}

/// `POST …/tasks/{task}`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TaskBody {
    waived_because: Option<String>,
}

/// `POST …/evidence-waivers`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WaiverBody {
    phase: String,
    reason: Option<String>,
}

/// `POST …/owner`, `POST …/lead`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonBody {
    person: String,
}

/// `POST …/escalate`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EscalateBody {
    to: Option<String>,
    reason: Option<String>,
}

/// `{}`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmptyBody {}

/// Asks the desk, and says what was recorded.
pub(super) async fn ask(
    app: &App,
    caller: &Caller,
    key: Option<&str>,
    path: &str,
    bytes: &[u8],
    command: Command,
) -> Result<Answer, Problem> {
    let request = caller.request(Asked::Ticket(Box::new(command)), key, path, bytes);
    Ok(app.desk.ask(request).await?)
}

/// What a write is answered.
pub(super) async fn recorded(app: &App, answer: &Answer, status: StatusCode) -> Response {
    let ticket = answer.tickets.first().cloned();
    let state = match ticket.as_ref().and_then(|t| t.parse::<Number>().ok()) {
        Some(number) => app.desk.ticket_unchecked(&number).await.ok().map(|t| t.status),
        None => None,
    };
    let rev = ticket.as_ref().and_then(|t| answer.revs.get(t));
    let body = json!({
        "ticket": ticket, "status": state, "rev": rev, "events": answer.events, "tickets": answer.tickets, "repeated": answer.repeated,
    });
    (status, Json(body)).into_response()
}

async fn write<T>(app: &App, asked: &Ask<T>, command: Command) -> Result<Response, Problem> {
    let answer = ask(app, &asked.caller, asked.key.as_deref(), &asked.path, &asked.bytes, command).await?;
    Ok(recorded(app, &answer, StatusCode::OK).await)
}

/// Fields checked against the ticket's own procedure and sealed.
async fn fields_of(app: &App, caller: &Caller, number: &Number, raw: &Raw) -> Result<Fields, Problem> {
    // Whoever may not work here learns nothing of the fields: the desk refuses in its own words, and records it.
    if raw.is_empty() || app.desk.allow(&caller.person, Permission::Read).is_err() {
        return Ok(Fields::new());
    }
    let ticket = match app.desk.ticket_unchecked(number).await {
        Ok(ticket) => ticket,
        // The desk says it in its own words.
        Err(NoView::NotFound(_)) => return Ok(Fields::new()),
        Err(error) => return Err(error.into()),
    };
    let procedures = app.desk.snapshot().procedures;
    let (Some(kind), Some(library)) = (procedures.kind(&ticket.kind_digest), procedures.current()) else { return Ok(Fields::new()) };
    match sealed(app, kind, library, raw) {
        // Somebody may take a step (submit an own request, assess) without the permission to work on everything.
        Err(_) if app.desk.allow(&caller.person, Permission::Work).is_err() && !may_step(kind, &ticket, caller) => Ok(Fields::new()),
        sealed => sealed,
    }
}

/// Whether one of the kind's steps is for the caller.
fn may_step(kind: &crate::procedure::model::Kind, ticket: &crate::ticket::state::Ticket, caller: &Caller) -> bool {
    let actor = Actor::Person { id: caller.person.state.id.clone(), roles: caller.person.state.roles.clone() };
    kind.transitions.values().any(|t| may(&actor, Some(ticket), &t.by))
}

fn sealed(
    app: &App,
    kind: &crate::procedure::model::Kind,
    library: &crate::procedure::model::Library,
    raw: &Raw,
) -> Result<Fields, Problem> {
    let mut salt = || app.desk.env().bytes::<32>();
    seal(kind, library, raw, &mut salt).map_err(|problems| {
        let refusal = Refusal::BadFields { problems };
        crate::desk::request::Unanswered::from(crate::desk::request::Refused::Ticket(refusal)).into()
    })
}

async fn step_of(app: &App, caller: &Caller, number: &Number, step: NamedStep) -> Result<Step, Problem> {
    Ok(Step {
        fields: fields_of(app, caller, number, &step.fields).await?,
        transition: step.transition,
        line: line(app, "line", step.line)?,
        reason: text(app, "reason", step.reason, body::MOST_TEXT)?,
        other: step.other,
        occurred_at: moment("occurred_at", step.occurred_at.as_deref())?,
    })
}

pub(super) async fn open(State(app): State<App>, asked: Ask<OpenBody>) -> Result<Response, Problem> {
    let body = &asked.body;
    let library = app.desk.snapshot().procedures.current().cloned();
    let fields = match library.as_ref().and_then(|l| l.kinds.get(&body.kind).map(|k| (l, k))) {
        Some((library, kind)) => sealed(&app, kind, library, &body.fields)?,
        None => Fields::new(),
    };
    let command = Command::Open(Open {
        kind: body.kind.clone(),
        fields,
        response: body.response.clone(),
        occurred_at: moment("occurred_at", body.occurred_at.as_deref())?,
        intake: asked.caller.via.surface.clone(),
        received_at: app.desk.now(),
    });
    let answer = ask(&app, &asked.caller, asked.key.as_deref(), &asked.path, &asked.bytes, command).await?;
    Ok(recorded(&app, &answer, StatusCode::CREATED).await)
}

pub(super) async fn take(
    State(app): State<App>,
    Path((ticket, transition)): Path<(String, String)>,
    asked: Ask<TakeBody>,
) -> Result<Response, Problem> {
    let ticket = number(&ticket)?;
    let TakeBody { fields, line, reason, other, occurred_at, rev, binding } = &asked.body;
    let step = NamedStep {
        transition,
        fields: fields.clone(),
        line: line.clone(),
        reason: reason.clone(),
        other: other.clone(),
        occurred_at: occurred_at.clone(),
    };
    let steps = vec![step_of(&app, &asked.caller, &ticket, step).await?];
    write(&app, &asked, Command::Take(Take { ticket, steps, rev: *rev, binding: binding.clone() })).await
}

pub(super) async fn steps(State(app): State<App>, Path(ticket): Path<String>, mut asked: Ask<StepsBody>) -> Result<Response, Problem> {
    let ticket = number(&ticket)?;
    let mut steps = Vec::new();
    for step in std::mem::take(&mut asked.body.steps) {
        steps.push(step_of(&app, &asked.caller, &ticket, step).await?);
    }
    let (rev, binding) = (asked.body.rev, asked.body.binding.clone());
    write(&app, &asked, Command::Take(Take { ticket, steps, rev, binding })).await
}

pub(super) async fn comment(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<CommentBody>) -> Result<Response, Problem> {
    let ticket = number(&ticket)?;
    let note = needed(&app, "text", asked.body.text.clone())?;
    let reason = text(&app, "reason", asked.body.reason.clone(), body::MOST_TEXT)?;
    let occurred_at = moment("occurred_at", asked.body.occurred_at.as_deref())?;
    write(&app, &asked, Command::AddNote { ticket, note, occurred_at, reason }).await
}

pub(super) async fn fields(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<FieldsBody>) -> Result<Response, Problem> {
    let ticket = number(&ticket)?;
    let fields = fields_of(&app, &asked.caller, &ticket, &asked.body.fields).await?;
    let reason = text(&app, "reason", asked.body.reason.clone(), body::MOST_TEXT)?;
    write(&app, &asked, Command::SetFields { ticket, fields, reason }).await
}

pub(super) async fn link(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<LinkBody>) -> Result<Response, Problem> {
    let command = Command::Link {
        ticket: number(&ticket)?,
        link: asked.body.link.clone(),
        to: asked.body.to.clone(),
        target: line(&app, "target", asked.body.target.clone())?,
        reason: text(&app, "reason", asked.body.reason.clone(), body::MOST_TEXT)?,
    };
    write(&app, &asked, command).await
}

pub(super) async fn unlink(
    State(app): State<App>,
    Path((ticket, link)): Path<(String, i64)>,
    asked: Ask<ReasonBody>,
) -> Result<Response, Problem> {
    let reason = needed(&app, "reason", asked.body.reason.clone())?;
    write(&app, &asked, Command::Unlink { ticket: number(&ticket)?, link, reason }).await
}

pub(super) async fn approval(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<ApprovalBody>) -> Result<Response, Problem> {
    let ticket = number(&ticket)?;
    let ApprovalBody { transition, decision, reason, digest } = &asked.body;
    let transition = match transition {
        Some(transition) => transition.clone(),
        None => app.desk.awaits_decision(&asked.caller.person, &ticket).await?,
    };
    let (digest, reason) = (digest.clone(), needed(&app, "reason", reason.clone())?);
    let command = match decision {
        Decision::Withdraw => Command::WithdrawDecision { ticket, transition, reason },
        decided => Command::Decide { ticket, transition, approve: *decided == Decision::Approve, digest, reason },
    };
    write(&app, &asked, command).await
}

pub(super) async fn task(
    State(app): State<App>,
    Path((ticket, task)): Path<(String, i64)>,
    asked: Ask<TaskBody>,
) -> Result<Response, Problem> {
    let waived = text(&app, "waived_because", asked.body.waived_because.clone(), body::MOST_TEXT)?;
    write(&app, &asked, Command::SettleTask { ticket: number(&ticket)?, task, waived }).await
}

pub(super) async fn waive_evidence(
    State(app): State<App>,
    Path(ticket): Path<String>,
    asked: Ask<WaiverBody>,
) -> Result<Response, Problem> {
    let reason = needed(&app, "reason", asked.body.reason.clone())?;
    let phase = asked.body.phase.clone();
    write(&app, &asked, Command::WaiveEvidence { ticket: number(&ticket)?, phase, reason }).await
}

pub(super) async fn take_up(
    State(app): State<App>,
    Path((ticket, offer)): Path<(String, String)>,
    asked: Ask<OfferBody>,
) -> Result<Response, Problem> {
    let ticket = number(&ticket)?;
    let stands = app.desk.ticket(&asked.caller.person, &ticket).await?;
    let procedures = app.desk.snapshot().procedures;
    let rule = procedures.kind(&stands.kind_digest).and_then(|kind| kind.offers.get(&offer));
    let of = rule.zip(procedures.current()).and_then(|(rule, library)| Some((library, library.kinds.get(&rule.kind)?)));
    let fields = match of {
        Some((library, kind)) => sealed(&app, kind, library, &asked.body.fields)?,
        // The desk says it in its own words.
        None => Fields::new(),
    };
    let command = Command::TakeUp(Offer { ticket, offer, fields, received_at: app.desk.now(), seed: app.desk.env().bytes() });
    let answer = ask(&app, &asked.caller, asked.key.as_deref(), &asked.path, &asked.bytes, command).await?;
    Ok(recorded(&app, &answer, StatusCode::CREATED).await)
}

fn person_of(asked: &Ask<PersonBody>) -> String {
    if asked.body.person == "me" { asked.caller.person.state.id.clone() } else { asked.body.person.clone() }
}

pub(super) async fn owner(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<PersonBody>) -> Result<Response, Problem> {
    write(&app, &asked, Command::AssignOwner { ticket: number(&ticket)?, person: person_of(&asked) }).await
}

pub(super) async fn lead(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<PersonBody>) -> Result<Response, Problem> {
    write(&app, &asked, Command::AssignLead { ticket: number(&ticket)?, person: person_of(&asked) }).await
}

pub(super) async fn escalate(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<EscalateBody>) -> Result<Response, Problem> {
    let reason = needed(&app, "reason", asked.body.reason.clone())?;
    let to = asked.body.to.clone();
    write(&app, &asked, Command::Escalate { ticket: number(&ticket)?, to, reason }).await
}

pub(super) async fn nudge(State(app): State<App>, Path(ticket): Path<String>, asked: Ask<EmptyBody>) -> Result<Response, Problem> {
    write(&app, &asked, Command::Nudge { ticket: number(&ticket)? }).await
}

pub(super) async fn acknowledge_escalation(
    State(app): State<App>,
    Path(ticket): Path<String>,
    asked: Ask<EmptyBody>,
) -> Result<Response, Problem> {
    write(&app, &asked, Command::AcknowledgeEscalation { ticket: number(&ticket)? }).await
}

pub(super) async fn acknowledge_notification(
    State(app): State<App>,
    Path((ticket, group)): Path<(String, String)>,
    asked: Ask<EmptyBody>,
) -> Result<Response, Problem> {
    write(&app, &asked, Command::AcknowledgeNotification { ticket: number(&ticket)?, group }).await
}
