//! What was said in a ticket's channel, filed with its hash when the work ends. Asked for by what the log tells, so that
//! it does not matter where somebody closed the ticket; filed once for each end, however many replicas try.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use super::heard::line;
use crate::desk::request::{Ask, Dedupe, Request};
use crate::desk::rooms::NO_THREAD;
use crate::inbound::app::App;
use crate::ticket::command::{AttachEvidence, Command};
use crate::ticket::event::Via;
use crate::ticket::number::Number;

/// Messages that a transcript holds at most: the latest.
const MOST: usize = 5_000;
/// Events before the start that are looked at: what ended while nobody listened.
const BEFORE: i64 = 2_000;
/// What could not be filed is tried again after this, so many times.
const AGAIN: Duration = Duration::from_secs(5);
const TRIES: u32 = 20;

/// Files transcripts until it is told to stop.
pub async fn keep(app: App, mut stopped: watch::Receiver<bool>) {
    let mut sizes = app.desk.sizes();
    sizes.mark_changed();
    let mut from = (app.desk.snapshot().size - BEFORE).max(0);
    let mut owed: BTreeMap<(Number, i64), u32> = BTreeMap::new();
    loop {
        tokio::select! {
            changed = sizes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(AGAIN), if !owed.is_empty() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        match app.desk.ended_since(from).await {
            Ok((ended, next)) => {
                from = next;
                owed.extend(ended.into_iter().map(|end| (end, 0)));
            }
            Err(error) => tracing::warn!(%error, "what ended could not be read; it is read again"),
        }
        let mut left = BTreeMap::new();
        for ((number, rev), tries) in owed {
            if let Err(why) = file(&app, &number, rev).await {
                if tries + 1 < TRIES {
                    left.insert((number, rev), tries + 1);
                } else {
                    tracing::error!(%number, why, "what was said in a ticket's channel could not be filed");
                }
            }
        }
        owed = left;
    }
}

/// Files what was said until the ticket ended with revision `rev`.
async fn file(app: &App, number: &Number, rev: i64) -> Result<(), String> {
    let Some(chat) = app.chat.as_ref() else { return Ok(()) };
    let Some(room) = app.desk.chat_room("slack", &number.to_string()).await.map_err(|e| e.to_string())? else { return Ok(()) };
    if room.channel.is_empty() {
        return Ok(());
    }
    let team = chat.identity().await.map_err(|e| e.to_string())?.team;
    let thread = Some(room.thread.as_str()).filter(|thread| !thread.is_empty() && *thread != NO_THREAD);
    let messages = chat.messages(&room.channel, thread, MOST).await.map_err(|e| e.to_string())?;
    if messages.is_empty() {
        return Ok(());
    }
    let text: String = messages.iter().map(|message| line(app, &team, message)).collect();
    let kept = app.desk.attachments().keep(text.as_bytes(), &app.desk.env().id("f_")).await.map_err(|e| e.to_string())?;
    let command = Command::AttachTranscript(AttachEvidence {
        ticket: number.clone(),
        name: app.desk.seal(format!("transcript-{number}-{rev}.txt")),
        sha256: app.desk.seal(kept.sha256()),
        size: i64::try_from(text.len()).unwrap_or(i64::MAX),
        media_type: "text/plain".to_owned(),
        phase: None,
        captured_at: None,
    });
    let via = Via { surface: "slack".to_owned(), auth: "internal".to_owned(), credential: None };
    let dedupe = Some(Dedupe { key: format!("slack:transcript:{number}:{rev}"), digest: String::new() });
    let answer =
        app.desk.ask(Request { via, dedupe, ..Request::of_scheduler(Ask::Ticket(Box::new(command))) }).await.map_err(|e| e.to_string())?;
    if answer.repeated {
        // Another replica was quicker; what it kept may be the same file.
        tracing::debug!(%number, "the transcript is filed already");
    }
    Ok(())
}
