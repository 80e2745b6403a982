//! Clocks: they start, warn, are missed, stop, and follow the severity. Due instants are computed here, once, and
//! recorded; [`super::evolve`] never computes one.

use super::draft::{Draft, Pinning};
use super::duties::time_of;
use super::event::{Fact, NewEvent, Reminder};
use super::number::Number;
use super::state::{ClockState, Ticket};
use super::view;
use crate::env::Timestamp;
use crate::procedure::calendar::{due, elapsed, end_of_day};
use crate::procedure::model::{Clock, ClockStart, Transition};

/// Due instant and reminders for a clock that counts from `start`; reminders that would lie before `now` are left out.
fn plan(draft: &Draft<'_>, pin: Pinning<'_>, clock: &Clock, ticket: &Ticket, start: Timestamp) -> Option<(Timestamp, Vec<Reminder>)> {
    let organisation = &draft.ctx.library.organisation;
    let level = level(clock, ticket);
    let (target, mut reminders) = match &clock.timing.at {
        Some(field) => {
            let target = time_of(ticket, field)?;
            let part = |percent: u8| start.plus(target.since(start).saturating_mul(u32::from(percent)) / 100);
            (target, pin.kind.remind.iter().map(|p| Reminder { percent: i64::from(*p), at: part(*p) }).collect::<Vec<_>>())
        }
        None => {
            let within = clock.target(level)?;
            let hours = clock.hours_for(level);
            let part = |percent: u8| due(start, within.saturating_mul(u32::from(percent)) / 100, hours, organisation);
            let reminders = pin.kind.remind.iter().map(|p| Reminder { percent: i64::from(*p), at: part(*p) }).collect();
            (due(start, within, hours, organisation), reminders)
        }
    };
    // The stricter of the two: the target, or the end of the local day on which the clock started.
    let target = if clock.timing.end_of_day { target.min(end_of_day(start, organisation.zone)) } else { target };
    reminders.extend(clock.timing.before.iter().map(|before| before_target(start, target, *before)));
    reminders.retain(|r| r.at > draft.ctx.now && r.at < target);
    reminders.sort_by_key(|r| (r.percent, r.at));
    reminders.dedup_by_key(|r| r.percent);
    Some((target, reminders))
}

/// A reminder so long before the target, with the part of the time that has gone by then.
fn before_target(start: Timestamp, target: Timestamp, before: std::time::Duration) -> Reminder {
    let at = target.minus(before);
    let (gone, whole) = (at.since(start).as_secs(), target.since(start).as_secs().max(1));
    let percent = i64::try_from(gone.saturating_mul(100) / whole).unwrap_or(99);
    Reminder { percent: percent.clamp(1, 99), at }
}

/// The value by which the clock's targets are said.
fn level<'t>(clock: &Clock, ticket: &'t Ticket) -> Option<&'t str> {
    let by = clock.timing.by.as_deref().unwrap_or("severity");
    ticket.plain(by).and_then(serde_json::Value::as_str)
}

/// All fields are filled in upon which it stops.
fn is_filled(clock: &Clock, ticket: &Ticket) -> bool {
    !clock.timing.filled.is_empty() && clock.timing.filled.iter().all(|f| ticket.fields.contains_key(f))
}

/// Whether the clock may run on this ticket at all: its condition holds, and something that stops it applies.
fn runs(ticket: &Ticket, pin: Pinning<'_>, clock: &Clock) -> bool {
    let variables = view::variables(ticket, pin.kind, pin.response);
    // A condition that cannot be evaluated lets it run: better a reminder too many.
    let wanted = clock.when.as_ref().is_none_or(|w| w.holds(&variables).unwrap_or(true));
    wanted && !is_filled(clock, ticket) && (clock.stops.is_empty() || clock.stops.iter().any(|s| view::applies(pin.response, s)))
}

fn start(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, clock: &Clock) {
    let Some(ticket) = draft.find(number) else { return };
    if !runs(ticket, pin, clock) || ticket.clocks.get(&clock.name).is_some_and(|c| c.stopped.is_none()) {
        return;
    }
    let pauses = clock.pauses.contains(&ticket.status);
    let Some((due, reminders)) = plan(draft, pin, clock, ticket, draft.ctx.now) else { return };
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
            let hours = clock.hours_for(level(clock, ticket));
            let organisation = &draft.ctx.library.organisation;
            let shift = |at: Timestamp| due(draft.ctx.now, elapsed(since, at, hours, organisation), hours, organisation);
            let reminders = state.reminders.iter().map(|r| Reminder { percent: r.percent, at: shift(r.at) }).collect();
            Fact::ClockResumed { clock: clock.name.clone(), due: shift(state.due), reminders }
        }
        _ => return,
    };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
}

/// Fields changed: clocks that they are the target of, or by which targets are said, follow; those that wait for fields stop.
pub(super) fn after_fields(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, before: &Ticket) {
    let Some(ticket) = draft.find(number) else { return };
    let moved = |clock: &Clock| {
        let at = clock.timing.at.as_ref().is_some_and(|f| time_of(ticket, f) != time_of(before, f));
        at || level(clock, ticket) != level(clock, before)
    };
    let moved: Vec<&str> = pin.kind.clocks.values().filter(|c| moved(c)).map(|c| c.name.as_str()).collect();
    if !moved.is_empty() {
        retarget(draft, number, pin, &moved);
    }
    settle(draft, number, pin);
}

/// Stops the clocks whose fields are all filled in, and those that wait for the answer to a spoken approval.
pub(super) fn settle(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>) {
    for clock in pin.kind.clocks.values() {
        let Some(ticket) = draft.find(number) else { return };
        let Some(state) = ticket.clocks.get(&clock.name).filter(|c| c.stopped.is_none()).cloned() else { continue };
        let answered = clock.timing.answered && ticket.spoken.as_ref().is_some_and(|s| s.confirmed.is_some());
        if is_filled(clock, ticket) || answered {
            stop(draft, number, pin, clock, &state);
        }
    }
}

/// The severity changed: running clocks get their new targets, counted from their own start; one without a target
/// now stops; one that has a target only now starts.
fn retarget(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, moved: &[&str]) {
    for clock in pin.kind.clocks.values().filter(|c| moved.contains(&c.name.as_str())) {
        let Some(ticket) = draft.find(number) else { return };
        if ticket.ended {
            return;
        }
        match ticket.clocks.get(&clock.name).cloned() {
            Some(state) if state.stopped.is_none() => match plan(draft, pin, clock, ticket, state.started) {
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
                let over = ticket.clocks.contains_key(&clock.name)
                    || clock.stops.iter().any(|stop| ticket.steps.iter().any(|s| s.transition == *stop || s.skipped.contains(stop)));
                if begun && !over {
                    start(draft, number, pin, clock);
                }
            }
        }
    }
}
