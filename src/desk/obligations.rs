//! What the organisation has to do again and again: each time that it comes due opens its record, once however many
//! replicas look; what came due while nobody was there is recorded as missed, but for the last time, which is made up for.
//! Where tickets of a past period are drawn, every such time is made up for.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Desk;
use super::known::read_event;
use super::request::{Ask, Dedupe, Request};
use crate::env::Timestamp;
use crate::procedure::estate::Obligation;
use crate::store::StoreError;
use crate::ticket::command::Command;
use crate::ticket::event::{Checked, Drawn, Fact};

/// Missed times of one obligation that are recorded one by one in one commit.
const MOST_MISSED: usize = 400;
/// Times of one obligation that draws which are made up for; earlier ones were missed.
const MOST_MADE_UP: usize = 12;
/// Tickets that one run of a check tells, and opens records for; the next run finds the others.
const MOST_FOUND: usize = 500;

impl Desk {
    /// Opens the record of every obligation that has come due.
    pub(super) async fn meet_obligations(&self) -> Result<(), StoreError> {
        let Some(library) = self.snapshot().procedures.current().cloned() else { return Ok(()) };
        let obligations = &library.organisation.estate.obligations;
        if obligations.is_empty() {
            return Ok(());
        }
        let last = self.last_met().await?;
        for obligation in obligations {
            let now = self.now();
            match last.get(&obligation.name) {
                None => drop(self.oblige(obligation, None, Vec::new(), now).await),
                Some(last) => {
                    let mut due = times(obligation, *last, now);
                    // What a past quarter had can still be drawn from: nothing is lost by having been away.
                    let makes_up = if obligation.draw.is_some() { MOST_MADE_UP } else { 1 };
                    let made_up = due.split_off(due.len().saturating_sub(makes_up));
                    let mut missed = due;
                    for at in made_up {
                        if !self.oblige(obligation, Some(at), std::mem::take(&mut missed), at).await {
                            break;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// When each obligation last came due, as far as anybody recorded it.
    async fn last_met(&self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let known = self.inner().obliged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let mut last: BTreeMap<String, Timestamp> = BTreeMap::new();
        for kind in ["ObligationBegan", "ObligationMissed", "ObligationRun"] {
            for (seq, bytes) in self.store().events_of_kind(kind).await? {
                let Ok(event) = read_event(seq, &bytes) else { continue };
                let (name, at) = match event.fact {
                    Fact::ObligationBegan { obligation, from } => (obligation, from),
                    Fact::ObligationRun { obligation, due, .. } | Fact::ObligationMissed { obligation, due } => (obligation, due),
                    _ => continue,
                };
                let entry = last.entry(name).or_insert(at);
                *entry = (*entry).max(at);
            }
        }
        *self.inner().obliged.lock().unwrap_or_else(PoisonError::into_inner) = Some(last.clone());
        Ok(last)
    }

    /// Whether it is on record now.
    async fn oblige(&self, obligation: &Obligation, due: Option<Timestamp>, missed: Vec<Timestamp>, counts_to: Timestamp) -> bool {
        // The same key for everybody who looks: whichever replica comes first records it.
        let key = format!("obligation/{}/{}", obligation.name, due.map_or_else(|| "began".to_owned(), |at| at.to_string()));
        let (checked, drawn) = match self.looked(obligation, due).await {
            Ok(looked) => looked,
            Err(error) => {
                tracing::warn!(%error, obligation = obligation.name, "a check or a draw could not be made; it stays due");
                return false;
            }
        };
        let packs = drawn.as_ref().is_some_and(|drawn| drawn.pack);
        let command = Command::Oblige { obligation: obligation.name.clone(), due, missed, checked, drawn };
        let mut request = Request::of_scheduler(Ask::Ticket(Box::new(command)));
        request.dedupe = Some(Dedupe { digest: key.clone(), key });
        match self.ask(request).await {
            Ok(_) => {
                if let Some(last) = self.inner().obliged.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                    last.insert(obligation.name.clone(), counts_to);
                }
                if packs {
                    self.inner().packs_owed.store(true, Ordering::Relaxed);
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, obligation = obligation.name, "an obligation could not be recorded; it stays due");
                false
            }
        }
    }

    /// What a run finds, or draws.
    async fn looked(&self, obligation: &Obligation, due: Option<Timestamp>) -> Result<(Option<Checked>, Option<Drawn>), StoreError> {
        let Some(due) = due else { return Ok((None, None)) };
        let checked = match &obligation.check {
            Some(check) => {
                let found = self.checks(check).await?;
                Some(Checked { found: found.found.into_iter().take(MOST_FOUND).collect(), ..found })
            }
            None => None,
        };
        let drawn = match &obligation.draw {
            Some(rule) => Some(self.drawn(rule, due, obligation.schedule.zone).await?),
            None => None,
        };
        Ok((checked, drawn))
    }
}

/// The times after `last` until `now`, in order.
fn times(obligation: &Obligation, last: Timestamp, now: Timestamp) -> Vec<Timestamp> {
    let mut out = Vec::new();
    let mut from = last;
    while let Some(next) = obligation.schedule.next(from).filter(|at| *at <= now) {
        out.push(next);
        from = next;
        if out.len() > MOST_MISSED {
            break;
        }
    }
    out
}
