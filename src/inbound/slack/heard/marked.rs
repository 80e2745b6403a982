//! Messages that somebody marks: a reaction or a pin keeps one as a note, where the organisation chose that; a paperclip
//! makes it evidence of the phase that the ticket is in. What is marked is looked at as it stands, in a channel of a ticket's
//! own as in a thread.

use super::reading::{line, readable, said_at};
use super::said::Said;
use super::{Told, unsaved};
use crate::config::Notes;
use crate::desk::chat::ChatMessage;
use crate::inbound::slack::arrival::Outcome;
use crate::inbound::slack::files::{self, Filing};
use crate::inbound::slack::speaker::text;
use crate::ticket::number::Number;

/// The reaction that makes a message evidence.
const PAPERCLIP: &str = "paperclip";

impl Told<'_> {
    pub(super) async fn reaction(&self) -> Outcome {
        let item = &self.event["item"];
        let (channel, at, reaction) = (text(&item["channel"], 64), text(&item["ts"], 64), text(&self.event["reaction"], 100));
        if item["type"] != "message" {
            return Outcome::Nothing;
        }
        let done = if reaction == PAPERCLIP {
            self.paperclip(channel, at).await
        } else if self.notes() == Notes::Reaction(reaction.to_owned()) {
            self.chosen(channel, at).await
        } else {
            Ok(Outcome::Nothing)
        };
        done.unwrap_or_else(|outcome| outcome)
    }

    pub(super) async fn pin(&self) -> Outcome {
        if self.notes() != Notes::Pinned {
            return Outcome::Nothing;
        }
        let item = &self.event["item"];
        let channel = text(&item["channel"], 64);
        let channel = if channel.is_empty() { text(&self.event["channel_id"], 64) } else { channel };
        let at = text(&item["message"]["ts"], 64);
        self.chosen(channel, if at.is_empty() { text(&item["created_ts"], 64) } else { at }).await.unwrap_or_else(|outcome| outcome)
    }

    /// A message as it stands now, and the ticket that it is about. Elsewhere nothing is fetched.
    async fn fetched(&self, channel: &str, at: &str) -> Result<Option<(ChatMessage, Number)>, Outcome> {
        let Some(chat) = self.app.chat.as_ref() else { return Ok(None) };
        match self.app.desk.tells_in("slack", channel).await {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(error) => {
                tracing::warn!(%error, "the tickets of a channel could not be looked up");
                return Err(Outcome::NotStored);
            }
        }
        let found = chat.message(channel, at).await.map_err(|error| {
            tracing::info!(%error, "a message could not be fetched");
            Outcome::NotStored
        })?;
        let Some(message) = found else { return Ok(None) };
        // The card itself begins its thread.
        let thread = if message.thread.is_empty() { at } else { &message.thread };
        Ok(self.ticket(channel, thread).await?.map(|ticket| (message, ticket)))
    }

    /// Somebody chose a message: it becomes a note of whoever wrote it.
    async fn chosen(&self, channel: &str, at: &str) -> Result<Outcome, Outcome> {
        let Some((message, _)) = self.fetched(channel, at).await? else { return Ok(Outcome::Nothing) };
        let Some(user) = message.user.as_deref() else { return Ok(Outcome::Nothing) };
        let team = text(&self.payload["team_id"], 64);
        let text = readable(self.app, team, &message.text);
        let said = Said { channel, thread: &message.thread, at, user, user_team: "", text, files: message.files.clone() };
        Ok(self.note(&said).await)
    }

    async fn paperclip(&self, channel: &str, at: &str) -> Result<Outcome, Outcome> {
        let Some((message, ticket)) = self.fetched(channel, at).await? else { return Ok(Outcome::Nothing) };
        let speaker = self.speaker(text(&self.event["user"], 64), "", &ticket, "AttachEvidence").await?;
        let phase = self.app.desk.phase_of(&ticket).await.map_err(|_| Outcome::NotStored)?;
        let key = |of: &str| format!("slack:evidence:{channel}/{at}:{}:{of}", phase.as_deref().unwrap_or_default());
        // A platform's clock may be a little ahead of ours.
        let captured_at = said_at(at).map(|at| at.min(self.app.desk.now()));
        let filing = |of: &str| Filing { ticket: &ticket, phase: phase.clone(), captured_at, key: key(of) };
        let mut results = Vec::new();
        if !message.text.trim().is_empty() {
            let bytes = line(self.app, text(&self.payload["team_id"], 64), &message);
            results.push(files::keep(self.app, &speaker, (&format!("message-{at}.txt"), bytes.as_bytes()), filing("text")).await);
        }
        for file in &message.files {
            results.push(files::file(self.app, &speaker, file, filing(&file.id), channel).await.map(drop));
        }
        for why in results.into_iter().filter_map(Result::err) {
            if matches!(&why, files::NotFiled::Unanswered(error) if unsaved(error)) {
                return Ok(Outcome::NotStored);
            }
            self.whisper(channel, &speaker.handle.user, why.words());
        }
        Ok(Outcome::Nothing)
    }
}
