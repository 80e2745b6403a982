//! The live card, and messages: each is posted once, however often it is tried.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::Slack;
use super::blocks::{self, Post};
use super::deliver::{PLATFORM, Stop, Turn};
use super::ink::{Ink, clip};
use super::methods::{Mark, Place};
use super::pace;
use crate::card::live;
use crate::env::Timestamp;

/// Between two looks for a ticket's place in the order of a channel: the first pause, and the longest.
const NEXT: (Duration, Duration) = (Duration::from_millis(600), Duration::from_millis(2_400));
/// So long a ticket that cannot be told holds back those that were opened after it.
const HELD_BACK: Duration = Duration::from_secs(60 * 60);

impl Turn<'_> {
    /// How long to wait for those who come first.
    fn next_look(&self) -> Duration {
        let looks = u32::try_from(self.due.attempts.clamp(1, 8) - 1).unwrap_or(0);
        NEXT.0.saturating_mul(2_u32.saturating_pow(looks)).min(NEXT.1)
    }
}

impl Slack {
    pub(super) fn ink(&self, now: Timestamp) -> Ink<'_> {
        Ink { console: &self.console, now }
    }

    /// What does not work for the ticket stands on its card, as long as that is so.
    pub(super) async fn show_trouble(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        if !turn.in_trouble {
            turn.room.trouble.clear();
        }
        if turn.room.archived { Ok(()) } else { self.show_card(turn).await }
    }

    pub(super) async fn show_card(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let ink = self.ink(turn.now);
        let card = turn.telling.scene(live::card);
        let post = if turn.bare { blocks::bare_card(&ink, &card) } else { blocks::card(&ink, &card) };
        let post = blocks::with_trouble(&ink, post, &turn.room.trouble);
        let digest = hex::encode(Sha256::digest(format!("{}{}", post.text, json!(post.blocks))));
        if turn.room.card.is_empty() {
            self.in_order(turn).await?;
            let ts = self.say(turn, "card", &post).await?;
            if !turn.room.own {
                turn.room.thread.clone_from(&ts);
            }
            turn.room.card = ts;
            turn.room.placed = true;
        } else if turn.room.shown != digest {
            let asked = self.asks(turn, "chat.update", self.api.change(&turn.room.channel, &turn.room.card, &post)).await?;
            if let Err(word) = asked {
                return Err(self.mend_place(turn, &word).await);
            }
        } else {
            return Ok(());
        }
        turn.room.shown = digest;
        turn.keep().await
    }

    /// In the channel of threads, tickets stand in the order in which they were opened.
    async fn in_order(&self, turn: &Turn<'_>) -> Result<(), Stop> {
        if turn.room.own || turn.room.placed {
            return Ok(());
        }
        let others_first = turn.desk.others_first(PLATFORM, &turn.telling.ticket, turn.now.minus(HELD_BACK)).await?;
        if others_first { Err(Stop::Wait(turn.now.plus(turn.next_look()))) } else { Ok(()) }
    }

    /// Posts a message, once: what was under way before is looked for first.
    pub(super) async fn say(&self, turn: &mut Turn<'_>, what: &str, post: &Post) -> Result<String, Stop> {
        let (channel, thread) = (turn.room.channel.clone(), turn.room.thread.clone());
        let place = Place { channel: &channel, thread: if what == "card" { "" } else { &thread } };
        let (number, key) = (turn.number.clone(), pace::say(&channel));
        let mark = Mark { ticket: &number, what };
        if turn.room.sending == what {
            let found = self.asks(turn, "conversations.history", self.api.find(place, &mark, &turn.room.last)).await?;
            match found {
                Ok(Some(ts)) => {
                    turn.room.sending.clear();
                    turn.room.last.clone_from(&ts);
                    return Ok(ts);
                }
                Ok(None) => {}
                Err(word) => return Err(self.mend_place(turn, &word).await),
            }
        }
        if let Some(until) = self.pace().wait(&key, turn.now) {
            return Err(Stop::Wait(until));
        }
        what.clone_into(&mut turn.room.sending);
        turn.keep().await?;
        let said = self.asks(turn, &key, self.api.say(place, post, &mark)).await;
        if !matches!(said, Err(Stop::Silent(_))) {
            turn.room.sending.clear();
        }
        match said {
            Ok(Ok(ts)) => {
                self.pace().said(&channel, turn.desk.now());
                turn.room.last.clone_from(&ts);
                Ok(ts)
            }
            Ok(Err(word))
                if matches!(word.as_str(), "invalid_blocks" | "invalid_blocks_format" | "msg_too_long" | "msg_blocks_too_long") =>
            {
                tracing::error!(ticket = turn.number, word, "Slack did not take the blocks of a message; its text is sent alone");
                let bare = Post { text: clip(&post.text, 2_000), blocks: Vec::new() };
                match self.asks(turn, &key, self.api.say(place, &bare, &mark)).await? {
                    Ok(ts) => {
                        turn.room.last.clone_from(&ts);
                        Ok(ts)
                    }
                    // It is told on the console, and tried again in a while.
                    Err(word) => Err(self.mend_place(turn, &word).await),
                }
            }
            Ok(Err(word)) => Err(self.mend_place(turn, &word).await),
            Err(stop) => {
                // Nothing is under way when Slack asks us to wait; that is kept, so that nobody looks for it.
                if matches!(stop, Stop::Wait(_)) {
                    turn.keep().await?;
                }
                Err(stop)
            }
        }
    }
}
