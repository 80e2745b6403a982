//! What can be done with a ticket now, and by whom: decisions ask, and so do cards for their buttons.

use std::collections::BTreeSet;

use super::event::Actor;
use super::state::Ticket;
use super::view;
use crate::procedure::model::{Kind, Response, Transition};

/// The transitions that people can take where the ticket stands, in the procedure's order, whoever asks and whatever
/// is still missing ([`super::missing`]).
#[must_use]
pub fn offered<'a>(ticket: &Ticket, kind: &'a Kind, response: Option<&Response>) -> Vec<&'a Transition> {
    kind.transitions.values().filter(|t| !t.automatic && view::applies(response, &t.name) && starts(ticket, kind, response, t)).collect()
}

/// Whether any of `roles` is held: `anyone` is every verified person; `owner`, `lead` and `requester` are the
/// ticket's.
#[must_use]
pub fn may(actor: &Actor, ticket: Option<&Ticket>, roles: &[String]) -> bool {
    let Some(person) = actor.person() else { return false };
    roles.iter().any(|role| match role.as_str() {
        "anyone" => true,
        "owner" => ticket.is_some_and(|t| t.owner.as_deref() == Some(person)),
        "lead" => ticket.is_some_and(|t| t.lead.as_deref() == Some(person)),
        "requester" => ticket.is_some_and(|t| t.opened_by.person() == Some(person)),
        role => actor.has_role(role),
    })
}

/// Whether the transition can start where the ticket stands: its statuses and their conditions, passing over phases
/// that the response playbook says do not apply.
#[must_use]
pub fn starts(ticket: &Ticket, kind: &Kind, response: Option<&Response>, transition: &Transition) -> bool {
    let variables = view::variables(ticket, kind, response);
    let stands = stands_as(ticket, kind, response);
    transition
        .from
        .iter()
        .any(|from| stands.contains(from.status.as_str()) && from.when.as_ref().is_none_or(|w| w.holds(&variables).unwrap_or(false)))
}

/// The ticket's status, and those that it would have reached by phases that do not apply.
fn stands_as<'a>(ticket: &'a Ticket, kind: &'a Kind, response: Option<&Response>) -> BTreeSet<&'a str> {
    let mut stands = BTreeSet::from([ticket.status.as_str()]);
    for phase in kind.transitions.values().filter(|t| t.phase && !view::applies(response, &t.name)) {
        if phase.from.iter().any(|f| f.when.is_none() && stands.contains(f.status.as_str())) {
            stands.insert(&phase.to);
        }
    }
    stands
}
