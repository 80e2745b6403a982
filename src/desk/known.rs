//! What the clerk holds in memory of the log: it is never ahead of the disk when somebody else reads it, and it is
//! thrown away and read again whenever a commit failed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::append::Edge;
use super::procedures::Procedures;
use super::projections::ticket_of;
use super::refusals::Recorded;
use super::{DeskError, SCHEMA, Snapshot};
use crate::ledger::merkle::{Frontier, Hash};
use crate::people::accounts::{self, AccountState};
use crate::people::directory::{self, PersonState};
use crate::people::{Account, Directory, Person};
use crate::procedure::model::{Kind, Library, Response};
use crate::store::Store;
use crate::store::commit::{Commit, Head, SealedRow, Secret};
use crate::ticket::decide::{KindLookup, PeopleView};
use crate::ticket::event::{Event, Fact, Shift};
use crate::ticket::evolve::evolve;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// Tickets that are kept in memory at most; beyond it all are forgotten and read again when needed.
const MOST_TICKETS: usize = 4096;
/// Events read at a time when catching up.
const PAGE: i64 = 1000;

/// The clerk's memory.
pub struct Known {
    /// The log's name.
    pub origin: String,
    /// It is a demonstration.
    pub demo: bool,
    /// Keys digests of what could be guessed.
    pub secret: Secret,
    /// Number of events.
    pub size: i64,
    /// The tree's right edge.
    pub edge: Edge,
    /// Recorded time of the last event, microseconds.
    pub last_at: i64,
    /// Number of deliveries.
    pub deliveries: i64,
    /// Highest number per prefix.
    pub counters: BTreeMap<String, i64>,
    /// Everybody.
    pub directory: Arc<Directory>,
    /// Procedures.
    pub procedures: Arc<Procedures>,
    /// Tickets read or changed lately.
    pub tickets: HashMap<Number, Ticket>,
    /// Refusals that have an event of their own, in the running hour.
    pub refusals: Recorded,
    /// Tickets that decisions looked at and that were not here.
    pub elsewhere: Elsewhere,
}

/// Tickets that a decision looked at although its command does not name them, as a change looks at its review. They are
/// read before the next commit, and whoever asked has another turn then.
#[derive(Debug, Default)]
pub struct Elsewhere {
    wanted: Mutex<BTreeSet<Number>>,
    /// Looked up, and not there; until somebody opens them.
    missing: BTreeSet<Number>,
    lacking: AtomicBool,
}

impl Elsewhere {
    /// A decision looks for this ticket, which is not in memory.
    pub fn want(&self, number: &Number) {
        if !self.missing.contains(number) {
            self.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(number.clone());
            self.lacking.store(true, Ordering::Relaxed);
        }
    }

    /// Whether something was lacking since this was last asked.
    pub fn was_lacking(&self) -> bool {
        self.lacking.swap(false, Ordering::Relaxed)
    }
}

/// Reads the tree's edge off the database: the hashes of each level's open tile.
async fn read_edge(store: &Store, head: &Head) -> Result<Edge, DeskError> {
    let frontier = Frontier::from_bytes(&head.frontier).map_err(|_| DeskError::Log("the tree's edge in ledger_head is damaged".into()))?;
    let mut open = Vec::new();
    let mut count = head.size;
    let mut level = 0;
    while count > 0 {
        let full = count / 256;
        let hashes =
            if level == 0 { store.leaves(full * 256, count).await? } else { store.tile_roots(level - 1, full * 256, count).await? };
        if i64::try_from(hashes.len()).ok() != Some(count - full * 256) {
            return Err(DeskError::Log(format!("tiles are missing at level {level} of the tree")));
        }
        open.push((full, hashes.into_iter().map(Hash).collect()));
        count = full;
        level += 1;
    }
    Ok(Edge::new(frontier, open))
}

/// Reads an event back from its bytes.
pub(super) fn read_event(seq: i64, bytes: &[u8]) -> Result<Event, DeskError> {
    serde_json::from_slice(bytes).map_err(|e| {
        DeskError::Log(format!("event {seq} is of a kind that this program does not know, or is damaged ({e}); start the newer program"))
    })
}

/// Whether an event seals what the directory holds in memory.
fn names_somebody(fact: &Fact) -> bool {
    matches!(fact, Fact::PersonAdded { .. } | Fact::AccountSeen { .. })
}

fn text_of(sealed: &[SealedRow], name: &str) -> String {
    sealed.iter().find(|s| s.name == name).map(|s| String::from_utf8_lossy(&s.bytes).into_owned()).unwrap_or_default()
}

/// Reads the directory off the database.
async fn read_directory(store: &Store) -> Result<Directory, DeskError> {
    let mut directory = Directory::default();
    for (id, state) in store.people().await? {
        let state: PersonState = serde_json::from_str(&state).map_err(|e| DeskError::Log(format!("person {id}: {e}")))?;
        let sealed = store.sealed_at(state.added_seq).await?;
        directory.put(Person { name: text_of(&sealed, "name"), email: text_of(&sealed, "email"), state });
    }
    for (id, state) in store.accounts().await? {
        let state: AccountState = serde_json::from_str(&state).map_err(|e| DeskError::Log(format!("account {id}: {e}")))?;
        let sealed = store.sealed_at(state.seen_seq).await?;
        directory.put_account(Account { handle: text_of(&sealed, "handle"), state });
    }
    Ok(directory)
}

impl Known {
    /// Reads it off the database. Procedures that `before` holds are not compiled again.
    ///
    /// # Errors
    /// When the database does not answer, or what is in it does not fit together.
    pub async fn load(store: &Store, before: &Procedures) -> Result<Self, DeskError> {
        let head = store.head().await?.ok_or_else(|| DeskError::Wrong("this database holds no log yet".to_owned()))?;
        if head.schema > SCHEMA {
            return Err(DeskError::Wrong(format!(
                "a newer Countersign wrote this log (vocabulary {}, this program knows {SCHEMA}); start the newer program",
                head.schema
            )));
        }
        let procedures = Procedures::load(store, before).await?;
        let mut directory = read_directory(store).await?;
        if procedures.current().is_some_and(|library| library.organisation.estate.on_call.is_some()) {
            for kind in ["RotaRead", "OnCallChanged"] {
                if let Some((seq, bytes)) = store.latest_of_kind(kind).await? {
                    directory.note_on_call(&read_event(seq, &bytes)?.fact);
                }
            }
        }
        Ok(Self {
            edge: read_edge(store, &head).await?,
            counters: store.counters().await?,
            directory: Arc::new(directory),
            procedures: Arc::new(procedures),
            refusals: Recorded::of(store.refusals_before(i64::MAX, i64::MAX).await?),
            tickets: HashMap::new(),
            elsewhere: Elsewhere::default(),
            origin: head.origin,
            demo: head.demo,
            secret: head.secret,
            size: head.size,
            last_at: head.last_at,
            deliveries: head.deliveries,
        })
    }

    /// What readers see.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            size: self.size,
            directory: Arc::clone(&self.directory),
            procedures: Arc::clone(&self.procedures),
            secret: self.secret.clone(),
        }
    }

    /// Learns what another process appended, under the head's lock.
    ///
    /// # Errors
    /// When the database is behind what we know, or does not continue it.
    pub async fn catch_up(&mut self, store: &Store, commit: &mut Commit<'_>, head: &Head) -> Result<(), DeskError> {
        if head.size < self.size {
            return Err(DeskError::Log(format!(
                "the database holds {} events and this process has seen {}: an older copy was put back; restart after `countersign doctor`",
                head.size, self.size
            )));
        }
        while self.size < head.size {
            let from = self.size;
            for (seq, bytes) in commit.events_from(from, PAGE).await? {
                let event = read_event(seq, &bytes)?;
                self.edge.append(Hash::leaf(&bytes));
                let sealed = if names_somebody(&event.fact) { store.sealed_at(seq).await? } else { Vec::new() };
                self.learn(&event, &sealed);
                if matches!(event.fact, Fact::PlaybooksAdopted { .. }) {
                    self.procedures = Arc::new(Procedures::load(store, &self.procedures).await?);
                }
            }
            if self.size == from {
                return Err(DeskError::Log(format!("event {from} is missing")));
            }
        }
        self.deliveries = head.deliveries;
        self.fetch_wanted(commit).await?;
        if self.edge.frontier().to_bytes() == head.frontier {
            Ok(())
        } else {
            Err(DeskError::Log("the tree in the database is not the one that its events make".to_owned()))
        }
    }

    /// Reads the tickets that the decisions before looked for.
    async fn fetch_wanted(&mut self, commit: &mut Commit<'_>) -> Result<(), DeskError> {
        let wanted = std::mem::take(self.elsewhere.wanted.get_mut().unwrap_or_else(PoisonError::into_inner));
        let missing: Vec<String> = wanted.iter().filter(|n| !self.tickets.contains_key(n)).map(ToString::to_string).collect();
        if !missing.is_empty() {
            for held in commit.tickets(missing).await? {
                let ticket = ticket_of(&held)?;
                self.tickets.insert(ticket.number.clone(), ticket);
            }
            if self.elsewhere.missing.len() > MOST_TICKETS {
                self.elsewhere.missing.clear();
            }
            self.elsewhere.missing.extend(wanted.into_iter().filter(|n| !self.tickets.contains_key(n)));
        }
        Ok(())
    }

    /// Somebody else's event: a ticket in memory is forgotten rather than evolved, since it may not be here.
    fn learn(&mut self, event: &Event, sealed: &[SealedRow]) {
        if let Some(number) = &event.ticket {
            self.tickets.remove(number);
        }
        self.note(event, sealed);
    }

    /// Our own event, decided and on its way to the disk.
    pub fn apply(&mut self, event: &Event, sealed: &[SealedRow]) {
        if let Some(number) = &event.ticket {
            let before = self.tickets.remove(number);
            if let Some(after) = evolve(before, event) {
                self.tickets.insert(number.clone(), after);
            }
        }
        self.note(event, sealed);
    }

    fn note(&mut self, event: &Event, sealed: &[SealedRow]) {
        self.size = event.seq + 1;
        self.last_at = event.at.micros();
        if let Fact::EpochOpened(epoch) = &event.fact {
            self.origin.clone_from(&epoch.origin);
        }
        self.refusals.note(event);
        if let Fact::RotaRead { .. } | Fact::OnCallChanged { .. } = &event.fact {
            Arc::make_mut(&mut self.directory).note_on_call(&event.fact);
        }
        if let (Fact::TicketOpened(_), Some(number)) = (&event.fact, &event.ticket) {
            let count = i64::try_from(number.count()).unwrap_or(i64::MAX);
            self.counters.insert(number.prefix().to_owned(), count);
            self.elsewhere.missing.remove(number);
        }
        if let Some(id) = directory::subject(&event.fact) {
            let before = self.directory.get(id).cloned();
            let (name, email) =
                before.as_ref().map_or_else(|| (text_of(sealed, "name"), text_of(sealed, "email")), |p| (p.name.clone(), p.email.clone()));
            if let Some(state) = directory::evolve(before.map(|p| p.state), event) {
                Arc::make_mut(&mut self.directory).put(Person { state, name, email });
            }
        }
        if let Some(id) = accounts::subject(&event.fact) {
            let before = self.directory.account(id).cloned();
            let handle = before.as_ref().map_or_else(|| text_of(sealed, "handle"), |a| a.handle.clone());
            if let Some(state) = accounts::evolve(before.map(|a| a.state), event) {
                Arc::make_mut(&mut self.directory).put_account(Account { state, handle });
            }
        }
    }

    /// Forgets tickets when there are too many.
    pub fn forget_some(&mut self) {
        if self.tickets.len() > MOST_TICKETS {
            self.tickets.clear();
        }
    }

    /// The playbooks that count now.
    ///
    /// # Errors
    /// Before the first adoption.
    pub fn library(&self) -> Result<Arc<Library>, DeskError> {
        self.procedures.current().cloned().ok_or_else(|| DeskError::Wrong("no playbooks were adopted yet".to_owned()))
    }
}

impl KindLookup for Procedures {
    fn kind(&self, digest: &str) -> Option<&Kind> {
        self.kind(digest).map(AsRef::as_ref)
    }

    fn response(&self, digest: &str) -> Option<&Response> {
        self.response(digest).map(AsRef::as_ref)
    }
}

impl PeopleView for Directory {
    fn is_active(&self, person: &str) -> bool {
        self.active(person).is_some()
    }

    fn roles(&self, person: &str) -> Vec<String> {
        self.active(person).map(|p| p.state.roles.clone()).unwrap_or_default()
    }

    fn has_email(&self, person: &str, email: &str) -> bool {
        self.active(person).is_some_and(|p| p.email == email.to_lowercase())
    }

    fn owners_of(&self, account: &str) -> Vec<String> {
        self.account(account).map(|a| a.state.past.iter().cloned().collect()).unwrap_or_default()
    }

    fn holders(&self, role: &str) -> Vec<String> {
        let held = self.iter().filter(|p| !p.state.disabled && p.state.roles.iter().any(|r| r == role));
        let mut held: Vec<(&str, &str)> = held.map(|p| (p.name.as_str(), p.state.id.as_str())).collect();
        held.sort_unstable();
        held.into_iter().map(|(_, id)| id.to_owned()).collect()
    }

    fn by_email(&self, email: &str) -> Option<String> {
        let email = email.to_lowercase();
        Self::by_email(self, &email).filter(|p| !p.state.disabled).map(|p| p.state.id.clone())
    }

    fn name(&self, person: &str) -> Option<String> {
        self.get(person).map(|p| p.name.clone()).filter(|name| !name.is_empty())
    }

    fn shifts(&self) -> &[Shift] {
        Self::shifts(self)
    }
}
