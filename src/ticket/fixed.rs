//! What people agreed to stays as they saw it: a field that an approval covers changes only where that approval can be
//! given again. Where it cannot, a record that was approved would say something else than what was approved.

use super::campaign;
use super::command::Fields;
use super::draft::{Draft, Pinning};
use super::offer;
use super::refusal::Refusal;
use super::state::{Held, Ticket};
use super::take::with_fields;
use super::view;
use crate::procedure::expression::Variables;
use crate::procedure::rules::applies;

/// Refuses values that would change what was approved, or what a review has frozen.
pub(super) fn stands(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, given: &Fields) -> Result<(), Refusal> {
    let after = with_fields(ticket, given);
    let other = |name: &String| after.fields.get(name) != ticket.fields.get(name) && !same_words(ticket, &after, name);
    let changed: Vec<&String> = given.keys().filter(|name| other(name)).collect();
    let label = |name: &str| pin.kind.fields.get(name).map_or_else(|| name.to_owned(), |field| field.label.clone());
    for transition in ticket.granted.keys().filter_map(|name| pin.kind.transitions.get(name)) {
        let Some(approval) = &transition.approval else { continue };
        let fixed: Vec<String> = changed.iter().filter(|name| approval.of.contains(name)).map(|name| label(name)).collect();
        if !fixed.is_empty() && !offer::starts(&after, pin.kind, pin.response, transition) {
            let by = view::label(pin.kind, pin.response, &transition.name).to_owned();
            return Err(Refusal::Fixed { ticket: ticket.number.clone(), fields: fixed, by });
        }
    }
    let around = draft.around(pin);
    let Some(rule) = campaign::rule(&around, ticket).filter(|_| ticket.lines.is_some()) else { return Ok(()) };
    let narrows = |name: &&&String| rule.system.as_ref() == Some(**name);
    let variables: Variables = view::variables(&after, pin.kind, pin.response);
    let fixed: Vec<String> = if applies(rule.when.as_ref(), &variables) {
        changed.iter().filter(narrows).map(|name| label(name)).collect()
    } else {
        changed.iter().map(|name| label(name)).collect()
    };
    if fixed.is_empty() {
        return Ok(());
    }
    Err(Refusal::Fixed { ticket: ticket.number.clone(), fields: fixed, by: "its lines".to_owned() })
}

/// Nothing and an empty value are the same.
fn same_words(before: &Ticket, after: &Ticket, name: &str) -> bool {
    let empty = |ticket: &Ticket| match ticket.fields.get(name) {
        None => true,
        Some(Held::Plain(value)) => value.is_null(),
        Some(Held::Sealed(_)) => false,
    };
    empty(before) && empty(after)
}
