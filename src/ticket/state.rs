//! A ticket as its events have made it: the projection that decisions are made on.
//!
//! `evolve` is the only way to change one. It reads the event and nothing else, so that replaying the log gives
//! the same state for ever. No plaintext of a sealed value stands here: a sealed field is a reference to the event
//! that set it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deployment::DeploymentState;
use super::event::{Actor, Brought, OwedItem, Pinned, Reminder};
use super::lines::Lines;
use super::number::Number;
use crate::env::Timestamp;
use crate::ledger::sealed::Commitment;

/// A field's value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Stands here.
    Plain(Value),
    /// Stands in the table of sealed values, under the event's sequence number and this name.
    Sealed(SealedRef),
}

/// Where a sealed value is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedRef {
    /// The event's sequence number.
    pub seq: i64,
    /// The name within the event (`field.title`, `note`).
    pub name: String,
    /// What the event holds of it.
    pub commitment: Commitment,
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// `INC-000042`
    pub number: Number,
    /// `incident`
    pub kind: String,
    /// The pinned procedure's digest.
    pub kind_digest: String,
    /// The pinned response playbook.
    pub response: Option<Pinned>,
    /// Where it stands.
    pub status: String,
    /// The work has ended; fields are locked.
    pub ended: bool,
    /// Revision: the number of its events.
    pub rev: i64,
    /// Sequence number of its latest event.
    pub seq: i64,
    /// Sequence number of its first event.
    pub opened_seq: i64,
    /// Recorded time of opening.
    pub opened_at: Timestamp,
    /// Recorded time of the latest event.
    pub updated_at: Timestamp,
    /// Recorded time of the latest arrival at an ended status.
    pub ended_at: Option<Timestamp>,
    /// Who opened it.
    pub opened_by: Actor,
    /// How it came in.
    pub intake: String,
    /// Field values by name; a field that is not here is empty.
    pub fields: BTreeMap<String, Held>,
    /// Owner, a person's id.
    pub owner: Option<String>,
    /// Everybody who ever owned it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub owners: BTreeSet<String>,
    /// Lead, a person's id.
    pub lead: Option<String>,
    /// Steps taken, in order.
    pub steps: Vec<StepTaken>,
    /// Notes written by people.
    pub notes: i64,
    /// Files filed.
    pub files: Vec<File>,
    /// Phases whose evidence is waived.
    pub evidence_waived: BTreeSet<String>,
    /// Tasks.
    pub tasks: Vec<Task>,
    /// Links.
    pub links: Vec<Link>,
    /// Clocks by name.
    pub clocks: BTreeMap<String, ClockState>,
    /// What is owed and not yet given.
    pub owed: Vec<OwedItem>,
    /// Approvals that stand, by transition.
    pub approvals: BTreeMap<String, Vec<ApprovalGiven>>,
    /// Escalation under way.
    pub escalation: Option<EscalationState>,
    /// Groups that must still say that they read it: name → by when.
    pub notified: BTreeMap<String, NotifiedState>,
    /// Alerts: how many different ones, and how many of them the tools still call firing.
    pub alerts: AlertCount,
    /// Every severity that it ever had.
    #[serde(default)]
    pub severities: BTreeSet<String>,
    /// Who changed its severity, and how.
    #[serde(default)]
    pub severity_changes: BTreeSet<SeverityChange>,
    /// Levels that steps which ask for their answers ended with, by the field that holds them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, BTreeSet<String>>,
    /// Tickets merged into this one.
    pub merged_from: Vec<Number>,
    /// What each of those brought along.
    #[serde(default)]
    pub brought: BTreeMap<Number, Brought>,
    /// The ticket that this one was merged into, and the status it had.
    pub merged_into: Option<(Number, String)>,
    /// Who was called in the night, and when they are told what is owed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub woken: BTreeMap<String, Timestamp>,
    /// Notes that were changed in chat, and when that was for the last time, as the platform says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revised: BTreeMap<i64, Timestamp>,
    /// Approvals by which a step was taken, and on which later steps rely.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub granted: BTreeMap<String, Granted>,
    /// Persons who wrote something that an approver is shown.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub authors: BTreeSet<String>,
    /// The approval that was only spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spoken: Option<Spoken>,
    /// What is looked at again, line by line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<Lines>,
    /// When those who can decide were last asked once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nudged: Option<Timestamp>,
    /// Deployments that were reported on it, each as it was last heard of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentHeld>,
}

/// A deployment that was reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentHeld {
    /// Which: see [`super::event::DeploymentSeen::deployment`].
    pub deployment: String,
    /// The source's name.
    pub source: String,
    /// How far it is.
    pub state: DeploymentState,
    /// What covers it: `approval`, `model` or `none`.
    pub cover: String,
    /// Why nothing covers it, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// The ticket's steps are taken by it.
    pub drives: bool,
    /// The proof that it counts as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// When it was first reported here.
    pub first: Timestamp,
    /// When it was last reported here.
    pub at: Timestamp,
    /// The event that told of it last (sealed `deployment` stands under it).
    pub seq: i64,
}

/// Approvals by which a step was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Granted {
    /// When the step was taken.
    pub at: Timestamp,
    /// Digest of the statement.
    pub digest: String,
    /// The statement's fields.
    pub fields: BTreeMap<String, Value>,
    /// By whom.
    pub given: Vec<ApprovalGiven>,
    /// How many they were when the step was taken.
    pub needed: usize,
}

/// An approval that was only spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// The step whose approval it stands for.
    pub transition: String,
    /// Who spoke it; none when nobody answered.
    pub giver: Option<String>,
    /// Digest of what was to be done; once the giver has answered, of what the answer was about.
    pub digest: String,
    /// When the step was taken on it.
    pub at: Timestamp,
    /// What the giver said of it.
    pub confirmed: Option<bool>,
}

/// A severity that a person replaced by another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeverityChange {
    /// Before.
    pub from: String,
    /// After; empty when it was taken away.
    pub to: String,
    /// The person's id.
    pub by: String,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTaken {
    /// The transition.
    pub transition: String,
    /// Status before.
    pub from: String,
    /// Status after.
    pub to: String,
    /// Who.
    pub by: Actor,
    /// Recorded.
    pub at: Timestamp,
    /// Claimed, if another.
    pub occurred_at: Option<Timestamp>,
    /// It was one of the phases of work.
    pub phase: bool,
    /// Phases that it passed over.
    pub skipped: Vec<String>,
    /// The event's sequence number.
    pub seq: i64,
}

/// A file that was filed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Number within the ticket, from 1.
    pub file: i64,
    /// The event that filed it (sealed `name`, `sha256` stand under it).
    pub seq: i64,
    /// Bytes.
    pub size: i64,
    /// Sniffed.
    pub media_type: String,
    /// The phase it is evidence of.
    pub phase: Option<String>,
    /// Recorded.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Number within the ticket, from 1.
    pub task: i64,
    /// The status on which it appeared.
    pub on: String,
    /// What to do.
    pub text: String,
    /// Who settled it.
    pub settled_by: Option<String>,
    /// It was waived rather than done.
    pub waived: bool,
}

/// A link, or the reason for having none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Number within the ticket: the revision that the link came with.
    pub id: i64,
    /// `caused_by`, `remediated_by`, `alert`, …
    pub link: String,
    /// The other ticket; none when it is outside or there is only a reason.
    pub to: Option<Number>,
    /// It stands for a reason why there is no link.
    pub reason_only: bool,
    /// The event.
    pub seq: i64,
    /// The procedure made it and relies on it: nobody takes it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

/// A clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockState {
    /// When it started.
    pub started: Timestamp,
    /// Target.
    pub due: Timestamp,
    /// Reminders that have not fired.
    pub reminders: Vec<Reminder>,
    /// When it stopped.
    pub stopped: Option<Timestamp>,
    /// The target was missed.
    pub breached: bool,
    /// Since when it does not count.
    #[serde(default)]
    pub paused: Option<Timestamp>,
}

/// An approval or rejection that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalGiven {
    /// The person.
    pub person: String,
    /// Roles held then.
    pub roles: Vec<String>,
    /// Stage, from 0.
    pub stage: i64,
    /// Approved or rejected.
    pub approved: bool,
    /// Digest of the statement that was shown.
    pub digest: String,
    /// When.
    pub at: Timestamp,
    /// The event.
    pub seq: i64,
    /// Whose authority it was, when the approver stood in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// By the declared single-operator exception.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub self_approved: bool,
}

/// An escalation under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationState {
    /// Tier reached, from 1.
    pub tier: i64,
    /// Who was called: a role, `on-call`, or a person's id.
    pub to: String,
    /// Who that was by the rota, when it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The clock that began it.
    pub clock: Option<String>,
    /// When this tier was called.
    pub at: Timestamp,
    /// Status in which it began.
    pub status: String,
    /// Who said that they have seen it.
    pub acknowledged_by: Option<String>,
    /// When the next tier is called; none after the last one.
    #[serde(default)]
    pub next: Option<Timestamp>,
}

/// A group that was notified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifiedState {
    /// By when it must say that it read this.
    pub due: Option<Timestamp>,
    /// Who said so.
    pub acknowledged_by: Option<String>,
    /// Nobody said so in time, and that is recorded.
    #[serde(default)]
    pub overdue: bool,
    /// People who were reached, and when first; recorded where the group's silence would count.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reached: BTreeMap<String, Timestamp>,
}

impl Ticket {
    /// The ticket without what every event changes of it: its revision, the position and moment of its latest event, and
    /// the counts of its alerts are at their beginning.
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { rev: 0, seq: 0, updated_at: self.opened_at, alerts: AlertCount::default(), ..self.clone() }
    }

    /// A field's plain value; none when it is empty or sealed.
    #[must_use]
    pub fn plain(&self, field: &str) -> Option<&Value> {
        match self.fields.get(field) {
            Some(Held::Plain(value)) => Some(value),
            _ => None,
        }
    }

    /// `sev1` to `sev4` or whatever the kind calls it; empty when it has none.
    #[must_use]
    pub fn severity(&self) -> &str {
        self.plain("severity").and_then(Value::as_str).unwrap_or_default()
    }

    /// Every severity that it or anything merged into it ever had.
    #[must_use]
    pub fn severities_seen(&self) -> BTreeSet<&str> {
        let brought = self.brought.values().flat_map(|b| &b.severities);
        let seen = self.severities.iter().chain(brought).map(String::as_str);
        seen.chain([self.severity()]).filter(|s| !s.is_empty()).collect()
    }

    /// How many files are filed as evidence of this phase, and reports of deployments that count as such.
    #[must_use]
    pub fn evidence_of(&self, phase: &str) -> usize {
        let files = self.files.iter().filter(|f| f.phase.as_deref() == Some(phase)).count();
        files + self.deployments.iter().filter(|d| d.proof.as_deref() == Some(phase)).count()
    }
}

/// How many alerts a ticket has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCount {
    /// Different alerts (source and fingerprint).
    pub attached: i64,
    /// Of those, still firing.
    pub firing: i64,
    /// Identical repeats that were summarised.
    pub repeats: i64,
}
