//! What every handler holds, and the router that all of them hang on.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

use super::intake::{self, Intake};
use super::{api, calendar, console, deliver, health, log, pagerduty, slack, witness};
use crate::config::Config;
use crate::desk::Desk;
use crate::desk::chat::Chat;
use crate::desk::request::Unanswered;
use crate::env::Timestamp;
use crate::inbound::code::Code;
use crate::inbound::health::Metrics;
use crate::inbound::hooks::kept::Kept;
use crate::inbound::problem::{Problem, in_shape, with_words};
use crate::inbound::witness::Service;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every handler holds; cheap to clone, which happens several times a request.
#[derive(Clone)]
pub struct App(Arc<Held>);

/// See [`App`].
pub struct Held {
    /// The desk.
    pub desk: Desk,
    /// The configuration.
    pub config: Arc<Config>,
    /// Counters for `/metrics`.
    pub metrics: Arc<Metrics>,
    /// What `/metrics` and `/readyz` found lately.
    pub looked: Arc<health::Looked>,
    /// Which deliveries were kept lately.
    pub kept: Arc<Kept>,
    /// We cosign for others, if so configured.
    pub witness: Option<Arc<Service>>,
    /// The chat platform, if one is configured.
    pub chat: Option<Arc<dyn Chat>>,
    /// What the chat platform said lately of its users.
    pub talk: Arc<slack::speaker::Memory>,
    /// When the process started.
    pub started: Timestamp,
    /// It is a demonstration: people may choose who they are.
    pub demo: bool,
    /// Told `true` when the process stops: streams that would stay open for ever end.
    pub stopping: watch::Sender<bool>,
}

impl std::ops::Deref for App {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl App {
    /// An app on a desk, with a chat platform to talk through if there is one.
    #[must_use]
    pub fn new(desk: Desk, config: Arc<Config>, witness: Option<Service>, chat: Option<Arc<dyn Chat>>, demo: bool) -> Self {
        let started = desk.now();
        let (stopping, _) = watch::channel(false);
        Self(Arc::new(Held {
            desk,
            config,
            metrics: Arc::new(Metrics::default()),
            looked: Arc::default(),
            kept: Arc::default(),
            witness: witness.map(Arc::new),
            chat,
            talk: Arc::default(),
            started,
            demo,
            stopping,
        }))
    }
}

/// Everything that is served.
pub fn router(app: App) -> Router {
    let strangers = Intake::new(intake::STRANGERS, Arc::clone(&app.metrics));
    let people = Intake::new(intake::PEOPLE, Arc::clone(&app.metrics));
    Router::new()
        .merge(
            deliver::routes()
                .merge(witness::routes())
                .merge(calendar::routes())
                .merge(pagerduty::routes())
                .merge(slack::routes())
                .layer(from_fn_with_state(strangers, intake::within)),
        )
        .merge(api::routes().merge(console::routes()).layer(from_fn_with_state(people, intake::within)))
        .merge(log::routes().layer(map_response(in_shape)))
        .merge(health::routes())
        .fallback(nothing_here)
        .layer(from_fn_with_state(Arc::clone(&app.metrics), served))
        .with_state(app)
}

/// What all answers have in common, in one layer, since each costs every request: none takes for ever, each has words
/// and is counted by its status, and says how browsers are to treat it.
async fn served(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    // A task of its own: neither our patience nor a caller who hangs up stops what has begun, and when it panics, only it.
    let answered = match tokio::time::timeout(PATIENCE, tokio::spawn(next.run(request))).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => broken(),
        // Whether it was recorded is not known: the desk may still be at it.
        Err(_) => Problem::from(Unanswered::Unknown).into_response(),
    };
    let mut answer = with_words(answered).await;
    metrics.answered(answer.status());
    for (name, value) in [(header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::REFERRER_POLICY, "no-referrer")] {
        answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    answer
}

async fn nothing_here() -> Response {
    Problem::new(StatusCode::NOT_FOUND, Code::NotFound, "There is nothing at this address. /openapi.json lists what there is.")
        .into_response()
}

/// A handler panicked: a fault of ours. Nothing was answered as recorded that is not.
fn broken() -> Response {
    tracing::error!("a handler panicked");
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        Code::Broken,
        "Something broke here. If you changed something, look whether it is there before you try again.",
    )
    .into_response()
}
