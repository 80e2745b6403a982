//! The ticket engine: it knows the vocabulary (transition, approval, clock, task, link, attachment), not the kinds.

pub mod alert;
pub mod command;
pub mod event;
pub mod number;
pub mod state;
