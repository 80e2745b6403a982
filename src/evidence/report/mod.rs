//! Reports: questions over many tickets or over the whole log, answered from the record alone.
//!
//! Pure: the caller feeds tickets as they stand or the log's events in order, and takes the answer. Each answer has a
//! `summary` of counts and `rows`, the single cases that somebody has to look at.
//!
//! To add one: a line in [`ALL`], its accumulator in the file of its group, and its arm where reports are asked for
//! (`inbound/api/reports.rs`).

pub mod alerts;
pub mod closing;
pub mod deployments;
pub mod people;

use serde_json::{Value, json};

use crate::env::Timestamp;

/// Every report: its name and what it answers.
pub const ALL: &[(&str, &str)] = &[
    ("deployments", "Deployments that nothing approved covers, and changes that no deployment confirmed"),
    ("dispositions", "What the alerts that were closed turned out to be"),
    ("evidence-gaps", "Evidence that is owed, and files that are missing or damaged on the disk"),
    ("intake", "Tickets that came in late: more than 15 minutes after the thing itself"),
    ("latency", "How long alerts took to reach us, to become tickets, and to be acknowledged"),
    ("mismatches", "Closed while its alerts still fire, or open while they are over"),
    ("roles", "Who held which role at a moment: `at`, `role`"),
    ("service-restored", "Closed without anybody confirming that service is back, or saying why not"),
    ("unlinked", "Incidents without any alert or a reason for having none"),
];

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
