//! One message per event, and the conversation of a channel made from them.
//!
//! [`Story::timeline`] tells everything; [`Story::conversation`] leaves out what only a record needs (a clock that
//! started) and gathers a storm of alerts into one message, since channel noise is a defect.

use std::collections::BTreeMap;

use super::scene::{Known, Taxonomies, texts_of};
use super::sentences;
use super::words::{Words, count, one_line};
use crate::env::Timestamp;
use crate::procedure::model::{Kind, Response};
use crate::ticket::event::{Actor, Event, Fact};

/// How many different alerts of a gathered storm are remembered by name.
const NAMED_ALERTS: usize = 200;

/// Who is seen as the speaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// A person.
    Person {
        /// The person's id.
        id: String,
        /// The name.
        name: String,
    },
    /// A monitoring tool.
    Source(String),
    /// The product itself.
    House,
}

/// How a message sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Something was done.
    Step,
    /// A person's own words.
    Note,
    /// An alert, or several.
    Alert,
    /// An alert that is over, or several.
    AllClear,
    /// Time presses: a reminder, a breach, an escalation.
    Pressing,
    /// Somebody was refused.
    Refusal,
    /// A file.
    File(i64),
    /// Only of interest to the full record.
    Quiet,
}

/// What is said of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// How it sounds.
    pub tone: Tone,
    /// The sentence.
    pub text: Words,
    /// A person's own words, of several lines perhaps.
    pub body: Option<String>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event's sequence number (the first one's, when several are gathered).
    pub seq: i64,
    /// The sequence number of the last event that it tells.
    pub last: i64,
    /// Whose message it is.
    pub who: Speaker,
    /// When it was recorded.
    pub at: Timestamp,
    /// When it really happened, if that was claimed.
    pub occurred_at: Option<Timestamp>,
    /// What is said.
    pub said: Said,
    /// Names of the gathered alerts, each once, at most two hundred.
    pub details: Vec<String>,
    /// How many events stand behind it.
    pub events: i64,
}

/// Tells the events of one ticket (or of the log, without a kind).
#[derive(Clone, Copy)]
pub struct Story<'a> {
    /// The ticket's pinned procedure.
    pub kind: Option<&'a Kind>,
    /// Its pinned response playbook.
    pub response: Option<&'a Response>,
    /// Lists of allowed values.
    pub taxonomies: &'a Taxonomies,
    /// Names and plaintext.
    pub known: Known<'a>,
}

/// What earlier events said that later sentences speak of.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// Running clocks: when they started, when they are due.
    pub clocks: BTreeMap<String, (Timestamp, Timestamp)>,
    /// Tasks by number.
    pub tasks: BTreeMap<i64, String>,
    /// Plain fields.
    pub fields: BTreeMap<String, Vec<String>>,
}

impl Heard {
    /// Takes in one event.
    pub fn hear(&mut self, event: &Event) {
        match &event.fact {
            Fact::TicketOpened(opened) => {
                self.tasks.extend(opened.tasks.iter().map(|t| (t.task, t.text.clone())));
                self.fields.extend(opened.fields.iter().map(|(name, value)| (name.clone(), texts_of(value))));
            }
            Fact::TransitionTaken(taken) => {
                self.tasks.extend(taken.tasks.iter().map(|t| (t.task, t.text.clone())));
                self.fields.extend(taken.fields.iter().map(|(name, value)| (name.clone(), texts_of(value))));
            }
            Fact::FieldsSet { fields, .. } => {
                self.fields.extend(fields.iter().map(|(name, value)| (name.clone(), texts_of(value))));
            }
            Fact::ClockStarted { clock, due, .. } => {
                self.clocks.insert(clock.clone(), (event.at, *due));
            }
            Fact::ClockRetargeted { clock, due, .. } | Fact::ClockResumed { clock, due, .. } => {
                self.clocks.entry(clock.clone()).and_modify(|(_, old)| *old = *due).or_insert((event.at, *due));
            }
            Fact::ClockStopped { clock, .. } | Fact::ClockPaused { clock } => {
                self.clocks.remove(clock);
            }
            _ => {}
        }
    }
}

impl Story<'_> {
    /// One message per event, in order. `events` are a ticket's from its first one on.
    #[must_use]
    pub fn timeline(&self, events: &[Event]) -> Vec<Message> {
        self.timeline_after(Heard::default(), events)
    }

    fn timeline_after(&self, mut heard: Heard, events: &[Event]) -> Vec<Message> {
        let mut out = Vec::with_capacity(events.len());
        for (place, event) in events.iter().enumerate() {
            heard.hear(event);
            let after = self.after(&heard, event, events.get(place + 1..).unwrap_or_default());
            out.push(self.message(event, &after));
        }
        out
    }

    /// What a channel shows: without quiet messages, storms gathered.
    #[must_use]
    pub fn conversation(&self, events: &[Event]) -> Vec<Message> {
        self.conversation_after(Heard::default(), None, events)
    }

    /// The same, of `events` that follow others: what those said (`heard`), and the last message that they made, which may
    /// still grow and comes first.
    #[must_use]
    pub fn conversation_after(&self, heard: Heard, last: Option<Message>, events: &[Event]) -> Vec<Message> {
        let mut out: Vec<Message> = last.into_iter().collect();
        for message in self.timeline_after(heard, events).into_iter().filter(|m| m.said.tone != Tone::Quiet) {
            match out.last_mut() {
                Some(last) if gathers(last, &message) => gather(last, message),
                _ => out.push(message),
            }
        }
        out
    }

    /// What is known after the whole request that `event` belongs to: a step and the clocks that it starts and
    /// stops are told as one.
    fn after(&self, heard: &Heard, event: &Event, rest: &[Event]) -> Heard {
        let mut after = heard.clone();
        if matches!(event.fact, Fact::TransitionTaken(_)) {
            for consequence in rest.iter().take_while(|e| e.cause.is_some_and(|cause| cause >= event.seq) && e.ticket == event.ticket) {
                after.hear(consequence);
            }
        }
        after
    }

    fn message(&self, event: &Event, heard: &Heard) -> Message {
        let said = sentences::sentence(self, event, heard);
        let details =
            if matches!(said.tone, Tone::Alert | Tone::AllClear) { self.alert_title(event).into_iter().collect() } else { Vec::new() };
        Message {
            seq: event.seq,
            last: event.seq,
            who: self.speaker(event),
            at: event.at,
            occurred_at: claimed(&event.fact),
            said,
            details,
            events: 1,
        }
    }

    fn speaker(&self, event: &Event) -> Speaker {
        match (&event.actor, &event.fact) {
            (_, Fact::ClockStarted { .. } | Fact::ClockStopped { .. } | Fact::ClockWarned { .. } | Fact::ClockBreached { .. }) => {
                Speaker::House
            }
            (Actor::Person { id, .. }, _) => Speaker::Person { id: id.clone(), name: self.known.person(id) },
            (Actor::Account { id }, _) => Speaker::Person { id: id.clone(), name: self.known.actor(&event.actor) },
            (Actor::Source { name }, _) => Speaker::Source(one_line(name, 80)),
            (Actor::Scheduler, _) => Speaker::House,
        }
    }

    /// The title that a sealed alert carries.
    #[must_use]
    pub fn alert_title(&self, event: &Event) -> Option<String> {
        let alert: serde_json::Value = serde_json::from_str(&(self.known.plaintext)(event.seq, "alert")?).ok()?;
        let title = alert.get("title")?.as_str()?;
        Some(one_line(title, 160))
    }
}

/// When it really happened, as claimed.
fn claimed(fact: &Fact) -> Option<Timestamp> {
    match fact {
        Fact::TicketOpened(opened) => opened.occurred_at,
        Fact::TransitionTaken(taken) => taken.occurred_at,
        Fact::NoteAdded { occurred_at, .. } => *occurred_at,
        Fact::EvidenceAttached(evidence) => evidence.captured_at,
        Fact::AlertAttached(alert) | Fact::AlertUnmapped(alert) => alert.fired_at,
        Fact::AlertChanged(alert) => alert.ended_at.or(alert.fired_at),
        Fact::ClockWarned { came_due, .. } => Some(*came_due),
        Fact::ClockBreached { due, .. } => Some(*due),
        _ => None,
    }
}

/// New alerts of one source that follow each other are one message, and so are those that are over.
fn gathers(last: &Message, next: &Message) -> bool {
    matches!(last.said.tone, Tone::Alert | Tone::AllClear) && last.said.tone == next.said.tone && last.who == next.who
}

fn gather(last: &mut Message, next: Message) {
    last.events += next.events;
    last.last = next.last;
    for name in next.details {
        if last.details.len() < NAMED_ALERTS && !last.details.contains(&name) {
            last.details.push(name);
        }
    }
    let from = match &last.who {
        Speaker::Source(name) => format!(" from {name}"),
        _ => String::new(),
    };
    let alerts = count(last.events, "alert", "alerts");
    last.said.text = match last.said.tone {
        Tone::AllClear => Words::of(format!("{alerts}{from} are over.")),
        _ => Words::of(format!("{alerts}{from} since ")).time(last.at).text("."),
    };
}

#[cfg(test)]
mod tests {
    use super::super::samples::{ana, at, event, kind, known, response, source, taxonomies};
    use super::*;
    use crate::ticket::alert::AlertStatus;
    use crate::ticket::event::AlertSeen;

    fn alert(seq: i64, when: &str) -> Event {
        let (source_name, fingerprint) = ("alertmanager".to_owned(), format!("{seq:016x}"));
        let seen = AlertSeen {
            source: source_name,
            fingerprint,
            status: AlertStatus::Firing,
            delivery: 1,
            fired_at: None,
            ended_at: None,
            received_at: at(when),
            group: None,
            after_end: false,
            was: None,
        };
        event(seq, when, source(), Fact::AlertAttached(seen), &["alert"])
    }

    fn note(seq: i64, when: &str) -> Event {
        event(seq, when, ana(), Fact::NoteAdded { note: 1, occurred_at: None, late: false }, &["note"])
    }

    #[test]
    fn a_storm_is_one_message_and_a_note_parts_it() {
        let (kind, response, taxonomies) = (kind(), response(), taxonomies());
        let story = Story { kind: Some(&kind), response: Some(&response), taxonomies: &taxonomies, known: known() };
        let mut events: Vec<Event> = (1..=37).map(|seq| alert(seq, "03:02")).collect();
        events.extend([note(40, "03:05"), alert(41, "03:06")]);
        let told = story.conversation(&events);
        let texts: Vec<_> = told.iter().map(|m| m.said.text.plain(chrono_tz::UTC, at("03:10"))).collect();
        assert_eq!(texts, ["37 alerts from alertmanager since 03:02.", "", "Alert from alertmanager: “High error rate on payments-api”."]);
        assert_eq!((told[0].seq, told[0].events, told[0].details.len()), (1, 37, 1));
        assert_eq!(told[1].said.body.as_deref(), Some("Error rate is falling.\nZone b looks healthy again."));
        assert_eq!(story.timeline(&events).len(), events.len(), "the timeline tells everything");
        // Told in two parts, it is the same.
        for cut in 1..events.len() {
            let mut heard = Heard::default();
            events[..cut].iter().for_each(|event| heard.hear(event));
            let first = story.conversation(&events[..cut]);
            let rest = story.conversation_after(heard, first.last().cloned(), &events[cut..]);
            assert_eq!([&first[..first.len() - 1], &rest].concat(), told, "cut after {cut}");
        }
    }

    #[test]
    fn the_all_clear_of_a_storm_is_one_message_and_an_alert_that_fires_again_is_not_in_it() {
        let taxonomies = Taxonomies::new();
        let story = Story { kind: None, response: None, taxonomies: &taxonomies, known: known() };
        let changed = |seq: i64, status: AlertStatus| {
            let Fact::AlertAttached(seen) = alert(seq, "03:40").fact else { unreachable!("an alert") };
            event(seq, "03:40", source(), Fact::AlertChanged(AlertSeen { status, ..seen }), &["alert"])
        };
        let mut events: Vec<Event> = (1..=160).map(|seq| changed(seq, AlertStatus::Resolved)).collect();
        events.extend([changed(161, AlertStatus::Firing), changed(162, AlertStatus::Resolved)]);
        let told = story.conversation(&events);
        let texts: Vec<_> = told.iter().map(|m| m.said.text.plain(chrono_tz::UTC, at("03:41"))).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert_eq!(texts[0], "160 alerts from alertmanager are over.");
        assert_eq!((told[0].seq, told[0].last, told[0].events), (1, 160, 160));
        assert!(texts[1].contains("firing again") && texts[2].contains("is over"), "{texts:?}");
    }

    #[test]
    fn clocks_that_start_are_for_the_record_only() {
        let taxonomies = Taxonomies::new();
        let story = Story { kind: None, response: None, taxonomies: &taxonomies, known: known() };
        let started =
            event(1, "03:02", source(), Fact::ClockStarted { clock: "acknowledge".into(), due: at("03:17"), reminders: vec![] }, &[]);
        assert!(story.conversation(std::slice::from_ref(&started)).is_empty());
        assert_eq!(story.timeline(&[started])[0].who, Speaker::House);
    }
}
