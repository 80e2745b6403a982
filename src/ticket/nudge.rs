//! Whom a request waits for, since when, and asking them once more.

use std::time::Duration;

use super::approval;
use super::authority;
use super::draft::Draft;
use super::duties::{Around, requesters};
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::offer::starts;
use super::refusal::Refusal;
use super::state::Ticket;
use super::view;
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
    let variables = view::variables(ticket, around.kind, around.response);
    let opened = ticket.steps.last().map_or(ticket.opened_at, |s| s.at);
    around.kind.transitions.values().find_map(|t| {
        let rule = t.approval.as_ref()?;
        if !starts(ticket, around.kind, around.response, t) || approval::stands(ticket, t) {
            return None;
        }
        let standing = approval::standing(ticket, t, around.people);
        let (stage, _) = approval::open_stage(rule, &standing, &variables)?;
        let mut on = authority::everybody(around, ticket, rule.stages.get(stage)?);
        on.retain(|person| standing.iter().all(|given| given.person != *person));
        // The stage before was decided by then.
        let since = standing.iter().map(|given| given.at).max().map_or(opened, |at| at.max(opened));
        Some(Waits { transition: t.name.clone(), on, since })
    })
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
