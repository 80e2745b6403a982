//! What follows from a change by itself: groups that must hear of it, and transitions that take themselves.

use serde_json::Value;

use super::draft::{Draft, Pinning};
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;
use super::{opens, take, view};

/// How many automatic transitions follow one request at most.
const MAX_AUTOMATIC: usize = 8;

/// Takes automatic transitions for as long as something is ready.
pub(super) fn follow(draft: &mut Draft<'_>, number: &Number) -> Result<(), Refusal> {
    for _ in 0..MAX_AUTOMATIC {
        if !take::automatic(draft, number)? {
            break;
        }
    }
    Ok(())
}

/// Everything that follows from what just happened, as conditions see it (`kind`; for a step `transition`, `from`, `to`; for
/// a clock `clock`): groups hear of it, records are opened.
pub(super) fn after(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, event: Value) {
    opens::follow(draft, number, pin, &event);
    notify(draft, number, pin, event);
}

/// Tells groups for which something has become true; each once per ticket. `event`: what just happened, as
/// conditions see it (`kind`, and for a step `transition`, `from`, `to`).
fn notify(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, event: Value) {
    if pin.kind.notifies.is_empty() {
        return;
    }
    let Some(ticket) = draft.find(number) else { return };
    let mut variables = view::variables(ticket, pin.kind, pin.response);
    variables.insert("event".into(), event);
    let mut told = Vec::new();
    for rule in &pin.kind.notifies {
        // A condition that cannot be evaluated tells them: better once too often.
        if !rule.when.holds(&variables).unwrap_or(true) {
            continue;
        }
        for group in &rule.groups {
            if !ticket.notified.contains_key(group) && !told.iter().any(|(g, _)| g == group) {
                told.push((group.clone(), rule.must_acknowledge.map(|within| draft.ctx.now.plus(within))));
            }
        }
    }
    for (group, due) in told {
        draft.push(NewEvent::on(number, Fact::GroupNotified { group, due }).by(&pin.kind.digest));
    }
}
