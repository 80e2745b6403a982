//! What time does. `tick` turns what is due into ordinary requests, so that it happens once however many replicas ask.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;

use super::Desk;
use super::refusals::hour_of;
use super::request::Ask;
use crate::env::Timestamp;
use crate::store::StoreError;
use crate::ticket::command::Command;
use crate::ticket::lines;
use crate::ticket::number::Number;

/// Deadlines fired at a time.
const PAGE: i64 = 128;
/// Sources, reasons and minutes that are told apart; anything more is counted together.
const MOST_COUNTS: usize = 1000;
/// While commits fail, one is tried at every so many looks.
const TRY_EVERY: u64 = 8;
/// How long a retry with the same key is recognised.
const DEDUPE_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Requests that could not be authenticated: counts in bounded memory.
#[derive(Debug, Default)]
pub struct Forgeries {
    counts: BTreeMap<(i64, String, String), i64>,
    hour: i64,
}

impl Desk {
    /// Counts a request that could not be authenticated. It becomes an event with all others of its source, reason
    /// and minute, once the minute has passed.
    pub fn count_forgery(&self, source: &str, reason: &str) {
        let minute = self.now().seconds() / 60;
        let mut forgeries = self.inner().forgeries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (minute, source.to_owned(), reason.to_owned());
        if forgeries.counts.len() >= MOST_COUNTS && !forgeries.counts.contains_key(&key) {
            key = (minute, "(several)".to_owned(), "(several)".to_owned());
        }
        *forgeries.counts.entry(key).or_default() += 1;
    }

    /// Learns what other processes did.
    pub async fn catch_up(&self) {
        self.tell(Ask::CatchUp).await;
    }

    /// Does what is due now.
    ///
    /// # Errors
    /// When the database does not answer; what was due stays due.
    pub async fn tick(&self) -> Result<(), StoreError> {
        let _alone = self.inner().ticking.lock().await;
        self.hear_the_databases_clock().await?;
        // Read before the clock is judged: should it jump right after that, nothing runs out by the wrong time.
        let now = self.now();
        if self.inner().look_at_the_clock().is_some() {
            // By a wrong clock nothing is due and nothing has run out; an administrator may have confirmed it elsewhere.
            if self.others_recorded().await? {
                self.catch_up().await;
            }
            return Ok(());
        }
        if self.inner().failing.load(Ordering::Relaxed) && self.inner().looks.fetch_add(1, Ordering::Relaxed).is_multiple_of(TRY_EVERY) {
            // Whoever is not ready may be asked for nothing: then this finds out that all is well again. The clerk has
            // said why, if not.
            let _ = self.ask_as_scheduler(Ask::Try).await;
        }
        if self.others_recorded().await? {
            self.catch_up().await;
        }
        self.fire_deadlines().await?;
        self.meet_obligations().await?;
        self.change_turn().await;
        let new_hour = {
            let mut forgeries = self.inner().forgeries.lock().unwrap_or_else(PoisonError::into_inner);
            let hour = now.seconds() / 3600;
            std::mem::replace(&mut forgeries.hour, hour) != hour
        };
        let refusals_wait = !self.store().refusals_before(hour_of(now), 1).await?.is_empty();
        if refusals_wait || self.store().repeats_wait(now.micros()).await? {
            self.tell(Ask::TellRepeats).await;
        }
        self.tell_forgeries(now.seconds() / 60).await;
        if new_hour {
            self.store().forget_expired(now.micros(), now.minus(DEDUPE_KEPT).micros()).await?;
        }
        Ok(())
    }

    /// Whether other processes recorded something that this one has not seen.
    async fn others_recorded(&self) -> Result<bool, StoreError> {
        let size = self.store().size().await.inspect_err(|error| self.notice_a_newer(error))?;
        Ok(size > self.snapshot().size)
    }

    async fn fire_deadlines(&self) -> Result<(), StoreError> {
        loop {
            let now = self.now();
            let due = self.store().deadlines_due(now.micros(), PAGE).await?;
            let full = i64::try_from(due.len()).unwrap_or(0) == PAGE;
            let fires = due.into_iter().filter_map(|(ticket, deadline, at)| {
                let (ticket, came_due): (Number, _) = (ticket.parse().ok()?, Timestamp::from_micros(at)?);
                Some(async move {
                    if deadline == lines::DEADLINE {
                        return self.freeze_by_time(&ticket).await;
                    }
                    self.ask_as_scheduler(Ask::Ticket(Box::new(Command::Fire { ticket, deadline, came_due }))).await
                })
            });
            let failed = join_all(fires).await.into_iter().filter_map(Result::err).inspect(|error| {
                tracing::warn!(%error, "a deadline could not be recorded; it stays due");
            });
            if failed.count() > 0 || !full {
                return Ok(());
            }
        }
    }

    /// Records what was counted so far, the running minute as well: nobody counts on.
    pub async fn tell_all_forgeries(&self) {
        let _alone = self.inner().ticking.lock().await;
        self.tell_forgeries(i64::MAX).await;
    }

    async fn tell_forgeries(&self, minute: i64) {
        let past: Vec<_> = {
            let forgeries = self.inner().forgeries.lock().unwrap_or_else(PoisonError::into_inner);
            let past = forgeries.counts.range(..(minute, String::new(), String::new()));
            past.map(|(key, count)| (key.clone(), *count)).collect()
        };
        for ((minute, source, reason), count) in past {
            let Some(at) = Timestamp::from_micros(minute * 60_000_000) else { continue };
            let ask = Ask::CountForgeries { source: source.clone(), reason: reason.clone(), minute: at, count };
            // What is not recorded yet stays counted, also when whoever looks gives up waiting.
            if self.ask_as_scheduler(ask).await.is_ok() {
                let mut forgeries = self.inner().forgeries.lock().unwrap_or_else(PoisonError::into_inner);
                let key = (minute, source, reason);
                match forgeries.counts.get_mut(&key) {
                    Some(counted) if *counted > count => *counted -= count,
                    _ => drop(forgeries.counts.remove(&key)),
                }
            }
        }
    }

    async fn tell(&self, ask: Ask) {
        if let Err(error) = self.ask_as_scheduler(ask).await {
            tracing::warn!(%error, "the scheduler could not record what is due; it stays due");
        }
    }
}
