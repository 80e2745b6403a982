//! What a ticket is waiting for, and what happens when the time has come.
//!
//! A ticket's deadlines follow from its state alone: whoever keeps them as rows replaces the ticket's rows after
//! every change, and fires those that are due. Firing one that is not pending any more does nothing.

use serde_json::json;

use super::draft::{Draft, Pinning};
use super::escalate;
use super::event::{Fact, NewEvent, OwedItem};
use super::lines;
use super::number::Number;
use super::owed;
use super::refusal::Refusal;
use super::state::{ClockState, Ticket};
use super::{consequences, take};
use crate::env::Timestamp;
use crate::procedure::calendar::next_working_day_at;

/// A moment at which a ticket wants to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// Says what it is, and is unique within the ticket: `clock:contain:50`, `clock:contain:due`, `escalation:2`,
    /// `notified:legal`, `morning:p_1`, `owed`.
    pub id: String,
    /// When.
    pub at: Timestamp,
}

/// Everything that the ticket waits for now, in no particular order. An ended ticket's clocks, escalations and debts
/// rest; groups must still say that they read it, and whoever was woken is still told.
#[must_use]
pub fn deadlines(ticket: &Ticket) -> Vec<Deadline> {
    let mut out = Vec::new();
    for (group, notified) in &ticket.notified {
        if let (Some(at), None, false) = (notified.due, &notified.acknowledged_by, notified.overdue) {
            out.push(Deadline { id: format!("notified:{group}"), at });
        }
    }
    out.extend(ticket.woken.iter().map(|(person, at)| Deadline { id: format!("morning:{person}"), at: *at }));
    if ticket.ended {
        return out;
    }
    for (name, clock) in &ticket.clocks {
        if clock.stopped.is_some() || clock.paused.is_some() {
            continue;
        }
        out.extend(clock.reminders.iter().map(|r| Deadline { id: format!("clock:{name}:{}", r.percent), at: r.at }));
        if !clock.breached {
            out.push(Deadline { id: format!("clock:{name}:due"), at: clock.due });
        }
    }
    if let Some(escalation) = &ticket.escalation
        && let Some(at) = escalation.next
    {
        out.push(Deadline { id: format!("escalation:{}", escalation.tier + 1), at });
    }
    if let Some(at) = ticket.lines.as_ref().and_then(|l| l.until) {
        out.push(Deadline { id: lines::DEADLINE.into(), at });
    }
    if let Some(at) = ticket.owed.iter().map(|o| o.due).min() {
        out.push(Deadline { id: "owed".into(), at });
    }
    out
}

/// A deadline came due. Only the scheduler fires them.
pub(super) fn fire(draft: &mut Draft<'_>, number: &Number, id: &str, came_due: Timestamp) -> Result<(), Refusal> {
    if *draft.ctx.actor != super::event::Actor::Scheduler {
        return Err(Refusal::NotForYou { what: "let a deadline pass".into() });
    }
    let ticket = draft.ticket(number)?;
    let pending = deadlines(ticket).into_iter().find(|d| d.id == id && d.at <= draft.ctx.now);
    let Some(pending) = pending else { return Ok(()) };
    // What the row says can be older than what stands (a clock that was moved); what stands counts.
    let came_due = if came_due <= draft.ctx.now { came_due.max(pending.at) } else { pending.at };
    let pin = draft.pinning(ticket)?;
    let mut parts = id.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("clock"), Some(name), Some("due")) => breach(draft, number, pin, name),
        (Some("clock"), Some(name), Some(percent)) => {
            let Some(state) = ticket.clocks.get(name) else { return Ok(()) };
            let percent = percent.parse().unwrap_or(0);
            let fact = Fact::ClockWarned { clock: name.to_owned(), percent, due: state.due, came_due };
            draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
            Ok(())
        }
        (Some("escalation"), ..) => escalate::next_tier(draft, number, pin),
        (Some("notified"), Some(_), _) => {
            let group = id.strip_prefix("notified:").unwrap_or_default().to_owned();
            let fact = Fact::NotificationOverdue { group, due: pending.at };
            draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
            Ok(())
        }
        (Some("morning"), ..) => {
            let person = id.strip_prefix("morning:").unwrap_or_default().to_owned();
            draft.push(NewEvent::on(number, Fact::MorningTold { person, came_due }).by(&pin.kind.digest));
            Ok(())
        }
        (Some("owed"), ..) => ask(draft, number, pin, came_due),
        _ => Ok(()),
    }
}

/// The target was missed: that is a fact, and somebody is called.
fn breach(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, name: &str) -> Result<(), Refusal> {
    if let Some(step) = pin.kind.clocks.get(name).and_then(|c| c.timing.takes.as_deref())
        && take::by_time(draft, number, step)?
    {
        return Ok(());
    }
    let ticket = draft.ticket(number)?;
    let Some(ClockState { due, .. }) = ticket.clocks.get(name) else { return Ok(()) };
    let fact = Fact::ClockBreached { clock: name.to_owned(), due: *due, owner: ticket.owner.clone() };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
    consequences::after(draft, number, pin, json!({ "kind": "ClockBreached", "clock": name }));
    escalate::begin(draft, number, pin, name);
    Ok(())
}

/// What is owed is asked for, and will be asked for again on the next working day.
fn ask(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, came_due: Timestamp) -> Result<(), Refusal> {
    let now = draft.ctx.now;
    let next = next_working_day_at(now, pin.kind.owed_to.at, &draft.ctx.library.organisation);
    let ticket = draft.ticket(number)?;
    let asked: Vec<OwedItem> = ticket
        .owed
        .iter()
        .filter(|o| o.due <= now)
        .map(|o| OwedItem { due: next, who: owed::debtor(draft, ticket, pin, &o.by), ..o.clone() })
        .collect();
    if !asked.is_empty() {
        draft.push(NewEvent::on(number, Fact::OwedReminded { owed: asked, came_due }).by(&pin.kind.digest));
    }
    Ok(())
}
