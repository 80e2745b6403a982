//! Whether what happened is looked back on, and whether what follows from that is done. Fed with tickets as they stand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Around, Found, OfTickets};
use crate::env::Timestamp;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// Where a link leads that such a ticket has.
fn linked<'t>(ticket: &'t Ticket, word: &'t str) -> impl Iterator<Item = &'t Number> {
    ticket.links.iter().filter(move |l| l.link == word).filter_map(|l| l.to.as_ref())
}

fn due(ticket: &Ticket) -> Option<Timestamp> {
    ticket.plain("due").and_then(Value::as_str).and_then(Timestamp::parse)
}

fn days_late(due: Option<Timestamp>, now: Timestamp) -> Option<u64> {
    due.filter(|due| *due < now).map(|due| now.since(due).as_secs() / 86_400)
}

/// Reviews that are not completed, and how late they are.
#[derive(Debug)]
pub struct Reviews {
    now: Timestamp,
    by_status: BTreeMap<String, i64>,
    overdue: i64,
    rows: Found,
}

impl Reviews {
    /// As of now.
    #[must_use]
    pub fn of(around: &Around<'_>) -> Self {
        Self { now: around.now, by_status: BTreeMap::new(), overdue: 0, rows: Found::default() }
    }
}

impl OfTickets for Reviews {
    fn take(&mut self, ticket: &Ticket) {
        if ticket.kind != "review" {
            return;
        }
        *self.by_status.entry(ticket.status.clone()).or_default() += 1;
        if ticket.ended {
            return;
        }
        let due = due(ticket);
        let late = days_late(due, self.now);
        self.overdue += i64::from(late.is_some());
        self.rows.push(json!({
            "ticket": ticket.number, "type": ticket.plain("type"), "of": linked(ticket, "reviews").collect::<Vec<_>>(),
            "owner": ticket.owner, "due": due, "overdue": late.is_some(), "days_late": late,
        }));
    }

    fn answer(self: Box<Self>, name: &dyn Fn(&str) -> String) -> Value {
        let summary = json!({ "by_status": self.by_status, "overdue": self.overdue });
        super::named(self.rows.answer(summary), &["owner"], name)
    }
}

/// Corrective actions that are not finished, by the incident from which they follow: directly, or by its review.
#[derive(Debug)]
pub struct Actions {
    now: Timestamp,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    /// Review → what it reviews.
    reviews: BTreeMap<Number, Vec<Number>>,
    open: Vec<(Number, BTreeSet<Number>, Value)>,
    closed: i64,
}

impl Actions {
    /// Of actions that were opened in the period.
    #[must_use]
    pub fn of(around: &Around<'_>) -> Self {
        Self { now: around.now, from: around.from, to: around.to, reviews: BTreeMap::new(), open: Vec::new(), closed: 0 }
    }
}

impl OfTickets for Actions {
    fn looks_at_all(&self) -> bool {
        true
    }

    fn take(&mut self, ticket: &Ticket) {
        if ticket.kind == "review" {
            self.reviews.insert(ticket.number.clone(), linked(ticket, "reviews").cloned().collect());
        }
        let within = self.from.is_none_or(|from| ticket.opened_at >= from) && self.to.is_none_or(|to| ticket.opened_at < to);
        if ticket.kind != "corrective-action" || !within || ticket.status == "void" {
            return;
        }
        if ticket.ended {
            self.closed += 1;
            return;
        }
        let due = due(ticket);
        let late = days_late(due, self.now);
        let row = json!({
            "ticket": ticket.number, "status": ticket.status, "accepted": !ticket.steps.is_empty(), "owner": ticket.owner,
            "due": due, "overdue": late.is_some(), "days_late": late,
        });
        self.open.push((ticket.number.clone(), linked(ticket, "corrects").cloned().collect(), row));
    }

    /// `by_incident` counts what is open of each ticket from which it follows; `via` of a row names the reviews between.
    fn answer(self: Box<Self>, name: &dyn Fn(&str) -> String) -> Value {
        let mut by_incident: BTreeMap<String, i64> = BTreeMap::new();
        let (mut rows, mut overdue) = (Found::default(), 0);
        for (_, corrects, mut row) in self.open {
            let (via, direct): (Vec<Number>, Vec<Number>) = corrects.into_iter().partition(|n| self.reviews.contains_key(n));
            let reviewed = via.iter().flat_map(|review| &self.reviews[review]).cloned();
            let of: BTreeSet<Number> = direct.into_iter().chain(reviewed).collect();
            for incident in &of {
                *by_incident.entry(incident.to_string()).or_default() += 1;
            }
            overdue += i64::from(row["overdue"] == json!(true));
            row["of"] = json!(of);
            row["via"] = json!(via);
            rows.push(row);
        }
        let summary = json!({ "open": rows.count(), "overdue": overdue, "closed": self.closed, "by_incident": by_incident });
        super::named(rows.answer(summary), &["owner"], name)
    }
}
