//! Calendars (RFC 5545): what stands in one, as slots of time with their words; and one to hand out.
//!
//! The crate `calcard` reads the text and finds the days of a recurrence on the wall clock; what a wall clock shows becomes
//! a moment here, by the zone's own rules (RFC 5545 §3.3.5): a time that comes twice is the first, one that does not exist
//! counts from the offset before the gap. Everything is bounded: bytes, events, recurrences, slots.

mod read;
mod recur;
#[cfg(test)]
mod tests;
mod write;

use crate::env::Timestamp;

pub use read::read;
pub use write::{Entry, write};

/// Bytes of a calendar at most.
pub const MAX_BYTES: usize = 1 << 20;
/// Events in a calendar at most.
pub const MAX_EVENTS: usize = 5_000;
/// Slots that come of one at most.
pub const MAX_SLOTS: usize = 20_000;

/// Bytes of words in all slots of one at most: each recurrence repeats its event's.
pub const MAX_WORDS_KEPT: usize = 16 << 20;

/// A stretch of time, from `starts` until before `ends`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The event's summary.
    pub name: String,
    /// Its description; empty when there is none.
    pub about: String,
    /// Its categories.
    pub categories: Vec<String>,
    /// Addresses of its attendees who have not declined, small letters. Who organised it need not be there.
    pub people: Vec<String>,
    /// From this moment on.
    pub starts: Timestamp,
    /// The first moment after it.
    pub ends: Timestamp,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// In order of their beginning.
    pub slots: Vec<Slot>,
    /// Bytes of words that they hold together.
    pub bytes: usize,
    /// Events of which nothing could be made, each a sentence.
    pub problems: Vec<String>,
}

/// Why nothing could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCalendar {
    /// Too large.
    #[error("it has {0} bytes; a calendar has at most {MAX_BYTES}")]
    TooLarge(usize),
    /// Not a calendar.
    #[error("it is not an RFC 5545 calendar; one begins with BEGIN:VCALENDAR and is text in UTF-8")]
    NotACalendar,
    /// Too many events.
    #[error("it has more than {MAX_EVENTS} events")]
    TooManyEvents,
    /// Its recurrences come too often.
    #[error("its events recur more than {MAX_SLOTS} times; end them with UNTIL or COUNT")]
    TooOften,
    /// Its recurrences lead nowhere.
    #[error("too many of its recurrences never come")]
    Never,
}
