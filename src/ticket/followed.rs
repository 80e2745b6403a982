//! How far the documented procedure was followed: which versions of it, what was done of it, and what was not.

use serde::Serialize;

use super::event::Pinned;
use super::state::Ticket;

/// Where the work left the procedure. Why, stands sealed in the event that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deviation {
    /// `task waived`, `evidence waived` or `phase passed over`.
    pub what: &'static str,
    /// The task's text, or the phase.
    pub of: String,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Followed {
    /// Digest of the kind's file, pinned at opening.
    pub procedure: String,
    /// The response playbook, pinned at opening.
    pub response: Option<Pinned>,
    /// Tasks that the playbook set.
    pub tasks: usize,
    /// Of them, done.
    pub done: usize,
    /// Of them, waived with a reason.
    pub waived: usize,
    /// Done tasks of a hundred, rounded down; 100 when there were none.
    pub completion_percent: usize,
    /// Every departure from it.
    pub deviations: Vec<Deviation>,
}

/// How far the ticket's procedure was followed.
#[must_use]
pub fn followed(ticket: &Ticket) -> Followed {
    let waived: Vec<&super::state::Task> = ticket.tasks.iter().filter(|t| t.settled_by.is_some() && t.waived).collect();
    let done = ticket.tasks.iter().filter(|t| t.settled_by.is_some() && !t.waived).count();
    let tasks = ticket.tasks.len();
    let mut deviations: Vec<Deviation> = waived.iter().map(|t| Deviation { what: "task waived", of: t.text.clone() }).collect();
    deviations.extend(ticket.evidence_waived.iter().map(|phase| Deviation { what: "evidence waived", of: phase.clone() }));
    let skipped = ticket.steps.iter().flat_map(|s| &s.skipped);
    deviations.extend(skipped.map(|phase| Deviation { what: "phase passed over", of: phase.clone() }));
    Followed {
        procedure: ticket.kind_digest.clone(),
        response: ticket.response.clone(),
        tasks,
        done,
        waived: waived.len(),
        completion_percent: (done * 100).checked_div(tasks).unwrap_or(100),
        deviations,
    }
}
