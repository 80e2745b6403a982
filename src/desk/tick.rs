//! What time does. `tick` turns what is due into ordinary requests, so that it happens once however many replicas ask.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;

use super::Desk;
use super::request::Ask;
use crate::env::Timestamp;
use crate::store::StoreError;
use crate::ticket::command::Command;

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
        self.hear_the_databases_clock().await?;
        if self.inner().look_at_the_clock().is_some() {
            // By a wrong clock nothing is due and nothing has run out; an administrator may have confirmed it elsewhere.
            if self.store().size().await? > self.snapshot().size {
                self.catch_up().await;
            }
            return Ok(());
        }
        if self.inner().failing.load(Ordering::Relaxed) && self.inner().looks.fetch_add(1, Ordering::Relaxed).is_multiple_of(TRY_EVERY) {
            // Whoever is not ready may be asked for nothing: then this finds out that all is well again. The clerk has
            // said why, if not.
            let _ = self.ask_as_scheduler(Ask::Try).await;
        }
        if self.store().size().await? > self.snapshot().size {
            self.catch_up().await;
        }
        self.fire_deadlines().await?;
        let now = self.now();
        let new_hour = {
            let mut forgeries = self.inner().forgeries.lock().unwrap_or_else(PoisonError::into_inner);
            let hour = now.seconds() / 3600;
            std::mem::replace(&mut forgeries.hour, hour) != hour
        };
        if new_hour || self.store().repeats_wait(now.micros()).await? {
            self.tell(Ask::TellRepeats).await;
        }
        self.tell_forgeries(now.seconds() / 60).await;
        if new_hour {
            self.store().forget_expired(now.micros(), now.minus(DEDUPE_KEPT).micros()).await?;
        }
        Ok(())
    }

    async fn fire_deadlines(&self) -> Result<(), StoreError> {
        loop {
            let now = self.now();
            let due = self.store().deadlines_due(now.micros(), PAGE).await?;
            let full = i64::try_from(due.len()).unwrap_or(0) == PAGE;
            let fires = due.into_iter().filter_map(|(ticket, deadline, at)| {
                let command = Command::Fire { ticket: ticket.parse().ok()?, deadline, came_due: Timestamp::from_micros(at)? };
                Some(self.ask_as_scheduler(Ask::Ticket(Box::new(command))))
            });
            let failed = join_all(fires).await.into_iter().filter_map(Result::err).inspect(|error| {
                tracing::warn!(%error, "a deadline could not be recorded; it stays due");
            });
            if failed.count() > 0 || !full {
                return Ok(());
            }
        }
    }

    async fn tell_forgeries(&self, minute: i64) {
        let past: Vec<_> = {
            let mut forgeries = self.inner().forgeries.lock().unwrap_or_else(PoisonError::into_inner);
            let running = forgeries.counts.split_off(&(minute, String::new(), String::new()));
            std::mem::replace(&mut forgeries.counts, running).into_iter().collect()
        };
        for ((minute, source, reason), count) in past {
            let Some(at) = Timestamp::from_micros(minute * 60_000_000) else { continue };
            let ask = Ask::CountForgeries { source: source.clone(), reason: reason.clone(), minute: at, count };
            if self.ask_as_scheduler(ask).await.is_err() {
                let mut forgeries = self.inner().forgeries.lock().unwrap_or_else(PoisonError::into_inner);
                *forgeries.counts.entry((minute, source, reason)).or_default() += count;
            }
        }
    }

    async fn tell(&self, ask: Ask) {
        if let Err(error) = self.ask_as_scheduler(ask).await {
            tracing::warn!(%error, "the scheduler could not record what is due; it stays due");
        }
    }
}
