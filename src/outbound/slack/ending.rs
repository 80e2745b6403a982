//! The place that a ticket left, and the channel of work that ended.

use std::time::Duration;

use super::Slack;
use super::blocks::Post;
use super::deliver::{PLATFORM, Stop, Turn};
use super::methods::Place;
use super::room::Left;
use crate::card::words::Words;
use crate::ticket::command::RoomNews;

/// How soon an archiving that Slack refused is tried again.
const TRIED_AGAIN: Duration = Duration::from_secs(60 * 60);

impl Slack {
    /// The place that the ticket left says so, and is closed.
    pub(super) async fn leave_old_place(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let Some(Left { channel, card, own, take_back }) = turn.room.left.clone() else { return Ok(()) };
        let words = Words::new().ticket(&turn.telling.ticket.number).text(" goes on elsewhere; those who work on it were invited there.");
        let words = match take_back {
            true => words.text(" I took my messages out of this thread. What you wrote here, please delete yourself."),
            false => words,
        };
        let ink = self.ink(turn.now);
        let post = Post { text: ink.fallback(&words), blocks: vec![ink.paragraph(&words)] };
        if !card.is_empty() {
            // It may be gone by now, which says it as well.
            let _ = self.asks(turn, "chat.update", self.api.change(&channel, &card, &post)).await?;
        }
        if take_back {
            self.take_back(turn, Place { channel: &channel, thread: &card }).await?;
        }
        if own && let Err(word) = self.asks(turn, "conversations.archive", self.api.archive(&channel)).await? {
            self.ticket_trouble(turn, &format!("The channel that this ticket left could not be archived in Slack ({word}).")).await?;
        }
        turn.room.left = None;
        turn.keep().await
    }

    /// What we said in a thread that others share is not said there any more.
    async fn take_back(&self, turn: &mut Turn<'_>, thread: Place<'_>) -> Result<(), Stop> {
        let bot = self.who(turn).await?.user_id;
        // Where the thread is gone, nothing of it stands there.
        let said = self.asks(turn, "conversations.replies", self.api.messages(thread, usize::MAX)).await?.unwrap_or_default();
        let ours = said.iter().filter(|message| message["user"] == bot.as_str() && message["ts"] != thread.thread);
        for message in ours {
            let ts = message["ts"].as_str().unwrap_or_default();
            if let Err(word) = self.asks(turn, "chat.delete", self.api.delete(thread.channel, ts)).await? {
                let words = format!(
                    "What I said in the thread that this ticket left could not be taken back in Slack ({word}). Delete it there by hand."
                );
                return self.ticket_trouble(turn, &words).await;
            }
        }
        Ok(())
    }

    /// The channel is archived some time after the ticket ended.
    pub(super) async fn archive_in_time(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let after = turn.telling.kind.channel.archive_after.unwrap_or(turn.telling.library.organisation.archive_channels_after);
        let after = Some(after).filter(|_| turn.room.own && !turn.room.archived);
        let (Some(after), Some(ended)) = (after, turn.telling.ticket.ended_at.filter(|_| turn.telling.ticket.ended)) else {
            turn.room.due = if turn.telling.ticket.ended || turn.room.own { 0 } else { turn.room.no_own_until };
            return Ok(());
        };
        let at = ended.plus(after);
        if turn.now < at {
            turn.room.due = at.micros();
            return Ok(());
        }
        if let Err(word) = self.asks(turn, "conversations.archive", self.api.archive(&turn.room.channel)).await? {
            // Only what happened is recorded; it is tried again.
            self.ticket_trouble(turn, &format!("The channel of this ticket could not be archived in Slack ({word}).")).await?;
            turn.room.due = turn.now.plus(TRIED_AGAIN).micros();
            return Ok(());
        }
        let news = RoomNews::Archived { platform: PLATFORM.to_owned() };
        let told = turn.desk.tell_room(&turn.telling.ticket.number, news, &turn.room.channel).await;
        told.map_err(|error| Stop::Silent(error.to_string()))?;
        (turn.room.archived, turn.room.due) = (true, 0);
        Ok(())
    }
}
