//! Slack, outward: what is said there, and what one person's own interaction is answered with.
//!
//! - [`ink`]: words within Slack's limits; [`blocks`]: cards, messages, answers; [`view`]: forms.
//!
//! To show something new in Slack: its value belongs to [`crate::card`], its blocks here, within the limits that each
//! file names, and `tests/it/world/slack` refuses what Slack would refuse.

pub mod blocks;
pub mod ink;
pub mod view;
