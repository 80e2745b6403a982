//! What the inward half of a chat platform asks of the outward half, and the values that both share. The two never
//! import each other: `inbound/slack` holds an `Arc<dyn Chat>`, `outbound/slack` is one, `cli` hands it over.
//!
//! Everything here answers one person's own interaction: a form, a sentence to them, what the platform knows of them.
//! It carries no state and may be lost. What everybody is told goes through the outbox.
//!
//! To ask something new of the platform: a method here, its implementation in `outbound`, its answer in the stories'
//! fake.

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::card::buttons::{Action, Button};
use crate::card::form::Form;
use crate::card::live::Card;
use crate::card::words::Words;
use crate::ticket::number::Number;

/// What a method of [`Chat`] gives.
pub type Said<'a, T> = Pin<Box<dyn Future<Output = Result<T, ChatError>> + Send + 'a>>;

/// Why the platform did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// It did not answer in time, or not at all.
    #[error("the chat platform does not answer")]
    Silent,
    /// It said no; its own word for why (`expired_trigger_id`, `missing_scope`), never a token or a text of somebody's.
    #[error("the chat platform refused: {0}")]
    Refused(String),
    /// It cannot be had now; asked again, it may be, after this long if the platform says.
    #[error("the chat platform is busy")]
    Busy(Option<Duration>),
    /// More bytes than one asked for at most.
    #[error("that file is too large")]
    TooLarge,
    /// Its answer cannot be read.
    #[error("the chat platform's answer cannot be read")]
    Unreadable,
}

impl ChatError {
    /// Whether the same may work when it is tried again.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Silent | Self::Busy(_) | Self::Unreadable)
    }
}

/// An account on a platform, as the platform names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Handle {
    /// `slack` or `discord`.
    pub platform: String,
    /// The workspace; empty where the platform has none.
    pub team: String,
    /// The user within it.
    pub user: String,
}

impl fmt::Display for Handle {
    /// `slack:T012/U345`, as it is sealed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.platform, self.team, self.user)
    }
}

/// Who we are on the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Our workspace.
    pub team: String,
    /// The organisation of workspaces that ours belongs to, if it does.
    pub enterprise: Option<String>,
    /// The bot's own user.
    pub bot_user: String,
    /// The app, where the platform tells.
    pub app: Option<String>,
}

/// What the platform knows of one of its users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatUser {
    /// The user.
    pub user: String,
    /// The workspace that the user belongs to.
    pub team: String,
    /// What they call themselves there. Only for showing: nothing is decided by it.
    pub shown_as: String,
    /// Not a full member: a guest of one or several channels.
    pub guest: bool,
    /// A program.
    pub bot: bool,
    /// Of another workspace, seen through a shared channel; one of the same organisation of workspaces is no stranger.
    pub stranger: bool,
    /// Deactivated.
    pub deleted: bool,
    /// The address, when the platform says that it was confirmed; none otherwise.
    pub confirmed_email: Option<String>,
}

/// A message as the platform holds it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Its place in the channel (Slack's `ts`).
    pub at: String,
    /// Who wrote it; none when a program did.
    pub user: Option<String>,
    /// The thread that it stands in; empty outside of any, and for the message that began one.
    pub thread: String,
    /// Its text, in the platform's own mark-up.
    pub text: String,
    /// Files that hang on it.
    pub files: Vec<ChatFile>,
}

/// A file as the platform announces it; nothing of it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatFile {
    /// The platform's id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Where it is fetched, with the bot's token. The implementation refuses any host but the platform's own.
    pub url: String,
    /// How large it is said to be, bytes.
    pub size: u64,
}

/// A form on its way to one person. Every input is sent back under its field's name: in Slack, `block_id` is
/// [`crate::card::form::FormField::name`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// Opened at once, before it is known what stands in it.
    Waiting {
        /// The title.
        title: String,
    },
    /// The form.
    Form {
        /// What it asks.
        form: Box<Form>,
        /// What comes back with it unchanged (Slack's `private_metadata`): at most 3,000 characters.
        context: String,
    },
    /// Nothing to fill in any more: what happened, or why not.
    Says(Box<Reply>),
}

/// A button of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it says.
    pub label: String,
    /// What comes back when it is pressed ([`Pressed`] as text), or where it leads.
    pub does: Does,
    /// The one next step.
    pub primary: bool,
}

/// What a button of an answer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Comes back to us.
    Press(Pressed),
    /// Leads to an address.
    Open(String),
}

/// An answer to one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// Paragraphs.
    pub paragraphs: Vec<Words>,
    /// A ticket's card below them.
    pub card: Option<Box<Card>>,
    /// Buttons below that.
    pub buttons: Vec<Offer>,
    /// It takes the place of the message that was pressed on, when that was an answer to the same person.
    pub replaces: bool,
}

impl Reply {
    /// One sentence.
    #[must_use]
    pub fn of(text: impl Into<String>) -> Self {
        Self { paragraphs: vec![Words::of(text)], ..Self::default() }
    }

    /// The same with one more button.
    #[must_use]
    pub fn offering(mut self, label: &str, does: Does) -> Self {
        self.buttons.push(Offer { label: label.to_owned(), primary: self.buttons.is_empty(), does });
        self
    }
}

/// By what a message to one person is known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The ticket that it is about; empty for none.
    pub ticket: String,
    /// The entry of the outbox.
    pub what: String,
    /// It was tried before, and nobody knows whether it arrived: it is looked for first.
    pub again: bool,
}

/// What somebody sees who opens the app itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// Who they are here, and what to do when they are nobody yet.
    pub paragraphs: Vec<Words>,
    /// What they can do.
    pub buttons: Vec<Offer>,
    /// Tickets that wait for them, the most urgent first.
    pub waiting: Vec<Card>,
}

/// The platform, for one person's own interactions. Every method gives up by itself within its caller's patience.
pub trait Chat: Send + Sync + 'static {
    /// Who we are there. Asked often; the implementation remembers it.
    fn identity(&self) -> Said<'_, Identity>;

    /// Opens a form for a trigger id, which lasts three seconds; gives the form's id.
    fn open<'a>(&'a self, trigger: &'a str, sheet: &'a Sheet) -> Said<'a, String>;

    /// Puts something else into an open form. `hash`: refuse when the form is not as it was then.
    fn update<'a>(&'a self, form: &'a str, hash: Option<&'a str>, sheet: &'a Sheet) -> Said<'a, ()>;

    /// A form as the platform's own JSON, to be handed back in the answer to its submission.
    fn rendered(&self, sheet: &Sheet) -> serde_json::Value;

    /// An answer as the platform's own JSON, to be handed back in the answer to a command; only the caller sees it.
    fn worded(&self, reply: &Reply) -> serde_json::Value;

    /// Answers at a response address, for the caller only. The token is never attached, and any host but the
    /// platform's own is refused.
    fn answer<'a>(&'a self, response_url: &'a str, reply: &'a Reply) -> Said<'a, ()>;

    /// Says something in a channel that only this user sees.
    fn whisper<'a>(&'a self, channel: &'a str, user: &'a str, reply: &'a Reply) -> Said<'a, ()>;

    /// Says something to a user directly. With a mark the message bears it, and nothing is said when one that bears it was
    /// to be looked for and is there.
    fn tell<'a>(&'a self, user: &'a str, reply: &'a Reply, mark: Option<&'a Mark>) -> Said<'a, ()>;

    /// The platform told that the app was removed, or its tokens revoked. That holds until something works again.
    fn is_gone(&self);

    /// What somebody sees who opens the app itself.
    fn publish_home<'a>(&'a self, user: &'a str, home: &'a Home) -> Said<'a, ()>;

    /// What the platform knows of a user.
    fn user<'a>(&'a self, user: &'a str) -> Said<'a, ChatUser>;

    /// One message, if it is still there.
    fn message<'a>(&'a self, channel: &'a str, at: &'a str) -> Said<'a, Option<ChatMessage>>;

    /// All messages of a channel with those of its threads, or of one thread in it, the oldest first; at most `at_most` of the
    /// latest.
    fn messages<'a>(&'a self, channel: &'a str, thread: Option<&'a str>, at_most: usize) -> Said<'a, Vec<ChatMessage>>;

    /// What the platform says of a file now; none when it is gone.
    fn file<'a>(&'a self, id: &'a str) -> Said<'a, Option<ChatFile>>;

    /// A file's bytes, fetched with the bot's token; refused beyond `at_most` bytes, whatever size was announced.
    fn download<'a>(&'a self, file: &'a ChatFile, at_most: usize) -> Said<'a, Bytes>;

    /// The address of a socket over which the platform sends what it would otherwise post to us, good for one
    /// connection (Slack's `apps.connections.open`, with the app's own token).
    fn socket(&self) -> Said<'_, String>;
}

/// What a button carries: the ticket, what it does, the status that was shown, and the digest of the fields that the
/// step reads. Its text is the button's value, at most 300 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pressed {
    /// The ticket; none for what is about no ticket.
    pub ticket: Option<Number>,
    /// What it does.
    pub deed: Deed,
    /// The status that was shown; empty where none was.
    pub status: String,
    /// Digest that the step is bound to.
    pub binding: Option<String>,
}

/// What a button of a chat message does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// An action of a card.
    Act(Action),
    /// Shows the ticket's card, to the presser only.
    Show,
    /// Shows what else can be done, to the presser only.
    More,
    /// Says where accounts are linked.
    Link,
    /// "This is me": the account is linked.
    ConfirmLink,
    /// "This is not me": the code is forgotten.
    RefuseLink,
}

impl Pressed {
    /// A card's button on a ticket that stands in `status`.
    #[must_use]
    pub fn of(ticket: &Number, status: &str, button: &Button) -> Self {
        let deed = Deed::Act(button.action.clone());
        Self { ticket: Some(ticket.clone()), deed, status: status.to_owned(), binding: button.binding.clone() }
    }

    /// Something that is bound to no state of a ticket.
    #[must_use]
    pub fn plain(ticket: Option<&Number>, deed: Deed) -> Self {
        Self { ticket: ticket.cloned(), deed, status: String::new(), binding: None }
    }
}

impl fmt::Display for Pressed {
    /// `1|INC-000042|step.contain|open|<digest>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ticket = self.ticket.as_ref().map(ToString::to_string).unwrap_or_default();
        write!(f, "1|{ticket}|{}|{}|{}", self.deed, self.status, self.binding.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(action) => write!(f, "{action}"),
            Self::Show => f.write_str("!show"),
            Self::More => f.write_str("!more"),
            Self::Link => f.write_str("!link"),
            Self::ConfirmLink => f.write_str("!confirm-link"),
            Self::RefuseLink => f.write_str("!refuse-link"),
        }
    }
}

/// Not the value of a button of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a button of ours")]
pub struct NotOurs;

impl FromStr for Deed {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        Ok(match text {
            "!show" => Self::Show,
            "!more" => Self::More,
            "!link" => Self::Link,
            "!confirm-link" => Self::ConfirmLink,
            "!refuse-link" => Self::RefuseLink,
            action => Self::Act(action.parse().map_err(|_| NotOurs)?),
        })
    }
}

impl FromStr for Pressed {
    type Err = NotOurs;

    fn from_str(text: &str) -> Result<Self, NotOurs> {
        if text.len() > 300 {
            return Err(NotOurs);
        }
        let parts: Vec<&str> = text.split('|').collect();
        let &["1", ticket, deed, status, binding] = parts.as_slice() else { return Err(NotOurs) };
        let ticket = if ticket.is_empty() { None } else { Some(ticket.parse().map_err(|_| NotOurs)?) };
        let digest = |b: &str| b.len() == 64 && b.bytes().all(|b| b.is_ascii_hexdigit());
        let binding = match binding {
            "" => None,
            binding if digest(binding) => Some(binding.to_owned()),
            _ => return Err(NotOurs),
        };
        Ok(Self { ticket, deed: deed.parse()?, status: status.to_owned(), binding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buttons_value_reads_back_and_nothing_else_does() {
        let bound = Pressed {
            ticket: Some("INC-000042".parse().expect("a number")),
            deed: Deed::Act(Action::Step("contain".to_owned())),
            status: "open".to_owned(),
            binding: Some("a1".repeat(32)),
        };
        for pressed in [bound, Pressed::plain(None, Deed::Link), Pressed::plain(Some(&"INC-000001".parse().expect("a number")), Deed::Show)]
        {
            assert_eq!(pressed.to_string().parse(), Ok(pressed));
        }
        let long = format!("1|||{}|", "x".repeat(400));
        for other in
            ["", "1|INC-000042|step.contain|open", "1|INC|step.contain|open|", "1||rm -rf|open|", "1||!show||zz", "2||!show||", &long]
        {
            assert_eq!(other.parse::<Pressed>(), Err(NotOurs), "{other}");
        }
    }
}
