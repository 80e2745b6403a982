//! Who may decide, as roles, owners, managers and delegations stand at this moment.

use super::decide::PeopleView;
use super::duties::{Around, held_apart, requesters, subject, word_of};
use super::event::Actor;
use super::state::Ticket;
use crate::procedure::estate::System;
use crate::procedure::model::{ApprovalStage, FieldType, Kind, Organisation};

/// The system's owner.
const OWNER: &str = "owner-of-system";
/// Whoever may carry out changes on the system.
const IMPLEMENTER: &str = "implementer-of-system";
/// The manager of the person for whom it is asked.
const MANAGER: &str = "manager-of-subject";

/// Whom the ticket names, where the names are not for everybody.
pub(super) const OWNER_OR_MANAGER: &str = "owner-or-manager";

/// By what somebody may decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The role; none when the ticket names the person.
    pub role: Option<String>,
    /// Whose authority it is, when the person stands in for somebody.
    pub instead_of: Option<String>,
}

/// Why somebody may not decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAuthority {
    /// None of the roles is held; these would do.
    NotHeld(Vec<String>),
    /// The person holds these two roles, which exclude each other.
    Conflict(String, String),
}

/// A role, or a person whom the ticket names.
enum Decider {
    Role(String),
    Person(String),
}

/// Whether the actor may take a step that is for `by`.
#[must_use]
pub fn may(around: &Around<'_>, ticket: &Ticket, actor: &Actor, by: &[String]) -> bool {
    if super::offer::may(actor, Some(ticket), by) {
        return true;
    }
    let Some(person) = actor.person() else { return false };
    by.iter().any(|word| match word.as_str() {
        OWNER => system(around, ticket).is_some_and(|s| listed(around.people, actor, person, &s.owners)),
        IMPLEMENTER => match system(around, ticket) {
            Some(s) if !s.implementers.is_empty() => listed(around.people, actor, person, &s.implementers),
            // No system, or one that names nobody: whoever works here.
            _ => actor.has_role("responder"),
        },
        _ => false,
    })
}

fn listed(people: &dyn PeopleView, actor: &Actor, person: &str, who: &[String]) -> bool {
    who.iter().any(|w| if w.contains('@') { people.has_email(person, w) } else { actor.has_role(w) })
}

/// The organisation's entry for the system that the ticket names.
#[must_use]
pub fn system<'a>(around: &Around<'a>, ticket: &Ticket) -> Option<&'a System> {
    let name = system_name(around.kind, ticket)?;
    around.organisation.estate.systems.get(name)
}

/// The system that the ticket names.
#[must_use]
pub fn system_name<'t>(kind: &Kind, ticket: &'t Ticket) -> Option<&'t str> {
    let field = kind.fields.values().find(|f| matches!(f.of, FieldType::System))?;
    word_of(ticket, &field.name)
}

/// By what the person may decide at this stage of the step now. The next authority decides where none of those whom the stage
/// names is there and apart from it.
///
/// # Errors
/// Why not.
pub fn of(around: &Around<'_>, ticket: &Ticket, (step, stage): (&str, &ApprovalStage), actor: &Actor) -> Result<Authority, NoAuthority> {
    let first = named_by(around, ticket, stage);
    let refused = match by_one_of(around, ticket, &first, actor) {
        Ok(authority) => return Ok(authority),
        Err(refused) => refused,
    };
    match by_one_of(around, ticket, &next(stage), actor) {
        Ok(authority) if !somebody(around, ticket, step, &first) => Ok(authority),
        _ => Err(refused),
    }
}

fn by_one_of(around: &Around<'_>, ticket: &Ticket, deciders: &[Decider], actor: &Actor) -> Result<Authority, NoAuthority> {
    let Actor::Person { id, roles } = actor else { return Err(NoAuthority::NotHeld(words(deciders))) };
    match own(around, deciders, id, roles, roles) {
        Some(Ok(role)) => return Ok(Authority { role, instead_of: None }),
        Some(Err(conflict)) => return Err(conflict),
        None => {}
    }
    standing_in(around, ticket, deciders, id).ok_or_else(|| NoAuthority::NotHeld(words(deciders)))
}

/// Everybody may see which roles would do.
fn words(deciders: &[Decider]) -> Vec<String> {
    let mut out: Vec<String> = deciders
        .iter()
        .map(|d| match d {
            Decider::Role(role) => role.clone(),
            Decider::Person(_) => OWNER_OR_MANAGER.to_owned(),
        })
        .collect();
    out.dedup();
    out
}

type Own = Result<Option<String>, NoAuthority>;

/// The person's own authority; none when there is none. `all`: every role that may stand in conflict with the one used.
fn own(around: &Around<'_>, deciders: &[Decider], person: &str, roles: &[String], all: &[String]) -> Option<Own> {
    if deciders.iter().any(|d| matches!(d, Decider::Person(p) if p == person)) {
        return Some(Ok(None));
    }
    let held = |role: &String| roles.contains(role);
    let has = |role: &String| all.contains(role);
    let mut conflict = None;
    for decider in deciders {
        let Decider::Role(role) = decider else { continue };
        if !held(role) {
            continue;
        }
        let pair = around.organisation.estate.conflicts.iter().find(|(a, b)| (a == role || b == role) && has(a) && has(b));
        match pair {
            None => return Some(Ok(Some(role.clone()))),
            Some((a, b)) => conflict = Some(NoAuthority::Conflict(a.clone(), b.clone())),
        }
    }
    conflict.map(Err)
}

/// The authority of somebody for whom the person stands in now. Nobody stands in for a requester.
fn standing_in(around: &Around<'_>, ticket: &Ticket, deciders: &[Decider], person: &str) -> Option<Authority> {
    let asked_by = requesters(around, ticket);
    let live = around.organisation.estate.delegations.iter().filter(|d| d.is_live(around.now));
    for delegation in live.filter(|d| around.people.has_email(person, &d.to)) {
        let Some(from) = around.people.by_email(&delegation.from).filter(|from| !asked_by.contains(from)) else { continue };
        let mut roles = around.people.roles(&from);
        // Neither of the two may hold what conflicts with the role that is used.
        let all: Vec<String> = roles.iter().cloned().chain(around.people.roles(person)).collect();
        roles.retain(|role| delegation.roles.is_empty() || delegation.roles.contains(role));
        if let Some(Ok(role)) = own(around, deciders, &from, &roles, &all) {
            return Some(Authority { role, instead_of: Some(from) });
        }
    }
    None
}

/// Those whom the stage names.
fn named_by(around: &Around<'_>, ticket: &Ticket, stage: &ApprovalStage) -> Vec<Decider> {
    let mut out = Vec::new();
    for word in &stage.by {
        match word.as_str() {
            OWNER => {
                let owners = system(around, ticket).map_or(&[][..], |s| s.owners.as_slice());
                out.extend(owners.iter().filter_map(|who| named(around.people, who)));
            }
            MANAGER => out.extend(manager(around, ticket).map(Decider::Person)),
            role => out.push(Decider::Role(role.to_owned())),
        }
    }
    out
}

/// The next authority.
fn next(stage: &ApprovalStage) -> Vec<Decider> {
    stage.otherwise.iter().cloned().map(Decider::Role).collect()
}

/// Whether one of these is a person who is there, did not ask for it, holds nothing that excludes it, and had no part that is
/// kept apart from the step.
fn somebody(around: &Around<'_>, ticket: &Ticket, step: &str, deciders: &[Decider]) -> bool {
    let asked_by = requesters(around, ticket);
    let mut persons = deciders.iter().flat_map(|decider| people(around, decider));
    persons.any(|person| {
        let roles = around.people.roles(&person);
        !asked_by.contains(&person)
            && matches!(own(around, deciders, &person, &roles, &roles), Some(Ok(_)))
            && held_apart(around, ticket, step, &person).is_none()
    })
}

/// The active people behind a word.
fn people(around: &Around<'_>, decider: &Decider) -> Vec<String> {
    match decider {
        Decider::Person(person) => Some(person.clone()).filter(|p| around.people.is_active(p)).into_iter().collect(),
        Decider::Role(role) => around.people.holders(role),
    }
}

/// Everybody who may have an authority at this stage: whom it names, the next authority, and those who stand in now.
pub(super) fn candidates(around: &Around<'_>, ticket: &Ticket, stage: &ApprovalStage) -> Vec<String> {
    let named = named_by(around, ticket, stage);
    let mut out: Vec<String> = named.iter().chain(&next(stage)).flat_map(|decider| people(around, decider)).collect();
    let live = around.organisation.estate.delegations.iter().filter(|d| d.is_live(around.now));
    out.extend(live.filter_map(|d| around.people.by_email(&d.to)));
    out
}

fn named(people: &dyn PeopleView, who: &str) -> Option<Decider> {
    if who.contains('@') { people.by_email(who).map(Decider::Person) } else { Some(Decider::Role(who.to_owned())) }
}

/// The manager of the person for whom it is asked, or of whoever asks.
fn manager(around: &Around<'_>, ticket: &Ticket) -> Option<String> {
    let whose = subject(around.kind, ticket).or_else(|| ticket.opened_by.person())?;
    manager_of(around.organisation, around.people, whose)
}

/// The active person to whom an active person reports.
#[must_use]
pub fn manager_of(organisation: &Organisation, people: &dyn PeopleView, person: &str) -> Option<String> {
    let mut pairs = organisation.estate.reports_to.iter();
    let (_, manager) = pairs.find(|(email, _)| people.has_email(person, email))?;
    people.by_email(manager)
}

/// Whether the declared single-operator exception lets this person approve what that person asked for.
#[must_use]
pub fn single_operator(around: &Around<'_>, person: &str) -> bool {
    around.organisation.estate.single_operator.as_ref().is_some_and(|exception| {
        exception.kinds.contains(&around.kind.name) && around.now < exception.until && around.people.has_email(person, &exception.person)
    })
}
