//! Where a ticket stands in Slack: a channel of its own or a thread, by severity; another place when it became worse, or
//! sensitive.

use std::time::Duration;

use super::Slack;
use super::deliver::{PLATFORM, Stop, Turn};
use super::methods::Conversation;
use super::room::channel_name;

/// Names that are tried for a channel.
const NAMES: u32 = 9;
/// Before the name of a channel that is being made.
const MAKING: &str = "channel:";
/// How soon a channel that Slack refused is asked for again.
const ANOTHER_TRY: Duration = Duration::from_secs(60 * 60);

impl Slack {
    /// A channel of its own or a thread, by severity; another one when the ticket became worse, or sensitive.
    pub(super) async fn find_place(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let (ticket, kind) = (&turn.telling.ticket, &turn.telling.kind);
        let severity = turn.telling.scene(|scene| scene.severity()).map(|s| s.name).unwrap_or_default();
        // What is sensitive does not stand in a channel that others share, however limited it is.
        let by_severity = kind.channel.own.get(&severity).copied().unwrap_or(false);
        let wants_own = (by_severity || turn.telling.scene(|scene| scene.is_sensitive())) && !ticket.ended;
        if !turn.room.channel.is_empty() && !ticket.ended {
            let worse = wants_own && !turn.room.own && turn.room.may_own(turn.now);
            if worse || (turn.bare && !turn.room.bare) || turn.room.archived {
                turn.desk.keep_left(PLATFORM, &turn.number, &turn.room.channel, &turn.room.thread).await?;
                let sensitive = turn.bare && !turn.room.bare;
                turn.room.leave(false, sensitive);
            }
        }
        // What Slack refused then is still so, as far as anybody knows.
        turn.in_trouble |= wants_own && !turn.room.own && !turn.room.may_own(turn.now);
        if !turn.room.channel.is_empty() {
            return Ok(());
        }
        turn.room.bare = turn.bare;
        // Whoever gets a channel of its own holds back nobody who gets a thread.
        turn.room.placed |= wants_own;
        if wants_own && turn.room.may_own(turn.now) && self.open_channel(turn).await? {
            return turn.keep().await;
        }
        let fixed = self.fixed_channel(turn).await?;
        (turn.room.channel, turn.room.own, turn.room.brings) = (fixed.id, false, fixed.ours);
        turn.keep().await
    }

    /// A channel of the ticket's own; `false` when Slack lets us have none.
    async fn open_channel(&self, turn: &mut Turn<'_>) -> Result<bool, Stop> {
        let title = (!turn.bare).then(|| turn.telling.scene(|scene| scene.title()));
        let private = turn.telling.kind.channel.private;
        // The one that was under way when this was kept may be there, whichever of the names it has.
        if let Some(name) = turn.room.sending.strip_prefix(MAKING).map(str::to_owned)
            && let Ok(channel) = self.ours(turn, &name).await?
        {
            return Ok(turn.room.has_its_own(channel.id, name));
        }
        for nth in 1..=NAMES {
            let name = channel_name(&turn.number, title.as_deref(), nth + turn.room.lost);
            turn.room.sending = format!("{MAKING}{name}");
            turn.keep().await?;
            match self.asks(turn, "conversations.create", self.api.make_channel(&name, private)).await? {
                Ok(channel) => return Ok(turn.room.has_its_own(channel.id, name)),
                Err(word) if word == "name_taken" => {}
                Err(word) => {
                    let words = format!(
                        "Slack did not make a channel for this ticket ({word}); it has a thread in {} instead. It is tried again in an hour.",
                        self.settings.channel
                    );
                    self.ticket_trouble(turn, &words).await?;
                    break;
                }
            }
        }
        if turn.room.sending.starts_with(MAKING) && !turn.in_trouble {
            let words = "Every name for a channel of this ticket is taken in Slack; it has a thread instead. It is tried again in an hour.";
            self.ticket_trouble(turn, words).await?;
        }
        turn.room.no_own_until = turn.now.plus(ANOTHER_TRY).micros();
        turn.room.sending.clear();
        Ok(false)
    }

    /// The channel of this name, if it is the one that we had under way.
    async fn ours(&self, turn: &Turn<'_>, name: &str) -> Result<Result<Conversation, String>, Stop> {
        let bot = self.who(turn).await?.user_id;
        let found = self.asks(turn, "users.conversations", self.api.own_channel(name)).await?;
        Ok(match found {
            Ok(Some(channel)) if channel.creator == bot && !channel.is_archived => Ok(channel),
            _ => Err("name_taken".to_owned()),
        })
    }
}
