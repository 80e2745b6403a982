//! What people agreed to stays as they saw it: a field that an approval covers changes only where that approval can be
//! given again. Where it cannot, a record that was approved would say something else than what was approved. What let a step
//! go ahead without an approval stays as well, and what a review decided; and whoever a record is about does not make it be
//! about somebody else.

use super::campaign;
use super::command::Fields;
use super::draft::{Draft, Pinning};
use super::duties::{SUBJECT, subject};
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
    gone_ahead(ticket, pin, &changed)?;
    decided(ticket, pin, &changed)?;
    about(draft, ticket, pin, &changed)?;
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

/// A step that was taken past an approval, because of what stood there, goes on as that: an emergency that was started does
/// not become an ordinary change afterwards, nor an emergency use ordinary access.
fn gone_ahead(ticket: &Ticket, pin: Pinning<'_>, changed: &[&String]) -> Result<(), Refusal> {
    if ticket.steps.is_empty() || changed.is_empty() {
        return Ok(());
    }
    let variables = view::variables(ticket, pin.kind, pin.response);
    for step in &ticket.steps {
        // What is approved for itself can be approved again.
        let found = pin.kind.transitions.get(&step.transition).filter(|transition| transition.approval.is_none());
        let Some(transition) = found else { continue };
        let conditions = transition.from.iter().filter(|from| from.status == step.from).filter_map(|from| from.when.as_ref());
        for when in conditions {
            let read = |name: &&&String| when.source().contains(&format!("ticket.fields.{name}"));
            let label = |name: &&String| pin.kind.fields.get(*name).map_or_else(|| (*name).clone(), |field| field.label.clone());
            let fields: Vec<String> = changed.iter().filter(read).map(label).collect();
            if fields.is_empty() || !when.holds(&variables).unwrap_or(false) {
                continue;
            }
            let by = view::label(pin.kind, pin.response, &transition.name).to_owned();
            return Err(Refusal::Fixed { ticket: ticket.number.clone(), fields, by });
        }
    }
    Ok(())
}

/// What a review decided is done as it was decided: only the day until when may move.
fn decided(ticket: &Ticket, pin: Pinning<'_>, changed: &[&String]) -> Result<(), Refusal> {
    let Some(link) = ticket.links.iter().find(|link| campaign::decides(&link.link)) else { return Ok(()) };
    let fixed = changed.iter().filter(|name| campaign::DECIDES.contains(&name.as_str()) || pin.kind.subject.as_ref() == Some(**name));
    let fixed: Vec<String> =
        fixed.map(|name| pin.kind.fields.get(*name).map_or_else(|| (*name).clone(), |field| field.label.clone())).collect();
    if fixed.is_empty() {
        return Ok(());
    }
    let by = link.to.as_ref().map_or_else(|| "its review".to_owned(), ToString::to_string);
    Err(Refusal::Fixed { ticket: ticket.number.clone(), fields: fixed, by })
}

/// Where a step is not for whom the record is about, that person does not make it be about somebody else. Before anything
/// was done with it, whoever asked may still have slipped.
fn about(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, changed: &[&String]) -> Result<(), Refusal> {
    let (Some(field), Some(whose)) = (&pin.kind.subject, subject(pin.kind, ticket)) else { return Ok(()) };
    if !changed.contains(&field) || draft.ctx.actor.person() != Some(whose) {
        return Ok(());
    }
    let kept = pin.kind.separate.iter().filter(|rule| rule.duties.iter().any(|duty| duty == SUBJECT));
    let mut steps = kept.flat_map(|rule| &rule.duties).filter_map(|step| pin.kind.transitions.get(step));
    let begun = pin.kind.statuses.first() != Some(&ticket.status);
    if steps.any(|step| begun || offer::starts(ticket, pin.kind, pin.response, step)) {
        let label = pin.kind.fields.get(field).map_or_else(|| field.clone(), |f| f.label.clone());
        return Err(Refusal::DutiesApart { ticket: ticket.number.clone(), label, duty: SUBJECT.to_owned() });
    }
    Ok(())
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
