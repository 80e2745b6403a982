//! Requests' bodies: bounded, strict JSON, with a sentence for each way of being wrong.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::caller::Caller;
use crate::inbound::code::Code;
use crate::inbound::hooks::document;
use crate::inbound::problem::Problem;
use crate::ledger::sealed::Sealed;
use crate::ticket::number::Number;

/// Bytes of a JSON body at most.
const MOST_BYTES: usize = 1 << 20;
/// Characters of a note, comment or reason at most.
pub const MOST_TEXT: usize = 10_000;
/// Characters of a line at most.
const MOST_LINE: usize = 200;

/// A write: who, under which key, and what.
pub struct Ask<T> {
    /// Who.
    pub caller: Caller,
    /// `Idempotency-Key`.
    pub key: Option<String>,
    /// What, as it was sent.
    pub bytes: Bytes,
    /// What, read.
    pub body: T,
    /// Method-independent name of the action, for the key.
    pub path: String,
}

/// Reads the `Idempotency-Key` header.
///
/// # Errors
/// When it is too long or not printable.
pub fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=255).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Problem::bad_request("An Idempotency-Key has 1 to 255 printable characters.")),
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Ask<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let caller = <Caller as axum::extract::FromRequestParts<App>>::from_request_parts(&mut parts, app).await?;
        let key = key_of(&parts.headers)?;
        let bytes = axum::body::to_bytes(body, MOST_BYTES).await.map_err(|_| {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge, "A request has at most 1 MiB; files go to …/attachments.")
        })?;
        let body = match read(&bytes) {
            // What is JSON is taken as JSON, whatever the client calls it.
            Err(_) if !says_json(&parts.headers) => {
                let detail = "The body must be JSON: send it as Content-Type: application/json.";
                return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::UnsupportedMediaType, detail));
            }
            body => body?,
        };
        Ok(Self { caller, key, bytes, body, path: parts.uri.path().to_owned() })
    }
}

/// Whether the body is called JSON, or nothing at all.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return true };
    let media = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || media.ends_with("+json")
}

/// Reads JSON: no repeated keys, no unknown members. An empty body counts as `{}`.
fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    let value = document::read_json(bytes, MOST_BYTES).map_err(|e| Problem::bad_request(e.problem))?;
    serde_json::from_value(value).map_err(|e| Problem::bad_request(format!("The body does not fit: {e}. /openapi.json shows what does.")))
}

/// A ticket's number from the path.
///
/// # Errors
/// 404: what is not a number names no ticket.
pub fn number(text: &str) -> Result<Number, Problem> {
    let missing =
        |_| Problem::new(StatusCode::NOT_FOUND, Code::NoSuchTicket, "There is no such ticket; a ticket number looks like INC-000042.");
    text.parse().map_err(missing)
}

/// Free text, trimmed, bounded and sealed; `None` when it is empty.
///
/// # Errors
/// When it is too long or holds control characters.
pub fn text(app: &App, name: &str, value: Option<String>, most: usize) -> Result<Option<Sealed>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let value = value.trim();
    let wrong = |problem: String| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::BadFields, format!("{name}: {problem}"))
            .with_fields(vec![(name.to_owned(), problem)])
    };
    if value.chars().count() > most {
        return Err(wrong(format!("at most {most} characters; put the rest into a file.")));
    }
    if value.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) {
        return Err(wrong("it holds control characters; send plain text.".to_owned()));
    }
    Ok((!value.is_empty()).then(|| app.desk.seal(value)))
}

/// One line of text.
///
/// # Errors
/// As [`text`].
pub fn line(app: &App, name: &str, value: Option<String>) -> Result<Option<Sealed>, Problem> {
    text(app, name, value.map(|v| v.replace(['\n', '\r', '\t'], " ")), MOST_LINE)
}

/// Free text that must be there.
///
/// # Errors
/// As [`text`], and when it is empty.
pub fn needed(app: &App, name: &str, value: Option<String>) -> Result<Sealed, Problem> {
    text(app, name, value, MOST_TEXT)?.ok_or_else(|| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::FieldMissing, format!("{name} is needed."))
            .with_fields(vec![(name.to_owned(), "Needed.".to_owned())])
    })
}

/// A moment, RFC 3339.
///
/// # Errors
/// When it is not one.
pub fn moment(name: &str, value: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(value) = value.filter(|v| !v.trim().is_empty()) else { return Ok(None) };
    Timestamp::parse(value.trim()).map(Some).ok_or_else(|| {
        let problem = "a time reads like 2026-11-22T03:04:05Z.".to_owned();
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, Code::BadFields, format!("{name}: {problem}"))
            .with_fields(vec![(name.to_owned(), problem)])
    })
}
