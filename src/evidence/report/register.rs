//! The register of a kind: every ticket that was opened in a period, with what an assessor picks by. Fed with tickets as
//! they stand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Found, OfTickets};
use crate::ticket::event::Actor;
use crate::ticket::state::Ticket;

/// See the module.
#[derive(Debug, Default)]
pub struct Register {
    by_status: BTreeMap<String, i64>,
    rows: Found,
}

impl OfTickets for Register {
    fn take(&mut self, ticket: &Ticket) {
        *self.by_status.entry(ticket.status.clone()).or_default() += 1;
        let given = ticket.granted.values().flat_map(|g| &g.given).filter(|a| a.approved);
        let opened_by = match &ticket.opened_by {
            Actor::Person { id, .. } | Actor::Account { id } => id.clone(),
            Actor::Source { name } => name.clone(),
            Actor::Scheduler => "Countersign".to_owned(),
        };
        self.rows.push(json!({
            "ticket": ticket.number, "type": ticket.plain("type"), "category": ticket.plain("category"), "risk": ticket.plain("risk"),
            "severity": ticket.plain("severity"), "system": ticket.plain("system"), "status": ticket.status,
            "opened_at": ticket.opened_at, "opened_by": opened_by,
            "approved_by": given.map(|a| a.person.clone()).collect::<Vec<_>>(),
            "approved_at": ticket.granted.values().map(|g| g.at).max(), "ended_at": ticket.ended_at,
        }));
    }

    /// `count` is of all, told or not.
    fn answer(self: Box<Self>, name: &dyn Fn(&str) -> String) -> Value {
        let summary = json!({ "count": self.rows.count(), "by_status": self.by_status });
        super::named(self.rows.answer(summary), &["opened_by", "approved_by"], name)
    }
}
