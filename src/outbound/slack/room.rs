//! What we know of a ticket's place in Slack, and what its channel is called.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::desk::rooms::{NO_THREAD, RoomRow};
use crate::env::Timestamp;

/// The longest name of a channel.
const NAME: usize = 80;
/// The longest topic of a channel.
pub(super) const TOPIC: usize = 250;

/// What was sent, as far as we know. It is kept after each step, so that a process that dies repeats at most the one that
/// was under way, and that one is looked for first ([`Room::sending`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Room {
    /// The channel; empty before there is one.
    #[serde(skip)]
    pub channel: String,
    /// The thread, which is the card's message; empty in a channel of its own.
    #[serde(skip)]
    pub thread: String,
    /// When something is to be done by itself, microseconds.
    #[serde(skip)]
    pub due: i64,
    /// Position of the ticket's opening.
    #[serde(skip)]
    pub opened: i64,
    /// It was given a place before: from then on it holds nobody back who was opened later.
    pub placed: bool,
    /// It is a channel of the ticket's own.
    pub own: bool,
    /// A channel of threads that we made: those who work are invited there.
    pub brings: bool,
    /// What it is called.
    pub name: String,
    /// It bears no content.
    pub bare: bool,
    /// The card's message.
    pub card: String,
    /// Digest of what the card shows.
    pub shown: String,
    /// The card is pinned.
    pub pinned: bool,
    /// The channel's topic.
    pub topic: String,
    /// Users who were invited, and came.
    pub invited: BTreeSet<String>,
    /// Everything up to this revision was told.
    pub told: i64,
    /// The last message, while it may still grow: a storm's.
    pub tail: Option<Tail>,
    /// What was on its way when this was kept: it may have arrived.
    pub sending: String,
    /// The channel whose opening stands in the log.
    pub recorded: String,
    /// Nobody can write there any more.
    pub archived: bool,
    /// When the channel was last told something, microseconds.
    pub refreshed_at: i64,
    /// Refreshes since somebody pressed for one.
    pub refreshes: u32,
    /// Something did not work for this ticket.
    pub troubled: bool,
    /// What that is, as its card says it.
    pub trouble: String,
    /// The place that it had before, until that says where it goes on.
    pub left: Option<Left>,
    /// Slack lets this ticket have no channel of its own; until then, microseconds, it is not asked again.
    pub no_own_until: i64,
    /// The newest message that we know to stand there: what was under way afterwards stands behind it.
    pub last: String,
    /// How often a new channel had to be made because the old one was gone.
    pub lost: u32,
}

/// A message that may still grow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// Its place.
    pub ts: String,
    /// The first event that it tells.
    pub seq: i64,
}

/// A place that a ticket left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The channel.
    pub channel: String,
    /// The card's message in it.
    pub card: String,
    /// It was a channel of its own: it is archived.
    pub own: bool,
    /// It was a thread that others share, of a ticket that is sensitive now: what we said there is taken back.
    #[serde(default)]
    pub take_back: bool,
}

impl Room {
    /// As the database keeps it; empty when there is nothing, or nothing that reads.
    #[must_use]
    pub fn read(row: Option<RoomRow>) -> Self {
        let Some(row) = row else { return Self::default() };
        let room: Self = serde_json::from_str(&row.state).unwrap_or_default();
        let thread = if row.thread == NO_THREAD { String::new() } else { row.thread };
        Self { channel: row.channel, thread, due: row.due, ..room }
    }

    /// For the database.
    #[must_use]
    pub fn row(&self) -> RoomRow {
        let state = serde_json::to_string(self).unwrap_or_default();
        let waits_for_its_thread = !self.own && !self.channel.is_empty() && self.thread.is_empty();
        let thread = if waits_for_its_thread { NO_THREAD.to_owned() } else { self.thread.clone() };
        let channel = self.channel.clone();
        RoomRow { channel, thread, state, due: self.due, opened: self.opened, waits: !self.placed }
    }

    /// Whether a channel of its own may be asked for.
    #[must_use]
    pub fn may_own(&self, now: Timestamp) -> bool {
        now.micros() >= self.no_own_until
    }

    /// It has a channel of its own from now on; `true`.
    pub fn has_its_own(&mut self, channel: String, name: String) -> bool {
        (self.channel, self.name, self.own, self.no_own_until) = (channel, name, true, 0);
        self.sending.clear();
        true
    }

    /// Leaves the place for another one, which is not there yet.
    /// `gone`: it is not there any more. `sensitive`: what was said there is to stand there no longer.
    pub fn leave(&mut self, gone: bool, sensitive: bool) {
        let take_back = sensitive && !self.own;
        let (channel, card) = (std::mem::take(&mut self.channel), std::mem::take(&mut self.card));
        let old = Left { channel, card, own: self.own, take_back };
        self.left = (!gone && !old.channel.is_empty()).then_some(old);
        self.lost += u32::from(gone);
        self.thread.clear();
        self.name.clear();
        self.shown.clear();
        self.topic.clear();
        self.sending.clear();
        self.last.clear();
        self.invited.clear();
        self.tail = None;
        (self.pinned, self.archived, self.own, self.due) = (false, false, false, 0);
    }
}

/// A channel's name by Slack's rules: lower-case letters, digits, hyphens, at most 80 characters. `title` is left out
/// where the channel bears no content; `nth` tells apart what is called the same.
#[must_use]
pub fn channel_name(number: &str, title: Option<&str>, nth: u32) -> String {
    let mut name = number.to_ascii_lowercase();
    for word in title.unwrap_or_default().to_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        name.push('-');
        name.push_str(word);
    }
    let end = if nth > 1 { format!("-{nth}") } else { String::new() };
    name.truncate(NAME - end.len());
    format!("{}{end}", name.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channels_name_comes_from_number_and_title_by_slacks_rules() {
        for (title, nth, name) in [
            (Some("payments-api is DOWN!"), 1, "inc-000042-payments-api-is-down"),
            (Some("  --"), 1, "inc-000042"),
            (Some("データベース停止"), 1, "inc-000042"),
            (Some("Müllabfuhr: 100 % späte Züge"), 1, "inc-000042-m-llabfuhr-100-sp-te-z-ge"),
            (None, 1, "inc-000042"),
            (None, 3, "inc-000042-3"),
            (Some("x"), 2, "inc-000042-x-2"),
        ] {
            assert_eq!(channel_name("INC-000042", title, nth), name);
        }
        let long = channel_name("INC-000042", Some(&"very long words ".repeat(20)), 12);
        assert!(long.len() <= 80 && long.ends_with("-12"), "{long}");
    }

    #[test]
    fn what_is_kept_reads_back() {
        let room = Room { channel: "C1".into(), told: 7, tail: Some(Tail { ts: "1.2".into(), seq: 3 }), ..Room::default() };
        assert_eq!(Room::read(Some(room.row())), room);
        assert_eq!(Room::read(None), Room::default());
    }
}
