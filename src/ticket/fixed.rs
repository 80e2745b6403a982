//! What people agreed to stays as they saw it: a field that an approval covers changes only where that approval can be
//! given again. Where it cannot, a record that was approved would say something else than what was approved. In the same
//! way what a step relied on stays once it was taken, and what a review decided; and whoever a record is about does not make
//! it be about somebody else.

use super::campaign;
use super::command::Fields;
use super::draft::{Draft, Pinning};
use super::duties::{SUBJECT, subject};
use super::offer;
use super::refusal::{FixedBy, Refusal};
use super::state::{Held, Ticket};
use super::take::with_fields;
use super::view;
use crate::procedure::expression::Variables;
use crate::procedure::model::Transition;
use crate::procedure::rules::applies;

/// Refuses values that would change what was approved, what a step relied on, or what a review looks at.
pub(super) fn stands(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, given: &Fields) -> Result<(), Refusal> {
    let after = with_fields(ticket, given);
    let other = |name: &String| after.fields.get(name) != ticket.fields.get(name) && !same_words(ticket, &after, name);
    let changed: Vec<&String> = given.keys().filter(|name| other(name)).collect();
    for transition in ticket.granted.keys().filter_map(|name| pin.kind.transitions.get(name)) {
        let Some(approval) = &transition.approval else { continue };
        // What the step has moved elsewhere is empty again, and may be asked for anew.
        let moved = |name: &String| transition.moves.iter().any(|(_, from)| from == name);
        let fixed = changed.iter().filter(|name| approval.of.contains(name) && !moved(name));
        let fixed: Vec<String> = fixed.map(|name| label(pin, name)).collect();
        if !fixed.is_empty() && !offer::starts(&after, pin.kind, pin.response, transition) {
            let step = view::label(pin.kind, pin.response, &transition.name).to_owned();
            let by = match (ends(ticket, pin, &changed), anew(ticket, pin, &changed)) {
                (None, Some(anew)) => FixedBy::Agreed { step, anew },
                (ends, _) => FixedBy::Approval { step, ends },
            };
            return Err(Refusal::Fixed { ticket: ticket.number.clone(), fields: fixed, by });
        }
    }
    relied_on(ticket, pin, &changed)?;
    decided(ticket, pin, &changed)?;
    about(draft, ticket, pin, &changed)?;
    lines(draft, ticket, pin, &after, &changed)
}

/// The step by which something ends earlier than the field says that holds its end.
fn ends(ticket: &Ticket, pin: Pinning<'_>, changed: &[&String]) -> Option<String> {
    let at = |name: &String| changed.contains(&name);
    let clock = pin.kind.clocks.values().find(|c| c.timing.at.as_ref().is_some_and(at))?;
    let step = pin.kind.transitions.get(clock.timing.takes.as_ref()?)?;
    offer::starts(ticket, pin.kind, pin.response, step).then(|| view::label(pin.kind, pin.response, &step.name).to_owned())
}

/// The step that can be asked for here and has its own words for what is to be different.
fn anew(ticket: &Ticket, pin: Pinning<'_>, changed: &[&String]) -> Option<String> {
    let here = |step: &&Transition| step.proposes && step.from.iter().any(|from| from.status == ticket.status);
    let covers = |step: &&Transition| step.approval.iter().any(|approval| changed.iter().all(|name| approval.of.contains(name)));
    let step = pin.kind.transitions.values().find(|step| here(step) && covers(step))?;
    Some(view::label(pin.kind, pin.response, &step.name).to_owned())
}

/// What a step relied on stays once it was taken; what was empty then may still be filled in.
fn relied_on(ticket: &Ticket, pin: Pinning<'_>, changed: &[&String]) -> Result<(), Refusal> {
    let taken = |step: &&Transition| ticket.steps.iter().any(|s| s.transition == step.name);
    for step in pin.kind.transitions.values().filter(|t| !t.fixes.is_empty()).filter(taken) {
        let fixed: Vec<String> =
            changed.iter().filter(|n| step.fixes.contains(n) && ticket.fields.contains_key(**n)).map(|n| label(pin, n)).collect();
        if !fixed.is_empty() {
            let by = FixedBy::Step { step: view::label(pin.kind, pin.response, &step.name).to_owned() };
            return Err(Refusal::Fixed { ticket: ticket.number.clone(), fields: fixed, by });
        }
    }
    Ok(())
}

/// What a review decided is done as it was decided: only the day until when may move.
fn decided(ticket: &Ticket, pin: Pinning<'_>, changed: &[&String]) -> Result<(), Refusal> {
    let Some(link) = ticket.links.iter().find(|link| campaign::decides(&link.link)) else { return Ok(()) };
    let says = |name: &&&String| campaign::DECIDES.contains(&name.as_str()) || pin.kind.subject.as_ref() == Some(**name);
    let fixed: Vec<String> = changed.iter().filter(says).map(|name| label(pin, name)).collect();
    if fixed.is_empty() {
        return Ok(());
    }
    let by = FixedBy::Review { review: link.to.clone() };
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
        let duty = SUBJECT.to_owned();
        return Err(Refusal::DutiesApart { ticket: ticket.number.clone(), label: label(pin, field), duty });
    }
    Ok(())
}

fn label(pin: Pinning<'_>, name: &str) -> String {
    pin.kind.fields.get(name).map_or_else(|| name.to_owned(), |field| field.label.clone())
}

/// What a review looks at stays once its lines are frozen, or somebody handed in a list for it.
fn lines(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, after: &Ticket, changed: &[&String]) -> Result<(), Refusal> {
    let around = draft.around(pin);
    let gathered = ticket.lines.as_ref().filter(|l| l.is_frozen() || !l.lists.is_empty());
    let (Some(rule), Some(gathered)) = (campaign::rule(&around, ticket), gathered) else { return Ok(()) };
    let narrows = |name: &&&String| rule.system.as_ref() == Some(**name);
    let variables: Variables = view::variables(after, pin.kind, pin.response);
    let fixed: Vec<String> = if applies(rule.when.as_ref(), &variables) {
        changed.iter().filter(narrows).map(|name| label(pin, name)).collect()
    } else {
        changed.iter().map(|name| label(pin, name)).collect()
    };
    if fixed.is_empty() {
        return Ok(());
    }
    let by = FixedBy::Lines { frozen: gathered.is_frozen() };
    Err(Refusal::Fixed { ticket: ticket.number.clone(), fields: fixed, by })
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
