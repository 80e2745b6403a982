//! What is drawn at random of a past period, read off the log as it stood: by the run that draws, and by whoever draws again to
//! see that it comes to the same. Which of it is still to be written as a pack.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use super::Desk;
use super::known::read_event;
use super::projections::ticket_of;
use super::query::NoView;
use super::request::{Ask, Dedupe, Request, Unanswered};
use crate::env::Timestamp;
use crate::people::Person;
use crate::procedure::estate::Draw;
use crate::procedure::model::Permission;
use crate::store::StoreError;
use crate::ticket::command::Command;
use crate::ticket::drawing;
use crate::ticket::event::{Drawn, Fact, Pack};
use crate::ticket::evolve::evolve;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// Tickets and events read at a time.
const PAGE: i64 = 1_000;

/// A draw that is on record.
#[derive(Clone, Debug)]
pub struct DrawSeen {
    /// The obligation that came due.
    pub obligation: String,
    /// When it did.
    pub due: Timestamp,
    /// When it was recorded.
    pub at: Timestamp,
    /// The record that names what was drawn.
    pub record: Option<Number>,
    /// What was drawn.
    pub drawn: Drawn,
    /// The pack of it, once it was written.
    pub pack: Option<Pack>,
}

impl DrawSeen {
    /// The record whose pack is still to be written.
    #[must_use]
    pub fn owes(&self) -> Option<&Number> {
        self.record.as_ref().filter(|_| self.drawn.pack && self.pack.is_none())
    }
}

fn unreadable(error: &super::DeskError) -> StoreError {
    StoreError::Unreadable(error.to_string())
}

impl Desk {
    /// Draws for a run that came due at `due`.
    pub(super) async fn drawn(&self, rule: &Draw, due: Timestamp, zone: chrono_tz::Tz) -> Result<Drawn, StoreError> {
        let (from, to) = rule.ended_in.last_before(due, zone);
        let mut drawn = Drawn {
            kinds: rule.kinds.clone(),
            standing: rule.standing.clone(),
            from,
            to,
            as_of: self.store().size().await?,
            population: 0,
            digest: String::new(),
            seed: hex::encode(self.env().bytes::<16>()),
            size: i64::try_from(rule.size).unwrap_or(i64::MAX),
            drawn: Vec::new(),
            pack: rule.pack,
        };
        let population = self.population(&drawn).await?;
        drawn.population = i64::try_from(population.len()).unwrap_or(i64::MAX);
        drawn.digest = drawing::digest(&population);
        drawn.drawn = drawing::draw(&population, &drawn.seed, rule.size);
        Ok(drawn)
    }

    /// The tickets that could be drawn, as the log had them then.
    async fn population(&self, drawn: &Drawn) -> Result<Vec<Number>, StoreError> {
        let fits = |ticket: &Ticket| {
            let in_period = ticket.ended_at.is_some_and(|at| drawn.from <= at && at < drawn.to);
            in_period && (drawn.standing.is_empty() || drawn.standing.contains(&ticket.status))
        };
        let mut population = Vec::new();
        for kind in &drawn.kinds {
            let mut after = -1;
            loop {
                let rows = self.store().tickets(after, kind, "", PAGE).await?;
                let Some(last) = rows.last() else { break };
                after = last.opened_seq;
                for held in &rows {
                    let ticket = ticket_of(held).map_err(|error| unreadable(&error))?;
                    let then = if ticket.seq < drawn.as_of { Some(ticket) } else { self.as_it_stood(&ticket, drawn.as_of).await? };
                    population.extend(then.filter(fits).map(|ticket| ticket.number));
                }
            }
        }
        Ok(population)
    }

    /// The ticket as the first `as_of` events made it; none when it was not there yet.
    async fn as_it_stood(&self, ticket: &Ticket, as_of: i64) -> Result<Option<Ticket>, StoreError> {
        let (name, mut after, mut then) = (ticket.number.to_string(), 0, None);
        loop {
            let page = self.store().events_of(&name, after, PAGE).await?;
            after += i64::try_from(page.len()).unwrap_or(PAGE);
            for (seq, bytes) in &page {
                if *seq >= as_of {
                    return Ok(then);
                }
                let event = read_event(*seq, bytes).map_err(|error| unreadable(&error))?;
                then = evolve(then, &event);
            }
            if i64::try_from(page.len()) != Ok(PAGE) {
                return Ok(then);
            }
        }
    }

    /// Every draw on record, the earliest first, with its pack.
    async fn all_draws(&self) -> Result<Vec<DrawSeen>, StoreError> {
        let mut packs: BTreeMap<Number, Pack> = BTreeMap::new();
        for (seq, bytes) in self.store().events_of_kind("PackWritten").await? {
            let event = read_event(seq, &bytes).map_err(|error| unreadable(&error))?;
            if let (Some(record), Fact::PackWritten(pack)) = (event.ticket, event.fact) {
                packs.entry(record).or_insert(pack);
            }
        }
        let mut draws = Vec::new();
        for (seq, bytes) in self.store().events_of_kind("ObligationRun").await? {
            let event = read_event(seq, &bytes).map_err(|error| unreadable(&error))?;
            if let Fact::ObligationRun { obligation, due, opened, drawn: Some(drawn), .. } = event.fact {
                let pack = opened.as_ref().and_then(|record| packs.get(record)).cloned();
                draws.push(DrawSeen { obligation, due, at: event.at, record: opened, drawn, pack });
            }
        }
        Ok(draws)
    }

    /// Every draw on record.
    ///
    /// # Errors
    /// When the person may not look, or the database does not answer.
    pub async fn draws(&self, viewer: &Person) -> Result<Vec<DrawSeen>, NoView> {
        self.allow(viewer, Permission::Read)?;
        Ok(self.all_draws().await?)
    }

    /// Draws once more, and says whether it comes to the same: the same tickets could be drawn, and the same were.
    ///
    /// # Errors
    /// When the person may not look, or the database does not answer.
    pub async fn draws_again(&self, viewer: &Person, drawn: &Drawn) -> Result<bool, NoView> {
        self.allow(viewer, Permission::Read)?;
        let population = self.population(drawn).await?;
        let size = usize::try_from(drawn.size).unwrap_or(usize::MAX);
        Ok(drawing::digest(&population) == drawn.digest && drawing::draw(&population, &drawn.seed, size) == drawn.drawn)
    }

    /// Draws whose packs are still to be written; none unless there may be some since this was last asked.
    ///
    /// # Errors
    /// When the database does not answer; then they are asked for once more.
    pub async fn packs_owed(&self) -> Result<Vec<DrawSeen>, StoreError> {
        if !self.inner().packs_owed.swap(false, Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        let all = self.all_draws().await.inspect_err(|_| self.packs_stay_owed())?;
        Ok(all.into_iter().filter(|seen| seen.owes().is_some()).collect())
    }

    /// A pack could not be written: it is looked for once more.
    pub fn packs_stay_owed(&self) {
        self.inner().packs_owed.store(true, Ordering::Relaxed);
    }

    /// Records a pack that stands on the disk, and gives the one that counts: another replica may have recorded one before.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub async fn keep_pack(&self, record: &Number, pack: Pack) -> Result<Pack, Unanswered> {
        let key = format!("pack/{record}");
        let mut request = Request::of_scheduler(Ask::Ticket(Box::new(Command::KeepPack { ticket: record.clone(), pack: pack.clone() })));
        request.dedupe = Some(Dedupe { digest: key.clone(), key });
        if !self.ask(request).await?.repeated {
            return Ok(pack);
        }
        let known = self.all_draws().await.map_err(|error| Unanswered::NotStored(error.to_string()))?;
        let recorded = known.into_iter().find(|seen| seen.record.as_ref() == Some(record)).and_then(|seen| seen.pack);
        Ok(recorded.unwrap_or(pack))
    }
}
