//! What the platform tells of its users and of the app: who joined a channel, whom it deactivated, who opened the app's own
//! page, that the app is not installed any more.

use super::{Told, outcome};
use crate::card::chat;
use crate::desk::chat::Identity;
use crate::desk::request::Ask;
use crate::inbound::slack::arrival::Outcome;
use crate::inbound::slack::lookups;
use crate::inbound::slack::speaker::{Origin, handle_of, person_of, speaker, text, user_of};
use crate::procedure::model::Permission;
use crate::ticket::command::Command;

impl Told<'_> {
    async fn us(&self) -> Option<Identity> {
        self.app.chat.as_ref()?.identity().await.ok()
    }

    /// Somebody joined a ticket's channel: that is told of those who may not read it.
    pub(super) async fn joined(&self) -> Outcome {
        let (channel, user) = (text(&self.event["channel"], 64), text(&self.event["user"], 64));
        let ticket = match self.ticket(channel, "").await {
            Ok(Some(ticket)) => ticket,
            Ok(None) => return Outcome::Nothing,
            Err(outcome) => return outcome,
        };
        let Some(us) = self.us().await else { return Outcome::NotStored };
        if us.bot_user == user || us.team != text(&self.payload["team_id"], 64) {
            return Outcome::Nothing;
        }
        let known = user_of(self.app, user).await;
        let handle = handle_of(&us, known.as_ref(), user, text(&self.event["team"], 64));
        let person = person_of(self.app, &handle).await;
        if person.as_ref().is_some_and(|person| self.app.desk.allow(person, Permission::Read).is_ok()) {
            return Outcome::Nothing;
        }
        let person = person.map(|person| person.state.id);
        let command = Command::NoticeJoin { ticket, person, handle: self.app.desk.seal(handle.to_string()) };
        outcome(self.ask_as_house(Ask::Ticket(Box::new(command))).await)
    }

    /// The platform changed what it says of a user: one who is deactivated there is stopped here at once.
    pub(super) async fn user_changed(&self) -> Outcome {
        let user = &self.event["user"];
        let id = text(&user["id"], 64);
        self.app.talk.forget(id);
        if user["deleted"] != true {
            return Outcome::Nothing;
        }
        let Some(us) = self.us().await else { return Outcome::NotStored };
        let known = user_of(self.app, id).await;
        let handle = handle_of(&us, known.as_ref(), id, text(&user["team_id"], 64));
        outcome(self.ask_as_house(Ask::StopAccount { handle }).await)
    }

    pub(super) async fn home(&self) -> Outcome {
        let user = text(&self.event["user"], 64);
        let origin = Origin {
            payload: self.payload,
            team: text(&self.payload["team_id"], 64),
            user,
            user_team: "",
            once: text(&self.payload["event_id"], 64),
            tries: "Look",
            ticket: None,
            auth: self.auth,
        };
        if let Ok(speaker) = speaker(self.app, origin).await {
            lookups::show_home(self.app, &speaker);
        }
        Outcome::Nothing
    }

    /// Nothing is said in Slack from now on: the console and `doctor` say so.
    pub(super) async fn app_is_gone(&self) -> Outcome {
        // A user's own token may be revoked as well; only the bot's is ours.
        let tokens = &self.event["tokens"];
        if tokens.is_object() && tokens["bot"].as_array().is_none_or(Vec::is_empty) {
            return Outcome::Nothing;
        }
        tracing::error!("the app was uninstalled from Slack, or its tokens were revoked; `countersign doctor` says what to do");
        if self.app.desk.chat_trouble("slack", "", Some(chat::APP_IS_GONE)).await.is_err() {
            return Outcome::NotStored;
        }
        if let Some(chat) = &self.app.chat {
            chat.is_gone();
        }
        Outcome::Nothing
    }
}
