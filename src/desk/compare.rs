//! What the events make against what the database holds, column by column: the proof that there is no state without
//! events.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::DeskError;
use super::overlay::{deadlines_of, json};
use super::projections::{alert_row, latest_of, ticket_row};
use super::rebuild::{Rebuilt, Told};
use crate::store::commit::{DeliveryRow, Head, Latest};
use crate::store::whole::{Columns, Projection};
use crate::store::{Store, StoreError};
use crate::ticket::alert::AlertStatus;
use crate::ticket::number::Number;

/// Rows read at a time.
const PAGE: i64 = 1000;

/// Rows by key.
type Table = BTreeMap<String, Columns>;

impl Rebuilt {
    /// What differs from what the database holds, a sentence each; empty when nothing does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn differences(&self, store: &Store) -> Result<Vec<String>, DeskError> {
        let mut found = Vec::new();
        for (which, name) in [
            (Projection::Tickets, "ticket"),
            (Projection::Latest, "ticket"),
            (Projection::Alerts, "alert"),
            (Projection::Groups, "alert group"),
            (Projection::People, "person"),
            (Projection::Accounts, "account"),
            (Projection::Counters, "counter"),
            (Projection::Deadlines, "deadline"),
            (Projection::Adopted, "adoption"),
        ] {
            compare(name, &read_all(store, which).await?, &self.table(which), &mut found);
        }
        self.compare_playbooks(&store.playbooks().await?, &mut found);
        match store.head().await? {
            Some(head) => {
                self.compare_head(&head, &mut found);
                self.compare_deliveries(store, head.deliveries, &mut found).await?;
            }
            None => found.push("the log's head is missing in the database".to_owned()),
        }
        Ok(found)
    }

    /// A projection as the database should hold it.
    pub(super) fn table(&self, which: Projection) -> Table {
        let text = |value: &dyn ToString| Some(value.to_string());
        match which {
            Projection::Tickets => {
                let row = |t| {
                    let row = ticket_row(t);
                    let ended = text(&i64::from(row.ended));
                    vec![Some(row.kind), Some(row.status), ended, text(&row.opened_seq), Some(row.state)]
                };
                self.tickets.iter().map(|(number, t)| (number.to_string(), row(t))).collect()
            }
            Projection::Latest => {
                let row = |t| {
                    let Latest { rev, seq, updated_at, alerts: (attached, firing, repeats) } = latest_of(t);
                    [rev, seq, updated_at, attached, firing, repeats].iter().map(|number| text(number)).collect()
                };
                self.tickets.iter().map(|(number, t)| (number.to_string(), row(t))).collect()
            }
            Projection::Alerts => {
                let row = |id: &String, r| {
                    let row = alert_row(id.clone(), r);
                    vec![row.ticket, Some(row.status), row.group, text(&row.first_seen), text(&row.last_seen)]
                };
                self.alerts.iter().map(|(id, r)| (id.clone(), row(id, r))).collect()
            }
            Projection::Groups => self.groups.iter().map(|(id, r)| (id.clone(), vec![Some(json(r))])).collect(),
            Projection::People => self.people.iter().map(|(id, s)| (id.clone(), vec![Some(json(s))])).collect(),
            Projection::Accounts => self.accounts.iter().map(|(id, s)| (id.clone(), vec![Some(json(s))])).collect(),
            Projection::Counters => self.counters.iter().map(|(prefix, last)| (prefix.clone(), vec![text(last)])).collect(),
            Projection::Deadlines => {
                let row = |number: &Number, id: String, at: i64| (format!("{number}/{id}"), vec![Some(at.to_string())]);
                self.tickets.iter().flat_map(|(n, t)| deadlines_of(t).into_iter().map(move |(id, at)| row(n, id, at))).collect()
            }
            Projection::Adopted => {
                self.adopted.iter().map(|(seq, path, digest)| (format!("{seq}/{path}"), vec![Some(digest.clone())])).collect()
            }
        }
    }

    /// Every adopted file is there with the bytes that were adopted, and no other file.
    fn compare_playbooks(&self, held: &[(String, String, Vec<u8>)], found: &mut Vec<String>) {
        let adopted: BTreeSet<(&str, &str)> = self.adopted.iter().map(|(_, path, digest)| (digest.as_str(), path.as_str())).collect();
        for (digest, path, bytes) in held {
            if !adopted.contains(&(digest.as_str(), path.as_str())) {
                found.push(format!("playbook {path} ({digest}) stands in the database, but no event adopted it"));
            } else if hex::encode(Sha256::digest(bytes)) != *digest {
                found.push(format!("playbook {path}: the stored bytes are not those that were adopted ({digest})"));
            }
        }
        let held: BTreeSet<&str> = held.iter().map(|(digest, ..)| digest.as_str()).collect();
        for (digest, path) in adopted {
            if !held.contains(digest) {
                found.push(format!("playbook {path} ({digest}) was adopted, and its bytes are missing in the database"));
            }
        }
    }

    /// What the head says of the log; its tree is compared where the events are walked.
    fn compare_head(&self, head: &Head, found: &mut Vec<String>) {
        let mut say = |what: &str, held: String, made: String| {
            if held != made {
                found.push(format!("the log's head says {what} {held}, the events say {made}"));
            }
        };
        say("size", head.size.to_string(), self.size.to_string());
        say("last_at", head.last_at.to_string(), self.last_at.to_string());
        if let Some((origin, demo, schema)) = &self.opened {
            say("origin", head.origin.clone(), origin.clone());
            say("demo", head.demo.to_string(), demo.to_string());
            say("schema", head.schema.to_string(), schema.to_string());
        }
    }

    /// Deliveries are numbered from 1 without a gap, are as many as the head counts, and are those that events tell of.
    async fn compare_deliveries(&self, store: &Store, counted: i64, found: &mut Vec<String>) -> Result<(), StoreError> {
        let mut last = 0;
        let mut after = i64::MIN;
        loop {
            let page = store.deliveries_after(after, PAGE).await?;
            let Some(to) = page.last() else { break };
            after = to.id;
            for row in page {
                let id = row.id;
                if id != last + 1 {
                    let next = last + 1;
                    found.push(format!("delivery {next} is missing in the database; delivery {id} stands in its place"));
                    return Ok(());
                }
                last = id;
                if self.deliveries.get(&id).is_some_and(|told| !tells_of(told, &row)) {
                    found.push(format!("delivery {id} in the database is not the one that its events tell of"));
                }
            }
        }
        if last != counted {
            found.push(format!("the log's head counts {counted} deliveries, and the database holds {last}"));
        }
        if last < self.last_delivery {
            found.push(format!("an event tells of delivery {}, which is missing in the database", self.last_delivery));
        }
        Ok(())
    }
}

/// Whether what events tell of a delivery is what its row says.
fn tells_of(told: &Told, row: &DeliveryRow) -> bool {
    let Ok(alerts) = serde_json::from_str::<Vec<(String, AlertStatus)>>(&row.alerts) else { return false };
    let marks: BTreeSet<u64> = alerts.iter().map(|(fingerprint, _)| Told::mark(fingerprint)).collect();
    told.source == row.source
        && told.received_at.is_none_or(|at| at == row.received_at)
        && told.alerts.iter().all(|mark| marks.contains(mark))
}

pub(super) async fn read_all(store: &Store, which: Projection) -> Result<Table, StoreError> {
    let mut all = Table::new();
    let mut after = String::new();
    loop {
        let page = store.projection(which, &after, PAGE).await?;
        let whole = i64::try_from(page.len()) == Ok(PAGE);
        if let Some((last, _)) = page.last() {
            after.clone_from(last);
        }
        all.extend(page);
        if !whole {
            return Ok(all);
        }
    }
}

fn compare(what: &str, held: &Table, made: &Table, found: &mut Vec<String>) {
    for (key, row) in held {
        match made.get(key) {
            None => found.push(format!("{what} {key} stands in the database, but no event made it")),
            Some(other) if other != row => found.push(format!("{what} {key} in the database is not what its events make it")),
            Some(_) => {}
        }
    }
    let missing = made.keys().filter(|key| !held.contains_key(*key));
    found.extend(missing.map(|key| format!("{what} {key} is missing in the database, though its events are there")));
}
