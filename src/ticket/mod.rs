//! The ticket engine: it knows the vocabulary (transition, approval, clock, task, link, attachment), not the kinds.
//!
//! [`decide::decide`] turns a command into events or a refusal; [`evolve::evolve`] turns events into tickets. Both
//! are pure. [`deadlines::deadlines`] says what a ticket waits for, [`missing::missing`] what a step still lacks.

pub mod alert;
pub mod approval;
mod approve;
mod assign;
pub mod audit;
pub mod authority;
#[cfg(test)]
mod bench;
pub mod binding;
pub mod campaign;
mod clock;
pub mod command;
pub mod conditions;
mod consequences;
mod correct;
pub mod correlation;
pub mod deadlines;
pub mod decide;
mod deploy;
pub mod deployment;
mod draft;
pub mod drawing;
pub mod duties;
mod entry;
pub mod escalate;
pub mod event;
pub mod evolve;
pub mod fact;
pub mod facts;
pub mod fields;
mod fixed;
pub mod followed;
pub mod guard;
mod heard;
pub mod inbox;
pub mod judge;
pub mod lines;
mod links;
pub mod media;
mod merge;
pub mod missing;
pub mod nearest;
mod notes;
pub mod nudge;
pub mod number;
pub mod offer;
pub mod offers;
mod open;
mod opens;
mod owed;
pub mod period;
pub mod population;
pub mod receive;
pub mod refusal;
pub mod rota;
pub mod scores;
pub mod second;
mod severity;
pub mod spoken;
pub mod state;
pub mod take;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod trace;
pub mod users;
pub mod version;
pub mod view;
