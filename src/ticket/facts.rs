//! What the larger facts are made of.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alert::AlertStatus;
use super::deployment::DeploymentState;
use super::number::Number;
use crate::env::Timestamp;

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// How many approvals or tickets were looked at.
    pub looked_at: i64,
    /// The number of events up to which the log was read.
    pub as_of: i64,
    /// The tickets that were found, as many as one run tells.
    pub found: Vec<Number>,
    /// The records that were opened for those of them that had none yet.
    pub opened: Vec<Number>,
}

/// What was drawn at random, and everything that it takes to draw it again ([`super::drawing`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// From these kinds of ticket.
    pub kinds: Vec<String>,
    /// That ended in one of these statuses; in any when empty.
    pub standing: Vec<String>,
    /// And ended at this moment or later.
    pub from: Timestamp,
    /// But before this one.
    pub to: Timestamp,
    /// As the first so many events of the log have it.
    pub as_of: i64,
    /// How many these were.
    pub population: i64,
    /// [`super::drawing::digest`] of their numbers.
    pub digest: String,
    /// What drew.
    pub seed: String,
    /// How many were to be drawn.
    pub size: i64,
    /// The tickets that were.
    pub drawn: Vec<Number>,
    /// They are written as a signed bundle as well.
    pub pack: bool,
}

/// A signed bundle of what was drawn, which is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// SHA-256 (hex) of the file, which is kept under it.
    pub sha256: String,
    /// Its length in bytes.
    pub size: i64,
    /// SHA-256 (hex) of its manifest, which the log's key signed.
    pub manifest: String,
    /// Number of events that it describes.
    pub position: i64,
    /// Tickets in it.
    pub tickets: i64,
}

/// Somebody is on call for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shift {
    /// Who, a person's id.
    pub person: String,
    /// From this moment on.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

/// See [`Fact::EpochOpened`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochOpened {
    /// The log's name from here on, and its key's.
    pub origin: String,
    /// Its verifier key from here on.
    pub vkey: String,
    /// Its name until here.
    pub old_origin: String,
    /// Its verifier key until here.
    pub old_vkey: String,
    /// Events under the highest checkpoint that is known outside and that this database does not continue.
    pub lost_size: i64,
    /// Its root (base64); none where only its size is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_root: Option<String>,
    /// Who knows it: `checkpoint` (the file beside the key) or `witness NAME`.
    pub known_by: String,
}

/// See [`Fact::PlaybooksAdopted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedFile {
    /// Path below `playbooks/`.
    pub path: String,
    /// SHA-256, hex.
    pub digest: String,
}

/// See [`Fact::TicketOpened`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TicketOpened {
    /// `incident`
    pub ticket_kind: String,
    /// The first status.
    pub status: String,
    /// Digest of the kind's file, pinned.
    pub kind_digest: String,
    /// Name and digest of the response playbook, when one applies.
    pub response: Option<Pinned>,
    /// Plain field values.
    pub fields: BTreeMap<String, Value>,
    /// Names of the fields whose values are sealed (`field.<name>` in `sealed`).
    pub sealed_fields: Vec<String>,
    /// Tasks of the first status.
    pub tasks: Vec<NewTask>,
    /// Correlation group (hex), when opened by an alert.
    pub group: Option<String>,
    /// Seconds of quiet after which the group ends.
    pub window_seconds: i64,
    /// When it really began, if claimed.
    pub occurred_at: Option<Timestamp>,
    /// `alert`, `console`, `api`, `slack`…
    pub intake: String,
    /// When the delivery or request reached us.
    pub received_at: Timestamp,
}

/// What a merged ticket brings along: who did what on it, and how bad it ever was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brought {
    /// Every severity that it ever had.
    pub severities: BTreeSet<String>,
    /// Persons who took phases of its work.
    pub phases_by: BTreeSet<String>,
    /// The person who opened it by hand, and those of what was merged into it before.
    pub opened_by: BTreeSet<String>,
}

/// A file of playbooks, pinned by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pinned {
    /// Its name.
    pub name: String,
    /// SHA-256, hex.
    pub digest: String,
}

/// A task that appears.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTask {
    /// Number within the ticket, from 1.
    pub task: i64,
    /// The status on which it appeared.
    pub on: String,
    /// What to do: from the playbook, hence plain.
    pub text: String,
}

/// See [`Fact::TransitionTaken`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransitionTaken {
    /// `contain`
    pub transition: String,
    /// Status before.
    pub from: String,
    /// Status after.
    pub to: String,
    /// Plain field values set with it.
    pub fields: BTreeMap<String, Value>,
    /// Sealed fields set with it.
    pub sealed_fields: Vec<String>,
    /// Tasks that appear.
    pub tasks: Vec<NewTask>,
    /// What it leaves for later.
    pub owed: Vec<OwedItem>,
    /// It is one of the phases of work.
    pub phase: bool,
    /// Phases passed over, because they do not apply or the response allows it.
    pub skipped: Vec<String>,
    /// When it really happened, if claimed.
    pub occurred_at: Option<Timestamp>,
    /// Claimed time and recorded time differ by more than the organisation allows.
    pub late: bool,
    /// The engine took it by itself.
    pub automatic: bool,
    /// The fields are locked now: the work has ended.
    pub ended: bool,
    /// Whoever took it held a duty that is kept apart from it, which only the declared single-operator exception allows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// What an approver is shown was among the fields, so whoever took the step does not approve.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authored: bool,
    /// The statement that was approved, for a step that needs approvals: it must still fit when a later step relies on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<ApprovedAs>,
    /// Levels with which a step ends that asks for their answers, by the field that holds them. They are never forgotten.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<String, String>,
}

/// What was approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApprovedAs {
    /// Digest of the statement.
    pub digest: String,
    /// Its fields: the plain value, the commitment, or null.
    pub fields: BTreeMap<String, Value>,
}

/// Something that is owed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwedItem {
    /// `evidence` or `field`.
    pub what: String,
    /// The phase (for evidence) or the field's name.
    pub of: String,
    /// The transition that will not pass without it.
    pub by: String,
    /// Who owes it: a person's id, or a role when nobody owns the ticket.
    pub who: String,
    /// By when it is asked for.
    pub due: Timestamp,
    /// How many of it are owed (pieces of evidence; 1 for a field).
    #[serde(default = "one")]
    pub count: i64,
}

fn one() -> i64 {
    1
}

/// See [`Fact::EvidenceAttached`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceAttached {
    /// Number within the ticket, from 1.
    pub file: i64,
    /// Bytes.
    pub size: i64,
    /// As sniffed from the content, not as claimed.
    pub media_type: String,
    /// The phase it is evidence of, if one was said.
    pub phase: Option<String>,
    /// When it was captured, if said.
    pub captured_at: Option<Timestamp>,
    /// Captured before the ticket's time frame.
    pub outside_window: bool,
}

/// See [`Fact::AlertAttached`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertSeen {
    /// The source's name.
    pub source: String,
    /// See [`super::alert::Alert::fingerprint`].
    pub fingerprint: String,
    /// What the tool said.
    pub status: AlertStatus,
    /// What it said before, when it is the same alert in the same ticket.
    #[serde(default)]
    pub was: Option<AlertStatus>,
    /// Number of the delivery that brought it.
    pub delivery: i64,
    /// When it fired, says the tool.
    pub fired_at: Option<Timestamp>,
    /// When the tool says it ended.
    pub ended_at: Option<Timestamp>,
    /// When the delivery reached us.
    pub received_at: Timestamp,
    /// Correlation group (hex); none when unmapped.
    #[serde(default)]
    pub group: Option<String>,
    /// It arrived while the ticket had ended.
    #[serde(default)]
    pub after_end: bool,
}

/// See [`Fact::DeploymentSeen`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSeen {
    /// The source's name.
    pub source: String,
    /// Which deployment: a keyed digest (hex) of the source and the tool's own identifier, the same in all reports on it.
    pub deployment: String,
    /// How far it is.
    pub state: DeploymentState,
    /// The system that it changes, when the organisation says so.
    pub system: Option<String>,
    /// What covers it: `approval` (of this ticket), `model` (that this ticket names), or `none`.
    pub cover: String,
    /// Why nothing covers it, by name: `TooEarly`, `NoModel`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// The ticket's steps are taken by this deployment, not by a person.
    pub drives: bool,
    /// The proof that it counts as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
    /// When it began, says the tool.
    pub began_at: Option<Timestamp>,
    /// When it ended, says the tool.
    pub ended_at: Option<Timestamp>,
    /// The persons whom we know behind the report's logins; none where we know nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<DeployedBy>,
    /// Number of the delivery that brought it.
    pub delivery: i64,
    /// When the delivery reached us.
    pub received_at: Timestamp,
}

/// Verified persons behind what a report on a deployment calls its people. Who wrote and who reviewed is still the report's
/// word; whose the logins are, is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedBy {
    /// The author, a person's id; none for a login that is nobody's whom we know.
    pub author: Option<String>,
    /// The reviewers, in the report's order.
    pub reviewers: Vec<Option<String>>,
}

/// One point at which a clock's owner is reminded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminder {
    /// Percent of the time gone.
    pub percent: i64,
    /// When.
    pub at: Timestamp,
}
