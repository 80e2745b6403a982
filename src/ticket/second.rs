//! The second person: whose work a ticket is, so that somebody else judges it.
//!
//! Whether a step needs one is the procedure's condition; who does not count as one is said here. Lowering the
//! severity, merging, and leaving the last phase to a colleague change neither: severities are remembered, and what is
//! merged brings along who did what.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::decide::PeopleView;
use super::event::{Actor, Brought};
use super::state::Ticket;
use super::view;
use crate::procedure::expression::{Expression, Variables};
use crate::procedure::model::{Kind, Response, Transition};

/// The persons (and accounts that opened it while they were nobody's) who may not take `transition` now; empty when it needs no second person, or nobody did anything yet.
///
/// They are all who took a phase of the work, here or on what was merged into this. While no phase was taken, they are
/// whoever opened it by hand and whoever lowered its severity from one that needs a second person to one that does not.
#[must_use]
pub fn first_persons<'t>(ticket: &'t Ticket, kind: &Kind, response: Option<&Response>, transition: &Transition) -> BTreeSet<&'t str> {
    let Some(rule) = &transition.requires.second_person else { return BTreeSet::new() };
    let variables = view::variables(ticket, kind, response);
    if !rule.when.as_ref().is_none_or(|when| wanted(when, &variables)) {
        return BTreeSet::new();
    }
    let worked = phases_by(ticket);
    if !worked.is_empty() {
        return worked;
    }
    let lowered = ticket.severity_changes.iter().filter(|change| {
        let judged = |severity: &str| rule.when.as_ref().is_some_and(|when| wanted(when, &only(&variables, severity)));
        judged(&change.from) && !judged(&change.to)
    });
    opened_by(ticket).into_iter().chain(lowered.map(|change| change.by.as_str())).collect()
}

/// What a ticket brings along when it is merged into another.
pub(super) fn brought(ticket: &Ticket) -> Brought {
    let owned = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect();
    Brought { severities: owned(ticket.severities_seen()), phases_by: owned(phases_by(ticket)), opened_by: owned(opened_by(ticket)) }
}

/// A condition that cannot be evaluated asks for the second person: the safe side.
fn wanted(when: &Expression, variables: &Variables) -> bool {
    when.holds(variables).unwrap_or(true)
}

/// The same ticket, had it never had another severity than this one.
fn only(variables: &Variables, severity: &str) -> Variables {
    let mut judged = variables.clone();
    if let Some(Value::Object(ticket)) = judged.get_mut("ticket") {
        ticket.insert("severity".into(), severity.into());
        ticket.insert("severities_seen".into(), json!([severity]));
    }
    judged
}

/// Everybody who has a part in the work on a ticket: its owner, its lead, and who took a phase of it.
#[must_use]
pub fn workers(ticket: &Ticket) -> BTreeSet<&str> {
    let named = ticket.owner.iter().chain(&ticket.lead).map(String::as_str);
    named.chain(phases_by(ticket)).collect()
}

fn phases_by(ticket: &Ticket) -> BTreeSet<&str> {
    let here = ticket.steps.iter().filter(|s| s.phase).filter_map(|s| s.by.person());
    here.chain(ticket.brought.values().flat_map(|b| &b.phases_by).map(String::as_str)).collect()
}

fn opened_by(ticket: &Ticket) -> BTreeSet<&str> {
    let brought = ticket.brought.values().flat_map(|b| &b.opened_by).map(String::as_str);
    opened_here(ticket).into_iter().chain(brought).collect()
}

/// Whether this person opened the ticket, under whichever account: it may have been linked only later.
#[must_use]
pub fn requested(ticket: &Ticket, person: &str, people: &dyn PeopleView) -> bool {
    is_one_of(&opened_here(ticket), person, people)
}

fn opened_here(ticket: &Ticket) -> BTreeSet<&str> {
    match &ticket.opened_by {
        Actor::Person { id, .. } | Actor::Account { id } => BTreeSet::from([id.as_str()]),
        Actor::Source { .. } | Actor::Scheduler => BTreeSet::new(),
    }
}

/// Whether one of these, persons or accounts, is this person.
#[must_use]
pub fn is_one_of(first: &BTreeSet<&str>, person: &str, people: &dyn PeopleView) -> bool {
    first.contains(person) || first.iter().any(|id| people.owners_of(id).iter().any(|owner| owner == person))
}
