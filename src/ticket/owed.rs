//! What a step leaves for later: by which transition it is owed, by whom, and when it is asked for.

use super::draft::{Draft, Pinning};
use super::event::OwedItem;
use super::state::Ticket;
use super::view;
use crate::procedure::calendar::next_working_day_at;
use crate::procedure::model::{OwedWhat, Transition};

/// What taking `transition` leaves owed on the ticket as it will be (`after`), as far as it is not there already.
pub(super) fn left_by(draft: &Draft<'_>, after: &Ticket, pin: Pinning<'_>, transition: &Transition) -> Vec<OwedItem> {
    let due = next_working_day_at(draft.ctx.now, pin.kind.owed_to.at, &draft.ctx.library.organisation);
    transition
        .wants
        .iter()
        .filter_map(|want| {
            let (what, of, count, there) = match &want.what {
                OwedWhat::Field(name) => ("field", name.as_str(), 1, after.fields.contains_key(name)),
                OwedWhat::Evidence(n) => {
                    let filed = after.evidence_of(&transition.name) >= usize::try_from(*n).unwrap_or(usize::MAX);
                    let waived = after.evidence_waived.contains(&transition.name) || !view::applies(pin.response, &transition.name);
                    ("evidence", transition.name.as_str(), i64::from(*n), filed || waived)
                }
            };
            let who = debtor(draft, after, pin, &want.by);
            (!there).then(|| OwedItem { what: what.into(), of: of.into(), by: want.by.clone(), who, due, count })
        })
        .collect()
}

/// Who owes: the owner, or the role that the procedure names, or that will take the owing step.
pub(super) fn debtor(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, by: &str) -> String {
    if pin.kind.owed_to.who != "owner" {
        return pin.kind.owed_to.who.clone();
    }
    if let Some(owner) = &ticket.owner {
        return owner.clone();
    }
    // Whoever takes this step becomes the owner of an unowned ticket.
    if let Some(person) = draft.ctx.actor.person() {
        return person.to_owned();
    }
    let roles = pin.kind.transitions.get(by).map_or(&[][..], |t| t.by.as_slice());
    let role = roles.iter().find(|r| !matches!(r.as_str(), "owner" | "lead" | "anyone"));
    role.map_or_else(|| "owner".to_owned(), Clone::clone)
}
