//! What an approver is shown and binds, and what approvals still lack.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::binding::{digest as hash, shown};
use super::decide::PeopleView;
use super::duties::{Around, requesters};
use super::event::ApprovedAs;
use super::missing::Missing;
use super::second::requested;
use super::state::{ApprovalGiven, Granted, Ticket};
use crate::procedure::expression::Variables;
use crate::procedure::model::{Approval, ApprovalStage, Transition};
use crate::procedure::rules::applies;

/// Domain separation for [`digest`].
const DOMAIN: &[u8] = b"countersign/approval/v1\0";

/// The canonical statement of what is approved: the ticket, the transition, and the approved fields: plain values,
/// or commitments where the value is sealed. None when the transition needs no approval.
#[must_use]
pub fn statement(ticket: &Ticket, transition: &Transition) -> Option<Value> {
    let approval = transition.approval.as_ref()?;
    let fields: Map<String, Value> = approval.of.iter().map(|name| (name.clone(), shown(ticket.fields.get(name)))).collect();
    Some(json!({
        "fields": fields,
        "kind": ticket.kind,
        "procedure": ticket.kind_digest,
        "ticket": ticket.number.to_string(),
        "transition": transition.name,
    }))
}

/// Lower-case hex SHA-256 over the domain and the statement's RFC 8785 canonical JSON. None when the transition
/// needs no approval.
#[must_use]
pub fn digest(ticket: &Ticket, transition: &Transition) -> Option<String> {
    statement(ticket, transition).map(|s| hash(DOMAIN, &s))
}

/// Decisions that count: made on what stands there now, by people who are still active. The requester's own never
/// counts, whatever the log holds.
#[must_use]
pub fn standing<'a>(ticket: &'a Ticket, transition: &Transition, people: &dyn PeopleView) -> Vec<&'a ApprovalGiven> {
    let now = digest(ticket, transition);
    let given = ticket.approvals.get(&transition.name).map_or(&[][..], Vec::as_slice);
    let own = |person: &str| requested(ticket, person, people) || ticket.authors.contains(person);
    given
        .iter()
        .filter(|a| Some(&a.digest) == now.as_ref() && people.is_active(&a.person) && (a.self_approved || !own(&a.person)))
        .collect()
}

/// Whether the approvals by which `transition` was taken no longer fit: what was approved has changed, or somebody took
/// an approval back. `false` when it was not taken.
#[must_use]
pub fn is_stale(ticket: &Ticket, transition: &Transition) -> bool {
    let Some(granted) = ticket.granted.get(&transition.name) else { return false };
    granted.given.len() < granted.needed || digest(ticket, transition).as_ref() != Some(&granted.digest)
}

/// Whether enough of those who approved are, as far as is known by now, not those who ask for it: an account may have been
/// linked since.
#[must_use]
pub fn is_independent(around: &Around<'_>, ticket: &Ticket, granted: &Granted) -> bool {
    let asked_by = requesters(around, ticket);
    granted.given.iter().filter(|a| a.self_approved || !asked_by.contains(&a.person)).count() >= granted.needed
}

/// Whether `transition` was taken on approvals that still fit: it need not be approved again.
#[must_use]
pub fn stands(ticket: &Ticket, transition: &Transition) -> bool {
    transition.approval.is_some() && ticket.granted.contains_key(&transition.name) && !is_stale(ticket, transition)
}

/// What the step's event says was approved; none when it needs no approval.
pub(super) fn as_approved(ticket: &Ticket, transition: &Transition) -> Option<ApprovedAs> {
    let digest = digest(ticket, transition)?;
    let of = transition.approval.as_ref().map_or(&[][..], |a| a.of.as_slice());
    Some(ApprovedAs { digest, fields: of.iter().map(|name| (name.clone(), shown(ticket.fields.get(name)))).collect() })
}

/// The names of the approved fields that are not what they were in a statement.
#[must_use]
pub fn changed(ticket: &Ticket, transition: &Transition, before: &BTreeMap<String, Value>) -> Vec<String> {
    let of = transition.approval.as_ref().map_or(&[][..], |a| a.of.as_slice());
    of.iter().filter(|name| before.get(*name) != Some(&shown(ticket.fields.get(*name)))).cloned().collect()
}

/// Whose authority a decision used: the approver's own, or that of somebody in whose place it was made.
#[must_use]
pub fn authority_of(given: &ApprovalGiven) -> &str {
    given.instead_of.as_deref().unwrap_or(&given.person)
}

/// The first stage that lacks approvals, and how many. An authority counts once, at the first stage at which it was used:
/// somebody and whoever stands in are two persons, but one judgement. `variables`: the ticket as conditions see it.
#[must_use]
pub fn open_stage(approval: &Approval, standing: &[&ApprovalGiven], variables: &Variables) -> Option<(usize, usize)> {
    let asked = |(_, stage): &(usize, &ApprovalStage)| applies(stage.when.as_ref(), variables);
    let mut used: BTreeSet<&str> = BTreeSet::new();
    approval.stages.iter().enumerate().filter(asked).find_map(|(i, stage)| {
        let of_stage = standing.iter().filter(|a| a.approved && usize::try_from(a.stage) == Ok(i));
        let have = of_stage.filter(|a| used.insert(authority_of(a))).count();
        let need = usize::try_from(stage.count).unwrap_or(usize::MAX);
        (have < need).then(|| (i, need - have))
    })
}

/// Adds what approvals lack: a rejection that stands, or the first stage that is open.
pub(super) fn missing(ticket: &Ticket, transition: &Transition, variables: &Variables, people: &dyn PeopleView, out: &mut Vec<Missing>) {
    let Some(approval) = &transition.approval else { return };
    let standing = standing(ticket, transition, people);
    if let Some(rejected) = standing.iter().find(|a| !a.approved) {
        out.push(Missing::Rejected { person: rejected.person.clone() });
    } else if let Some((stage, more)) = open_stage(approval, &standing, variables) {
        let by = approval.stages.get(stage).map_or_else(Vec::new, |s| s.by.clone());
        out.push(Missing::Approval { stage, by, more });
    }
}
