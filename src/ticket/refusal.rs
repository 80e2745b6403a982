//! Why the engine says no. A refusal is a value that people read: what is wrong and what to do about it.
//!
//! To add one: add the variant, its code (it becomes part of the API and of the log), its sentence, and say in
//! [`Refusal::recorded`] whether an assessor wants to see the attempt.

use std::collections::BTreeMap;

use super::duties::Part;
use super::fields::FieldProblem;
use super::missing::{Missing, sentence_of};
use super::number::Number;

/// What keeps fields as they are.
#[expect(missing_docs, reason = "each variant's sentence says what its fields are")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FixedBy {
    /// People agreed to them by this step, and cannot be asked again now; `ends`: the step that ends it earlier, if one does.
    Approval { step: String, ends: Option<String> },
    /// People agreed to them by this step; `anew`: the step with which they are asked for something else.
    Agreed { step: String, anew: String },
    /// This step was taken because of them.
    Step { step: String },
    /// A review decided them.
    Review { review: Option<Number> },
    /// Lists of users were handed in for them, or its lines are frozen.
    Lines { frozen: bool },
}

impl FixedBy {
    fn sentence(&self, ticket: &Number) -> String {
        match self {
            Self::Agreed { step, anew } => {
                format!(
                    "people agreed to this as it stands (“{step}”). Say what is different with “{anew}” on {ticket}, which asks them again, or open a new record."
                )
            }
            Self::Approval { step, ends: None } => {
                format!(
                    "people agreed to this as it stands (“{step}”), and cannot be asked again on {ticket} now. Open a new record for what is to be different."
                )
            }
            Self::Approval { step, ends: Some(ends) } => {
                format!(
                    "people agreed to this as it stands (“{step}”), and cannot be asked again on {ticket} now. Take “{ends}” to end it earlier, or open a new record for what is to be different."
                )
            }
            Self::Step { step } => {
                format!(
                    "“{step}” was taken on {ticket} because of what stands there, so it stays. Open a new record for what is to be different, and link it."
                )
            }
            Self::Review { review } => {
                let review = review.as_ref().map_or_else(|| "A review".to_owned(), ToString::to_string);
                format!(
                    "{review} decided this, so it is done on {ticket} as it stands there. Open a new record for what is to be different."
                )
            }
            Self::Lines { frozen: false } => {
                format!(
                    "lists of users were handed in to {ticket} for what stands there, so it stays. Ask for it to be voided, and open another review."
                )
            }
            Self::Lines { frozen: true } => {
                format!(
                    "the lines of {ticket} are frozen, so what it looks at stays as it is. Ask for it to be voided, and open another review."
                )
            }
        }
    }
}

/// Why a command was refused. Nothing has changed.
#[expect(missing_docs, reason = "each variant's sentence says what its fields are")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No ticket has this number.
    NoSuchTicket { ticket: Number },
    /// No kind of ticket has this name.
    NoSuchKind { kind: String },
    /// The kind has no such transition; `nearest` may be empty.
    NoSuchTransition { transition: String, nearest: String },
    /// No response playbook of this kind has this name.
    NoSuchResponse { response: String },
    /// The person is unknown or disabled.
    NoSuchPerson { person: String },
    /// The procedure has no such phase, or it does not apply here.
    NoSuchPhase { phase: String },
    /// The ticket has no such task.
    NoSuchTask { task: i64 },
    /// The ticket has no such link.
    NoSuchLink { link: i64 },
    /// The group was not asked to read this.
    NoSuchGroup { group: String },
    /// Nobody is being called.
    NoEscalation { ticket: Number },
    /// There is no decision of this person to take back.
    NoDecision { transition: String },
    /// The procedure that the ticket was opened by is not among the adopted ones.
    ProcedureMissing { ticket: Number, digest: String },
    /// The transition does not start where the ticket stands. `offered`: what can be done now.
    WrongStatus { ticket: Number, status: String, transition: String, offered: Vec<String> },
    /// The response playbook says that this phase does not apply.
    NotApplicable { ticket: Number, label: String },
    /// The person holds none of the roles.
    NotAllowed { what: String, roles: Vec<String> },
    /// This kind of caller cannot do that at all (a monitoring tool that closes, a person that fires a deadline).
    NotForYou { what: String },
    /// Whose request it is cannot approve it. `on`: names of those for whom it waits.
    OwnRequest { ticket: Number, part: Part, on: Vec<String> },
    /// Nobody decides on a line that is about the person's own access.
    OwnAccess { ticket: Number, line: i64 },
    /// Nobody decides on a line of a list that the person handed in.
    OwnList { ticket: Number, line: i64 },
    /// The lines of the review are frozen, so nothing is added to them.
    LinesFrozen { ticket: Number },
    /// The line is decided, and cannot be decided otherwise any more. `mark`: where it stands.
    LineDecided { ticket: Number, line: i64, mark: &'static str },
    /// Approving needs a person at a console or in chat.
    NotByKey { ticket: Number },
    /// Somebody else must do it: this person did the work, or opened it.
    SecondPersonNeeded { ticket: Number, label: String },
    /// The person must sign with a passkey.
    PasskeyNeeded { label: String },
    /// The person did something on this ticket that must be kept apart from this. `duty`: the label of what was done.
    DutiesApart { ticket: Number, label: String, duty: String },
    /// The person had a part in the ticket `of`, which this one reviews.
    OwnWork { ticket: Number, label: String, of: Number },
    /// The person holds two roles that exclude each other.
    ConflictingRoles { ticket: Number, roles: (String, String) },
    /// The step that relied on the approval was taken already.
    TooLateToWithdraw { ticket: Number },
    /// Somebody who stands in for the approver, or for whom the approver stands in, has approved it already.
    AuthorityUsed { ticket: Number },
    /// The same person decided on this already.
    AlreadyDecided { transition: String },
    /// The transition needs no approval.
    NoApprovalNeeded { transition: String },
    /// What was shown is not what stands there now. `changed`: name and words of what changed meanwhile
    /// ([`super::version::told`]); empty until somebody looked at the ticket's events.
    Stale { ticket: Number, status: String, changed: Vec<(String, String)> },
    /// The work has ended, so this is locked.
    Locked { ticket: Number, status: String },
    /// These fields stay as they are, and why.
    Fixed { ticket: Number, fields: Vec<String>, by: FixedBy },
    /// A reason is needed, and why.
    ReasonMissing { because: String },
    /// Something must be there first. `verb`: the transition's name, or "be opened".
    Missing { ticket: Option<Number>, verb: String, missing: Vec<Missing> },
    /// Values that cannot stand in their fields.
    BadFields { problems: Vec<FieldProblem> },
    /// A claimed time lies in the future.
    InTheFuture { what: String },
    /// The other ticket is missing, is the same, has ended, or is of another kind.
    BadMerge { because: String },
    /// A link needs another ticket, an address, or a reason.
    EmptyLink { link: String },
    /// The procedure made this link, and relies on it.
    LinkStays { ticket: Number, link: String },
    /// What was approved by the one went on with the other.
    LinkUsed { ticket: Number, other: Number },
    /// It is settled already.
    AlreadySettled { task: i64 },
    /// Those who can decide were asked less than a day ago.
    NudgedLately { ticket: Number, again: String },
    /// No decision is waited for.
    NothingToNudge { ticket: Number },
    /// Nothing would change.
    NothingToDo,
    /// More than one ticket or one request may hold.
    TooMany { what: String, most: usize },
    /// The request contradicts itself or leaves out what it is about.
    BadRequest { because: String },
}

impl Refusal {
    /// Every name that [`Self::code`] gives.
    pub const CODES: &[&'static str] = &[
        "AlreadyDecided",
        "AlreadySettled",
        "AuthorityUsed",
        "BadFields",
        "BadMerge",
        "BadRequest",
        "ConflictingRoles",
        "DutiesApart",
        "EmptyLink",
        "FieldMissing",
        "Fixed",
        "InTheFuture",
        "LineDecided",
        "LinesFrozen",
        "LinkStays",
        "LinkUsed",
        "Locked",
        "NoApprovalNeeded",
        "NoDecision",
        "NoEscalation",
        "NoSuchGroup",
        "NoSuchKind",
        "NoSuchLink",
        "NoSuchPerson",
        "NoSuchPhase",
        "NoSuchResponse",
        "NoSuchTask",
        "NoSuchTicket",
        "NoSuchTransition",
        "NotAllowed",
        "NotApplicable",
        "NotByKey",
        "NotForYou",
        "NothingToDo",
        "OwnAccess",
        "OwnList",
        "NothingToNudge",
        "NudgedLately",
        "OwnRequest",
        "PasskeyNeeded",
        "ProcedureMissing",
        "ReasonMissing",
        "SecondPersonNeeded",
        "Stale",
        "TooLateToWithdraw",
        "TooMany",
        "WrongStatus",
    ];

    /// The reason as one word: in the log, in the API's `code`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchTicket { .. } => "NoSuchTicket",
            Self::NoSuchKind { .. } => "NoSuchKind",
            Self::NoSuchTransition { .. } => "NoSuchTransition",
            Self::NoSuchResponse { .. } => "NoSuchResponse",
            Self::NoSuchPerson { .. } => "NoSuchPerson",
            Self::NoSuchPhase { .. } => "NoSuchPhase",
            Self::NoSuchTask { .. } => "NoSuchTask",
            Self::NoSuchLink { .. } => "NoSuchLink",
            Self::NoSuchGroup { .. } => "NoSuchGroup",
            Self::NoEscalation { .. } => "NoEscalation",
            Self::NoDecision { .. } => "NoDecision",
            Self::ProcedureMissing { .. } => "ProcedureMissing",
            Self::WrongStatus { .. } => "WrongStatus",
            Self::NotApplicable { .. } => "NotApplicable",
            Self::NotAllowed { .. } => "NotAllowed",
            Self::NotForYou { .. } => "NotForYou",
            Self::OwnRequest { .. } => "OwnRequest",
            Self::OwnAccess { .. } => "OwnAccess",
            Self::OwnList { .. } => "OwnList",
            Self::LinesFrozen { .. } => "LinesFrozen",
            Self::LineDecided { .. } => "LineDecided",
            Self::NotByKey { .. } => "NotByKey",
            Self::SecondPersonNeeded { .. } => "SecondPersonNeeded",
            Self::PasskeyNeeded { .. } => "PasskeyNeeded",
            Self::DutiesApart { .. } | Self::OwnWork { .. } => "DutiesApart",
            Self::ConflictingRoles { .. } => "ConflictingRoles",
            Self::TooLateToWithdraw { .. } => "TooLateToWithdraw",
            Self::AuthorityUsed { .. } => "AuthorityUsed",
            Self::AlreadyDecided { .. } => "AlreadyDecided",
            Self::NoApprovalNeeded { .. } => "NoApprovalNeeded",
            Self::Stale { .. } => "Stale",
            Self::Locked { .. } => "Locked",
            Self::Fixed { .. } => "Fixed",
            Self::ReasonMissing { .. } => "ReasonMissing",
            Self::Missing { missing, .. } => missing.first().map_or("FieldMissing", Missing::code),
            Self::BadFields { .. } => "BadFields",
            Self::InTheFuture { .. } => "InTheFuture",
            Self::BadMerge { .. } => "BadMerge",
            Self::EmptyLink { .. } => "EmptyLink",
            Self::LinkStays { .. } => "LinkStays",
            Self::LinkUsed { .. } => "LinkUsed",
            Self::AlreadySettled { .. } => "AlreadySettled",
            Self::NothingToDo => "NothingToDo",
            Self::NothingToNudge { .. } => "NothingToNudge",
            Self::NudgedLately { .. } => "NudgedLately",
            Self::TooMany { .. } => "TooMany",
            Self::BadRequest { .. } => "BadRequest",
        }
    }

    /// What the person reads.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::NoSuchTicket { .. }
            | Self::NoSuchKind { .. }
            | Self::NoSuchTransition { .. }
            | Self::NoSuchResponse { .. }
            | Self::NoSuchPerson { .. }
            | Self::NoSuchPhase { .. }
            | Self::NoSuchTask { .. }
            | Self::NoSuchLink { .. }
            | Self::NoSuchGroup { .. }
            | Self::NoEscalation { .. }
            | Self::NoDecision { .. }
            | Self::ProcedureMissing { .. } => self.not_found(),
            Self::NotAllowed { .. }
            | Self::NotForYou { .. }
            | Self::OwnRequest { .. }
            | Self::OwnAccess { .. }
            | Self::OwnList { .. }
            | Self::NotByKey { .. }
            | Self::SecondPersonNeeded { .. }
            | Self::PasskeyNeeded { .. }
            | Self::DutiesApart { .. }
            | Self::OwnWork { .. }
            | Self::ConflictingRoles { .. }
            | Self::AuthorityUsed { .. }
            | Self::AlreadyDecided { .. } => self.not_this_person(),
            _ => self.not_now(),
        }
    }

    fn not_found(&self) -> String {
        match self {
            Self::NoSuchTicket { ticket } => format!("There is no {ticket}. Please check the number."),
            Self::NoSuchKind { kind } => format!("There is no kind of ticket called “{kind}”."),
            Self::NoSuchTransition { transition, nearest } if nearest.is_empty() => {
                format!("This procedure has no step called “{transition}”.")
            }
            Self::NoSuchTransition { transition, nearest } => {
                format!("This procedure has no step called “{transition}”. Did you mean “{nearest}”?")
            }
            Self::NoSuchResponse { response } => format!(
                "There is no response playbook called “{response}” for this kind of ticket. Leave it out, or choose one that there is."
            ),
            Self::NoSuchPerson { person } => format!("{person} is not an active person here. Please choose somebody else."),
            Self::NoSuchPhase { phase } => format!("“{phase}” is not a phase of this ticket. Leave the phase out, or choose another."),
            Self::NoSuchTask { task } => format!("This ticket has no task {task}. Please look at its tasks again."),
            Self::NoSuchLink { link } => format!("This ticket has no link {link}. Please look at its links again."),
            Self::NoSuchGroup { group } => format!("{group} was not asked to read this, so there is nothing to say for it."),
            Self::NoEscalation { ticket } => format!("Nobody is being called for {ticket} now, so there is nothing to acknowledge."),
            Self::NoDecision { transition } => format!("You have no decision on “{transition}” to take back."),
            Self::ProcedureMissing { ticket, .. } => {
                format!(
                    "The procedure that {ticket} was opened by is not available here. Please tell an administrator; nothing was changed."
                )
            }
            _ => String::new(),
        }
    }

    fn not_this_person(&self) -> String {
        match self {
            Self::NotAllowed { what, roles } if roles.is_empty() => {
                format!("Your roles do not allow you to {what}. Ask somebody who may, or an administrator.")
            }
            Self::NotAllowed { what, roles } => format!("To {what}, one needs to be {}. Ask one of them.", any_of(roles)),
            Self::NotForYou { what } => format!("Only a person, signed in by themselves, can {what}."),
            Self::OwnRequest { ticket, part, on } => {
                let waits = if on.is_empty() { String::new() } else { format!(" It waits for {}.", on.join(" or ")) };
                format!("{}, so somebody else must approve it.{waits}", part.sentence(&ticket.to_string()))
            }
            Self::OwnAccess { ticket, line } => {
                format!("Line {line} of {ticket} is about your own access, so somebody else must decide on it.")
            }
            Self::OwnList { ticket, line } => {
                format!("Line {line} of {ticket} is off the list that you handed in, so somebody else must decide on it.")
            }
            Self::NotByKey { ticket } => {
                format!("Approving {ticket} needs you in person: please open it in the console or in chat. An API key cannot approve.")
            }
            Self::SecondPersonNeeded { ticket, label } => {
                format!("You worked on {ticket} or opened it, so somebody else must take “{label}”. Ask a colleague to look at it.")
            }
            Self::PasskeyNeeded { label } => format!("“{label}” must be signed with your passkey. Please take it in the console."),
            Self::DutiesApart { ticket, label, duty } if duty == super::duties::SUBJECT => {
                format!("{ticket} is about you, so “{label}” is somebody else's to take. Ask a colleague; your proof can be filed by you.")
            }
            Self::DutiesApart { ticket, label, duty } => {
                format!("On {ticket} you hold the duty “{duty}”, and “{label}” is kept apart from it. Ask a colleague to take it.")
            }
            Self::OwnWork { ticket, label, of } => {
                format!(
                    "You had a part in {of}, which {ticket} reviews, so somebody else must take “{label}”. Ask a colleague who had none."
                )
            }
            Self::ConflictingRoles { ticket, roles: (a, b) } => {
                format!("You are both {a} and {b}, which exclude each other, so somebody else must decide on {ticket}.")
            }
            Self::AuthorityUsed { ticket } => {
                format!(
                    "This authority has approved {ticket} already: whoever stands in for somebody counts as one with that person. Somebody else must approve as well."
                )
            }
            Self::AlreadyDecided { .. } => {
                "You have decided on this already. Take that decision back first if you changed your mind.".into()
            }
            _ => String::new(),
        }
    }

    fn not_now(&self) -> String {
        match self {
            Self::WrongStatus { ticket, status, transition, offered } if offered.is_empty() => {
                format!("{ticket} is {status}, so “{transition}” is not possible now. What is to be said of it still can be, in a note.")
            }
            Self::WrongStatus { ticket, status, transition, offered } => {
                format!("{ticket} is {status}, so “{transition}” is not possible now. What you can do: {}.", offered.join(", "))
            }
            Self::LinesFrozen { ticket } => {
                format!(
                    "The lines of {ticket} are frozen already: those who are asked decide on what stands there. Open another review for what is new, or decide on a line if it is yours."
                )
            }
            Self::LineDecided { ticket, line, mark } => {
                format!("Line {line} of {ticket} is decided already: {mark}. What follows from it stands in the record that it opened.")
            }
            Self::TooLateToWithdraw { ticket } => {
                format!(
                    "{ticket} was started on this approval, so it cannot be taken back any more. Add a note, or reject what comes next."
                )
            }
            Self::NotApplicable { ticket, label } => format!("“{label}” does not apply to {ticket}. Take the next step instead."),
            Self::NoApprovalNeeded { transition } => format!("“{transition}” needs no approval here. Take the step itself."),
            Self::Stale { ticket, status, changed } if changed.is_empty() => {
                format!("{ticket} changed while you were reading: it is {status} now. Please look again.")
            }
            Self::Stale { ticket, changed, .. } => {
                let changed: Vec<&str> = changed.iter().map(|(_, words)| words.as_str()).collect();
                format!("{ticket} changed while you were reading: {}. Please look again.", changed.join(", "))
            }
            Self::Locked { ticket, status } => {
                format!("{ticket} is {status}, so this is locked. Reopen it first if it must change; a note can still be added.")
            }
            Self::Fixed { ticket, fields, by } => format!("{}: {}", fields.join(", "), by.sentence(ticket)),
            Self::ReasonMissing { because } => format!("Please give a reason: {because}."),
            Self::Missing { ticket, verb, missing } => sentence_of(ticket.as_ref(), verb, missing),
            Self::BadFields { problems } => problems.iter().map(FieldProblem::sentence).collect::<Vec<_>>().join(" "),
            Self::InTheFuture { what } => format!("{what} lies in the future. Please give a time that has passed."),
            Self::BadMerge { because } => format!("These two cannot be merged: {because}."),
            Self::EmptyLink { link } => format!("The link “{link}” needs a ticket, an address, or a reason why there is none."),
            Self::LinkUsed { ticket, other } => {
                format!(
                    "The exception was approved, and the work went on since {ticket} and {other} were linked, so the link stays. If it is wrong, say so in a note, and ask for an exception of its own for anything else."
                )
            }
            Self::LinkStays { ticket, link } => {
                format!(
                    "The procedure itself made the link “{}” of {ticket}, and relies on it, so it stays. If it is wrong, say so in a note; a link that a person made can be taken back.",
                    link.replace(['_', '-'], " ")
                )
            }
            Self::AlreadySettled { task } => format!("Task {task} is settled already. Say in a note what is different."),
            Self::NudgedLately { ticket, again } => {
                format!(
                    "Those who decide on {ticket} were asked already, less than a day ago. You can ask again from {again} on; they see it in their inbox until then."
                )
            }
            Self::NothingToNudge { ticket } => format!("{ticket} waits for nobody's decision now, so there is nobody to ask."),
            Self::NothingToDo => "That is how it stands already, so nothing was changed.".into(),
            Self::TooMany { what, most } => format!("That are too many {what}: at most {most} are possible."),
            Self::BadRequest { because } => format!("That could not be understood: {because}."),
            _ => String::new(),
        }
    }

    /// What is wrong with single fields of a form: name → sentence.
    #[must_use]
    pub fn fields(&self) -> BTreeMap<String, String> {
        match self {
            Self::BadFields { problems } => problems.iter().map(|p| (p.field.clone(), p.sentence())).collect(),
            Self::Missing { missing, .. } => missing.iter().filter_map(Missing::field_problem).collect(),
            Self::ReasonMissing { because } => BTreeMap::from([("reason".into(), format!("Needed: {because}."))]),
            Self::Stale { changed, .. } => changed.iter().map(|(name, words)| (name.clone(), format!("Meanwhile {words}."))).collect(),
            _ => BTreeMap::new(),
        }
    }

    /// Whether an assessor wants to see the attempt: then it becomes an event of its own.
    #[must_use]
    pub fn recorded(&self) -> bool {
        match self {
            Self::NotAllowed { .. }
            | Self::NotForYou { .. }
            | Self::OwnRequest { .. }
            | Self::OwnAccess { .. }
            | Self::OwnList { .. }
            | Self::LinesFrozen { .. }
            | Self::NotByKey { .. }
            | Self::SecondPersonNeeded { .. }
            | Self::PasskeyNeeded { .. }
            | Self::DutiesApart { .. }
            | Self::OwnWork { .. }
            | Self::ConflictingRoles { .. }
            | Self::AuthorityUsed { .. }
            | Self::TooLateToWithdraw { .. }
            | Self::Locked { .. }
            | Self::Fixed { .. }
            | Self::LinkStays { .. }
            | Self::LinkUsed { .. }
            | Self::WrongStatus { .. } => true,
            // A forgotten field is everyday work; going ahead without an approval is not.
            Self::Missing { missing, .. } => {
                missing.iter().any(|m| matches!(m, Missing::Approval { .. } | Missing::Rejected { .. } | Missing::Condition { .. }))
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence())
    }
}

/// "the owner, an incident-manager or a responder", in the roles' own words.
fn any_of(roles: &[String]) -> String {
    let named: Vec<String> = roles
        .iter()
        .map(|role| match role.as_str() {
            "owner" => "the ticket's owner".to_owned(),
            "lead" => "the ticket's lead".to_owned(),
            "anyone" => "a verified person".to_owned(),
            "requester" => "who asked for it".to_owned(),
            super::authority::OWNER_OR_MANAGER => "the system's owner or the manager".to_owned(),
            "owner-of-system" => "the system's owner".to_owned(),
            "implementer-of-system" => "one who carries out changes on the system".to_owned(),
            role if role.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {role}"),
            role => format!("a {role}"),
        })
        .collect();
    match named.split_last() {
        None => "somebody else".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}
