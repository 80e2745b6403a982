//! Two tickets that turn out to be one, and the way back.

use super::draft::{Draft, Pinning};
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;
use super::second;
use super::state::Ticket;

/// How many merges are followed to the ticket that lives on.
const MAX_CHAIN: usize = 64;

/// The other ticket of a merge, checked.
pub(super) fn partner(draft: &Draft<'_>, ticket: &Ticket, other: Option<&Number>) -> Result<(), Refusal> {
    let bad = |because: &str| Refusal::BadMerge { because: because.to_owned() };
    let other = other.ok_or_else(|| bad("say which ticket it belongs to"))?;
    let partner = draft.ticket(other)?;
    if partner.number == ticket.number {
        return Err(bad("they are the same ticket"));
    }
    if partner.kind != ticket.kind {
        return Err(bad("they are of different kinds"));
    }
    // A merged ticket has ended, so this also keeps merges from going round in a circle.
    match &partner.merged_into {
        Some((into, _)) => Err(bad(&format!("{other} was itself merged; use {into}"))),
        None if partner.ended => Err(bad(&format!("{other} is {}", partner.status))),
        None => Ok(()),
    }
}

/// Both sides of the merge.
pub(super) fn merged(draft: &mut Draft<'_>, number: &Number, into: &Number, from_status: String, pin: Pinning<'_>) {
    let left = Fact::MergedInto { into: into.clone(), from_status };
    draft.push(NewEvent::on(number, left).by(&pin.kind.digest));
    let brought = draft.find(number).map(second::brought).unwrap_or_default();
    draft.push(NewEvent::on(into, Fact::MergeReceived { from: number.clone(), brought }).by(&pin.kind.digest));
}

/// Both sides of taking a merge back.
pub(super) fn undone(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>) {
    let Some((into, _)) = draft.find(number).and_then(|t| t.merged_into.clone()) else { return };
    draft.push(NewEvent::on(number, Fact::MergeUndone { other: into.clone() }).by(&pin.kind.digest));
    draft.push(NewEvent::on(&into, Fact::MergeUndone { other: number.clone() }).by(&pin.kind.digest));
}

/// The ticket in which this one lives on: itself, unless it was merged.
pub(super) fn survivor<'d>(draft: &'d Draft<'_>, number: &Number) -> Option<&'d Ticket> {
    let mut ticket = draft.find(number)?;
    for _ in 0..MAX_CHAIN {
        let Some((into, _)) = &ticket.merged_into else { break };
        ticket = draft.find(into)?;
    }
    Some(ticket)
}
