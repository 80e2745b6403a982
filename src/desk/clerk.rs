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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::ahead::read_ahead;
use super::clockwatch::ClockWatch;
use super::deciding::decide_all;
use super::known::{Known, read_event};
use super::outcome::{Answers, Failed, PATIENCE, happened, in_time, within};
use super::overlay::Overlay;
use super::request::{Answer, Ask, Request, Unanswered, Who};
use super::{Ending, Inner};
use crate::procedure::model::Permission;
use crate::store::StoreError;
use crate::store::commit::{Head, Writer};
use crate::ticket::event::Fact;

/// Requests in one commit at most.
const MOST_REQUESTS: usize = 256;
/// From so many requests in a commit on, the next one gathers.
const GATHER_FROM: usize = 8;
/// And only if the last commit spent more than this part of its time on the way to the disk (one in so many).
const GATHER_FROM_DISK: u32 = 2;
/// Gathering takes at most this part of what the last commit took.
const GATHER_PART: u32 = 3;
/// And never longer than this: after one commit that hung, nobody is to wait once more.
const GATHER_MOST: Duration = Duration::from_millis(25);
/// How long reading everybody and all procedures may take.
const LOADING: Duration = Duration::from_secs(60);
/// How long a connection that rested may take to say that it is still there.
const STILL_THERE: Duration = Duration::from_secs(3);
/// A connection that rested for so long is asked that before anything is sent.
const RESTED: Duration = Duration::from_millis(100);
/// How often, and how long after each other, one looks what became of a commit.
const LOOKS: (u32, Duration) = (5, Duration::from_millis(300));

/// A request and whoever waits for it.
pub struct Queued {
    /// What is asked.
    pub request: Request,
    /// Who waits.
    pub reply: oneshot::Sender<Result<Answer, Unanswered>>,
}

struct Clerk {
    known: Option<Known>,
    writer: Option<Writer>,
    /// This process's mark in the database, and how many commits it tried.
    mark: (String, u64),
    /// When the connection was last used (monotonic).
    used: Duration,
    /// How long the database took over the last COMMIT: to bring it to the disk, mostly.
    disk: Duration,
}

/// What came of a commit.
struct Done {
    /// For the first requests of the batch: all of them, unless it grew too large.
    answers: Answers,
    /// The disk took something.
    wrote: bool,
}

/// Works until the desk is gone.
pub(super) async fn run(inner: Weak<Inner>, known: Known, mut people: mpsc::Receiver<Queued>, mut machines: mpsc::Receiver<Queued>) {
    let Some(desk) = inner.upgrade() else { return };
    let mark = (desk.env.id("clerk:"), 0);
    drop(desk);
    let mut clerk = Clerk { known: Some(known), writer: None, mark, used: Duration::ZERO, disk: Duration::ZERO };
    let mut last = Last::default();
    loop {
        let first = tokio::select! {
            biased;
            Some(queued) = people.recv() => queued,
            Some(queued) = machines.recv() => queued,
            else => return,
        };
        if last.requests >= GATHER_FROM && clerk.disk > last.took / GATHER_FROM_DISK {
            let Some(desk) = inner.upgrade() else { return };
            gather(&desk, (last.took / GATHER_PART).min(GATHER_MOST), last.asked.min(MOST_REQUESTS)).await;
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

/// Senders who wait for an answer before they ask again split into two halves, one of which always waits for the other's
/// commit. Where the disk is quick that is well: one half is read and answered while the other is recorded. Where it is
/// slow, each commit would pay for half of them only: those who were just answered are given a moment to come back.
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
            // After a failed disk nothing that this process believes can be trusted: it only waits for its end.
            if matches!(*desk.fatal.borrow(), Some(Ending::AtOnce(_))) {
                answer_all(batch, &Unanswered::NotStored("the service is ending".to_owned()));
                continue;
            }
            let mut batch = self.past_the_clock(desk, batch).await;
            if batch.is_empty() {
                continue;
            }
            self.mark.1 += 1;
            let started = desk.env.clock.monotonic();
            desk.begins_a_commit(started);
            let committed = self.commit(desk, &batch).await;
            desk.ends_a_commit();
            match committed {
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
                    // Its connection is not kept for anybody.
                    drop(self.writer.take());
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
        overlay.pagers = desk.pagers();
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
        let asked = desk.env.clock.monotonic();
        let committed = tokio::time::timeout(PATIENCE, commit.commit()).await.unwrap_or(Err(StoreError::Silent));
        self.disk = desk.env.clock.monotonic().saturating_sub(asked);
        match committed {
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

fn answer_all(batch: Vec<Queued>, with: &Unanswered) {
    for queued in batch {
        // Nobody may be waiting any more.
        let _ = queued.reply.send(Err(with.clone()));
    }
}
