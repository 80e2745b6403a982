//! Files out of chat: fetched with the bot's token, looked through, sniffed, capped, kept by content, and filed as
//! evidence. Nothing that the platform says of a file is believed. What cannot be had now is fetched later ([`owed`]).

pub mod owed;

use serde_json::Value;

use super::arrival::Outcome;
use super::forms::Context;
use super::speaker::Speaker;
use super::state::Filled;
use crate::card::words::{Words, one_line};
use crate::card::{chat, replies};
use crate::desk::chat::{ChatError, ChatFile};
use crate::desk::request::{Ask, Unanswered};
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::console::evidence::{MOST, sniff};
use crate::inbound::console::typed::read_time;
use crate::ticket::command::{AttachEvidence, Command};
use crate::ticket::guard::{self, Found};
use crate::ticket::number::Number;

/// Why a file is not filed.
#[derive(Debug)]
pub(super) enum NotFiled {
    /// It holds what must not be kept.
    Unfit(Vec<Found>),
    /// It is too large, or not there any more.
    NotFetched(String),
    /// It cannot be had now, and why.
    NotNow(String),
    /// The disk does not take it.
    NotKept,
    /// The desk refused it, or could not save that.
    Unanswered(Unanswered),
}

impl NotFiled {
    /// What its sender reads.
    pub(super) fn words(&self) -> Words {
        match self {
            Self::Unfit(found) => chat::withheld("file", found, false),
            Self::NotFetched(why) | Self::NotNow(why) => Words::of(why.clone()),
            Self::NotKept => Words::of(replies::not_kept()),
            Self::Unanswered(error) => Words::of(error.to_string()),
        }
    }
}

/// What a file is filed as.
#[derive(Clone)]
pub(super) struct Filing<'f> {
    pub ticket: &'f Number,
    pub phase: Option<String>,
    pub captured_at: Option<Timestamp>,
    /// Once for every file and phase.
    pub key: String,
}

/// Whether a file is filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filed {
    /// It is.
    Now,
    /// It cannot be had now; that it is to be fetched is on the disk.
    Later,
}

/// Fetches a file and files it as evidence, now or as soon as Slack hands it over.
pub(super) async fn file(app: &App, speaker: &Speaker, file: &ChatFile, filing: Filing<'_>, channel: &str) -> Result<Filed, NotFiled> {
    match attach(app, speaker, file, filing.clone()).await {
        Ok(()) => Ok(Filed::Now),
        Err(NotFiled::NotNow(why)) => {
            tracing::info!(why, "a file could not be fetched; it is tried again");
            owed::owe(app, speaker, file, &filing, channel).await.map_err(|_| NotFiled::NotKept)?;
            Ok(Filed::Later)
        }
        Err(why) => Err(why),
    }
}

/// Fetches a file and files it as evidence.
pub(super) async fn attach(app: &App, speaker: &Speaker, file: &ChatFile, filing: Filing<'_>) -> Result<(), NotFiled> {
    let Some(platform) = app.chat.as_ref() else { return Err(NotFiled::NotFetched("Slack is not configured.".to_owned())) };
    let too_large = || NotFiled::NotFetched(format!("That file is too large: at most {} MB are taken.", MOST >> 20));
    if usize::try_from(file.size).map_or(true, |size| size > MOST) {
        return Err(too_large());
    }
    let bytes = platform.download(file, MOST).await.map_err(|error| match error {
        ChatError::TooLarge => too_large(),
        other if other.passes() => NotFiled::NotNow(other.to_string()),
        other => NotFiled::NotFetched(chat::file_gone(&other.to_string())),
    })?;
    if file.size > 0 && u64::try_from(bytes.len()).ok() != Some(file.size) {
        // A page to sign in at, perhaps, or the half of it.
        return Err(NotFiled::NotNow("what came is not the whole file".to_owned()));
    }
    let name = one_line(&file.name, 120);
    keep(app, speaker, (&name, &bytes), filing).await
}

/// Keeps bytes and files them as evidence.
pub(super) async fn keep(app: &App, speaker: &Speaker, (name, bytes): (&str, &[u8]), filing: Filing<'_>) -> Result<(), NotFiled> {
    let found = found_in(name, bytes);
    if !found.is_empty() {
        let names = found.iter().map(|f| f.name().to_owned()).collect();
        let command = Command::Withhold { ticket: Some(filing.ticket.clone()), found: names, of: "file".to_owned(), masked: false };
        if let Err(error) = speaker.ask_under(app, Ask::Ticket(Box::new(command)), &format!("{}:withheld", filing.key), "").await {
            tracing::info!(%error, "that a file was withheld could not be recorded");
        }
        return Err(NotFiled::Unfit(found));
    }
    if bytes.is_empty() {
        return Err(NotFiled::NotFetched("That file is empty, so there is nothing to keep.".to_owned()));
    }
    let kept = app.desk.attachments().keep(bytes, &app.desk.env().id("f_")).await.map_err(|error| {
        tracing::error!(%error, "a file could not be kept");
        NotFiled::NotKept
    })?;
    let sha256 = kept.sha256().to_owned();
    let command = Command::AttachEvidence(AttachEvidence {
        ticket: filing.ticket.clone(),
        name: app.desk.seal(if name.is_empty() { "file" } else { name }),
        sha256: app.desk.seal(sha256.clone()),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        media_type: sniff(bytes).to_owned(),
        phase: filing.phase,
        captured_at: filing.captured_at,
    });
    match speaker.ask_under(app, Ask::Ticket(Box::new(command)), &filing.key, &sha256).await {
        Ok(_) => Ok(()),
        Err(error) => {
            if let Unanswered::Refused(_) = error {
                kept.discard();
            }
            Err(NotFiled::Unanswered(error))
        }
    }
}

/// What a file holds that must not be kept: its name, and its text if it is one.
fn found_in(name: &str, bytes: &[u8]) -> Vec<Found> {
    let mut found = guard::screen(name).found;
    if matches!(sniff(bytes), "text/plain") {
        found.extend(guard::screen(&String::from_utf8_lossy(bytes)).found);
    }
    found.into_iter().collect()
}

/// A form with a file was sent.
pub(super) async fn submitted(app: &App, speaker: &Speaker, context: &Context, filled: &Filled) -> Outcome {
    let Some(ticket) = &context.ticket else { return Outcome::Nothing };
    let one = |name: &str| filled.values().get(name).and_then(|values| values.first()).cloned();
    let captured_at = one("captured_at").and_then(|text| read_time(&text));
    let Some(file) = filled.files.first() else {
        return Outcome::Errors([("file".to_owned(), "Please choose a file.".to_owned())].into());
    };
    let phase = one("phase").filter(|phase| !phase.is_empty());
    let key = format!("slack:file:{}:{}", file.id, context.key);
    match self::file(app, speaker, file, Filing { ticket, phase, captured_at, key }, "").await {
        Ok(Filed::Now) => Outcome::Nothing,
        Ok(Filed::Later) => Outcome::says(chat::file_follows()),
        Err(why) => {
            let said = why.words().plain(chrono_tz::UTC, app.desk.now());
            Outcome::Errors([("file".to_owned(), said)].into())
        }
    }
}

/// The files that a message announces.
pub(super) fn announced(message: &Value) -> Vec<ChatFile> {
    message["files"].as_array().into_iter().flatten().take(10).filter_map(super::state::file_of).collect()
}
