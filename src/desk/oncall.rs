//! Whose turn it is on call, and what the calendar of shifts says. Who is paged, and how, stands in [`super::paging`].

use std::collections::BTreeSet;
use std::time::Duration;

use super::overlay::Overlay;
use super::query::NoView;
use super::request::{Ask, Unanswered};
use super::{Desk, Snapshot};
use crate::env::Timestamp;
use crate::people::{Directory, Person};
use crate::procedure::ics::{self, BadCalendar, Slot};
use crate::store::StoreError;
use crate::ticket::event::{Actor, Fact, NewEvent, Shift};
use crate::ticket::rota;
use crate::ticket::state::Ticket;

const DAY: Duration = Duration::from_secs(86_400);
/// So far ahead a calendar of shifts is read.
const READ_AHEAD: u32 = 60;
/// It is news when it says something else of this time.
const NEWS: u32 = 14;
/// Shifts that one event holds: with more it would not fit.
const MOST_SHIFTS: usize = 300;
/// So far ahead the end of a turn is looked for, in steps of a quarter of an hour.
const LONGEST_TURN: u32 = 35;
const QUARTER: Duration = Duration::from_secs(900);
/// Open tickets that are read at a time, and at most for one message.
const PAGE: i64 = 500;
const MOST_OPEN: usize = 5_000;

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
