//! People who work incidents in Slack: what they type, press, fill in and say there, and what is refused.

mod accounts;
mod commands;
mod forged;
mod forms;
mod hand;
mod reviews;
mod said;
mod sockets;
mod tools;
