//! A pager of our own, on loopback: it takes signed pages and PagerDuty's events, keeps what it was sent, hands out a
//! calendar of shifts, and misbehaves on demand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// Each unlike any other text, so that a story can look for it.
pub const WEBHOOK_SECRET: &str = "webhook-secret-11223344";
pub const ROUTING_KEY: &str = "routing-key-55667788";
pub const PAGERDUTY_SECRET: &str = "pagerduty-secret-99001122";

/// What it holds.
#[derive(Default)]
pub struct Held {
    /// Pages by webhook: id and what it says, in order.
    pub pages: Vec<(String, Value)>,
    /// Events for PagerDuty, in order.
    pub events: Vec<Value>,
    /// The calendar that it hands out; none for an error of its own.
    pub calendar: Option<String>,
    /// How often the calendar was fetched.
    pub fetched: usize,
    /// So many requests are answered 503 first.
    pub failures: usize,
    /// What it was sent that no pager takes.
    pub violations: Vec<String>,
}

/// See the module.
#[derive(Clone)]
pub struct FakePager {
    pub address: SocketAddr,
    held: Arc<Mutex<Held>>,
}

impl FakePager {
    pub async fn starts() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let fake = Self { address, held: Arc::default() };
        let routes = Router::new()
            .route("/page", post(page))
            .route("/v2/enqueue", post(enqueue))
            .route("/shifts.ics", get(shifts))
            .with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        fake
    }

    pub fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `[on_call]` with a webhook.
    pub fn webhook(&self) -> String {
        format!("[on_call]\nwebhook_url = \"http://{}/page\"\nwebhook_secret = \"{WEBHOOK_SECRET}\"\n", self.address)
    }

    /// `[on_call]` with PagerDuty.
    pub fn pagerduty(&self) -> String {
        format!(
            "[on_call]\npagerduty_routing_key = \"{ROUTING_KEY}\"\npagerduty_webhook_secret = \"{PAGERDUTY_SECRET}\"\npagerduty_url = \"http://{}\"\n",
            self.address
        )
    }

    /// `[on_call]` with a calendar of shifts.
    pub fn shifts(&self) -> String {
        format!("[on_call]\ncalendar = \"http://{}/shifts.ics\"\n", self.address)
    }

    fn refuses(&self) -> bool {
        let mut held = self.lock();
        let refuses = held.failures > 0;
        held.failures = held.failures.saturating_sub(1);
        refuses
    }
}

async fn page(State(fake): State<FakePager>, headers: HeaderMap, body: String) -> StatusCode {
    if fake.refuses() {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let (id, stamp) = (header("webhook-id"), header("webhook-timestamp"));
    let mut mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).expect("any key will do");
    mac.update(format!("{id}.{stamp}.{body}").as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let mut held = fake.lock();
    if header("webhook-signature") != expected {
        held.violations.push(format!("the page {id} is not signed"));
        return StatusCode::UNAUTHORIZED;
    }
    held.pages.push((id, serde_json::from_str(&body).unwrap_or_default()));
    StatusCode::NO_CONTENT
}

async fn enqueue(State(fake): State<FakePager>, body: String) -> StatusCode {
    if fake.refuses() {
        return StatusCode::TOO_MANY_REQUESTS;
    }
    let event: Value = serde_json::from_str(&body).unwrap_or_default();
    let mut held = fake.lock();
    let action = event["event_action"].as_str().unwrap_or_default().to_owned();
    // What the Events API v2 asks for.
    let lacks = |value: &Value| value.as_str().is_none_or(str::is_empty);
    let whole = action != "trigger" || ["summary", "source", "severity"].iter().all(|name| !lacks(&event["payload"][*name]));
    if event["routing_key"] != ROUTING_KEY
        || lacks(&event["dedup_key"])
        || !whole
        || !["trigger", "acknowledge", "resolve"].contains(&action.as_str())
    {
        held.violations.push(event.to_string());
        return StatusCode::BAD_REQUEST;
    }
    held.events.push(event);
    StatusCode::ACCEPTED
}

async fn shifts(State(fake): State<FakePager>) -> axum::response::Response {
    let mut held = fake.lock();
    held.fetched += 1;
    match &held.calendar {
        Some(text) => ([("content-type", "text/calendar")], text.clone()).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
