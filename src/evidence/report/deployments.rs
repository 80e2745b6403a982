//! Whether what runs was approved, and whether what was approved runs: deployments without a change, and changes that no
//! deployment ever confirmed. Fed with tickets as they stand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Found;
use crate::procedure::model::Library;
use crate::ticket::deployment::DeploymentState;
use crate::ticket::state::Ticket;

/// See the module.
#[derive(Debug, Default)]
pub struct Deployments {
    /// Kind → the field that names the system, and the step after which a deployment should have confirmed it.
    kinds: BTreeMap<String, (String, String)>,
    /// Systems that say from where they are deployed: only of those a report can be expected.
    reported: Vec<String>,
    seen: BTreeMap<String, i64>,
    unconfirmed: i64,
    failed: i64,
    rows: Found,
}

impl Deployments {
    /// A report by the procedures and systems that count now.
    #[must_use]
    pub fn of(library: &Library) -> Self {
        let kinds = library.kinds.values().filter_map(|kind| {
            let rule = kind.deployments.as_ref()?;
            Some((kind.name.clone(), (rule.system.clone(), rule.finish.clone())))
        });
        let systems = library.organisation.estate.systems.iter().filter(|(_, system)| !system.deployments.is_empty());
        Self { kinds: kinds.collect(), reported: systems.map(|(name, _)| name.clone()).collect(), ..Self::default() }
    }

    /// Takes the next ticket.
    pub fn take(&mut self, ticket: &Ticket) {
        for deployment in &ticket.deployments {
            *self.seen.entry(deployment.cover.clone()).or_default() += 1;
            if deployment.cover == "none" {
                let row = json!({ "ticket": ticket.number, "status": ticket.status, "why": "without", "lacks": deployment.lacks, "source": deployment.source, "at": deployment.first });
                self.rows.push(row);
            }
        }
        let Some((system, finish)) = self.kinds.get(&ticket.kind) else { return };
        let succeeded = ticket.deployments.iter().any(|d| d.state == DeploymentState::Succeeded && d.cover != "none");
        let undone = ticket.steps.iter().any(|s| matches!(s.to.as_str(), "rolled_back" | "void" | "cancelled"));
        if !succeeded && !undone && ticket.deployments.iter().any(|d| d.state == DeploymentState::Failed && d.cover != "none") {
            self.failed += 1;
            self.rows.push(json!({ "ticket": ticket.number, "status": ticket.status, "why": "failed" }));
        }
        let of = ticket.plain(system).and_then(Value::as_str);
        let expected = of.is_some_and(|of| self.reported.iter().any(|s| s == of));
        let finished = ticket.steps.iter().find(|s| s.transition == *finish);
        if let (true, false, false, Some(finished)) = (expected, succeeded, undone, finished) {
            self.unconfirmed += 1;
            self.rows.push(json!({ "ticket": ticket.number, "status": ticket.status, "why": "unconfirmed", "at": finished.at }));
        }
    }

    /// The answer. `why` of a row: `without` (a deployment that nothing covers), `unconfirmed` (a change that was finished on a
    /// system that reports its deployments, and that none confirmed), `failed` (its last word was a failure, and nobody took
    /// it back).
    #[must_use]
    pub fn answer(self) -> Value {
        let count = |cover: &str| self.seen.get(cover).copied().unwrap_or(0);
        let summary = json!({
            "deployments": self.seen.values().sum::<i64>(), "by_approval": count("approval"), "by_model": count("model"),
            "without": count("none"), "changes_unconfirmed": self.unconfirmed, "changes_failed": self.failed,
        });
        self.rows.answer(summary)
    }
}
