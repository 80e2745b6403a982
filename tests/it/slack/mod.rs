//! People who work incidents in Slack: what they type, press, fill in and say there, and what is refused.

mod accounts;
mod commands;
mod fetched;
mod forged;
mod forms;
mod hand;
mod held;
mod minimal;
mod order;
mod reviews;
mod said;
mod sockets;
mod threads;
mod tools;
