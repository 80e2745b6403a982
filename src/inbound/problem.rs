//! Refusals as `application/problem+json` (RFC 9457), in one place: which refusal is which status.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::code::Code;
use crate::desk::query::NoView;
use crate::desk::request::{Refused, Unanswered};
use crate::people::PeopleRefusal;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

/// RFC 9457.
const MEDIA_TYPE: &str = "application/problem+json";
/// Seconds after which a caller may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A refusal on its way out.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// The refusal's name.
    pub code: String,
    /// What to do, for people.
    pub detail: String,
    /// What is wrong, field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldTrouble>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, Serialize)]
pub struct FieldTrouble {
    /// The field's name.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Problem {
    /// A refusal.
    #[must_use]
    pub fn new(status: StatusCode, code: Code, detail: impl Into<String>) -> Self {
        Self::named(status, code.name(), detail)
    }

    fn named(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            code: code.to_owned(),
            detail: detail.into(),
            fields: Vec::new(),
        }
    }

    /// The request itself is wrong.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail)
    }

    /// What is wrong, field by field.
    #[must_use]
    pub fn with_fields(mut self, fields: Vec<(String, String)>) -> Self {
        self.fields = fields.into_iter().map(|(field, problem)| FieldTrouble { field, problem }).collect();
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::NoSuchTicket { .. }
        | Refusal::NoSuchKind { .. }
        | Refusal::NoSuchTransition { .. }
        | Refusal::NoSuchResponse { .. }
        | Refusal::NoSuchPerson { .. }
        | Refusal::NoSuchPhase { .. }
        | Refusal::NoSuchTask { .. }
        | Refusal::NoSuchLink { .. }
        | Refusal::NoSuchGroup { .. } => StatusCode::NOT_FOUND,
        Refusal::NotAllowed { .. }
        | Refusal::NotForYou { .. }
        | Refusal::OwnRequest { .. }
        | Refusal::OwnAccess { .. }
        | Refusal::OwnList { .. }
        | Refusal::NotByKey { .. }
        | Refusal::SecondPersonNeeded { .. }
        | Refusal::DutiesApart { .. }
        | Refusal::OwnWork { .. }
        | Refusal::ConflictingRoles { .. }
        | Refusal::AuthorityUsed { .. }
        | Refusal::PasskeyNeeded { .. } => StatusCode::FORBIDDEN,
        Refusal::WrongStatus { .. }
        | Refusal::NotApplicable { .. }
        | Refusal::Stale { .. }
        | Refusal::Locked { .. }
        | Refusal::Fixed { .. }
        | Refusal::AlreadyDecided { .. }
        | Refusal::LineDecided { .. }
        | Refusal::LinesFrozen { .. }
        | Refusal::LinkStays { .. }
        | Refusal::LinkUsed { .. }
        | Refusal::AlreadySettled { .. }
        | Refusal::NoApprovalNeeded { .. }
        | Refusal::NoDecision { .. }
        | Refusal::TooLateToWithdraw { .. }
        | Refusal::NoEscalation { .. }
        | Refusal::ProcedureMissing { .. }
        | Refusal::NudgedLately { .. }
        | Refusal::NothingToNudge { .. }
        | Refusal::NothingToDo => StatusCode::CONFLICT,
        Refusal::ReasonMissing { .. }
        | Refusal::Missing { .. }
        | Refusal::BadFields { .. }
        | Refusal::InTheFuture { .. }
        | Refusal::BadMerge { .. }
        | Refusal::EmptyLink { .. }
        | Refusal::TooMany { .. }
        | Refusal::BadRequest { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl From<Unanswered> for Problem {
    fn from(error: Unanswered) -> Self {
        let detail = error.to_string();
        let Unanswered::Refused(refused) = error else {
            let code = match error {
                Unanswered::Busy => Code::Busy,
                Unanswered::Unknown => Code::UnknownOutcome,
                Unanswered::Held(_) => Code::Held,
                Unanswered::Unfit => return Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::Unfit, detail),
                _ => Code::NotStored,
            };
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        };
        let status = match &refused {
            Refused::Ticket(refusal) => status_of(refusal),
            Refused::People(PeopleRefusal::NotAllowed) | Refused::NotADemo | Refused::NotLinked | Refused::Account(_) => {
                StatusCode::FORBIDDEN
            }
            Refused::People(PeopleRefusal::Unknown(_) | PeopleRefusal::NoSuchKey(_) | PeopleRefusal::NoSuchAccount(_)) => {
                StatusCode::NOT_FOUND
            }
            Refused::People(
                PeopleRefusal::Known(_) | PeopleRefusal::LastAdministrator | PeopleRefusal::Disabled | PeopleRefusal::AccountTaken,
            ) => StatusCode::CONFLICT,
            Refused::TooManyCodes => StatusCode::TOO_MANY_REQUESTS,
            Refused::People(_) | Refused::KeyReused | Refused::WrongCode => StatusCode::UNPROCESSABLE_ENTITY,
            Refused::NotAPerson | Refused::LinkSpent => StatusCode::UNAUTHORIZED,
        };
        let fields = if let Refused::Ticket(refusal) = &refused { refusal.fields().into_iter().collect() } else { Vec::new() };
        Self::named(status, refused.code(), detail).with_fields(fields)
    }
}

impl From<NoView> for Problem {
    fn from(error: NoView) -> Self {
        let detail = error.to_string();
        match error {
            NoView::NotAllowed => Self::new(StatusCode::FORBIDDEN, Code::NotAllowed, detail),
            NoView::NotFound(what) => {
                let code = if what.parse::<Number>().is_ok() { Code::NoSuchTicket } else { Code::NotFound };
                Self::new(StatusCode::NOT_FOUND, code, detail)
            }
            NoView::Store(_) | NoView::Desk(_) => {
                tracing::error!(error = detail, "a query failed");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, Code::NotAvailable, "I cannot look that up now; please try again in a minute.")
            }
        }
    }
}

/// What the framework refuses by itself (an address or a parameter that cannot be read, a method that is not there, a body
/// that is too large), in the shape of every other refusal. For routes that answer every refusal so.
pub async fn in_shape(response: Response) -> Response {
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE) {
        return response;
    }
    shaped(response)
}

/// The same for routes that speak somebody else's protocol: only what has no words at all.
pub async fn with_words(response: Response) -> Response {
    if response.headers().contains_key(header::CONTENT_TYPE) {
        return response;
    }
    shaped(response)
}

fn shaped(response: Response) -> Response {
    let status = response.status();
    if !status.is_client_error() {
        return response;
    }
    let (code, detail) = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            (Code::MethodNotAllowed, "This address does not take that method; /openapi.json shows which it takes.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => (Code::TooLarge, "That is more than this address takes. Send less at a time."),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (Code::UnsupportedMediaType, "This address does not take a body of that type; /openapi.json shows which it takes.")
        }
        StatusCode::NOT_FOUND => (Code::NotFound, "There is nothing at this address. /openapi.json lists what there is."),
        _ => (Code::BadRequest, "The address or one of its parameters cannot be read; /openapi.json shows what can."),
    };
    let mut shaped = Problem::new(status, code, detail).into_response();
    shaped.headers_mut().extend(response.headers().get(header::ALLOW).cloned().map(|allow| (header::ALLOW, allow)));
    shaped
}
