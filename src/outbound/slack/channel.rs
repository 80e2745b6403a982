//! What a channel has beside its messages: the pinned card, the topic, those who belong there; and that the log says of it.

use serde_json::json;

use super::Slack;
use super::deliver::{PLATFORM, Stop, Turn};
use super::ink::clip;
use super::room::TOPIC;
use crate::card::live;
use crate::ticket::command::RoomNews;

/// Users in one invitation at most; one by one, after one of them was refused.
const INVITED: usize = 100;

impl Slack {
    pub(super) async fn pin_card(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        if turn.room.pinned {
            return Ok(());
        }
        let arguments = json!({ "channel": turn.room.channel, "timestamp": turn.room.card });
        turn.room.pinned = self.tries(turn, "pins.add", &arguments, &["already_pinned"], "The card could not be pinned in Slack").await?;
        turn.keep().await
    }

    pub(super) async fn set_topic(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let card = turn.telling.scene(live::card);
        let severity = card.severity.as_ref().map_or_else(String::new, |s| format!("{} · ", s.name));
        let about = if turn.bare { &card.number } else { &card.title };
        let topic = clip(&format!("{severity}{} · {about}", card.status), TOPIC);
        if turn.room.topic == topic {
            return Ok(());
        }
        let arguments = json!({ "channel": turn.room.channel, "topic": super::ink::escaped(&topic) });
        if self.tries(turn, "conversations.setTopic", &arguments, &[], "The channel's topic could not be set in Slack").await? {
            turn.room.topic = topic;
        }
        turn.keep().await
    }

    /// A step that the rest does not wait for; `false` when it was not done: what Slack says against it is noted, and it is tried
    /// again with the next turn.
    async fn tries(
        &self,
        turn: &mut Turn<'_>,
        method: &str,
        arguments: &serde_json::Value,
        fine: &[&str],
        failed: &str,
    ) -> Result<bool, Stop> {
        match self.asks(turn, method, self.api.ensure(method, arguments, fine)).await? {
            Ok(()) => Ok(true),
            Err(word) if matches!(word.as_str(), "channel_not_found" | "is_archived" | "not_in_channel") => {
                Err(self.mend_place(turn, &word).await)
            }
            Err(word) => self.ticket_trouble(turn, &format!("{failed} ({word}).")).await.map(|()| false),
        }
    }

    /// Invites those who work on it and are not there yet; whom Slack refuses is tried again with the next turn.
    pub(super) async fn invite(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let team = self.who(turn).await?.team_id;
        let wanted = super::invited::users(&turn.telling, &team);
        let shared = !turn.room.own;
        let here = |user: &String| turn.room.invited.contains(user) || (shared && self.brought().contains(user));
        let fresh: Vec<String> = wanted.into_iter().filter(|user| !here(user)).collect();
        for some in fresh.chunks(INVITED) {
            let mut came: Vec<String> = Vec::new();
            if self.invite_all(turn, some).await? {
                came.extend_from_slice(some);
            } else if some.len() > 1 {
                // One of them cannot come; the others still can.
                for one in some {
                    if self.invite_all(turn, std::slice::from_ref(one)).await? {
                        came.push(one.clone());
                    }
                }
            }
            if came.len() < some.len() {
                let words = "Somebody who works on this could not be invited to its channel in Slack. Invite them there by hand.";
                self.ticket_trouble(turn, words).await?;
            }
            if shared {
                self.brought().extend(came.iter().cloned());
            }
            turn.room.invited.extend(came);
            turn.keep().await?;
        }
        Ok(())
    }

    async fn invite_all(&self, turn: &mut Turn<'_>, users: &[String]) -> Result<bool, Stop> {
        let arguments = json!({ "channel": turn.room.channel, "users": users.join(",") });
        match self.asks(turn, "conversations.invite", self.api.ensure("conversations.invite", &arguments, &["already_in_channel"])).await? {
            Ok(()) => Ok(true),
            Err(word) if matches!(word.as_str(), "channel_not_found" | "is_archived" | "not_in_channel") => {
                Err(self.mend_place(turn, &word).await)
            }
            Err(_) => Ok(false),
        }
    }

    /// The log says that the ticket has a place in chat.
    pub(super) async fn record_opening(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        if turn.room.recorded == turn.room.channel {
            return Ok(());
        }
        let news = RoomNews::Opened { platform: PLATFORM.to_owned(), own: turn.room.own };
        let told = turn.desk.tell_room(&turn.telling.ticket.number, news, &turn.room.channel).await;
        told.map_err(|error| Stop::Silent(error.to_string()))?;
        turn.room.recorded.clone_from(&turn.room.channel);
        turn.keep().await
    }
}
