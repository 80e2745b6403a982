//! Calling the next one, and saying that one has seen it.

use super::draft::{Draft, Pinning};
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::offer::may;
use super::refusal::Refusal;
use super::state::EscalationState;
use crate::ledger::sealed::Sealed;

/// After a missed target: the first tier is called, unless somebody is being called already. Leaving the status ends
/// it ([`super::evolve`]), and so does somebody who says that they have seen it; a later clock calls anew.
pub(super) fn begin(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, clock: &str) {
    let under_way = draft.find(number).is_some_and(|t| t.escalation.as_ref().is_some_and(|e| e.acknowledged_by.is_none()));
    if !under_way {
        call(draft, number, pin, Some(clock), 0, None);
    }
}

/// Nobody said in time that they have seen it.
pub(super) fn next_tier(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>) -> Result<(), Refusal> {
    let Some(EscalationState { tier, clock, .. }) = draft.ticket(number)?.escalation.clone() else { return Ok(()) };
    call(draft, number, pin, clock.as_deref(), tier, None);
    Ok(())
}

/// Calls the tier after `from_tier`, or the role that a person named. `false` when there is nobody left to call.
fn call(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, clock: Option<&str>, from_tier: i64, by_hand: Option<(&str, &Sealed)>) {
    let tiers = pin.kind.escalate.as_ref().map_or(&[][..], |e| e.to.as_slice());
    let to_tier = from_tier + 1;
    let tier = |n: i64| usize::try_from(n - 1).ok().and_then(|i| tiers.get(i));
    let to = match by_hand {
        Some((to, _)) => Some(to.to_owned()),
        None => tier(to_tier).cloned(),
    };
    let Some(to) = to else { return };
    let every = pin.kind.escalate.as_ref().map(|e| e.every);
    let next = if tier(to_tier + 1).is_some() { every.map(|e| draft.ctx.now.plus(e)) } else { None };
    let person = draft.on_call(&to);
    let fact = Fact::Escalated { clock: clock.map(str::to_owned), from_tier, to_tier, to, next, person };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    if let Some((_, reason)) = by_hand {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
}

/// A person calls somebody.
pub(super) fn by_hand(draft: &mut Draft<'_>, number: &Number, to: Option<&str>, reason: &Sealed) -> Result<(), Refusal> {
    draft.worker("escalate")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if ticket.ended {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "whoever is called must know why".into() });
    }
    let tiers = pin.kind.escalate.as_ref().map_or(&[][..], |e| e.to.as_slice());
    let from_tier = ticket.escalation.as_ref().map_or(0, |e| e.tier);
    let next = usize::try_from(from_tier).ok().and_then(|i| tiers.get(i)).or(tiers.last()).map(String::as_str);
    let Some(to) = to.or(next) else {
        return Err(Refusal::BadRequest { because: "say which role to call; this procedure names none".into() });
    };
    let known = draft.ctx.library.organisation.roles.contains_key(to) || tiers.iter().any(|t| t == to) || draft.ctx.people.is_active(to);
    if !known {
        return Err(Refusal::NoSuchPerson {
            person: format!("“{}”", to.chars().filter(|c| !c.is_control()).take(60).collect::<String>())
        });
    }
    let clock = ticket.escalation.as_ref().and_then(|e| e.clock.clone());
    call(draft, number, pin, clock.as_deref(), from_tier, Some((to, reason)));
    Ok(())
}

/// "I have seen it."
pub(super) fn acknowledge(draft: &mut Draft<'_>, number: &Number) -> Result<(), Refusal> {
    draft.worker("answer an escalation")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    match &ticket.escalation {
        Some(EscalationState { acknowledged_by: None, tier, .. }) => {
            let fact = Fact::EscalationAcknowledged { tier: *tier };
            draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
            Ok(())
        }
        _ => Err(Refusal::NoEscalation { ticket: number.clone() }),
    }
}

/// A group says that it read this; anybody of the group may.
pub(super) fn acknowledge_notification(draft: &mut Draft<'_>, number: &Number, group: &str) -> Result<(), Refusal> {
    let person = draft.person("say that a group has read this")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let Some(notified) = ticket.notified.get(group) else {
        return Err(Refusal::NoSuchGroup { group: group.chars().filter(|c| !c.is_control()).take(60).collect() });
    };
    let members = draft.ctx.library.organisation.groups.get(group).map_or(&[][..], Vec::as_slice);
    let belongs =
        may(draft.ctx.actor, Some(ticket), members) || members.iter().any(|m| m.contains('@') && draft.ctx.people.has_email(person, m));
    if !belongs {
        return Err(Refusal::NotAllowed { what: format!("answer for {group}"), roles: Vec::new() });
    }
    if notified.acknowledged_by.is_some() {
        return Err(Refusal::NothingToDo);
    }
    draft.push(NewEvent::on(number, Fact::NotificationAcknowledged { group: group.to_owned() }).by(&pin.kind.digest));
    Ok(())
}
