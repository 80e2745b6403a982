//! Alerts from monitoring tools: who sends them, what they say, what they are answered. All pure.
//!
//! The walk of a delivery: find the source (by name, or [`pagerduty::source_for`], or [`auth::source_by_credential`]),
//! [`auth::verify_source`] over the raw bytes, [`parse`], store, [`Reply::accepted`]. A format is one file with
//! `parse(&SourceConfig, &Arrival)`; to add one: a variant of [`Format`](crate::config::Format), its file, its
//! line in [`parse`], a fixture under `tests/fixtures/alerts/`.
//!
//! Every delivery is hostile until read. Sizes, counts and depth are bounded ([`document`]); a genuine alert is not
//! lost over a detail: long values are cut with a mark, NUL becomes U+FFFD, absurd dates are left out. Nothing is
//! dropped in silence: what a sender left out and what maps to no alert is counted and kept. Refused are what is not
//! JSON, repeated keys (two readers could read them differently), more than 5,000 alerts, more than 256 labels and
//! annotations, and names over 1 KiB.

pub mod alertmanager;
pub mod alertmanager_api;
pub mod auth;
pub mod deployment;
pub mod document;
pub mod generic;
pub mod grafana;
pub mod kept;
pub mod pagerduty;
pub mod reply;

use axum::http::{HeaderMap, StatusCode};

use crate::config::{Format, SourceConfig};
use crate::env::Timestamp;
use crate::inbound::code::Code;
use crate::ticket::alert::Alert;
use crate::ticket::deployment::Deployment;

pub use crate::ticket::receive::MAX_ALERTS;
pub use reply::{Answer, Reply};

/// One delivery as it arrived, already authenticated.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The body's raw bytes.
    pub body: &'a [u8],
    /// When it arrived.
    pub now: Timestamp,
    /// The delivery's own id: opaque, never used before. PagerDuty's clients that send no `dedup_key` get it as theirs.
    pub delivery: &'a str,
}

/// What a delivery says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// Its alerts, in its order.
    pub alerts: Vec<Alert>,
    /// What it reports on deployments.
    pub deployments: Vec<Deployment>,
    /// How many more there were, says the sender, that it left out.
    pub truncated: u64,
    /// How many parts of it map to no alert; the delivery is kept all the same.
    pub unmapped: u64,
    /// Why, at most eight sentences.
    pub reasons: Vec<String>,
    /// How it is answered.
    pub reply: Reply,
}

/// The most sentences that are kept about what could not be mapped.
const MAX_SENTENCES: usize = 8;

impl Parsed {
    /// A delivery of which nothing is read yet.
    #[must_use]
    fn of(reply: Reply) -> Self {
        Self { alerts: Vec::new(), deployments: Vec::new(), truncated: 0, unmapped: 0, reasons: Vec::new(), reply }
    }

    /// Counts a part that maps to nothing, and why.
    fn leave_out(&mut self, why: String) {
        self.unmapped += 1;
        if self.reasons.len() < MAX_SENTENCES {
            self.reasons.push(why);
        }
    }
}

/// Why a delivery cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ParseRefusal {
    /// 400 or 413.
    pub status: StatusCode,
    /// The refusal's name, for counting and for `problem+json`.
    pub code: Code,
    /// What is wrong and what to do. Holds no alert's text.
    pub problem: String,
    /// Each thing that is wrong, where the format tells them apart (PagerDuty's `errors`).
    pub errors: Vec<String>,
}

impl ParseRefusal {
    /// A refusal with 400.
    #[must_use]
    pub fn new(code: Code, problem: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, problem: problem.into(), errors: Vec::new() }
    }

    /// A refusal with 413.
    #[must_use]
    pub fn too_large(problem: impl Into<String>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, code: Code::TooLarge, problem: problem.into(), errors: Vec::new() }
    }
}

/// Holds the count of alerts in one delivery to its bound: all are taken, or none.
///
/// # Errors
/// 413 when there are more than 5,000 of them.
fn check_alerts(count: usize) -> Result<(), ParseRefusal> {
    if count <= MAX_ALERTS {
        return Ok(());
    }
    let problem =
        format!("The delivery holds {count} alerts; at most {MAX_ALERTS} are taken at a time. Nothing was taken; send fewer at once.");
    Err(ParseRefusal { errors: vec![problem.clone()], ..ParseRefusal::too_large(problem) })
}

/// Each format's name and what sends it, in one line.
#[must_use]
pub fn formats() -> Vec<(&'static str, &'static str)> {
    Format::ALL.into_iter().map(|f| (f.name(), f.description())).collect()
}

/// Reads a delivery in its source's format. PagerDuty's change events have their own door,
/// [`pagerduty::parse_change`].
///
/// # Errors
/// When the bytes are not what the format calls a delivery.
pub fn parse(source: &SourceConfig, arrival: &Arrival<'_>) -> Result<Parsed, ParseRefusal> {
    match source.format {
        Format::Alertmanager => alertmanager::parse(source, arrival),
        Format::AlertmanagerApi => alertmanager_api::parse(source, arrival),
        Format::Grafana => grafana::parse(source, arrival),
        Format::PagerDuty => pagerduty::parse(source, arrival),
        Format::Generic => generic::parse(source, arrival),
        Format::Deployment => deployment::parse(source, arrival),
    }
}

#[cfg(test)]
mod tests;
