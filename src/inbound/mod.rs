//! What comes in: bytes become a verified request. Each surface lives in its own room.

pub mod console;
