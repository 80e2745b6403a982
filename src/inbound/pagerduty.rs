//! `POST /pagerduty/webhook`: what was answered in PagerDuty comes back (webhooks v3), signed with the subscription's
//! secret: `X-PagerDuty-Signature: v1=<hex HMAC-SHA256 of the body>`, several divided by commas while a secret changes.
//!
//! Whoever answered there is a person here only when organisation.yaml says whose that PagerDuty user is. Anybody else's
//! answer is recorded, marked, and stops nothing.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use super::app::App;
use super::code::Code;
use super::problem::Problem;
use crate::desk::request::{Ask, Dedupe, Refused, Request, Unanswered, Who};
use crate::ticket::command::Command;
use crate::ticket::decide::PeopleView;
use crate::ticket::event::Via;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

/// Bytes of a body at most.
const MOST: usize = 256 << 10;
/// Signatures that are looked at.
const MOST_SIGNATURES: usize = 8;
/// The pager's name in the log.
const SERVICE: &str = "pagerduty";

/// The route.
pub fn routes() -> Router<App> {
    Router::new().route("/pagerduty/webhook", post(answered))
}

#[derive(Deserialize)]
struct Body3 {
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    event_type: String,
    #[serde(default)]
    agent: Option<Agent>,
    #[serde(default)]
    data: Data,
}

#[derive(Deserialize)]
struct Agent {
    id: String,
    /// `user_reference` for somebody; anything else is a program, such as our own.
    #[serde(default, rename = "type")]
    sort: String,
    #[serde(default)]
    summary: Option<String>,
}

#[derive(Deserialize, Default)]
struct Data {
    #[serde(default)]
    incident_key: Option<String>,
}

fn genuine(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(sent) = headers.get("x-pagerduty-signature").and_then(|value| value.to_str().ok()) else { return false };
    let digests = sent.split(',').filter_map(|one| hex::decode(one.trim().strip_prefix("v1=")?).ok());
    digests.take(MOST_SIGNATURES).any(|digest| {
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).is_ok_and(|mut mac| {
            mac.update(body);
            mac.verify_slice(&digest).is_ok()
        })
    })
}

async fn answered(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    let secret = app.config.on_call.pagerduty.as_ref().and_then(|settings| settings.webhook_secret.as_ref());
    let Some(secret) = secret else {
        let detail = "Nothing is taken from PagerDuty here; pagerduty_webhook_secret in [on_call] switches that on.";
        return Problem::new(StatusCode::NOT_FOUND, Code::NoSuchSource, detail).into_response();
    };
    let Ok(body) = axum::body::to_bytes(body, MOST).await else {
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, "This is larger than any answer of PagerDuty.").into_response();
    };
    if !genuine(secret.expose(), &headers, &body) {
        app.desk.count_forgery(SERVICE, "signature");
        let detail = "The signature is not PagerDuty's: pagerduty_webhook_secret has to be the one of the webhook subscription.";
        return Problem::new(StatusCode::UNAUTHORIZED, Code::NotAuthentic, detail).into_response();
    }
    let Ok(Body3 { event }) = serde_json::from_slice::<Body3>(&body) else {
        return Problem::new(StatusCode::BAD_REQUEST, Code::BadRequest, "This is not an event of PagerDuty's webhooks v3.").into_response();
    };
    match take(&app, &event).await {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Records an acknowledgement. What is of no ticket of ours, and what is no acknowledgement, is none of our business.
async fn take(app: &App, event: &Event) -> Result<(), Unanswered> {
    let number = event.data.incident_key.as_deref().and_then(|key| key.parse::<Number>().ok());
    let (Some(number), "incident.acknowledged") = (number, event.event_type.as_str()) else { return Ok(()) };
    if event.agent.as_ref().is_none_or(|agent| agent.sort != "user_reference") {
        return Ok(());
    }
    let key: String = event.id.chars().filter(|c| !c.is_control()).take(100).collect();
    let Some(person) = event.agent.as_ref().and_then(|agent| person_of(app, &agent.id)) else {
        let shown = event.agent.as_ref().map(|a| format!("{} {}", a.id, a.summary.as_deref().unwrap_or_default())).unwrap_or_default();
        let shown: String = shown.chars().filter(|c| !c.is_control()).take(200).collect();
        return match app.desk.answered_elsewhere(number, SERVICE, "acknowledged", shown.trim(), &key).await {
            Err(Unanswered::Refused(Refused::Ticket(Refusal::NoSuchTicket { .. }))) => Ok(()),
            other => other,
        };
    };
    let request = Request {
        who: Who::Person { id: person },
        via: Via { surface: SERVICE.to_owned(), auth: "hmac".to_owned(), credential: None },
        ip: None,
        envelope: None,
        dedupe: Some(Dedupe { key: format!("pagerduty:{key}"), digest: number.to_string() }),
        ask: Ask::Ticket(Box::new(Command::AcknowledgeEscalation { ticket: number })),
    };
    match app.desk.ask(request).await {
        // Nobody is being called any more, or they may not answer: the log has it, and PagerDuty can do nothing about it.
        Ok(_) | Err(Unanswered::Refused(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The active person whose user this is in PagerDuty.
fn person_of(app: &App, user: &str) -> Option<String> {
    let snapshot = app.desk.snapshot();
    let rota = snapshot.procedures.current()?.organisation.estate.on_call.as_ref()?;
    PeopleView::by_email(snapshot.directory.as_ref(), rota.pagerduty.get(user)?)
}
