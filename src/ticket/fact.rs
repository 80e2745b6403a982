//! Everything that can have happened: the words of the log.
//!
//! To add a kind of event: add a variant here (fields in snake case, new ones with `#[serde(default)]`), what it is made of in
//! [`super::facts`] where that is more than a few values, its meaning in `state.rs`, and a golden event in `tests/`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::facts::{
    AdoptedFile, AlertSeen, Brought, Checked, DeploymentSeen, Drawn, EpochOpened, EvidenceAttached, OwedItem, Pack, Reminder, Shift,
    TicketOpened, TransitionTaken,
};
use super::lines::{LineAsked, LinesScope, ListReplaced, Verdict};
use super::number::Number;
use crate::env::Timestamp;

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
    /// looked for, and found. `drawn`: what it drew at random.
    ObligationRun {
        obligation: String,
        due: Timestamp,
        opened: Option<Number>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checked: Option<Checked>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        drawn: Option<Drawn>,
    },
    /// The signed bundle of what was drawn for this record was written.
    PackWritten(Pack),
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
            Self::PackWritten(_) => "PackWritten",
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
