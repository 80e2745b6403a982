//! What was said in a ticket's channel, and in those that it left, filed with its hash when the work ends. Asked for by what the log tells, so that
//! it does not matter where somebody closed the ticket; filed once for each end, however many replicas try.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::watch;

use super::heard::line;
use crate::card::chat;
use crate::desk::request::{Ask, Dedupe, Request, Unanswered};
use crate::desk::rooms::NO_THREAD;
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::ticket::command::{AttachEvidence, Command};
use crate::ticket::event::Via;
use crate::ticket::number::Number;

/// Messages that a transcript holds at most: the latest.
const MOST: usize = 5_000;
/// Between what was said in one place and in the next.
const ELSEWHERE: &str = "(It went on in another place.)\n";
/// Events before the start that are looked at: what ended while nobody listened.
const BEFORE: i64 = 2_000;
/// What could not be filed is tried again after this at first, and after this at the latest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15 * 60));
/// So often: for about a day.
const TRIES: u32 = 100;
/// How often it is looked whether something that is owed may be tried again.
const LOOK: Duration = Duration::from_millis(100);

/// A transcript that is still to be filed.
#[derive(Clone, Copy)]
struct Owed {
    tries: u32,
    next: Timestamp,
}

impl Owed {
    fn at(now: Timestamp) -> Self {
        Self { tries: 0, next: now }
    }

    /// It did not work; none after so many times.
    fn again(self, now: Timestamp) -> Option<Self> {
        let pause = PAUSE.0.saturating_mul(2_u32.saturating_pow(self.tries.min(10))).min(PAUSE.1);
        (self.tries + 1 < TRIES).then(|| Self { tries: self.tries + 1, next: now.plus(pause) })
    }
}

/// Files transcripts until it is told to stop.
pub async fn keep(app: App, mut stopped: watch::Receiver<bool>) {
    let mut sizes = app.desk.sizes();
    sizes.mark_changed();
    let mut from = (app.desk.snapshot().size - BEFORE).max(0);
    let mut owed: BTreeMap<(Number, i64), Owed> = BTreeMap::new();
    loop {
        tokio::select! {
            changed = sizes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK), if !owed.is_empty() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        loop {
            match app.desk.ended_since(from).await {
                Ok((_, next)) if next == from => break,
                Ok((ended, next)) => {
                    from = next;
                    owed.extend(ended.into_iter().map(|end| (end, Owed::at(app.desk.now()))));
                }
                Err(error) => {
                    tracing::warn!(%error, "what ended could not be read; it is read again");
                    break;
                }
            }
        }
        let due: Vec<_> = owed.iter().filter(|(_, owed)| owed.next <= app.desk.now()).map(|(end, owed)| (end.clone(), *owed)).collect();
        for ((number, rev), was) in due {
            owed.remove(&(number.clone(), rev));
            let Err(why) = file(&app, &number, rev).await else { continue };
            match was.again(app.desk.now()) {
                Some(again) => {
                    tracing::info!(%number, why, "a transcript could not be filed; it is tried again");
                    owed.insert((number, rev), again);
                }
                None => given_up(&app, &number, &why).await,
            }
        }
    }
}

/// Whoever looks at the ticket is told that its transcript is missing.
async fn given_up(app: &App, number: &Number, why: &str) {
    tracing::error!(%number, why, "what was said in a ticket's channel could not be filed");
    if let Err(error) = app.desk.chat_trouble("slack", &number.to_string(), Some(chat::NO_TRANSCRIPT)).await {
        tracing::error!(%error, "that a transcript is missing could not be noted");
    }
}

/// Files what was said until the ticket ended with revision `rev`.
async fn file(app: &App, number: &Number, rev: i64) -> Result<(), String> {
    let Some(platform) = app.chat.as_ref() else { return Ok(()) };
    let Some(room) = app.desk.chat_room("slack", &number.to_string()).await.map_err(|e| e.to_string())? else { return Ok(()) };
    if room.channel.is_empty() {
        return Ok(());
    }
    let name = format!("transcript-{number}-{rev}.txt");
    if app.desk.is_filed(number, &name).await.map_err(|e| e.to_string())? {
        return Ok(());
    }
    let team = platform.identity().await.map_err(|e| e.to_string())?.team;
    let mut text = String::new();
    let left = app.desk.places_left("slack", number).await.map_err(|e| e.to_string())?;
    for (channel, thread) in left.into_iter().chain([(room.channel.clone(), room.thread)]) {
        let thread = Some(thread.as_str()).filter(|thread| !thread.is_empty() && *thread != NO_THREAD);
        let messages = match platform.messages(&channel, thread, MOST).await {
            // A place that is gone has nothing to read any more.
            Err(error) if channel != room.channel && !error.passes() => continue,
            messages => messages.map_err(|e| e.to_string())?,
        };
        if !text.is_empty() && !messages.is_empty() {
            text.push_str(ELSEWHERE);
        }
        text.extend(messages.iter().map(|message| line(app, &team, message)));
    }
    if text.is_empty() {
        return Ok(());
    }
    let kept = app.desk.attachments().keep(text.as_bytes(), &app.desk.env().id("f_")).await.map_err(|e| e.to_string())?;
    let command = Command::AttachTranscript(AttachEvidence {
        ticket: number.clone(),
        name: app.desk.seal(name),
        sha256: app.desk.seal(kept.sha256()),
        size: i64::try_from(text.len()).unwrap_or(i64::MAX),
        media_type: "text/plain".to_owned(),
        phase: None,
        captured_at: None,
    });
    let via = Via { surface: "slack".to_owned(), auth: "internal".to_owned(), credential: None };
    let dedupe = Some(Dedupe { key: format!("slack:transcript:{number}:{rev}"), digest: String::new() });
    let asked = app.desk.ask(Request { via, dedupe, ..Request::of_scheduler(Ask::Ticket(Box::new(command))) }).await;
    match asked {
        // Another replica was quicker, and what it read may have been another text: then no event names this one.
        Ok(answer) if answer.repeated => kept.discard(),
        Ok(_) => {}
        Err(error) => {
            if matches!(error, Unanswered::Refused(_) | Unanswered::Unfit) {
                kept.discard();
            }
            return Err(error.to_string());
        }
    }
    Ok(())
}
