//! What can be asked at the desk, and what is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::chat::Handle;
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::people::{PeopleCommand, PeopleRefusal};
use crate::procedure::model::Library;
use crate::ticket::command::Command;
use crate::ticket::event::{EpochOpened, Shift, Via};
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

/// Who asks, as the adapter verified it. Roles are read again under the head's lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person, by id.
    Person {
        /// `p_…`
        id: String,
    },
    /// A configured monitoring tool.
    Source {
        /// Its name.
        name: String,
    },
    /// Whoever may write the database, at the command line. Acts as the person with this id; with none, as the
    /// first administrator being added.
    Operator {
        /// `p_…`
        person: Option<String>,
    },
    /// Somebody on a chat platform, as the platform's signature says. Whose account it is, the desk looks up.
    Account(ChatAccount),
    /// The service itself.
    Scheduler,
}

/// See [`Who::Account`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatAccount {
    /// What the platform calls it.
    pub handle: Handle,
    /// The same, sealed.
    pub sealed: Sealed,
    /// The opaque id that it gets if it was never seen before.
    pub fresh: String,
}

/// A key under which a retry is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dedupe {
    /// Unique to the asker and the action.
    pub key: String,
    /// Digest of what was asked: the same key with something else in it is refused.
    pub digest: String,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who.
    pub who: Who,
    /// By which way.
    pub via: Via,
    /// The client's address, sealed.
    pub ip: Option<Sealed>,
    /// Which message of a chat platform it came by, sealed: channel, time, request.
    pub envelope: Option<Sealed>,
    /// For retries.
    pub dedupe: Option<Dedupe>,
    /// What.
    pub ask: Ask,
}

/// What.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Something of a ticket.
    Ticket(Box<Command>),
    /// Something of the directory.
    People(PeopleCommand),
    /// A one-time link for a person to sign in with; an administrator asks. Only its hash is kept.
    IssueLink {
        /// Whose.
        person: String,
        /// SHA-256 of the link's token, hex.
        hash: String,
        /// When it runs out.
        expires_at: Timestamp,
    },
    /// Signing in: by a one-time link, or (in a demonstration) by choosing a person.
    SignIn(SignIn),
    /// The session with this token hash ends.
    SignOut {
        /// SHA-256 of the token, hex.
        hash: String,
    },
    /// The log's first event.
    OpenLog {
        /// Its name.
        origin: String,
        /// It is a demonstration.
        demo: bool,
    },
    /// Playbooks, loaded and checked.
    Adopt {
        /// What they say.
        library: Arc<Library>,
        /// Why.
        why: Sealed,
    },
    /// Requests that could not be authenticated in one minute.
    CountForgeries {
        /// For which source.
        source: String,
        /// Why they were refused.
        reason: String,
        /// Which minute.
        minute: Timestamp,
        /// How many.
        count: i64,
    },
    /// Repeats that are due to be told.
    TellRepeats,
    /// A bundle is handed out.
    RecordExport {
        /// SHA-256 of its manifest, hex.
        digest: String,
        /// Number of events it describes.
        position: i64,
        /// How many tickets are in it.
        tickets: i64,
        /// What was asked for.
        query: Sealed,
    },
    /// After a loss: the log goes on under another name and another key.
    OpenEpoch {
        /// What was lost, and how the log goes on.
        epoch: EpochOpened,
        /// Why.
        reason: Sealed,
    },
    /// A short code for the person who asks, to be typed in chat. Only its keyed digest is kept.
    IssueLinkCode {
        /// The code's keyed digest ([`super::accounts::code_digest`]).
        hash: String,
        /// When it runs out.
        expires_at: Timestamp,
    },
    /// An account types a code: whose it is, is answered, and nothing is linked yet.
    TypeLinkCode {
        /// The typed code's keyed digest.
        hash: String,
    },
    /// Keeps what an account filled in that is nobody's yet: sealed, with the refusal that it is.
    HoldForm {
        /// The ticket that it is of.
        ticket: Number,
        /// The transition that was tried, if it was one.
        transition: Option<String>,
        /// What was filled in, as the adapter wrote it.
        form: Sealed,
    },
    /// "This is me": the account is linked to whom it was just shown.
    ConfirmLink,
    /// "This is not me": the code is forgotten.
    RefuseLink,
    /// An account is the person's whose confirmed address the platform gives, if the organisation allows that.
    MatchAddress {
        /// The address, lower case.
        email: String,
    },
    /// The platform says that an account was deactivated; the service itself asks.
    StopAccount {
        /// What the platform calls it.
        handle: Handle,
    },
    /// An account that may not do anything here tried to.
    RefuseAccount {
        /// Why not.
        fault: AccountFault,
        /// What it tried, by the command's name.
        command: String,
        /// On which ticket.
        ticket: Option<Number>,
    },
    /// Whose turn it is on call, if that changed; from the scheduler only.
    ChangeTurn,
    /// What the calendar of shifts says, if that is news; from the scheduler only.
    LearnRota {
        /// As far as its names are known people.
        shifts: Vec<Shift>,
        /// Shifts of nobody whom we know.
        unknown: i64,
    },
    /// "The clock is right": commits go on after a jump.
    ConfirmClock,
    /// Nothing but learning what other replicas did.
    CatchUp,
    /// Whether the disk takes anything again.
    Try,
}

/// See [`Ask::SignIn`].
#[derive(Clone, Debug)]
pub struct SignIn {
    /// SHA-256 of the one-time link's token; in a demonstration, none.
    pub link: Option<String>,
    /// The person chosen, in a demonstration.
    pub person: Option<String>,
    /// SHA-256 of the new session's token.
    pub session: String,
    /// Its public id.
    pub session_id: String,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// What was recorded. Also what a retry with the same key is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Positions of the events.
    pub events: Vec<i64>,
    /// Tickets that were opened or changed, first the one that was asked about.
    pub tickets: Vec<String>,
    /// Their revisions now.
    pub revs: BTreeMap<String, i64>,
    /// The delivery's number.
    pub delivery: Option<i64>,
    /// The person it was about.
    pub person: Option<String>,
    /// It was recorded before: this is a retry.
    #[serde(skip)]
    pub repeated: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unanswered {
    /// May not, or not possible now. Nothing changed.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Too many wait.
    #[error("I am too busy to save that right now. Nothing was recorded; please try again in a few seconds.")]
    Busy,
    /// The database did not take it.
    #[error("I could not save that ({0}). Nothing was recorded; please try again in a minute.")]
    NotStored(String),
    /// The database takes everything but this, now and whenever it is tried again.
    #[error(
        "I cannot save that: something in it does not fit into the database. Nothing was recorded, and trying again will not help; please tell whoever runs this service."
    )]
    Unfit,
    /// Nobody knows whether the database took it.
    #[error(
        "I do not know whether that was saved: the connection broke at the wrong moment. Try again with the same key; it is recorded once."
    )]
    Unknown,
    /// A ticket that the decision looks at had to be fetched first. [`super::Desk::ask`] asks again by itself.
    #[error("I had to look up something else first. Nothing was recorded; please try again.")]
    Elsewhere,
    /// The service is stopping.
    #[error("I am stopping. Nothing was recorded; please try again in a minute.")]
    Stopping,
    /// Commits are stopped.
    #[error("Nothing can be recorded now: {0}")]
    Held(String),
}

/// Why an account may do nothing here, whoever's it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountFault {
    /// A guest of the workspace.
    #[error("Guests of this workspace cannot do that here. Ask a colleague who is a full member.")]
    Guest,
    /// Of another workspace.
    #[error("Your account is one of another workspace, so I cannot take that from you. Ask a colleague who belongs to this one.")]
    OtherWorkspace,
    /// A program.
    #[error("Programs cannot do that here; they have an API key instead.")]
    Bot,
    /// Deactivated on the platform.
    #[error("This account was deactivated. Ask an administrator.")]
    Stopped,
}

impl AccountFault {
    /// Its name, for programs and the log.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Guest => "GuestAccount",
            Self::OtherWorkspace => "OtherWorkspace",
            Self::Bot => "BotAccount",
            Self::Stopped => "StoppedAccount",
        }
    }
}

/// A refusal, whoever's it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refused {
    /// The ticket engine's.
    #[error("{}", .0.sentence())]
    Ticket(Refusal),
    /// The directory's.
    #[error(transparent)]
    People(#[from] PeopleRefusal),
    /// The asker is nobody, or stopped.
    #[error("This account is not one of an active person. Ask an administrator.")]
    NotAPerson,
    /// A one-time link that is used up or has run out.
    #[error("This link was used already or has run out. Ask an administrator for a new one.")]
    LinkSpent,
    /// A chat account that is nobody's.
    #[error("I don't know yet who you are here. Linking takes a minute: /countersign link.")]
    NotLinked,
    /// A chat account that may do nothing here.
    #[error(transparent)]
    Account(#[from] AccountFault),
    /// A code that links nothing.
    #[error("This code links nothing: it is mistyped, was used already, or is older than ten minutes. The console gives a new one.")]
    WrongCode,
    /// Too many codes that link nothing.
    #[error("That were too many wrong codes. Please wait an hour, or ask an administrator to link your account.")]
    TooManyCodes,
    /// The key was used for something else.
    #[error("This Idempotency-Key was used for another request; use a new key for a new request.")]
    KeyReused,
    /// Only a demonstration can do that.
    #[error("Only a demonstration lets you choose who you are.")]
    NotADemo,
}

impl Refused {
    /// Every name that [`Self::code`] gives.
    pub const CODES: &[&'static str] = &[
        "BotAccount",
        "GuestAccount",
        "KeyReused",
        "LinkSpent",
        "NotADemo",
        "NotAPerson",
        "NotLinked",
        "OtherWorkspace",
        "StoppedAccount",
        "TooManyCodes",
        "WrongCode",
    ];

    /// Its name, for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ticket(r) => r.code(),
            Self::People(r) => r.code(),
            Self::NotAPerson => "NotAPerson",
            Self::LinkSpent => "LinkSpent",
            Self::NotLinked => "NotLinked",
            Self::Account(fault) => fault.code(),
            Self::WrongCode => "WrongCode",
            Self::TooManyCodes => "TooManyCodes",
            Self::KeyReused => "KeyReused",
            Self::NotADemo => "NotADemo",
        }
    }
}

impl Request {
    /// Whether deciding it may look at tickets that it does not name.
    #[must_use]
    pub fn looks_elsewhere(&self) -> bool {
        matches!(&self.ask, Ask::Ticket(command) if !matches!(command.as_ref(), Command::Receive(_)))
    }

    /// A request of the service itself.
    #[must_use]
    pub fn of_scheduler(ask: Ask) -> Self {
        let via = Via { surface: "tick".to_owned(), auth: "internal".to_owned(), credential: None };
        Self { who: Who::Scheduler, via, ip: None, envelope: None, dedupe: None, ask }
    }

    /// A request at the command line.
    #[must_use]
    pub fn of_operator(person: Option<String>, ask: Ask) -> Self {
        let via = Via { surface: "cli".to_owned(), auth: "operator".to_owned(), credential: None };
        Self { who: Who::Operator { person }, via, ip: None, envelope: None, dedupe: None, ask }
    }
}
