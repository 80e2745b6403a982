//! Every projection from the events alone, compared with what the database holds: the proof that there is no state
//! without events.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::DeskError;
use super::known::read_event;
use super::overlay::{alert_id, json, ticket_row};
use crate::people::directory::{self, PersonState};
use crate::store::Store;
use crate::store::read::Projection;
use crate::ticket::correlation::{self, AlertRecord, GroupRecord};
use crate::ticket::event::{Event, Fact};
use crate::ticket::evolve::evolve;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// Rows read at a time.
const PAGE: i64 = 1000;

/// What the events make.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Number of events read.
    pub size: i64,
    /// Tickets.
    pub tickets: BTreeMap<Number, Ticket>,
    /// People.
    pub people: BTreeMap<String, PersonState>,
    /// Alerts.
    pub alerts: HashMap<String, AlertRecord>,
    /// Groups.
    pub groups: HashMap<String, GroupRecord>,
    /// Highest number per prefix.
    pub counters: BTreeMap<String, i64>,
    /// Adopted files: position, path, digest.
    pub adopted: Vec<(i64, String, String)>,
}

impl Rebuilt {
    /// Takes the next event in.
    pub fn take(&mut self, event: &Event) {
        self.size = event.seq + 1;
        if let Some(number) = &event.ticket {
            if matches!(event.fact, Fact::TicketOpened(_)) {
                self.counters.insert(number.prefix().to_owned(), i64::try_from(number.count()).unwrap_or(i64::MAX));
            }
            if let Some(after) = evolve(self.tickets.remove(number), event) {
                self.tickets.insert(number.clone(), after);
            }
        }
        if let Some(id) = directory::subject(&event.fact)
            && let Some(state) = directory::evolve(self.people.remove(id), event)
        {
            self.people.insert(id.to_owned(), state);
        }
        if let Fact::PlaybooksAdopted { files } = &event.fact {
            self.adopted.extend(files.iter().map(|f| (event.seq, f.path.clone(), f.digest.clone())));
        }
        let mut record = None;
        if let Some((source, fingerprint)) = correlation::alert_key(event) {
            let id = alert_id(source, fingerprint);
            record = correlation::evolve_alert(self.alerts.remove(&id), event);
            if let Some(record) = &record {
                self.alerts.insert(id, record.clone());
            }
        }
        if let Some(group) = correlation::group_key(event, record.as_ref())
            && let Some(record) = correlation::evolve_group(self.groups.remove(&group), event)
        {
            self.groups.insert(group, record);
        }
    }

    /// Reads the whole log.
    ///
    /// # Errors
    /// When the database does not answer or an event does not read back.
    pub async fn of(store: &Store) -> Result<Self, DeskError> {
        let mut rebuilt = Self::default();
        loop {
            let page = store.events_from(rebuilt.size, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(rebuilt) };
            let next = last + 1;
            for (seq, bytes) in &page {
                rebuilt.take(&read_event(*seq, bytes)?);
            }
            rebuilt.size = next;
        }
    }

    /// What differs from the database's projections, a sentence each; empty when nothing does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn differences(&self, store: &Store) -> Result<Vec<String>, DeskError> {
        let mut found = Vec::new();
        let tickets = self.tickets.iter().map(|(n, t)| (n.to_string(), json(t))).collect();
        compare("ticket", &read_all(store, Projection::Tickets).await?, &tickets, &mut found);
        let alerts = self.alerts.iter().map(|(id, r)| (id.clone(), json(r))).collect();
        compare("alert", &read_all(store, Projection::Alerts).await?, &alerts, &mut found);
        let groups = self.groups.iter().map(|(id, r)| (id.clone(), json(r))).collect();
        compare("alert group", &read_all(store, Projection::Groups).await?, &groups, &mut found);
        let people = self.people.iter().map(|(id, s)| (id.clone(), json(s))).collect();
        compare("person", &store.people().await?.into_iter().collect(), &people, &mut found);
        if store.counters().await? != self.counters {
            found.push("the counters of ticket numbers are not what the events make them".to_owned());
        }
        if store.adopted().await? != self.adopted {
            found.push("the list of adopted playbooks is not what the events make it".to_owned());
        }
        let deadlines: BTreeMap<String, String> = self
            .tickets
            .values()
            .flat_map(|t| ticket_row(t).deadlines.into_iter().map(|(id, at)| (format!("{}/{id}", t.number), at.to_string())))
            .collect();
        let held = store.deadlines().await?.into_iter().map(|(ticket, id, at)| (format!("{ticket}/{id}"), at.to_string())).collect();
        compare("deadline", &held, &deadlines, &mut found);
        Ok(found)
    }
}

async fn read_all(store: &Store, which: Projection) -> Result<BTreeMap<String, String>, DeskError> {
    let mut all = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = store.projection(which, &after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        after.clone_from(last);
        all.extend(page);
    }
}

fn compare(what: &str, held: &BTreeMap<String, String>, made: &BTreeMap<String, String>, found: &mut Vec<String>) {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    for (key, row) in held {
        match made.get(key) {
            None => found.push(format!("{what} {key} stands in the database, but no event made it")),
            Some(other) if other != row && value(other) != value(row) => {
                found.push(format!("{what} {key} in the database is not what its events make it"));
            }
            Some(_) => {}
        }
    }
    found.extend(
        made.keys()
            .filter(|k| !held.contains_key(*k))
            .map(|k| format!("{what} {k} is missing in the database, though its events are there")),
    );
}
