//! Bytes in: each adapter turns what arrives into a verified credential and a typed request, and an answer into what
//! its caller understands.
//!
//! - [`app`]: what every handler holds, and the router;
//! - [`caller`]: who asks: an API key, a session cookie, a source's token;
//! - [`problem`]: refusals as `application/problem+json`; [`code`]: their names;
//! - [`hooks`]: alerts from monitoring tools; [`deliver`] hands them to the desk;
//! - [`api`]: the desk for programs;
//! - [`log`]: the log as C2SP tiles; [`witness`]: we cosign somebody else's;
//! - [`health`]: liveness, readiness, metrics;
//! - `inbox`: what waits for somebody, for every surface;
//! - `stand_ins`: who stands in for whom now;
//! - [`slack`]: commands, buttons, forms and messages of Slack;
//! - [`console`]: the desk for people in a browser.
//!
//! To add a route: a handler in the room it belongs to, a line in that room's `routes()`, and for the API a line in
//! `api/openapi.rs`.

pub mod api;
pub mod app;
pub mod calendar;
pub mod caller;
pub mod code;
pub mod console;
pub mod deliver;
pub mod health;
pub mod hooks;
mod inbox;
pub mod intake;
pub mod listen;
pub mod log;
pub mod pagerduty;
pub mod problem;
pub mod reports;
pub mod slack;
mod stand_ins;
pub mod witness;

pub use app::{App, router};
