//! Words out: each adapter takes one outbox entry and delivers it, at least once.
//!
//! - [`http`]: the one outgoing HTTP client: addresses checked after resolution, no redirects, sizes and times capped;
//! - [`slack`]: channels, threads, live cards, forms;
//! - [`witness`]: our checkpoints to the witnesses that cosign them.
//!
//! To add a receiver: a file with `deliver_once`, its channel's name, and a loop in `cli/service.rs`.

pub mod http;
pub mod slack;
pub mod witness;
