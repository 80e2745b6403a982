//! Alerts and reports on deployments in: `/hooks/{source}` and the addresses at which other services' clients expect theirs.
//!
//! The order is always the same: find the source, verify over the raw bytes, read, match and seal, ask the desk, answer
//! in the sender's own words once it is on the disk.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};

use super::app::App;
use super::caller::client_ip;
use super::hooks::auth::{AuthRefusal, Verified, source_by_credential, verify_source};
use super::hooks::reply;
use super::hooks::{Answer, Arrival, ParseRefusal, Parsed, alertmanager_api, pagerduty, parse};
use crate::config::{Format, SourceConfig};
use crate::desk::request::{Ask, Request, Unanswered, Who};
use crate::env::Timestamp;
use crate::inbound::code::Code;
use crate::ticket::alert::Alert;
use crate::ticket::command::{Command, Receive};
use crate::ticket::event::Via;

/// Nothing larger is read, whatever a source allows.
const READ_AT_MOST: usize = 16 << 20;

/// Alerts that are matched in the request's own task at most.
const PREPARED_AT_ONCE: usize = 16;

/// The routes of monitoring tools.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/hooks/{source}", post(hook))
        .route("/v2/enqueue", post(enqueue))
        .route("/v2/change/enqueue", post(enqueue_change))
        .route("/api/v2/alerts", post(alerts))
        .route("/api/v2/status", get(status))
}

/// What came in, before it is believed.
struct Incoming {
    headers: HeaderMap,
    query: Option<String>,
    peer: Option<SocketAddr>,
    body: Bytes,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = self.body.map(|b| Body::from(b.to_string())).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

type Peer = Option<Extension<ConnectInfo<SocketAddr>>>;

async fn read(headers: HeaderMap, uri: &OriginalUri, peer: Peer, body: Body, limit: usize) -> Result<Incoming, ()> {
    let body = axum::body::to_bytes(body, limit.min(READ_AT_MOST)).await.map_err(|_| ())?;
    Ok(Incoming { headers, query: uri.query().map(str::to_owned), peer: peer.map(|p| p.0.0), body })
}

/// The largest body that any source of this format may send: as much is read before its source is known.
fn largest(app: &App, format: Format) -> usize {
    app.config.sources.iter().filter(|s| s.format == format).map(|s| s.max_body).max().unwrap_or(1 << 16)
}

async fn hook(State(app): State<App>, Path(name): Path<String>, uri: OriginalUri, peer: Peer, headers: HeaderMap, body: Body) -> Response {
    let Some(source) = app.config.source(&name) else {
        app.metrics.delivery("(unknown)", Code::NoSuchSource.name());
        app.desk.count_forgery("(unknown)", "no such source");
        return reply::no_such_source().into_response();
    };
    let Ok(incoming) = read(headers, &uri, peer, body, source.max_body).await else {
        app.metrics.delivery(&source.name, Code::TooLarge.name());
        return reply::too_large(source.format, source.max_body).into_response();
    };
    match verify_source(&source.auth, &incoming.headers, incoming.query.as_deref(), &incoming.body, app.desk.now()) {
        Ok(verified) => take(&app, source, &verified, &incoming, parse).await,
        Err(refusal) => not_authentic(&app, source, refusal),
    }
}

async fn enqueue(State(app): State<App>, uri: OriginalUri, peer: Peer, headers: HeaderMap, body: Body) -> Response {
    by_routing_key(&app, read(headers, &uri, peer, body, largest(&app, Format::PagerDuty)).await, parse).await
}

async fn enqueue_change(State(app): State<App>, uri: OriginalUri, peer: Peer, headers: HeaderMap, body: Body) -> Response {
    by_routing_key(&app, read(headers, &uri, peer, body, largest(&app, Format::PagerDuty)).await, pagerduty::parse_change).await
}

type Reader = fn(&SourceConfig, &Arrival<'_>) -> Result<Parsed, ParseRefusal>;

async fn by_routing_key(app: &App, incoming: Result<Incoming, ()>, reader: Reader) -> Response {
    let Ok(incoming) = incoming else {
        app.metrics.delivery("(pagerduty)", Code::TooLarge.name());
        return reply::too_large(Format::PagerDuty, largest(app, Format::PagerDuty)).into_response();
    };
    match pagerduty::source_for(&app.config.sources, &incoming.body) {
        Ok((source, verified)) => take(app, source, &verified, &incoming, reader).await,
        Err(refusal) => {
            app.metrics.delivery("(pagerduty)", refusal.code.name());
            app.desk.count_forgery("(pagerduty)", refusal.code.name());
            reply::refused(Format::PagerDuty, &refusal).into_response()
        }
    }
}

async fn alerts(State(app): State<App>, uri: OriginalUri, peer: Peer, headers: HeaderMap, body: Body) -> Response {
    let limit = largest(&app, Format::AlertmanagerApi);
    let Ok(incoming) = read(headers, &uri, peer, body, limit).await else {
        app.metrics.delivery("(alertmanager-api)", Code::TooLarge.name());
        return reply::too_large(Format::AlertmanagerApi, limit).into_response();
    };
    let found = source_by_credential(
        &app.config.sources,
        Format::AlertmanagerApi,
        &incoming.headers,
        incoming.query.as_deref(),
        &incoming.body,
        app.desk.now(),
    );
    match found {
        Ok((source, verified)) => take(&app, source, &verified, &incoming, parse).await,
        Err(refusal) => match app.config.sources.iter().find(|s| s.format == Format::AlertmanagerApi) {
            Some(source) => not_authentic(&app, source, refusal),
            None => reply::no_such_source().into_response(),
        },
    }
}

async fn status(State(app): State<App>) -> Response {
    (StatusCode::OK, Json(alertmanager_api::status(app.started))).into_response()
}

fn not_authentic(app: &App, source: &SourceConfig, refusal: AuthRefusal) -> Response {
    app.metrics.delivery(&source.name, refusal.reason());
    app.desk.count_forgery(&source.name, refusal.reason());
    reply::not_authentic(source.format, &source.auth, refusal).into_response()
}

/// Alerts, matched and sealed; `keep` says how many parts became none. None when that broke down.
async fn prepared(
    app: &App,
    source: &SourceConfig,
    incoming: &Incoming,
    (received_at, alerts): (Timestamp, Vec<Alert>),
    keep: Option<(u64, u64)>,
) -> Option<Receive> {
    let (desk, name, body) = (app.desk.clone(), source.name.clone(), incoming.body.clone());
    let many = alerts.len() > PREPARED_AT_ONCE;
    let key = source.routing_key.as_ref().map(|key| key.expose().to_owned());
    let prepare = move || {
        let remainder = keep.map(|(unmapped, truncated)| desk.remainder(&body, key.as_deref(), unmapped, truncated));
        Receive { remainder, ..desk.prepare(&name, received_at, &body, alerts) }
    };
    // Matching a large delivery takes a while: beside the tasks that answer and commit, so that none of them waits for it.
    if many { tokio::task::spawn_blocking(prepare).await.ok() } else { Some(prepare()) }
}

/// A genuine delivery: read, matched, recorded, answered.
async fn take(app: &App, source: &SourceConfig, verified: &Verified, incoming: &Incoming, reader: Reader) -> Response {
    let received_at = app.desk.now();
    let id = app.desk.env().id("d_");
    let arrival = Arrival { headers: &incoming.headers, body: &incoming.body, now: received_at, delivery: &id };
    let parsed = match reader(source, &arrival) {
        Ok(parsed) => parsed,
        Err(refusal) => {
            app.metrics.delivery(&source.name, refusal.code.name());
            return reply::refused(source.format, &refusal).into_response();
        }
    };
    let mut parsed = parsed;
    let mut report = None;
    // One delivery reports on one deployment.
    if let Some(deployment) = parsed.deployments.pop() {
        match app.desk.prepare_deployment(received_at, &incoming.body, deployment).await {
            Ok(Ok(ready)) => report = Some(ready),
            Ok(Err(why)) => {
                parsed.unmapped += 1;
                parsed.reasons.push(format!("{why}; it is kept."));
            }
            Err(error) => {
                tracing::warn!(source = source.name, %error, "what a report on a deployment needs could not be read");
                app.metrics.delivery(&source.name, Code::NotStored.name());
                return reply::not_stored(source.format).into_response();
            }
        }
    }
    for why in &parsed.reasons {
        tracing::info!(source = source.name, why, "part of a delivery maps to no alert; it is kept");
    }
    let (unmapped, truncated) = (parsed.unmapped, parsed.truncated);
    let keeps = unmapped + truncated > 0 && !app.kept.lately(&source.name, &incoming.body, received_at);
    let command = match report {
        Some(report) => Command::Deployed(Box::new(report)),
        None => {
            let alerts = std::mem::take(&mut parsed.alerts);
            let Some(receive) = prepared(app, source, incoming, (received_at, alerts), keeps.then_some((unmapped, truncated))).await else {
                app.metrics.delivery(&source.name, Code::NotStored.name());
                return reply::not_stored(source.format).into_response();
            };
            Command::Receive(receive)
        }
    };
    let credential = (!verified.credential.is_empty()).then(|| verified.credential.clone());
    let request = Request {
        who: Who::Source { name: source.name.clone() },
        via: Via { surface: "hook".to_owned(), auth: verified.method.to_owned(), credential },
        ip: client_ip(&app.config, &incoming.headers, incoming.peer).map(|ip| app.desk.seal(ip.to_string())),
        envelope: None,
        dedupe: None,
        ask: Ask::Ticket(Box::new(command)),
    };
    match app.desk.ask(request).await {
        Ok(answer) => {
            app.metrics.delivery(&source.name, "stored");
            if keeps {
                app.kept.remember(&source.name, &incoming.body, received_at);
            }
            let tickets: Vec<_> = answer.tickets.iter().filter_map(|t| t.parse().ok()).collect();
            let delivery = answer.delivery.map(|d| d.to_string()).unwrap_or_default();
            parsed.reply.accepted(&delivery, &tickets).into_response()
        }
        Err(Unanswered::Unknown) => {
            app.metrics.delivery(&source.name, Code::UnknownOutcome.name());
            reply::unknown(source.format).into_response()
        }
        Err(error) => {
            app.metrics.delivery(&source.name, Code::NotStored.name());
            if let Unanswered::Refused(refused) = &error {
                tracing::error!(source = source.name, %refused, "a genuine delivery was refused; this is a fault of ours");
            }
            reply::not_stored(source.format).into_response()
        }
    }
}
