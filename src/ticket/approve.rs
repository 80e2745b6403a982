//! Approving, rejecting, and taking either back.

use super::approval;
use super::consequences;
use super::draft::Draft;
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::offer::may;
use super::refusal::Refusal;
use super::take;
use crate::ledger::sealed::Sealed;

pub(super) fn decide(
    draft: &mut Draft<'_>,
    number: &Number,
    name: &str,
    approve: bool,
    shown: &str,
    reason: &Sealed,
) -> Result<(), Refusal> {
    let person = draft.person("approve or reject")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let transition = take::named(pin, name)?;
    let Some(rule) = &transition.approval else {
        return Err(Refusal::NoApprovalNeeded { transition: transition.label.clone() });
    };
    // The requester comes first: whatever else is wrong, this attempt is on record as what it is.
    if ticket.opened_by.person() == Some(person) {
        return Err(Refusal::OwnRequest { ticket: number.clone() });
    }
    if draft.ctx.via.surface == "api" && draft.ctx.via.auth == "key" {
        return Err(Refusal::NotByKey { ticket: number.clone() });
    }
    take::startable(ticket, pin, transition)?;
    let now = approval::digest(ticket, transition).unwrap_or_default();
    if shown != now {
        return Err(Refusal::Stale { ticket: number.clone(), status: ticket.status.clone(), changed: Vec::new() });
    }
    let standing = approval::standing(ticket, transition, draft.ctx.people);
    if standing.iter().any(|a| a.person == person) {
        return Err(Refusal::AlreadyDecided { transition: name.to_owned() });
    }
    let Some((stage, _)) = approval::open_stage(rule, &standing) else { return Err(Refusal::NothingToDo) };
    let by = rule.stages.get(stage).map_or(&[][..], |s| s.by.as_slice());
    if !may(draft.ctx.actor, Some(ticket), by) {
        return Err(Refusal::NotAllowed { what: format!("decide on “{}”", transition.label), roles: by.to_vec() });
    }
    if transition.fresh_auth && draft.ctx.via.auth != "passkey" {
        return Err(Refusal::PasskeyNeeded { label: transition.label.clone() });
    }
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "a decision is read later by people who were not there".into() });
    }
    let stage = i64::try_from(stage).unwrap_or(i64::MAX);
    let fact = Fact::ApprovalDecided { transition: name.to_owned(), stage, approved: approve, digest: now };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("reason", reason.clone()));
    consequences::follow(draft, number)
}

pub(super) fn withdraw(draft: &mut Draft<'_>, number: &Number, name: &str, reason: &Sealed) -> Result<(), Refusal> {
    let person = draft.person("take a decision back")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let transition = take::named(pin, name)?;
    let own = ticket.approvals.get(name).is_some_and(|given| given.iter().any(|a| a.person == person));
    if !own {
        return Err(Refusal::NoDecision { transition: transition.label.clone() });
    }
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "a decision is not taken back without saying why".into() });
    }
    let fact = Fact::ApprovalWithdrawn { transition: name.to_owned() };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("reason", reason.clone()));
    Ok(())
}
