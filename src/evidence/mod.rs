//! What is handed out: evidence bundles, the tables in them, and reports.
//!
//! The writer here knows the log's formats and rows of plain values; where these come from (the store, the desk)
//! is the caller's business, who pushes them in order.

pub mod bundle;
pub mod package;
mod readme;
pub mod report;
pub mod table;

#[cfg(test)]
mod damage;
