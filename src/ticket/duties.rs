//! Whose request a ticket is, and which duties on it one person must not combine. Judged on persons, whatever account or
//! surface they use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::command::Fields;
use super::decide::PeopleView;
use super::event::Actor;
use super::state::Ticket;
use super::{second, view};
use crate::env::Timestamp;
use crate::procedure::model::{Kind, Organisation, Response};
use crate::procedure::rules::applies;

/// The duty of being one of those whose request it is.
const REQUEST: &str = "request";
/// The duty of being the one whom it is about.
pub const SUBJECT: &str = "subject";

/// What a judgement on duties, approvals and times looks at, beside the ticket.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Now.
    pub now: Timestamp,
    /// The organisation as adopted now.
    pub organisation: &'a Organisation,
    /// The directory.
    pub people: &'a dyn PeopleView,
    /// The ticket's pinned procedure.
    pub kind: &'a Kind,
    /// Its pinned response playbook.
    pub response: Option<&'a Response>,
}

/// Everybody whose request it is: who opened it, under whichever account, for whom it is asked, who wrote what an approver is shown, and who answers
/// for the monitoring tool that opened it.
#[must_use]
pub fn requesters(around: &Around<'_>, ticket: &Ticket) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = ticket.authors.clone();
    match &ticket.opened_by {
        Actor::Person { id, .. } => {
            out.insert(id.clone());
        }
        Actor::Source { name } => out.extend(around.organisation.estate.sources.get(name).and_then(|email| around.people.by_email(email))),
        Actor::Account { id } => out.extend(around.people.owners_of(id)),
        Actor::Scheduler => {}
    }
    out.extend(subject(around.kind, ticket).map(str::to_owned));
    out
}

/// What makes a request somebody's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Opened it.
    Opened,
    /// It is for this person.
    Subject,
    /// Wrote something that an approver is shown.
    Wrote,
    /// Answers for the tool that opened it.
    Tool,
}

impl Part {
    /// The beginning of a sentence to that person, about `what`.
    #[must_use]
    pub fn sentence(self, what: &str) -> String {
        match self {
            Self::Opened => format!("You asked for {what}"),
            Self::Subject => format!("What {what} asks for is for you"),
            Self::Wrote => format!("You wrote a part of what is approved on {what}"),
            Self::Tool => format!("You answer for the tool that opened {what}"),
        }
    }
}

/// Which part makes it this person's own request; none when it is not.
#[must_use]
pub fn part_of(around: &Around<'_>, ticket: &Ticket, person: &str) -> Option<Part> {
    if !requesters(around, ticket).contains(person) {
        return None;
    }
    let opened = second::requested(ticket, person, around.people);
    Some(match subject(around.kind, ticket) {
        _ if opened => Part::Opened,
        Some(subject) if subject == person => Part::Subject,
        _ if ticket.authors.contains(person) => Part::Wrote,
        _ => Part::Tool,
    })
}

/// The person for whom it is asked.
#[must_use]
pub fn subject<'t>(kind: &Kind, ticket: &'t Ticket) -> Option<&'t str> {
    ticket.plain(kind.subject.as_ref()?)?.as_str()
}

/// Whether one of these fields is shown to an approver and was written freely: what only feeds a score is judged, not asked.
#[must_use]
pub fn authored(kind: &Kind, fields: &Fields) -> bool {
    let judged = |name: &str| kind.scores.iter().any(|s| s.sets == name || s.of.contains_key(name));
    let shown = |name: &str| kind.transitions.values().filter_map(|t| t.approval.as_ref()).any(|a| a.of.iter().any(|f| f == name));
    fields.keys().any(|name| shown(name) && !judged(name))
}

/// The other duty, when the person holds one that must be kept apart from taking (or approving) `transition`.
#[must_use]
pub fn held_apart(around: &Around<'_>, ticket: &Ticket, transition: &str, person: &str) -> Option<String> {
    let variables = view::variables(ticket, around.kind, around.response);
    let rules = around.kind.separate.iter().filter(|rule| rule.duties.iter().any(|d| d == transition));
    let mut others =
        rules.filter(|rule| applies(rule.when.as_ref(), &variables)).flat_map(|rule| rule.duties.iter().filter(|d| *d != transition));
    others.find(|duty| holders(around, ticket, duty).contains(person)).cloned()
}

/// Who holds a duty on the ticket: who took or approved the step.
fn holders(around: &Around<'_>, ticket: &Ticket, duty: &str) -> BTreeSet<String> {
    match duty {
        REQUEST => requesters(around, ticket),
        "owner" => ticket.owner.iter().chain(&ticket.owners).cloned().collect(),
        SUBJECT => subject(around.kind, ticket).map(str::to_owned).into_iter().collect(),
        step => {
            let took = ticket.steps.iter().filter(|s| s.transition == step).filter_map(|s| s.by.person());
            let deciding = ticket.approvals.get(step).into_iter().flatten();
            let granted = ticket.granted.get(step).into_iter().flat_map(|g| &g.given);
            let approved = deciding.chain(granted).filter(|a| a.approved).map(|a| a.person.as_str());
            // A spoken approval is one, unless its giver said that it was not so.
            let spoken = ticket.spoken.iter().filter(|s| s.transition == step && s.confirmed != Some(false));
            let mut out: BTreeSet<String> =
                took.chain(approved).chain(spoken.filter_map(|s| s.giver.as_deref())).map(str::to_owned).collect();
            // What a tool did, it did for those whose request it is.
            if ticket.steps.iter().any(|s| s.transition == step && matches!(s.by, Actor::Source { .. })) {
                out.extend(requesters(around, ticket));
            }
            out
        }
    }
}

/// The link from a review to what it reviews.
pub(super) const REVIEWS: &str = "reviews";

/// Whether whoever had a part in what this ticket reviews does not take this step.
pub(super) fn keeps_reviewed_apart(around: &Around<'_>, ticket: &Ticket, transition: &str) -> bool {
    let variables = view::variables(ticket, around.kind, around.response);
    let both = |duties: &[String]| duties.iter().any(|d| d == "reviewed") && duties.iter().any(|d| d == transition);
    around.kind.separate.iter().any(|rule| both(&rule.duties) && applies(rule.when.as_ref(), &variables))
}

/// Everybody who had a part in a ticket: who asked for it or wrote it, took a step of it, approved one, or worked on it or on
/// what was merged into it. Whoever only reported something asked for nothing: where no procedure keeps asking apart, to have
/// opened it is no part in it.
pub(super) fn had_a_part(around: &Around<'_>, ticket: &Ticket) -> BTreeSet<String> {
    let asks = around.kind.separate.iter().any(|rule| rule.duties.iter().any(|duty| duty == REQUEST));
    let mut out = if asks { requesters(around, ticket) } else { BTreeSet::new() };
    out.extend(second::workers(ticket).into_iter().map(str::to_owned));
    for step in around.kind.transitions.keys() {
        out.extend(holders(around, ticket, step));
    }
    out
}

/// A field of type time.
pub(super) fn time_of(ticket: &Ticket, field: &str) -> Option<Timestamp> {
    ticket.plain(field).and_then(Value::as_str).and_then(Timestamp::parse)
}

/// A field that holds one word.
pub(super) fn word_of<'t>(ticket: &'t Ticket, field: &str) -> Option<&'t str> {
    ticket.plain(field).and_then(Value::as_str)
}
