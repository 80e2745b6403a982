//! A ticket's versions, looked up in its events: any of them, what differs between two, and (after a refusal, outside the
//! commit) what changed while somebody was reading.

use super::known::read_event;
use super::query::NoView;
use super::request::{Request, Who};
use super::{Desk, DeskError};
use crate::people::{Directory, Person};
use crate::procedure::model::Permission;
use crate::ticket::command::Command;
use crate::ticket::event::Event;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;
use crate::ticket::state::Ticket;
use crate::ticket::version::{Diff, Difference, Shown, told};

/// Events that are read at a time.
const PAGE: i64 = 1000;
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
    pub fn of(request: &Request, directory: &Directory) -> Option<Self> {
        let id = match &request.who {
            Who::Person { id } | Who::Operator { person: Some(id) } => id,
            Who::Account(account) => &directory.by_account(&account.handle.to_string())?.state.id,
            _ => return None,
        };
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
    /// A ticket as it stood at revision `rev`, rebuilt from its events.
    ///
    /// # Errors
    /// When the person may not look, or the ticket never had this revision.
    pub async fn version(&self, viewer: &Person, number: &Number, rev: i64) -> Result<Ticket, NoView> {
        let (_, ticket, _) = self.difference(viewer, number, rev, rev).await?;
        Ok(ticket)
    }

    /// Two versions of a ticket, what differs between them, and the events that made it so.
    ///
    /// # Errors
    /// When the person may not look, or the ticket never had one of these revisions.
    pub async fn difference(&self, viewer: &Person, number: &Number, from: i64, to: i64) -> Result<Difference, NoView> {
        let stands = self.ticket(viewer, number).await?;
        for rev in [from, to] {
            if !(1..=stands.rev).contains(&rev) {
                return Err(NoView::NotFound(format!("{number}@{rev}; its revisions are 1 to {}", stands.rev)));
            }
        }
        let (mut diff, mut after) = (Diff::between(from, to), 0);
        'pages: loop {
            let rows = self.store().events_of(&number.to_string(), after, PAGE).await?;
            if rows.is_empty() {
                break;
            }
            for (seq, bytes) in rows {
                let event = read_event(seq, &bytes)?;
                after = event.rev.unwrap_or(after);
                if !diff.feed(&event) {
                    break 'pages;
                }
            }
        }
        diff.finish().ok_or_else(|| NoView::Desk(DeskError::Log(format!("the events of {number} do not make its revisions"))))
    }

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
