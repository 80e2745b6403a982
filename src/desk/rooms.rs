//! Where tickets stand in chat. A commit that a channel should hear of leaves one outbox entry for its ticket; a newer
//! one takes its place, so a storm is told as often as Slack bears it, and the deliverer reads what there is to tell from
//! the ticket and its events. What was sent is remembered beside the outbox, and rebuilt by nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::known::{Known, read_event};
use super::projections::ticket_of;
use super::query::{NoView, Texts, sealed_in};
use super::request::{Ask, Dedupe, Request, Unanswered};
use super::{Desk, Snapshot};
use crate::card::scene::{Known as Names, Scene};
use crate::card::story::{Heard, Message, Story};
use crate::env::Timestamp;
use crate::procedure::model::{Kind, Library, Response};
use crate::store::StoreError;
use crate::store::commit::{OutboxRow, SealedRow};
pub use crate::store::read::Due;
pub use crate::store::room::{RoomRow, TroubleRow};
use crate::ticket::command::{Command, RoomNews};
use crate::ticket::event::{Actor, Event, Fact};
use crate::ticket::guard::screen;
use crate::ticket::nudge::{self, Waits};
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// Events that are read at a time.
const PAGE: i64 = 1_000;
/// Troubles that are listed at most.
const MOST_TROUBLES: i64 = 100;
/// In the place of a thread that is not there yet, in a channel that tickets share: what is said in the channel itself is of
/// none of them.
pub const NO_THREAD: &str = "-";
/// What stands in chat in place of a text that bears a protective marking.
const HELD_BACK: &str = "(held back: it bears a protective marking; the console has it)";

/// What an outbox entry for chat says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// The ticket.
    pub ticket: Number,
    /// The latest event of it that is to be told.
    pub seq: i64,
}

/// Whether chat is told of an event, and at once: what a person did, what opens a ticket, what calls somebody.
pub(super) fn loudness(event: &Event) -> Option<bool> {
    match &event.fact {
        Fact::ChannelOpened { .. } | Fact::ChannelArchived { .. } | Fact::LinesListed { .. } => None,
        Fact::TicketOpened(_)
        | Fact::ClockBreached { .. }
        | Fact::ClockWarned { .. }
        | Fact::Escalated { .. }
        | Fact::PageMissed { .. } => Some(true),
        _ => Some(matches!(event.actor, Actor::Person { .. } | Actor::Account { .. })),
    }
}

/// Whether an event is told at once: see `loudness`.
#[must_use]
pub fn is_urgent(event: &Event) -> bool {
    loudness(event) == Some(true)
}

/// The outbox entry for a ticket that has a place in chat.
pub(super) fn entry(platform: &str, known: &Known, ticket: &Ticket, urgent: bool, now: Timestamp) -> Option<OutboxRow> {
    let kind = known.procedures.kind(&ticket.kind_digest)?;
    if kind.channel.own.is_empty() {
        return None;
    }
    let payload = super::overlay::json(&Entry { ticket: ticket.number.clone(), seq: ticket.seq });
    let not_before = if urgent { 0 } else { now.micros() };
    Some(OutboxRow { channel: platform.to_owned(), id: ticket.opened_seq, queued_at: now.micros(), not_before, payload })
}

/// Whether an event calls people.
fn calls(event: &Event) -> bool {
    matches!(event.fact, Fact::Escalated { .. } | Fact::GroupNotified { .. })
}

/// What may stand in chat of a text: not what bears a protective marking, nor secrets and card numbers.
fn fit_for_chat(name: &str, text: &str) -> String {
    let screened = |text: &str| {
        let screened = screen(text);
        if screened.refused() { HELD_BACK.to_owned() } else { screened.masked }
    };
    // Of an alert, only its title is ever said.
    if name == "alert"
        && let Ok(mut alert) = serde_json::from_str::<serde_json::Value>(text)
    {
        if let Some(title) = alert["title"].as_str().map(screened) {
            alert["title"] = title.into();
        }
        return alert.to_string();
    }
    screened(text)
}

/// Up to where a ticket's events were read, and what is still needed of those.
#[derive(Clone, Debug, Default)]
pub struct Position {
    /// The revision.
    pub rev: i64,
    /// What they said that later sentences speak of.
    heard: Heard,
    /// The last message that they made, which may still grow, and the event that it began with.
    last: Option<(Message, Event)>,
    /// Those that call people.
    calls: Vec<Event>,
}

/// A ticket with everything that a channel is told of it.
pub struct Telling {
    /// The ticket.
    pub ticket: Ticket,
    /// Its procedure.
    pub kind: Arc<Kind>,
    /// Its response playbook.
    pub response: Option<Arc<Response>>,
    /// The organisation's library.
    pub library: Arc<Library>,
    /// Who people are.
    pub snapshot: Snapshot,
    /// Its events after those that were read before.
    pub events: Vec<Event>,
    before: Arc<Position>,
    texts: Texts,
    now: Timestamp,
}

impl Telling {
    /// Hands the ticket's scene, as everybody in a channel sees it, to `with`.
    pub fn scene<T>(&self, with: impl FnOnce(&Scene<'_>) -> T) -> T {
        let name = |id: &str| self.name(id);
        let plaintext = |seq: i64, name: &str| self.texts.get(&(seq, name.to_owned())).cloned();
        let known = Names { name: &name, plaintext: &plaintext };
        let procedure = (self.kind.as_ref(), self.response.as_deref(), &self.library.taxonomies);
        with(&Scene::new(&self.ticket, procedure, known, self.snapshot.directory.as_ref(), self.now))
    }

    /// Whose decision the ticket waits for.
    #[must_use]
    pub fn waits(&self) -> Option<Waits> {
        self.scene(|scene| {
            let around = scene.around(&self.library.organisation);
            nudge::waits(&around, &self.ticket)
        })
    }

    /// What a channel shows of the events, after the last message that was made before, which may have grown.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let name = |id: &str| self.name(id);
        let plaintext = |seq: i64, name: &str| self.texts.get(&(seq, name.to_owned())).cloned();
        let known = Names { name: &name, plaintext: &plaintext };
        let story = Story { kind: Some(&self.kind), response: self.response.as_deref(), taxonomies: &self.library.taxonomies, known };
        let last = self.before.last.as_ref().map(|(message, _)| message.clone());
        story.conversation_after(self.before.heard.clone(), last, &self.events)
    }

    /// The event at this position, if a message begins with it.
    #[must_use]
    pub fn event(&self, seq: i64) -> Option<&Event> {
        let last = self.before.last.iter().map(|(_, event)| event);
        last.chain(&self.events).find(|event| event.seq == seq)
    }

    /// Events that call people, from the ticket's beginning on.
    pub fn calls(&self) -> impl Iterator<Item = &Event> {
        self.before.calls.iter().chain(self.events.iter().filter(|event| calls(event)))
    }

    /// Where to read on, once all of this was told.
    #[must_use]
    pub fn position(&self) -> Position {
        let mut heard = self.before.heard.clone();
        self.events.iter().for_each(|event| heard.hear(event));
        let last = self.messages().pop().and_then(|message| Some((self.event(message.seq)?.clone(), message)));
        let last = last.map(|(event, message)| (message, event));
        Position { rev: self.ticket.rev, heard, last, calls: self.calls().cloned().collect() }
    }

    fn name(&self, id: &str) -> Option<String> {
        self.snapshot.directory.get(id).map(|person| person.name.clone()).filter(|name| !name.is_empty())
    }
}

impl Desk {
    /// A ticket with everything that a channel is told of it, from its beginning on.
    ///
    /// # Errors
    /// When there is none, or the database does not answer.
    pub async fn telling(&self, number: &Number) -> Result<Telling, NoView> {
        self.telling_after(number, Arc::default()).await
    }

    /// The same, from a position on.
    ///
    /// # Errors
    /// When there is none, or the database does not answer.
    pub async fn telling_after(&self, number: &Number, before: Arc<Position>) -> Result<Telling, NoView> {
        let snapshot = self.snapshot();
        let missing = || NoView::NotFound(format!("procedure for {number}"));
        let library = snapshot.procedures.current().cloned().ok_or_else(missing)?;
        let ticket = self.ticket_unchecked(number).await?;
        let kind = snapshot.procedures.kind(&ticket.kind_digest).cloned().ok_or_else(missing)?;
        let response = ticket.response.as_ref().and_then(|pinned| snapshot.procedures.response(&pinned.digest)).cloned();
        let (name, mut after, mut events) = (number.to_string(), before.rev, Vec::new());
        // What stands in its fields may have been said long ago.
        let mut sealed = self.store().sealed_of_events(sealed_in(&ticket).collect()).await?;
        // The ticket was read first, so there may be more events by now: they are told with the next entry.
        while after < ticket.rev {
            let rows = self.store().events_of(&name, after, PAGE.min(ticket.rev - after)).await?;
            let to = after.saturating_add(i64::try_from(rows.len()).unwrap_or(0));
            if to == after {
                break;
            }
            sealed.extend(self.store().sealed_of(&name, after, to).await?);
            after = to;
            for (seq, bytes) in rows {
                events.push(read_event(seq, &bytes)?);
            }
        }
        let fit = |row: SealedRow| {
            let text = fit_for_chat(&row.name, &String::from_utf8_lossy(&row.bytes));
            ((row.seq, row.name), text)
        };
        let texts = sealed.into_iter().map(fit).collect();
        Ok(Telling { ticket, kind, response, library, snapshot, events, before, texts, now: self.now() })
    }

    /// Where a ticket stands on a platform; an empty ticket stands for the channel that tickets have threads in.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn chat_room(&self, platform: &str, ticket: &str) -> Result<Option<RoomRow>, StoreError> {
        self.store().room(platform, ticket).await
    }

    /// Keeps where a ticket stands, by the turn that ends at `turn`; `false` when a later turn has begun.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_room(&self, platform: &str, ticket: &str, room: &RoomRow, turn: i64) -> Result<bool, StoreError> {
        self.store().keep_room(platform, ticket, room, turn).await
    }

    /// Whether a ticket that was opened before this one still waits for its first message in a channel that they share. One
    /// that was queued before `since` holds nobody back any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn others_first(&self, platform: &str, ticket: &Ticket, since: Timestamp) -> Result<bool, StoreError> {
        self.store().rooms_before(platform, ticket.opened_seq, since.micros()).await
    }

    /// The ticket that is talked about in a channel, or in a thread of it (empty for the channel itself).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ticket_at(&self, platform: &str, channel: &str, thread: &str) -> Result<Option<Number>, StoreError> {
        let here = self.store().ticket_at(platform, channel, thread).await?;
        let found = match here {
            Some(number) => Some(number),
            // What is said of a message where the ticket was before is said of that ticket.
            None => self.store().ticket_at(&left(platform), channel, thread).await?,
        };
        Ok(found.and_then(|number| number.split('/').next()?.parse().ok()))
    }

    /// Whether any ticket stands in this channel, or stood there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tells_in(&self, platform: &str, channel: &str) -> Result<bool, StoreError> {
        Ok(self.store().any_room_in(platform, channel).await? || self.store().any_room_in(&left(platform), channel).await?)
    }

    /// Remembers a place that a ticket leaves: messages there are still of that ticket.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_left(&self, platform: &str, ticket: &str, channel: &str, thread: &str) -> Result<(), StoreError> {
        let row = RoomRow { channel: channel.to_owned(), thread: thread.to_owned(), ..RoomRow::default() };
        let name = format!("{ticket}/{channel}/{thread}");
        self.store().keep_room(&left(platform), &name, &row, self.now().micros()).await.map(drop)
    }

    /// The places that a ticket has left, channel and thread, the first one first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn places_left(&self, platform: &str, ticket: &Number) -> Result<Vec<(String, String)>, StoreError> {
        self.store().rooms_named(&left(platform), &format!("{ticket}/")).await
    }

    /// Queues the tickets for which something is to be done in chat by itself (an archive that falls due).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn wake_rooms(&self, platform: &str) -> Result<(), StoreError> {
        let now = self.now().micros();
        for number in self.store().rooms_due(platform, now, PAGE).await? {
            let Some(held) = self.store().ticket(&number).await? else { continue };
            let Ok(ticket) = ticket_of(&held) else { continue };
            let payload = super::overlay::json(&Entry { ticket: ticket.number.clone(), seq: ticket.seq });
            self.store().queue(platform, ticket.opened_seq, now, &payload).await?;
        }
        Ok(())
    }

    /// Records what became of a ticket's room; a second time it is the same event.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub async fn tell_room(&self, ticket: &Number, news: RoomNews, channel: &str) -> Result<(), Unanswered> {
        let word = match &news {
            RoomNews::Opened { platform, .. } => format!("opened:{platform}"),
            RoomNews::Archived { platform } => format!("archived:{platform}"),
        };
        let key = format!("room:{word}:{ticket}:{channel}");
        let command = Command::TellRoom { ticket: ticket.clone(), news, channel: self.seal(channel) };
        let dedupe = Some(Dedupe { digest: key.clone(), key });
        let request = Request { dedupe, ..Request::of_scheduler(Ask::Ticket(Box::new(command))) };
        self.ask(request).await.map(drop)
    }

    /// Something does not work on a platform (`words` say what to do), or works again (none). `subject`: a ticket, or empty.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn chat_trouble(&self, platform: &str, subject: &str, words: Option<&str>) -> Result<(), StoreError> {
        self.store().trouble(platform, subject, self.now().micros(), words).await
    }

    /// What does not work in chat.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn chat_troubles(&self) -> Result<Vec<TroubleRow>, StoreError> {
        self.store().troubles(MOST_TROUBLES).await
    }
}

/// Under which name the places stand that tickets have left.
fn left(platform: &str) -> String {
    format!("{platform}, left")
}

/// Accounts of people on a platform and in one workspace: person → user there.
#[must_use]
pub fn users_of(snapshot: &Snapshot, platform: &str, team: &str) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for person in snapshot.directory.iter().filter(|person| !person.state.disabled) {
        for account in snapshot.directory.accounts_of(&person.state.id).filter(|account| account.state.platform == platform) {
            if let Some((in_team, user)) = account.team_and_user()
                && in_team == team
            {
                out.entry(person.state.id.clone()).or_default().push(user.to_owned());
            }
        }
    }
    out
}
