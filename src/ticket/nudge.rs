//! Whom a request waits for, since when, and asking them once more.

use std::time::Duration;

use super::approval;
use super::draft::Draft;
use super::duties::{Around, requesters};
use super::event::{Fact, NewEvent};
use super::judge;
use super::number::Number;
use super::refusal::Refusal;
use super::state::Ticket;
use crate::env::Timestamp;

/// So long after one nudge there is another one at the earliest.
pub const EVERY: Duration = Duration::from_secs(24 * 3600);

/// A step that waits for a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waits {
    /// The step.
    pub transition: String,
    /// Who can decide now, by id, without whoever has decided.
    pub on: Vec<String>,
    /// Since when it waits for them.
    pub since: Timestamp,
}

/// What the ticket waits for, when it is a decision.
#[must_use]
pub fn waits(around: &Around<'_>, ticket: &Ticket) -> Option<Waits> {
    if ticket.ended {
        return None;
    }
    let opened = ticket.steps.last().map_or(ticket.opened_at, |s| s.at);
    let transition = around.kind.transitions.values().find(|t| judge::waits(around, ticket, t))?;
    let on = judge::everybody(around, ticket, transition);
    // The stage before was decided by then.
    let given = approval::standing(ticket, transition, around.people).iter().map(|given| given.at).max();
    Some(Waits { transition: transition.name.clone(), on, since: given.map_or(opened, |at| at.max(opened)) })
}

pub(super) fn nudge(draft: &mut Draft<'_>, number: &Number) -> Result<(), Refusal> {
    let person = draft.person("ask for a decision")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let around = draft.around(pin);
    if !requesters(&around, ticket).contains(person) && ticket.owner.as_deref() != Some(person) {
        return Err(Refusal::NotAllowed { what: "ask once more: whoever asked for it can".to_owned(), roles: Vec::new() });
    }
    let Some(waits) = waits(&around, ticket).filter(|w| !w.on.is_empty()) else {
        return Err(Refusal::NothingToNudge { ticket: number.clone() });
    };
    if let Some(again) = ticket.nudged.map(|at| at.plus(EVERY)).filter(|again| draft.ctx.now < *again) {
        let again = again.utc().with_timezone(&draft.ctx.library.organisation.zone).format("%A %H:%M %Z").to_string();
        return Err(Refusal::NudgedLately { ticket: number.clone(), again });
    }
    let fact = Fact::Nudged { transition: waits.transition, to: waits.on };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
    Ok(())
}
