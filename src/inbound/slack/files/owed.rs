//! Files that Slack did not hand over when they were announced. That one is owed stands in the outbox, as references that
//! go with the entry; it is asked for again, later and later, for some hours. One that never comes is told of: to whoever
//! sent it, on the ticket's page in the console, and by `doctor`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::{Filing, NotFiled, attach};
use crate::card::chat as said;
use crate::card::words::Words;
use crate::desk::StoreError;
use crate::desk::chat::{ChatFile, Handle, Reply};
use crate::desk::request::Unanswered;
use crate::desk::rooms::Due;
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::slack::speaker::{Speaker, person_of};
use crate::ticket::number::Number;

/// The outbox's channel.
pub const CHANNEL: &str = "slack-files";
/// How often what is due is looked for.
const LOOK: Duration = Duration::from_millis(500);
/// How long an entry is ours: longer than fetching and filing may take.
const LEASE: Duration = Duration::from_secs(120);
/// The first pause, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(15 * 60));
/// So often it is asked for: about three hours in all.
const TRIES: i64 = 20;

/// A file that is still to be fetched.
#[derive(Serialize, Deserialize)]
struct Owed {
    ticket: Number,
    /// Slack's id of the file.
    file: String,
    handle: Handle,
    key: String,
    phase: Option<String>,
    captured_at: Option<Timestamp>,
    /// Where it was sent; empty for a form.
    channel: String,
}

/// Puts a file on the list.
pub(super) async fn owe(app: &App, speaker: &Speaker, file: &ChatFile, filing: &Filing<'_>, channel: &str) -> Result<(), StoreError> {
    let owed = Owed {
        ticket: filing.ticket.clone(),
        file: file.id.clone(),
        handle: speaker.handle.clone(),
        key: filing.key.clone(),
        phase: filing.phase.clone(),
        captured_at: filing.captured_at,
        channel: channel.to_owned(),
    };
    // The same file for the same purpose is one entry.
    let digest = Sha256::digest(&filing.key);
    let id = digest.iter().take(7).fold(0_i64, |id, byte| (id << 8) | i64::from(*byte));
    let payload = serde_json::to_string(&owed).unwrap_or_default();
    app.desk.owe(CHANNEL, id, &payload).await
}

/// Fetches what is owed until it is told to stop.
pub async fn fetch(app: App, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        if app.desk.is_held() {
            continue;
        }
        loop {
            match once(&app).await {
                Ok(true) if !*stopped.borrow() => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "the list of files could not be read; it is read again");
                    break;
                }
            }
        }
    }
}

/// Takes the next one that is due; `false` when none is.
async fn once(app: &App) -> Result<bool, StoreError> {
    let now = app.desk.now();
    let Some(due) = app.desk.lease(CHANNEL, now, now.plus(LEASE)).await? else { return Ok(false) };
    let Ok(owed) = serde_json::from_str::<Owed>(&due.payload) else {
        tracing::error!("an entry of the list of files cannot be read; it is dropped");
        app.desk.delivered(CHANNEL, &due).await?;
        return Ok(true);
    };
    match fetched(app, &owed).await {
        Ok(()) => app.desk.delivered(CHANNEL, &due).await?,
        Err(NotFiled::NotNow(why)) if due.attempts < TRIES => later(app, &due, &why).await?,
        Err(NotFiled::Unanswered(error)) if !matches!(error, Unanswered::Refused(_) | Unanswered::Unfit) => {
            later(app, &due, &error.to_string()).await?;
        }
        Err(NotFiled::NotKept) => later(app, &due, "the disk does not take it").await?,
        Err(NotFiled::NotNow(_)) => {
            app.desk.chat_trouble("slack", &owed.ticket.to_string(), Some(said::FILE_NEVER_CAME)).await?;
            tell(app, &owed, said::file_never_came(&owed.ticket));
            app.desk.delivered(CHANNEL, &due).await?;
        }
        Err(why) => {
            tell(app, &owed, why.words());
            app.desk.delivered(CHANNEL, &due).await?;
        }
    }
    Ok(true)
}

async fn later(app: &App, due: &Due, why: &str) -> Result<(), StoreError> {
    let doubled = 2_u32.saturating_pow(u32::try_from(due.attempts.clamp(1, 16) - 1).unwrap_or(0));
    let pause = PAUSE.0.saturating_mul(doubled).min(PAUSE.1);
    tracing::info!(why, pause_seconds = pause.as_secs(), "a file is not there yet; it is asked for again");
    app.desk.later(CHANNEL, due, app.desk.now().plus(pause)).await
}

async fn fetched(app: &App, owed: &Owed) -> Result<(), NotFiled> {
    let Some(chat) = app.chat.as_ref() else { return Err(NotFiled::NotNow("Slack is not configured".to_owned())) };
    let found = chat.file(&owed.file).await.map_err(|error| {
        if error.passes() { NotFiled::NotNow(error.to_string()) } else { NotFiled::NotFetched(said::file_gone(&error.to_string())) }
    })?;
    let Some(file) = found else { return Err(NotFiled::NotFetched(said::file_gone("it was deleted"))) };
    let speaker = Speaker::of(owed.handle.clone(), person_of(app, &owed.handle).await, &owed.key);
    let filing = Filing { ticket: &owed.ticket, phase: owed.phase.clone(), captured_at: owed.captured_at, key: owed.key.clone() };
    attach(app, &speaker, &file, filing).await
}

/// Says something to whoever sent the file: where it was sent, or directly.
fn tell(app: &App, owed: &Owed, words: Words) {
    let Some(chat) = app.chat.clone() else { return };
    let (channel, user) = (owed.channel.clone(), owed.handle.user.clone());
    let reply = Reply { paragraphs: vec![words], ..Reply::default() };
    app.talk.after.say(async move {
        let said = if channel.is_empty() { chat.tell(&user, &reply, None).await } else { chat.whisper(&channel, &user, &reply).await };
        if let Err(error) = said {
            tracing::info!(%error, "an answer to one person was lost");
        }
    });
}
