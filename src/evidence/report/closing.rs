//! Reports on what tickets were closed with, and what they lack. Fed with tickets as they stand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Found;
use crate::ticket::state::Ticket;

/// Closed: the work has ended, and not because it went on elsewhere or was never there.
fn closed(ticket: &Ticket) -> bool {
    ticket.ended && ticket.merged_into.is_none() && ticket.status != "void"
}

/// What closed tickets of alerts turned out to be.
#[derive(Debug, Default)]
pub struct Dispositions {
    counts: BTreeMap<String, i64>,
    closed: i64,
    without: Found,
}

impl Dispositions {
    /// Takes the next ticket.
    pub fn take(&mut self, ticket: &Ticket) {
        if !closed(ticket) || ticket.alerts.attached == 0 {
            return;
        }
        self.closed += 1;
        match ticket.plain("disposition").and_then(Value::as_str) {
            Some(disposition) => *self.counts.entry(disposition.to_owned()).or_default() += 1,
            None => self.without.push(json!({ "ticket": ticket.number, "status": ticket.status })),
        }
    }

    /// The answer: the counts add up to the closed ones, less the rows.
    #[must_use]
    pub fn answer(self) -> Value {
        let without = self.without.count();
        self.without.answer(json!({ "closed": self.closed, "by_disposition": self.counts, "without": without }))
    }
}

/// Closed incidents of which nobody confirmed that service is back.
#[derive(Debug, Default)]
pub struct ServiceRestored {
    confirmed: i64,
    waived: i64,
    neither: Found,
}

impl ServiceRestored {
    /// Takes the next ticket.
    pub fn take(&mut self, ticket: &Ticket) {
        if !closed(ticket) || ticket.kind != "incident" {
            return;
        }
        let last_opened = ticket.steps.iter().rposition(|s| s.transition == "reopen").map_or(0, |at| at + 1);
        let confirmed = ticket.steps.iter().rev().find(|s| s.transition == "recover" && s.by.person().is_some());
        // A false alarm is not taken without its reason: there was nothing to bring back.
        let waived = ticket.steps.iter().skip(last_opened).any(|s| s.transition == "false_positive");
        match (confirmed, waived) {
            (Some(_), _) => self.confirmed += 1,
            (None, true) => self.waived += 1,
            (None, false) => self.neither.push(json!({ "ticket": ticket.number, "status": ticket.status, "ended_at": ticket.ended_at })),
        }
    }

    /// The answer.
    #[must_use]
    pub fn answer(self) -> Value {
        let neither = self.neither.count();
        self.neither.answer(json!({ "confirmed": self.confirmed, "waived_with_reason": self.waived, "neither": neither }))
    }
}

/// Incidents that nothing links to what detected them.
#[derive(Debug, Default)]
pub struct Unlinked {
    incidents: i64,
    links: BTreeMap<String, i64>,
    without: Found,
}

impl Unlinked {
    /// Takes the next ticket.
    pub fn take(&mut self, ticket: &Ticket) {
        if ticket.kind != "incident" || ticket.merged_into.is_some() || ticket.status == "void" {
            return;
        }
        self.incidents += 1;
        for link in ticket.links.iter().filter(|l| !l.reason_only) {
            *self.links.entry(link.link.clone()).or_default() += 1;
        }
        if ticket.alerts.attached == 0 && !ticket.links.iter().any(|l| l.link == "alert") {
            self.without.push(json!({ "ticket": ticket.number, "status": ticket.status, "opened_at": ticket.opened_at }));
        }
    }

    /// The answer.
    #[must_use]
    pub fn answer(self) -> Value {
        let without = self.without.count();
        self.without.answer(json!({ "incidents": self.incidents, "links": self.links, "without_alert_or_reason": without }))
    }
}

/// What is wrong with a file on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing is there.
    Missing,
    /// It is not what was filed.
    Damaged,
}

/// Evidence that is owed, and files that are not what was filed.
#[derive(Debug, Default)]
pub struct EvidenceGaps {
    owed: i64,
    files: i64,
    wrong: i64,
    found: Found,
}

impl EvidenceGaps {
    /// Takes the next ticket.
    pub fn take(&mut self, ticket: &Ticket) {
        for owed in ticket.owed.iter().filter(|o| o.what == "evidence") {
            self.owed += 1;
            self.found.push(json!({
                "ticket": ticket.number, "gap": "evidence is owed", "phase": owed.of, "owed_by": owed.by, "who": owed.who, "due": owed.due,
            }));
        }
    }

    /// Takes what stands on the disk of a ticket's file.
    pub fn file(&mut self, ticket: &Ticket, file: i64, wrong: Option<Wrong>) {
        self.files += 1;
        if let Some(wrong) = wrong {
            self.wrong += 1;
            let gap = if wrong == Wrong::Missing { "the file is missing" } else { "the file is damaged" };
            self.found.push(json!({ "ticket": ticket.number, "gap": gap, "file": file }));
        }
    }

    /// The answer.
    #[must_use]
    pub fn answer(self) -> Value {
        self.found.answer(json!({ "evidence_owed": self.owed, "files_read": self.files, "files_wrong": self.wrong }))
    }
}
