//! The log read again, and open tickets looked through: what a control checks, and what a report of it says.

use std::collections::BTreeSet;

use super::Desk;
use super::known::read_event;
use super::projections::ticket_of;
use super::query::NoView;
use crate::people::Person;
use crate::procedure::estate::Check;
use crate::procedure::model::{Library, Permission};
use crate::procedure::rules::applies;
use crate::store::StoreError;
use crate::ticket::audit::{ACCOUNTS, Audit, DECISIONS, Rules, SelfApproval};
use crate::ticket::duties;
use crate::ticket::event::Checked;
use crate::ticket::number::Number;
use crate::ticket::view;

/// Events and tickets read at a time.
const PAGE: i64 = 1_000;

struct Known<'d> {
    desk: &'d Desk,
    library: &'d Library,
}

impl Rules for Known<'_> {
    fn subject(&self, kind_digest: &str) -> Option<String> {
        self.desk.snapshot().procedures.kind(kind_digest)?.subject.clone()
    }

    fn answers_for(&self, source: &str) -> Option<String> {
        let email = self.library.organisation.estate.sources.get(source)?;
        self.desk.snapshot().directory.by_email(email).map(|person| person.state.id.clone())
    }
}

impl Desk {
    /// How many approvals the log holds, and those that were given by whoever asked: read off the events alone.
    ///
    /// # Errors
    /// When the person may not look, or the database does not answer.
    pub async fn self_approvals(&self, viewer: &Person) -> Result<(i64, Vec<SelfApproval>), NoView> {
        self.allow(viewer, Permission::Read)?;
        Ok(self.audit_approvals().await?)
    }

    async fn audit_approvals(&self) -> Result<(i64, Vec<SelfApproval>), StoreError> {
        let Some(library) = self.snapshot().procedures.current().cloned() else { return Ok((0, Vec::new())) };
        let known = Known { desk: self, library: &library };
        let mut audit = Audit::new(&known);
        for (seq, bytes) in self.store().events_of_kind(ACCOUNTS).await? {
            read_event(seq, &bytes).iter().for_each(|event| audit.take(event));
        }
        // Only tickets on which something was decided are read.
        let mut tickets: BTreeSet<Number> = BTreeSet::new();
        for kind in DECISIONS {
            let decided = self.store().events_of_kind(kind).await?;
            tickets.extend(decided.iter().filter_map(|(seq, bytes)| read_event(*seq, bytes).ok()?.ticket));
        }
        for ticket in &tickets {
            let (name, mut after) = (ticket.to_string(), 0);
            loop {
                let page = self.store().events_of(&name, after, PAGE).await?;
                after += i64::try_from(page.len()).unwrap_or(PAGE);
                for (seq, bytes) in &page {
                    read_event(*seq, bytes).iter().for_each(|event| audit.take(event));
                }
                if i64::try_from(page.len()) != Ok(PAGE) {
                    break;
                }
            }
        }
        Ok(audit.result())
    }

    /// Runs a check: how much was looked at, up to which position of the log, and what was found.
    pub(super) async fn checks(&self, check: &Check) -> Result<Checked, StoreError> {
        let as_of = self.store().size().await?;
        match check {
            Check::SelfApprovals => {
                let (looked_at, found) = self.audit_approvals().await?;
                let found: BTreeSet<Number> = found.into_iter().filter(|f| !f.excepted).map(|f| f.ticket).collect();
                Ok(Checked { looked_at, as_of, found: found.into_iter().collect(), opened: Vec::new() })
            }
            Check::Tickets { kind, when, left } => {
                let (mut after, mut looked_at, mut found) = (-1, 0, Vec::new());
                let people = self.snapshot().directory;
                loop {
                    let rows = self.store().tickets_open(after, PAGE).await?;
                    let Some(last) = rows.last() else { break };
                    after = last.opened_seq;
                    for held in rows.iter() {
                        let ticket = ticket_of(held).map_err(|error| StoreError::Unreadable(error.to_string()))?;
                        let pinned = self.snapshot().procedures.kind(&ticket.kind_digest).cloned();
                        let Some(pinned) = pinned.filter(|_| ticket.kind == *kind) else { continue };
                        looked_at += 1;
                        let has_left = || duties::subject(&pinned, &ticket).is_some_and(|id| people.active(id).is_none());
                        if (!left || has_left()) && applies(Some(when), &view::variables(&ticket, &pinned, None)) {
                            found.push(ticket.number);
                        }
                    }
                }
                Ok(Checked { looked_at, as_of, found, opened: Vec::new() })
            }
        }
    }
}
