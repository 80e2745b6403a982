//! Whoever sends bytes, many requests or none at all, and whoever answers ours: where the service could break, and does not.

mod floods;
mod input;
mod outgoing;
mod poison;
pub mod unknown;
