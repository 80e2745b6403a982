//! Approving, rejecting, and taking either back.

use super::approval;
use super::consequences;
use super::draft::Draft;
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::offer::may;
use super::refusal::Refusal;
use super::second;
use super::state::{ApprovalGiven, Ticket};
use super::take;
use crate::ledger::sealed::Sealed;
use crate::procedure::model::Approval;

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
        draft.reader("decide on this")?;
        by_a_person_who_sees(draft, number)?;
        return Err(Refusal::NoApprovalNeeded { transition: transition.label.clone() });
    };
    let what = format!("decide on “{}”", transition.label);
    let standing = approval::standing(ticket, transition, draft.ctx.people);
    who_may(draft, ticket, rule, &standing, person, &what)?;
    if transition.fresh_auth && draft.ctx.via.auth != "passkey" {
        return Err(Refusal::PasskeyNeeded { label: transition.label.clone() });
    }
    if standing.iter().any(|a| a.person == person) {
        return Err(Refusal::AlreadyDecided { transition: name.to_owned() });
    }
    take::startable(ticket, pin, transition)?;
    let now = approval::digest(ticket, transition).unwrap_or_default();
    if shown != now {
        return Err(Refusal::Stale { ticket: number.clone(), status: ticket.status.clone(), changed: Vec::new() });
    }
    let Some((stage, _)) = approval::open_stage(rule, &standing) else { return Err(Refusal::NothingToDo) };
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "a decision is read later by people who were not there".into() });
    }
    let stage = i64::try_from(stage).unwrap_or(i64::MAX);
    let fact = Fact::ApprovalDecided { transition: name.to_owned(), stage, approved: approve, digest: now };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("reason", reason.clone()));
    consequences::follow(draft, number)
}

/// Whether the asker is one who may decide now, asked before anything is told of the ticket. Whoever decided at an earlier
/// stage may be told that.
fn who_may(
    draft: &Draft<'_>,
    ticket: &Ticket,
    rule: &Approval,
    standing: &[&ApprovalGiven],
    person: &str,
    what: &str,
) -> Result<(), Refusal> {
    // The requester comes first: whatever else is wrong, this attempt is on record as what it is.
    if second::requested(ticket, person, draft.ctx.people) {
        return Err(Refusal::OwnRequest { ticket: ticket.number.clone() });
    }
    let decided = standing.iter().any(|a| a.person == person);
    let open = approval::open_stage(rule, standing).filter(|_| !decided);
    let by: Vec<String> = match open.and_then(|(stage, _)| rule.stages.get(stage)) {
        Some(stage) => stage.by.clone(),
        None => rule.stages.iter().flat_map(|s| s.by.iter().cloned()).collect(),
    };
    if !may(draft.ctx.actor, Some(ticket), &by) {
        return Err(Refusal::NotAllowed { what: what.to_owned(), roles: by });
    }
    by_a_person_who_sees(draft, &ticket.number)
}

/// A program does not approve, and a key is a program's.
fn by_a_person_who_sees(draft: &Draft<'_>, number: &Number) -> Result<(), Refusal> {
    if draft.ctx.via.surface == "api" && draft.ctx.via.auth == "key" {
        return Err(Refusal::NotByKey { ticket: number.clone() });
    }
    Ok(())
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
