//! What waits for one person on a ticket: decisions, spoken approvals to confirm, what is owed.

use std::cmp::Ordering;

use super::approval;
use super::authority;
use super::campaign;
use super::duties::{Around, held_apart, requesters, word_of};
use super::event::Actor;
use super::number::Number;
use super::offer::starts;
use super::state::Ticket;
use super::view;
use crate::env::Timestamp;
use crate::procedure::model::{Permission, Role};

/// Why a ticket waits for somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A spoken approval is to be confirmed.
    Confirm,
    /// A decision is to be made.
    Decide,
    /// Lines of a review are to be decided.
    Review,
    /// It was called for this person.
    Called,
    /// Something is owed.
    Owed,
    /// The person owns it.
    Own,
    /// Nobody owns it, and the person may.
    Nobodys,
}

impl Why {
    /// The reason as one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Decide => "decide",
            Self::Review => "review",
            Self::Called => "called",
            Self::Owed => "owed",
            Self::Own => "own",
            Self::Nobodys => "nobodys",
        }
    }
}

/// One thing that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Why.
    pub why: Why,
    /// The step that is to be decided on, or by which something is owed.
    pub transition: Option<String>,
    /// By when, as far as a clock or a debt says so.
    pub due: Option<Timestamp>,
    /// The level of risk or severity, as the ticket says it; empty when it says none.
    pub level: String,
    /// Since when.
    pub since: Timestamp,
    /// The ticket.
    pub ticket: Number,
}

/// What waits for this person, with the roles held now.
#[must_use]
pub fn waiting(around: &Around<'_>, ticket: &Ticket, actor: &Actor) -> Vec<Waiting> {
    let Some(person) = actor.person() else { return Vec::new() };
    let level = word_of(ticket, "risk").or_else(|| word_of(ticket, "severity")).unwrap_or_default().to_owned();
    let running = ticket.clocks.values().filter(|c| c.stopped.is_none() && c.paused.is_none());
    let clock = running.map(|c| c.due).min().filter(|_| !ticket.ended);
    let of = |why: Why, transition: Option<&str>, due: Option<Timestamp>| Waiting {
        why,
        transition: transition.map(str::to_owned),
        due,
        level: level.clone(),
        since: ticket.steps.last().map_or(ticket.opened_at, |s| s.at),
        ticket: ticket.number.clone(),
    };
    let mut out = Vec::new();
    if let Some(spoken) = ticket.spoken.as_ref().filter(|s| s.confirmed.is_none() && s.giver.as_deref() == Some(person)) {
        out.push(of(Why::Confirm, Some(&spoken.transition), clock));
    }
    if ticket.ended {
        return out;
    }
    out.extend(decisions(around, ticket, actor, person).into_iter().map(|t| of(Why::Decide, Some(&t), clock)));
    if lines_for(around, ticket, actor) > 0 {
        out.push(of(Why::Review, None, clock));
    }
    if ticket
        .escalation
        .as_ref()
        .is_some_and(|e| e.acknowledged_by.is_none() && (actor.has_role(&e.to) || e.person.as_deref() == Some(person)))
    {
        out.push(of(Why::Called, None, clock));
    }
    let mine = ticket.owed.iter().filter(|o| o.who == person || actor.has_role(&o.who));
    if let Some(first) = mine.min_by_key(|o| o.due) {
        out.push(of(Why::Owed, Some(&first.by), Some(first.due)));
    }
    if ticket.owner.as_deref() == Some(person) {
        out.push(of(Why::Own, None, clock));
    }
    // Whoever is called for it knows that.
    if out.is_empty() && waits_for_anybody(around, ticket, actor) {
        out.push(of(Why::Nobodys, None, clock));
    }
    out
}

/// Whether somebody has to take it, and this person may: what is talked about in a channel of its own waits for nobody else.
fn waits_for_anybody(around: &Around<'_>, ticket: &Ticket, actor: &Actor) -> bool {
    let works = |(name, role): (&String, &Role)| role.may.contains(&Permission::Work) && actor.has_role(name);
    ticket.owner.is_none() && !around.kind.channel.own.is_empty() && around.organisation.roles.iter().any(works)
}

/// How many lines of a review wait for this person: those that the person is asked about, by name or by a role, and
/// when the time is over what nobody decided.
#[must_use]
pub fn lines_for(around: &Around<'_>, ticket: &Ticket, actor: &Actor) -> i64 {
    let Some(lines) = ticket.lines.as_ref().filter(|_| !ticket.ended) else { return 0 };
    let mine = |who: &str| actor.person() == Some(who) || actor.has_role(who);
    let left = |who: &str| who.starts_with("p_") && !around.people.is_active(who);
    let takes_over = around.kind.lines.iter().flat_map(|l| &l.otherwise).any(|role| actor.has_role(role));
    lines.waits.iter().filter(|(who, _)| mine(who) || (takes_over && (left(who) || campaign::overdue(ticket)))).map(|(_, n)| n).sum()
}

/// The steps on which this person can decide now.
fn decisions(around: &Around<'_>, ticket: &Ticket, actor: &Actor, person: &str) -> Vec<String> {
    let variables = view::variables(ticket, around.kind, around.response);
    let alone = authority::single_operator(around, person);
    let own = requesters(around, ticket).contains(person) && !alone;
    let waits = around.kind.transitions.values().filter(|t| {
        let Some(rule) = &t.approval else { return false };
        if own || !starts(ticket, around.kind, around.response, t) || approval::stands(ticket, t) {
            return false;
        }
        let standing = approval::standing(ticket, t, around.people);
        let decided = standing.iter().any(|a| a.person == person || !a.approved);
        let open = approval::open_stage(rule, &standing, &variables).and_then(|(stage, _)| rule.stages.get(stage));
        let used = |by: &authority::Authority| {
            let whose = by.instead_of.as_deref().unwrap_or(person);
            standing.iter().any(|a| a.approved && approval::authority_of(a) == whose)
        };
        let may = open.is_some_and(|stage| authority::of(around, ticket, stage, actor).is_ok_and(|by| !used(&by)));
        may && !decided && (alone || held_apart(around, ticket, &t.name, person).is_none())
    });
    waits.map(|t| t.name.clone()).collect()
}

/// In the order in which somebody looks at them: what is due first, then the higher risk, then the longest waiting.
#[must_use]
pub fn compare(a: &Waiting, b: &Waiting) -> Ordering {
    let rank = |level: &str| match level {
        "high" | "sev1" => 0,
        "medium" | "sev2" => 1,
        "sev3" => 2,
        "low" | "sev4" => 3,
        _ => 4,
    };
    let key = |w: &Waiting| (w.due.is_none(), w.due, rank(&w.level), w.since, w.why);
    key(a).cmp(&key(b)).then_with(|| a.ticket.cmp(&b.ticket))
}
