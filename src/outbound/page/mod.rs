//! People are paged: by direct message in chat, by a signed webhook, by PagerDuty. Each way has its own channel of the
//! outbox, so that one that does not answer holds no other back.
//!
//! - [`chat`]: direct messages; [`webhook`]: a signed request; [`pagerduty`]: Events API v2.
//!
//! To page one more way: a file here that makes [`Page`]s into requests, its channel in `desk::oncall`.

pub mod chat;
pub mod pagerduty;
pub mod webhook;

use std::pin::Pin;
use std::time::Duration;

use super::http::HttpError;
use crate::card::words::one_line;
use crate::desk::oncall::Entry;
use crate::desk::query::NoView;
use crate::desk::rooms::Telling;
use crate::desk::{Desk, StoreError};
use crate::ticket::duties::Around;
use crate::ticket::event::{Event, Fact};
use crate::ticket::spoken;

/// How long an entry is ours while we send it: longer than a request may take.
const LEASE: Duration = Duration::from_secs(60);
/// Between two tries: the first, and the longest after many.
const PAUSE: (u64, u64) = (2, 300);
/// Tries of what is refused; what only does not answer is tried for ever.
const MOST_REFUSED: i64 = 8;
/// Characters of a title that leave the house.
const TITLE: usize = 200;

/// Why a page did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum NotPaged {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The other side said no.
    #[error("it was answered {0}")]
    Refused(String),
    /// The other side is busy, or broken for now.
    #[error("it was answered {0}, and is tried again")]
    NotNow(String),
    /// Nothing can be read of what it is about.
    #[error(transparent)]
    NoView(#[from] NoView),
}

/// What a page is about.
pub struct Page<'d> {
    /// The desk.
    pub desk: &'d Desk,
    /// The event.
    pub event: Event,
    /// Its ticket with all that is told of it.
    pub telling: Option<Telling>,
}

impl Page<'_> {
    /// Whom the event calls; of a group whose silence counts, everybody who may approve as well.
    #[must_use]
    pub fn people(&self) -> Vec<String> {
        let mut people = self.desk.called_by(&self.event);
        if let Some((telling, group)) = self.silent_group() {
            let around = Around {
                now: self.desk.now(),
                organisation: &telling.library.organisation,
                people: telling.snapshot.directory.as_ref(),
                kind: &telling.kind,
                response: telling.response.as_deref(),
            };
            people.extend(spoken::waited_for(&around, &telling.ticket, group));
            people.sort();
            people.dedup();
        }
        people
    }

    /// The group that must read this, where its silence counts.
    fn silent_group(&self) -> Option<(&Telling, &str)> {
        let (Fact::GroupNotified { group, .. }, Some(telling)) = (&self.event.fact, &self.telling) else { return None };
        spoken::counts_silence_of(&telling.kind, group).then_some((telling, group.as_str()))
    }

    /// Records who was reached, where that counts.
    async fn record(&self, channel: &str, people: Vec<String>) -> Result<(), NotPaged> {
        let Some((telling, group)) = self.silent_group().filter(|_| !people.is_empty()) else { return Ok(()) };
        let way = channel.trim_start_matches("page:");
        let told = self.desk.reached(&telling.ticket.number, group, way, people).await;
        told.map_err(|error| NotPaged::NotNow(format!("and reached people, which could not be recorded: {error}")))
    }

    /// What the ticket is called where that may leave the house: its title, or its number alone.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        let telling = self.telling.as_ref().filter(|telling| !telling.scene(|scene| scene.is_sensitive()))?;
        let title = telling.scene(|scene| crate::card::live::card(scene).title);
        Some(one_line(&title, TITLE)).filter(|title| !title.is_empty())
    }
}

/// What sending a page gives: ids of the people whom it reached, as far as the way says so.
pub type Sent<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, NotPaged>> + Send + 'a>>;

/// A way of paging.
pub trait Pager: Send + Sync + 'static {
    /// Its channel of the outbox.
    fn channel(&self) -> &'static str;

    /// Sends one page.
    fn send<'a>(&'a self, page: &'a Page<'_>) -> Sent<'a>;
}

/// Delivers what is due; `false` when nothing is.
///
/// # Errors
/// When the database does not answer.
pub async fn deliver_once(pager: &dyn Pager, desk: &Desk) -> Result<bool, StoreError> {
    let (channel, now) = (pager.channel(), desk.now());
    let Some(due) = desk.lease(channel, now, now.plus(LEASE)).await? else { return Ok(false) };
    let sent = match serde_json::from_str::<Entry>(&due.payload) {
        Ok(entry) => page(pager, desk, &entry).await,
        Err(_) => Ok(()),
    };
    match sent {
        Ok(()) => {
            desk.chat_trouble(channel, "", None).await?;
            desk.delivered(channel, &due).await?;
        }
        Err(NotPaged::NoView(NoView::Store(error))) => return Err(error),
        Err(error) => {
            let words = format!("A page could not be sent ({channel}): {error}.");
            tracing::warn!(channel, %error, attempts = due.attempts, "a page could not be sent");
            desk.chat_trouble(channel, "", Some(&words)).await?;
            let refused = matches!(error, NotPaged::Refused(_) | NotPaged::NoView(_));
            if refused && due.attempts >= MOST_REFUSED {
                desk.delivered(channel, &due).await?;
            } else {
                let seconds = PAUSE.0.saturating_pow(u32::try_from(due.attempts.clamp(0, 16)).unwrap_or(16)).min(PAUSE.1);
                desk.later(channel, &due, desk.now().plus(Duration::from_secs(seconds))).await?;
            }
        }
    }
    Ok(true)
}

async fn page(pager: &dyn Pager, desk: &Desk, entry: &Entry) -> Result<(), NotPaged> {
    let event = desk.paged(entry).await?;
    let telling = match &entry.ticket {
        Some(number) => Some(desk.telling(number).await?),
        None => None,
    };
    let page = Page { desk, event, telling };
    let reached = pager.send(&page).await?;
    page.record(pager.channel(), reached).await
}

/// An HTTP answer: fine, not now, or no.
fn judged(status: u16, body: &[u8]) -> Result<(), NotPaged> {
    let said = || format!("{status} {}", one_line(&String::from_utf8_lossy(body), 120));
    match status {
        200..300 => Ok(()),
        408 | 429 | 500.. => Err(NotPaged::NotNow(said())),
        _ => Err(NotPaged::Refused(said())),
    }
}
