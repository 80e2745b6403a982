//! What senders are answered, each in the words of the API that it thinks it speaks to.
//!
//! | | stored | cannot be read | not authentic | could not be stored |
//! |---|---|---|---|---|
//! | `/hooks/{source}` | 202 | 400, 413 | 401 | 503 |
//! | PagerDuty | 202 | 400, 413 | 400 | 503 |
//! | Alertmanager's API | 200 | 400, 413 | 401 | 503 |
//!
//! 503 comes with `Retry-After` and is never 429: Alertmanager gives up on a 4xx.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::ParseRefusal;
use super::auth::AuthRefusal;
use crate::config::{Auth, Format};
use crate::inbound::code::Code;
use crate::ticket::number::Number;

/// Seconds after which a sender may try again.
const RETRY_AFTER: &str = "5";

/// How a delivery that was stored is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `/hooks/{source}`.
    Hooks,
    /// Alertmanager's API v2.
    AlertmanagerApi,
    /// PagerDuty's `/v2/enqueue`.
    PagerDuty {
        /// The event's key, made by us when the client sent none.
        dedup_key: String,
    },
    /// PagerDuty's `/v2/change/enqueue`.
    PagerDutyChange,
}

/// A whole answer, for the handler to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Headers beside the length: lower-case name and value.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty for `None`.
    pub body: Option<Value>,
}

impl Answer {
    fn json(status: StatusCode, body: Value) -> Self {
        Self { status, headers: vec![("content-type", "application/json".into())], body: Some(body) }
    }

    /// RFC 9457.
    fn problem(status: StatusCode, code: Code, detail: &str) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "code": code.name(), "detail": detail });
        Self { status, headers: vec![("content-type", "application/problem+json".into())], body: Some(body) }
    }

    fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }
}

impl Reply {
    /// The delivery is on disk. `tickets` are those that its alerts belong to, perhaps none.
    #[must_use]
    pub fn accepted(&self, delivery: &str, tickets: &[Number]) -> Answer {
        match self {
            Self::Hooks => Answer::json(StatusCode::ACCEPTED, json!({ "delivery": delivery, "tickets": tickets })),
            Self::AlertmanagerApi => Answer { status: StatusCode::OK, headers: Vec::new(), body: None },
            Self::PagerDuty { dedup_key } => {
                let body = json!({ "status": "success", "message": "Event processed", "dedup_key": dedup_key });
                Answer::json(StatusCode::ACCEPTED, body)
            }
            Self::PagerDutyChange => {
                Answer::json(StatusCode::ACCEPTED, json!({ "status": "success", "message": "Change event processed" }))
            }
        }
    }
}

/// The delivery cannot be read.
#[must_use]
pub fn refused(format: Format, refusal: &ParseRefusal) -> Answer {
    match format {
        Format::PagerDuty => {
            let body = json!({ "status": "invalid event", "message": "Event object is invalid", "errors": refusal.errors });
            Answer::json(refusal.status, body)
        }
        // The API's openapi.yaml: the body of a 400 is a text.
        Format::AlertmanagerApi => Answer::json(refusal.status, Value::String(refusal.problem.clone())),
        _ => Answer::problem(refusal.status, refusal.code, &refusal.problem),
    }
}

/// The delivery does not prove where it comes from.
#[must_use]
pub fn not_authentic(format: Format, auth: &Auth, refusal: AuthRefusal) -> Answer {
    let answer = match format {
        // amtool cannot read problem+json: it would complain of that instead of the credentials.
        Format::AlertmanagerApi => Answer::json(StatusCode::UNAUTHORIZED, Value::String(refusal.to_string())),
        _ => Answer::problem(StatusCode::UNAUTHORIZED, Code::NotAuthentic, &refusal.to_string()),
    };
    match auth {
        Auth::Bearer { .. } => answer.with("www-authenticate", "Bearer"),
        Auth::Basic { .. } => answer.with("www-authenticate", "Basic realm=\"alerts\", charset=\"UTF-8\""),
        _ => answer,
    }
}

/// No source has that name.
#[must_use]
pub fn no_such_source() -> Answer {
    let detail = "There is no source of that name here; check the address against the configuration's [[source]] names.";
    Answer::problem(StatusCode::NOT_FOUND, Code::NoSuchSource, detail)
}

/// The body was longer than `limit` bytes, and was not read to its end.
#[must_use]
pub fn too_large(format: Format, limit: usize) -> Answer {
    let problem = format!("The body is larger than {limit} bytes. Send fewer alerts at a time.");
    refused(format, &ParseRefusal { errors: vec![problem.clone()], ..ParseRefusal::too_large(problem) })
}

/// The delivery could not be stored; the sender is to try again.
#[must_use]
pub fn not_stored(format: Format) -> Answer {
    later(format, Code::NotStored, "This could not be saved, and nothing was recorded; please send it again in a few seconds.")
}

/// Nobody knows whether the delivery was stored; sent again, it counts as a repeat if it was.
#[must_use]
pub fn unknown(format: Format) -> Answer {
    let detail = "I do not know whether this was saved: the connection to the database broke at the wrong moment. Please send it again; if it was saved, it counts as a repeat.";
    later(format, Code::UnknownOutcome, detail)
}

fn later(format: Format, code: Code, detail: &str) -> Answer {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    let answer = match format {
        Format::PagerDuty => Answer::json(status, json!({ "status": "unavailable", "message": detail, "errors": [detail] })),
        Format::AlertmanagerApi => Answer::json(status, Value::String(detail.to_owned())),
        _ => Answer::problem(status, code, detail),
    };
    answer.with("retry-after", RETRY_AFTER)
}
