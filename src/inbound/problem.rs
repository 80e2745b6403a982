//! Refusals as `application/problem+json` (RFC 9457), in one place: which refusal is which status.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::desk::query::NoView;
use crate::desk::request::{Refused, Unanswered};
use crate::people::PeopleRefusal;
use crate::ticket::refusal::Refusal;

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
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
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
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", detail)
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
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
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
        | Refusal::NotByKey { .. }
        | Refusal::SecondPersonNeeded { .. }
        | Refusal::PasskeyNeeded { .. } => StatusCode::FORBIDDEN,
        Refusal::WrongStatus { .. }
        | Refusal::NotApplicable { .. }
        | Refusal::Stale { .. }
        | Refusal::Locked { .. }
        | Refusal::AlreadyDecided { .. }
        | Refusal::AlreadySettled { .. }
        | Refusal::NoApprovalNeeded { .. }
        | Refusal::NoDecision { .. }
        | Refusal::NoEscalation { .. }
        | Refusal::ProcedureMissing { .. }
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
                Unanswered::Busy => "Busy",
                Unanswered::Unknown => "UnknownOutcome",
                Unanswered::Held(_) => "Held",
                Unanswered::Unfit => return Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Unfit", detail),
                _ => "NotStored",
            };
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        };
        let status = match &refused {
            Refused::Ticket(refusal) => status_of(refusal),
            Refused::People(PeopleRefusal::NotAllowed) | Refused::NotADemo => StatusCode::FORBIDDEN,
            Refused::People(PeopleRefusal::Unknown(_) | PeopleRefusal::NoSuchKey(_)) => StatusCode::NOT_FOUND,
            Refused::People(PeopleRefusal::Known(_) | PeopleRefusal::LastAdministrator | PeopleRefusal::Disabled) => StatusCode::CONFLICT,
            Refused::People(_) | Refused::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Refused::NotAPerson | Refused::LinkSpent => StatusCode::UNAUTHORIZED,
        };
        let fields = if let Refused::Ticket(refusal) = &refused { refusal.fields().into_iter().collect() } else { Vec::new() };
        Self::new(status, refused.code(), detail).with_fields(fields)
    }
}

impl From<NoView> for Problem {
    fn from(error: NoView) -> Self {
        let detail = error.to_string();
        match error {
            NoView::NotAllowed => Self::new(StatusCode::FORBIDDEN, "NotAllowed", detail),
            NoView::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "NotFound", detail),
            NoView::Store(_) | NoView::Desk(_) => {
                tracing::error!(error = detail, "a query failed");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "NotAvailable", "I cannot look that up now; please try again in a minute.")
            }
        }
    }
}
