//! What changed while somebody was reading: looked up in the ticket's events, after the refusal and outside the commit.

use super::Desk;
use super::known::read_event;
use super::query::NoView;
use super::request::{Request, Who};
use crate::procedure::model::Permission;
use crate::ticket::command::Command;
use crate::ticket::event::Event;
use crate::ticket::refusal::Refusal;
use crate::ticket::version::{Shown, told};

/// Events that are read to find what somebody was shown; of a ticket that has more, only the status is told.
const MOST_EVENTS: i64 = 10_000;

/// What names the version that the asker was shown.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    person: String,
    transition: String,
    by: By,
}

#[derive(Clone, Debug)]
enum By {
    Rev(i64),
    Binding(String),
    Statement(String),
}

impl Seen {
    /// Of a request that can be stale.
    pub fn of(request: &Request) -> Option<Self> {
        let (Who::Person { id } | Who::Operator { person: Some(id) }) = &request.who else { return None };
        let super::request::Ask::Ticket(command) = &request.ask else { return None };
        let by = match command.as_ref() {
            // The revision says more: every binding of it is the same.
            Command::Take(take) => take.rev.map(By::Rev).or_else(|| take.binding.clone().map(By::Binding))?,
            Command::Decide { digest, .. } => By::Statement(digest.clone()),
            _ => return None,
        };
        Some(Self { person: id.clone(), transition: command.transition()?.to_owned(), by })
    }
}

impl Desk {
    /// The same refusal, saying what changed, to somebody who may read it.
    pub(super) async fn told_what_changed(&self, seen: &Seen, refusal: Refusal) -> Refusal {
        let Refusal::Stale { ticket, status, .. } = &refusal else { return refusal };
        let reader = self.snapshot().directory.active(&seen.person).cloned();
        if reader.is_none_or(|person| self.allow(&person, Permission::Read).is_err()) {
            return refusal;
        }
        let Ok(events) = self.all_events(&ticket.to_string(), MOST_EVENTS).await else { return refusal };
        let procedures = self.snapshot().procedures;
        let digest = self.ticket_unchecked(ticket).await.map(|t| t.kind_digest).unwrap_or_default();
        let Some((kind, transition)) = procedures.kind(&digest).and_then(|k| Some((k, k.transitions.get(&seen.transition)?))) else {
            return refusal;
        };
        let shown = match &seen.by {
            By::Rev(rev) => Shown::Rev(*rev),
            By::Binding(bound) => Shown::Binding(transition, bound),
            By::Statement(digest) => Shown::Statement(transition, digest),
        };
        Refusal::Stale { ticket: ticket.clone(), status: status.clone(), changed: told(&events, shown, kind) }
    }

    /// All of a ticket's events, when they are not more than `at_most`; otherwise none.
    ///
    /// # Errors
    /// When the database does not answer or an event does not read back.
    pub(super) async fn all_events(&self, ticket: &str, at_most: i64) -> Result<Vec<Event>, NoView> {
        let rows = self.store().events_of(ticket, 0, at_most + 1).await?;
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) > at_most {
            return Ok(Vec::new());
        }
        rows.into_iter().map(|(seq, bytes)| Ok(read_event(seq, &bytes)?)).collect()
    }
}
