//! The one door. Whoever asks, every change of state comes in here as a [`Request`] and goes out as events on the disk.
//!
//! - [`request`]: what can be asked, and what is answered;
//! - [`clerk`]: one task per process that takes requests, decides them and commits them together; `ahead`: what it reads
//!   before, `deciding`: each request in memory, `outcome`: when a commit fails, or nobody knows;
//! - [`clockwatch`]: a wall clock that jumps stops commits;
//! - [`turn`]: one request's turn within a batch; [`overlay`]: what the batch has decided so far; [`refusals`]: those
//!   that an assessor wants to see;
//! - [`health`]: what of clocks and disks stops commits, for `/readyz`;
//! - [`known`]: what the clerk holds in memory: tickets, people, procedures, the tree's edge;
//! - [`procedures`]: what was adopted, in every version;
//! - [`chat`]: what the inward half of a chat platform asks of the outward half;
//! - [`accounts`]: whose a chat account is, and how it becomes somebody's;
//! - [`append`]: events into canonical bytes, leaves and tiles;
//! - [`prepare`]: alerts sealed before the queue; [`matching`]: which playbook takes them;
//! - `unchanged`: sealed texts that are sent as they stand;
//! - `moved`: a ticket's versions, and what changed while somebody was reading;
//! - [`query`]: what pages and programs ask, by people who may;
//! - [`tick`]: what time does: deadlines, repeats to tell, forgeries to count;
//! - [`obligations`]: what comes due again and again; [`draws`]: what of a past period is drawn at random then, and kept;
//! - [`campaign`]: reviews of many lines;
//! - [`oncall`]: whose turn it is, and what the calendar of shifts says; [`paging`]: who is paged, and whom that did not reach;
//! - [`heartbeat`]: monitoring tools that fall silent;
//! - [`publish`]: signed checkpoints, and the refusal to sign when the log is not the one we know;
//! - [`rooms`]: where tickets stand in chat, and what is to be told there;
//! - [`founding`]: the first start of a log, and adopting playbooks;
//! - `projections`: tickets and alerts as the database keeps them;
//! - [`rebuild`]: every projection from the events alone; [`compare`]: against what the database holds.
//!
//! To add a request: a variant of [`request::Ask`] (or of `ticket::command::Command`), decided purely where it
//! belongs, turned into events by the clerk. There is no other way to change anything.

pub mod accounts;
mod ahead;
pub mod append;
mod audit;
pub mod campaign;
pub mod chat;
pub mod clerk;
pub mod clockwatch;
pub mod compare;
mod deciding;
pub mod draws;
pub mod founding;
pub mod health;
pub mod heartbeat;
pub mod known;
pub mod matching;
mod moved;
pub mod news;
pub mod obligations;
pub mod oncall;
mod outcome;
pub mod overlay;
pub mod paging;
pub mod prepare;
pub mod procedures;
mod projections;
pub mod publish;
pub mod query;
pub mod reachable;
pub mod rebuild;
pub mod refusals;
pub mod request;
mod reshape;
pub mod rooms;
pub mod tick;
pub mod turn;
mod unchanged;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::env::{Env, Timestamp};
use crate::people::Directory;
use crate::store::Store;
pub use crate::store::StoreError;
use crate::store::attachments::Attachments;
use crate::store::commit::Secret;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;
use clerk::Queued;
use clockwatch::ClockWatch;
use procedures::Procedures;
use request::{Answer, Ask, Refused, Request, Unanswered};

/// The version of the events' vocabulary that this program writes.
pub const SCHEMA: i64 = 1;

/// People's requests that may wait at once; beyond it they are refused with 503.
const PEOPLE_QUEUE: usize = 4096;
/// How often a request has another turn because a ticket that its decision looks at had to be fetched first.
const MOST_LOOKS: usize = 4;
/// Machines' requests that may wait at once.
const MACHINE_QUEUE: usize = 4096;

/// What every reader sees: as of the latest commit that this process knows.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Number of events.
    pub size: i64,
    /// Everybody.
    pub directory: Arc<Directory>,
    /// The procedures that count now, and all older ones by digest.
    pub procedures: Arc<Procedures>,
    /// Keys digests of what could be guessed.
    pub(crate) secret: Secret,
}

/// Counts for `/metrics`, kept where the work is done.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Requests that wait for the clerk.
    pub queue: AtomicI64,
    /// Commits so far.
    pub commits: AtomicU64,
    /// Requests answered so far, by outcome.
    pub answered: Mutex<BTreeMap<&'static str, u64>>,
    /// Seconds that commits took, and requests that they held: for histograms. Bounded; the reader empties it.
    pub recent: Mutex<Vec<(Duration, usize)>>,
    /// Clocks that were missed.
    pub breaches: AtomicU64,
}

/// The desk's handle; cheap to clone.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) attachments: Attachments,
    pub(crate) env: Env,
    pub(crate) snapshot: RwLock<Snapshot>,
    pub(crate) gauges: Gauges,
    pub(crate) matcher: matching::Matcher,
    pub(crate) forgeries: Mutex<tick::Forgeries>,
    /// When each recurring obligation last came due; none until the log was asked.
    pub(crate) obliged: Mutex<Option<BTreeMap<String, Timestamp>>>,
    /// A run may have drawn what is to be written as a pack; looked for at the start in any case.
    pub(crate) packs_owed: AtomicBool,
    /// Reviews whose lines could not be frozen in time, and when that was last tried.
    pub(crate) unfrozen: Mutex<BTreeMap<Number, Timestamp>>,
    /// Held while somebody does what is due: whoever comes meanwhile waits for it, instead of finding nothing to do.
    pub(crate) ticking: tokio::sync::Mutex<()>,
    pub(crate) signing: RwLock<publish::Signing>,
    /// What somebody outside knows of the log that this database does not: then nothing is signed.
    pub(crate) distrusted: RwLock<Option<String>>,
    /// Notices a wall clock that jumps.
    pub(crate) clocks: Mutex<ClockWatch>,
    /// Whether there is room on the disk, when that was last looked at.
    pub(crate) room: Mutex<health::Room>,
    /// The latest commit failed for a reason that is the database's.
    pub(crate) failing: AtomicBool,
    /// When the commit that is under way began, on the clock that never goes back, microseconds and one; 0 for none.
    pub(crate) committing: AtomicU64,
    /// Looks of the scheduler while commits fail.
    pub(crate) looks: AtomicU64,
    /// Chat platforms that are told of tickets.
    platforms: RwLock<BTreeSet<&'static str>>,
    /// Ways in which people are paged: channels of the outbox.
    pagers: RwLock<BTreeSet<&'static str>>,
    people: mpsc::Sender<Queued>,
    machines: mpsc::Sender<Queued>,
    /// So many requests the clerk waits for, if it does, and how it hears that they are there.
    pub(crate) wanted: AtomicI64,
    pub(crate) gathered: tokio::sync::Notify,
    sizes: watch::Sender<i64>,
    pub(crate) fatal: watch::Sender<Option<Ending>>,
}

/// Why a process can record nothing more, in a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// What the disk or this process holds cannot be trusted: it ends at once, and signs nothing.
    AtOnce(String),
    /// A newer program has taken the database over: what is under way is answered before it ends.
    Drained(String),
}

impl Ending {
    /// The sentence.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::AtOnce(why) | Self::Drained(why) => why,
        }
    }
}

/// Why a desk cannot open.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is in the log does not read back.
    #[error("the log cannot be read back: {0}")]
    Log(String),
    /// The playbooks are not the adopted ones, or do not load.
    #[error("{0}")]
    Playbooks(String),
    /// The log is of another sort than the command.
    #[error("{0}")]
    Wrong(String),
}

impl Desk {
    /// Opens the desk on a founded log (see [`founding`]) and starts its clerk.
    ///
    /// # Errors
    /// When the database does not answer or the log does not read back.
    pub async fn open(store: Store, attachments: Attachments, env: Env) -> Result<Self, DeskError> {
        match reshape::reshape(&store).await {
            // One event that does not read back stops nobody who does not need it; `verify` says which one it is.
            Err(error @ DeskError::Log(_)) => {
                tracing::error!(%error, "what an earlier version kept could not be made anew; it is tried again at the next start");
            }
            made => made?,
        }
        let known = known::Known::load(&store, &Procedures::default()).await?;
        let clocks = health::clock_of(&store, &env, known.last_at).await?;
        let snapshot = known.snapshot();
        let (people, people_queue) = mpsc::channel(PEOPLE_QUEUE);
        let (machines, machine_queue) = mpsc::channel(MACHINE_QUEUE);
        let (sizes, _) = watch::channel(snapshot.size);
        let (fatal, _) = watch::channel(None);
        let inner = Arc::new(Inner {
            store,
            attachments,
            env,
            snapshot: RwLock::new(snapshot),
            gauges: Gauges::default(),
            matcher: matching::Matcher::default(),
            forgeries: Mutex::default(),
            obliged: Mutex::default(),
            packs_owed: AtomicBool::new(true),
            unfrozen: Mutex::default(),
            ticking: tokio::sync::Mutex::default(),
            signing: RwLock::default(),
            distrusted: RwLock::default(),
            clocks: Mutex::new(clocks),
            room: Mutex::default(),
            failing: AtomicBool::new(false),
            committing: AtomicU64::new(0),
            looks: AtomicU64::new(0),
            platforms: RwLock::default(),
            pagers: RwLock::default(),
            people,
            machines,
            wanted: AtomicI64::new(i64::MAX),
            gathered: tokio::sync::Notify::new(),
            sizes,
            fatal,
        });
        let clerk = clerk::run(Arc::downgrade(&inner), known, people_queue, machine_queue);
        let (ended, end) = oneshot::channel();
        let work = async move {
            clerk.await;
            // Nobody may be waiting any more.
            let _ = ended.send(());
        };
        if inner.store.commits_in_place() {
            // A thread of its own: what it writes keeps nobody from being heard or answered.
            let here = tokio::runtime::Handle::current();
            let started = std::thread::Builder::new().name("clerk".to_owned()).spawn(move || here.block_on(work));
            started.map_err(|error| DeskError::Wrong(format!("the system gives no thread to record on: {error}")))?;
        } else {
            tokio::spawn(work);
        }
        let watched = Arc::downgrade(&inner);
        tokio::spawn(async move {
            if end.await.is_err()
                && let Some(inner) = watched.upgrade()
            {
                tracing::error!("the clerk broke down; this process ends, so that another can start from what is on the disk");
                inner.fatal.send_replace(Some(Ending::AtOnce("the clerk broke down; look at the log, then start again".to_owned())));
            }
        });
        Ok(Self { inner })
    }

    /// Asks for something. The answer comes after the commit: what was answered `Ok` is on the disk.
    ///
    /// # Errors
    /// A refusal (somebody may not, or it is not possible now), or that nothing could be stored.
    pub async fn ask(&self, request: Request) -> Result<Answer, Unanswered> {
        let request = self.without_the_same(self.with_lines(request).await).await;
        // Only what may look at other tickets is kept for another turn: to copy what a delivery brings would cost too much.
        let again = request.looks_elsewhere().then(|| request.clone());
        let mut answer = self.ask_once(request).await;
        for _ in 0..MOST_LOOKS {
            match (&answer, &again) {
                (Err(Unanswered::Elsewhere), Some(request)) => answer = self.ask_once(request.clone()).await,
                _ => break,
            }
        }
        answer
    }

    async fn ask_once(&self, request: Request) -> Result<Answer, Unanswered> {
        let queue = if matches!(request.who, request::Who::Person { .. } | request::Who::Account(_) | request::Who::Operator { .. }) {
            &self.inner.people
        } else {
            &self.inner.machines
        };
        let seen = moved::Seen::of(&request, &self.snapshot().directory);
        let (reply, answer) = oneshot::channel();
        let waiting = self.inner.gauges.queue.fetch_add(1, Ordering::SeqCst) + 1;
        if let Err(refused) = queue.try_send(Queued { request, reply }) {
            self.inner.gauges.queue.fetch_sub(1, Ordering::Relaxed);
            return Err(if matches!(refused, mpsc::error::TrySendError::Full(_)) { Unanswered::Busy } else { Unanswered::Stopping });
        }
        if waiting >= self.inner.wanted.load(Ordering::SeqCst) {
            self.inner.gathered.notify_one();
        }
        // A clerk that breaks down answers nobody, and nobody knows what the disk has.
        let answer = answer.await.unwrap_or(Err(Unanswered::Unknown));
        self.inner.gauges.count(match &answer {
            Ok(_) => "recorded",
            Err(Unanswered::Refused(_)) => "refused",
            Err(Unanswered::Unfit) => "quarantined",
            Err(_) => "not_stored",
        });
        match (answer, seen) {
            (Err(Unanswered::Refused(Refused::Ticket(refusal @ Refusal::Stale { .. }))), Some(seen)) => {
                Err(Refused::Ticket(self.told_what_changed(&seen, refusal).await).into())
            }
            (answer, _) => answer,
        }
    }

    /// From now on, what happens to tickets is told on this chat platform.
    pub fn tells_on(&self, platform: &'static str) {
        self.inner.platforms.write().unwrap_or_else(PoisonError::into_inner).insert(platform);
    }

    /// From now on, people are paged this way as well: a channel of the outbox ([`paging`]).
    pub fn pages_by(&self, channel: &'static str) {
        self.inner.pagers.write().unwrap_or_else(PoisonError::into_inner).insert(channel);
    }

    /// Leaves the database whole in its file, once nobody asks any more.
    pub async fn fold(&self) {
        self.inner.store.fold().await;
    }

    /// As of the latest commit that this process knows.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The clock and the entropy.
    #[must_use]
    pub fn env(&self) -> &Env {
        &self.inner.env
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.env.now()
    }

    /// The files.
    #[must_use]
    pub fn attachments(&self) -> &Attachments {
        &self.inner.attachments
    }

    /// Counts for `/metrics`.
    #[must_use]
    pub fn gauges(&self) -> &Gauges {
        &self.inner.gauges
    }

    /// Tells the number of events each time it grows, also when another replica made it grow.
    #[must_use]
    pub fn sizes(&self) -> watch::Receiver<i64> {
        self.inner.sizes.subscribe()
    }

    /// Waits until this process can record nothing more, whatever happens; then it must end.
    pub async fn broken(&self) -> Ending {
        let mut fatal = self.inner.fatal.subscribe();
        match fatal.wait_for(Option::is_some).await.map(|ending| ending.clone()) {
            Ok(Some(ending)) => ending,
            // The sender lives as long as the desk, and so does whoever asks.
            _ => std::future::pending().await,
        }
    }

    /// Whether a newer program has taken the database over.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        matches!(*self.inner.fatal.borrow(), Some(Ending::Drained(_)))
    }

    /// What the signer last did, or why it refuses.
    #[must_use]
    pub fn signing(&self) -> publish::Signing {
        self.inner.signing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    /// Seals text under a fresh salt.
    #[must_use]
    pub fn seal(&self, text: impl Into<Vec<u8>>) -> crate::ledger::sealed::Sealed {
        crate::ledger::sealed::Sealed::new(self.inner.env.bytes(), text.into())
    }

    /// Asks as the scheduler.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub(crate) async fn ask_as_scheduler(&self, ask: Ask) -> Result<Answer, Unanswered> {
        self.ask(Request::of_scheduler(ask)).await
    }
}

impl Inner {
    pub(crate) fn platforms(&self) -> BTreeSet<&'static str> {
        self.platforms.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn pagers(&self) -> BTreeSet<&'static str> {
        self.pagers.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish_snapshot(&self, snapshot: Snapshot) {
        let size = snapshot.size;
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        self.sizes.send_if_modified(|known| {
            let grown = *known < size;
            *known = (*known).max(size);
            grown
        });
    }
}

impl Gauges {
    pub(crate) fn count(&self, outcome: &'static str) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    pub(crate) fn committed(&self, took: Duration, requests: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() < 65_536 {
            recent.push((took, requests));
        }
    }
}
