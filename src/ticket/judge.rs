//! Whether a person may decide on a step now: one judgement, for whoever decides, and for inboxes, cards and whoever asks
//! once more.

use super::approval;
use super::authority::{self, NoAuthority};
use super::duties::{Around, held_apart, part_of};
use super::event::Actor;
use super::missing::{Missing, missing};
use super::offer::starts;
use super::refusal::Refusal;
use super::spoken;
use super::state::{ApprovalGiven, Ticket};
use super::view;
use crate::procedure::model::{Approval, ApprovalStage, Transition};
use crate::procedure::rules::applies;

/// By what somebody decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decides {
    /// Whose authority it is, when the person stands in for somebody.
    pub instead_of: Option<String>,
    /// Only the organisation's single-operator exception allows it.
    pub alone: bool,
}

/// Whether this person may decide on the step at all, asked before anything is told of the ticket. Whoever decided at an
/// earlier stage may be told that.
///
/// # Errors
/// Why not.
pub fn who_may(
    around: &Around<'_>,
    ticket: &Ticket,
    (transition, rule): (&Transition, &Approval),
    actor: &Actor,
) -> Result<Decides, Refusal> {
    let what = format!("decide on “{}”", transition.label);
    let Some(person) = actor.person() else { return Err(Refusal::NotForYou { what }) };
    // The requester comes first: whatever else is wrong, this attempt is on record as what it is.
    let own = part_of(around, ticket, person);
    let alone = own.is_some() && authority::single_operator(around, person);
    if let Some(part) = own.filter(|_| !alone) {
        return Err(Refusal::OwnRequest { ticket: ticket.number.clone(), part, on: Vec::new() });
    }
    let standing = approval::standing(ticket, transition, around.people);
    let decided = standing.iter().any(|a| a.person == person);
    let stages: Vec<&ApprovalStage> = match open_stage(around, ticket, rule, &standing).filter(|_| !decided) {
        Some(stage) => vec![stage],
        None => rule.stages.iter().collect(),
    };
    let mut refused = Refusal::NotAllowed { what: what.clone(), roles: Vec::new() };
    let mut found = None;
    for stage in stages {
        match authority::of(around, ticket, (&transition.name, stage), actor) {
            Ok(authority) => {
                found = Some(authority);
                break;
            }
            Err(NoAuthority::NotHeld(roles)) => refused = Refusal::NotAllowed { what: what.clone(), roles },
            Err(NoAuthority::Conflict(a, b)) => refused = Refusal::ConflictingRoles { ticket: ticket.number.clone(), roles: (a, b) },
        }
    }
    let Some(authority) = found else { return Err(refused) };
    let stood_in_for = authority.instead_of.as_deref().and_then(|from| held_apart(around, ticket, &transition.name, from));
    let apart = held_apart(around, ticket, &transition.name, person).filter(|_| !alone).or(stood_in_for);
    if let Some(duty) = apart {
        let duty = view::label(around.kind, around.response, &duty).to_owned();
        return Err(Refusal::DutiesApart { ticket: ticket.number.clone(), label: transition.label.clone(), duty });
    }
    Ok(Decides { instead_of: authority.instead_of, alone })
}

/// The stage of an approval that waits for somebody.
pub(super) fn open_stage<'r>(
    around: &Around<'_>,
    ticket: &Ticket,
    rule: &'r Approval,
    standing: &[&ApprovalGiven],
) -> Option<&'r ApprovalStage> {
    let variables = view::variables(ticket, around.kind, around.response);
    approval::open_stage(rule, standing, &variables).and_then(|(stage, _)| rule.stages.get(stage))
}

/// Whether an authority has approved what stands there already.
pub(super) fn is_used(standing: &[&ApprovalGiven], authority: &str) -> bool {
    standing.iter().any(|a| a.approved && approval::authority_of(a) == authority)
}

/// What the approval is to cover and the step wants, and nobody has written: nobody can agree to that.
pub(super) fn unwritten(around: &Around<'_>, ticket: &Ticket, transition: &Transition) -> Vec<Missing> {
    let bound = |name: &String| transition.approval.iter().any(|rule| rule.of.contains(name));
    let mut lacking = missing(ticket, around.kind, around.response, transition, around.people);
    lacking.retain(|m| matches!(m, Missing::Field { name, .. } if bound(name)));
    lacking
}

/// Whether the step waits for decisions: it can be taken from here, what is to be agreed to is written, it is not approved,
/// and nobody said no.
#[must_use]
pub fn waits(around: &Around<'_>, ticket: &Ticket, transition: &Transition) -> bool {
    let Some(rule) = &transition.approval else { return false };
    if !starts(ticket, around.kind, around.response, transition) || approval::stands(ticket, transition) {
        return false;
    }
    let standing = approval::standing(ticket, transition, around.people);
    standing.iter().all(|a| a.approved)
        && open_stage(around, ticket, rule, &standing).is_some()
        && unwritten(around, ticket, transition).is_empty()
}

/// Whether this person can approve the step now, or is asked whether it was approved.
#[must_use]
pub fn decides(around: &Around<'_>, ticket: &Ticket, transition: &Transition, actor: &Actor) -> bool {
    let (Some(rule), Some(person)) = (&transition.approval, actor.person()) else { return false };
    if spoken::waits(ticket, transition) {
        return spoken::is_asked(around, ticket, transition, actor);
    }
    if !waits(around, ticket, transition) {
        return false;
    }
    let standing = approval::standing(ticket, transition, around.people);
    let fresh = |by: &Decides| !is_used(&standing, by.instead_of.as_deref().unwrap_or(person));
    standing.iter().all(|a| a.person != person) && who_may(around, ticket, (transition, rule), actor).is_ok_and(|by| fresh(&by))
}

/// People whom a refusal names.
const NAMED: usize = 4;

/// The same refusal, naming those for whom the decision waits. Asked for a refusal that somebody reads, not for judgements.
pub(super) fn naming(around: &Around<'_>, ticket: &Ticket, transition: &Transition, refusal: Refusal) -> Refusal {
    let Refusal::OwnRequest { ticket: number, part, .. } = refusal else { return refusal };
    let waits = everybody(around, ticket, transition);
    let on = if waits.len() > NAMED { Vec::new() } else { waits.iter().filter_map(|id| around.people.name(id)).collect() };
    Refusal::OwnRequest { ticket: number, part, on }
}

/// Everybody who may approve the step at a stage that applies, whoever has and wherever the ticket stands, by id.
pub(super) fn approvers(around: &Around<'_>, ticket: &Ticket, transition: &Transition) -> Vec<String> {
    let variables = view::variables(ticket, around.kind, around.response);
    let stages = transition.approval.iter().flat_map(|a| &a.stages).filter(|stage| applies(stage.when.as_ref(), &variables));
    let mut out: Vec<String> = Vec::new();
    for stage in stages {
        for person in authority::candidates(around, ticket, stage) {
            let actor = Actor::Person { id: person.clone(), roles: around.people.roles(&person) };
            let may = authority::of(around, ticket, (&transition.name, stage), &actor).is_ok()
                && part_of(around, ticket, &person).is_none()
                && held_apart(around, ticket, &transition.name, &person).is_none();
            if may && !out.contains(&person) {
                out.push(person);
            }
        }
    }
    out
}

/// Everybody who can approve the step now, by id: those whom its open stage names, and those who stand in for them.
#[must_use]
pub fn everybody(around: &Around<'_>, ticket: &Ticket, transition: &Transition) -> Vec<String> {
    let Some(rule) = &transition.approval else { return Vec::new() };
    let standing = approval::standing(ticket, transition, around.people);
    let stages = match open_stage(around, ticket, rule, &standing) {
        Some(stage) if !spoken::waits(ticket, transition) => std::slice::from_ref(stage),
        _ => rule.stages.as_slice(),
    };
    let mut out: Vec<String> = Vec::new();
    for person in stages.iter().flat_map(|stage| authority::candidates(around, ticket, stage)) {
        let actor = Actor::Person { id: person.clone(), roles: around.people.roles(&person) };
        if !out.contains(&person) && decides(around, ticket, transition, &actor) {
            out.push(person);
        }
    }
    out
}
