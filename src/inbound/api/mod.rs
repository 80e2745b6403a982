//! The desk for programs: `/api/v1`. What can be read stands in [`read`], what can be asked in [`write`] and [`files`],
//! and all of it in [`openapi`].
//!
//! Every write takes an `Idempotency-Key`; every refusal is `application/problem+json` with the refusal's name.

mod body;
pub(in crate::inbound) mod calendar;
pub(in crate::inbound) mod files;
pub(in crate::inbound) mod lines;
pub mod openapi;
mod query;
mod read;
mod reports;
mod shown;
mod write;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::routing::{get, post};

use super::app::App;
use super::problem::in_shape;
use crate::ticket::users;

/// The API's routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(openapi::document))
        .route("/api/v1/me", get(read::me))
        .route("/api/v1/inbox", get(read::inbox))
        .route("/api/v1/kinds", get(read::kinds))
        .route("/api/v1/people", get(read::people))
        .route("/api/v1/freezes", get(calendar::freezes))
        .route("/api/v1/calendar", post(calendar::issue))
        .route("/api/v1/calendar/stop", post(calendar::stop))
        .route("/api/v1/tickets", get(read::tickets).post(write::open))
        .route("/api/v1/tickets/{number}", get(read::ticket))
        .route("/api/v1/tickets/{number}/events", get(read::events))
        .route("/api/v1/tickets/{number}/diff", get(read::diff))
        .route("/api/v1/tickets/{number}/timeline", get(reports::way))
        .route("/api/v1/tickets/{number}/trace", get(reports::traced))
        .route("/api/v1/targets", get(reports::promised))
        .route("/api/v1/policies/{kind}", get(reports::policy))
        .route("/api/v1/events", get(reports::search))
        .route("/api/v1/reports", get(reports::list))
        .route("/api/v1/reports/{report}", get(reports::report))
        .route("/api/v1/tickets/{number}/alerts", get(read::alerts))
        .route("/api/v1/alerts/{source}/{fingerprint}", get(read::alert))
        .route("/api/v1/deliveries/{delivery}", get(read::delivery))
        .route("/api/v1/tickets/{number}/attachments", post(files::attach).layer(DefaultBodyLimit::max(files::MOST_REQUEST)))
        .route("/api/v1/tickets/{number}/attachments/{file}", get(files::download))
        .route("/api/v1/tickets/{number}/comments", post(write::comment))
        .route("/api/v1/tickets/{number}/fields", post(write::fields))
        .route("/api/v1/tickets/{number}/steps", post(write::steps))
        .route("/api/v1/tickets/{number}/links", post(write::link))
        .route("/api/v1/tickets/{number}/links/{link}/remove", post(write::unlink))
        .route("/api/v1/tickets/{number}/approvals", post(write::approval))
        .route("/api/v1/tickets/{number}/tasks/{task}", post(write::task))
        .route("/api/v1/tickets/{number}/evidence-waivers", post(write::waive_evidence))
        .route("/api/v1/tickets/{number}/offers/{offer}", post(write::take_up))
        .route("/api/v1/tickets/{number}/nudge", post(write::nudge))
        .route("/api/v1/tickets/{number}/owner", post(write::owner))
        .route("/api/v1/tickets/{number}/lead", post(write::lead))
        .route("/api/v1/tickets/{number}/escalate", post(write::escalate))
        .route("/api/v1/tickets/{number}/escalation/acknowledge", post(write::acknowledge_escalation))
        .route("/api/v1/tickets/{number}/notifications/{group}/acknowledge", post(write::acknowledge_notification))
        .route("/api/v1/tickets/{number}/lines", get(lines::list).post(lines::decide))
        .route("/api/v1/tickets/{number}/lines/csv", get(lines::csv))
        .route("/api/v1/tickets/{number}/lines/freeze", post(lines::freeze))
        .route("/api/v1/tickets/{number}/users", post(lines::users).layer(DefaultBodyLimit::max(users::MOST_BYTES)))
        .route("/api/v1/tickets/{number}/{transition}", post(write::take))
        .layer(map_response(in_shape))
}
