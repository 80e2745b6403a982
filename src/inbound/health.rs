//! Is it alive, is it ready, and what does it count: `/healthz`, `/readyz`, `/metrics`.
//!
//! All three are open to whoever reaches the service, as probes and Prometheus expect; a proxy in front can keep strangers
//! out. So they tell nothing that matters to a stranger: metrics name configured sources, outcomes, kinds and statuses,
//! never people, titles, addresses or what somebody sent, and `/readyz` says in one sentence what is wrong, never where.
//! What costs something (a question to the database, a file written to see whether one can be) is done at most once in
//! [`FRESH`], however many ask.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use serde_json::json;

use super::app::App;

/// How long what was found is good enough for everybody who asks.
const FRESH: Duration = Duration::from_secs(1);

/// The routes of whoever watches the service.
pub fn routes() -> Router<App> {
    Router::new().route("/healthz", get(async || "alive\n")).route("/readyz", get(readyz)).route("/metrics", get(metrics))
}

type ByPair = Family<Vec<(&'static str, String)>, Counter>;
type GaugeByPair = Family<Vec<(&'static str, String)>, Gauge<i64, AtomicI64>>;

/// Counters and gauges.
pub struct Metrics {
    registry: Registry,
    deliveries: ByPair,
    commit_seconds: Histogram,
    commit_requests: Histogram,
    requests: ByPair,
    queue: Gauge,
    outbox_waiting: Gauge,
    outbox_age: Gauge<f64, AtomicU64>,
    log_events: Gauge,
    log_signed: Gauge,
    tickets: GaugeByPair,
    breaches: Counter,
    answers: ByPair,
    turned_away: ByPair,
    connections: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("countersign");
        let metrics = Self {
            deliveries: ByPair::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            commit_requests: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            requests: ByPair::default(),
            queue: Gauge::default(),
            outbox_waiting: Gauge::default(),
            outbox_age: Gauge::default(),
            log_events: Gauge::default(),
            log_signed: Gauge::default(),
            tickets: GaugeByPair::default(),
            breaches: Counter::default(),
            answers: ByPair::default(),
            turned_away: ByPair::default(),
            connections: Gauge::default(),
            registry: Registry::default(),
        };
        registry.register("deliveries", "Deliveries from monitoring tools, by source and outcome", metrics.deliveries.clone());
        registry.register_with_unit("commit", "How long commits take, disk included", Unit::Seconds, metrics.commit_seconds.clone());
        registry.register("commit_requests", "Requests in one commit", metrics.commit_requests.clone());
        registry.register("requests", "Requests at the desk, by outcome", metrics.requests.clone());
        registry.register("clerk_queue", "Requests that wait for the clerk", metrics.queue.clone());
        registry.register("outbox_waiting", "Outbox entries that wait", metrics.outbox_waiting.clone());
        registry.register_with_unit("outbox_age", "Age of the oldest outbox entry", Unit::Seconds, metrics.outbox_age.clone());
        registry.register("log_events", "Events in the log", metrics.log_events.clone());
        registry.register("log_signed_events", "Events under the latest signed checkpoint", metrics.log_signed.clone());
        registry.register("tickets", "Tickets, by kind and status", metrics.tickets.clone());
        registry.register("breaches", "Clocks that were missed", metrics.breaches.clone());
        registry.register("answers", "Answers over HTTP, by status", metrics.answers.clone());
        registry.register("turned_away", "Connections and bodies beyond what is taken at once, by reason", metrics.turned_away.clone());
        registry.register("connections", "Open connections", metrics.connections.clone());
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// Counts a delivery.
    pub fn delivery(&self, source: &str, outcome: &str) {
        self.deliveries.get_or_create(&vec![("source", source.to_owned()), ("outcome", outcome.to_owned())]).inc();
    }
}

impl Metrics {
    /// Counts an answer.
    pub fn answered(&self, status: StatusCode) {
        self.answers.get_or_create(&vec![("status", status.as_str().to_owned())]).inc();
    }

    /// Counts what was not taken because too much came at once.
    pub fn turned_away(&self, reason: &str) {
        self.turned_away.get_or_create(&vec![("reason", reason.to_owned())]).inc();
    }

    /// A connection more, or one less.
    pub fn connection(&self, change: i64) {
        self.connections.inc_by(change);
    }
}

/// Brings the gauges up to date from the desk.
async fn look(app: &App) {
    let (metrics, gauges) = (&app.metrics, app.desk.gauges());
    for (took, requests) in gauges.recent.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
        metrics.commit_seconds.observe(took.as_secs_f64());
        metrics.commit_requests.observe(f64::from(u32::try_from(requests).unwrap_or(u32::MAX)));
    }
    for (outcome, count) in gauges.answered.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let counter = metrics.requests.get_or_create(&vec![("outcome", (*outcome).to_owned())]);
        counter.inner().store(*count, Ordering::Relaxed);
    }
    metrics.breaches.inner().store(gauges.breaches.load(Ordering::Relaxed), Ordering::Relaxed);
    metrics.queue.set(gauges.queue.load(Ordering::Relaxed));
    metrics.log_events.set(app.desk.snapshot().size);
    metrics.log_signed.set(app.desk.signing().latest.map_or(0, |(size, _)| size));
    if let Ok((waiting, since)) = app.desk.outbox().await {
        metrics.outbox_waiting.set(waiting);
        let age = since.map_or(0, |since| (app.desk.now().micros() - since).max(0));
        metrics.outbox_age.set(f64::from(u32::try_from(age / 1000).unwrap_or(u32::MAX)) / 1000.0);
    }
    if let Ok(counted) = app.desk.tickets_counted().await {
        metrics.tickets.clear();
        for (kind, status, count) in counted {
            metrics.tickets.get_or_create(&vec![("kind", kind), ("status", status)]).set(count);
        }
    }
}

/// What was found lately, for everybody who asks meanwhile.
#[derive(Default)]
pub struct Looked {
    metrics: Arc<tokio::sync::Mutex<Option<()>>>,
    ready: Arc<tokio::sync::Mutex<Option<Vec<String>>>>,
}

/// Gives what was found within the last second, or looks; whoever comes while somebody looks waits for that.
async fn lately<T: Clone + Send + 'static>(found: &Arc<tokio::sync::Mutex<Option<T>>>, look: impl Future<Output = T>) -> T {
    let mut held = found.lock().await;
    if let Some(found) = held.as_ref() {
        return found.clone();
    }
    let fresh = look.await;
    *held = Some(fresh.clone());
    let again = Arc::clone(found);
    tokio::spawn(async move {
        tokio::time::sleep(FRESH).await;
        *again.lock().await = None;
    });
    fresh
}

async fn metrics(State(app): State<App>) -> Response {
    lately(&app.looked.metrics, look(&app)).await;
    let mut text = String::new();
    if encode(&mut text, &app.metrics.registry).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}

async fn readyz(State(app): State<App>) -> Response {
    let mut trouble = lately(&app.looked.ready, outside_trouble(&app)).await;
    trouble.extend(app.desk.stopped());
    trouble.extend(app.desk.signing().refused);
    let status = if trouble.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (
        status,
        Json(json!({ "ready": trouble.is_empty(), "trouble": trouble, "log": app.config.log.origin, "events": app.desk.snapshot().size })),
    )
        .into_response()
}

/// Whether the database and the folder of the files do what they should.
async fn outside_trouble(app: &App) -> Vec<String> {
    let mut trouble: Vec<String> = Vec::new();
    match app.desk.durability().await {
        Ok(on) if on == "on" => {}
        Ok(off) => trouble.push(format!("the database does not make commits durable: {off}")),
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            trouble.push("the database does not answer".to_owned());
        }
    }
    trouble.extend(app.desk.room());
    trouble
}
