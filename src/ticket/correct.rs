//! Setting and correcting fields between steps.

use super::command::Fields;
use super::draft::Draft;
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;
use super::state::Held;
use super::{clock, consequences, fields, take};
use crate::ledger::sealed::Sealed;

pub(super) fn set_fields(draft: &mut Draft<'_>, number: &Number, given: &Fields, reason: Option<&Sealed>) -> Result<(), Refusal> {
    draft.worker("change fields")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if ticket.ended {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    fields::check(pin.kind, draft.ctx.library, given).map_err(|problems| Refusal::BadFields { problems })?;
    let rescaled = take::severity_override(ticket, given);
    let reason = reason.filter(|r| !r.bytes.is_empty());
    if let (Some((before, after)), None) = (&rescaled, reason) {
        return Err(Refusal::ReasonMissing { because: format!("the severity changes from {before} to {after}") });
    }
    let first_severity = ticket.severity().is_empty() && given.contains_key("severity");
    let (mut plain, sealed) = take::split(given);
    // A sealed value is a new commitment each time, so only plain ones can be seen to be the same.
    plain.retain(|name, value| match ticket.fields.get(name) {
        Some(Held::Plain(held)) => held != value,
        Some(Held::Sealed(_)) => true,
        None => !value.is_null(),
    });
    if plain.is_empty() && sealed.is_empty() {
        return Err(Refusal::NothingToDo);
    }
    let fact = Fact::FieldsSet { fields: plain, sealed_fields: sealed.iter().map(|(name, _)| name.clone()).collect() };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    for (name, value) in sealed {
        event = event.seal(format!("field.{name}"), value.clone());
    }
    if let Some(reason) = reason {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
    if rescaled.is_some() || first_severity {
        clock::retarget(draft, number, pin);
    }
    consequences::notify(draft, number, pin, None);
    consequences::follow(draft, number)
}
