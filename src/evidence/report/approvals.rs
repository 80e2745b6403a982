//! Approvals held against time: the period that is looked at, the beginning of the work that relies on them, and its
//! window. Fed with tickets as they stand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Around, Found, OfTickets};
use crate::env::Timestamp;
use crate::procedure::model::Library;
use crate::ticket::state::{ApprovalGiven, Ticket};

/// What of a kind relies on an approval.
#[derive(Debug, Default)]
struct Relying {
    /// Step that is approved → steps that ask for that approval.
    steps: BTreeMap<String, Vec<String>>,
    /// Fields that say when a window ends.
    window_ends: Vec<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Outside {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    kinds: BTreeMap<String, Relying>,
    looked_at: i64,
    by_word: i64,
    rows: Found,
}

impl Outside {
    /// By the procedures that count now.
    #[must_use]
    pub fn of(around: &Around<'_>) -> Self {
        Self { from: around.from, to: around.to, kinds: relying(around.library), looked_at: 0, by_word: 0, rows: Found::default() }
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at < to)
    }

    fn judge(&mut self, ticket: &Ticket, step: &str, given: &ApprovalGiven, (began, window_end): (Option<Timestamp>, Option<Timestamp>)) {
        self.looked_at += 1;
        let mut why = Vec::new();
        if !self.holds(given.at) {
            why.push("outside the period");
        }
        if began.is_some_and(|began| given.at > began) {
            why.push("after the work began");
        }
        if window_end.is_some_and(|end| given.at >= end) {
            why.push("after the window");
        }
        if !why.is_empty() {
            self.rows.push(json!({
                "ticket": ticket.number, "step": step, "person": given.person, "at": given.at, "why": why, "began": began, "window_end": window_end,
            }));
        }
    }
}

fn relying(library: &Library) -> BTreeMap<String, Relying> {
    let mut out = BTreeMap::new();
    for kind in library.kinds.values() {
        let mut relying = Relying::default();
        for transition in kind.transitions.values() {
            for approved in &transition.requires.approved {
                relying.steps.entry(approved.by.clone()).or_default().push(transition.name.clone());
            }
            relying.window_ends.extend(transition.requires.window.iter().map(|window| window.to.clone()));
        }
        out.insert(kind.name.clone(), relying);
    }
    out
}

impl OfTickets for Outside {
    fn looks_at_all(&self) -> bool {
        true
    }

    /// A ticket belongs to the period by the work that relied on its approvals, and, before there was any, by the approvals
    /// themselves.
    fn take(&mut self, ticket: &Ticket) {
        let Some(relying) = self.kinds.get(&ticket.kind) else { return };
        let window_end = relying.window_ends.iter().find_map(|field| ticket.plain(field)?.as_str().and_then(Timestamp::parse));
        let began = |step: &str| {
            let relies = relying.steps.get(step)?;
            ticket.steps.iter().find(|s| relies.contains(&s.transition)).map(|s| s.at)
        };
        let pending = ticket.approvals.iter();
        let granted = ticket.granted.iter().map(|(step, granted)| (step, &granted.given));
        let given: Vec<(String, ApprovalGiven, Option<Timestamp>)> = pending
            .chain(granted)
            .flat_map(|(step, given)| given.iter().filter(|a| a.approved).map(move |a| (step.clone(), a.clone(), began(step))))
            .collect();
        let in_period = match given.iter().find_map(|(_, _, began)| *began) {
            Some(began) => self.holds(began),
            None => given.iter().any(|(_, a, _)| self.holds(a.at)),
        };
        if ticket.spoken.as_ref().is_some_and(|s| self.holds(s.at)) {
            self.by_word += 1;
        }
        for (step, given, began) in given.iter().filter(|_| in_period) {
            self.judge(ticket, step, given, (*began, window_end));
        }
    }

    /// `by_word`: steps that were taken on an approval that was only spoken; those are confirmed or reviewed elsewhere.
    fn answer(self: Box<Self>, name: &dyn Fn(&str) -> String) -> Value {
        let summary = json!({ "approvals": self.looked_at, "flagged": self.rows.count(), "by_word": self.by_word });
        super::named(self.rows.answer(summary), &["person"], name)
    }
}
