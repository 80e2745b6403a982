//! The parts of a page that are replaced while it is open, each by its id (`data-fragment`): the stream sends one as
//! `{id, html, into}`, and the script swaps it in, keeping focus, open menus and whatever is being typed.

use askama::Template;
use askama::filters::HtmlSafe;
use serde::Serialize;

use super::html::{self, Moment, Sentence};
use super::views::{ChannelLink, ROOT, Shell};
use crate::card::live::{Card, Phase, Progress};
use crate::card::story::{Message, Speaker, Tone};
use crate::card::words::{Words, remaining};
use crate::env::Timestamp;

/// How many different alerts of a storm are named.
const SHOWN: usize = 5;

/// One part of a page, as the stream sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fragment {
    /// Which part; an open page that does not have it ignores it, unless `into` says where it belongs.
    pub id: String,
    /// Its HTML, one element.
    pub html: String,
    /// The list that a new one is added to, at the end (`messages`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<&'static str>,
}

impl Fragment {
    /// The channel list.
    #[must_use]
    pub fn channels(shell: &Shell) -> Self {
        Self { id: "channels".to_owned(), html: ChannelsPart::of(shell, true).to_string(), into: None }
    }

    /// The live card at the top of a channel.
    #[must_use]
    pub fn card(card: &Card, key: &str, now: Timestamp) -> Self {
        Self { id: "card".to_owned(), html: CardPart { card, key, now }.to_string(), into: None }
    }

    /// The details beside a channel.
    #[must_use]
    pub fn known(card: &Card, key: &str, now: Timestamp) -> Self {
        Self { id: "known".to_owned(), html: KnownPart { card, key, now }.to_string(), into: None }
    }

    /// A message of a channel: replaces the one of its number, or comes at the end.
    #[must_use]
    pub fn message(message: &Message, number: &str, now: Timestamp) -> Self {
        let html = MessagePart { m: message, number, now }.to_string();
        Self { id: format!("m-{}", message.seq), html, into: Some("messages") }
    }

    /// What stands in `#incidents`.
    #[must_use]
    pub fn incidents(open: &[Card], ended: &[ChannelLink], key: &str, now: Timestamp) -> Self {
        Self { id: "incidents".to_owned(), html: IncidentsPart { open, ended, key, now }.to_string(), into: None }
    }
}

/// See [`Fragment::channels`].
#[derive(Template)]
#[template(path = "console/channels.html")]
pub(super) struct ChannelsPart<'a> {
    channels: &'a [ChannelLink],
    here: Option<&'a str>,
    now: Timestamp,
    in_desk: bool,
}

impl<'a> ChannelsPart<'a> {
    pub(super) fn of(shell: &'a Shell, in_desk: bool) -> Self {
        Self { channels: &shell.channels, here: shell.here.as_deref(), now: shell.now, in_desk }
    }

    fn left(&self, due: &Timestamp) -> String {
        remaining(*due, self.now)
    }

    fn is_here(&self, channel: &ChannelLink) -> bool {
        self.here == Some(channel.number.as_str())
    }
}

/// See [`Fragment::card`].
#[derive(Template)]
#[template(path = "console/card.html")]
pub(super) struct CardPart<'a> {
    pub(super) card: &'a Card,
    pub(super) key: &'a str,
    pub(super) now: Timestamp,
}

impl CardPart<'_> {
    fn said<'w>(&self, words: &'w Words) -> Sentence<'w> {
        Sentence { words, now: self.now }
    }

    fn any_running(&self) -> bool {
        self.card.clocks.iter().any(|clock| clock.running)
    }

    fn iso(&self, at: &Timestamp) -> String {
        at.to_string()
    }

    fn full(&self, at: &Timestamp) -> String {
        format!("due {}", at.utc().format("%a %-d %b %Y %H:%M UTC"))
    }
}

/// See [`Fragment::known`].
#[derive(Template)]
#[template(path = "console/known.html")]
pub(super) struct KnownPart<'a> {
    pub(super) card: &'a Card,
    pub(super) key: &'a str,
    pub(super) now: Timestamp,
}

impl KnownPart<'_> {
    fn said<'w>(&self, words: &'w Words) -> Sentence<'w> {
        Sentence { words, now: self.now }
    }

    fn any_stopped(&self) -> bool {
        self.card.clocks.iter().any(|clock| !clock.running)
    }

    fn is_current(&self, phase: &Phase) -> bool {
        phase.progress == Progress::Here
    }

    fn progress_class(&self, phase: &Phase) -> &'static str {
        match phase.progress {
            Progress::Done => "done",
            Progress::Skipped => "skipped",
            Progress::Here => "here",
            Progress::Ahead => "ahead",
        }
    }

    fn progress_word(&self, phase: &Phase) -> &'static str {
        match phase.progress {
            Progress::Done => "done",
            Progress::Skipped => "passed over",
            Progress::Here => "now",
            Progress::Ahead => "",
        }
    }
}

/// See [`Fragment::message`].
#[derive(Template)]
#[template(path = "console/message.html")]
pub(super) struct MessagePart<'a> {
    pub(super) m: &'a Message,
    pub(super) number: &'a str,
    pub(super) now: Timestamp,
}

impl MessagePart<'_> {
    fn said(&self) -> Sentence<'_> {
        Sentence { words: &self.m.said.text, now: self.now }
    }

    fn at(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, now: self.now }
    }

    fn speaker(&self) -> &str {
        match &self.m.who {
            Speaker::Person { name, .. } | Speaker::Source(name) => name,
            Speaker::House => "Countersign",
        }
    }

    fn tone_class(&self) -> &'static str {
        tone_class(self.m.said.tone)
    }

    fn file(&self) -> Option<i64> {
        match self.m.said.tone {
            Tone::File(file) => Some(file),
            _ => None,
        }
    }

    fn named(&self) -> impl Iterator<Item = &String> {
        self.m.details.iter().take(SHOWN)
    }

    fn unnamed(&self) -> usize {
        self.m.details.len().saturating_sub(SHOWN)
    }
}

/// See [`Fragment::incidents`].
#[derive(Template)]
#[template(path = "console/incidents.html")]
pub(super) struct IncidentsPart<'a> {
    pub(super) open: &'a [Card],
    pub(super) ended: &'a [ChannelLink],
    pub(super) key: &'a str,
    pub(super) now: Timestamp,
}

impl IncidentsPart<'_> {
    fn said<'w>(&self, words: &'w Words) -> Sentence<'w> {
        Sentence { words, now: self.now }
    }
}

impl HtmlSafe for ChannelsPart<'_> {}
impl HtmlSafe for CardPart<'_> {}
impl HtmlSafe for KnownPart<'_> {}
impl HtmlSafe for MessagePart<'_> {}
impl HtmlSafe for IncidentsPart<'_> {}

/// The class, and the name of the mark, for a tone.
pub(super) fn tone_class(tone: Tone) -> &'static str {
    match tone {
        Tone::Step | Tone::AllClear => "step",
        Tone::Note => "note",
        Tone::Alert => "alert",
        Tone::Pressing => "pressing",
        Tone::Refusal => "refusal",
        Tone::File(_) => "file",
        Tone::Quiet => "quiet",
    }
}
