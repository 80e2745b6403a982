//! A ticket's way on one screen, line by line: what a person reads of [`crate::ticket::trace`].

use super::scene::Known;
use super::words::{Words, humanise, list, one_line, uncapitalise};
use crate::procedure::model::Kind;
use crate::ticket::trace::{Deed, Entry, Trace};

/// A line for each part, or that nothing is recorded of it; then whether it is whole.
#[must_use]
pub fn lines(trace: &Trace, kind: &Kind, known: &Known<'_>) -> Vec<Words> {
    let mut out: Vec<Words> = trace.entries.iter().map(|entry| line(entry, kind, known)).collect();
    out.push(verdict(trace));
    out
}

fn line(entry: &Entry, kind: &Kind, known: &Known<'_>) -> Words {
    let who = entry.by.as_ref().map_or_else(|| "nobody".to_owned(), |by| known.actor(by));
    let words = Words::new().strong(humanise(&entry.part)).text(": ");
    let label = |step: &str| kind.transitions.get(step).map_or_else(|| humanise(step), |t| t.label.clone());
    let words = match &entry.deed {
        Deed::Opened => words.name(who).text(" asked for it"),
        Deed::Step { step, .. } => words.name(who).text(format!(", “{}”", one_line(&label(step), 80))),
        Deed::Approved { instead_of, by_exception, .. } => {
            let place = instead_of.as_ref().map(|id| format!(" in the place of {}", known.person(id))).unwrap_or_default();
            let alone = if *by_exception { ", by the exception for a single operator" } else { "" };
            words.name(who).text(format!(" approved{place}{alone}"))
        }
        Deed::Agreed { confirmed } => words.name(who).text(match confirmed {
            Some(true) => " agreed by word of mouth, and confirmed it",
            Some(false) => " is said to have agreed, and says that it was not so",
            None => " is said to have agreed; not confirmed yet",
        }),
        Deed::Covered { by_record } => words.text("covered in advance by ").ticket(by_record),
        Deed::Proof { proof } => {
            let proof = kind.proofs.get(proof).map_or_else(|| humanise(proof), Clone::clone);
            words.name(who).text(format!(" showed: {}", uncapitalise(&one_line(&proof, 120))))
        }
    };
    match entry.at {
        Some(at) => words.text(", ").time(at),
        None => words,
    }
}

fn verdict(trace: &Trace) -> Words {
    let parts: Vec<String> = trace.lacks.iter().map(|part| part.replace(['-', '_'], " ")).collect();
    match (trace.complete, parts.is_empty(), trace.in_order) {
        (true, ..) => Words::of("Every part is there, in its order."),
        (_, false, _) => Words::of(format!("Nothing is recorded yet of: {}.", list(&parts, "and"))),
        (_, _, false) => Words::of("The parts are not in their order."),
        _ => Words::of("Every part is there so far; the work has not ended."),
    }
}
