//! Whose turn it is on call, what the calendar of shifts says, and who is to be paged.
//!
//! A commit that calls somebody leaves an entry in the outbox for each way of paging that is configured ([`CHAT`],
//! [`WEBHOOK`], [`PAGERDUTY`]); whoever delivers it reads here what it is about. To page one more way: a channel here, what
//! it is told in [`pages`], and its deliverer in `outbound`.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::known::{Known, read_event};
use super::overlay::Overlay;
use super::query::NoView;
use super::request::{Ask, Dedupe, Request, Unanswered};
use super::{Desk, DeskError, Snapshot};
use crate::env::Timestamp;
use crate::people::{Directory, Person};
use crate::procedure::ics::{self, BadCalendar, Slot};
use crate::store::StoreError;
use crate::store::commit::OutboxRow;
use crate::ticket::command::Command;
use crate::ticket::event::{Actor, Event, Fact, NewEvent, Shift};
use crate::ticket::number::Number;
use crate::ticket::rota;
use crate::ticket::spoken;
use crate::ticket::state::Ticket;

/// The outbox's channel of direct messages.
pub const CHAT: &str = "page:chat";
/// The outbox's channel of the outgoing webhook.
pub const WEBHOOK: &str = "page:webhook";
/// The outbox's channel of PagerDuty.
pub const PAGERDUTY: &str = "page:pagerduty";

const DAY: Duration = Duration::from_secs(86_400);
/// So far ahead a calendar of shifts is read.
const READ_AHEAD: u32 = 60;
/// It is news when it says something else of this time.
const NEWS: u32 = 14;
/// Shifts that one event holds: with more it would not fit.
const MOST_SHIFTS: usize = 300;
/// So long a message in the morning waits, so that it says everything at once.
const GATHERED: Duration = Duration::from_secs(60);
/// So far ahead the end of a turn is looked for, in steps of a quarter of an hour.
const LONGEST_TURN: u32 = 35;
const QUARTER: Duration = Duration::from_secs(900);
/// Open tickets that are read at a time, and at most for one message.
const PAGE: i64 = 500;
const MOST_OPEN: usize = 5_000;

/// What an entry of the outbox says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// The event that it is about.
    pub seq: i64,
    /// Its ticket.
    pub ticket: Option<Number>,
}

/// What of an event is to be told to people directly.
pub(super) fn pages(event: &Event, known: &Known, ways: &BTreeSet<&'static str>, now: Timestamp) -> Vec<OutboxRow> {
    if ways.is_empty() {
        return Vec::new();
    }
    let payload = super::overlay::json(&Entry { seq: event.seq, ticket: event.ticket.clone() });
    let row = |channel: &str, id: i64, not_before: i64| OutboxRow {
        channel: channel.to_owned(),
        id,
        queued_at: now.micros(),
        not_before,
        payload: payload.clone(),
    };
    let mut rows = Vec::new();
    let ticket = event.ticket.as_ref().and_then(|number| known.tickets.get(number));
    // Pagers wake people: only for kinds that page at all. A late review is told in chat, in words.
    let wakes = |ticket: &&Ticket| {
        let kind = known.procedures.kind(&ticket.kind_digest);
        kind.and_then(|kind| kind.escalate.as_ref()).is_some_and(|escalate| escalate.pages.is_some())
    };
    match &event.fact {
        Fact::Escalated { .. } => {
            rows.push(row(CHAT, event.seq, 0));
            rows.extend(ticket.filter(wakes).map(|_| row(WEBHOOK, event.seq, 0)));
        }
        Fact::GroupNotified { group, .. } => {
            rows.push(row(CHAT, event.seq, 0));
            // Where the group's silence counts, everybody who may approve is reached by every way there is.
            let counts = |ticket: &&Ticket| {
                let kind = known.procedures.kind(&ticket.kind_digest);
                kind.is_some_and(|kind| spoken::counts_silence_of(kind, group))
            };
            rows.extend(ticket.filter(counts).map(|_| row(WEBHOOK, event.seq, 0)));
        }
        Fact::OnCallChanged { .. } | Fact::LinesFrozen { .. } => rows.push(row(CHAT, event.seq, 0)),
        Fact::MorningTold { person, came_due } => {
            // One message, whatever number of tickets it was.
            let digest = Sha256::digest(format!("{person}\n{came_due}"));
            let id = digest.iter().take(7).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
            rows.push(row(CHAT, -1 - id, now.plus(GATHERED).micros()));
        }
        _ => {}
    }
    let moves = matches!(event.fact, Fact::Escalated { .. } | Fact::EscalationAcknowledged { .. } | Fact::TransitionTaken(_));
    // It is told where the ticket stands, so a newer entry takes the place of an older one.
    rows.extend(ticket.filter(|_| moves).filter(wakes).map(|ticket| row(PAGERDUTY, ticket.opened_seq, 0)));
    rows.retain(|row| ways.contains(row.channel.as_str()));
    rows
}

impl Overlay<'_> {
    /// The event of a turn that changed, if it did.
    pub(super) fn turn_changed(&self, actor: &Actor) -> Result<Vec<NewEvent>, Unanswered> {
        let library = self.library()?;
        let Some(rota) = library.organisation.estate.on_call.as_ref().filter(|_| *actor == Actor::Scheduler) else { return Ok(Vec::new()) };
        let directory = &self.known.directory;
        let (from, to) = (directory.turn().map(str::to_owned), rota::first(rota, directory.as_ref(), self.now));
        Ok(if from == to { Vec::new() } else { vec![NewEvent::outside(Fact::OnCallChanged { from, to })] })
    }

    /// The event of a calendar that says something else now, if it does.
    pub(super) fn rota_read(&self, actor: &Actor, shifts: Vec<Shift>, unknown: i64) -> Vec<NewEvent> {
        let news = coming(&shifts, self.now) != coming(self.known.directory.shifts(), self.now);
        if news && *actor == Actor::Scheduler { vec![NewEvent::outside(Fact::RotaRead { shifts, unknown })] } else { Vec::new() }
    }
}

/// The shifts of the next days, cut off at both ends.
fn coming(shifts: &[Shift], now: Timestamp) -> Vec<Shift> {
    let end = now.plus(DAY * NEWS);
    let cut = |s: &Shift| Shift { person: s.person.clone(), from: s.from.max(now), to: s.to.min(end) };
    shifts.iter().filter(|s| s.from < end && s.to > now).map(cut).collect()
}

/// What a calendar of shifts says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShiftsRead {
    /// As far as its names are known people.
    pub shifts: Vec<Shift>,
    /// What stands there of nobody whom we know, each once.
    pub unknown: BTreeSet<String>,
    /// Shifts of nobody whom we know.
    pub of_nobody: i64,
    /// Events that could not be understood.
    pub problems: Vec<String>,
}

/// Reads a calendar of shifts as of `now`: each event is somebody's shift, by the address of an attendee, or by an address, a
/// name before the @ or a full name in its summary. Only verified, active people count.
///
/// # Errors
/// When it is no calendar, or too much of one.
pub fn read_shifts(bytes: &[u8], snapshot: &Snapshot, now: Timestamp) -> Result<ShiftsRead, BadCalendar> {
    let zone = snapshot
        .procedures
        .current()
        .map_or(chrono_tz::UTC, |library| library.organisation.estate.on_call.as_ref().map_or(library.organisation.zone, |rota| rota.zone));
    let read = ics::read(bytes, zone, Some((now.minus(DAY), now.plus(DAY * READ_AHEAD))))?;
    let mut out = ShiftsRead { problems: read.problems, ..ShiftsRead::default() };
    for slot in read.slots {
        let people = people_of(&slot, &snapshot.directory);
        if people.is_empty() {
            out.of_nobody += 1;
            out.unknown.insert(slot.name.chars().take(80).collect());
        }
        out.shifts.extend(people.into_iter().map(|person| Shift { person, from: slot.starts, to: slot.ends }));
    }
    out.shifts.truncate(MOST_SHIFTS);
    Ok(out)
}

/// Whose shift a slot is.
fn people_of(slot: &Slot, directory: &Directory) -> Vec<String> {
    let active = |person: &Person| (!person.state.disabled).then(|| person.state.id.clone());
    let invited: Vec<String> = slot.people.iter().filter_map(|email| directory.by_email(email).and_then(active)).collect();
    if !invited.is_empty() {
        return invited;
    }
    let summary = slot.name.to_lowercase();
    let words: Vec<&str> = summary.split(|c: char| c.is_whitespace() || "()[]<>,;:|/".contains(c)).filter(|w| !w.is_empty()).collect();
    let named = |person: &&Person| {
        let handle = person.email.split('@').next().unwrap_or_default();
        let name = person.name.to_lowercase();
        words.iter().any(|word| *word == person.email || (!handle.is_empty() && word.trim_start_matches('@') == handle))
            || (name.contains(' ') && summary.contains(&name))
    };
    let found: Vec<String> = directory.iter().filter(|p| !p.state.disabled).filter(named).filter_map(active).collect();
    // A name that two people share is nobody's.
    if found.len() == 1 { found } else { Vec::new() }
}

impl Desk {
    /// Everybody who is asked on call at `at`, in this order: ids of active persons. Empty without a rota.
    #[must_use]
    pub fn on_call_at(&self, at: Timestamp) -> Vec<String> {
        let snapshot = self.snapshot();
        let Some(library) = snapshot.procedures.current() else { return Vec::new() };
        let Some(rota) = library.organisation.estate.on_call.as_ref() else { return Vec::new() };
        let directory = snapshot.directory.as_ref();
        let first = rota::first(rota, directory, at);
        let others = rota::order(rota, directory, at).into_iter().filter(|person| Some(person) != first.as_ref());
        first.clone().into_iter().chain(others).collect()
    }

    /// Until when whoever is on call at `at` stays so; none when that lies too far ahead.
    #[must_use]
    pub fn turn_ends(&self, at: Timestamp) -> Option<Timestamp> {
        let snapshot = self.snapshot();
        let rota = snapshot.procedures.current()?.organisation.estate.on_call.as_ref()?;
        let directory = snapshot.directory.as_ref();
        let first = rota::first(rota, directory, at);
        let quarter = Timestamp::from_micros(at.micros() - at.micros().rem_euclid(900_000_000))?;
        let mut moments = (1..LONGEST_TURN * 96).map(|n| quarter.plus(QUARTER * n));
        moments.find(|moment| rota::first(rota, directory, *moment) != first)
    }

    /// Records whose turn it is, if that changed. Two replicas record it once: what was decided before is known by then.
    pub(super) async fn change_turn(&self) {
        let snapshot = self.snapshot();
        let Some(library) = snapshot.procedures.current() else { return };
        let Some(rota) = library.organisation.estate.on_call.as_ref() else { return };
        let first = rota::first(rota, snapshot.directory.as_ref(), self.now());
        if first.as_deref() != snapshot.directory.turn()
            && let Err(error) = self.ask_as_scheduler(Ask::ChangeTurn).await
        {
            tracing::warn!(%error, "whose turn it is could not be recorded; it is tried again");
        }
    }

    /// Learns what a calendar of shifts says; what is no news is not recorded.
    ///
    /// # Errors
    /// When it is no calendar, or nothing could be recorded.
    pub async fn learn_shifts(&self, bytes: Vec<u8>) -> Result<ShiftsRead, NotLearned> {
        let (snapshot, now) = (self.snapshot(), self.now());
        // Recurrences take a while: beside the tasks that answer and commit.
        let read =
            tokio::task::spawn_blocking(move || read_shifts(&bytes, &snapshot, now)).await.map_err(|_| BadCalendar::NotACalendar)??;
        if coming(&read.shifts, now) != coming(self.snapshot().directory.shifts(), now) {
            self.ask_as_scheduler(Ask::LearnRota { shifts: read.shifts.clone(), unknown: read.of_nobody }).await?;
        }
        Ok(read)
    }

    /// The event that a page is about.
    ///
    /// # Errors
    /// When the database does not answer, or the event does not read.
    pub async fn paged(&self, entry: &Entry) -> Result<Event, NoView> {
        let found = self.store().events_from(entry.seq, 1).await?.into_iter().next();
        let (seq, bytes) = found.ok_or_else(|| DeskError::Log(format!("event {} is missing", entry.seq)))?;
        Ok(read_event(seq, &bytes)?)
    }

    /// Persons whom an event calls: of an escalation's tier, of a group, of a turn, of a night. Active ones only.
    #[must_use]
    pub fn called_by(&self, event: &Event) -> Vec<String> {
        let snapshot = self.snapshot();
        let organisation = snapshot.procedures.current().map(|library| library.organisation.clone());
        let named = |names: &[String]| -> Vec<String> {
            let holds = |p: &&Person| names.iter().any(|n| p.state.id == *n || p.state.roles.contains(n) || p.email == n.to_lowercase());
            snapshot.directory.iter().filter(|p| !p.state.disabled).filter(holds).map(|p| p.state.id.clone()).collect()
        };
        match &event.fact {
            Fact::Escalated { person: Some(person), .. } | Fact::MorningTold { person, .. } => named(std::slice::from_ref(person)),
            Fact::Escalated { to, .. } => named(std::slice::from_ref(to)),
            Fact::GroupNotified { group, .. } => {
                organisation.and_then(|o| o.groups.get(group).cloned()).map(|members| named(&members)).unwrap_or_default()
            }
            Fact::OnCallChanged { from, to } => named(&[from.clone(), to.clone()].into_iter().flatten().collect::<Vec<_>>()),
            _ => Vec::new(),
        }
    }

    /// Open tickets for which `wanted` holds, the earliest first; bounded.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_where(&self, wanted: impl Fn(&Ticket) -> bool) -> Result<Vec<Ticket>, NoView> {
        let (mut after, mut seen, mut out) = (-1, 0, Vec::new());
        loop {
            let rows = self.store().tickets_open(after, PAGE).await?;
            for held in &rows {
                after = held.opened_seq;
                let ticket = super::projections::ticket_of(held)?;
                if wanted(&ticket) {
                    out.push(ticket);
                }
            }
            seen += rows.len();
            if i64::try_from(rows.len()).unwrap_or(0) < PAGE || seen >= MOST_OPEN {
                return Ok(out);
            }
        }
    }

    /// Records who was reached with what a group must read, by `way`.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub async fn reached(&self, ticket: &Number, group: &str, way: &str, people: Vec<String>) -> Result<(), Unanswered> {
        let command = Command::NoticeReached { ticket: ticket.clone(), group: group.to_owned(), way: way.to_owned(), people };
        self.ask(Request::of_scheduler(Ask::Ticket(Box::new(command)))).await.map(drop)
    }

    /// Records that somebody whom we do not know answered a page elsewhere; the same answer once.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub async fn answered_elsewhere(&self, ticket: Number, service: &str, answer: &str, agent: &str, id: &str) -> Result<(), Unanswered> {
        let key = format!("answered:{service}:{id}");
        let command = Command::AnswerPage { ticket, service: service.to_owned(), answer: answer.to_owned(), agent: self.seal(agent) };
        let dedupe = Some(Dedupe { digest: key.clone(), key });
        self.ask(Request { dedupe, ..Request::of_scheduler(Ask::Ticket(Box::new(command))) }).await.map(drop)
    }
}

/// Why a calendar of shifts was not learned.
#[derive(Debug, thiserror::Error)]
pub enum NotLearned {
    /// It is none, or too much of one.
    #[error(transparent)]
    Bad(#[from] BadCalendar),
    /// Nothing could be recorded.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
