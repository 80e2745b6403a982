//! What single people are told directly of what concerns them: a decision that waits for them, a decision on what they
//! asked for, a word of theirs to confirm, time that runs out, access that ends. Each event is told to each of them once;
//! whoever did it is not told of it.
//!
//! The entries of the outbox's channel [`NEWS`] say which event and who; what stands in the message is decided when it is
//! sent, so that nobody is asked for what has been done meanwhile. To tell of one more thing: whom it concerns in
//! `concerns`, its words in `outbound/page/news.rs`.

use std::collections::BTreeSet;

use super::known::Known;
use super::paging::{CHAT, Entry};
use crate::env::Timestamp;
use crate::procedure::model::{ClockStart, Kind};
use crate::store::commit::OutboxRow;
use crate::ticket::authority;
use crate::ticket::duties::{Around, requesters, subject};
use crate::ticket::event::{Actor, Event, Fact, TransitionTaken};
use crate::ticket::inbox::{self, Why};
use crate::ticket::nudge;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// The outbox's channel of direct messages on what concerns somebody: told wherever people are called by direct message.
pub const NEWS: &str = "page:news";
/// Entries of one event stand in the order of the log: its position times this, and whom of those it concerns.
const OF_ONE_EVENT: i64 = 1 << 20;

/// For whom a ticket waits, as step and person.
pub(super) type Waited = BTreeSet<(String, String)>;

/// For whom a ticket waits before an event; nothing where that cannot change by it, or nobody is told.
pub(super) fn waited(number: Option<&Number>, fact: &Fact, known: &Known, ways: &BTreeSet<&'static str>, now: Timestamp) -> Waited {
    let ticket = number.filter(|_| ways.contains(CHAT) && may_ask(fact)).and_then(|number| known.tickets.get(number));
    ticket.map(|ticket| with(known, ticket, now, |around| waits_for(around, ticket)).unwrap_or_default()).unwrap_or_default()
}

/// Who is to be told of an event; `before`: for whom its ticket waited before it.
pub(super) fn news(event: &Event, known: &Known, before: &Waited, ways: &BTreeSet<&'static str>, now: Timestamp) -> Vec<OutboxRow> {
    if !ways.contains(CHAT) {
        return Vec::new();
    }
    let ticket = event.ticket.as_ref().and_then(|number| known.tickets.get(number));
    let told: BTreeSet<String> = match (&event.fact, ticket) {
        // Whatever trouble there was with telling them is looked at again.
        (Fact::AccountLinked { person, .. }, _) => BTreeSet::from([person.clone()]),
        (fact, Some(ticket)) => with(known, ticket, now, |around| {
            let mut told = concerns(around, ticket, fact);
            if may_ask(fact) {
                told.extend(waits_for(around, ticket).into_iter().filter(|pair| !before.contains(pair)).map(|(_, person)| person));
            }
            // What somebody did themselves is no news to them.
            told.retain(|person| event.actor.person() != Some(person) && around.people.is_active(person));
            told
        })
        .unwrap_or_default(),
        (_, None) => BTreeSet::new(),
    };
    let entry = |person: String| super::overlay::json(&Entry { seq: event.seq, ticket: event.ticket.clone(), person: Some(person) });
    let row = |(id, person)| OutboxRow { channel: NEWS.to_owned(), id, queued_at: now.micros(), not_before: 0, payload: entry(person) };
    let first = event.seq.saturating_mul(OF_ONE_EVENT);
    (first..first.saturating_add(OF_ONE_EVENT)).zip(told).map(row).collect()
}

fn with<T>(known: &Known, ticket: &Ticket, now: Timestamp, judge: impl FnOnce(&Around<'_>) -> T) -> Option<T> {
    let kind = known.procedures.kind(&ticket.kind_digest)?;
    let library = known.procedures.current()?;
    let response = ticket.response.as_ref().and_then(|pinned| known.procedures.response(&pinned.digest));
    let people = known.directory.as_ref();
    Some(judge(&Around { now, organisation: &library.organisation, people, kind, response: response.map(AsRef::as_ref) }))
}

/// Whether an event may make a ticket wait for somebody's decision.
fn may_ask(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::TicketOpened(_)
            | Fact::TransitionTaken(_)
            | Fact::FieldsSet { .. }
            | Fact::ApprovalDecided { .. }
            | Fact::ApprovalWithdrawn { .. }
    )
}

/// Whoever can decide now, those who stand in for others among them.
fn waits_for(around: &Around<'_>, ticket: &Ticket) -> Waited {
    let Some(waits) = nudge::waits(around, ticket) else { return Waited::new() };
    let live = around.organisation.estate.delegations.iter().filter(|d| d.is_live(around.now));
    let stand_in = |d: &crate::procedure::estate::Delegation| {
        let from = around.people.by_email(&d.from)?;
        waits.on.contains(&from).then(|| around.people.by_email(&d.to))?
    };
    let others: Vec<String> = live.filter_map(stand_in).collect();
    let can = |person: &String| {
        let found = inbox::waiting(around, ticket, &actor(around, person));
        found.iter().any(|w| w.why == Why::Decide && w.transition.as_ref() == Some(&waits.transition))
    };
    waits.on.iter().chain(&others).filter(|person| can(person)).map(|person| (waits.transition.clone(), person.clone())).collect()
}

fn actor(around: &Around<'_>, person: &str) -> Actor {
    Actor::Person { id: person.to_owned(), roles: around.people.roles(person) }
}

/// Whom an event concerns beside those who are to decide.
fn concerns(around: &Around<'_>, ticket: &Ticket, fact: &Fact) -> BTreeSet<String> {
    match fact {
        Fact::ApprovalDecided { .. } | Fact::ApprovalWithdrawn { .. } => requesters(around, ticket),
        Fact::SpokenApprovalAnswered { .. } => requesters(around, ticket).into_iter().chain(ticket.owner.clone()).collect(),
        Fact::TransitionTaken(taken) if ends_or_gives(around.kind, taken) => requesters(around, ticket),
        Fact::ApprovalSpoken { transition, .. } => confirms(around, ticket, transition),
        // What has a channel of its own is warned of there.
        Fact::ClockWarned { clock, .. } | Fact::ClockBreached { clock, .. } if around.kind.channel.own.is_empty() => {
            waits_on_time(around, ticket, clock)
        }
        _ => BTreeSet::new(),
    }
}

/// A step that ends what somebody asked for, or gives it to them for a time.
fn ends_or_gives(kind: &Kind, taken: &TransitionTaken) -> bool {
    let gives = kind.clocks.values().any(|c| c.timing.takes.is_some() && c.starts == ClockStart::Transition(taken.transition.clone()));
    // What follows from a decision is told with the decision.
    !taken.automatic && (gives || taken.ended) && kind.transitions.values().any(|t| t.approval.is_some())
}

/// Whose word it is to say whether it was so: its giver's, or where nobody gave it theirs who may decide on the step.
fn confirms(around: &Around<'_>, ticket: &Ticket, transition: &str) -> BTreeSet<String> {
    let stages = around.kind.transitions.get(transition).and_then(|t| t.approval.as_ref()).into_iter().flat_map(|a| &a.stages);
    let roles = stages.flat_map(|stage| stage.by.iter().chain(&stage.otherwise));
    let owners = authority::system(around, ticket).into_iter().flat_map(|system| &system.owners);
    let named = |who: &String| match around.people.by_email(who) {
        Some(person) => vec![person],
        None => around.people.holders(who),
    };
    let whose = subject(around.kind, ticket).or_else(|| ticket.opened_by.person());
    let manager = whose.and_then(|person| authority::manager_of(around.organisation, around.people, person));
    let giver = ticket.spoken.as_ref().and_then(|spoken| spoken.giver.clone());
    let asked = |person: &String| inbox::waiting(around, ticket, &actor(around, person)).iter().any(|w| w.why == Why::Confirm);
    roles.chain(owners).flat_map(named).chain(manager).chain(giver).filter(asked).collect()
}

/// Whom a clock reminds: of a decision those who can decide, of an end those who lose something by it, of lines those who are
/// asked about them, of work whoever has it.
fn waits_on_time(around: &Around<'_>, ticket: &Ticket, clock: &str) -> BTreeSet<String> {
    let Some(clock) = around.kind.clocks.get(clock) else { return BTreeSet::new() };
    if let Some(spoken) = ticket.spoken.as_ref().filter(|s| clock.timing.answered && s.confirmed.is_none()) {
        return confirms(around, ticket, &spoken.transition);
    }
    let waits: BTreeSet<String> =
        waits_for(around, ticket).into_iter().filter(|(step, _)| clock.stops.contains(step)).map(|(_, person)| person).collect();
    if !waits.is_empty() {
        return waits;
    }
    if clock.timing.takes.is_some() {
        return subject(around.kind, ticket).or_else(|| ticket.opened_by.person()).map(str::to_owned).into_iter().collect();
    }
    let lines = ticket.lines.iter().flat_map(|lines| lines.waits.keys());
    let asked: BTreeSet<String> =
        lines.flat_map(|who| if around.people.is_active(who) { vec![who.clone()] } else { around.people.holders(who) }).collect();
    if asked.is_empty() { ticket.owner.iter().cloned().collect() } else { asked }
}
