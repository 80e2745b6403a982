//! The desk's answers become views: cards with names and plaintext, channel lists, conversations.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cards::Cards;
use super::views::{ChannelLink, Me, Shell, StandIn};
use crate::card::form::Choice;
use crate::card::live::{Card, card};
use crate::card::scene::{Known, Scene};
use crate::card::story::{Message, Story};
use crate::card::words::with_article;
use crate::desk::Snapshot;
use crate::desk::query::{NoView, Texts};
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::people::Person;
use crate::procedure::model::{Kind, Library, Permission, Response};
use crate::ticket::event::{Actor, Event};
use crate::ticket::number::Number;
use crate::ticket::offer::may;
use crate::ticket::state::Ticket;

/// Open tickets that a page lists at most.
pub(in crate::inbound) const MOST_OPEN: i64 = 200;
/// Behind every ticket that there is.
pub(in crate::inbound) const LATEST: i64 = i64::MAX;
/// Events that one page of a channel reads at a time, and at most.
const PAGE: i64 = 1_000;
const MOST_EVENTS: usize = 20_000;

/// One reader's look at the desk, as of one moment.
pub(in crate::inbound) struct Look<'a> {
    pub(in crate::inbound) app: &'a App,
    pub(in crate::inbound) viewer: &'a Person,
    pub(in crate::inbound) snapshot: Snapshot,
    pub(in crate::inbound) library: Arc<Library>,
    pub(in crate::inbound) now: Timestamp,
}

/// A ticket with what its scene needs.
pub(in crate::inbound) struct Pinned {
    pub(in crate::inbound) ticket: Ticket,
    texts: Arc<Texts>,
    kind: Arc<Kind>,
    response: Option<Arc<Response>>,
}

impl Pinned {
    /// The procedure.
    pub(in crate::inbound) fn kind(&self) -> &Kind {
        &self.kind
    }
}

impl<'a> Look<'a> {
    /// # Errors
    /// Before the first adoption nobody may look.
    pub(in crate::inbound) fn new(app: &'a App, viewer: &'a Person) -> Result<Self, NoView> {
        let snapshot = app.desk.snapshot();
        let library = snapshot.procedures.current().cloned().ok_or(NoView::NotAllowed)?;
        Ok(Self { app, viewer, snapshot, library, now: app.desk.now() })
    }

    fn name(&self, id: &str) -> Option<String> {
        self.snapshot.directory.get(id).map(|person| person.name.clone()).filter(|name| !name.is_empty())
    }

    pub(in crate::inbound) async fn ticket(&self, number: &Number) -> Result<Pinned, NoView> {
        self.pin(self.app.desk.ticket(self.viewer, number).await?).await
    }

    async fn pin(&self, ticket: Ticket) -> Result<Pinned, NoView> {
        let pinned = self.pin_all(vec![ticket]).await?;
        pinned.into_iter().next().ok_or_else(|| NoView::NotFound("such ticket".to_owned()))
    }

    /// Tickets with what their scenes need; their sealed values are read together.
    pub(in crate::inbound) async fn pin_all(&self, tickets: Vec<Ticket>) -> Result<Vec<Pinned>, NoView> {
        let texts = Arc::new(self.app.desk.texts(self.viewer, &tickets.iter().collect::<Vec<_>>()).await?);
        let procedures = &self.snapshot.procedures;
        let pin = |ticket: Ticket| {
            let missing = || NoView::NotFound(format!("procedure for {}", ticket.number));
            let kind = procedures.kind(&ticket.kind_digest).cloned().ok_or_else(missing)?;
            let response = ticket.response.as_ref().and_then(|pinned| procedures.response(&pinned.digest)).cloned();
            Ok(Pinned { ticket, texts: Arc::clone(&texts), kind, response })
        };
        tickets.into_iter().map(pin).collect()
    }

    /// Hands the ticket's scene to `with`.
    pub(in crate::inbound) fn scene<T>(&self, pinned: &Pinned, with: impl FnOnce(&Scene<'_>) -> T) -> T {
        let name = |id: &str| self.name(id);
        let plaintext = |seq: i64, name: &str| pinned.texts.get(&(seq, name.to_owned())).cloned();
        let known = Known { name: &name, plaintext: &plaintext };
        let procedure = (pinned.kind.as_ref(), pinned.response.as_deref(), &self.library.taxonomies);
        let viewer = Actor::Person { id: self.viewer.state.id.clone(), roles: self.viewer.state.roles.clone() };
        let scene = Scene::new(&pinned.ticket, procedure, known, self.snapshot.directory.as_ref(), self.now).within(&self.library);
        with(&scene.seen_by(viewer, &self.library.organisation))
    }

    pub(in crate::inbound) fn card(&self, pinned: &Pinned) -> Card {
        self.scene(pinned, card)
    }

    /// Cards of open tickets, worst and then oldest first.
    pub(in crate::inbound) async fn open(&self) -> Result<Vec<Card>, NoView> {
        Cards::default().open(self).await
    }

    /// Cards of open tickets of one kind, worst and then latest first.
    pub(in crate::inbound) async fn open_of(&self, kind: &str) -> Result<Vec<Card>, NoView> {
        let found = self.app.desk.tickets_open_latest(self.viewer, kind, MOST_OPEN).await?;
        let pinned = self.pin_all(found.into_iter().map(|(_, ticket)| ticket).collect()).await?;
        let mut cards: Vec<Card> = pinned.iter().map(|pinned| self.card(pinned)).collect();
        cards.sort_by_key(|card| card.severity.as_ref().map_or(u8::MAX, |s| s.level));
        Ok(cards)
    }

    /// Tickets that ended, opened before position `before`, the latest opened first; and where the older ones begin.
    pub(in crate::inbound) async fn ended(&self, before: i64, at_most: i64) -> Result<(Vec<ChannelLink>, Option<i64>), NoView> {
        let mut found = self.app.desk.tickets_ended(self.viewer, before, at_most + 1).await?;
        let more = usize::try_from(at_most).is_ok_and(|most| found.len() > most);
        found.truncate(usize::try_from(at_most).unwrap_or(usize::MAX));
        let older = found.last().map(|(seq, _)| *seq).filter(|_| more);
        let pinned = self.pin_all(found.into_iter().map(|(_, ticket)| ticket).collect()).await?;
        Ok((pinned.iter().map(|pinned| ChannelLink::of(&self.card(pinned))).collect(), older))
    }

    /// The kinds that the reader may open by hand: first those that alerts open as well.
    pub(in crate::inbound) fn declarable(&self) -> Vec<&Kind> {
        let actor = Actor::Person { id: self.viewer.state.id.clone(), roles: self.viewer.state.roles.clone() };
        let may_open = |kind: &&Kind| may(&actor, None, &kind.declare.by);
        let mut kinds: Vec<&Kind> = self.library.kinds.values().map(AsRef::as_ref).filter(may_open).collect();
        let opened_by_alerts = |kind: &Kind| self.library.responses.iter().any(|response| response.kind == kind.name);
        kinds.sort_by_key(|kind| !opened_by_alerts(kind));
        kinds
    }

    /// All of a ticket's events, and the plaintext they seal.
    pub(in crate::inbound) async fn history(&self, number: &Number) -> Result<(Vec<Event>, Texts), NoView> {
        let (mut events, mut texts) = (Vec::new(), Texts::new());
        while events.len() < MOST_EVENTS {
            let after = i64::try_from(events.len()).unwrap_or(i64::MAX);
            let page = self.app.desk.history(self.viewer, number, after, PAGE).await?;
            let full = i64::try_from(page.len()).is_ok_and(|n| n == PAGE);
            for told in page {
                let seq = told.event.seq;
                texts.extend(told.texts.into_iter().map(|(name, text)| ((seq, name), text)));
                events.push(told.event);
            }
            if !full {
                break;
            }
        }
        Ok((events, texts))
    }

    /// Hands the ticket's story to `with`.
    pub(in crate::inbound) fn story(&self, pinned: &Pinned, texts: &Texts, with: impl FnOnce(Story<'_>) -> Vec<Message>) -> Vec<Message> {
        let name = |id: &str| self.name(id);
        let plaintext = |seq: i64, name: &str| texts.get(&(seq, name.to_owned())).cloned();
        let known = Known { name: &name, plaintext: &plaintext };
        with(Story { kind: Some(&pinned.kind), response: pinned.response.as_deref(), taxonomies: &self.library.taxonomies, known })
    }

    pub(in crate::inbound) async fn conversation(&self, pinned: &Pinned) -> Result<Vec<Message>, NoView> {
        let (events, texts) = self.history(&pinned.ticket.number).await?;
        Ok(self.story(pinned, &texts, |story| story.conversation(&events)))
    }

    /// What stands around every page. `open` are the cards of open tickets; the ticket that is looked at is listed
    /// even when it has ended.
    pub(in crate::inbound) fn shell(&self, open: &[Card], here: Option<&Card>) -> Shell {
        let mut channels: Vec<ChannelLink> = open.iter().map(ChannelLink::of).collect();
        if let Some(card) = here.filter(|card| open.iter().all(|c| c.number != card.number)) {
            channels.push(ChannelLink::of(card));
        }
        let roles = self.viewer.state.roles.iter().map(|role| role.replace('-', " ")).collect();
        Shell {
            organisation: self.library.organisation.name.clone(),
            me: Me { id: self.viewer.state.id.clone(), name: self.viewer.name.clone(), roles },
            declare: match self.declarable().as_slice() {
                [] => None,
                [kind] => Some(format!("Declare {}", with_article(&kind.title.to_lowercase()))),
                _ => Some("New ticket".to_owned()),
            },
            reads: self.app.desk.allow(self.viewer, Permission::Read).is_ok(),
            stand_ins: stand_ins(self.app),
            channels,
            here: here.map(|card| card.number.clone()),
            notice: None,
            now: self.now,
            key: self.app.desk.env().id(""),
            seen: self.snapshot.size - 1,
        }
    }

    /// Active people, to choose from.
    pub(in crate::inbound) fn people(&self) -> Vec<Choice> {
        let active = self.snapshot.directory.iter().filter(|person| !person.state.disabled);
        let by_name: BTreeMap<String, String> = active.map(|p| (p.name.clone(), p.state.id.clone())).collect();
        by_name.into_iter().map(|(label, value)| Choice { value, label }).collect()
    }
}

/// In the demonstration: the people that one can be, in order of name.
pub(in crate::inbound) fn stand_ins(app: &App) -> Vec<StandIn> {
    if !app.demo {
        return Vec::new();
    }
    let directory = app.desk.snapshot().directory;
    let stand_in = |person: &Person| StandIn {
        id: person.state.id.clone(),
        name: person.name.clone(),
        role: person.state.roles.first().map_or_else(|| "no role".to_owned(), |role| role.replace('-', " ")),
    };
    let mut people: Vec<StandIn> = directory.iter().filter(|p| !p.state.disabled).map(stand_in).collect();
    people.sort_by(|a, b| a.name.cmp(&b.name));
    people
}
