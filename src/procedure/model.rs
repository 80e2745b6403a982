//! The playbooks as the engine reads them: loaded, checked, immutable.
//!
//! [`super::load`] makes these from YAML and refuses what is wrong with file, line and column; so whatever
//! stands here is coherent: every status, field, role and clock that is named exists. To add a word to the
//! procedure language: add it to the YAML shape in `load.rs`, to the check in `check.rs`, to the value here,
//! and to the engine in `ticket/` that gives it its meaning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value;

pub use super::clocks::{Clock, ClockStart, Escalate, Hours, OwedTo, Pages};
use super::expression::{Expression, Template};
pub use super::organisation::{Calendar, Organisation, Permission, Role};
use super::rules::{
    Also, Approved, Confirmed, Deployments, LinesRule, Linked, Offered, Score, Separate, Substance, TemplateRule, Then, Unfrozen, Verbal,
    Window,
};

/// Everything that a folder of playbooks says, checked as a whole.
#[derive(Debug)]
pub struct Library {
    /// Ticket kinds by name (`incident`).
    pub kinds: BTreeMap<String, Arc<Kind>>,
    /// Response playbooks, in the order in which they are tried against an alert (by `priority`, then by file name).
    pub responses: Vec<Arc<Response>>,
    /// Roles, calendars, on-call and the organisation's own rules.
    pub organisation: Arc<Organisation>,
    /// Lists of allowed values by name (`rsit`): value → title.
    pub taxonomies: BTreeMap<String, IndexMap<String, String>>,
    /// What a value of one list is called in others: list → value → (other list → its value).
    pub crosswalks: BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>,
    /// The bytes that all this was read from, in path order.
    pub files: Vec<PlaybookFile>,
}

/// The list under which [`Library::taxonomies`] holds the organisation's systems: name → title, and `other`.
pub const SYSTEMS: &str = "organisation.systems";

/// One adopted file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaybookFile {
    /// Path below `playbooks/`, with `/`.
    pub path: String,
    /// The bytes as they were read.
    pub bytes: Vec<u8>,
    /// Lower-case hex SHA-256 of the bytes.
    pub digest: String,
}

/// A ticket kind: one file of `playbooks/kinds/`.
#[derive(Debug)]
pub struct Kind {
    /// `incident`
    pub name: String,
    /// `INC`: two to five capital letters.
    pub prefix: String,
    /// `Incident`
    pub title: String,
    /// One or two sentences on what the kind is for.
    pub purpose: String,
    /// SHA-256 (hex) of the file this was read from.
    pub digest: String,
    /// Fields by name, in the order in which forms show them.
    pub fields: IndexMap<String, Field>,
    /// Statuses in order; the first is where a ticket starts.
    pub statuses: Vec<String>,
    /// Statuses in which the work has ended (no transition but reopen-like ones leaves them; fields are locked).
    pub ended: BTreeSet<String>,
    /// Transitions by name, in the order in which buttons show them.
    pub transitions: IndexMap<String, Transition>,
    /// Who may open one by hand.
    pub declare: Declare,
    /// Clocks by name.
    pub clocks: IndexMap<String, Clock>,
    /// Percentages of a clock's time at which its owner is reminded, ascending (50, 75, 90).
    pub remind: Vec<u8>,
    /// Whom a breach is taken to, and how.
    pub escalate: Option<Escalate>,
    /// Who owes what was left for later.
    pub owed_to: OwedTo,
    /// Groups to notify when something becomes true.
    pub notifies: Vec<Notify>,
    /// Records that are opened as a consequence.
    pub opens: Vec<Opens>,
    /// Where a chat surface puts the ticket.
    pub channel: Channel,
    /// How long records are kept, in words.
    pub retention: String,
    /// The field whose value follows from two others, unless a person overrides it with a reason.
    pub matrix: Option<Matrix>,
    /// Levels that follow from several choices, and that nobody sets by hand.
    pub scores: Vec<Score>,
    /// What evidence can be filed as beside the phases: name → what it shows (before, after, invoice).
    pub proofs: IndexMap<String, String>,
    /// The field of type person that says for whom it is asked: neither that person nor the requester approves.
    pub subject: Option<String>,
    /// Duties that different persons hold.
    pub separate: Vec<Separate>,
    /// Records that a ticket's card lets one open.
    pub offers: IndexMap<String, Offered>,
    /// What a report of a deployment does to such tickets.
    pub deployments: Option<Deployments>,
    /// It looks again, line by line, at what stands elsewhere.
    pub lines: Option<LinesRule>,
    /// The parts of its way that an assessor follows, in order: part → its steps.
    pub trace: IndexMap<String, Vec<String>>,
}

/// Two fields that propose a third: impact and urgency propose the severity. Every pair has its cell.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// The field that is proposed: `severity`.
    pub sets: String,
    /// The field whose values are the rows: `impact`.
    pub rows: String,
    /// The field whose values are the columns: `urgency`.
    pub columns: String,
    /// Row value → column value → proposed value.
    pub cells: BTreeMap<String, BTreeMap<String, String>>,
}

impl Matrix {
    /// What `row` and `column` propose.
    #[must_use]
    pub fn propose(&self, row: &str, column: &str) -> Option<&str> {
        self.cells.get(row)?.get(column).map(String::as_str)
    }
}

/// Opening a ticket by hand.
#[derive(Debug, Clone)]
pub struct Declare {
    /// Roles that may; `anyone` allows every verified person.
    pub by: Vec<String>,
    /// Fields that the form asks for; the first are needed now.
    pub asks: Vec<String>,
    /// Of those, the ones without which it cannot be opened.
    pub requires: Vec<String>,
    /// What is asked for must be what the system's entry offers.
    pub template: Option<TemplateRule>,
}

/// One field of a kind.
#[derive(Debug, Clone)]
pub struct Field {
    /// Name in YAML, events and the API.
    pub name: String,
    /// What a form calls it.
    pub label: String,
    /// What may stand in it.
    pub of: FieldType,
    /// The sentence that the form shows under it; never empty.
    pub help: String,
    /// Assessors look at it: forms mark it.
    pub audit: bool,
    /// The value is kept as a sealed value; events hold its commitment only. Always so for free text.
    pub sealed: bool,
    /// What stands in it when nobody said anything.
    pub default: Option<Value>,
    /// A text that must say something.
    pub substance: Option<Substance>,
}

/// What may stand in a field.
#[derive(Debug, Clone)]
pub enum FieldType {
    /// One line of text, at most 200 characters. Sealed.
    Line,
    /// Text, at most 10,000 characters. Sealed.
    Text,
    /// Exactly one of these: value → label.
    Choice(IndexMap<String, String>),
    /// Any number of these: value → label. A JSON array of strings, sorted, without repeats.
    Choices(IndexMap<String, String>),
    /// One value of the taxonomy with this name.
    Taxonomy(String),
    /// Names of systems, at most 50, or the single word `none`. A JSON array of strings; sealed.
    Assets,
    /// A whole number within bounds.
    Number {
        /// Smallest allowed.
        min: i64,
        /// Largest allowed.
        max: i64,
    },
    /// Yes or no.
    Bool,
    /// A moment, RFC 3339.
    Time,
    /// A verified person's id.
    Person,
    /// Another ticket's number.
    Ticket,
    /// A system of organisation.yaml by name, or `other`.
    System,
    /// A name: small letters, digits, `-`, `_` and `.`, at most 60 characters.
    Word,
}

/// A step from one status to another.
#[derive(Debug)]
pub struct Transition {
    /// `acknowledge`
    pub name: String,
    /// Button text, unless the response playbook relabels it.
    pub label: String,
    /// One sentence on what it means to take it, for forms and API documents.
    pub help: String,
    /// Where it may start, each perhaps under a condition on `ticket` and `phases`.
    pub from: Vec<From>,
    /// Where it leads. For `unmerges` this is the first status and means nothing: it goes back to where it came from.
    pub to: String,
    /// Roles that may take it. `owner` (the ticket's owner), `lead`, `requester` (who opened it), `owner-of-system` and
    /// `implementer-of-system` are understood everywhere.
    pub by: Vec<String>,
    /// What its form asks for, beyond required fields: see [`Ask`].
    pub asks: Vec<Ask>,
    /// What must be there now, or it is refused.
    pub requires: Requires,
    /// What it would like to have, and by which later transition it is owed.
    pub wants: Vec<Owed>,
    /// Field values that it sets by itself.
    pub sets: BTreeMap<String, Value>,
    /// Clocks that it stops (beside those that name it in their own `stops`).
    pub stops: Vec<String>,
    /// What the bot says afterwards; `{who}` and ticket fields may appear.
    pub says: Option<Template>,
    /// Approvals that must stand before it.
    pub approval: Option<Approval>,
    /// The person who takes it must sign with a passkey.
    pub fresh_auth: bool,
    /// It is taken by itself as soon as nothing is missing.
    pub automatic: bool,
    /// It is one of the ticket's phases of work (contain, eradicate, recover): evidence can be filed under it,
    /// and a response playbook may relabel or skip it.
    pub phase: bool,
    /// It puts the ticket into another one (`merge`): asks for the other ticket.
    pub merges: bool,
    /// It leaves an ended status (reopen): the versions before and after both stay visible.
    pub reopens: bool,
    /// It undoes the latest merge (`unmerge`), returning to the status before it.
    pub unmerges: bool,
    /// It may be taken on an approval that was only spoken.
    pub verbal: Option<Verbal>,
    /// Asking for it before it is approved records what was asked for; the approval then takes it.
    pub proposes: bool,
    /// Fields that take over the value of another, which is then empty: (field, other).
    pub moves: Vec<(String, String)>,
    /// Fields on which it relies: what they hold once it was taken stays as it is.
    pub fixes: Vec<String>,
    /// Steps that its form takes with it.
    pub then: Option<Then>,
}

/// One place where a transition may start.
#[derive(Debug)]
pub struct From {
    /// The status.
    pub status: String,
    /// Only while this holds.
    pub when: Option<Expression>,
}

/// One thing that a transition's form asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// At most one line; may be left empty. Becomes a note of the transition.
    Line,
    /// A reason; needed.
    Reason,
    /// Another ticket of the same kind; needed.
    Ticket,
    /// A field of the ticket; may be left empty here.
    Field(String),
    /// When it really happened, if not just now; may be left empty.
    When,
}

/// What must be there before a transition.
#[derive(Debug, Default)]
pub struct Requires {
    /// Fields that must hold a value.
    pub fields: Vec<String>,
    /// At least so many notes by people.
    pub notes: u32,
    /// Phases (transition names) that each need evidence or a reasoned waiver, unless not applicable.
    pub evidence: Vec<String>,
    /// Kinds of link, of which each needs a link or a reason (`true`: a reason will do).
    pub links: IndexMap<String, bool>,
    /// All tasks done or waived.
    pub tasks: bool,
    /// Somebody else than those whose work it is: see [`SecondPerson`].
    pub second_person: Option<SecondPerson>,
    /// Conditions that must not hold, each with the sentence that says what to do.
    pub not: Vec<Guard>,
    /// More, while something holds.
    pub also: Vec<Also>,
    /// Approvals of earlier steps that must still stand.
    pub approved: Vec<Approved>,
    /// Windows of time.
    pub window: Vec<Window>,
    /// No freeze.
    pub unfrozen: Vec<Unfrozen>,
    /// Other records.
    pub linked: Vec<Linked>,
    /// Fields of type time that must lie in the future.
    pub ahead: Vec<String>,
    /// An approval that was only spoken must have been confirmed by its giver, or an exception must stand in for that.
    pub confirmed: Option<Confirmed>,
    /// Every line must be decided, and what was decided must be done.
    pub lines: bool,
}

/// The transition needs a second person: whoever takes it must have taken no phase transition of the ticket (and, while
/// no phase was taken, must neither have opened it by hand nor lowered its severity past `when`).
#[derive(Debug)]
pub struct SecondPerson {
    /// Only while this holds; always when `None`.
    pub when: Option<Expression>,
}

/// A refusal with a condition.
#[derive(Debug)]
pub struct Guard {
    /// Refused while this holds.
    pub when: Expression,
    /// What the person reads: what to do about it.
    pub says: String,
}

/// Something that a transition leaves for later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// What is owed.
    pub what: OwedWhat,
    /// The transition that will not pass without it.
    pub by: String,
}

/// What can be left for later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwedWhat {
    /// At least so many pieces of evidence filed under the transition that left it.
    Evidence(u32),
    /// A field.
    Field(String),
}

/// Approvals that a transition needs.
#[derive(Debug)]
pub struct Approval {
    /// Stages, one after the other.
    pub stages: Vec<ApprovalStage>,
    /// Fields whose values an approver is shown and binds; changing one makes approvals stale.
    pub of: Vec<String>,
    /// The step that a rejection takes by itself.
    pub on_rejection: Option<String>,
}

/// One stage of an approval.
#[derive(Debug)]
pub struct ApprovalStage {
    /// Roles of which one must be held at the moment of the click; `owner-of-system` and `manager-of-subject` as well.
    pub by: Vec<String>,
    /// How many different persons.
    pub count: u32,
    /// It is asked only while this holds.
    pub when: Option<Expression>,
    /// Roles that decide instead when everybody in `by` whom the ticket names is its requester.
    pub otherwise: Vec<String>,
}

/// Groups that hear of a ticket when something becomes true.
#[derive(Debug)]
pub struct Notify {
    /// Names from `organisation.yaml`.
    pub groups: Vec<String>,
    /// On `ticket` and `event`.
    pub when: Expression,
    /// They must say that they have read it within this time.
    pub must_acknowledge: Option<Duration>,
}

/// A record that is opened as a consequence.
#[derive(Debug)]
pub struct Opens {
    /// Kind to open; ignored at run time while the library has no such kind.
    pub kind: String,
    /// Its sub-type, a word.
    pub of_type: String,
    /// On `ticket` and `event`.
    pub when: Expression,
    /// How long it may take.
    pub due: Duration,
    /// The word of the link from this ticket to it.
    pub link: String,
}

/// Where chat puts a ticket.
#[derive(Debug, Default)]
pub struct Channel {
    /// Severity → its own channel (`true`) or a thread in the kind's channel (`false`).
    pub own: BTreeMap<String, bool>,
    /// Only members see it.
    pub private: bool,
    /// The channel is archived so long after the ticket ended; none leaves that to the organisation.
    pub archive_after: Option<Duration>,
    /// On `ticket`: chat shows numbers, status and links only, in a channel that never showed more.
    pub sensitive: Option<Expression>,
}

/// A response playbook: one file of `playbooks/responses/`.
#[derive(Debug)]
pub struct Response {
    /// `outage`
    pub name: String,
    /// What people read.
    pub title: String,
    /// The kind that it opens.
    pub kind: String,
    /// SHA-256 (hex) of the file this was read from.
    pub digest: String,
    /// On `alert`: it takes this alert. `None`: chosen by people only.
    pub matches: Option<Expression>,
    /// On `alert`: alerts with equal values of all of these are one group.
    pub group_by: Vec<Expression>,
    /// Quiet this long, and the next alert opens a new ticket.
    pub window: Duration,
    /// On `alert`: the severity to open with.
    pub severity: Option<Expression>,
    /// On `alert`: the title to open with.
    pub ticket_title: Option<Template>,
    /// Field values to open with.
    pub prefill: BTreeMap<String, Value>,
    /// Phases (transitions with `phase: true`) may be skipped by a later one.
    pub skippable: bool,
    /// Phases that do not apply: neither offered nor required; their clocks do not run.
    pub not_applicable: BTreeSet<String>,
    /// Transition → what this response calls it.
    pub labels: BTreeMap<String, String>,
    /// Status → tasks that appear on reaching it, in order.
    pub tasks: IndexMap<String, Vec<String>>,
}
