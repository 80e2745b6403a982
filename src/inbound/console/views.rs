//! What pages are made from. Plain values: no HTML, no queries, no clock.

use crate::card::form::Form;
use crate::card::live::Card;
use crate::card::scene::Severity;
use crate::card::story::Message;
use crate::card::words::Words;
use crate::env::Timestamp;

/// Where the console lives.
pub const ROOT: &str = "/console";

/// What every signed-in page shows around its middle.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The organisation's name.
    pub organisation: String,
    /// Who is looking.
    pub me: Me,
    /// Whether the reader may see tickets; somebody who only administers may not.
    pub reads: bool,
    /// What the button says that opens a ticket by hand; none when the reader may open none.
    pub declare: Option<String>,
    /// In the demonstration: the people that one can be. Empty otherwise.
    pub stand_ins: Vec<StandIn>,
    /// Open tickets, worst and oldest first, perhaps with the ended one that is being looked at.
    pub channels: Vec<ChannelLink>,
    /// The ticket whose channel is open; none in `#incidents` and on other pages.
    pub here: Option<String>,
    /// Something that was just done or refused, said once.
    pub notice: Option<Notice>,
    /// The moment of rendering.
    pub now: Timestamp,
    /// Fresh and unpredictable for each rendering: every form's `dedupe` value is this and the action, so that a
    /// double click records once. Handlers join it with the person before they use it as a request's key.
    pub key: String,
    /// Sequence number of the latest event that the page knows; the stream goes on behind it.
    pub seen: i64,
}

/// Who is looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// Roles in words.
    pub roles: Vec<String>,
}

/// One of the example people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// What this person may do, in a word or two.
    pub role: String,
}

/// A channel in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelLink {
    /// `INC-000042`
    pub number: String,
    /// What it is about.
    pub title: String,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// Where it stands.
    pub state: String,
    /// When its next clock is due.
    pub due: Option<Timestamp>,
    /// A clock has run out.
    pub breached: bool,
    /// The work has ended.
    pub ended: bool,
    /// Sequence number of its latest event: the script marks a channel that moved on since it was last open.
    pub seq: i64,
}

impl ChannelLink {
    /// The channel of a ticket, from its card.
    #[must_use]
    pub fn of(card: &Card) -> Self {
        let clock = card.clocks.iter().find(|c| c.running).filter(|_| !card.ended);
        Self {
            number: card.number.clone(),
            title: card.title.clone(),
            severity: card.severity.clone(),
            state: card.status.clone(),
            due: clock.map(|c| c.due),
            breached: clock.is_some_and(|c| c.breached),
            ended: card.ended,
            seq: card.seq,
        }
    }
}

/// Something said once at the top of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// It was refused, rather than done.
    pub refused: bool,
    /// What.
    pub text: String,
}

/// The desk: channels on the left, one of them open.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Around it.
    pub shell: Shell,
    /// What is open.
    pub room: Room,
}

/// What is open in the middle.
#[derive(Clone, Debug)]
pub enum Room {
    /// `#incidents`: the open ones, oldest first, and the latest that ended.
    Incidents {
        /// Cards of open tickets.
        open: Vec<Card>,
        /// Tickets that ended lately.
        ended: Vec<ChannelLink>,
    },
    /// One ticket's channel.
    Ticket {
        /// Its live card.
        card: Box<Card>,
        /// Its conversation, oldest first.
        messages: Vec<Message>,
        /// Whether the reader may add notes.
        may_write: bool,
        /// What is said of its lines, when it has some.
        lines: Option<LinesNote>,
    },
}

/// What a review's page says of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinesNote {
    /// How far it is, in a sentence.
    pub text: String,
    /// How many wait for the reader.
    pub mine: i64,
}

/// Tickets whose work has ended, a page at a time.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Around it.
    pub shell: Shell,
    /// The latest opened first.
    pub tickets: Vec<ChannelLink>,
    /// Where older ones are.
    pub older: Option<String>,
    /// It is not the first page.
    pub further: bool,
}

/// A form on a page of its own, or in a dialog.
#[derive(Clone, Debug)]
pub struct FormView {
    /// The form.
    pub form: Form,
    /// The ticket; none when declaring.
    pub number: Option<String>,
    /// When declaring: the other kinds that can be opened, and where.
    pub kinds: Vec<(String, String)>,
    /// The form's `dedupe` value. It stays the same when a refused form is shown again.
    pub dedupe: String,
    /// The moment of rendering.
    pub now: Timestamp,
}

/// Every event of a ticket, with recorded and claimed times.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Around it.
    pub shell: Shell,
    /// The ticket.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// All messages, by recorded time.
    pub entries: Vec<Entry>,
}

/// One event of a timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is said of it.
    pub message: Message,
    /// `TransitionTaken`
    pub kind: String,
    /// Roles held then, and the way it came in, in words.
    pub by: String,
}

/// Everybody in the directory.
#[derive(Clone, Debug)]
pub struct People {
    /// Around it.
    pub shell: Shell,
    /// In order of name.
    pub people: Vec<PersonLine>,
}

/// A person in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonLine {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
    /// Roles in words.
    pub roles: Vec<String>,
    /// The accounts were stopped.
    pub disabled: bool,
    /// Who stands in for the person now, and for whom the person does.
    pub stand_ins: Vec<Words>,
}

/// The page on which somebody links a chat account.
#[derive(Clone, Debug)]
pub struct LinkView {
    /// Whose page it is.
    pub name: String,
    /// Accounts that are theirs now.
    pub accounts: Vec<AccountLine>,
    /// The code to type in chat, once it was asked for.
    pub code: Option<String>,
    /// Until when it is good.
    pub until: String,
    /// Why there is none.
    pub refused: Option<String>,
}

/// Freezes ahead, and the address of one's own calendar.
#[derive(Clone, Debug)]
pub struct CalendarView {
    /// In order of their beginning.
    pub freezes: Vec<FreezeLine>,
    /// The address, when it was just made.
    pub address: Option<String>,
    /// There is one.
    pub has_address: bool,
    /// Why there is none.
    pub refused: Option<String>,
}

/// One freeze.
#[derive(Clone, Debug)]
pub struct FreezeLine {
    /// What it is called.
    pub name: String,
    /// Why.
    pub why: String,
    /// The systems that it covers; empty for all.
    pub systems: String,
    /// From this moment on.
    pub starts: Timestamp,
    /// The first moment after it.
    pub ends: Timestamp,
}

/// One chat account.
#[derive(Clone, Debug)]
pub struct AccountLine {
    /// Its opaque id.
    pub id: String,
    /// `Slack`
    pub platform: String,
    /// What the platform calls it.
    pub handle: String,
}

/// The page of a one-time link, or of somebody who is not signed in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The organisation's name.
    pub organisation: String,
    /// The one-time link's secret, waiting to be used by a click; none without a link.
    pub token: Option<String>,
    /// In the demonstration: the people that one can be.
    pub stand_ins: Vec<StandIn>,
    /// Why a link was refused.
    pub refused: Option<String>,
}

/// A page that says one thing: not found, an error, a refusal.
#[derive(Clone, Debug)]
pub struct Plain {
    /// The organisation's name.
    pub organisation: String,
    /// What happened.
    pub title: String,
    /// What to do about it.
    pub text: Words,
    /// A command that does it.
    pub command: Option<String>,
    /// Where to go from here: the label and the address.
    pub way_on: (String, String),
    /// The reader is signed in, and may want to be somebody else.
    pub signed_in: bool,
}
