//! Procedures are data: the playbooks' schema, how they are loaded and checked, and how their expressions are evaluated.

pub mod calendar;
mod check;
mod check_graph;
pub mod clocks;
mod duration;
pub mod estate;
pub mod expression;
mod finding;
pub mod ics;
mod load;
mod load_clock;
mod load_deployments;
mod load_estate;
mod load_field;
mod load_freezes;
mod load_kind;
mod load_lines;
mod load_obligations;
mod load_offers;
mod load_organisation;
mod load_response;
mod load_rota;
mod load_rules;
mod load_transition;
#[cfg(test)]
mod mistakes;
pub mod model;
mod nearest;
pub mod organisation;
mod patterns;
mod reader;
mod remembered;
pub mod render;
pub mod rota;
pub mod rules;
pub mod schedule;
mod shipped;
pub mod substance;
pub mod targets;
mod template;
mod tokens;
mod yaml;

pub use check::{ALERT_MEMBERS, EVENT_MEMBERS, TICKET_MEMBERS};
pub use finding::Finding;
pub use load::load;
pub use shipped::{built_in, built_in_profile, profiles};
