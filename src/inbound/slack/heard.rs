//! What is said and done in a ticket's channel, and what the platform tells of its users.
//!
//! | | |
//! |---|---|
//! | [`said`] | messages become notes; their edits and deletions are events, and the note stays |
//! | [`marked`] | a reaction or a pin keeps a message, a paperclip makes it evidence |
//! | [`told`] | who joined, whom the platform deactivated, who opened the app, that the app is gone |
//! | [`reading`] | Slack's mark-up and times, as people read them |
//!
//! Messages become notes as the organisation chose: all of them, those pinned, those reacted to, or none. Each is recorded
//! once, however often and in whichever order Slack tells. To hear one event more: an arm in [`event`].

mod marked;
mod reading;
mod said;
mod told;

pub(super) use reading::line;

use serde_json::Value;

use super::arrival::Outcome;
use super::speaker::{Origin, Speaker, Unheard, speaker, text};
use crate::card::words::Words;
use crate::config::Notes;
use crate::desk::chat::Reply;
use crate::desk::request::{Ask, Dedupe, Request, Unanswered};
use crate::inbound::app::App;
use crate::ticket::event::Via;
use crate::ticket::number::Number;

/// Characters of a message that are kept.
const MOST: usize = 9_000;

/// Something that happened, as Slack tells it.
struct Told<'p> {
    app: &'p App,
    payload: &'p Value,
    event: &'p Value,
    auth: &'static str,
}

/// Takes an event. What is unknown is none of ours.
pub async fn event(app: &App, payload: &Value, auth: &'static str) -> Outcome {
    let event = &payload["event"];
    let told = Told { app, payload, event, auth };
    match text(&event["type"], 64) {
        "message" => told.message().await,
        "reaction_added" => told.reaction().await,
        "pin_added" => told.pin().await,
        "member_joined_channel" => told.joined().await,
        "user_change" => told.user_changed().await,
        "app_home_opened" => told.home().await,
        "tokens_revoked" | "app_uninstalled" => told.app_is_gone().await,
        _ => Outcome::Nothing,
    }
}

/// Whether Slack is to tell again: it was not refused, it could not be saved.
fn unsaved(error: &Unanswered) -> bool {
    !matches!(error, Unanswered::Refused(_) | Unanswered::Unfit)
}

fn outcome(result: Result<(), Unanswered>) -> Outcome {
    match result {
        Err(error) if unsaved(&error) => Outcome::NotStored,
        Err(error) => {
            tracing::debug!(%error, "something that Slack told was refused");
            Outcome::Nothing
        }
        Ok(()) => Outcome::Nothing,
    }
}

impl Told<'_> {
    fn notes(&self) -> Notes {
        self.app.config.slack.as_ref().map_or(Notes::Command, |slack| slack.notes.clone())
    }

    /// The ticket that a place in chat is about. In a channel that tickets share, only their threads are theirs.
    async fn ticket(&self, channel: &str, thread: &str) -> Result<Option<Number>, Outcome> {
        let places = if thread.is_empty() { &[""][..] } else { &[thread, ""][..] };
        for thread in places {
            match self.app.desk.ticket_at("slack", channel, thread).await {
                Ok(Some(number)) => return Ok(Some(number)),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "the ticket of a channel could not be looked up");
                    return Err(Outcome::NotStored);
                }
            }
        }
        Ok(None)
    }

    async fn speaker(&self, user: &str, user_team: &str, ticket: &Number, tries: &str) -> Result<Speaker, Outcome> {
        let team = text(&self.payload["team_id"], 64);
        let origin = Origin {
            payload: self.payload,
            team,
            user,
            user_team,
            once: text(&self.payload["event_id"], 64),
            tries,
            ticket: Some(ticket),
            auth: self.auth,
        };
        speaker(self.app, origin).await.map_err(|unheard| match unheard {
            Unheard::Refused(_) => Outcome::Nothing,
            Unheard::Unknown => Outcome::NotStored,
        })
    }

    /// Says something to one person there, once Slack was answered.
    fn whisper(&self, channel: &str, user: &str, words: Words) {
        let Some(chat) = self.app.chat.clone() else { return };
        let (channel, user) = (channel.to_owned(), user.to_owned());
        self.app.talk.after.say(async move {
            if let Err(error) = chat.whisper(&channel, &user, &Reply { paragraphs: vec![words], ..Reply::default() }).await {
                tracing::info!(%error, "an answer to one person was lost");
            }
        });
    }

    /// Asks as the service itself: nobody does what the platform only tells.
    async fn ask_as_house(&self, ask: Ask) -> Result<(), Unanswered> {
        let key = format!("slack:{}:{}", text(&self.payload["team_id"], 64), text(&self.payload["event_id"], 64));
        let via = Via { surface: "slack".to_owned(), auth: self.auth.to_owned(), credential: None };
        let dedupe = Some(Dedupe { key, digest: String::new() });
        self.app.desk.ask(Request { via, dedupe, ..Request::of_scheduler(ask) }).await.map(drop)
    }
}
