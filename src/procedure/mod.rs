//! Procedures are data: the playbooks' schema, how they are loaded and checked, and how their expressions are evaluated.

pub mod expression;
pub mod model;
mod nearest;
mod template;
mod tokens;
