//! Who belongs in a ticket's channel, and who is called by an event: people, as the users that they are in Slack. Whoever
//! has not linked an account is invited by nobody: names and addresses in Slack do not count.

use std::collections::{BTreeMap, BTreeSet};

use super::deliver::PLATFORM;
use crate::card::buttons;
use crate::desk::rooms::{Telling, users_of};
use crate::people::Person;
use crate::procedure::model::Permission;
use crate::ticket::event::{Event, Fact};

fn active(telling: &Telling) -> impl Iterator<Item = &Person> {
    telling.snapshot.directory.iter().filter(|person| !person.state.disabled)
}

fn as_users<'t>(telling: &Telling, team: &str, people: impl IntoIterator<Item = &'t str>) -> BTreeSet<String> {
    let users: BTreeMap<String, Vec<String>> = users_of(&telling.snapshot, PLATFORM, team);
    people.into_iter().filter_map(|person| users.get(person)).flatten().cloned().collect()
}

/// Users who belong in the channel: who has it, who leads it, who worked on it, whoever can take the next steps, and
/// whoever was called; all of them, only while they may read tickets.
pub(super) fn users(telling: &Telling, team: &str) -> Vec<String> {
    let ticket = &telling.ticket;
    let mut people: BTreeSet<&str> = [&ticket.owner, &ticket.lead].into_iter().flatten().map(String::as_str).collect();
    people.extend(ticket.steps.iter().filter_map(|step| step.by.person()));
    let roles: BTreeSet<&str> = telling.scene(|scene| {
        let next = buttons::possible(scene)
            .into_iter()
            .filter(|t| t.phase || Some(t.name.as_str()) == buttons::next(scene).map(|n| n.name.as_str()));
        next.flat_map(|t| telling.kind.transitions[&t.name].by.iter().map(String::as_str)).collect()
    });
    people.extend(active(telling).filter(|p| p.state.roles.iter().any(|role| roles.contains(role.as_str()))).map(|p| p.state.id.as_str()));
    for event in telling.calls() {
        people.extend(persons_called(telling, event));
    }
    let may_read =
        |id: &&str| telling.snapshot.directory.active(id).is_some_and(|person| person.may(&telling.library.organisation, Permission::Read));
    as_users(telling, team, people.iter().copied().filter(|id| may_read(id))).into_iter().collect()
}

/// Users whom an event calls: an escalation's tier, a group that must read.
pub(super) fn called(telling: &Telling, event: &Event, team: &str) -> Vec<String> {
    as_users(telling, team, persons_called(telling, event)).into_iter().collect()
}

fn persons_called<'t>(telling: &'t Telling, event: &Event) -> Vec<&'t str> {
    let holds = |person: &Person, name: &str| {
        person.state.id == name
            || person.state.roles.iter().any(|role| role == name)
            || (name.contains('@') && person.email == name.to_lowercase())
    };
    let names: Vec<&str> = match &event.fact {
        Fact::Escalated { to, person, .. } => std::iter::once(to.as_str()).chain(person.as_deref()).collect(),
        Fact::GroupNotified { group, .. } => {
            telling.library.organisation.groups.get(group).map_or_else(Vec::new, |of| of.iter().map(String::as_str).collect())
        }
        _ => Vec::new(),
    };
    active(telling).filter(|person| names.iter().any(|name| holds(person, name))).map(|person| person.state.id.as_str()).collect()
}
