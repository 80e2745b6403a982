//! Whose ticket it is.

use super::draft::Draft;
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;

pub(super) fn owner(draft: &mut Draft<'_>, number: &Number, person: &str) -> Result<(), Refusal> {
    assign(draft, number, person, true)
}

pub(super) fn lead(draft: &mut Draft<'_>, number: &Number, person: &str) -> Result<(), Refusal> {
    assign(draft, number, person, false)
}

fn assign(draft: &mut Draft<'_>, number: &Number, person: &str, owner: bool) -> Result<(), Refusal> {
    draft.worker("assign people")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if ticket.ended {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    if !draft.ctx.people.is_active(person) {
        return Err(Refusal::NoSuchPerson { person: person.chars().filter(|c| !c.is_control()).take(60).collect() });
    }
    let held = if owner { &ticket.owner } else { &ticket.lead };
    if held.as_deref() == Some(person) {
        return Err(Refusal::NothingToDo);
    }
    let person = person.to_owned();
    let fact = if owner { Fact::OwnerAssigned { person } } else { Fact::LeadAssigned { person } };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
    Ok(())
}
