//! One outbox entry's turn: whatever a ticket's place in Slack lacks is put there, in the order of the log.
//!
//! Each step is kept before the next one begins. A message that was on its way when a process died is looked for by its
//! metadata before it is sent again, so nothing is said twice; the entry goes only when all was said, so nothing is lost.
//! A turn that ran out writes nothing any more (`turn` of the room), and its messages are found by the next one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::Slack;
use super::room::Room;
use super::wire::Trouble;
use crate::desk::Desk;
use crate::desk::StoreError;
use crate::desk::query::NoView;
use crate::desk::rooms::{Due, Entry, Telling, is_urgent};
use crate::env::Timestamp;
use crate::ticket::event::{Actor, Event, Fact};

/// The outbox's channel, and the platform's name.
pub const PLATFORM: &str = "slack";
/// How long an entry is ours: longer than a turn may take, and the request that ends it.
const LEASE: Duration = Duration::from_secs(90);
/// A turn that took so long goes on later.
const TURN: Duration = Duration::from_secs(45);
/// Tickets that are told side by side.
const ABREAST: usize = 8;
/// Between two refreshes that no person asked for: the first, and the longest after many.
const REFRESH: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(48));
/// The longest pause after silence.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Tickets of which it is remembered up to where they were read.
const REMEMBERED: usize = 2_000;
/// How often a place may be mended within one turn.
const MENDS: usize = 4;

/// Why a turn ends before all is said.
#[derive(Debug)]
pub(super) enum Stop {
    /// It goes on at this moment; nothing is under way.
    Wait(Timestamp),
    /// Slack did not answer: what was under way may have arrived.
    Silent(String),
    /// The place was mended, and the turn begins again.
    Again,
    /// Another turn has begun meanwhile.
    Lost,
    /// The ticket cannot be told.
    Untold(String),
    /// The database.
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NoView> for Stop {
    fn from(error: NoView) -> Self {
        match error {
            NoView::Store(error) => Self::Store(error),
            other => Self::Untold(other.to_string()),
        }
    }
}

/// One entry's turn.
pub(super) struct Turn<'d> {
    pub(super) desk: &'d Desk,
    pub(super) due: Due,
    /// The ticket's number.
    pub(super) number: String,
    pub(super) telling: Telling,
    pub(super) room: Room,
    pub(super) now: Timestamp,
    /// No content is shown.
    pub(super) bare: bool,
    /// Something did not work in this turn.
    pub(super) in_trouble: bool,
    began: Duration,
}

impl Turn<'_> {
    /// Keeps where we are; stops when somebody else has taken over, or time is up.
    pub(super) async fn keep(&self) -> Result<(), Stop> {
        if !self.desk.keep_room(PLATFORM, &self.number, &self.room.row(), self.due.until).await? {
            return Err(Stop::Lost);
        }
        let took = self.desk.env().clock.monotonic().saturating_sub(self.began);
        if took > TURN { Err(Stop::Wait(self.desk.now())) } else { Ok(()) }
    }
}

impl Slack {
    /// Delivers what is due, several tickets side by side; `false` when nothing was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn deliver(&self, desk: &Desk) -> Result<bool, StoreError> {
        self.begin(desk).await?;
        let now = desk.now();
        if self.pace().wait("", now).is_some() {
            return Ok(false);
        }
        let mut taken = Vec::new();
        while taken.len() < ABREAST
            && let Some(due) = desk.lease(PLATFORM, now, now.plus(LEASE)).await?
        {
            taken.push(due);
        }
        let any = !taken.is_empty();
        for ended in join_all(taken.into_iter().map(|due| self.one(desk, due))).await {
            ended?;
        }
        Ok(any)
    }

    async fn one(&self, desk: &Desk, due: Due) -> Result<(), StoreError> {
        let ended = self.turn(desk, &due).await;
        match ended {
            Ok(()) => desk.delivered(PLATFORM, &due).await,
            Err(Stop::Wait(at)) => desk.later(PLATFORM, &due, at).await,
            Err(Stop::Silent(why)) => {
                let tries = u32::try_from(due.attempts.clamp(0, 16)).unwrap_or(16);
                let pause = Duration::from_secs(2_u64.saturating_pow(tries)).min(LONGEST_PAUSE);
                tracing::warn!(why, pause_seconds = pause.as_secs(), "Slack was not told; it is told again");
                desk.later(PLATFORM, &due, desk.now().plus(pause)).await
            }
            Err(Stop::Again) => desk.later(PLATFORM, &due, desk.now().plus(LONGEST_PAUSE)).await,
            Err(Stop::Lost) => Ok(()),
            Err(Stop::Untold(why)) => {
                tracing::error!(why, "an entry for Slack cannot be told; it is dropped");
                desk.delivered(PLATFORM, &due).await
            }
            Err(Stop::Store(error)) => Err(error),
        }
    }

    async fn turn(&self, desk: &Desk, due: &Due) -> Result<(), Stop> {
        let entry: Entry = serde_json::from_str(&due.payload).map_err(|error| Stop::Untold(error.to_string()))?;
        let number = entry.ticket.to_string();
        let room = Room::read(desk.chat_room(PLATFORM, &number).await?);
        let before = self.read().get(&number).filter(|position| position.rev <= room.told).cloned().unwrap_or_default();
        let telling = desk.telling_after(&entry.ticket, before).await?;
        let room = Room { opened: telling.ticket.opened_seq, ..room };
        let bare = self.settings.minimal_content || telling.scene(|scene| scene.is_sensitive());
        let began = desk.env().clock.monotonic();
        let mut turn = Turn { desk, due: due.clone(), number, telling, room, now: desk.now(), bare, in_trouble: false, began };
        let urgent = turn.telling.events.iter().any(|event| event.rev.unwrap_or(0) > turn.room.told && is_urgent(event));
        // Whoever files something by hand makes up for what could not be fetched.
        let by_hand = |event: &Event| matches!((&event.fact, &event.actor), (Fact::EvidenceAttached(_), Actor::Person { .. }));
        let filed = turn.telling.events.iter().any(|event| event.rev.unwrap_or(0) > turn.room.told && by_hand(event));
        turn.room.troubled |= filed;
        if let Some(at) = refresh_at(&turn.room).filter(|at| !urgent && *at > turn.now) {
            return Err(Stop::Wait(at));
        }
        for _ in 0..MENDS {
            match self.tell(&mut turn).await {
                Err(Stop::Again) => turn.keep().await?,
                Ok(()) => {
                    turn.room.refreshes = if urgent { 0 } else { turn.room.refreshes.saturating_add(1) };
                    turn.room.refreshed_at = turn.now.micros();
                    self.clear_trouble(&mut turn).await?;
                    turn.keep().await?;
                    self.remember(&turn);
                    return Ok(());
                }
                stopped => return stopped,
            }
        }
        Err(Stop::Again)
    }

    /// All was told: from here on it is read the next time.
    fn remember(&self, turn: &Turn<'_>) {
        let mut read = self.read();
        if read.len() >= REMEMBERED {
            read.clear();
        }
        read.insert(turn.number.clone(), Arc::new(turn.telling.position()));
    }

    /// Everything that the ticket's place lacks, in order.
    async fn tell(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let rev = turn.telling.ticket.rev;
        if turn.room.archived && turn.telling.ticket.ended {
            turn.room.told = rev;
            return Ok(());
        }
        self.find_place(turn).await?;
        self.show_card(turn).await?;
        self.record_opening(turn).await?;
        if turn.room.own {
            self.pin_card(turn).await?;
            self.set_topic(turn).await?;
        }
        if turn.room.own || turn.room.brings {
            self.invite(turn).await?;
        }
        self.tell_story(turn).await?;
        self.leave_old_place(turn).await?;
        self.archive_in_time(turn).await?;
        self.show_trouble(turn).await
    }

    /// One request: waits for its turn, and tells apart what Slack said, what it may have done, and how long to wait.
    /// What is wrong with the whole platform is noted, and everything waits.
    pub(super) async fn asks<T>(
        &self,
        turn: &Turn<'_>,
        what: &str,
        request: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<Result<T, String>, Stop> {
        if let Some(until) = self.pace().wait(what, turn.now) {
            return Err(Stop::Wait(until));
        }
        match request.await {
            Ok(done) => {
                self.works_again(turn.desk, what).await?;
                Ok(Ok(done))
            }
            Err(Trouble::Slow(pause)) => {
                let now = turn.desk.now();
                self.pace().hold(what, now.plus(pause), now);
                Err(Stop::Wait(now.plus(pause)))
            }
            Err(Trouble::Unknown(why)) => Err(Stop::Silent(why)),
            Err(Trouble::Said(word)) => {
                self.platform_trouble(turn.desk, what, &word).await?;
                Ok(Err(word))
            }
        }
    }
}

/// When a place that nobody presses for is refreshed again: later and later while a storm goes on.
fn refresh_at(room: &Room) -> Option<Timestamp> {
    let last = Timestamp::from_micros(room.refreshed_at).filter(|_| !room.card.is_empty())?;
    let factor = 2_u32.saturating_pow(room.refreshes.min(8));
    Some(last.plus(REFRESH.0.saturating_mul(factor).min(REFRESH.1)))
}
