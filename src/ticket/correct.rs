//! Setting and correcting fields between steps.

use serde_json::json;

use super::command::Fields;
use super::draft::Draft;
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;
use super::state::Held;
use super::{clock, consequences, duties, escalate, scores, severity, take};
use crate::ledger::sealed::Sealed;

pub(super) fn set_fields(draft: &mut Draft<'_>, number: &Number, given: &Fields, reason: Option<&Sealed>) -> Result<(), Refusal> {
    draft.worker("change fields")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if ticket.ended {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    draft.check_fields(pin.kind, given)?;
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
    let fact = Fact::FieldsSet { fields: plain, sealed_fields: sealed.iter().map(|(name, _)| name.clone()).collect(), authored };
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
