//! Every projection from the events alone; [`super::compare`] holds it against what the database has.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use super::DeskError;
use super::known::read_event;
use super::overlay::alert_id;
use crate::people::accounts::{self, AccountState};
use crate::people::directory::{self, PersonState};
use crate::store::Store;
use crate::ticket::correlation::{self, AlertRecord, GroupRecord};
use crate::ticket::event::{Event, Fact};
use crate::ticket::evolve::evolve;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// Rows read at a time.
const PAGE: i64 = 1000;

/// What events tell of a delivery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Its source.
    pub source: String,
    /// When it came, microseconds; of one that only brought repeats no event says so.
    pub received_at: Option<i64>,
    /// Alerts that it brought, each by [`Told::mark`].
    pub alerts: Vec<u64>,
}

impl Told {
    /// Stands for an alert's fingerprint, in less room.
    #[must_use]
    pub fn mark(fingerprint: &str) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(fingerprint));
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// What the events make.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Number of events read.
    pub size: i64,
    /// Tickets.
    pub tickets: BTreeMap<Number, Ticket>,
    /// People.
    pub people: BTreeMap<String, PersonState>,
    /// Chat accounts.
    pub accounts: BTreeMap<String, AccountState>,
    /// Alerts.
    pub alerts: HashMap<String, AlertRecord>,
    /// Groups.
    pub groups: HashMap<String, GroupRecord>,
    /// Highest number per prefix.
    pub counters: BTreeMap<String, i64>,
    /// Adopted files: position, path, digest.
    pub adopted: Vec<(i64, String, String)>,
    /// The log's name, whether it is a demonstration, and the vocabulary that it began with.
    pub opened: Option<(String, bool, i64)>,
    /// Recorded time of the last event, microseconds.
    pub last_at: i64,
    /// Deliveries that events tell of.
    pub deliveries: BTreeMap<i64, Told>,
    /// The highest delivery that an event names.
    pub last_delivery: i64,
}

impl Rebuilt {
    /// Takes the next event in.
    pub fn take(&mut self, event: &Event) {
        self.size = event.seq + 1;
        self.last_at = event.at.micros();
        self.take_head(event);
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
        if let Some(id) = accounts::subject(&event.fact)
            && let Some(state) = accounts::evolve(self.accounts.remove(id), event)
        {
            self.accounts.insert(id.to_owned(), state);
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

    /// What the head and the table of deliveries must agree with.
    fn take_head(&mut self, event: &Event) {
        let named = match &event.fact {
            Fact::LogOpened { origin, demo, schema } => {
                self.opened = Some((origin.clone(), *demo, *schema));
                return;
            }
            Fact::EpochOpened(epoch) => {
                if let Some((origin, ..)) = &mut self.opened {
                    origin.clone_from(&epoch.origin);
                }
                return;
            }
            Fact::AlertAttached(seen) | Fact::AlertChanged(seen) | Fact::AlertUnmapped(seen) => {
                self.tell(seen.delivery, &seen.source, &seen.fingerprint).received_at = Some(seen.received_at.micros());
                seen.delivery
            }
            Fact::AlertRepeated { source, fingerprint, first_delivery, last_delivery, .. } => {
                self.tell(*first_delivery, source, fingerprint);
                self.tell(*last_delivery, source, fingerprint);
                *last_delivery
            }
            _ => return,
        };
        self.last_delivery = self.last_delivery.max(named);
    }

    fn tell(&mut self, delivery: i64, source: &str, fingerprint: &str) -> &mut Told {
        let told = self.deliveries.entry(delivery).or_default();
        if told.source != source {
            source.clone_into(&mut told.source);
        }
        told.alerts.push(Told::mark(fingerprint));
        told
    }

    /// Reads the whole log.
    ///
    /// # Errors
    /// When the database does not answer or an event does not read back.
    pub async fn of(store: &Store) -> Result<Self, DeskError> {
        let mut rebuilt = Self::default();
        rebuilt.catch_up(store).await?;
        Ok(rebuilt)
    }

    /// Reads what was recorded since.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub async fn catch_up(&mut self, store: &Store) -> Result<(), DeskError> {
        loop {
            let page = store.events_from(self.size, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            let next = last + 1;
            for (seq, bytes) in &page {
                self.take(&read_event(*seq, bytes)?);
            }
            self.size = next;
        }
    }
}
