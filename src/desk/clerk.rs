//! The clerk: one task per process that takes requests, decides them, and commits them together.
//!
//! ```text
//! wait for a request; drain what has gathered (people before machines)
//! BEGIN, take the head: everybody else waits
//! learn what another replica appended
//! read what the requests need; decide each in memory, on top of the ones before it
//! write all rows, COMMIT                         ← the commit point
//! answer everybody; show readers the new state
//! ```
//!
//! **The commit point.** Until `COMMIT` returns nothing has happened, for anybody. Once it has returned, the events,
//! the tree, the projections, the deadlines and the dedupe keys are on the disk together, and only then is anybody
//! answered. When the connection breaks in between, the next transaction takes the head first, so the database has
//! finished with the broken one, and looks at the mark that each of this process's commits leaves: if it is the broken
//! one's, all of it happened, and everybody is answered as was decided; if not, none of it did and none of it will.
//!
//! When the database refuses a value, in reading or in writing, or deciding breaks down over a request, the batch is
//! halved and tried again until the one request that does it is alone; it is answered, its neighbours are recorded.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::clockwatch::ClockWatch;
use super::known::{Known, read_event};
use super::overlay::{Overlay, alert_id};
use super::refusals::hour_of;
use super::request::{Answer, Ask, Dedupe, Refused, Request, Unanswered, Who};
use super::{DeskError, Ending, Inner};
use crate::env::Timestamp;
use crate::procedure::model::Permission;
use crate::store::StoreError;
use crate::store::commit::{Commit, Head, Writer};
use crate::ticket::command::Command;
use crate::ticket::correlation::{AlertRecord, GroupRecord};
use crate::ticket::event::Fact;
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// Requests in one commit at most.
const MOST_REQUESTS: usize = 256;
/// Events in one commit at most; checked between requests.
const MOST_EVENTS: usize = 1000;
/// Bytes of events in one commit at most; checked between requests.
const MOST_BYTES: usize = 1 << 20;
/// From so many requests in a commit on, the next one gathers.
const GATHER_FROM: usize = 8;
/// Gathering takes at most this part of what the last commit took.
const GATHER_PART: u32 = 3;
/// How long the database may take over one step of a commit: PostgreSQL itself gives up waiting for the head after five
/// seconds, and one that was cut off never answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long reading everybody and all procedures may take.
const LOADING: Duration = Duration::from_secs(60);
/// How long a connection that rested may take to say that it is still there.
const STILL_THERE: Duration = Duration::from_secs(3);
/// A connection that rested for so long is asked that before anything is sent.
const RESTED: Duration = Duration::from_millis(100);
/// How often, and how long after each other, one looks what became of a commit.
const LOOKS: (u32, Duration) = (5, Duration::from_millis(300));
/// Repeats that are told in one commit.
const MOST_REPEATS: i64 = 256;

/// A request and whoever waits for it.
pub struct Queued {
    /// What is asked.
    pub request: Request,
    /// Who waits.
    pub reply: oneshot::Sender<Result<Answer, Unanswered>>,
}

/// What the first requests of a batch are answered.
type Answers = Vec<Result<Answer, Unanswered>>;

/// Why a batch was not recorded.
enum Failed {
    /// Something in it cannot be decided or stored; nothing of it happened.
    Content(String),
    /// Nothing of it happened.
    NotStored(String),
    /// Nobody knows; what it is answered if it did.
    Unknown(String, Answers),
    /// The disk did not do what it was told: after a failed fsync nothing that this process believes can be trusted.
    Disk(String),
    /// A newer program has taken the database over. Nothing of it happened.
    Replaced(StoreError),
}

struct Clerk {
    known: Option<Known>,
    writer: Option<Writer>,
    /// This process's mark in the database, and how many commits it tried.
    mark: (String, u64),
    /// When the connection was last used (monotonic).
    used: Duration,
}

/// What came of a commit.
struct Done {
    /// For the first requests of the batch: all of them, unless it grew too large.
    answers: Vec<Result<Answer, Unanswered>>,
    /// The disk took something.
    wrote: bool,
}

/// Works until the desk is gone.
pub(super) async fn run(inner: Weak<Inner>, known: Known, mut people: mpsc::Receiver<Queued>, mut machines: mpsc::Receiver<Queued>) {
    let Some(desk) = inner.upgrade() else { return };
    let mark = (desk.env.id("clerk:"), 0);
    drop(desk);
    let mut clerk = Clerk { known: Some(known), writer: None, mark, used: Duration::ZERO };
    let mut last = Last::default();
    loop {
        let first = tokio::select! {
            biased;
            Some(queued) = people.recv() => queued,
            Some(queued) = machines.recv() => queued,
            else => return,
        };
        if last.requests >= GATHER_FROM {
            let Some(desk) = inner.upgrade() else { return };
            gather(&desk, last.took / GATHER_PART, last.asked.min(MOST_REQUESTS)).await;
        }
        let mut batch = vec![first];
        while batch.len() < MOST_REQUESTS {
            match people.try_recv().or_else(|_| machines.try_recv()) {
                Ok(queued) => batch.push(queued),
                Err(_) => break,
            }
        }
        let Some(desk) = inner.upgrade() else { return };
        desk.gauges.queue.fetch_sub(i64::try_from(batch.len()).unwrap_or(0), Ordering::Relaxed);
        let (requests, started) = (batch.len(), desk.env.clock.monotonic());
        clerk.serve(&desk, batch).await;
        last = Last { requests, asked: requests + people.len() + machines.len(), took: desk.env.clock.monotonic().saturating_sub(started) };
    }
}

/// The commit before.
#[derive(Default)]
struct Last {
    /// Requests in it.
    requests: usize,
    /// The same, and those that had come by its end.
    asked: usize,
    /// How long it took.
    took: Duration,
}

/// Senders who wait for an answer before they ask again would split into two halves, one of which always waits for the
/// other's commit. So under load those who were just answered are given a moment to come back, and all share one commit.
async fn gather(desk: &Inner, at_most: Duration, wanted: usize) {
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    desk.wanted.store(wanted, Ordering::SeqCst);
    if desk.gauges.queue.load(Ordering::SeqCst) < wanted {
        // When the time is over, whoever is there goes ahead.
        let _ = tokio::time::timeout(at_most, desk.gathered.notified()).await;
    }
    desk.wanted.store(i64::MAX, Ordering::SeqCst);
}

impl Clerk {
    /// Commits a batch, in pieces if it must be; everybody in it is answered.
    async fn serve(&mut self, desk: &Inner, batch: Vec<Queued>) {
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            let mut batch = self.past_the_clock(desk, batch).await;
            if batch.is_empty() {
                continue;
            }
            self.mark.1 += 1;
            let started = desk.env.clock.monotonic();
            match self.commit(desk, &batch).await {
                Ok(Done { answers, wrote }) => {
                    // What wrote nothing says nothing of a full disk.
                    if wrote {
                        desk.failing.store(false, Ordering::Relaxed);
                    }
                    desk.gauges.committed(desk.env.clock.monotonic().saturating_sub(started), answers.len());
                    let rest = batch.split_off(answers.len());
                    for (queued, answer) in batch.into_iter().zip(answers) {
                        // Nobody may be waiting any more; what was recorded stays recorded.
                        let _ = queued.reply.send(answer);
                    }
                    if !rest.is_empty() {
                        waiting.push(rest);
                    }
                }
                Err(Failed::Content(error)) => {
                    self.known = None;
                    if batch.len() == 1 {
                        tracing::error!(error, "a request cannot be decided or stored; it is answered alone");
                        answer_all(batch, &Unanswered::Unfit);
                    } else {
                        let rest = batch.split_off(batch.len() / 2);
                        waiting.push(rest);
                        waiting.push(batch);
                    }
                }
                Err(Failed::Disk(why)) => {
                    tracing::error!(why, "the disk failed during a commit; what it holds is unknown, so this process ends");
                    self.lose(desk);
                    answer_all(batch, &Unanswered::Unknown);
                    desk.fatal.send_replace(Some(Ending::AtOnce(format!("the disk failed ({why}); check it, then start again"))));
                }
                Err(Failed::Replaced(error)) => {
                    self.lose(desk);
                    desk.give_way(&error);
                    answer_all(batch, &Unanswered::NotStored(error.to_string()));
                }
                Err(Failed::NotStored(why)) => {
                    tracing::error!(why, requests = batch.len(), "nothing of a commit was stored");
                    self.lose(desk);
                    answer_all(batch, &Unanswered::NotStored(why));
                }
                Err(Failed::Unknown(why, answers)) => {
                    tracing::error!(why, requests = batch.len(), "the connection broke during a commit; looking whether it happened");
                    self.lose(desk);
                    let rest = batch.split_off(answers.len());
                    self.settle_unknown(desk, batch, answers).await;
                    if !rest.is_empty() {
                        waiting.push(rest);
                    }
                }
            }
        }
    }

    fn lose(&mut self, desk: &Inner) {
        self.known = None;
        if let Some(writer) = self.writer.take() {
            writer.discard(&desk.store);
        }
        desk.failing.store(true, Ordering::Relaxed);
    }

    /// What of the batch may go on: all of it while the clock is right; while it is not, only an administrator's
    /// confirmation, and learning what other replicas did, which writes nothing. Everybody else is answered.
    async fn past_the_clock(&mut self, desk: &Inner, batch: Vec<Queued>) -> Vec<Queued> {
        if let Some(known) = &self.known {
            desk.clocks().learn(known.last_at);
        }
        if desk.look_at_the_clock().is_none() {
            return batch;
        }
        let snapshot = desk.snapshot.read().unwrap_or_else(PoisonError::into_inner).clone();
        if confirmed_elsewhere(desk, snapshot.size).await {
            desk.clocks().confirm(&desk.env);
        }
        let Some(why) = desk.look_at_the_clock() else { return batch };
        let passes = |request: &Request| match (&request.ask, &request.who, snapshot.procedures.current()) {
            (Ask::ConfirmClock, Who::Person { id } | Who::Operator { person: Some(id) }, Some(library)) => {
                snapshot.directory.active(id).is_some_and(|p| p.may(&library.organisation, Permission::Administer))
            }
            (Ask::CatchUp, ..) => true,
            _ => false,
        };
        let (confirming, held): (Vec<Queued>, Vec<Queued>) = batch.into_iter().partition(|q| passes(&q.request));
        answer_all(held, &Unanswered::Held(why));
        if confirming.iter().any(|q| matches!(q.request.ask, Ask::ConfirmClock)) {
            desk.clocks().confirm(&desk.env);
        }
        confirming
    }

    /// What a commit needs: what is known, and a connection at whose other end the database is. One that ended while it
    /// rested is replaced, since nothing was sent on it yet.
    async fn make_ready(&mut self, desk: &Inner) -> Result<(), Failed> {
        if self.known.is_none() {
            let procedures = desk.snapshot.read().unwrap_or_else(PoisonError::into_inner).procedures.clone();
            self.known = Some(within(LOADING, Known::load(&desk.store, &procedures)).await?);
        }
        let rested = desk.env.clock.monotonic().saturating_sub(self.used) >= RESTED;
        self.used = desk.env.clock.monotonic();
        if rested
            && let Some(writer) = &mut self.writer
            && !matches!(tokio::time::timeout(STILL_THERE, writer.answers()).await, Ok(true))
            && let Some(writer) = self.writer.take()
        {
            tracing::info!("the connection to the database ended while it rested; another one is opened");
            writer.discard(&desk.store);
        }
        if self.writer.is_none() {
            self.writer = Some(desk.store.writer_connection().await?);
        }
        Ok(())
    }

    /// One transaction.
    async fn commit(&mut self, desk: &Inner, requests: &[Queued]) -> Result<Done, Failed> {
        self.make_ready(desk).await?;
        let (Some(known), Some(writer)) = (self.known.as_mut(), self.writer.as_mut()) else {
            return Err(Failed::NotStored("the clerk has nothing to work with".to_owned()));
        };
        known.forget_some();
        let (mut commit, head) = in_time(writer.begin(&desk.store)).await?;
        in_time(known.catch_up(&desk.store, &mut commit, &head)).await?;
        let before = known.size;
        let mut overlay = Overlay::new(known, desk.env.now());
        overlay.platforms = desk.platforms();
        let mut outcomes = in_time(read_ahead(&mut commit, &mut overlay, requests)).await?;
        // Whatever breaks down here leaves nothing behind: the overlay and what is known are thrown away.
        let decided = catch_unwind(AssertUnwindSafe(|| decide_all(&mut overlay, &mut outcomes, requests)));
        let Ok(answers) = decided else { return Err(Failed::Content("deciding it broke down".to_owned())) };
        let (now, breaches) = (overlay.now, overlay.breaches);
        let mut batch = overlay.into_batch();
        if batch.is_empty() && known.deliveries == head.deliveries {
            in_time(commit.roll_back()).await?;
            desk.publish_snapshot(known.snapshot());
            return Ok(Done { answers, wrote: false });
        }
        batch.marks = vec![(self.mark.0.clone(), now.micros(), self.mark.1.to_string())];
        batch.marks.extend(desk.clocks().leave(&desk.env));
        let moved = Head {
            size: known.size,
            frontier: known.edge.frontier().to_bytes(),
            last_at: if known.size > before { now.micros() } else { head.last_at },
            deliveries: known.deliveries,
            ..head
        };
        if let Err(error) = in_time(commit.write(batch, &moved)).await {
            // The transaction is rolled back when it is dropped; the connection may be gone already.
            let _ = in_time(commit.roll_back()).await;
            return Err(error);
        }
        match tokio::time::timeout(PATIENCE, commit.commit()).await.unwrap_or(Err(StoreError::Silent)) {
            Ok(()) => {
                desk.gauges.breaches.fetch_add(breaches, Ordering::Relaxed);
                desk.publish_snapshot(known.snapshot());
                Ok(Done { answers, wrote: true })
            }
            Err(error) if error.disk_failed() => Err(Failed::Disk(error.to_string())),
            Err(error) if error.rolled_back() => Err(error.into()),
            // A lost connection, a server that was told to stop, a full disk: the mark tells.
            Err(error) => Err(Failed::Unknown(error.to_string(), answers)),
        }
    }

    /// Finds out what became of a batch whose commit broke, and answers it: with `answers`, if it happened.
    async fn settle_unknown(&mut self, desk: &Inner, batch: Vec<Queued>, answers: Answers) {
        for _ in 0..LOOKS.0 {
            if let Ok(happened) = in_time(happened(desk, &self.mark)).await {
                if !happened {
                    answer_all(batch, &Unanswered::NotStored("the connection to the database broke".to_owned()));
                } else {
                    for (queued, answer) in batch.into_iter().zip(answers) {
                        // Nobody may be waiting any more; what was recorded stays recorded.
                        let _ = queued.reply.send(answer);
                    }
                }
                return;
            }
            tokio::time::sleep(LOOKS.1).await;
        }
        answer_all(batch, &Unanswered::Unknown);
    }
}

/// Whether another process recorded, after what we know, that an administrator found the clock right: this machine's
/// clock, or one that says the same as it.
async fn confirmed_elsewhere(desk: &Inner, known: i64) -> bool {
    let Ok(page) = desk.store.events_from(known, 1000).await else { return false };
    page.iter()
        .filter_map(|(seq, bytes)| read_event(*seq, bytes).ok())
        .any(|event| matches!(event.fact, Fact::ClockStepConfirmed { after, .. } if ClockWatch::same_clock(&desk.env, after)))
}

/// Whether this process's latest commit is in the database, which has finished with it once the head could be taken.
async fn happened(desk: &Inner, (key, number): &(String, u64)) -> Result<bool, StoreError> {
    let mut writer = desk.store.writer_connection().await?;
    let found = match writer.begin(&desk.store).await {
        Ok((mut commit, _)) => {
            let found = commit.dedupes(vec![key.clone()]).await?.pop();
            // Only looked; nothing to keep.
            let _ = commit.roll_back().await;
            found.map(|(_, number)| number)
        }
        // It had the head, too.
        Err(StoreError::Newer { .. }) => desk.store.mark(key).await?.map(|(_, number)| number),
        Err(error) => return Err(error),
    };
    Ok(found == Some(number.to_string()))
}

/// A step of a commit, before COMMIT is sent: when the database does not answer in time, nothing of it happened.
async fn in_time<T, E: Into<Failed>>(step: impl Future<Output = Result<T, E>>) -> Result<T, Failed> {
    within(PATIENCE, step).await
}

async fn within<T, E: Into<Failed>>(patience: Duration, step: impl Future<Output = Result<T, E>>) -> Result<T, Failed> {
    tokio::time::timeout(patience, step).await.map_err(|_| Failed::from(StoreError::Silent))?.map_err(Into::into)
}

fn answer_all(batch: Vec<Queued>, with: &Unanswered) {
    for queued in batch {
        // Nobody may be waiting any more.
        let _ = queued.reply.send(Err(with.clone()));
    }
}

/// What stands under a dedupe key.
#[derive(serde::Serialize, serde::Deserialize)]
struct Kept {
    of: String,
    answer: Answer,
}

/// Decides the requests one after the other, as many as fit into one commit.
fn decide_all(overlay: &mut Overlay<'_>, outcomes: &mut HashMap<String, String>, requests: &[Queued]) -> Answers {
    let mut answers = Vec::with_capacity(requests.len());
    let mut bytes = 0;
    for Queued { request, .. } in requests {
        let measured = overlay.batch.events.len();
        answers.push(one(overlay, outcomes, request));
        bytes += overlay.batch.events[measured..].iter().map(|e| e.bytes.len()).sum::<usize>();
        if overlay.batch.events.len() >= MOST_EVENTS || bytes >= MOST_BYTES {
            break;
        }
    }
    answers
}

/// One request on the overlay: a retry is answered as before, everything else has its turn.
fn one(overlay: &mut Overlay<'_>, outcomes: &mut HashMap<String, String>, request: &Request) -> Result<Answer, Unanswered> {
    if let Some(Dedupe { key, digest }) = &request.dedupe
        && let Some(kept) = outcomes.get(key).and_then(|o| serde_json::from_str::<Kept>(o).ok())
    {
        if kept.of != *digest {
            return Err(Refused::KeyReused.into());
        }
        return Ok(Answer { repeated: true, ..kept.answer });
    }
    let answer = overlay.turn(request)?;
    if let Some(Dedupe { key, digest }) = &request.dedupe {
        let kept = super::overlay::json(&Kept { of: digest.clone(), answer: answer.clone() });
        overlay.batch.dedupe.push((key.clone(), overlay.now.micros(), kept.clone()));
        outcomes.insert(key.clone(), kept);
    }
    Ok(answer)
}

/// Reads everything that the requests may need, before any is decided. Gives the outcomes of retried keys.
async fn read_ahead(commit: &mut Commit<'_>, overlay: &mut Overlay<'_>, requests: &[Queued]) -> Result<HashMap<String, String>, Failed> {
    let keys = requests.iter().filter_map(|q| q.request.dedupe.as_ref().map(|d| d.key.clone())).collect();
    let outcomes = commit.dedupes(keys).await?.into_iter().collect();
    let mut numbers: HashSet<Number> = HashSet::new();
    let mut alerts: HashSet<String> = HashSet::new();
    let mut groups: HashSet<String> = HashSet::new();
    for Queued { request, .. } in requests {
        match &request.ask {
            Ask::Ticket(command) => {
                numbers.extend(numbers_of(command));
                if let Command::Receive(receive) = command.as_ref() {
                    alerts.extend(receive.alerts.iter().map(|a| alert_id(&a.alert.source, &a.alert.fingerprint)));
                    groups.extend(receive.alerts.iter().filter_map(|a| a.matched.as_ref().map(|m| m.group.clone())));
                }
            }
            Ask::TellRepeats => {
                overlay.due_repeats = commit.repeats_due(overlay.now.micros(), MOST_REPEATS).await?;
                alerts.extend(overlay.due_repeats.iter().map(|r| r.id.clone()));
                overlay.past_refusals = commit.refusals_before(hour_of(overlay.now), MOST_REPEATS).await?;
            }
            Ask::SignIn(sign_in) => {
                if let Some(hash) = &sign_in.link
                    && let Some(person) = commit.link(hash, overlay.now.micros()).await?
                {
                    overlay.links.insert(hash.clone(), person);
                }
            }
            Ask::TypeLinkCode { .. } | Ask::ConfirmLink => read_codes(commit, overlay, request).await?,
            _ => {}
        }
    }
    for (id, record) in commit.alerts(alerts.into_iter().collect()).await? {
        let record: AlertRecord = parse(&id, &record)?;
        groups.extend(record.group.clone());
        numbers.extend(record.ticket.clone());
        overlay.alerts.insert(id, record);
    }
    let groups: Vec<String> = groups.into_iter().collect();
    for (group, at) in commit.repeated(groups.clone()).await? {
        if let Some(at) = Timestamp::from_micros(at) {
            let last = overlay.repeated.entry(group).or_insert(at);
            *last = (*last).max(at);
        }
    }
    for (id, record) in commit.groups(groups).await? {
        let record: GroupRecord = parse(&id, &record)?;
        numbers.insert(record.ticket.clone());
        overlay.groups.insert(id, record);
    }
    read_tickets(commit, overlay, numbers).await?;
    Ok(outcomes)
}

/// Reads what is known of the code that an account presents, and of those that it mistyped.
async fn read_codes(commit: &mut Commit<'_>, overlay: &mut Overlay<'_>, request: &Request) -> Result<(), Failed> {
    let Who::Account(account) = &request.who else { return Ok(()) };
    let id = overlay.account_id(account);
    let now = overlay.now;
    if let Ask::TypeLinkCode { hash } = &request.ask
        && let Some(person) = commit.link_code(hash, now.micros()).await?
    {
        overlay.codes.good.insert(hash.clone(), person);
    }
    if let Some(person) = commit.claimed_code(&id, now.micros()).await? {
        overlay.codes.claimed.insert(id.clone(), person);
    }
    let wrong = commit.wrong_codes(&id, hour_of(now)).await?;
    overlay.codes.wrong.insert(id, wrong);
    Ok(())
}

/// Reads tickets that are not in memory, and those that they were merged into.
async fn read_tickets(commit: &mut Commit<'_>, overlay: &mut Overlay<'_>, mut wanted: HashSet<Number>) -> Result<(), Failed> {
    let mut seen: HashSet<Number> = HashSet::new();
    while !wanted.is_empty() {
        let missing: Vec<String> = wanted.iter().filter(|n| !overlay.known.tickets.contains_key(n)).map(ToString::to_string).collect();
        for (number, state) in commit.tickets(missing).await? {
            let ticket: Ticket = parse(&number, &state)?;
            overlay.known.tickets.insert(ticket.number.clone(), ticket);
        }
        seen.extend(wanted.iter().cloned());
        wanted = wanted
            .iter()
            .filter_map(|n| overlay.known.tickets.get(n))
            .flat_map(|t| t.merged_into.iter().map(|(into, _)| into.clone()).chain(t.merged_from.iter().cloned()))
            .filter(|n| !seen.contains(n))
            .collect();
    }
    Ok(())
}

fn parse<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, Failed> {
    serde_json::from_str(text)
        .map_err(|e| Failed::Content(format!("the projection of {what} cannot be read: {e}; `countersign verify --database` says more")))
}

/// Every ticket that a command names.
fn numbers_of(command: &Command) -> Vec<Number> {
    let mut numbers: Vec<Number> = command.ticket().cloned().into_iter().collect();
    match command {
        Command::Take(take) => numbers.extend(take.steps.iter().filter_map(|s| s.other.clone())),
        Command::Link { to: Some(to), .. } => numbers.push(to.clone()),
        _ => {}
    }
    numbers
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Newer { .. } => Self::Replaced(error),
            _ if error.refused_content() => Self::Content(error.to_string()),
            _ => Self::NotStored(error.to_string()),
        }
    }
}

impl From<DeskError> for Failed {
    fn from(error: DeskError) -> Self {
        Self::NotStored(error.to_string())
    }
}
