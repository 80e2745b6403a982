//! A ticket's versions: what stood at each revision, rebuilt from its events, and what differs between two of them.
//!
//! Nothing else is needed to tell somebody what changed while they were reading: what a button or an approval was bound
//! to names the version that was shown ([`Shown::find`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::approval;
use super::binding::{binding, reads};
use super::event::{Actor, Event, Fact};
use super::evolve::evolve;
use super::missing::lower_first;
use super::state::{Held, Ticket};
use crate::env::Timestamp;
use crate::procedure::model::{Kind, Transition};

/// The ticket as it stood at revision `rev`; none before it was opened. `events` are the ticket's own, from its opening.
#[must_use]
pub fn at(events: &[Event], rev: i64) -> Option<Ticket> {
    events.iter().take_while(|e| e.rev.is_some_and(|r| r <= rev)).fold(None, evolve)
}

/// Whether something is a field of the procedure or of every ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// A field of the procedure.
    Field,
    /// `status`, `owner` or `lead`.
    Ticket,
}

/// What differs between two versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which sort of name it is.
    pub part: Part,
    /// The field's name.
    pub name: String,
    /// What stood there; none when it was empty.
    pub before: Option<Held>,
    /// What stands there; none when it is empty.
    pub after: Option<Held>,
}

/// One event that touched something between two versions.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch {
    /// The revision that it made.
    pub rev: i64,
    /// Its position in the log.
    pub seq: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
}

/// What differs between two versions of one ticket: exactly that, in the order of the names.
#[must_use]
pub fn changes(before: &Ticket, after: &Ticket) -> Vec<Change> {
    let names: BTreeSet<&String> = before.fields.keys().chain(after.fields.keys()).collect();
    let fields =
        names.into_iter().map(|name| (Part::Field, name.as_str(), before.fields.get(name).cloned(), after.fields.get(name).cloned()));
    let plain = |value: Option<&str>| value.map(|v| Held::Plain(json!(v)));
    let own = [
        (Part::Ticket, "lead", plain(before.lead.as_deref()), plain(after.lead.as_deref())),
        (Part::Ticket, "owner", plain(before.owner.as_deref()), plain(after.owner.as_deref())),
        (Part::Ticket, "status", plain(Some(&before.status)), plain(Some(&after.status))),
    ];
    fields
        .chain(own)
        .filter(|(_, _, before, after)| before != after)
        .map(|(part, name, before, after)| Change { part, name: name.to_owned(), before, after })
        .collect()
}

/// Two versions of a ticket, and each change with the events that made it.
pub type Difference = (Ticket, Ticket, Vec<(Change, Vec<Touch>)>);

/// What differs between two revisions of a ticket, and who changed it: fed with the ticket's events from its opening on.
#[derive(Clone, Debug)]
pub struct Diff {
    from: i64,
    to: i64,
    ticket: Option<Ticket>,
    before: Option<Ticket>,
    touches: BTreeMap<(Part, String), Vec<Touch>>,
}

impl Diff {
    /// Between revisions `from` and `to`, `from` being the older one.
    #[must_use]
    pub fn between(from: i64, to: i64) -> Self {
        Self { from, to, ticket: None, before: None, touches: BTreeMap::new() }
    }

    /// Takes the next event; `false` once no more are needed.
    pub fn feed(&mut self, event: &Event) -> bool {
        let Some(rev) = event.rev.filter(|rev| *rev <= self.to) else { return false };
        let sets = matches!(
            event.fact,
            Fact::TransitionTaken(_) | Fact::FieldsSet { .. } | Fact::OwnerAssigned { .. } | Fact::LeadAssigned { .. }
        );
        let old = if sets && rev > self.from { self.ticket.clone() } else { None };
        self.ticket = evolve(self.ticket.take(), event);
        if let (Some(old), Some(new)) = (old, &self.ticket) {
            for change in changes(&old, new) {
                let touch = Touch { rev, seq: event.seq, at: event.at, actor: event.actor.clone() };
                self.touches.entry((change.part, change.name)).or_default().push(touch);
            }
        }
        if rev == self.from {
            self.before.clone_from(&self.ticket);
        }
        rev < self.to
    }

    /// The two versions and what differs, each with the events that touched it in between; none when the ticket never
    /// had one of these revisions.
    #[must_use]
    pub fn finish(mut self) -> Option<Difference> {
        let (before, after) = (self.before?, self.ticket.filter(|t| t.rev == self.to)?);
        let with_touches = |change: Change| {
            let touches = self.touches.remove(&(change.part, change.name.clone())).unwrap_or_default();
            (change, touches)
        };
        let changes = changes(&before, &after).into_iter().map(with_touches).collect();
        Some((before, after, changes))
    }
}

/// What names the version that somebody was shown.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// A revision.
    Rev(i64),
    /// What a button of this transition was bound to.
    Binding(&'a Transition, &'a str),
    /// Digest of the statement that an approver of this transition was shown.
    Statement(&'a Transition, &'a str),
}

impl Shown<'_> {
    /// The latest revision that this can have been; none when it was none of them.
    #[must_use]
    pub fn find(&self, events: &[Event], kind: &Kind) -> Option<i64> {
        let is = |ticket: &Ticket| match self {
            Self::Rev(rev) => ticket.rev == *rev,
            Self::Binding(transition, bound) => binding(ticket, kind, transition) == *bound,
            Self::Statement(transition, digest) => approval::digest(ticket, transition).as_deref() == Some(*digest),
        };
        let mut ticket = None;
        let mut found = None;
        for event in events {
            ticket = evolve(ticket, event);
            found = ticket.as_ref().filter(|t| is(t)).map(|t| t.rev).or(found);
        }
        found
    }

    /// Whether a change matters to whoever was shown this.
    fn minds(&self, kind: &Kind, change: &Change) -> bool {
        match self {
            Self::Rev(_) => true,
            Self::Binding(transition, _) => match change.part {
                Part::Field => reads(kind, transition).contains(&change.name.as_str()),
                Part::Ticket => change.name == "status",
            },
            Self::Statement(transition, _) => {
                change.part == Part::Field && transition.approval.as_ref().is_some_and(|a| a.of.contains(&change.name))
            }
        }
    }
}

/// What changed since somebody was shown a version, in the words of a refusal: name, and "the severity is sev1 now".
/// What is sealed is named and not told.
#[must_use]
pub fn told(events: &[Event], shown: Shown<'_>, kind: &Kind) -> Vec<(String, String)> {
    let before = shown.find(events, kind).and_then(|rev| at(events, rev));
    let (Some(before), Some(after)) = (before, at(events, i64::MAX)) else { return Vec::new() };
    let mut told: Vec<(String, String)> = changes(&before, &after)
        .iter()
        .filter(|change| shown.minds(kind, change))
        .map(|change| (change.name.clone(), words(change, kind)))
        .collect();
    if told.is_empty() && after.rev > before.rev {
        let notes = events.iter().filter(|e| e.rev > Some(before.rev) && matches!(e.fact, Fact::NoteAdded { .. })).count();
        let what = if notes > 0 { "a note was added" } else { "something was added to it" };
        told.push(("rev".to_owned(), format!("{what}, and it is at revision {} now", after.rev)));
    }
    told
}

fn words(change: &Change, kind: &Kind) -> String {
    let label = match change.part {
        Part::Field => kind.fields.get(&change.name).map_or_else(|| change.name.clone(), |f| lower_first(&f.label)),
        Part::Ticket => change.name.clone(),
    };
    match (&change.after, change.part, change.name.as_str()) {
        (Some(Held::Plain(Value::String(status))), Part::Ticket, "status") => format!("it is {status} now"),
        // Who it is says a name, which is not the log's to tell.
        (_, Part::Ticket, _) => format!("it has another {label} now"),
        (None, ..) => format!("the {label} was taken away"),
        (Some(Held::Sealed(_)), ..) if change.before.is_none() => format!("the {label} was filled in"),
        (Some(Held::Sealed(_)), ..) => format!("the {label} was rewritten"),
        (Some(Held::Plain(value)), ..) => format!("the {label} is {} now", spoken(value)),
    }
}

/// A plain value as a sentence has it.
fn spoken(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(spoken).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
