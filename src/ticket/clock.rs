//! Clocks: they start, warn, are missed, stop, and follow the severity. Due instants are computed here, once, and
//! recorded; [`super::evolve`] never computes one.

use super::draft::{Draft, Pinning};
use super::event::{Fact, NewEvent, Reminder};
use super::number::Number;
use super::state::{ClockState, Ticket};
use super::view;
use crate::env::Timestamp;
use crate::procedure::calendar::{due, elapsed};
use crate::procedure::model::{Clock, ClockStart, Transition};

/// Due instant and reminders for a clock that counts from `start`; reminders that would lie before `now` are left out.
fn plan(draft: &Draft<'_>, pin: Pinning<'_>, clock: &Clock, severity: &str, start: Timestamp) -> Option<(Timestamp, Vec<Reminder>)> {
    let within = clock.target(Some(severity))?;
    let hours = clock.hours_for(Some(severity));
    let organisation = &draft.ctx.library.organisation;
    let reminders = pin.kind.remind.iter().map(|percent| {
        let part = within.saturating_mul(u32::from(*percent)) / 100;
        Reminder { percent: i64::from(*percent), at: due(start, part, hours, organisation) }
    });
    let reminders = reminders.filter(|r| r.at > draft.ctx.now).collect();
    Some((due(start, within, hours, organisation), reminders))
}

/// Whether the clock may run on this ticket at all: its condition holds, and something that stops it applies.
fn runs(ticket: &Ticket, pin: Pinning<'_>, clock: &Clock) -> bool {
    let variables = view::variables(ticket, pin.kind, pin.response);
    // A condition that cannot be evaluated lets it run: better a reminder too many.
    let wanted = clock.when.as_ref().is_none_or(|w| w.holds(&variables).unwrap_or(true));
    wanted && (clock.stops.is_empty() || clock.stops.iter().any(|s| view::applies(pin.response, s)))
}

fn start(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, clock: &Clock) {
    let Some(ticket) = draft.find(number) else { return };
    if !runs(ticket, pin, clock) || ticket.clocks.get(&clock.name).is_some_and(|c| c.stopped.is_none()) {
        return;
    }
    let pauses = clock.pauses.contains(&ticket.status);
    let Some((due, reminders)) = plan(draft, pin, clock, ticket.severity(), draft.ctx.now) else { return };
    let started = Fact::ClockStarted { clock: clock.name.clone(), due, reminders };
    draft.push(NewEvent::on(number, started).by(&pin.kind.digest));
    if pauses {
        draft.push(NewEvent::on(number, Fact::ClockPaused { clock: clock.name.clone() }).by(&pin.kind.digest));
    }
}

/// The clocks that start with the ticket.
pub(super) fn on_open(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>) {
    for clock in pin.kind.clocks.values().filter(|c| c.starts == ClockStart::Open) {
        start(draft, number, pin, clock);
    }
}

/// Everything that a step does to clocks: stop, pause, resume, start, start again.
pub(super) fn after_step(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, step: &Transition, skipped: &[String]) {
    for clock in pin.kind.clocks.values() {
        let Some(ticket) = draft.find(number) else { return };
        // A merged ticket's clocks rest (`super::deadlines`) until the merge is taken back.
        let stops = !step.merges && clock.stops.iter().any(|s| *s == step.name || skipped.contains(s)) || step.stops.contains(&clock.name);
        let over = ticket.ended && !step.merges;
        let running = ticket.clocks.get(&clock.name).filter(|c| c.stopped.is_none()).cloned();
        if let (Some(state), true) = (&running, stops || over) {
            stop(draft, number, pin, clock, state);
        } else if let Some(state) = &running {
            pause_or_resume(draft, number, pin, clock, state);
        }
        let starts = clock.starts == ClockStart::Transition(step.name.clone()) || (step.reopens && is_ahead(pin, clock, &step.to));
        if starts {
            start(draft, number, pin, clock);
        }
    }
}

/// After a reopening, a clock counts again when a step that stops it is ahead once more.
fn is_ahead(pin: Pinning<'_>, clock: &Clock, status: &str) -> bool {
    let position = |s: &str| pin.kind.statuses.iter().position(|x| x == s);
    let goals: Vec<&str> = clock.stops.iter().filter_map(|s| pin.kind.transitions.get(s)).map(|t| t.to.as_str()).collect();
    // What ends a ticket stops every clock; only where it leads to says whether a clock's own goal is ahead.
    let mut at_work = goals.iter().filter(|to| !pin.kind.ended.contains(**to)).peekable();
    let ahead = at_work.peek().is_none() || at_work.any(|to| position(to) > position(status));
    clock.starts == ClockStart::Open && ahead
}

fn stop(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, clock: &Clock, state: &ClockState) {
    let now = draft.ctx.now;
    let late = state.breached || (state.paused.is_none() && now > state.due);
    if late && !state.breached {
        // The miss is a fact of its own even when the deadline had not been looked at yet.
        let owner = draft.find(number).and_then(|t| t.owner.clone());
        let breached = Fact::ClockBreached { clock: clock.name.clone(), due: state.due, owner };
        draft.push(NewEvent::on(number, breached).by(&pin.kind.digest));
    }
    let elapsed_seconds = i64::try_from(now.since(state.started).as_secs()).unwrap_or(i64::MAX);
    let stopped = Fact::ClockStopped { clock: clock.name.clone(), elapsed_seconds, late };
    draft.push(NewEvent::on(number, stopped).by(&pin.kind.digest));
}

fn pause_or_resume(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, clock: &Clock, state: &ClockState) {
    let Some(ticket) = draft.find(number) else { return };
    let pauses = clock.pauses.contains(&ticket.status);
    let fact = match (state.paused, pauses) {
        (None, true) => Fact::ClockPaused { clock: clock.name.clone() },
        (Some(since), false) => {
            let hours = clock.hours_for(Some(ticket.severity()));
            let organisation = &draft.ctx.library.organisation;
            let shift = |at: Timestamp| due(draft.ctx.now, elapsed(since, at, hours, organisation), hours, organisation);
            let reminders = state.reminders.iter().map(|r| Reminder { percent: r.percent, at: shift(r.at) }).collect();
            Fact::ClockResumed { clock: clock.name.clone(), due: shift(state.due), reminders }
        }
        _ => return,
    };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
}

/// The severity changed: running clocks get their new targets, counted from their own start; one without a target
/// now stops; one that has a target only now starts.
pub(super) fn retarget(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>) {
    for clock in pin.kind.clocks.values() {
        let Some(ticket) = draft.find(number) else { return };
        if ticket.ended {
            return;
        }
        match ticket.clocks.get(&clock.name).cloned() {
            Some(state) if state.stopped.is_none() => match plan(draft, pin, clock, ticket.severity(), state.started) {
                Some((due, reminders)) if due != state.due => {
                    let fact = Fact::ClockRetargeted { clock: clock.name.clone(), due, reminders };
                    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
                }
                Some(_) => {}
                None => stop(draft, number, pin, clock, &state),
            },
            Some(_) => {}
            None => {
                let begun = match &clock.starts {
                    ClockStart::Open => true,
                    ClockStart::Transition(name) => ticket.steps.iter().any(|s| s.transition == *name),
                };
                let over = clock.stops.iter().any(|stop| ticket.steps.iter().any(|s| s.transition == *stop || s.skipped.contains(stop)));
                if begun && !over {
                    start(draft, number, pin, clock);
                }
            }
        }
    }
}
