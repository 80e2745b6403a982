//! What Slack's words for "no" mean, and what is done about each. What only a person can mend is said on the console
//! and by `doctor`, in a sentence that says how.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Slack;
use super::deliver::{PLATFORM, Stop, Turn};
use crate::desk::Desk;
use crate::desk::StoreError;
use crate::desk::rooms::TroubleRow;
use crate::ticket::number::Number;

/// How long everything waits while the token is good for nothing.
const NO_TOKEN: Duration = Duration::from_secs(60);
/// How long a ticket waits for somebody to mend what only a person can.
const FOR_A_PERSON: Duration = Duration::from_secs(60);

/// `chat.postMessage` of `chat.postMessage:C1`.
fn method_of(what: &str) -> &str {
    what.split(':').next().unwrap_or_default()
}

/// The token opens nothing.
fn is_token(word: &str) -> bool {
    matches!(
        word,
        "token_revoked"
            | "invalid_auth"
            | "not_authed"
            | "account_inactive"
            | "token_expired"
            | "org_login_required"
            | "not_allowed_token_type"
    )
}

impl Slack {
    /// Notes what is wrong with the whole platform, if `word` says that.
    pub(super) async fn platform_trouble(&self, desk: &Desk, what: &str, word: &str) -> Result<(), Stop> {
        let method = method_of(what);
        let (subject, words) = if is_token(word) {
            let words = format!(
                "Slack does not take the bot token any more ({word}). Install the app again (Slack: OAuth & Permissions), put the new token into slack.bot_token, and restart. Nothing is lost: it is said as soon as the token works."
            );
            ("", words)
        } else if word == "missing_scope" {
            let words = format!(
                "The Slack app may not do {method}: a scope is missing. Compare the app with deploy/slack-manifest.yaml (Slack: App Manifest), and install it again."
            );
            (method, words)
        } else {
            return Ok(());
        };
        let fresh = self.refused().insert(subject.to_owned());
        if fresh {
            tracing::error!(method, word, "Slack refuses the app");
            desk.chat_trouble(PLATFORM, subject, Some(&words)).await?;
        }
        if subject.is_empty() {
            let now = desk.now();
            self.pace().hold("", now.plus(NO_TOKEN), now);
            return Err(Stop::Wait(now.plus(NO_TOKEN)));
        }
        Ok(())
    }

    /// A request went well: what was wrong with the token, or with this method, is over.
    pub(super) async fn works_again(&self, desk: &Desk, what: &str) -> Result<(), StoreError> {
        for subject in ["", method_of(what)] {
            let was = self.refused().remove(subject);
            if was {
                desk.chat_trouble(PLATFORM, subject, None).await?;
            }
        }
        Ok(())
    }

    /// What an earlier process found wrong with the platform is found again, or is over.
    pub(super) async fn begin(&self, desk: &Desk) -> Result<(), StoreError> {
        if self.begun.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let of_platform = |t: &TroubleRow| t.platform == PLATFORM && t.subject.parse::<Number>().is_err();
        for trouble in desk.chat_troubles().await?.into_iter().filter(of_platform) {
            desk.chat_trouble(PLATFORM, &trouble.subject, None).await?;
        }
        Ok(())
    }

    /// Notes what does not work for one ticket, until a turn goes well.
    pub(super) async fn ticket_trouble(&self, turn: &mut Turn<'_>, words: &str) -> Result<(), Stop> {
        (turn.room.troubled, turn.in_trouble) = (true, true);
        words.clone_into(&mut turn.room.trouble);
        turn.desk.chat_trouble(PLATFORM, &turn.number, Some(words)).await?;
        // Also where the turn ends here: the next one knows that there is something to take back.
        turn.keep().await
    }

    /// Everything was said: what did not work for this ticket is over, unless it came up in this very turn.
    pub(super) async fn clear_trouble(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        if turn.room.troubled && !turn.in_trouble {
            turn.room.troubled = false;
            turn.desk.chat_trouble(PLATFORM, &turn.number, None).await?;
        }
        Ok(())
    }

    /// The place refused: it is joined, made anew, or given up; then the turn begins again, or waits.
    pub(super) async fn mend_place(&self, turn: &mut Turn<'_>, word: &str) -> Stop {
        self.mend(turn, word).await.err().unwrap_or(Stop::Again)
    }

    async fn mend(&self, turn: &mut Turn<'_>, word: &str) -> Result<(), Stop> {
        let own = turn.room.own;
        match word {
            // The work is over and the channel with it.
            "is_archived" if turn.telling.ticket.ended => {
                turn.room.archived = true;
                turn.room.told = turn.telling.ticket.rev;
                Err(Stop::Again)
            }
            "not_in_channel" => {
                let arguments = serde_json::json!({ "channel": turn.room.channel });
                match self.asks(turn, "conversations.join", self.api.ensure("conversations.join", &arguments, &[])).await? {
                    Ok(()) => Err(Stop::Again),
                    Err(_) if own => self.lose(turn).await,
                    Err(_) => self.wait_for_a_person(turn).await,
                }
            }
            "is_archived" | "channel_not_found" if own => self.lose(turn).await,
            "is_archived" | "channel_not_found" => {
                self.forget_fixed(turn.desk).await?;
                turn.room.channel.clear();
                turn.keep().await?;
                self.wait_for_a_person(turn).await
            }
            // Somebody else's channel bears the configured name, and the app is not in it.
            "not_in_the_fixed_channel" => self.wait_for_a_person(turn).await,
            "thread_not_found" | "message_not_found" | "cant_update_message" | "edit_window_closed" => {
                turn.room.card.clear();
                turn.room.shown.clear();
                turn.room.pinned = false;
                turn.room.tail = None;
                if !own {
                    turn.room.thread.clear();
                }
                Err(Stop::Again)
            }
            word => {
                // Whoever was opened later does not wait for a message that Slack will not take.
                turn.room.placed = true;
                turn.keep().await?;
                self.ticket_trouble(
                    turn,
                    &format!("Slack does not take what is said of this ticket ({word}). It is tried again; the console has everything."),
                )
                .await?;
                Err(Stop::Wait(turn.desk.now().plus(FOR_A_PERSON)))
            }
        }
    }

    /// The channel is gone: the ticket gets a new one.
    async fn lose(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        tracing::warn!(ticket = turn.number, "the channel of a ticket is gone; a new one is made");
        turn.desk.keep_left(PLATFORM, &turn.number, &turn.room.channel, &turn.room.thread).await?;
        turn.room.leave(true, false);
        Err(Stop::Again)
    }

    async fn wait_for_a_person(&self, turn: &mut Turn<'_>) -> Result<(), Stop> {
        let channel = &self.settings.channel;
        let words = format!(
            "The channel {channel} in Slack is archived, gone, or does not have the app in it. Invite the app there (/invite), or name another one as slack.channel."
        );
        self.ticket_trouble(turn, &words).await?;
        Err(Stop::Wait(turn.desk.now().plus(FOR_A_PERSON)))
    }
}
