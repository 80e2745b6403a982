//! Messages become notes, once each. What is changed or taken away in chat is an event; the note stays.
//!
//! Slack tells in any order. A change that comes before its message brings what the message was, and that is kept first;
//! the message itself is then known already. What could not be kept for what it held may be said again without that: the
//! note begins there. What is changed so that it may not be kept any more is told as changed, without the words. Changes of
//! one message bear Slack's time of each: one that comes after a later one does not become the last word.

use serde_json::Value;

use super::reading::{readable, said_at};
use super::{MOST, Told, outcome, unsaved};
use crate::card::chat;
use crate::card::words::paragraphs;
use crate::config::Notes;
use crate::desk::chat::ChatFile;
use crate::desk::request::{Ask, Unanswered};
use crate::env::Timestamp;
use crate::inbound::slack::arrival::Outcome;
use crate::inbound::slack::files::{self, Filing};
use crate::inbound::slack::speaker::{Speaker, text};
use crate::ticket::command::Command;
use crate::ticket::guard;
use crate::ticket::number::Number;

/// What stands in the record in the place of words that may not.
const HELD_BACK: &str = "(changed to something that is not kept, because of what it holds)";

/// A message, wherever it was found.
pub(super) struct Said<'p> {
    pub channel: &'p str,
    pub thread: &'p str,
    pub at: &'p str,
    pub user: &'p str,
    pub user_team: &'p str,
    pub text: String,
    pub files: Vec<ChatFile>,
}

/// What a change makes of a message.
enum Change<'p> {
    /// Other words, at Slack's time of the change.
    Words(&'p str),
    /// It is gone, since this time of Slack's.
    Gone(&'p str),
}

impl<'p> Told<'p> {
    fn said(&self, message: &'p Value, channel: &'p str) -> Said<'p> {
        let team = text(&self.payload["team_id"], 64);
        let own = |name: &str| text(&message[name], 64);
        let user_team = if own("user_team").is_empty() { own("team") } else { own("user_team") };
        Said {
            channel,
            thread: own("thread_ts"),
            at: own("ts"),
            user: own("user"),
            user_team,
            text: readable(self.app, team, text(&message["text"], 64 << 10)),
            files: files::announced(message),
        }
    }

    pub(super) async fn message(&self) -> Outcome {
        let channel = text(&self.event["channel"], 64);
        match text(&self.event["subtype"], 64) {
            "" | "file_share" | "thread_broadcast" | "me_message" => {}
            "message_changed" => return self.changed(channel).await,
            "message_deleted" => return self.deleted(channel).await,
            _ => return Outcome::Nothing,
        }
        // What programs say, ours first of all, is in the record already or none of ours.
        if self.event["bot_id"].is_string() || self.notes() != Notes::All {
            return Outcome::Nothing;
        }
        let said = self.said(self.event, channel);
        self.note(&said).await
    }

    /// A message becomes a note, and what hangs on it evidence.
    pub(super) async fn note(&self, said: &Said<'_>) -> Outcome {
        let ticket = match self.ticket(said.channel, said.thread).await {
            Ok(Some(ticket)) => ticket,
            Ok(None) => return Outcome::Nothing,
            Err(outcome) => return outcome,
        };
        let speaker = match self.speaker(said.user, said.user_team, &ticket, "HearNote").await {
            Ok(speaker) => speaker,
            Err(outcome) => return outcome,
        };
        if let Err(error) = self.hear(&speaker, &ticket, said, "").await {
            return outcome(Err(error));
        }
        for file in &said.files {
            let filing = Filing { ticket: &ticket, phase: None, captured_at: None, key: format!("slack:file:{}", file.id) };
            if let Err(why) = files::file(self.app, &speaker, file, filing, said.channel).await {
                if matches!(&why, files::NotFiled::Unanswered(error) if unsaved(error)) {
                    return Outcome::NotStored;
                }
                self.whisper(said.channel, said.user, why.words());
            }
        }
        Outcome::Nothing
    }

    fn place(said: &Said<'_>, speaker: &Speaker) -> String {
        format!("slack:{}/{}/{}", speaker.handle.team, said.channel, said.at)
    }

    /// Keeps what was said; `false` when nothing of it may be kept, or there is nothing. `edit`: Slack's time of the change
    /// that brought these words.
    async fn hear(&self, speaker: &Speaker, ticket: &Number, said: &Said<'_>, edit: &str) -> Result<bool, Unanswered> {
        let Some((note, said_at)) = self.kept(speaker, ticket, said, edit).await?.zip(said_at(said.at)) else { return Ok(false) };
        let place = Self::place(said, speaker);
        let key = format!("slack:note:{place}");
        let command = Command::HearNote {
            ticket: ticket.clone(),
            note: self.app.desk.seal(note.as_str()),
            place: self.app.desk.seal(place.as_str()),
            said_at,
        };
        let answer = speaker.ask_under(self.app, Ask::Ticket(Box::new(command)), &key, "").await?;
        if answer.repeated && edit.is_empty() {
            self.began_otherwise(speaker, ticket, (&place, note, said_at)).await?;
        }
        Ok(true)
    }

    /// A message that comes after several changes of it finds a note that began with what the first of those to arrive said
    /// that it was. What it really was goes on record as well, and is not the last word.
    async fn began_otherwise(
        &self,
        speaker: &Speaker,
        ticket: &Number,
        (place, words, said_at): (&str, String, Timestamp),
    ) -> Result<(), Unanswered> {
        let Some((note, Some(began))) = self.app.desk.note_at(ticket, place).await.map_err(Unanswered::from)? else { return Ok(()) };
        if began == words {
            return Ok(());
        }
        let text = Some(self.app.desk.seal(words));
        let command = Command::ReviseNote { ticket: ticket.clone(), note, text, edited_at: Some(said_at) };
        let key = format!("slack:revise:{place}:first");
        speaker.ask_under(self.app, Ask::Ticket(Box::new(command)), &key, "").await.map(drop)
    }

    /// What of a message may be kept; whoever wrote it is told of the rest, and the record that there was some.
    async fn kept(&self, speaker: &Speaker, ticket: &Number, said: &Said<'_>, edit: &str) -> Result<Option<String>, Unanswered> {
        let clean = paragraphs(&said.text, MOST);
        let screened = guard::screen(&clean);
        if screened.found.is_empty() {
            return Ok(Some(clean).filter(|text| !text.is_empty()));
        }
        let masked = !screened.refused();
        let withhold = Command::Withhold { ticket: Some(ticket.clone()), found: screened.names(), of: "note".to_owned(), masked };
        let key = format!("slack:withheld:{}:{edit}", Self::place(said, speaker));
        let answer = speaker.ask_under(self.app, Ask::Ticket(Box::new(withhold)), &key, "").await?;
        if !answer.repeated {
            let found: Vec<_> = screened.found.iter().copied().collect();
            self.whisper(said.channel, said.user, chat::withheld("message", &found, masked));
        }
        Ok(masked.then_some(screened.masked))
    }

    /// Somebody changed what they had said.
    async fn changed(&self, channel: &str) -> Outcome {
        let (now, before) = (&self.event["message"], &self.event["previous_message"]);
        // An address that was unfurled, a thread that was begun: the same words.
        if now["text"] == before["text"] || now["bot_id"].is_string() {
            return Outcome::Nothing;
        }
        let (said, before) = (self.said(now, channel), self.said(before, channel));
        let edit = text(&now["edited"]["ts"], 64);
        outcome(self.revise(&said, &before, Change::Words(if edit.is_empty() { "edited" } else { edit })).await)
    }

    /// Somebody took away what they had said.
    async fn deleted(&self, channel: &str) -> Outcome {
        let before = &self.event["previous_message"];
        if before["bot_id"].is_string() {
            return Outcome::Nothing;
        }
        let at = text(&self.event["deleted_ts"], 64);
        let said = Said { at: if at.is_empty() { text(&before["ts"], 64) } else { at }, ..self.said(before, channel) };
        outcome(self.revise(&said, &said, Change::Gone(text(&self.event["event_ts"], 64))).await)
    }

    /// A message is not any more what it was `before`.
    async fn revise(&self, said: &Said<'_>, before: &Said<'_>, change: Change<'_>) -> Result<(), Unanswered> {
        let not_now = |_| Unanswered::NotStored("it could not be looked up".to_owned());
        // What was given away with the message may be missing; where it stood is told with either.
        let thread = if said.thread.is_empty() { before.thread } else { said.thread };
        let Some(ticket) = self.ticket(said.channel, thread).await.map_err(not_now)? else { return Ok(()) };
        let speaker = match self.speaker(said.user, said.user_team, &ticket, "ReviseNote").await {
            Ok(speaker) => speaker,
            Err(Outcome::NotStored) => return Err(not_now(Outcome::NotStored)),
            Err(_) => return Ok(()),
        };
        let place = Self::place(said, &speaker);
        let find = async || self.app.desk.note_at(&ticket, &place).await.map_err(Unanswered::from);
        let mut note = find().await?;
        if note.is_none() {
            // Where only chosen messages are kept, this one was not chosen.
            if self.notes() != Notes::All {
                return Ok(());
            }
            let first = Said { at: said.at, ..self.copy_of(before) };
            if self.hear(&speaker, &ticket, &first, "").await? {
                note = find().await?;
            } else {
                // What it was could not be kept: what it is now may be.
                return match change {
                    Change::Words(edit) => self.hear(&speaker, &ticket, said, edit).await.map(drop),
                    Change::Gone(_) => Ok(()),
                };
            }
        }
        let Some((note, _)) = note else { return Ok(()) };
        let (text, edit, at) = match change {
            Change::Gone(at) => (None, "deleted", at),
            Change::Words(edit) => {
                let kept = self.kept(&speaker, &ticket, said, edit).await?;
                (Some(self.app.desk.seal(kept.unwrap_or_else(|| HELD_BACK.to_owned()))), edit, edit)
            }
        };
        let command = Command::ReviseNote { ticket, note, text, edited_at: said_at(at) };
        let key = format!("slack:revise:{place}:{edit}");
        speaker.ask_under(self.app, Ask::Ticket(Box::new(command)), &key, "").await.map(drop)
    }

    fn copy_of<'s>(&self, said: &Said<'s>) -> Said<'s> {
        Said { text: said.text.clone(), files: said.files.clone(), ..*said }
    }
}
