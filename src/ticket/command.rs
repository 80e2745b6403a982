//! Everything that can be asked of a ticket, with text already sealed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::alert::Alert;
use super::deployment::Deployment;
use super::event::{Checked, Drawn, Pack, Pinned};
use super::lines::{LineAsked, LinesScope, Verdict};
use super::number::Number;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;

/// A field's new value. Which of the two a field wants is the procedure's to say ([`crate::procedure::model::Field::sealed`]);
/// [`super::fields::seal`] turns what a person sent into this, checking it, before the request is queued.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldInput {
    /// A structured value; `null` clears the field.
    Plain(Value),
    /// Free text and the like.
    Sealed(Sealed),
}

impl FieldInput {
    /// The same value; a sealed one under a salt made of `seed` and its field's name.
    #[must_use]
    pub fn anew(&self, seed: &[u8; 32], field: &str) -> Self {
        match self {
            Self::Plain(value) => Self::Plain(value.clone()),
            Self::Sealed(sealed) => Self::Sealed(sealed.anew(seed, field)),
        }
    }
}

/// Field values by name.
pub type Fields = BTreeMap<String, FieldInput>;

/// A request about tickets.
#[expect(missing_docs, reason = "each variant's sentence says what its fields are")]
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Open one by hand.
    Open(Open),
    /// Alerts from a monitoring tool, in one delivery.
    Receive(Receive),
    /// Open a record that the ticket's card offers, linked, and take its first step.
    TakeUp(Offer),
    /// A report on a deployment from a tool that deploys.
    Deployed(Box<Deployed>),
    /// Take one transition, or several in one commit (each its own event).
    Take(Take),
    /// Set or correct fields.
    SetFields { ticket: Number, fields: Fields, reason: Option<Sealed> },
    /// Add a note.
    AddNote { ticket: Number, note: Sealed, occurred_at: Option<Timestamp>, reason: Option<Sealed> },
    /// File evidence; its bytes are already on disk.
    AttachEvidence(AttachEvidence),
    /// Tick off or waive (then with a reason) a task.
    SettleTask { ticket: Number, task: i64, waived: Option<Sealed> },
    /// Waive a phase's evidence with a reason.
    WaiveEvidence { ticket: Number, phase: String, reason: Sealed },
    /// Make somebody the owner.
    AssignOwner { ticket: Number, person: String },
    /// Make somebody the lead.
    AssignLead { ticket: Number, person: String },
    /// Link to another ticket, to something outside (`target`), or say why there is no link (`reason`).
    Link { ticket: Number, link: String, to: Option<Number>, target: Option<Sealed>, reason: Option<Sealed> },
    /// Take a link back.
    Unlink { ticket: Number, link: i64, reason: Sealed },
    /// Call the next tier, or the role in `to`.
    Escalate { ticket: Number, to: Option<String>, reason: Sealed },
    /// "I have seen it", after an escalation.
    AcknowledgeEscalation { ticket: Number },
    /// A notified group says that it read this.
    AcknowledgeNotification { ticket: Number, group: String },
    /// Approve or reject what was shown.
    Decide { ticket: Number, transition: String, approve: bool, digest: String, reason: Sealed },
    /// Ask those who can decide once more.
    Nudge { ticket: Number },
    /// Take back one's own decision.
    WithdrawDecision { ticket: Number, transition: String, reason: Sealed },
    /// Something was said in the ticket's channel. `place`: where, sealed.
    HearNote { ticket: Number, note: Sealed, place: Sealed, said_at: Timestamp },
    /// What was said there was changed, or (without text) taken away.
    ReviseNote { ticket: Number, note: i64, text: Option<Sealed>, edited_at: Option<Timestamp> },
    /// Something was said or filed that must not be kept, or only without that part; with no ticket, what would have opened one.
    Withhold { ticket: Option<Number>, found: Vec<String>, of: String, masked: bool },
    /// Somebody joined the ticket's channel who may not read tickets; from the scheduler only.
    NoticeJoin { ticket: Number, person: Option<String>, handle: Sealed },
    /// The ticket's room in chat was opened or closed; from the scheduler only.
    TellRoom { ticket: Number, news: RoomNews, channel: Sealed },
    /// What was said in the ticket's channel, as a file; from the scheduler only.
    AttachTranscript(AttachEvidence),
    /// A list of a system's users is handed in; its bytes are already on disk.
    ListUsers { file: AttachEvidence, system: String, rows: i64 },
    /// The lines of a review are frozen.
    FreezeLines(FreezeLines),
    /// Lines of a review are decided, all or none.
    DecideLines { ticket: Number, choices: Vec<LineChoice> },
    /// Somebody whom we do not know answered a page in a pager outside; from the scheduler only.
    AnswerPage { ticket: Number, service: String, answer: String, agent: Sealed },
    /// These people were reached with what a group must read; from the scheduler only.
    NoticeReached { ticket: Number, group: String, way: String, people: Vec<String> },
    /// A page reached nobody; from the scheduler only.
    MissPage { ticket: Number, missed: MissedPage },
    /// A deadline came due; from the scheduler only.
    Fire { ticket: Number, deadline: String, came_due: Timestamp },
    /// An obligation of the organisation came due at `due`; the times in `missed` passed unnoticed. With no `due` it counts
    /// from now on. From the scheduler only. `checked`: what its check came to. `drawn`: what it drew.
    Oblige { obligation: String, due: Option<Timestamp>, missed: Vec<Timestamp>, checked: Option<Checked>, drawn: Option<Drawn> },
    /// The signed bundle of what was drawn for this record was written; from the scheduler only.
    KeepPack { ticket: Number, pack: Pack },
}

/// A page that reached nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedPage {
    /// The tier that was called.
    pub tier: i64,
    /// Who was called: a role, a place of the rota, or a person's id.
    pub to: String,
    /// Who that was, when it was one person.
    pub person: Option<String>,
    /// Where it was tried: `slack`, `discord`.
    pub platform: String,
    /// `not_linked`: no account there is theirs; `refused`: the platform lets nothing be said to it; `nobody`: no one stands
    /// behind what was called.
    pub why: String,
    /// No other way of paging is configured.
    pub alone: bool,
}

/// What became of a ticket's room in chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomNews {
    /// It was opened: a channel of the ticket's own, or a thread.
    Opened {
        /// `slack`, `discord`.
        platform: String,
        /// A channel of its own.
        own: bool,
    },
    /// Nobody can write there any more.
    Archived {
        /// `slack`, `discord`.
        platform: String,
    },
}

impl Command {
    /// The command's name, as refusals in the log have it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "Open",
            Self::Receive(_) => "Receive",
            Self::TakeUp(_) => "TakeUp",
            Self::Deployed(_) => "Deployed",
            Self::Take(_) => "Take",
            Self::SetFields { .. } => "SetFields",
            Self::AddNote { .. } => "AddNote",
            Self::AttachEvidence(_) => "AttachEvidence",
            Self::SettleTask { .. } => "SettleTask",
            Self::WaiveEvidence { .. } => "WaiveEvidence",
            Self::AssignOwner { .. } => "AssignOwner",
            Self::AssignLead { .. } => "AssignLead",
            Self::Link { .. } => "Link",
            Self::Unlink { .. } => "Unlink",
            Self::Escalate { .. } => "Escalate",
            Self::AcknowledgeEscalation { .. } => "AcknowledgeEscalation",
            Self::AcknowledgeNotification { .. } => "AcknowledgeNotification",
            Self::Decide { .. } => "Decide",
            Self::Nudge { .. } => "Nudge",
            Self::WithdrawDecision { .. } => "WithdrawDecision",
            Self::HearNote { .. } => "HearNote",
            Self::ReviseNote { .. } => "ReviseNote",
            Self::Withhold { .. } => "Withhold",
            Self::NoticeJoin { .. } => "NoticeJoin",
            Self::TellRoom { .. } => "TellRoom",
            Self::AttachTranscript(_) => "AttachTranscript",
            Self::ListUsers { .. } => "ListUsers",
            Self::FreezeLines(_) => "FreezeLines",
            Self::DecideLines { .. } => "DecideLines",
            Self::AnswerPage { .. } => "AnswerPage",
            Self::NoticeReached { .. } => "NoticeReached",
            Self::MissPage { .. } => "MissPage",
            Self::Fire { .. } => "Fire",
            Self::Oblige { .. } => "Oblige",
            Self::KeepPack { .. } => "KeepPack",
        }
    }

    /// The ticket that it is about; none when it may open one.
    #[must_use]
    pub fn ticket(&self) -> Option<&Number> {
        match self {
            Self::Open(_) | Self::Receive(_) | Self::Deployed(_) | Self::Oblige { .. } => None,
            Self::TakeUp(offer) => Some(&offer.ticket),
            Self::Withhold { ticket, .. } => ticket.as_ref(),
            Self::Take(take) => Some(&take.ticket),
            Self::AttachEvidence(file) | Self::AttachTranscript(file) | Self::ListUsers { file, .. } => Some(&file.ticket),
            Self::FreezeLines(freeze) => Some(&freeze.ticket),
            Self::SetFields { ticket, .. }
            | Self::AddNote { ticket, .. }
            | Self::SettleTask { ticket, .. }
            | Self::WaiveEvidence { ticket, .. }
            | Self::AssignOwner { ticket, .. }
            | Self::AssignLead { ticket, .. }
            | Self::Link { ticket, .. }
            | Self::Unlink { ticket, .. }
            | Self::Escalate { ticket, .. }
            | Self::AcknowledgeEscalation { ticket }
            | Self::Nudge { ticket }
            | Self::AcknowledgeNotification { ticket, .. }
            | Self::Decide { ticket, .. }
            | Self::WithdrawDecision { ticket, .. }
            | Self::HearNote { ticket, .. }
            | Self::ReviseNote { ticket, .. }
            | Self::NoticeJoin { ticket, .. }
            | Self::TellRoom { ticket, .. }
            | Self::DecideLines { ticket, .. }
            | Self::AnswerPage { ticket, .. }
            | Self::NoticeReached { ticket, .. }
            | Self::MissPage { ticket, .. }
            | Self::KeepPack { ticket, .. }
            | Self::Fire { ticket, .. } => Some(ticket),
        }
    }

    /// The transition that it is about: of several, the first.
    #[must_use]
    pub fn transition(&self) -> Option<&str> {
        match self {
            Self::Take(take) => take.steps.first().map(|s| s.transition.as_str()),
            Self::Decide { transition, .. } | Self::WithdrawDecision { transition, .. } => Some(transition),
            _ => None,
        }
    }
}

/// See [`Command::Open`].
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// `incident`
    pub kind: String,
    /// What the form held.
    pub fields: Fields,
    /// Response playbook by name, when a person chose one.
    pub response: Option<String>,
    /// When it began, if said.
    pub occurred_at: Option<Timestamp>,
    /// `console`, `api`, `slack`…
    pub intake: String,
    /// When the request reached us.
    pub received_at: Timestamp,
}

/// See [`Command::TakeUp`].
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// The ticket that offers it.
    pub ticket: Number,
    /// The offer's name.
    pub offer: String,
    /// What the form held: fields of the record.
    pub fields: Fields,
    /// When the request reached us.
    pub received_at: Timestamp,
    /// Unpredictable; of this request alone. The salts of what the procedure says are made of it.
    pub seed: [u8; 32],
}

/// See [`Command::Receive`].
#[derive(Clone, Debug, PartialEq)]
pub struct Receive {
    /// The source's name.
    pub source: String,
    /// When the delivery reached us.
    pub received_at: Timestamp,
    /// The alerts in it.
    pub alerts: Vec<MatchedAlert>,
    /// What of it became no alert, when that is to be kept.
    pub remainder: Option<Remainder>,
}

/// See [`Command::Deployed`].
#[derive(Clone, Debug, PartialEq)]
pub struct Deployed {
    /// The report.
    pub deployment: Deployment,
    /// Which deployment it is: see [`super::event::DeploymentSeen::deployment`].
    pub group: String,
    /// The system that it changes, when the organisation says so.
    pub system: Option<String>,
    /// Models of that system that may cover it, looked up before the queue; whether they do is decided here.
    pub models: Vec<Number>,
    /// When the delivery reached us.
    pub received_at: Timestamp,
    /// The normalised report as JSON, sealed.
    pub sealed: Sealed,
    /// Hex SHA-256 of the raw delivery, sealed.
    pub payload_sha256: Sealed,
    /// Unpredictable; of this report alone. The salts of what it opens are made of it.
    pub seed: [u8; 32],
}

/// What of a genuine delivery became no alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Remainder {
    /// Parts that map to no alert.
    pub unmapped: i64,
    /// Alerts that the sender says it left out.
    pub truncated: i64,
    /// The raw body, sealed.
    pub body: Sealed,
    /// Hex SHA-256 of the raw body, sealed.
    pub payload_sha256: Sealed,
}

/// An alert and what the response playbooks said of it; matched and sealed before the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchedAlert {
    /// The alert.
    pub alert: Alert,
    /// The normalised alert as JSON, sealed.
    pub sealed: Sealed,
    /// Hex SHA-256 of the raw delivery, sealed.
    pub payload_sha256: Sealed,
    /// Which response takes it; none when nothing matches.
    pub matched: Option<Matched>,
}

/// What the response playbook said of an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Matched {
    /// The response.
    pub response: Pinned,
    /// The kind that it opens.
    pub kind: String,
    /// Correlation group: hex SHA-256 over response name and group values.
    pub group: String,
    /// Quiet for so many seconds ends the group.
    pub window_seconds: i64,
    /// Field values to open with (title sealed, severity, prefill), the same for all alerts of which the playbook says the
    /// same: what opens a ticket seals them anew.
    pub fields: Arc<Fields>,
    /// Unpredictable; of this alert alone. The salts of a ticket that it opens are made of it.
    pub seed: [u8; 32],
}

/// See [`Command::Take`].
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// The ticket.
    pub ticket: Number,
    /// One or more, in order.
    pub steps: Vec<Step>,
    /// Refuse when the ticket's revision is another.
    pub rev: Option<i64>,
    /// Refuse when [`super::binding::binding`] of the first step is another: what the button was bound to.
    pub binding: Option<String>,
}

/// One transition of a [`Take`].
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Step {
    /// `contain`
    pub transition: String,
    /// Fields set with it.
    pub fields: Fields,
    /// A line of what was done.
    pub line: Option<Sealed>,
    /// A reason, where asked.
    pub reason: Option<Sealed>,
    /// The other ticket, for a merge.
    pub other: Option<Number>,
    /// When it really happened, if not just now.
    pub occurred_at: Option<Timestamp>,
}

/// See [`Command::AttachEvidence`].
#[derive(Clone, Debug, PartialEq)]
pub struct AttachEvidence {
    /// The ticket.
    pub ticket: Number,
    /// The file's name, sealed.
    pub name: Sealed,
    /// Hex SHA-256 of the bytes, sealed.
    pub sha256: Sealed,
    /// Bytes.
    pub size: i64,
    /// Sniffed.
    pub media_type: String,
    /// The phase it is evidence of.
    pub phase: Option<String>,
    /// When it was captured, if said.
    pub captured_at: Option<Timestamp>,
}

/// See [`Command::FreezeLines`]. What the lines are was read off the log by the desk.
#[derive(Clone, Debug, PartialEq)]
pub struct FreezeLines {
    /// The review.
    pub ticket: Number,
    /// The lines in order, as many together as an event holds.
    pub listings: Vec<Listing>,
    /// How many records and users were found where.
    pub from: BTreeMap<String, i64>,
    /// The number of events that the records were read off.
    pub as_of: i64,
    /// The lists that were read: system and file.
    pub lists: BTreeMap<String, i64>,
    /// What was looked at; none where nothing was.
    pub scope: Option<LinesScope>,
}

/// Lines that one event lists.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// What the event says of each.
    pub lines: Vec<LineAsked>,
    /// What each says, as JSON, sealed.
    pub sealed: Sealed,
}

impl LineChoice {
    /// What somebody decides. What the line says, the desk reads off the log.
    #[must_use]
    pub fn of(line: i64, verdict: Verdict, reason: Option<Sealed>) -> Self {
        let asked = LineAsked { reviewer: String::new(), subject: None, record: None, flagged: false, giver: None };
        Self { line, verdict, reason, asked, opening: Fields::new() }
    }
}

/// What somebody decides of a line. `asked` and `opening` are the desk's, off the event that lists the line.
#[derive(Clone, Debug, PartialEq)]
pub struct LineChoice {
    /// Its number, from 1.
    pub line: i64,
    /// What is decided.
    pub verdict: Verdict,
    /// Why.
    pub reason: Option<Sealed>,
    /// What the event that lists it says of it.
    pub asked: LineAsked,
    /// Fields of the record by which it is done.
    pub opening: Fields,
}
