//! What the organisation has to do again and again: each time that it comes due opens its record, once however many
//! replicas look; what came due while nobody was there is recorded as missed, but for the last time, which is made up for.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::Desk;
use super::known::read_event;
use super::request::{Ask, Dedupe, Request};
use crate::env::Timestamp;
use crate::procedure::estate::Obligation;
use crate::store::StoreError;
use crate::ticket::command::Command;
use crate::ticket::event::{Checked, Fact};

/// Missed times of one obligation that are recorded one by one in one commit.
const MOST_MISSED: usize = 400;
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
                None => self.oblige(obligation, None, Vec::new(), now).await,
                Some(last) => {
                    let mut due = times(obligation, *last, now);
                    if let Some(latest) = due.pop() {
                        self.oblige(obligation, Some(latest), due, latest).await;
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

    async fn oblige(&self, obligation: &Obligation, due: Option<Timestamp>, missed: Vec<Timestamp>, counts_to: Timestamp) {
        // The same key for everybody who looks: whichever replica comes first records it.
        let key = format!("obligation/{}/{}", obligation.name, due.map_or_else(|| "began".to_owned(), |at| at.to_string()));
        let mut checked = None;
        if let (Some(check), Some(_)) = (&obligation.check, due) {
            match self.checks(check).await {
                Ok(found) => checked = Some(Checked { found: found.found.into_iter().take(MOST_FOUND).collect(), ..found }),
                Err(error) => {
                    tracing::warn!(%error, obligation = obligation.name, "a check could not be run; it stays due");
                    return;
                }
            }
        }
        let command = Command::Oblige { obligation: obligation.name.clone(), due, missed, checked };
        let mut request = Request::of_scheduler(Ask::Ticket(Box::new(command)));
        request.dedupe = Some(Dedupe { digest: key.clone(), key });
        match self.ask(request).await {
            Ok(_) => {
                if let Some(last) = self.inner().obliged.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                    last.insert(obligation.name.clone(), counts_to);
                }
            }
            Err(error) => tracing::warn!(%error, obligation = obligation.name, "an obligation could not be recorded; it stays due"),
        }
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
