//! What waits for one person on a ticket: decisions, spoken approvals to confirm, what is owed.

use std::cmp::Ordering;

use super::campaign;
use super::duties::{Around, word_of};
use super::escalate;
use super::event::Actor;
use super::judge;
use super::number::Number;
use super::spoken;
use super::state::Ticket;
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
    let steps = || around.kind.transitions.values();
    let asked = steps().find(|t| spoken::waits(ticket, t) && spoken::is_asked(around, ticket, t, actor));
    out.extend(asked.map(|t| of(Why::Confirm, Some(&t.name), clock)));
    if ticket.ended {
        return out;
    }
    let decides = steps().filter(|t| !spoken::waits(ticket, t) && judge::decides(around, ticket, t, actor));
    out.extend(decides.map(|t| of(Why::Decide, Some(&t.name), clock)));
    if lines_for(around, ticket, actor) > 0 {
        out.push(of(Why::Review, None, clock));
    }
    if escalate::is_called(ticket, actor) {
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
