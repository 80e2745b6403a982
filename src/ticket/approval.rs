//! What an approver is shown and binds, and what approvals still lack.

use serde_json::{Map, Value, json};

use super::binding::{digest as hash, shown};
use super::decide::PeopleView;
use super::missing::Missing;
use super::second::requested;
use super::state::{ApprovalGiven, Ticket};
use crate::procedure::model::{Approval, Transition};

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
    given
        .iter()
        .filter(|a| Some(&a.digest) == now.as_ref() && people.is_active(&a.person) && !requested(ticket, &a.person, people))
        .collect()
}

/// The first stage that lacks approvals, and how many.
#[must_use]
pub fn open_stage(approval: &Approval, standing: &[&ApprovalGiven]) -> Option<(usize, usize)> {
    approval.stages.iter().enumerate().find_map(|(i, stage)| {
        let have = standing.iter().filter(|a| a.approved && usize::try_from(a.stage) == Ok(i)).count();
        let need = usize::try_from(stage.count).unwrap_or(usize::MAX);
        (have < need).then(|| (i, need - have))
    })
}

/// Adds what approvals lack: a rejection that stands, or the first stage that is open.
pub(super) fn missing(ticket: &Ticket, transition: &Transition, people: &dyn PeopleView, out: &mut Vec<Missing>) {
    let Some(approval) = &transition.approval else { return };
    let standing = standing(ticket, transition, people);
    if let Some(rejected) = standing.iter().find(|a| !a.approved) {
        out.push(Missing::Rejected { person: rejected.person.clone() });
    } else if let Some((stage, more)) = open_stage(approval, &standing) {
        let by = approval.stages.get(stage).map_or_else(Vec::new, |s| s.by.clone());
        out.push(Missing::Approval { stage, by, more });
    }
}
