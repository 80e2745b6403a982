//! Reports: questions over many tickets or over the whole log, answered from the record alone.
//!
//! Pure: the caller feeds tickets as they stand or the log's events in order, and takes the answer. Each answer has a
//! `summary` of counts and `rows`, the single cases that somebody has to look at.
//!
//! To add one: a line in [`ALL`], its accumulator in the file of its group, and, where it is fed with tickets, its arm in
//! [`of_tickets`]; otherwise where reports are asked for (`inbound/reports.rs`).

pub mod alerts;
pub mod approvals;
pub mod closing;
pub mod deployments;
pub mod learning;
pub mod people;
pub mod register;

use serde_json::{Value, json};

use crate::env::Timestamp;
use crate::procedure::model::Library;
use crate::ticket::state::Ticket;

/// A report that there is.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// What it answers.
    pub answers: &'static str,
    /// What can be asked of it: `from` and `to` are moments.
    pub takes: &'static [&'static str],
}

/// A period: when tickets were opened, or events recorded.
const PERIOD: &[&str] = &["from", "to"];

/// Every report.
pub const ALL: &[Report] = &[
    Report { name: "approvals", answers: "Approvals given outside the period, after the work began, or after its window", takes: PERIOD },
    Report {
        name: "combined-roles",
        answers: "Who may ask, approve and carry out the same kind of work, by which roles; roles that exclude each other",
        takes: &[],
    },
    Report { name: "corrective-actions", answers: "Corrective actions that are not finished, by incident", takes: PERIOD },
    Report {
        name: "deployments",
        answers: "Deployments that nothing approved covers, and changes that no deployment confirmed",
        takes: PERIOD,
    },
    Report { name: "dispositions", answers: "What the alerts that were closed turned out to be", takes: PERIOD },
    Report { name: "evidence-gaps", answers: "Evidence that is owed, and files that are missing or damaged on the disk", takes: PERIOD },
    Report { name: "intake", answers: "Tickets that came in late: more than 15 minutes after the thing itself", takes: PERIOD },
    Report { name: "latency", answers: "How long alerts took to reach us, to become tickets, and to be acknowledged", takes: PERIOD },
    Report {
        name: "log",
        answers: "Every ticket that was opened in the period, of one kind or of all",
        takes: &["from", "to", "kind", "since"],
    },
    Report { name: "mismatches", answers: "Closed while its alerts still fire, or open while they are over", takes: PERIOD },
    Report { name: "reviews", answers: "Reviews that are not completed, of what, by when, and how late", takes: PERIOD },
    Report { name: "roles", answers: "Who held which role at a moment", takes: &["at", "role"] },
    Report {
        name: "samples",
        answers: "What was drawn at random of each past period, whether drawing again gives the same, and whether its pack is there",
        takes: PERIOD,
    },
    Report { name: "self-approvals", answers: "Approvals by whoever asked, found by reading the log again", takes: &[] },
    Report {
        name: "service-restored",
        answers: "Closed without anybody confirming that service is back, or saying why not",
        takes: PERIOD,
    },
    Report { name: "unlinked", answers: "Incidents without any alert or a reason for having none", takes: PERIOD },
];

/// What a report that is fed with tickets knows beside them.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// The procedures that count now.
    pub library: &'a Library,
    /// Now.
    pub now: Timestamp,
    /// From when on.
    pub from: Option<Timestamp>,
    /// Until before when.
    pub to: Option<Timestamp>,
}

/// A report that is fed with tickets as they stand, in the order of their opening.
pub trait OfTickets: Send {
    /// Takes the next one.
    fn take(&mut self, ticket: &Ticket);
    /// The answer; `name` says what a person is called.
    fn answer(self: Box<Self>, name: &dyn Fn(&str) -> String) -> Value;
    /// Whether it looks at every ticket, whenever it was opened, and asks after the period itself.
    fn looks_at_all(&self) -> bool {
        false
    }
}

macro_rules! of_tickets {
    ($($report:ty),+ $(,)?) => {
        $(impl OfTickets for $report {
            fn take(&mut self, ticket: &Ticket) {
                <$report>::take(self, ticket);
            }

            fn answer(self: Box<Self>, _: &dyn Fn(&str) -> String) -> Value {
                <$report>::answer(*self)
            }
        })+
    };
}
of_tickets!(closing::Dispositions, closing::ServiceRestored, closing::Unlinked, alerts::Mismatches, deployments::Deployments);

/// The report of this name, where it is one that is fed with tickets.
#[must_use]
pub fn of_tickets(name: &str, around: &Around<'_>) -> Option<Box<dyn OfTickets>> {
    Some(match name {
        "approvals" => Box::new(approvals::Outside::of(around)),
        "corrective-actions" => Box::new(learning::Actions::of(around)),
        "deployments" => Box::new(deployments::Deployments::of(around.library)),
        "dispositions" => Box::new(closing::Dispositions::default()),
        "log" => Box::new(register::Register::default()),
        "mismatches" => Box::new(alerts::Mismatches::default()),
        "reviews" => Box::new(learning::Reviews::of(around)),
        "service-restored" => Box::new(closing::ServiceRestored::default()),
        "unlinked" => Box::new(closing::Unlinked::default()),
        _ => return None,
    })
}

/// Rows of an answer at most; beyond them only their number is told.
const MOST_ROWS: usize = 10_000;

/// Rows that are bounded.
#[derive(Debug, Default)]
pub struct Found {
    rows: Vec<Value>,
    more: usize,
}

impl Found {
    /// Adds a row.
    pub fn push(&mut self, row: Value) {
        if self.rows.len() < MOST_ROWS {
            self.rows.push(row);
        } else {
            self.more += 1;
        }
    }

    /// How many there are, told or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len() + self.more
    }

    /// The answer.
    #[must_use]
    pub fn answer(self, summary: Value) -> Value {
        json!({ "summary": summary, "rows": self.rows, "rows_left_out": self.more })
    }
}

/// The answer with names beside ids: for each of `members` that holds a person's id (or several), a member `…_name`.
fn named(mut answer: Value, members: &[&str], name: &dyn Fn(&str) -> String) -> Value {
    let called = |value: &Value| match value {
        Value::String(id) => json!(name(id)),
        Value::Array(ids) => ids.iter().filter_map(Value::as_str).map(|id| json!(name(id))).collect(),
        _ => Value::Null,
    };
    for row in answer["rows"].as_array_mut().into_iter().flatten() {
        for member in members {
            row[format!("{member}_name")] = called(&row[*member]);
        }
    }
    answer
}

/// Milliseconds from one moment to a later one; 0 when it is not later.
#[must_use]
pub fn millis(from: Timestamp, to: Timestamp) -> i64 {
    (to.micros() - from.micros()).max(0) / 1000
}

/// Percentiles by the nearest rank.
#[must_use]
pub fn percentiles(mut values: Vec<i64>) -> Value {
    values.sort_unstable();
    let rank = |p: usize| values.get((values.len() * p).div_ceil(100).saturating_sub(1));
    json!({ "count": values.len(), "p50": rank(50), "p90": rank(90), "p99": rank(99), "max": values.last() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::percentiles;

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(percentiles((1..=100).rev().collect()), json!({ "count": 100, "p50": 50, "p90": 90, "p99": 99, "max": 100 }));
        assert_eq!(percentiles(vec![7]), json!({ "count": 1, "p50": 7, "p90": 7, "p99": 7, "max": 7 }));
        assert_eq!(percentiles(vec![3, 1]), json!({ "count": 2, "p50": 1, "p90": 3, "p99": 3, "max": 3 }));
        assert_eq!(percentiles(Vec::new()), json!({ "count": 0, "p50": null, "p90": null, "p99": null, "max": null }));
    }
}
