//! Setting and correcting fields between steps.

use serde_json::json;

use super::command::Fields;
use super::draft::{Draft, Pinning};
use super::event::{Fact, NewEvent};
use super::missing::Missing;
use super::number::Number;
use super::refusal::Refusal;
use super::state::{Held, Ticket};
use super::{clock, conditions, consequences, duties, entry, escalate, fixed, scores, severity, take};
use crate::ledger::sealed::Sealed;

pub(super) fn set_fields(draft: &mut Draft<'_>, number: &Number, given: &Fields, reason: Option<&Sealed>) -> Result<(), Refusal> {
    draft.worker("change fields")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if ticket.ended {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    draft.check_fields(pin.kind, given)?;
    let given = &as_the_entry_says(draft, ticket, pin, given)?;
    // What follows from the answers stays as much as what somebody says.
    let mut scored = given.clone();
    scores::apply(pin.kind, Some(ticket), &mut scored)?;
    fixed::stands(draft, ticket, pin, &scored)?;
    within_the_entry(draft, ticket, pin, given)?;
    let overridden = severity::overridden(pin.kind, ticket, given);
    let reason = reason.filter(|r| !r.bytes.is_empty());
    if let (Some((before, after)), None) = (overridden, reason) {
        return Err(Refusal::ReasonMissing { because: format!("the severity changes from {before} to {after}") });
    }
    let before = ticket.clone();
    let mut given = given.clone();
    severity::propose(pin.kind, Some(ticket), &mut given);
    scores::apply(pin.kind, Some(ticket), &mut given)?;
    let (mut plain, sealed) = take::split(&given);
    // A sealed value is a new commitment each time, so only plain ones can be seen to be the same.
    plain.retain(|name, value| match ticket.fields.get(name) {
        Some(Held::Plain(held)) => held != value,
        Some(Held::Sealed(_)) => true,
        None => !value.is_null(),
    });
    if plain.is_empty() && sealed.is_empty() {
        return Err(Refusal::NothingToDo);
    }
    let named = plain.keys().cloned().chain(sealed.iter().map(|(name, _)| name.clone())).collect::<Vec<_>>();
    let authored =
        duties::authored(pin.kind, &given.iter().filter(|(n, _)| named.contains(n)).map(|(n, v)| (n.clone(), v.clone())).collect());
    let fact =
        Fact::FieldsSet { fields: plain, sealed_fields: sealed.iter().map(|(name, _)| name.clone()).collect(), authored, asks: None };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    for (name, value) in sealed {
        event = event.seal(format!("field.{name}"), value.clone());
    }
    if let Some(reason) = reason {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
    clock::after_fields(draft, number, pin, &before);
    escalate::page(draft, number, pin);
    consequences::after(draft, number, pin, json!({ "kind": "FieldsSet" }));
    consequences::follow(draft, number)
}

/// The same values, with what follows from the system's entry: nobody says of a privileged role that it is none.
fn as_the_entry_says(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, given: &Fields) -> Result<Fields, Refusal> {
    let mut fields = given.clone();
    if entry::apply(&draft.ctx.library.organisation, pin.kind, Some(ticket), &mut fields) {
        let says = "The system's entry says that this role is privileged, so it is asked for as such; choose a smaller role instead.";
        let missing = vec![Missing::Condition { code: "NotOffered", says: says.to_owned() }];
        return Err(Refusal::Missing { ticket: Some(ticket.number.clone()), verb: "be changed so".into(), missing });
    }
    Ok(fields)
}

/// Access that was taken without asking first stays within what its system's entry offers.
fn within_the_entry(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, given: &Fields) -> Result<(), Refusal> {
    let Some(rule) = pin.kind.declare.template.as_ref() else { return Ok(()) };
    let about = |name: &String| *name == rule.until || *name == rule.role || Some(name) == rule.way.as_ref();
    if ticket.steps.is_empty() || !given.keys().any(about) {
        return Ok(());
    }
    match conditions::offered(&draft.around(pin), &take::with_fields(ticket, given), rule) {
        Some(missing) => {
            Err(Refusal::Missing { ticket: Some(ticket.number.clone()), verb: "be changed so".into(), missing: vec![missing] })
        }
        None => Ok(()),
    }
}
