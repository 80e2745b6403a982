//! People who work incidents in Slack: what they type, press, fill in and say there, and what is refused.

mod accounts;
mod commands;
mod deeds;
mod fetched;
mod forged;
pub mod forms;
mod gone;
pub mod hand;
mod held;
mod home;
mod minimal;
mod order;
mod requests;
mod reviews;
mod said;
mod sensitive;
mod slow;
mod sockets;
mod threads;
pub mod tools;
