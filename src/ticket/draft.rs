//! A decision under way: what it has decided so far, and what stands after that.

use std::collections::{BTreeMap, BTreeSet};

use super::alert::AlertStatus;
use super::command::{FieldInput, Fields};
use super::correlation::{self, AlertRecord, GroupRecord, Repeat};
use super::decide::{Context, Decision, World};
use super::duties::Around;
use super::event::{Actor, Event, NewEvent};
use super::evolve::{changes_latest_only, evolve};
use super::fields::{self, FieldProblem};
use super::number::Number;
use super::refusal::Refusal;
use super::rota;
use super::state::Ticket;
use crate::env::Timestamp;
use crate::procedure::model::{FieldType, Kind, Permission, Response};

/// The most events that one request may become. A delivery of unrelated alerts opens many tickets.
const MAX_EVENTS: usize = 50_000;

/// An overlay over what stands: every event that is pushed is evolved at once, so that later steps of the same
/// command see it.
pub(super) struct Draft<'a> {
    /// Everything around the decision.
    pub ctx: &'a Context<'a>,
    world: &'a dyn World,
    events: Vec<NewEvent>,
    tickets: BTreeMap<Number, Ticket>,
    /// Events on tickets that are not copied for them, since they change nothing that a decision looks at.
    counted: BTreeMap<Number, Vec<Event>>,
    alerts: BTreeMap<(String, String), AlertRecord>,
    groups: BTreeMap<String, GroupRecord>,
    heard: BTreeMap<String, Timestamp>,
    allocated: BTreeMap<String, u64>,
    touched: Vec<Number>,
    /// The same, to look them up: one delivery may open thousands.
    named: BTreeSet<Number>,
    repeats: Vec<Repeat>,
    dropped: usize,
}

/// The pinned procedure of a ticket.
#[derive(Clone, Copy)]
pub(super) struct Pinning<'a> {
    /// The kind.
    pub kind: &'a Kind,
    /// The response playbook, when there is one.
    pub response: Option<&'a Response>,
}

impl<'a> Draft<'a> {
    pub fn new(ctx: &'a Context<'a>, world: &'a dyn World) -> Self {
        Self {
            ctx,
            world,
            events: Vec::new(),
            tickets: BTreeMap::new(),
            counted: BTreeMap::new(),
            alerts: BTreeMap::new(),
            groups: BTreeMap::new(),
            heard: BTreeMap::new(),
            allocated: BTreeMap::new(),
            touched: Vec::new(),
            named: BTreeSet::new(),
            repeats: Vec::new(),
            dropped: 0,
        }
    }

    /// An empty draft of the same decision, to try something out that may come to nothing.
    pub fn trial(&self) -> Self {
        Self::new(self.ctx, self.world)
    }

    /// The ticket as it stands after what was decided so far; perhaps without what events of the latest alerts change
    /// of it ([`changes_latest_only`]).
    pub fn find(&self, number: &Number) -> Option<&Ticket> {
        self.tickets.get(number).or_else(|| self.world.ticket(number))
    }

    /// The same, or the refusal that there is none.
    pub fn ticket(&self, number: &Number) -> Result<&Ticket, Refusal> {
        self.find(number).ok_or_else(|| Refusal::NoSuchTicket { ticket: number.clone() })
    }

    /// A ticket that the command does not name, as it stands after what was decided so far.
    pub fn other(&self, number: &Number) -> Option<&Ticket> {
        self.tickets.get(number).or_else(|| self.world.linked(number))
    }

    /// What judgements on duties, approvals and times look at.
    pub fn around<'s>(&'s self, pin: Pinning<'s>) -> Around<'s> {
        Around {
            now: self.ctx.now,
            organisation: &self.ctx.library.organisation,
            people: self.ctx.people,
            kind: pin.kind,
            response: pin.response,
        }
    }

    /// Who stands behind a place of the rota now ([`rota::place`]).
    pub fn on_call(&self, place: &str) -> Option<String> {
        rota::place(&self.ctx.library.organisation, self.ctx.people, place, self.ctx.now)
    }

    /// The procedure that the ticket is pinned to.
    pub fn pinning(&self, ticket: &Ticket) -> Result<Pinning<'a>, Refusal> {
        let missing = |digest: &str| Refusal::ProcedureMissing { ticket: ticket.number.clone(), digest: digest.to_owned() };
        let kind = self.ctx.kinds.kind(&ticket.kind_digest).ok_or_else(|| missing(&ticket.kind_digest))?;
        let response = match &ticket.response {
            None => None,
            Some(pinned) => Some(self.ctx.kinds.response(&pinned.digest).ok_or_else(|| missing(&pinned.digest))?),
        };
        Ok(Pinning { kind, response })
    }

    /// What the log says of an alert.
    pub fn alert(&self, source: &str, fingerprint: &str) -> Option<&AlertRecord> {
        self.alerts.get(&(source.to_owned(), fingerprint.to_owned())).or_else(|| self.world.alert(source, fingerprint))
    }

    /// The latest ticket of a group.
    pub fn group(&self, group: &str) -> Option<&GroupRecord> {
        self.groups.get(group).or_else(|| self.world.group(group))
    }

    /// When the group was last heard of, repeats that no event tells of included.
    pub fn heard_at(&self, group: &str) -> Option<Timestamp> {
        let recorded = self.group(group).map(|g| g.last_seen);
        recorded.max(self.world.repeated_at(group)).max(self.heard.get(group).copied())
    }

    /// The next number of a kind, gapless within the decision.
    pub fn allocate(&mut self, prefix: &str) -> Number {
        let first = self.world.next_number(prefix);
        let next = self.allocated.entry(prefix.to_owned()).or_insert(first);
        let number = Number::new(prefix, *next);
        *next += 1;
        number
    }

    /// Decides an event, and lets it change the overlay.
    pub fn push(&mut self, event: NewEvent) {
        let seq = self.ctx.next_seq + i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        let rev = event.ticket.as_ref().map(|n| self.rev(n) + 1);
        let recorded = event.recorded(seq, self.ctx.now, self.ctx.actor, self.ctx.via, rev);
        if let Some(number) = &event.ticket {
            self.evolve(number, &recorded);
        }
        if let Some((source, fingerprint)) = correlation::alert_key(&recorded) {
            let key = (source.to_owned(), fingerprint.to_owned());
            let before = self.alert(source, fingerprint).cloned();
            if let Some(after) = correlation::evolve_alert(before, &recorded) {
                self.alerts.insert(key, after);
            }
        }
        let alert = correlation::alert_key(&recorded).and_then(|(s, f)| self.alert(s, f));
        if let Some(group) = correlation::group_key(&recorded, alert) {
            let before = self.group(&group).cloned();
            if let Some(after) = correlation::evolve_group(before, &recorded) {
                self.groups.insert(group, after);
            }
        }
        self.events.push(event);
    }

    /// Events of the ticket so far.
    fn rev(&self, number: &Number) -> i64 {
        let counted = self.counted.get(number).map_or(0, |events| i64::try_from(events.len()).unwrap_or(i64::MAX));
        self.find(number).map_or(0, |t| t.rev) + counted
    }

    /// Lets an event change its ticket. To copy a ticket costs more than most decisions, and a storm of alerts changes
    /// nothing of it that the next alert depends on: such events wait until the ticket is copied for another one.
    fn evolve(&mut self, number: &Number, event: &Event) {
        if !self.tickets.contains_key(number) && changes_latest_only(&event.fact) && self.world.ticket(number).is_some() {
            self.touch(number);
            self.counted.entry(number.clone()).or_default().push(event.clone());
            return;
        }
        let before = self.tickets.remove(number).or_else(|| self.world.ticket(number).cloned());
        let counted = self.counted.remove(number).unwrap_or_default();
        let before = counted.iter().fold(before, evolve);
        if let Some(after) = evolve(before, event) {
            self.touch(number);
            self.tickets.insert(number.clone(), after);
        }
    }

    /// Names a ticket in the answer, although perhaps nothing changes.
    pub fn touch(&mut self, number: &Number) {
        if self.named.insert(number.clone()) {
            self.touched.push(number.clone());
        }
    }

    /// An identical repeat.
    pub fn repeat(&mut self, repeat: Repeat) {
        if let Some(group) = &repeat.group {
            let heard = self.heard.entry(group.clone()).or_insert(repeat.received_at);
            *heard = (*heard).max(repeat.received_at);
        }
        self.repeats.push(repeat);
    }

    /// A change of an alert that nobody knows.
    pub fn drop_alert(&mut self, status: AlertStatus) {
        if status != AlertStatus::Firing {
            self.dropped += 1;
        }
    }

    pub fn finish(self) -> Result<Decision, Refusal> {
        if self.events.len() > MAX_EVENTS {
            return Err(Refusal::TooMany { what: "changes in one request".into(), most: MAX_EVENTS });
        }
        Ok(Decision { events: self.events, tickets: self.touched, after: self.tickets, repeats: self.repeats, dropped: self.dropped })
    }

    /// Refuses values that cannot stand in their fields, and people and tickets that do not exist.
    pub fn check_fields(&self, kind: &Kind, given: &Fields) -> Result<(), Refusal> {
        let mut problems = fields::check(kind, self.ctx.library, given).err().unwrap_or_default();
        for (name, input) in given {
            let (Some(field), FieldInput::Plain(serde_json::Value::String(value))) = (kind.fields.get(name), input) else { continue };
            let problem = match field.of {
                FieldType::Person if !self.ctx.people.is_active(value) => "must be an active person; please choose one from the list",
                FieldType::Ticket if value.parse().is_ok_and(|n| self.other(&n).is_none()) => "names a ticket that does not exist",
                _ => continue,
            };
            problems.push(FieldProblem { field: name.clone(), label: field.label.clone(), problem: problem.into() });
        }
        if problems.is_empty() { Ok(()) } else { Err(Refusal::BadFields { problems }) }
    }

    /// The person who asks; a monitoring tool or the scheduler cannot `what`.
    pub fn person(&self, what: &str) -> Result<&'a str, Refusal> {
        self.ctx.actor.person().ok_or_else(|| Refusal::NotForYou { what: what.to_owned() })
    }

    /// A person, or an account that nobody has verified: what they say is heard, marked as whose it is.
    pub fn anybody(&self, what: &str) -> Result<(), Refusal> {
        match self.ctx.actor {
            Actor::Person { .. } | Actor::Account { .. } => Ok(()),
            Actor::Source { .. } | Actor::Scheduler => Err(Refusal::NotForYou { what: what.to_owned() }),
        }
    }

    /// The service itself, and nobody else.
    pub fn house(&self, what: &str) -> Result<(), Refusal> {
        if *self.ctx.actor == Actor::Scheduler { Ok(()) } else { Err(Refusal::NotForYou { what: what.to_owned() }) }
    }

    /// The person who asks, when one of the person's roles may work on tickets.
    pub fn worker(&self, what: &str) -> Result<&'a str, Refusal> {
        self.permitted(what, Permission::Work)
    }

    /// The person who asks, when one of the person's roles may read tickets.
    pub fn reader(&self, what: &str) -> Result<&'a str, Refusal> {
        self.permitted(what, Permission::Read)
    }

    fn permitted(&self, what: &str, permission: Permission) -> Result<&'a str, Refusal> {
        let person = self.person(what)?;
        let roles = &self.ctx.library.organisation.roles;
        let may = roles.iter().any(|(name, role)| role.may.contains(&permission) && self.ctx.actor.has_role(name));
        if may { Ok(person) } else { Err(Refusal::NotAllowed { what: what.to_owned(), roles: Vec::new() }) }
    }

    /// The claimed time, refused when it lies in the future; and whether it is late by the organisation's rule.
    pub fn claimed(&self, occurred_at: Option<Timestamp>, what: &str) -> Result<bool, Refusal> {
        match occurred_at {
            Some(at) if at > self.ctx.now => Err(Refusal::InTheFuture { what: what.to_owned() }),
            Some(at) => Ok(self.ctx.now.since(at) > self.ctx.library.organisation.late_after),
            None => Ok(false),
        }
    }
}
