//! Freezes in words, for forms on which a time is chosen: whoever asks hears in time that nothing is changed then.

use super::scene::Scene;
use super::words::{Words, list};
use crate::env::Timestamp;
use crate::procedure::estate::{Freeze, OTHER_SYSTEM};
use crate::procedure::model::{Kind, Organisation, Transition};
use crate::procedure::rules::applies;
use crate::ticket::state::Ticket;

/// So many are told at most.
const MOST: usize = 3;
/// So far ahead they are told to whoever has not chosen a time yet.
const AHEAD: std::time::Duration = std::time::Duration::from_secs(60 * 86_400);
/// The link by which an exception is named.
pub(super) const EXCEPTION: &str = "excepted_by";

/// `Nothing is changed from 20 Dec until 2 Jan (“Year end”: the books are closed), on prod-db.`
#[must_use]
pub fn freeze(freeze: &Freeze) -> Words {
    let words = Words::of("Nothing is changed from ").time(freeze.starts).text(" until ").time(freeze.ends);
    let on = if freeze.systems.is_empty() { String::new() } else { format!(", on {}", list(&freeze.systems, "and")) };
    words.text(format!(" (“{}”: {}){on}.", freeze.name, freeze.why))
}

/// Freezes that come soon, for the form that opens a ticket of a kind which may not pass through one.
#[must_use]
pub fn ahead(kind: &Kind, organisation: &Organisation, now: Timestamp) -> Vec<Words> {
    if !kind.transitions.values().any(|t| !t.requires.unfrozen.is_empty()) {
        return Vec::new();
    }
    soon(organisation, now, None).map(freeze).collect()
}

fn soon<'o>(organisation: &'o Organisation, now: Timestamp, system: Option<&'o str>) -> impl Iterator<Item = &'o Freeze> {
    let until = now.plus(AHEAD);
    organisation.estate.freezes.iter().filter(move |f| f.covers(now, until, system)).take(MOST)
}

/// Freezes that stand in the way of a step, or will in the window that was chosen; where none was chosen yet, those ahead. An
/// exception that is linked is judged when the step is taken.
pub(super) fn in_the_way(scene: &Scene<'_>, transition: &Transition) -> Vec<Words> {
    let Some(organisation) = scene.organisation() else { return Vec::new() };
    let word = |field: &String| scene.ticket.plain(field).and_then(serde_json::Value::as_str);
    let time = |field: &String| word(field).and_then(Timestamp::parse);
    let mut out = Vec::new();
    for rule in transition.requires.unfrozen.iter().filter(|r| applies(r.when.as_ref(), scene.variables())) {
        let system = rule.system.as_ref().and_then(word).filter(|s| *s != OTHER_SYSTEM);
        let window = match &rule.window {
            Some((from, to)) => time(from).zip(time(to)),
            None => Some((scene.now, scene.now)),
        };
        match window {
            Some((from, to)) => {
                let covers = organisation.estate.freezes.iter().filter(|f| f.covers(from, to, system)).take(MOST);
                let told = covers.map(|f| {
                    let more = if excepted(scene.ticket) { "" } else { " Choose another time, or link an exception of type freeze." };
                    freeze(f).text(more)
                });
                out.extend(told);
            }
            None => out.extend(soon(organisation, scene.now, system).map(freeze)),
        }
    }
    out
}

/// An exception is linked; whether it will do is judged when the step is taken.
pub(super) fn excepted(ticket: &Ticket) -> bool {
    ticket.links.iter().any(|link| link.link == EXCEPTION && link.to.is_some())
}
