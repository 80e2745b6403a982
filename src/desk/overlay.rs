//! What a batch has decided and not yet written: the log as of the events so far, with everything that projections need.
//! No database here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::accounts::Codes;
use super::append::{Rows, not_before, render};
use super::known::Known;
use super::projections::{alert_row, latest_of, ticket_row};
use super::request::{Answer, Request, Unanswered};
use super::{news, paging, rooms};
use crate::env::Timestamp;
use crate::ledger::merkle::Hash;
use crate::people::{self, accounts};
use crate::store::commit::{Batch, Deadlines, RefusalRow, RepeatRow};
use crate::ticket::correlation::{self, AlertRecord, GroupRecord};
use crate::ticket::deadlines::deadlines;
use crate::ticket::decide::World;
use crate::ticket::event::{Actor, Event, Fact, NewEvent};
use crate::ticket::evolve::changes_latest_only;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// What the batch has read, decided and not yet written.
pub struct Overlay<'k> {
    /// The log as of the events decided so far.
    pub known: &'k mut Known,
    /// Alerts that requests of this batch speak of, by `source/fingerprint`.
    pub alerts: HashMap<String, AlertRecord>,
    /// Groups that they belong to.
    pub groups: HashMap<String, GroupRecord>,
    /// When groups were last repeated without an event.
    pub repeated: HashMap<String, Timestamp>,
    /// Repeats that are due to be told.
    pub due_repeats: Vec<RepeatRow>,
    /// Refusals of past hours that no event counts yet.
    pub past_refusals: Vec<RefusalRow>,
    /// One-time links that are good and that requests of this batch present: hash → whose.
    pub links: HashMap<String, String>,
    /// Codes to link accounts with that requests of this batch present.
    pub codes: Codes,
    /// What will be written.
    pub batch: Batch,
    /// The time of this batch.
    pub now: Timestamp,
    /// Tickets that changed; those of which more changed than every event changes, with the deadlines that they had before.
    touched_tickets: BTreeMap<Number, Option<Deadlines>>,
    touched_alerts: BTreeSet<String>,
    touched_groups: BTreeSet<String>,
    touched_people: BTreeSet<String>,
    touched_accounts: BTreeSet<String>,
    /// Tickets of which chat is to be told, and whether at once.
    loud: BTreeMap<Number, bool>,
    /// Chat platforms that are told.
    pub platforms: BTreeSet<&'static str>,
    /// Ways in which people are paged.
    pub pagers: BTreeSet<&'static str>,
    /// Clocks that were missed, for the metric.
    pub breaches: u64,
}

/// The name under which an alert is stored.
#[must_use]
pub fn alert_id(source: &str, fingerprint: &str) -> String {
    format!("{source}/{fingerprint}")
}

impl World for Overlay<'_> {
    fn ticket(&self, number: &Number) -> Option<&Ticket> {
        self.known.tickets.get(number)
    }

    fn linked(&self, number: &Number) -> Option<&Ticket> {
        let found = self.known.tickets.get(number);
        if found.is_none() {
            self.known.elsewhere.want(number);
        }
        found
    }

    fn alert(&self, source: &str, fingerprint: &str) -> Option<&AlertRecord> {
        self.alerts.get(&alert_id(source, fingerprint))
    }

    fn group(&self, group: &str) -> Option<&GroupRecord> {
        self.groups.get(group)
    }

    fn repeated_at(&self, group: &str) -> Option<Timestamp> {
        self.repeated.get(group).copied()
    }

    fn next_number(&self, prefix: &str) -> u64 {
        u64::try_from(self.known.counters.get(prefix).copied().unwrap_or(0)).unwrap_or(0) + 1
    }
}

impl<'k> Overlay<'k> {
    /// An overlay on what is known, at this moment.
    pub fn new(known: &'k mut Known, now: Timestamp) -> Self {
        let now = not_before(now, known.last_at);
        Self {
            known,
            now,
            alerts: HashMap::new(),
            groups: HashMap::new(),
            repeated: HashMap::new(),
            due_repeats: Vec::new(),
            past_refusals: Vec::new(),
            links: HashMap::new(),
            batch: Batch::default(),
            touched_tickets: BTreeMap::new(),
            touched_alerts: BTreeSet::new(),
            touched_groups: BTreeSet::new(),
            touched_people: BTreeSet::new(),
            touched_accounts: BTreeSet::new(),
            loud: BTreeMap::new(),
            platforms: BTreeSet::new(),
            pagers: BTreeSet::new(),
            codes: Codes::default(),
            breaches: 0,
        }
    }

    /// Gives decided events their places and puts them on the overlay; all or none.
    pub(super) fn append(&mut self, request: &Request, actor: &Actor, events: Vec<NewEvent>) -> Result<Answer, Unanswered> {
        let first = self.known.size;
        let mut revs: HashMap<Number, i64> = HashMap::new();
        let mut ready: Vec<(Event, Rows)> = Vec::with_capacity(events.len());
        for (seq, mut new) in (first..).zip(events) {
            let rev = new.ticket.as_ref().map(|number| {
                let rev = revs.entry(number.clone()).or_insert_with(|| self.known.tickets.get(number).map_or(0, |t| t.rev));
                *rev += 1;
                *rev
            });
            if seq == first
                && let Some(ip) = &request.ip
            {
                new.sealed.insert("ip".to_owned(), ip.clone());
            }
            if seq == first
                && let Some(envelope) = &request.envelope
            {
                new.sealed.insert("envelope".to_owned(), envelope.clone());
            }
            let mut event = new.recorded(seq, self.now, actor, &request.via, rev);
            event.cause = (seq > first).then_some(first);
            let rows = render(&event, new.sealed).map_err(|e| Unanswered::NotStored(format!("an event would not fit the log: {e}")))?;
            ready.push((event, rows));
        }
        let mut answer = Answer::default();
        for (event, rows) in ready {
            answer.events.push(event.seq);
            self.keep(&event, rows);
        }
        Ok(answer)
    }

    fn keep(&mut self, event: &Event, rows: Rows) {
        self.batch.tiles.extend(self.known.edge.append(Hash(rows.event.leaf)));
        if let Some(number) = &event.ticket {
            let before = self.touched_tickets.entry(number.clone()).or_default();
            if before.is_none() && !changes_latest_only(&event.fact) {
                *before = Some(self.known.tickets.get(number).map(deadlines_of).unwrap_or_default());
            }
        }
        if let (Some(number), Some(urgent)) = (&event.ticket, rooms::loudness(event)) {
            *self.loud.entry(number.clone()).or_default() |= urgent;
        }
        let waited = news::waited(event.ticket.as_ref(), &event.fact, self.known, &self.pagers, self.now);
        self.known.apply(event, &rows.sealed);
        let pages = paging::pages(event, self.known, &self.pagers, self.now);
        for row in pages.into_iter().chain(news::news(event, self.known, &waited, &self.pagers, self.now)) {
            self.batch.tell(row);
        }
        if let Some(id) = people::directory::subject(&event.fact) {
            self.touched_people.insert(id.to_owned());
            if matches!(event.fact, Fact::PersonDisabled { .. }) {
                self.batch.ended_people.push(id.to_owned());
            }
        }
        self.touched_accounts.extend(accounts::subject(&event.fact).map(str::to_owned));
        self.breaches += u64::from(matches!(event.fact, Fact::ClockBreached { .. }));
        self.correlate(event);
        self.batch.events.push(rows.event);
        self.batch.sealed.extend(rows.sealed);
    }

    fn correlate(&mut self, event: &Event) {
        let mut record = None;
        if let Some((source, fingerprint)) = correlation::alert_key(event) {
            let id = alert_id(source, fingerprint);
            record = correlation::evolve_alert(self.alerts.remove(&id), event);
            if let Some(record) = &record {
                self.alerts.insert(id.clone(), record.clone());
            }
            self.touched_alerts.insert(id);
        }
        if let Some(group) = correlation::group_key(event, record.as_ref()) {
            if let Some(record) = correlation::evolve_group(self.groups.remove(&group), event) {
                self.groups.insert(group.clone(), record);
            }
            self.touched_groups.insert(group);
        }
    }

    /// Everything that the batch writes, projections included.
    pub fn into_batch(self) -> Batch {
        let mut batch = self.batch;
        for (number, urgent) in &self.loud {
            if let Some(ticket) = self.known.tickets.get(number) {
                for row in self.platforms.iter().filter_map(|p| rooms::entry(p, self.known, ticket, *urgent, self.now)) {
                    batch.tell(row);
                }
            }
        }
        for (number, before) in self.touched_tickets {
            if let Some(ticket) = self.known.tickets.get(&number) {
                batch.latest.push((number.to_string(), latest_of(ticket)));
                // A storm changes nothing else.
                let Some(before) = before else { continue };
                batch.tickets.push(ticket_row(ticket));
                let now = deadlines_of(ticket);
                if now != before {
                    batch.deadlines.push((number.to_string(), now));
                }
                batch.counters.insert(number.prefix().to_owned(), self.known.counters.get(number.prefix()).copied().unwrap_or(0));
            }
        }
        for id in self.touched_alerts {
            if let Some(record) = self.alerts.get(&id) {
                batch.alerts.push(alert_row(id, record));
            }
        }
        for id in self.touched_groups {
            if let Some(record) = self.groups.get(&id) {
                batch.groups.push((id, json(record)));
            }
        }
        for id in self.touched_people {
            if let Some(person) = self.known.directory.get(&id) {
                batch.people.push((id, json(&person.state)));
            }
        }
        for id in self.touched_accounts {
            if let Some(account) = self.known.directory.account(&id) {
                batch.accounts.push((id, json(&account.state)));
            }
        }
        batch
    }
}

/// A projection as the database keeps it.
pub fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A ticket's deadlines, as the database keeps them.
#[must_use]
pub fn deadlines_of(ticket: &Ticket) -> Deadlines {
    deadlines(ticket).into_iter().map(|d| (d.id, d.at.micros())).collect()
}
