//! Checks a kind as a graph: statuses are the places, transitions the ways.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::At;
use super::load_kind::KindDraft;
use super::model::{Ask, Kind, Transition};
use super::reader::Page;

/// Every status can be reached and, unless the work has ended there, left; ended ones are left by reopening only;
/// what is owed can be given; a transition that is taken by itself asks for nothing.
pub(super) fn graph(page: &Page, draft: &KindDraft) {
    let kind = &draft.kind;
    let Some(first) = kind.statuses.first() else { return };
    let known = |status: &String| kind.statuses.contains(status);
    if !kind.transitions.values().all(|t| known(&t.to) && t.from.iter().all(|f| known(&f.status))) {
        // A transition that begins or ends nowhere is told already; what it would connect cannot be judged.
        return;
    }
    let ways = ways(kind);
    let reached = reach(&ways, first);
    let place = |status: &String| draft.statuses_at.get(status).copied().unwrap_or_default();
    for status in &kind.statuses {
        let left = ways.get(status.as_str()).is_some_and(|to| !to.is_empty());
        if !reached.contains(status.as_str()) {
            page.find(place(status), format!("No transition leads to `{status}` from `{first}`; add one, or remove the status."));
        } else if !left && !kind.ended.contains(status) {
            page.find(place(status), format!("Nothing leads out of `{status}`; add a transition, or list it under `ended`."));
        }
    }
    if kind.ended.contains(first) {
        page.find(place(first), format!("A ticket starts in `{first}`, so its work cannot have ended there."));
    }
    if !reached.iter().any(|s| kind.ended.contains(*s)) && !kind.ended.is_empty() {
        page.find(place(first), "No status in which the work has ended can be reached.");
    }
    for transition in kind.transitions.values() {
        let at = draft.transitions_at.get(&transition.name).copied().unwrap_or_default();
        leaves_ended_statuses_openly(page, kind, transition, at);
        taken_by_itself(page, transition, at);
    }
    owed_can_be_given(page, draft, &ways);
}

type Ways<'k> = BTreeMap<&'k str, BTreeSet<&'k str>>;

fn ways(kind: &Kind) -> Ways<'_> {
    let mut out = Ways::new();
    for transition in kind.transitions.values() {
        for from in &transition.from {
            let to = out.entry(from.status.as_str()).or_default();
            if transition.unmerges {
                to.extend(kind.statuses.iter().filter(|s| !kind.ended.contains(*s)).map(String::as_str));
            } else {
                to.insert(transition.to.as_str());
            }
        }
    }
    out
}

fn reach<'k>(ways: &Ways<'k>, start: &'k str) -> BTreeSet<&'k str> {
    let mut reached = BTreeSet::from([start]);
    let mut next = vec![start];
    while let Some(status) = next.pop() {
        for to in ways.get(status).into_iter().flatten() {
            if reached.insert(to) {
                next.push(to);
            }
        }
    }
    reached
}

fn leaves_ended_statuses_openly(page: &Page, kind: &Kind, transition: &Transition, at: At) {
    let opens = transition.reopens || transition.unmerges;
    for from in &transition.from {
        if kind.ended.contains(&from.status) && !opens {
            let message = format!(
                "`{}` leaves `{}`, where the work has ended; say `reopens: true`, or start it elsewhere.",
                transition.name, from.status
            );
            page.find(at, message);
        }
        if transition.reopens && !kind.ended.contains(&from.status) {
            page.find(at, format!("`{}` reopens, but in `{}` the work has not ended.", transition.name, from.status));
        }
    }
    if transition.reopens && kind.ended.contains(&transition.to) {
        page.find(at, format!("`{}` reopens, but leads to `{}`, where the work has ended.", transition.name, transition.to));
    }
    if transition.merges && !kind.ended.contains(&transition.to) {
        page.find(at, format!("`{}` puts the ticket into another, so `{}` must be listed under `ended`.", transition.name, transition.to));
    }
}

fn taken_by_itself(page: &Page, transition: &Transition, at: At) {
    let asks = transition.asks.iter().any(|a| matches!(a, Ask::Reason | Ask::Ticket));
    if transition.automatic && (asks || transition.requires.second_person.is_some() || transition.fresh_auth) {
        let message =
            format!("`{}` is automatic, so it cannot need a reason, another ticket, a second person or a passkey.", transition.name);
        page.find(at, message);
    }
}

fn owed_can_be_given(page: &Page, draft: &KindDraft, ways: &Ways<'_>) {
    for (name, by, at) in &draft.owed_at {
        let (Some(leaves), Some(owed_by)) = (draft.kind.transitions.get(name), draft.kind.transitions.get(by)) else { continue };
        let reached = reach(ways, &leaves.to);
        if !owed_by.from.iter().any(|f| reached.contains(f.status.as_str())) {
            page.find(*at, format!("After `{name}` the ticket never comes to where `{by}` starts, so this would be owed for ever."));
        }
    }
}
