//! A ticket's way on one screen: asked for, approved, carried out, verified; by whom and when. The parts are the
//! procedure's (`trace`); what stands here is read off the ticket as it is, so that anybody can follow it.

use serde::Serialize;

use super::event::Actor;
use super::number::Number;
use super::state::{ApprovalGiven, Ticket};
use crate::env::Timestamp;
use crate::procedure::model::Kind;

/// The part that every way begins with.
pub const REQUEST: &str = "request";

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Deed {
    /// It was opened.
    Opened,
    /// A step was taken.
    Step {
        /// Its name.
        step: String,
        /// When it really happened, if that was said.
        occurred_at: Option<Timestamp>,
    },
    /// Somebody approved, having seen exactly the statement with this digest.
    Approved {
        /// The step.
        step: String,
        /// The statement's digest.
        digest: String,
        /// Whose authority it was, when the approver stood in.
        instead_of: Option<String>,
        /// The declared single-operator exception.
        by_exception: bool,
    },
    /// Somebody agreed by word of mouth; nobody, where nobody who may approve answered.
    Agreed {
        /// Whether the giver has said that it was so.
        confirmed: Option<bool>,
    },
    /// Another record covers it in advance.
    Covered {
        /// Which.
        by_record: Number,
    },
    /// What shows it was filed, or reported by a tool.
    Proof {
        /// As what.
        proof: String,
    },
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The part of the way.
    pub part: String,
    /// What happened.
    #[serde(flatten)]
    pub deed: Deed,
    /// Who; nobody for what covers it in advance.
    pub by: Option<Actor>,
    /// When it was recorded; none for what covers it in advance.
    pub at: Option<Timestamp>,
}

/// The way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// Part by part, each in the order of time.
    pub entries: Vec<Entry>,
    /// Parts of which nothing is recorded.
    pub lacks: Vec<String>,
    /// No part begins before the one before it.
    pub in_order: bool,
    /// The work has ended, every part is there, and they are in order.
    pub complete: bool,
}

/// The way of a ticket; none when its procedure names no parts.
#[must_use]
pub fn trace(ticket: &Ticket, kind: &Kind) -> Option<Trace> {
    if kind.trace.is_empty() {
        return None;
    }
    let mut entries =
        vec![Entry { part: REQUEST.to_owned(), deed: Deed::Opened, by: Some(ticket.opened_by.clone()), at: Some(ticket.opened_at) }];
    let last = kind.trace.keys().next_back();
    for (part, steps) in &kind.trace {
        let mut of_part = Vec::new();
        for step in steps {
            of_part.extend(decided(ticket, kind, part, step));
            of_part.extend(taken(ticket, part, step));
        }
        if Some(part) == last {
            of_part.extend(proofs(ticket, kind, part));
        }
        of_part.sort_by_key(|e| e.at);
        entries.extend(of_part);
    }
    let there = |part: &str| entries.iter().any(|e| e.part == part && !matches!(e.deed, Deed::Proof { .. }));
    let lacks: Vec<String> = kind.trace.keys().filter(|part| !there(part)).cloned().collect();
    let begins: Vec<Timestamp> = kind.trace.keys().filter_map(|part| begin(&entries, part)).collect();
    let in_order = begins.is_sorted();
    let complete = ticket.ended && lacks.is_empty() && in_order;
    Some(Trace { entries, lacks, in_order, complete })
}

/// When a part began: by its first step or decision.
fn begin(entries: &[Entry], part: &str) -> Option<Timestamp> {
    entries.iter().filter(|e| e.part == part && !matches!(e.deed, Deed::Proof { .. })).find_map(|e| e.at)
}

fn taken(ticket: &Ticket, part: &str, step: &str) -> Vec<Entry> {
    let of = ticket.steps.iter().filter(|s| s.transition == step);
    of.map(|s| Entry {
        part: part.to_owned(),
        deed: Deed::Step { step: step.to_owned(), occurred_at: s.occurred_at },
        by: Some(s.by.clone()),
        at: Some(s.at),
    })
    .collect()
}

/// Who agreed to a step, or what covers it.
fn decided(ticket: &Ticket, kind: &Kind, part: &str, step: &str) -> Vec<Entry> {
    if kind.transitions.get(step).is_none_or(|t| t.approval.is_none()) {
        return Vec::new();
    }
    let entry = |deed: Deed, by: Option<Actor>, at: Option<Timestamp>| Entry { part: part.to_owned(), deed, by, at };
    let approved = |given: &ApprovalGiven| {
        let deed = Deed::Approved {
            step: step.to_owned(),
            digest: given.digest.clone(),
            instead_of: given.instead_of.clone(),
            by_exception: given.self_approved,
        };
        entry(deed, Some(Actor::Person { id: given.person.clone(), roles: given.roles.clone() }), Some(given.at))
    };
    let pending = ticket.approvals.get(step).into_iter().flatten();
    let granted = ticket.granted.get(step).into_iter().flat_map(|g| &g.given);
    let mut out: Vec<Entry> = granted.chain(pending).filter(|a| a.approved).map(approved).collect();
    if let Some(spoken) = ticket.spoken.as_ref().filter(|s| s.transition == step) {
        let by = spoken.giver.clone().map(|id| Actor::Person { id, roles: Vec::new() });
        out.push(entry(Deed::Agreed { confirmed: spoken.confirmed }, by, Some(spoken.at)));
    }
    // A step that relies on the approval may rely on a record that was approved in its place.
    let relies = kind.transitions.values().filter(|t| t.requires.approved.iter().any(|a| a.by == step));
    let words: Vec<&str> = relies.flat_map(|t| &t.requires.linked).map(|l| l.link.as_str()).collect();
    let covering = ticket.links.iter().filter(|l| words.contains(&l.link.as_str())).filter_map(|l| l.to.clone());
    out.extend(covering.map(|by_record| entry(Deed::Covered { by_record }, None, None)));
    out
}

fn proofs(ticket: &Ticket, kind: &Kind, part: &str) -> Vec<Entry> {
    let entry = |proof: &str, by: Actor, at: Timestamp| Entry {
        part: part.to_owned(),
        deed: Deed::Proof { proof: proof.to_owned() },
        by: Some(by),
        at: Some(at),
    };
    let filed = ticket.files.iter().filter_map(|f| {
        let proof = f.phase.as_deref().filter(|p| kind.proofs.contains_key(*p))?;
        Some(entry(proof, f.by.clone(), f.at))
    });
    let reported =
        ticket.deployments.iter().filter_map(|d| Some(entry(d.proof.as_deref()?, Actor::Source { name: d.source.clone() }, d.at)));
    filed.chain(reported).collect()
}
