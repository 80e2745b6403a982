//! Slack, inward: commands, buttons, forms and events, over HTTP and over Socket Mode, by the same handlers.
//!
//! | | |
//! |---|---|
//! | [`signed`] | who posts: the signing secret over the raw bytes |
//! | [`arrival`] | what came, and what its transport is answered; three seconds, and never before the commit |
//! | [`speaker`] | which account it is, whose, and whether it may be heard at all |
//! | [`commands`] | `/incident …` and its kin; `lookups` and `models` answer those that only ask |
//! | [`press`] | buttons; [`forms`] makes forms and takes what was typed into them; `window` opens them, `state` reads them off |
//! | [`linking`] | how an account becomes somebody's, and what it had filled in before |
//! | [`heard`] | messages, reactions, pins, joins: what becomes of them; [`files`] fetches what hangs on them |
//! | [`transcript`] | what was said, filed when the work ends |
//! | [`afterwards`] | what is said once Slack was answered |
//! | [`socket`] | Socket Mode |
//!
//! To add a command: a word in [`commands`], what it does beside it. To add an event: an arm in [`heard`]. What is
//! unknown is answered and forgotten, never an error: Slack sends new kinds before anybody knows them.

pub mod afterwards;
pub mod arrival;
pub mod commands;
pub mod files;
pub mod forms;
pub mod heard;
pub mod lines;
pub mod linking;
mod lookups;
mod models;
pub mod press;
mod record;
pub mod signed;
pub mod socket;
pub mod speaker;
mod state;
pub mod transcript;
mod window;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Form, FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, http};
use serde_json::{Map, Value};

use super::app::App;
use super::code::Code;
use super::problem::Problem;
use arrival::{Arrival, Back, What};

/// The largest request that Slack may send, bytes.
const BODY: usize = 1 << 20;
/// The name under which forged requests are counted.
const SOURCE: &str = "(slack)";

/// The routes that Slack posts to.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/slack/commands", post(commands_in))
        .route("/slack/interactions", post(interactions_in))
        .route("/slack/events", post(events_in))
        .layer(DefaultBodyLimit::max(BODY))
}

/// Refuses what Slack has not signed.
fn genuine(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<(), Box<Response>> {
    let secret = app.config.slack.as_ref().and_then(|slack| slack.signing_secret.as_ref());
    let Some(secret) = secret else {
        let detail = "Slack is not configured to post here: [slack] signing_secret is not set.";
        return Err(Box::new(Problem::new(StatusCode::NOT_FOUND, Code::NotFound, detail).into_response()));
    };
    signed::verify(secret.expose(), headers, body, app.desk.now()).map_err(|refusal| {
        app.metrics.delivery(SOURCE, refusal.reason());
        app.desk.count_forgery(SOURCE, refusal.reason());
        let detail = "This request is not signed by Slack for this app, or too long ago. Nothing was taken from it.";
        Box::new(Problem::new(StatusCode::UNAUTHORIZED, Code::NotAuthentic, detail).into_response())
    })
}

fn unreadable(what: &str) -> Response {
    Problem::bad_request(format!("This is not {what} as Slack sends them.")).into_response()
}

/// A form as Slack posts it: every name once.
async fn pairs(body: Bytes) -> Option<Map<String, Value>> {
    let request = http::Request::post("/").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body));
    let Form(pairs) = Form::<Vec<(String, String)>>::from_request(Request::from(request.ok()?), &()).await.ok()?;
    Some(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}

async fn commands_in(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = genuine(&app, &headers, &body) {
        return *refused;
    }
    match pairs(body).await {
        Some(pairs) => answered(arrival::take(&app, Arrival::posted(What::Command(Value::Object(pairs)))).await),
        None => unreadable("a command"),
    }
}

async fn interactions_in(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = genuine(&app, &headers, &body) {
        return *refused;
    }
    let payload = pairs(body).await.and_then(|pairs| serde_json::from_str(pairs.get("payload")?.as_str()?).ok());
    match payload {
        Some(payload) => answered(arrival::take(&app, Arrival::posted(What::Interaction(payload))).await),
        None => unreadable("an interaction"),
    }
}

async fn events_in(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = genuine(&app, &headers, &body) {
        return *refused;
    }
    let Ok(payload) = serde_json::from_slice::<Value>(&body) else { return unreadable("an event") };
    if payload["type"] == "url_verification" {
        let challenge = payload["challenge"].as_str().unwrap_or_default().chars().take(200).collect::<String>();
        return (StatusCode::OK, challenge).into_response();
    }
    answered(arrival::take(&app, Arrival::posted(What::Event(payload))).await)
}

fn answered(back: Back) -> Response {
    match back {
        Back::Given(None) => (StatusCode::OK, "").into_response(),
        Back::Given(Some(body)) => (StatusCode::OK, Json(body)).into_response(),
        // Slack asks again, or tells the person that it did not work and keeps the form open.
        Back::NotYet => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::NotStored, "Not saved yet; please send it again.").into_response()
        }
    }
}
