//! Everything that can have happened: the words of the log.
//!
//! An event's `data` is one [`Fact`], serialised with its `kind` beside it. Facts hold plain, structured values
//! only; whatever is free text, a name, an address or an alert's body is a [`Sealed`] value, of which the event
//! holds the commitment under a name in `sealed` (`note`, `field.title`, `name`). [`super::state`] reads facts and
//! never looks at plaintext, the clock, time-zone tables or CEL: instants, roles and outcomes are recorded values.
//!
//! To add a kind of event: add a variant here (fields in snake case, new ones with `#[serde(default)]`), give it
//! its meaning in `state.rs`, and a golden event in `tests/`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alert::AlertStatus;
use super::deployment::DeploymentState;
use super::lines::{LineAsked, LinesScope, ListReplaced, Verdict};
use super::number::Number;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Actor {
    /// A verified person, with the roles held at that moment.
    Person {
        /// Opaque id, `p_…`.
        id: String,
        /// Sorted.
        roles: Vec<String>,
    },
    /// A configured monitoring tool.
    Source {
        /// Its name in the configuration.
        name: String,
    },
    /// An account on a chat platform that belongs to nobody whom we have verified: what it says is kept, and believed
    /// by nobody.
    Account {
        /// Opaque id, `a_…`.
        id: String,
    },
    /// The service itself: deadlines, summaries, start.
    Scheduler,
}

impl Actor {
    /// The person's id, if it is a person.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        match self {
            Self::Person { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Whether this actor holds `role`.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        matches!(self, Self::Person { roles, .. } if roles.iter().any(|r| r == role))
    }
}

/// By which way the request came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// `console`, `api`, `cli`, `hook`, `tick`, `demo` (later `slack`, `discord`).
    pub surface: String,
    /// How the caller proved who they are: `session`, `key`, `hmac`, `bearer`, `basic`, `none`, `operator`, `internal`.
    pub auth: String,
    /// Id of the key or session used, if there is one (never the secret).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    // The client's address travels as the sealed value `ip`, on events of people and sources. A chat platform hides it;
    // there, the sealed value `envelope` says by which message of whom the request came.
}

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

/// What happened. The tag is the event's `kind`.
#[expect(missing_docs, reason = "each variant's sentence says what its fields are")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data")]
pub enum Fact {
    // ── the log itself ──────────────────────────────────────────────────────────────────────────────────
    /// The first event of every log.
    LogOpened { origin: String, demo: bool, schema: i64 },
    /// After a loss the log goes on under another name, with another key. Sealed: `reason`.
    EpochOpened(EpochOpened),
    /// These playbooks count from now on. Sealed: `why`.
    PlaybooksAdopted { files: Vec<AdoptedFile> },
    /// Requests that could not be authenticated, counted per source, reason and minute.
    ForgeriesCounted { source: String, reason: String, minute: Timestamp, count: i64 },
    /// Refusals beyond the hourly number of one person, summarised.
    RefusalsCounted { person: String, hour: Timestamp, count: i64 },
    /// A bundle was handed out. Sealed: `query`.
    Exported { digest: String, position: i64, tickets: i64 },
    /// An administrator confirmed that a jump of the clock is right.
    ClockStepConfirmed { before: Timestamp, after: Timestamp },

    // ── people ──────────────────────────────────────────────────────────────────────────────────────────
    /// Sealed: `name`, `email`.
    PersonAdded { person: String, roles: Vec<String> },
    /// The full set of roles from now on.
    RolesChanged { person: String, roles: Vec<String> },
    /// Stops the person's accounts at once. Sealed: `reason`.
    PersonDisabled { person: String },
    /// `key` is its public id; `sha256` (hex) is that of the secret's 256 random bits, so it can stand here. `opens`: what
    /// alone it opens (`calendar`); none for the API.
    KeyIssued {
        person: String,
        key: String,
        sha256: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        opens: Option<String>,
    },
    /// It no longer opens anything.
    KeyRevoked { person: String, key: String },
    /// A one-time link to sign in with was made for somebody. `link` is the SHA-256 (hex) of its 256 random bits.
    LinkIssued { person: String, link: String, expires_at: Timestamp },
    /// Somebody signed in at the console; `link` is the one-time link that they used.
    SignedIn {
        person: String,
        session: String,
        method: String,
        #[serde(default)]
        link: Option<String>,
    },

    /// An account on a chat platform did something for the first time. Sealed: `handle` (`slack:T012/U345`).
    AccountSeen { account: String, platform: String },
    /// It is this person's from now on. `method`: `code`, `administrator` or `email`.
    AccountLinked { account: String, person: String, method: String },
    /// It is nobody's from now on. `why`: `taken_back`, `administrator` or `deactivated`. Sealed: `reason`, if one was said.
    AccountUnlinked { account: String, person: String, why: String },
    /// Somebody signed in at the console was given a short code to type in chat. No event holds the code.
    LinkCodeIssued { person: String, expires_at: Timestamp },

    // ── any ticket ──────────────────────────────────────────────────────────────────────────────────────
    /// Sealed: `field.<name>` for sealed fields (always `field.title`).
    TicketOpened(TicketOpened),
    /// A step was taken. Sealed: `line`, `reason`, `field.<name>`.
    TransitionTaken(TransitionTaken),
    /// Fields were set or corrected. Sealed: `field.<name>`, `reason`. `null` clears. `authored`: what an approver is shown
    /// was among them, so whoever set them does not approve.
    FieldsSet {
        fields: BTreeMap<String, Value>,
        sealed_fields: Vec<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        authored: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asks: Option<String>,
    },
    /// Sealed: `note`, `reason` (why late).
    NoteAdded { note: i64, occurred_at: Option<Timestamp>, late: bool },
    /// Whoever wrote the note in chat changed it there, or (`removed`) took it away. What it was stays in the record.
    /// `edited_at`: when, as the platform says. `superseded`: it came after a later change of the same note, which stands.
    /// Sealed: `note`, unless it was removed.
    NoteRevised {
        note: i64,
        removed: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        edited_at: Option<Timestamp>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        superseded: bool,
    },
    /// Something that must not stand in chat or in the record was refused, or (`masked`) kept without it. `found`:
    /// `marking`, `credential`, `card`; `of`: `note`, `file` or `form`. The content is nowhere.
    ContentWithheld { found: Vec<String>, of: String, masked: bool },
    /// The ticket is talked about in a channel of its own, or in a thread, from now on. Sealed: `channel`.
    ChannelOpened { platform: String, own: bool },
    /// Nobody can write in the ticket's channel any more. Sealed: `channel`.
    ChannelArchived { platform: String },
    /// Somebody who may not read tickets joined the ticket's channel. Sealed: `handle`.
    ChannelJoined { person: Option<String> },
    /// A file. Sealed: `name`, `sha256`.
    EvidenceAttached(EvidenceAttached),
    /// Sealed: `reason` when waived.
    TaskSettled { task: i64, waived: bool },
    /// Evidence of this phase is waived. Sealed: `reason`.
    EvidenceWaived { phase: String },
    /// Whose it is now.
    OwnerAssigned { person: String },
    /// Who leads it now.
    LeadAssigned { person: String },
    /// Sealed: `reason` (when there is no `to`), `target` (when it is an outside address).
    /// `made`: the procedure made it and relies on it, so nobody takes it back.
    Linked {
        link: String,
        to: Option<Number>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        made: bool,
    },
    /// The link with this number is taken back. Sealed: `reason`.
    Unlinked { link: i64 },
    /// This ticket lives on in `into`.
    MergedInto { into: Number, from_status: String },
    /// `from` lives on here: its alerts and notes stay traceable there.
    /// `brought`: what of it must not be forgotten when this one is closed.
    MergeReceived {
        from: Number,
        #[serde(default)]
        brought: Brought,
    },
    /// The merge is taken back, on both sides.
    MergeUndone { other: Number },
    /// From one tier to the next. `next`: when the tier after it is called, unless somebody says that they have
    /// seen it. Sealed: `reason` when a person did it.
    Escalated {
        clock: Option<String>,
        from_tier: i64,
        to_tier: i64,
        to: String,
        #[serde(default)]
        next: Option<Timestamp>,
        /// Who that is now by the rota, when it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
        /// It is night where that person is on call: when they are told what is owed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        morning: Option<Timestamp>,
    },
    /// Somebody said that they have seen the escalation; `morning` as above, for whoever said it.
    EscalationAcknowledged {
        tier: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        morning: Option<Timestamp>,
        /// When somebody is called again, if what was missed is still missed then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Timestamp>,
    },
    /// A pager outside says that somebody answered there whom we do not know: it stops nothing. Sealed: `agent`.
    PageAnswered { service: String, answer: String },
    /// A call reached nobody on a platform (`why`: `not_linked`, `refused`, `nobody`). `next`: whoever comes next is called at
    /// once.
    PageMissed {
        tier: i64,
        to: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
        platform: String,
        why: String,
        next: bool,
    },
    /// Whoever was called in the night is told what is owed.
    MorningTold { person: String, came_due: Timestamp },
    /// A group must say that it read this.
    GroupNotified { group: String, due: Option<Timestamp> },
    /// These people were reached by this way with what the group must read, where its silence would count.
    GroupReached { group: String, way: String, people: Vec<String> },
    /// It did.
    NotificationAcknowledged { group: String },
    /// It did not, in time.
    NotificationOverdue { group: String, due: Timestamp },
    /// What is owed was asked for; each item with the next time that it is asked for.
    OwedReminded { owed: Vec<OwedItem>, came_due: Timestamp },

    /// Whoever asked for it asks those who can decide on `transition` once more.
    Nudged { transition: String, to: Vec<String> },

    // ── approvals ───────────────────────────────────────────────────────────────────────────────────────
    /// An approver decided, having seen exactly `digest`. Sealed: `reason`. `instead_of`: the person whose authority the
    /// approver used, standing in. `self_approved`: the approver asked for it too, which only the declared single-operator
    /// exception allows.
    ApprovalDecided {
        transition: String,
        stage: i64,
        approved: bool,
        digest: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        self_approved: bool,
    },
    /// A decision was taken back by the one who made it. Sealed: `reason`.
    ApprovalWithdrawn { transition: String },
    /// A step was taken on an approval that was only spoken, by `giver`; none when nobody who may approve answered in time.
    /// `digest` is of the statement that the giver must confirm.
    ApprovalSpoken { transition: String, giver: Option<String>, digest: String },
    /// The giver of a spoken approval said whether it was so, having seen exactly `digest`. Sealed: `reason`.
    SpokenApprovalAnswered {
        transition: String,
        confirmed: bool,
        digest: String,
        /// Only the organisation's single operator could have given it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        self_approved: bool,
    },

    // ── who is on call ──────────────────────────────────────────────────────────────────────────────────
    /// The turn changed: who was on call, and who is.
    OnCallChanged { from: Option<String>, to: Option<String> },
    /// What the calendar of shifts says, as far as its names are known people; `unknown`: shifts of nobody whom we know.
    RotaRead { shifts: Vec<Shift>, unknown: i64 },

    // ── what must be done again and again ───────────────────────────────────────────────────────────────
    /// From this moment on the obligation counts.
    ObligationBegan { obligation: String, from: Timestamp },
    /// It came due, and its record was opened; `due` is when, `at` (the event's) is when it was recorded. `checked`: what it
    /// looked for, and found.
    ObligationRun {
        obligation: String,
        due: Timestamp,
        opened: Option<Number>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checked: Option<Checked>,
    },
    /// It came due while nobody was there to open its record, and has come due again since.
    ObligationMissed { obligation: String, due: Timestamp },

    // ── what is looked at again, line by line ───────────────────────────────────────────────────────────
    /// Lists can be handed in until then, when the lines are frozen by themselves.
    LinesGathering { until: Timestamp },
    /// A list of a system's users was handed in as this file. `replaces`: the list of the system that counted until then.
    UsersListed {
        system: String,
        rows: i64,
        file: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<ListReplaced>,
    },
    /// These lines, the first of which has this number. Sealed: `lines`, what each of them says, as JSON.
    LinesListed { first: i64, lines: Vec<LineAsked> },
    /// No line is added or taken away from now on. `from`: how many records and users were found where; `as_of`: the
    /// number of events that the records were read off; `digest`: of every listing, with its commitment; `scope`: of what.
    LinesFrozen {
        lines: i64,
        from: BTreeMap<String, i64>,
        as_of: i64,
        digest: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scope: Option<LinesScope>,
    },
    /// Somebody decided on a line. `reviewer`: who was asked; `follow_up`: the record by which it is done; `alone`: it is about
    /// that person or off that person's own list, which only the declared single-operator exception allows. Sealed: `reason`.
    LineDecided {
        line: i64,
        verdict: Verdict,
        reviewer: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        follow_up: Option<Number>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        alone: bool,
    },
    /// The record by which a line's verdict is done has ended: it was done, or it was not and is to be decided anew.
    LineSettled { line: i64, record: Number, done: bool, reviewer: String },

    // ── alerts ──────────────────────────────────────────────────────────────────────────────────────────
    /// First time in this ticket. Sealed: `alert` (the normalised alert as JSON), `payload_sha256`.
    AlertAttached(AlertSeen),
    /// Identical repeats since the last such event.
    AlertRepeated {
        source: String,
        fingerprint: String,
        count: i64,
        first: Timestamp,
        last: Timestamp,
        first_delivery: i64,
        last_delivery: i64,
    },
    /// The tool changed its mind: resolved, acknowledged, or firing again. Sealed: `alert`.
    AlertChanged(AlertSeen),
    /// Genuine, but no response playbook takes it. On no ticket. Sealed: `alert`.
    AlertUnmapped(AlertSeen),
    /// A genuine delivery of which something became no alert: kept with its bytes. `unmapped`: parts that map to no
    /// alert; `truncated`: alerts that the sender says it left out. On no ticket. Sealed: `body`, `payload_sha256`.
    DeliveryKept { source: String, delivery: i64, unmapped: i64, truncated: i64, received_at: Timestamp },

    // ── deployments ─────────────────────────────────────────────────────────────────────────────────────
    /// A tool reports on a deployment: on the ticket that covers it, or on the finding that nothing does. Sealed:
    /// `deployment` (the normalised report as JSON), `payload_sha256`.
    DeploymentSeen(DeploymentSeen),

    // ── clocks ──────────────────────────────────────────────────────────────────────────────────────────
    /// Due instants are computed once and recorded.
    ClockStarted { clock: String, due: Timestamp, reminders: Vec<Reminder> },
    /// The target changed with the severity. `due` counts from the original start.
    ClockRetargeted { clock: String, due: Timestamp, reminders: Vec<Reminder> },
    /// The ticket stands where this clock does not count.
    ClockPaused { clock: String },
    /// It counts again. `due` has moved by the working time that was left.
    ClockResumed { clock: String, due: Timestamp, reminders: Vec<Reminder> },
    /// In time, or late by so many seconds of elapsed time.
    ClockStopped { clock: String, elapsed_seconds: i64, late: bool },
    /// So much of the time has gone.
    ClockWarned { clock: String, percent: i64, due: Timestamp, came_due: Timestamp },
    /// The target was missed. `came_due` is when, `at` (the event's) is when it was recorded.
    ClockBreached { clock: String, due: Timestamp, owner: Option<String> },

    // ── refusals that an assessor wants to see ──────────────────────────────────────────────────────────
    /// Somebody tried and may not. `ticket` is the event's.
    Refused { command: String, code: String, transition: Option<String> },
}

impl Fact {
    /// The `kind` that it goes by.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LogOpened { .. } => "LogOpened",
            Self::EpochOpened(_) => "EpochOpened",
            Self::PlaybooksAdopted { .. } => "PlaybooksAdopted",
            Self::ForgeriesCounted { .. } => "ForgeriesCounted",
            Self::RefusalsCounted { .. } => "RefusalsCounted",
            Self::Exported { .. } => "Exported",
            Self::ClockStepConfirmed { .. } => "ClockStepConfirmed",
            Self::PersonAdded { .. } => "PersonAdded",
            Self::RolesChanged { .. } => "RolesChanged",
            Self::PersonDisabled { .. } => "PersonDisabled",
            Self::KeyIssued { .. } => "KeyIssued",
            Self::KeyRevoked { .. } => "KeyRevoked",
            Self::LinkIssued { .. } => "LinkIssued",
            Self::SignedIn { .. } => "SignedIn",
            Self::AccountSeen { .. } => "AccountSeen",
            Self::AccountLinked { .. } => "AccountLinked",
            Self::AccountUnlinked { .. } => "AccountUnlinked",
            Self::LinkCodeIssued { .. } => "LinkCodeIssued",
            Self::TicketOpened(_) => "TicketOpened",
            Self::TransitionTaken(_) => "TransitionTaken",
            Self::FieldsSet { .. } => "FieldsSet",
            Self::NoteAdded { .. } => "NoteAdded",
            Self::NoteRevised { .. } => "NoteRevised",
            Self::ContentWithheld { .. } => "ContentWithheld",
            Self::ChannelOpened { .. } => "ChannelOpened",
            Self::ChannelArchived { .. } => "ChannelArchived",
            Self::ChannelJoined { .. } => "ChannelJoined",
            Self::EvidenceAttached(_) => "EvidenceAttached",
            Self::TaskSettled { .. } => "TaskSettled",
            Self::EvidenceWaived { .. } => "EvidenceWaived",
            Self::OwnerAssigned { .. } => "OwnerAssigned",
            Self::LeadAssigned { .. } => "LeadAssigned",
            Self::Linked { .. } => "Linked",
            Self::Unlinked { .. } => "Unlinked",
            Self::MergedInto { .. } => "MergedInto",
            Self::MergeReceived { .. } => "MergeReceived",
            Self::MergeUndone { .. } => "MergeUndone",
            Self::Escalated { .. } => "Escalated",
            Self::EscalationAcknowledged { .. } => "EscalationAcknowledged",
            Self::PageAnswered { .. } => "PageAnswered",
            Self::PageMissed { .. } => "PageMissed",
            Self::MorningTold { .. } => "MorningTold",
            Self::OnCallChanged { .. } => "OnCallChanged",
            Self::RotaRead { .. } => "RotaRead",
            Self::GroupNotified { .. } => "GroupNotified",
            Self::GroupReached { .. } => "GroupReached",
            Self::NotificationAcknowledged { .. } => "NotificationAcknowledged",
            Self::NotificationOverdue { .. } => "NotificationOverdue",
            Self::OwedReminded { .. } => "OwedReminded",
            Self::Nudged { .. } => "Nudged",
            Self::ApprovalDecided { .. } => "ApprovalDecided",
            Self::ApprovalWithdrawn { .. } => "ApprovalWithdrawn",
            Self::ApprovalSpoken { .. } => "ApprovalSpoken",
            Self::SpokenApprovalAnswered { .. } => "SpokenApprovalAnswered",
            Self::ObligationBegan { .. } => "ObligationBegan",
            Self::ObligationRun { .. } => "ObligationRun",
            Self::ObligationMissed { .. } => "ObligationMissed",
            Self::LinesGathering { .. } => "LinesGathering",
            Self::UsersListed { .. } => "UsersListed",
            Self::LinesListed { .. } => "LinesListed",
            Self::LinesFrozen { .. } => "LinesFrozen",
            Self::LineDecided { .. } => "LineDecided",
            Self::LineSettled { .. } => "LineSettled",
            Self::AlertAttached(_) => "AlertAttached",
            Self::AlertRepeated { .. } => "AlertRepeated",
            Self::AlertChanged(_) => "AlertChanged",
            Self::AlertUnmapped(_) => "AlertUnmapped",
            Self::DeliveryKept { .. } => "DeliveryKept",
            Self::DeploymentSeen(_) => "DeploymentSeen",
            Self::ClockStarted { .. } => "ClockStarted",
            Self::ClockRetargeted { .. } => "ClockRetargeted",
            Self::ClockPaused { .. } => "ClockPaused",
            Self::ClockResumed { .. } => "ClockResumed",
            Self::ClockStopped { .. } => "ClockStopped",
            Self::ClockWarned { .. } => "ClockWarned",
            Self::ClockBreached { .. } => "ClockBreached",
            Self::Refused { .. } => "Refused",
        }
    }
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

/// An event that was decided and is not yet in the log. The desk gives it its sequence number, time and actor.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// The ticket it belongs to, if any.
    pub ticket: Option<Number>,
    /// What happened.
    pub fact: Fact,
    /// Sealed values by name.
    pub sealed: BTreeMap<String, Sealed>,
    /// Digest of the playbook that decided it (kind or response), hex.
    pub playbook: Option<String>,
    /// When another actor than the request's did it (a clock that stops because of a person's step stays the person's).
    pub actor: Option<Actor>,
}

impl NewEvent {
    /// An event on a ticket.
    #[must_use]
    pub fn on(ticket: &Number, fact: Fact) -> Self {
        Self { ticket: Some(ticket.clone()), fact, sealed: BTreeMap::new(), playbook: None, actor: None }
    }

    /// An event on no ticket.
    #[must_use]
    pub fn outside(fact: Fact) -> Self {
        Self { ticket: None, fact, sealed: BTreeMap::new(), playbook: None, actor: None }
    }

    /// The event as it will stand in the log. `rev` is the ticket's revision after it.
    #[must_use]
    pub fn recorded(&self, seq: i64, at: Timestamp, actor: &Actor, via: &Via, rev: Option<i64>) -> Event {
        Event {
            v: 1,
            seq,
            at,
            fact: self.fact.clone(),
            ticket: self.ticket.clone(),
            rev,
            actor: self.actor.clone().unwrap_or_else(|| actor.clone()),
            via: via.clone(),
            cause: None,
            playbook: self.playbook.clone(),
            sealed: self.sealed.iter().map(|(name, value)| (name.clone(), value.commitment)).collect(),
        }
    }

    /// Names the playbook that decided it.
    #[must_use]
    pub fn by(mut self, digest: &str) -> Self {
        self.playbook = Some(digest.to_owned());
        self
    }

    /// Adds a sealed value under `name`.
    #[must_use]
    pub fn seal(mut self, name: impl Into<String>, value: Sealed) -> Self {
        self.sealed.insert(name.into(), value);
        self
    }
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Version of the event kind's shape.
    pub v: i64,
    /// Position in the log, from 0.
    pub seq: i64,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened: `kind` and `data`.
    #[serde(flatten)]
    pub fact: Fact,
    /// The ticket, or null.
    pub ticket: Option<Number>,
    /// The ticket's revision after it, from 1; null without a ticket.
    pub rev: Option<i64>,
    /// Who.
    pub actor: Actor,
    /// By which way.
    pub via: Via,
    /// Sequence number of the event, in the same request, that this follows from.
    pub cause: Option<i64>,
    /// Digest of the playbook that decided it.
    pub playbook: Option<String>,
    /// Commitments by name.
    pub sealed: BTreeMap<String, crate::ledger::sealed::Commitment>,
}
