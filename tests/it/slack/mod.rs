//! People who work incidents in Slack: what they type, press, fill in and say there, and what is refused.

mod accounts;
mod commands;
mod fetched;
mod forged;
mod forms;
pub mod hand;
mod held;
mod minimal;
mod order;
mod requests;
mod reviews;
mod said;
mod slow;
mod sockets;
mod threads;
pub mod tools;
