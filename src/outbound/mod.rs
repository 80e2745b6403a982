//! Words out: each adapter takes one outbox entry and delivers it, at least once.
//!
//! - [`http`]: the one outgoing HTTP client: addresses checked after resolution, no redirects, sizes and times capped;
//! - [`page`]: people are paged: directly in chat, by a signed webhook, by PagerDuty; [`shifts`]: the calendar of shifts;
//! - [`slack`]: channels, threads, live cards, forms;
//! - [`witness`]: our checkpoints to the witnesses that cosign them.
//!
//! To add a receiver: a file with `deliver_once`, its channel's name, and a loop in `cli/service.rs`.

pub mod http;
pub mod page;
pub mod shifts;
pub mod slack;
pub mod witness;
