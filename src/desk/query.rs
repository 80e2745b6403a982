//! What pages and programs ask, by people who may. Default deny: every function takes the person who looks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::known::read_event;
use super::overlay::alert_id;
use super::projections::{alert_of, ticket_of};
use super::request::{Refused, Unanswered};
use super::{Desk, DeskError};
use crate::env::Timestamp;
use crate::people::{PeopleRefusal, Person};
use crate::procedure::model::Permission;
use crate::store::StoreError;
use crate::store::commit::HeldTicket;
use crate::store::read::Due;
use crate::ticket::correlation::alert_key;
use crate::ticket::duties::Around;
use crate::ticket::event::{Actor, Event};
use crate::ticket::inbox::{self, Waiting};
use crate::ticket::number::Number;
use crate::ticket::spoken;
use crate::ticket::state::{Held, Ticket};

/// Plaintext of sealed values, by event and name. What was redacted is not here.
pub type Texts = BTreeMap<(i64, String), String>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoView {
    /// The person may not look.
    #[error("Your roles do not allow you to see this. Ask an administrator.")]
    NotAllowed,
    /// There is no such thing, or this person may not know of it.
    #[error("There is no {0}.")]
    NotFound(String),
    /// The database.
    #[error("I cannot look that up: {0}. Please try again in a minute.")]
    Store(#[from] StoreError),
    /// What is stored does not read back.
    #[error("I cannot look that up: {0}")]
    Desk(#[from] DeskError),
}

impl From<NoView> for Unanswered {
    fn from(error: NoView) -> Self {
        match error {
            NoView::NotAllowed => Refused::People(PeopleRefusal::NotAllowed).into(),
            other => Self::NotStored(other.to_string()),
        }
    }
}

/// Open tickets that are read at a time for somebody's inbox.
const INBOX_PAGE: i64 = 500;
/// How long the database may take to say whether its commits are durable.
const DURABILITY: Duration = Duration::from_secs(5);

/// An event with the plaintext that it seals.
#[derive(Clone, Debug)]
pub struct Told {
    /// The event.
    pub event: Event,
    /// Plaintext by name; what was redacted is missing.
    pub texts: BTreeMap<String, String>,
}

/// Events read at a time to find a ticket's alerts.
const PAGE: i64 = 1000;

fn placed(held: &HeldTicket) -> Result<(i64, Ticket), NoView> {
    Ok((held.opened_seq, ticket_of(held)?))
}

/// Positions of the events that seal what a ticket's page shows.
pub(super) fn sealed_in(ticket: &Ticket) -> impl Iterator<Item = i64> {
    let fields = ticket.fields.values().filter_map(|held| match held {
        Held::Sealed(sealed) => Some(sealed.seq),
        Held::Plain(_) => None,
    });
    fields.chain(ticket.files.iter().map(|f| f.seq)).chain(ticket.links.iter().map(|l| l.seq))
}

/// Looks for the first position in order that is not earlier than something, by halves.
struct Halving {
    low: i64,
    high: i64,
}

impl Halving {
    /// Where to look next; none once `low` is the one.
    fn middle(&self) -> Option<i64> {
        (self.low < self.high).then(|| self.low + (self.high - self.low) / 2)
    }

    fn seen(&mut self, position: i64, earlier: bool) {
        if earlier {
            self.low = position + 1;
        } else {
            self.high = position;
        }
    }
}

impl Desk {
    /// Refuses a person who may not look (or export, or administer).
    ///
    /// # Errors
    /// [`NoView::NotAllowed`].
    pub fn allow(&self, person: &Person, permission: Permission) -> Result<(), NoView> {
        let snapshot = self.snapshot();
        let library = snapshot.procedures.current().ok_or(NoView::NotAllowed)?;
        let active = snapshot.directory.active(&person.state.id).ok_or(NoView::NotAllowed)?;
        if active.may(&library.organisation, permission) { Ok(()) } else { Err(NoView::NotAllowed) }
    }

    /// A ticket.
    ///
    /// # Errors
    /// When the person may not look, or there is none.
    pub async fn ticket(&self, viewer: &Person, number: &Number) -> Result<Ticket, NoView> {
        self.allow(viewer, Permission::Read)?;
        self.ticket_unchecked(number).await
    }

    pub(crate) async fn ticket_unchecked(&self, number: &Number) -> Result<Ticket, NoView> {
        let held = self.store().ticket(&number.to_string()).await?.ok_or_else(|| NoView::NotFound(number.to_string()))?;
        Ok(ticket_of(&held)?)
    }

    /// Tickets opened after position `after` (−1 for all), each with the position of its opening: a cursor that stays
    /// right while others write. `kind` and `status` empty for all.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn tickets(&self, viewer: &Person, after: i64, kind: &str, status: &str, at_most: i64) -> Result<Vec<(i64, Ticket)>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let rows = self.store().tickets(after, kind, status, at_most).await?;
        rows.iter().map(placed).collect()
    }

    /// Tickets whose work goes on, opened after position `after`.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn tickets_open(&self, viewer: &Person, after: i64, at_most: i64) -> Result<Vec<(i64, Ticket)>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let rows = self.store().tickets_open(after, at_most).await?;
        rows.iter().map(placed).collect()
    }

    /// Tickets whose work goes on, the latest opened first; of one kind, or of all when it is empty.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn tickets_open_latest(&self, viewer: &Person, kind: &str, at_most: i64) -> Result<Vec<(i64, Ticket)>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let rows = self.store().tickets_open_latest(kind, at_most).await?;
        rows.iter().map(placed).collect()
    }

    /// Tickets whose work has ended, opened before position `before`, the latest opened first: a cursor that stays right
    /// while others write.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn tickets_ended(&self, viewer: &Person, before: i64, at_most: i64) -> Result<Vec<(i64, Ticket)>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let rows = self.store().tickets_ended(before, at_most).await?;
        rows.iter().map(placed).collect()
    }

    /// Tickets of one kind opened in the positions `[from, before)`, the latest opened first; `status` empty for all.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn tickets_latest(
        &self,
        viewer: &Person,
        kind: &str,
        between: (i64, i64),
        status: &str,
        at_most: i64,
    ) -> Result<Vec<(i64, Ticket)>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let rows = self.store().tickets_latest(kind, between, status, at_most).await?;
        rows.iter().map(placed).collect()
    }

    /// How many tickets of one kind were opened in the positions `[from, before)`.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn count_of_kind(&self, viewer: &Person, kind: &str, between: (i64, i64)) -> Result<i64, NoView> {
        self.allow(viewer, Permission::Read)?;
        Ok(self.store().tickets_count(kind, between).await?)
    }

    /// How many tickets of each kind and status.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tickets_counted(&self) -> Result<Vec<(String, String, i64)>, NoView> {
        Ok(self.store().tickets_counted().await?)
    }

    /// A ticket's events after revision `after`, with the plaintext they seal.
    ///
    /// # Errors
    /// When the person may not look, or there is no such ticket.
    pub async fn history(&self, viewer: &Person, number: &Number, after: i64, at_most: i64) -> Result<Vec<Told>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let name = number.to_string();
        let events = self.store().events_of(&name, after, at_most).await?;
        if events.is_empty() && self.store().ticket(&name).await?.is_none() {
            return Err(NoView::NotFound(name));
        }
        let to = after.saturating_add(i64::try_from(events.len()).unwrap_or(0));
        let sealed = self.store().sealed_of(&name, after, to).await?;
        let mut texts: BTreeMap<i64, BTreeMap<String, String>> = BTreeMap::new();
        for row in sealed {
            texts.entry(row.seq).or_default().insert(row.name, String::from_utf8_lossy(&row.bytes).into_owned());
        }
        events
            .into_iter()
            .map(|(seq, bytes)| Ok(Told { event: read_event(seq, &bytes)?, texts: texts.remove(&seq).unwrap_or_default() }))
            .collect()
    }

    /// Events of the whole log from position `from` on, without plaintext.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn log(&self, viewer: &Person, from: i64, at_most: i64) -> Result<Vec<Event>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let rows = self.store().events_from(from, at_most).await?;
        rows.into_iter().map(|(seq, bytes)| Ok(read_event(seq, &bytes)?)).collect()
    }

    /// The transition that can be decided on now: the first one, in the procedure's order, that needs an approval and can be
    /// started from here; where none does, the first that could be taken, of which the engine then says so.
    ///
    /// # Errors
    /// When the person may not look, or there is no such ticket.
    pub async fn awaits_decision(&self, viewer: &Person, number: &Number) -> Result<String, NoView> {
        let ticket = self.ticket(viewer, number).await?;
        let snapshot = self.snapshot();
        let Some(kind) = snapshot.procedures.kind(&ticket.kind_digest) else { return Err(NoView::NotFound(number.to_string())) };
        if let Some(spoken) = kind.transitions.values().find(|t| spoken::waits(&ticket, t)) {
            return Ok(spoken.name.clone());
        }
        let here = || kind.transitions.values().filter(|t| t.from.iter().any(|from| from.status == ticket.status));
        let found = here().find(|t| t.approval.is_some()).or_else(|| here().next());
        found.map(|t| t.name.clone()).ok_or_else(|| NoView::NotFound(format!("decision that {number} waits for")))
    }

    /// What waits for this person, in the order in which one looks at it: what is due first, then by risk. At most
    /// `at_most` things.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn inbox(&self, viewer: &Person, at_most: usize) -> Result<Vec<(Waiting, Ticket)>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let snapshot = self.snapshot();
        let Some(library) = snapshot.procedures.current() else { return Ok(Vec::new()) };
        let actor = Actor::Person { id: viewer.state.id.clone(), roles: viewer.state.roles.clone() };
        let mut out: Vec<(Waiting, Ticket)> = Vec::new();
        let mut after = -1;
        loop {
            let page = self.tickets_open(viewer, after, INBOX_PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            for (_, ticket) in page {
                let Some(kind) = snapshot.procedures.kind(&ticket.kind_digest) else { continue };
                let response = ticket.response.as_ref().and_then(|r| snapshot.procedures.response(&r.digest));
                let around = Around {
                    now: self.now(),
                    organisation: &library.organisation,
                    people: snapshot.directory.as_ref(),
                    kind,
                    response: response.map(AsRef::as_ref),
                };
                out.extend(inbox::waiting(&around, &ticket, &actor).into_iter().map(|w| (w, ticket.clone())));
            }
        }
        out.sort_by(|(a, _), (b, _)| inbox::compare(a, b));
        out.truncate(at_most);
        Ok(out)
    }

    /// Position of the first event that was recorded at `at` or later; the number of events when there is none. Time never
    /// runs backwards in the log, so a few looks find it.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn position_at(&self, viewer: &Person, at: Timestamp) -> Result<i64, NoView> {
        self.allow(viewer, Permission::Read)?;
        let mut search = Halving { low: 0, high: self.store().size().await? };
        while let Some(position) = search.middle() {
            let bytes = self.store().event(position).await?.ok_or_else(|| NoView::NotFound(format!("event {position}")))?;
            search.seen(position, read_event(position, &bytes)?.at < at);
        }
        Ok(search.low)
    }

    /// Plaintext of the tickets' sealed fields, file names, links' targets, and reasons for having no link, read together.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn texts(&self, viewer: &Person, tickets: &[&Ticket]) -> Result<Texts, NoView> {
        self.allow(viewer, Permission::Read)?;
        let wanted: BTreeSet<i64> = tickets.iter().flat_map(|ticket| sealed_in(ticket)).collect();
        let rows = self.store().sealed_of_events(wanted.into_iter().collect()).await?;
        Ok(rows.into_iter().map(|row| ((row.seq, row.name), String::from_utf8_lossy(&row.bytes).into_owned())).collect())
    }

    /// Plaintext of a ticket's title alone: what lists need.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn title_texts(&self, viewer: &Person, ticket: &Ticket) -> Result<Texts, NoView> {
        self.allow(viewer, Permission::Read)?;
        let Some(Held::Sealed(title)) = ticket.fields.get("title") else { return Ok(Texts::new()) };
        let rows = self.store().sealed_at(title.seq).await?;
        Ok(rows.into_iter().map(|r| ((r.seq, r.name), String::from_utf8_lossy(&r.bytes).into_owned())).collect())
    }

    /// The alerts of a ticket: their record, and the normalised alert as it last came.
    ///
    /// # Errors
    /// When the person may not look.
    pub async fn alerts(&self, viewer: &Person, number: &Number) -> Result<Vec<(String, Value)>, NoView> {
        self.allow(viewer, Permission::Read)?;
        let (name, mut after, mut ids) = (number.to_string(), 0, BTreeSet::new());
        loop {
            let page = self.store().events_of(&name, after, PAGE).await?;
            for (seq, bytes) in &page {
                let event = read_event(*seq, bytes)?;
                ids.extend(alert_key(&event).map(|(source, fingerprint)| alert_id(source, fingerprint)));
                after = event.rev.unwrap_or(after);
            }
            if i64::try_from(page.len()) != Ok(PAGE) {
                break;
            }
        }
        let mut found = BTreeMap::new();
        for row in self.store().alerts(ids.into_iter().collect()).await? {
            // An alert that another ticket took since is that one's.
            if row.ticket.as_deref() == Some(&name) {
                let record = serde_json::to_value(alert_of(&row)?).unwrap_or_default();
                found.insert(row.id, record);
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The record of one alert, by source and fingerprint: which ticket has it.
    ///
    /// # Errors
    /// When the person may not look, or it never came.
    pub async fn alert(&self, viewer: &Person, source: &str, fingerprint: &str) -> Result<Value, NoView> {
        self.allow(viewer, Permission::Read)?;
        let id = alert_id(source, fingerprint);
        let row = self.store().alert(&id).await?.ok_or(NoView::NotFound(format!("alert {id}")))?;
        Ok(serde_json::to_value(alert_of(&row)?).unwrap_or_default())
    }

    /// One delivery: source, when (microseconds), and the alerts in it (fingerprint and status).
    ///
    /// # Errors
    /// When the person may not look, or there is none.
    pub async fn delivery(&self, viewer: &Person, id: i64) -> Result<(String, i64, Value), NoView> {
        self.allow(viewer, Permission::Read)?;
        let (source, at, alerts) = self.store().delivery(id).await?.ok_or(NoView::NotFound(format!("delivery {id}")))?;
        Ok((source, at, serde_json::from_str(&alerts).unwrap_or_default()))
    }

    /// A file of a ticket: name, media type, and its bytes' SHA-256.
    ///
    /// # Errors
    /// When the person may not look, there is no such file, or it was redacted.
    pub async fn file(&self, viewer: &Person, number: &Number, file: i64) -> Result<(String, String, String), NoView> {
        let ticket = self.ticket(viewer, number).await?;
        let missing = || NoView::NotFound(format!("file {file} on {number}"));
        let found = ticket.files.iter().find(|f| f.file == file).ok_or_else(missing)?;
        let sealed = self.store().sealed_at(found.seq).await?;
        let text = |name: &str| sealed.iter().find(|s| s.name == name).map(|s| String::from_utf8_lossy(&s.bytes).into_owned());
        Ok((text("name").unwrap_or_default(), found.media_type.clone(), text("sha256").ok_or_else(missing)?))
    }

    /// Who holds the session with this token hash, if it is still good and the person active.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session(&self, hash: &str) -> Result<Option<(Person, crate::store::read::Session)>, StoreError> {
        let Some(session) = self.store().session(hash).await? else { return Ok(None) };
        if session.expires_at <= self.now().micros() {
            return Ok(None);
        }
        Ok(self.snapshot().directory.active(&session.person).cloned().map(|person| (person, session)))
    }

    /// Whether the database answers, and makes commits durable: `on`, or what is wrong.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn durability(&self) -> Result<String, StoreError> {
        // Whoever asks wants to know it while the database is cut off, too.
        tokio::time::timeout(DURABILITY, self.store().durability()).await.unwrap_or(Err(StoreError::Silent))
    }

    /// How many outbox entries wait, and since when (microseconds).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn outbox(&self) -> Result<(i64, Option<i64>), StoreError> {
        self.store().outbox().await
    }

    /// Number of events in the database, whatever this process has seen.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn size(&self) -> Result<i64, StoreError> {
        self.store().size().await
    }
}

/// The outbox, for those who deliver.
impl Desk {
    /// Takes the next due entry of a channel until `until`; none when nothing is due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn lease(&self, channel: &str, now: Timestamp, until: Timestamp) -> Result<Option<Due>, StoreError> {
        self.store().lease(channel, now.micros(), until.micros()).await
    }

    /// Puts an entry on a channel's list, due now; under the same id only once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn owe(&self, channel: &str, id: i64, payload: &str) -> Result<(), StoreError> {
        self.store().queue(channel, id, self.now().micros(), payload).await
    }

    /// An entry arrived.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn delivered(&self, channel: &str, due: &Due) -> Result<(), StoreError> {
        self.store().delivered(channel, due, self.now().micros()).await
    }

    /// An entry is tried again at `at`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn later(&self, channel: &str, due: &Due, at: Timestamp) -> Result<(), StoreError> {
        self.store().later(channel, due, at.micros()).await
    }
}

/// Which log this is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its name.
    pub origin: String,
    /// Its verifier key, once it has one.
    pub vkey: Option<String>,
    /// It is a demonstration.
    pub demo: bool,
}

impl Desk {
    /// Which log this is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn identity(&self) -> Result<Identity, StoreError> {
        let head = self.store().head().await?.ok_or_else(|| StoreError::Unreadable("there is no log".to_owned()))?;
        Ok(Identity { origin: head.origin, vkey: Some(head.vkey).filter(|v| !v.is_empty()), demo: head.demo })
    }
}

#[cfg(test)]
mod tests {
    use super::Halving;

    // proves: REC-16
    #[test]
    fn a_moment_in_a_log_of_ten_million_events_is_found_in_two_dozen_looks() {
        for (size, wanted) in [(10_000_000, 0), (10_000_000, 4_999_999), (10_000_000, 9_999_999), (10_000_000, 10_000_000), (0, 0)] {
            let (mut search, mut looks) = (Halving { low: 0, high: size }, 0);
            while let Some(position) = search.middle() {
                looks += 1;
                search.seen(position, position < wanted);
            }
            assert!(search.low == wanted && looks <= 24, "{looks} looks for {wanted} of {size}");
        }
    }
}
