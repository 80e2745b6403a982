//! What is said and done in a ticket's channel, and what the platform tells of its users.
//!
//! Messages become notes as the organisation chose: all of them, those pinned, those reacted to, or none. What is changed
//! or deleted in chat is an event; the note stays. A paperclip makes a message evidence of the phase that the ticket is
//! in. Each is recorded once, however often Slack tells.

use serde_json::Value;

use super::arrival::Outcome;
use super::files::{self, Filing};
use super::lookups;
use super::speaker::{Origin, Speaker, Unheard, person_of, speaker, text};
use crate::card::chat;
use crate::card::words::paragraphs;
use crate::config::Notes;
use crate::desk::chat::{ChatMessage, Handle, Reply};
use crate::desk::request::{Ask, Dedupe, Request, Unanswered};
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::procedure::model::Permission;
use crate::ticket::command::Command;
use crate::ticket::event::Via;
use crate::ticket::guard;
use crate::ticket::number::Number;

/// The reaction that makes a message evidence.
const PAPERCLIP: &str = "paperclip";
/// Characters of a message that are kept.
const MOST: usize = 9_000;

/// Something that happened, as Slack tells it.
struct Told<'p> {
    app: &'p App,
    payload: &'p Value,
    event: &'p Value,
    auth: &'static str,
}

/// A message, wherever it was found.
struct Said<'p> {
    channel: &'p str,
    thread: &'p str,
    at: &'p str,
    user: &'p str,
    user_team: &'p str,
    text: String,
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
        "tokens_revoked" | "app_uninstalled" => {
            tracing::error!("the app was uninstalled from Slack, or its tokens were revoked; `countersign doctor` says what to do");
            Outcome::Nothing
        }
        _ => Outcome::Nothing,
    }
}

/// Slack's time of a message, `1772445600.123456`.
pub(super) fn said_at(ts: &str) -> Option<Timestamp> {
    let (seconds, fraction) = ts.split_once('.')?;
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Timestamp::from_micros(seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(micros)?)
}

/// Slack's mark-up as people read it: `<@U1|ana>` is @ana, an address is itself.
pub(super) fn readable(app: &App, team: &str, marked: &str) -> String {
    let directory = app.desk.snapshot().directory;
    let mut out = String::with_capacity(marked.len());
    let mut rest = marked;
    while let Some(from) = rest.find('<') {
        out.push_str(&rest[..from]);
        let Some(to) = rest[from..].find('>') else { break };
        let inner = &rest[from + 1..from + to];
        let (target, label) = inner.split_once('|').unwrap_or((inner, ""));
        match target.split_at_checked(1) {
            Some(("@", user)) => {
                let handle = format!("slack:{team}/{user}");
                let name = directory.by_account(&handle).map(|person| person.name.clone());
                out.push('@');
                out.push_str(&name.unwrap_or_else(|| if label.is_empty() { user.to_owned() } else { label.to_owned() }));
            }
            Some((sign @ ("#" | "!"), name)) => {
                out.push_str(if sign == "!" { "@" } else { "#" });
                out.push_str(if label.is_empty() { name } else { label.trim_start_matches('@') });
            }
            _ => out.push_str(target),
        }
        rest = &rest[from + to + 1..];
    }
    out.push_str(rest);
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
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

impl<'p> Told<'p> {
    fn notes(&self) -> Notes {
        self.app.config.slack.as_ref().map_or(Notes::Command, |slack| slack.notes.clone())
    }

    /// The ticket that a place in chat is about.
    async fn ticket(&self, channel: &str, thread: &str) -> Result<Option<Number>, Outcome> {
        for thread in [thread, ""] {
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
        }
    }

    async fn message(&self) -> Outcome {
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
    async fn note(&self, said: &Said<'_>) -> Outcome {
        let ticket = match self.ticket(said.channel, said.thread).await {
            Ok(Some(ticket)) => ticket,
            Ok(None) => return Outcome::Nothing,
            Err(outcome) => return outcome,
        };
        let speaker = match self.speaker(said.user, said.user_team, &ticket, "HearNote").await {
            Ok(speaker) => speaker,
            Err(outcome) => return outcome,
        };
        if let Err(error) = self.hear(&speaker, &ticket, said).await {
            return outcome(Err(error));
        }
        let files = files::announced(self.event);
        for file in files {
            let key = format!("slack:file:{}", file.id);
            let filing = Filing { ticket: &ticket, phase: None, captured_at: None, key };
            if let Err(why) = files::attach(self.app, &speaker, &file, filing).await {
                if matches!(&why, files::NotFiled::Unanswered(error) if unsaved(error)) {
                    return Outcome::NotStored;
                }
                self.whisper(said.channel, said.user, why.words()).await;
            }
        }
        Outcome::Nothing
    }

    fn place(said: &Said<'_>, speaker: &Speaker) -> String {
        format!("slack:{}/{}/{}", speaker.handle.team, said.channel, said.at)
    }

    async fn hear(&self, speaker: &Speaker, ticket: &Number, said: &Said<'_>) -> Result<(), Unanswered> {
        let Some((note, said_at)) = self.kept(speaker, ticket, said).await?.zip(said_at(said.at)) else { return Ok(()) };
        let place = Self::place(said, speaker);
        let key = format!("slack:note:{place}");
        let command =
            Command::HearNote { ticket: ticket.clone(), note: self.app.desk.seal(note), place: self.app.desk.seal(place), said_at };
        speaker.ask_under(self.app, Ask::Ticket(Box::new(command)), &key, "").await.map(drop)
    }

    /// What of a message may be kept; whoever wrote it is told of the rest, and the record that there was some.
    async fn kept(&self, speaker: &Speaker, ticket: &Number, said: &Said<'_>) -> Result<Option<String>, Unanswered> {
        let clean = paragraphs(&said.text, MOST);
        let screened = guard::screen(&clean);
        if screened.found.is_empty() {
            return Ok(Some(clean).filter(|text| !text.is_empty()));
        }
        let masked = !screened.refused();
        let withhold = Command::Withhold { ticket: ticket.clone(), found: screened.names(), of: "note".to_owned(), masked };
        let edited = text(&self.event["message"]["edited"]["ts"], 64);
        let key = format!("slack:withheld:{}:{edited}", Self::place(said, speaker));
        let answer = speaker.ask_under(self.app, Ask::Ticket(Box::new(withhold)), &key, "").await?;
        if !answer.repeated {
            let found: Vec<_> = screened.found.iter().copied().collect();
            self.whisper(said.channel, said.user, chat::withheld("message", &found, masked)).await;
        }
        Ok(masked.then_some(screened.masked))
    }

    async fn whisper(&self, channel: &str, user: &str, words: crate::card::words::Words) {
        let Some(chat) = self.app.chat.as_ref() else { return };
        if let Err(error) = chat.whisper(channel, user, &Reply { paragraphs: vec![words], ..Reply::default() }).await {
            tracing::info!(%error, "an answer to one person was lost");
        }
    }

    /// Somebody changed what they had said.
    async fn changed(&self, channel: &str) -> Outcome {
        let (now, before) = (&self.event["message"], &self.event["previous_message"]);
        // An address that was unfurled, a thread that was begun: the same words.
        if now["text"] == before["text"] || now["bot_id"].is_string() {
            return Outcome::Nothing;
        }
        let said = self.said(now, channel);
        let edit = text(&now["edited"]["ts"], 64);
        self.revise(&said, Some(edit)).await
    }

    /// Somebody took away what they had said.
    async fn deleted(&self, channel: &str) -> Outcome {
        let before = &self.event["previous_message"];
        if before["bot_id"].is_string() {
            return Outcome::Nothing;
        }
        let at = text(&self.event["deleted_ts"], 64);
        let said = Said { at: if at.is_empty() { text(&before["ts"], 64) } else { at }, ..self.said(before, channel) };
        self.revise(&said, None).await
    }

    async fn revise(&self, said: &Said<'_>, edit: Option<&str>) -> Outcome {
        let ticket = match self.ticket(said.channel, said.thread).await {
            Ok(Some(ticket)) => ticket,
            Ok(None) => return Outcome::Nothing,
            Err(outcome) => return outcome,
        };
        let speaker = match self.speaker(said.user, said.user_team, &ticket, "ReviseNote").await {
            Ok(speaker) => speaker,
            Err(outcome) => return outcome,
        };
        let place = Self::place(said, &speaker);
        let note = match self.app.desk.note_at(&ticket, &place).await {
            Ok(Some(note)) => note,
            // Never kept: then there is nothing to change.
            Ok(None) => return Outcome::Nothing,
            Err(_) => return Outcome::NotStored,
        };
        let text = match edit {
            None => None,
            Some(_) => match self.kept(&speaker, &ticket, said).await {
                Ok(Some(text)) => Some(self.app.desk.seal(text)),
                Ok(None) => return Outcome::Nothing,
                Err(error) => return outcome(Err(error)),
            },
        };
        let command = Command::ReviseNote { ticket, note, text };
        let key = format!("slack:revise:{place}:{}", edit.unwrap_or("deleted"));
        outcome(speaker.ask_under(self.app, Ask::Ticket(Box::new(command)), &key, "").await.map(drop))
    }

    /// A reaction: one keeps a message as a note, a paperclip makes it evidence.
    async fn reaction(&self) -> Outcome {
        let item = &self.event["item"];
        let (channel, at, reaction) = (text(&item["channel"], 64), text(&item["ts"], 64), text(&self.event["reaction"], 100));
        if item["type"] != "message" {
            return Outcome::Nothing;
        }
        if reaction == PAPERCLIP {
            return self.paperclip(channel, at).await;
        }
        if self.notes() == Notes::Reaction(reaction.to_owned()) {
            return self.chosen(channel, at).await;
        }
        Outcome::Nothing
    }

    async fn pin(&self) -> Outcome {
        if self.notes() != Notes::Pinned {
            return Outcome::Nothing;
        }
        let item = &self.event["item"];
        let channel = text(&item["channel"], 64);
        let channel = if channel.is_empty() { text(&self.event["channel_id"], 64) } else { channel };
        let at = text(&item["message"]["ts"], 64);
        self.chosen(channel, if at.is_empty() { text(&item["created_ts"], 64) } else { at }).await
    }

    /// A message as it stands now, and the thread of a ticket that it may stand in.
    async fn fetched(&self, channel: &str, at: &str) -> Result<Option<ChatMessage>, Outcome> {
        let Some(chat) = self.app.chat.as_ref() else { return Ok(None) };
        chat.message(channel, at).await.map_err(|error| {
            tracing::info!(%error, "a message could not be fetched");
            Outcome::NotStored
        })
    }

    /// Somebody chose a message: it becomes a note of whoever wrote it.
    async fn chosen(&self, channel: &str, at: &str) -> Outcome {
        let message = match self.fetched(channel, at).await {
            Ok(Some(message)) => message,
            Ok(None) => return Outcome::Nothing,
            Err(outcome) => return outcome,
        };
        let Some(user) = message.user.as_deref() else { return Outcome::Nothing };
        let team = text(&self.payload["team_id"], 64);
        let said = Said { channel, thread: "", at, user, user_team: "", text: readable(self.app, team, &message.text) };
        self.note(&said).await
    }

    async fn paperclip(&self, channel: &str, at: &str) -> Outcome {
        let ticket = match self.ticket(channel, "").await {
            Ok(Some(ticket)) => ticket,
            Ok(None) => return Outcome::Nothing,
            Err(outcome) => return outcome,
        };
        let speaker = match self.speaker(text(&self.event["user"], 64), "", &ticket, "AttachEvidence").await {
            Ok(speaker) => speaker,
            Err(outcome) => return outcome,
        };
        let message = match self.fetched(channel, at).await {
            Ok(Some(message)) => message,
            Ok(None) => return Outcome::Nothing,
            Err(outcome) => return outcome,
        };
        let phase = match self.app.desk.phase_of(&ticket).await {
            Ok(phase) => phase,
            Err(_) => return Outcome::NotStored,
        };
        let key = |of: &str| format!("slack:evidence:{channel}/{at}:{}:{of}", phase.as_deref().unwrap_or_default());
        // A platform's clock may be a little ahead of ours.
        let captured_at = said_at(at).map(|at| at.min(self.app.desk.now()));
        let filing = |of: &str| Filing { ticket: &ticket, phase: phase.clone(), captured_at, key: key(of) };
        let mut results = Vec::new();
        if !message.text.trim().is_empty() {
            let bytes = self.told_as_text(&message);
            results.push(files::keep(self.app, &speaker, (&format!("message-{at}.txt"), bytes.as_bytes()), filing("text")).await);
        }
        for file in &message.files {
            results.push(files::attach(self.app, &speaker, file, filing(&file.id)).await);
        }
        for why in results.into_iter().filter_map(Result::err) {
            if matches!(&why, files::NotFiled::Unanswered(error) if unsaved(error)) {
                return Outcome::NotStored;
            }
            self.whisper(channel, &speaker.handle.user, why.words()).await;
        }
        Outcome::Nothing
    }

    /// A message as a file: who, when, what.
    fn told_as_text(&self, message: &ChatMessage) -> String {
        let team = text(&self.payload["team_id"], 64);
        line(self.app, team, message)
    }

    /// Somebody joined a ticket's channel: that is told of those who may not read it.
    async fn joined(&self) -> Outcome {
        let (channel, user) = (text(&self.event["channel"], 64), text(&self.event["user"], 64));
        let ticket = match self.ticket(channel, "").await {
            Ok(Some(ticket)) => ticket,
            Ok(None) => return Outcome::Nothing,
            Err(outcome) => return outcome,
        };
        let Some(chat) = self.app.chat.as_ref() else { return Outcome::Nothing };
        let Ok(us) = chat.identity().await else { return Outcome::NotStored };
        if us.bot_user == user || us.team != text(&self.payload["team_id"], 64) {
            return Outcome::Nothing;
        }
        let own = text(&self.event["team"], 64);
        let handle =
            Handle { platform: "slack".to_owned(), team: if own.is_empty() { us.team } else { own.to_owned() }, user: user.to_owned() };
        let person = person_of(self.app, &handle).await;
        if person.as_ref().is_some_and(|person| self.app.desk.allow(person, Permission::Read).is_ok()) {
            return Outcome::Nothing;
        }
        let person = person.map(|person| person.state.id);
        let command = Command::NoticeJoin { ticket, person, handle: self.app.desk.seal(handle.to_string()) };
        outcome(self.ask_as_house(Ask::Ticket(Box::new(command))).await)
    }

    /// The platform changed what it says of a user: one who is deactivated there is stopped here at once.
    async fn user_changed(&self) -> Outcome {
        let user = &self.event["user"];
        let id = text(&user["id"], 64);
        self.app.talk.forget(id);
        if user["deleted"] != true {
            return Outcome::Nothing;
        }
        let team = text(&user["team_id"], 64);
        let team = if team.is_empty() { text(&self.payload["team_id"], 64) } else { team };
        let handle = Handle { platform: "slack".to_owned(), team: team.to_owned(), user: id.to_owned() };
        outcome(self.ask_as_house(Ask::StopAccount { handle }).await)
    }

    async fn home(&self) -> Outcome {
        let Some(chat) = self.app.chat.as_ref() else { return Outcome::Nothing };
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
            let home = lookups::home(self.app, &speaker).await;
            if let Err(error) = chat.publish_home(user, &home).await {
                tracing::info!(%error, "somebody's first page in Slack could not be shown");
            }
        }
        Outcome::Nothing
    }

    /// Asks as the service itself: nobody does what the platform only tells.
    async fn ask_as_house(&self, ask: Ask) -> Result<(), Unanswered> {
        let key = format!("slack:{}:{}", text(&self.payload["team_id"], 64), text(&self.payload["event_id"], 64));
        let via = Via { surface: "slack".to_owned(), auth: self.auth.to_owned(), credential: None };
        let dedupe = Some(Dedupe { key, digest: String::new() });
        self.app.desk.ask(Request { via, dedupe, ..Request::of_scheduler(ask) }).await.map(drop)
    }
}

/// One message on a line: when, who, what.
pub(super) fn line(app: &App, team: &str, message: &ChatMessage) -> String {
    let at = said_at(&message.at).map_or_else(|| message.at.clone(), |at| at.to_string());
    let who = message.user.as_ref().map_or_else(
        || "(a program)".to_owned(),
        |user| {
            let person = app.desk.snapshot().directory.by_account(&format!("slack:{team}/{user}")).map(|p| p.name.clone());
            person.unwrap_or_else(|| format!("{user} (not verified)"))
        },
    );
    let files: String = message.files.iter().map(|file| format!(" [file: {}]", crate::card::words::one_line(&file.name, 120))).collect();
    // What must not be kept is not kept by this way either; a banner stands at the beginning of its own text.
    let screened = crate::ticket::guard::screen(&paragraphs(&readable(app, team, &message.text), MOST));
    let said = if screened.refused() { "(held back: it bears a marking)" } else { screened.masked.as_str() };
    format!("{at} {who}: {said}{files}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slacks_times_are_moments_to_the_microsecond() {
        assert_eq!(said_at("1772445600.000100").map(Timestamp::micros), Some(1_772_445_600_000_100));
        assert_eq!(said_at("1772445600.5").map(Timestamp::micros), Some(1_772_445_600_500_000));
        for odd in ["", "x", "1", "1.x", "99999999999999999999.0"] {
            assert_eq!(said_at(odd), None, "{odd}");
        }
    }
}
