//! What must hold from one event to the next, whatever the events say: canonical bytes, contiguous numbers, time
//! that never goes back, revisions and ticket numbers without gaps.
//!
//! It reads the envelope of an event (`seq`, `at`, `kind`, `ticket`, `rev`, `sealed`) as plain JSON and knows
//! three kinds by name: `LogOpened`, which begins a log, `EpochOpened`, with which it goes on under another name after a
//! loss, and `TicketOpened`, which begins a ticket.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::canonical::NotCanonical;
use super::envelope::Envelope;
use super::key::VerifierKey;
use super::reading::{Alone, Reading};
use crate::env::Timestamp;

/// Why an event does not follow the one before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Its bytes are not an event's.
    #[error("the event's bytes are damaged: {0}")]
    Bytes(#[from] NotCanonical),
    /// A field is missing or of another type.
    #[error("the event has no proper {0:?}")]
    Field(&'static str),
    /// Dropped, repeated or swapped.
    #[error("here stands the event with number {found}: events were dropped, repeated or swapped")]
    Sequence {
        /// Its own number.
        found: String,
    },
    /// Time went back.
    #[error("it is dated {at}, before the event that precedes it ({before})")]
    Time {
        /// Its time.
        at: Timestamp,
        /// The time of the event before it.
        before: Timestamp,
    },
    /// The ticket's events are not contiguous.
    #[error("it is revision {found} of {ticket}, but {expected} comes next: an event of the ticket is missing or repeated")]
    Revision {
        /// The ticket's number.
        ticket: String,
        /// What comes next.
        expected: i64,
        /// What stands there.
        found: i64,
    },
    /// A ticket begins with another event than its opening, or opens twice.
    #[error("{0} does not begin with its opening")]
    Opening(String),
    /// Ticket numbers have a gap.
    #[error("{found} opens, but {expected} comes next: a ticket is missing")]
    Number {
        /// What comes next.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A log begins with `LogOpened`, and only begins with it.
    #[error("a log begins with its opening, and has one only")]
    LogOpening,
    /// A new epoch that does not follow the one before it.
    #[error("it opens a new epoch of another log than this one, or under a name or a key that does not fit")]
    Epoch,
}

/// From this event on the log goes by another name and key: what was signed before was lost in part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Epoch {
    /// The event that says so: the first under the new name.
    pub seq: u64,
    /// The new name.
    pub origin: String,
    /// The new verifier key.
    pub vkey: String,
    /// The name until then.
    pub old_origin: String,
    /// The verifier key until then.
    pub old_vkey: String,
    /// Events under the checkpoint of the old name that is known elsewhere and not continued here.
    pub lost_size: u64,
}

impl Epoch {
    /// In words.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { seq, origin, old_origin, lost_size, .. } = self;
        let left = if lost_size > seq {
            format!("and {seq} were left: what stood in the others is lost")
        } else {
            "and these are not the same events: the log grew differently after an older copy was put back".to_owned()
        };
        format!(
            "With event {seq} this log begins a new epoch, {origin}, after a loss: under {old_origin} {lost_size} events were signed, {left}. Numbers that the lost events gave out may be given out again."
        )
    }
}

/// How far one ticket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The ticket's revision.
    pub rev: i64,
    /// The number of its last event.
    pub seq: u64,
}

/// The tickets of one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// `incident`: as the opening of the first one says (`data.ticket_kind`).
    pub kind: String,
    /// How many were opened; their numbers are 1 to this.
    pub count: u64,
}

/// The running state of the check. Its memory grows with the number of tickets, not of events.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    size: u64,
    origin: Option<String>,
    epochs: Vec<Epoch>,
    demonstration: bool,
    first_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    sealed: u64,
    tickets: BTreeMap<String, Progress>,
    populations: BTreeMap<String, Population>,
}

impl Chain {
    /// Before the first event.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks the next event and returns it.
    ///
    /// # Errors
    /// The first way in which it does not fit; the chain is then as before.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Result<Envelope<'a>, Misfit> {
        self.push_read(bytes, Reading::of(bytes))
    }

    /// As [`Self::push`], for whoever has read these bytes already.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_read<'a>(&mut self, bytes: &'a [u8], reading: Reading) -> Result<Envelope<'a>, Misfit> {
        let Alone { event, at, sealed } = reading.of_these(bytes)?;
        self.check_sequence(&event)?;
        let at = self.check_time(at)?;
        let kind = event.kind.text().ok_or(Misfit::Field("kind"))?;
        self.check_opening(&event, &kind)?;
        let sealed = sealed.ok_or(Misfit::Field("sealed"))?;
        let epoch = if kind == "EpochOpened" { Some(self.check_epoch(&event).ok_or(Misfit::Epoch)?) } else { None };
        self.check_ticket(&event, &kind)?;
        if let Some(epoch) = epoch {
            self.origin = Some(epoch.origin.clone());
            self.epochs.push(epoch);
        }
        self.sealed += sealed;
        self.first_at.get_or_insert(at);
        self.last_at = Some(at);
        self.size += 1;
        Ok(event)
    }

    /// How many events were checked.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The log's name, as its first event says, or the latest that opened an epoch.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Where the log went on under another name.
    #[must_use]
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// Whether the first event says that this is a demonstration.
    #[must_use]
    pub fn is_demonstration(&self) -> bool {
        self.demonstration
    }

    /// The times of the first and the last event.
    #[must_use]
    pub fn period(&self) -> Option<(Timestamp, Timestamp)> {
        self.first_at.zip(self.last_at)
    }

    /// How many sealed values the events hold commitments to.
    #[must_use]
    pub fn sealed(&self) -> u64 {
        self.sealed
    }

    /// How far each ticket has come, by number.
    #[must_use]
    pub fn tickets(&self) -> &BTreeMap<String, Progress> {
        &self.tickets
    }

    /// The tickets by prefix (`INC`).
    #[must_use]
    pub fn populations(&self) -> &BTreeMap<String, Population> {
        &self.populations
    }

    fn check_sequence(&self, event: &Envelope<'_>) -> Result<(), Misfit> {
        event.v.integer().ok_or(Misfit::Field("v"))?;
        let seq = event.seq.raw().ok_or(Misfit::Field("seq"))?;
        if event.seq.integer().and_then(|seq| u64::try_from(seq).ok()) != Some(self.size) {
            return Err(Misfit::Sequence { found: seq.to_owned() });
        }
        let earlier = |cause: i64| u64::try_from(cause).is_ok_and(|cause| cause < self.size);
        if event.cause.is_null() || event.cause.integer().is_some_and(earlier) { Ok(()) } else { Err(Misfit::Field("cause")) }
    }

    fn check_time(&self, at: Option<Timestamp>) -> Result<Timestamp, Misfit> {
        let at = at.ok_or(Misfit::Field("at"))?;
        match self.last_at {
            Some(before) if at < before => Err(Misfit::Time { at, before }),
            _ => Ok(at),
        }
    }

    fn check_opening(&mut self, event: &Envelope<'_>, kind: &str) -> Result<(), Misfit> {
        if (self.size == 0) != (kind == "LogOpened") {
            return Err(Misfit::LogOpening);
        }
        if self.size == 0 {
            let Value::Object(data) = event.data.value() else { return Err(Misfit::Field("data")) };
            self.origin = Some(text_of(&data, "origin")?.to_owned());
            self.demonstration = data.get("demo").and_then(Value::as_bool).ok_or(Misfit::Field("demo"))?;
        }
        Ok(())
    }

    /// A new epoch names the log that it continues, and a key of its own under a name that no epoch had.
    fn check_epoch(&self, event: &Envelope<'_>) -> Option<Epoch> {
        let Value::Object(data) = event.data.value() else { return None };
        let text = |name| text_of(&data, name).ok().map(str::to_owned);
        let epoch = Epoch {
            seq: self.size,
            origin: text("origin")?,
            vkey: text("vkey")?,
            old_origin: text("old_origin")?,
            old_vkey: text("old_vkey")?,
            lost_size: data.get("lost_size")?.as_u64()?,
        };
        let named = |vkey: &str, origin: &str| VerifierKey::parse(vkey).is_ok_and(|key| key.name() == origin);
        let used = epoch.origin == epoch.old_origin || self.epochs.iter().any(|e| e.old_origin == epoch.origin);
        let follows = self.origin.as_ref() == Some(&epoch.old_origin) && self.epochs.last().is_none_or(|e| e.vkey == epoch.old_vkey);
        (follows && !used && named(&epoch.vkey, &epoch.origin) && named(&epoch.old_vkey, &epoch.old_origin)).then_some(epoch)
    }

    fn check_ticket(&mut self, event: &Envelope<'_>, kind: &str) -> Result<(), Misfit> {
        if event.ticket.is_null() && event.rev.is_null() {
            return Ok(());
        }
        let ticket = event.ticket.text().ok_or(Misfit::Field("ticket"))?;
        let found = event.rev.integer().ok_or(Misfit::Field("rev"))?;
        let expected = self.tickets.get(&*ticket).map_or(1, |progress| progress.rev + 1);
        if found != expected {
            return Err(Misfit::Revision { ticket: ticket.into_owned(), expected, found });
        }
        if (found == 1) != (kind == "TicketOpened") {
            return Err(Misfit::Opening(ticket.into_owned()));
        }
        if found == 1 {
            self.check_number(event, &ticket)?;
        }
        let progress = Progress { rev: found, seq: self.size };
        match self.tickets.get_mut(&*ticket) {
            Some(known) => *known = progress,
            None => drop(self.tickets.insert(ticket.into_owned(), progress)),
        }
        Ok(())
    }

    fn check_number(&mut self, event: &Envelope<'_>, ticket: &str) -> Result<(), Misfit> {
        let (prefix, _) = ticket.split_once('-').ok_or(Misfit::Field("ticket"))?;
        let next = self.populations.get(prefix).map_or(1, |population| population.count + 1);
        let expected = number(prefix, next);
        if ticket != expected {
            return Err(Misfit::Number { expected, found: ticket.to_owned() });
        }
        if let Some(known) = self.populations.get_mut(prefix) {
            known.count = next;
            return Ok(());
        }
        let data = event.data.value();
        let kind = data.get("ticket_kind").and_then(Value::as_str).unwrap_or(prefix).to_owned();
        self.populations.insert(prefix.to_owned(), Population { kind, count: next });
        Ok(())
    }
}

/// `INC-000042`
#[must_use]
pub fn number(prefix: &str, count: u64) -> String {
    format!("{prefix}-{count:06}")
}

fn text_of<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, Misfit> {
    object.get(name).and_then(Value::as_str).ok_or(Misfit::Field(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::canonical::to_canonical;
    use super::*;

    fn event(seq: u64, at: u8, kind: &str, ticket: Option<(&str, i64)>) -> Value {
        let data = if kind == "LogOpened" { json!({"origin": "log.invalid/a", "demo": true}) } else { json!({"ticket_kind": "incident"}) };
        json!({
            "v": 1, "seq": seq, "at": format!("2026-01-01T00:00:{at:02}.000000Z"), "kind": kind, "data": data,
            "ticket": ticket.map(|t| t.0), "rev": ticket.map(|t| t.1), "sealed": {}, "cause": null,
        })
    }

    fn story() -> Vec<Value> {
        vec![
            event(0, 0, "LogOpened", None),
            event(1, 1, "TicketOpened", Some(("INC-000001", 1))),
            event(2, 1, "NoteAdded", Some(("INC-000001", 2))),
            event(3, 2, "TicketOpened", Some(("CHG-000001", 1))),
            event(4, 2, "TicketOpened", Some(("INC-000002", 1))),
        ]
    }

    fn walk(events: &[Value]) -> Result<Chain, Misfit> {
        let mut chain = Chain::new();
        for event in events {
            chain.push(&to_canonical(event).unwrap())?;
        }
        Ok(chain)
    }

    /// The story with one field of one event replaced.
    fn with(at: usize, field: &str, value: Value) -> Misfit {
        let mut events = story();
        events[at][field] = value;
        walk(&events).unwrap_err()
    }

    #[test]
    fn a_sound_log_is_counted() {
        let chain = walk(&story()).unwrap();
        assert_eq!((chain.size(), chain.origin(), chain.is_demonstration()), (5, Some("log.invalid/a"), true));
        assert_eq!(chain.tickets()["INC-000001"], Progress { rev: 2, seq: 2 });
        assert_eq!(chain.populations()["INC"], Population { kind: "incident".into(), count: 2 });
    }

    #[test]
    fn dropped_repeated_and_swapped_events_are_seen() {
        for (from, to) in [(2, 3), (1, 2)] {
            let mut swapped = story();
            swapped.swap(from, to);
            assert!(matches!(walk(&swapped), Err(Misfit::Sequence { .. })));
        }
        let mut dropped = story();
        dropped.remove(2);
        assert_eq!(walk(&dropped).unwrap_err(), Misfit::Sequence { found: "3".into() });
        let mut repeated = story();
        repeated.insert(2, repeated[1].clone());
        assert_eq!(walk(&repeated).unwrap_err(), Misfit::Sequence { found: "1".into() });
    }

    #[test]
    fn a_log_rewritten_with_new_numbers_is_seen_by_what_the_tickets_say() {
        assert!(matches!(with(2, "rev", json!(3)), Misfit::Revision { expected: 2, found: 3, .. }));
        assert!(matches!(with(2, "rev", json!(1)), Misfit::Revision { .. }));
        assert!(matches!(with(4, "ticket", json!("INC-000003")), Misfit::Number { .. }));
        assert!(matches!(with(4, "ticket", json!("INC-2")), Misfit::Number { .. }));
        assert!(matches!(with(4, "kind", json!("NoteAdded")), Misfit::Opening(_)));
        assert!(matches!(with(2, "kind", json!("TicketOpened")), Misfit::Opening(_)));
        assert!(matches!(with(0, "kind", json!("NoteAdded")), Misfit::LogOpening));
        assert!(matches!(with(3, "kind", json!("LogOpened")), Misfit::LogOpening));
    }

    #[test]
    fn time_never_goes_back_and_has_one_form() {
        assert!(matches!(with(2, "at", json!("2026-01-01T00:00:00.999999Z")), Misfit::Time { .. }));
        assert_eq!(with(2, "at", json!("2026-01-01T00:00:02Z")), Misfit::Field("at"));
        assert_eq!(with(2, "at", json!("2026-01-01T01:00:02.000000+01:00")), Misfit::Field("at"));
    }

    fn epoch(seq: u64, data: &Value) -> Value {
        json!({
            "v": 1, "seq": seq, "at": "2026-01-01T00:00:09.000000Z", "kind": "EpochOpened", "data": data,
            "ticket": null, "rev": null, "sealed": {}, "cause": null,
        })
    }

    #[test]
    fn a_new_epoch_continues_this_log_under_a_name_and_a_key_of_its_own() {
        let key = |name: &str, n: u8| crate::ledger::note::Signer::from_seed(name, &[n; 32]).unwrap().verifier().to_string();
        let data = json!({
            "origin": "log.invalid/a/2", "vkey": key("log.invalid/a/2", 2), "old_origin": "log.invalid/a",
            "old_vkey": key("log.invalid/a", 1), "lost_size": 9, "known_by": "checkpoint",
        });
        let with = |change: fn(&mut Value)| {
            let (mut events, mut data) = (story(), data.clone());
            change(&mut data);
            events.push(epoch(5, &data));
            walk(&events)
        };
        let chain = with(|_| ()).unwrap();
        assert_eq!((chain.origin(), chain.epochs()[0].seq, chain.epochs()[0].lost_size), (Some("log.invalid/a/2"), 5, 9));
        assert!(chain.epochs()[0].sentence().contains("9 events were signed, and 5 were left"), "{}", chain.epochs()[0].sentence());
        for wrong in [
            (|d: &mut Value| d["old_origin"] = json!("log.invalid/b")) as fn(&mut Value),
            |d| d["origin"] = json!("log.invalid/a"),
            |d| d["origin"] = json!("log.invalid/c"),
            |d| d["vkey"] = json!("log.invalid/a/2+00000000+AQ"),
            |d| d["old_vkey"] = d["vkey"].clone(),
            |d| d["lost_size"] = json!(-1),
        ] {
            assert_eq!(with(wrong).unwrap_err(), Misfit::Epoch);
        }
    }

    #[test]
    fn malformed_envelopes_are_named() {
        assert_eq!(with(2, "sealed", json!({"note": "zz"})), Misfit::Field("sealed"));
        assert_eq!(with(2, "sealed", json!(null)), Misfit::Field("sealed"));
        assert_eq!(with(2, "rev", json!(null)), Misfit::Field("rev"));
        assert_eq!(with(2, "ticket", json!(7)), Misfit::Field("ticket"));
        assert_eq!(with(2, "cause", json!(2)), Misfit::Field("cause"));
        assert_eq!(with(2, "v", json!(null)), Misfit::Field("v"));
        assert!(matches!(with(2, "seq", json!("2")), Misfit::Sequence { .. }));
    }
}
