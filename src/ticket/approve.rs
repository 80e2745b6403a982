//! Approving, rejecting, and taking either back.

use super::draft::Draft;
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;
use super::{approval, consequences, judge, spoken, take, view};
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
        draft.reader("decide on this")?;
        by_a_person_who_sees(draft, number)?;
        return Err(Refusal::NoApprovalNeeded { transition: transition.label.clone() });
    };
    if spoken::waits(ticket, transition) {
        by_a_person_who_sees(draft, number)?;
        if transition.fresh_auth && draft.ctx.via.auth != "passkey" {
            return Err(Refusal::PasskeyNeeded { label: transition.label.clone() });
        }
        return spoken::answer(draft, number, pin, transition, (approve, shown, reason));
    }
    let standing = approval::standing(ticket, transition, draft.ctx.people);
    let around = draft.around(pin);
    let judge::Decides { instead_of, alone: self_approved } = judge::who_may(&around, ticket, (transition, rule), draft.ctx.actor)
        .map_err(|refusal| judge::naming(&around, ticket, transition, refusal))?;
    by_a_person_who_sees(draft, number)?;
    if transition.fresh_auth && draft.ctx.via.auth != "passkey" {
        return Err(Refusal::PasskeyNeeded { label: transition.label.clone() });
    }
    if standing.iter().any(|a| a.person == person) {
        return Err(Refusal::AlreadyDecided { transition: name.to_owned() });
    }
    // To say no stays open to both.
    let authority = instead_of.as_deref().unwrap_or(person);
    if approve && judge::is_used(&standing, authority) {
        return Err(Refusal::AuthorityUsed { ticket: number.clone() });
    }
    take::startable(ticket, pin, transition)?;
    let now = approval::digest(ticket, transition).unwrap_or_default();
    if shown != now {
        return Err(Refusal::Stale { ticket: number.clone(), status: ticket.status.clone(), changed: Vec::new() });
    }
    let unwritten = judge::unwritten(&around, ticket, transition);
    if approve && !unwritten.is_empty() {
        return Err(Refusal::Missing { ticket: Some(number.clone()), verb: name.to_owned(), missing: unwritten });
    }
    let variables = view::variables(ticket, pin.kind, pin.response);
    let Some((stage, _)) = approval::open_stage(rule, &standing, &variables) else { return Err(Refusal::NothingToDo) };
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "a decision is read later by people who were not there".into() });
    }
    let stage = i64::try_from(stage).unwrap_or(i64::MAX);
    let fact = Fact::ApprovalDecided { transition: name.to_owned(), stage, approved: approve, digest: now, instead_of, self_approved };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("reason", reason.clone()));
    if let (false, Some(step)) = (approve, &rule.on_rejection) {
        take::by_decision(draft, number, step, reason)?;
    }
    if !approve && transition.proposes {
        take::no_longer_asked(draft, number, pin, transition);
    }
    consequences::follow(draft, number)
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
    by_a_person_who_sees(draft, number)?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let transition = take::named(pin, name)?;
    let pending = ticket.approvals.get(name).is_some_and(|given| given.iter().any(|a| a.person == person));
    let granted = ticket.granted.get(name).filter(|g| g.given.iter().any(|a| a.person == person));
    if !pending && granted.is_none() {
        return Err(Refusal::NoDecision { transition: transition.label.clone() });
    }
    // A step that relied on it was taken: what was done cannot be undone by taking a word back.
    let relies = |step: &str| pin.kind.transitions.get(step).is_some_and(|t| t.requires.approved.iter().any(|a| a.by == name));
    if !pending && granted.is_some_and(|g| ticket.steps.iter().any(|s| s.at >= g.at && relies(&s.transition))) {
        return Err(Refusal::TooLateToWithdraw { ticket: number.clone() });
    }
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "a decision is not taken back without saying why".into() });
    }
    let fact = Fact::ApprovalWithdrawn { transition: name.to_owned() };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("reason", reason.clone()));
    Ok(())
}
