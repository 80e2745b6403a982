//! People are paged: by direct message in chat, by a signed webhook, by PagerDuty. Each way has its own channel of the
//! outbox, so that one that does not answer holds no other back.
//!
//! - [`chat`]: direct messages to whoever is called; [`news`]: on what else concerns somebody;
//! - [`webhook`]: a signed request; [`pagerduty`]: Events API v2.
//!
//! To page one more way: a file here that makes [`Page`]s into requests, its channel in `desk::paging`.

pub mod chat;
pub mod news;
pub mod pagerduty;
pub mod webhook;

use std::pin::Pin;
use std::time::Duration;

use super::http::HttpError;
use crate::card::words::{capitalise, one_line};
use crate::desk::paging::Entry;
use crate::desk::query::NoView;
use crate::desk::request::Unanswered;
use crate::desk::rooms::{Due, Telling};
use crate::desk::{Desk, Snapshot, StoreError};
use crate::ticket::event::{Event, Fact};
use crate::ticket::spoken;

/// How long an entry is ours while we send it: longer than a request may take.
const LEASE: Duration = Duration::from_secs(60);
/// Between two tries: the first, and the longest after many.
const PAUSE: (u64, u64) = (2, 300);
/// Tries of what is refused; what only does not answer is tried for ever.
const MOST_REFUSED: i64 = 8;
/// So often one is asked to wait before that is a trouble.
const PATIENT: i64 = 3;
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
    /// The other side is busy, or broken for now; it may say for how long.
    #[error("it was answered {0}, and is tried again")]
    NotNow(String, Option<Duration>),
    /// There is no way to whoever is called: `not_linked`, `refused` or `nobody`.
    #[error("there is no way to whoever is called ({0})")]
    Nobody(&'static str),
    /// Our turn ran out before it was sent.
    #[error("it took too long")]
    RanOut,
    /// What became of it could not be recorded.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
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
    /// Who is told; none for everybody whom the event calls.
    pub person: Option<String>,
    /// The entry of the outbox, taken until some moment; it was taken before, if it was tried.
    pub due: Due,
    /// Who people are.
    pub snapshot: Snapshot,
}

impl Page<'_> {
    /// The group that must read this, where its silence counts.
    fn silent_group(&self) -> Option<(&Telling, &str)> {
        let (Fact::GroupNotified { group, .. }, Some(telling)) = (&self.event.fact, &self.telling) else { return None };
        spoken::counts_silence_of(&telling.kind, group).then_some((telling, group.as_str()))
    }

    /// Records who was reached, where that counts.
    async fn record(&self, channel: &str, people: Vec<String>) -> Result<(), NotPaged> {
        let Some((telling, group)) = self.silent_group().filter(|_| !people.is_empty()) else { return Ok(()) };
        let way = channel.trim_start_matches("page:");
        Ok(self.desk.reached(&telling.ticket.number, group, way, people).await?)
    }

    /// Whether it is still ours to send: after that, somebody else may be sending it.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.desk.now().micros() < self.due.until
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

    /// Where people read it.
    fn platform(&self) -> &'static str;

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
    let Ok(entry) = serde_json::from_str::<Entry>(&due.payload) else {
        tracing::error!(channel, "a page cannot be read; it is dropped");
        desk.delivered(channel, &due).await?;
        return Ok(true);
    };
    // Of what is told to one person, the trouble is that person's: others are told meanwhile.
    let subject = entry.person.clone().unwrap_or_default();
    match page(pager, desk, &entry, &due).await {
        Ok(()) => {
            desk.chat_trouble(channel, &subject, None).await?;
            desk.delivered(channel, &due).await?;
        }
        Err(NotPaged::NoView(NoView::Store(error))) => return Err(error),
        Err(NotPaged::RanOut) => tracing::warn!(channel, "a page was not sent before its turn ran out; it is sent with the next one"),
        Err(error) => {
            let words = match &entry.person {
                Some(id) => {
                    let name = desk.snapshot().directory.name_of(id);
                    format!("{name} could not be told directly in {}: {error}.", capitalise(pager.platform()))
                }
                None => format!("A page could not be sent ({channel}): {error}."),
            };
            tracing::warn!(channel, %error, attempts = due.attempts, "a page could not be sent");
            // To be asked to wait a little is nothing unusual.
            if !(matches!(error, NotPaged::NotNow(_, Some(_))) && due.attempts < PATIENT) {
                desk.chat_trouble(channel, &subject, Some(&words)).await?;
            }
            let refused = matches!(error, NotPaged::Refused(_) | NotPaged::NoView(_));
            if refused && due.attempts >= MOST_REFUSED {
                desk.delivered(channel, &due).await?;
            } else {
                let pause =
                    Duration::from_secs(PAUSE.0.saturating_pow(u32::try_from(due.attempts.clamp(0, 16)).unwrap_or(16)).min(PAUSE.1));
                let pause = if let NotPaged::NotNow(_, Some(asked)) = &error { *asked } else { pause };
                desk.later(channel, &due, desk.now().plus(pause)).await?;
            }
        }
    }
    Ok(true)
}

async fn page(pager: &dyn Pager, desk: &Desk, entry: &Entry, due: &Due) -> Result<(), NotPaged> {
    let event = desk.paged(entry).await?;
    let telling = match &entry.ticket {
        Some(number) => Some(desk.telling(number).await?),
        None => None,
    };
    let page = Page { desk, event, telling, person: entry.person.clone(), due: due.clone(), snapshot: desk.snapshot() };
    match pager.send(&page).await {
        Ok(reached) => page.record(pager.channel(), reached).await,
        // That is an event of its own, and nothing is left to try.
        Err(NotPaged::Nobody(why)) => Ok(desk.page_missed(&page.event, pager.platform(), why).await?),
        Err(error) => Err(error),
    }
}

/// An HTTP answer: fine, not now, or no.
fn judged(status: u16, body: &[u8]) -> Result<(), NotPaged> {
    let said = || format!("{status} {}", one_line(&String::from_utf8_lossy(body), 120));
    match status {
        200..300 => Ok(()),
        408 | 429 | 500.. => Err(NotPaged::NotNow(said(), None)),
        _ => Err(NotPaged::Refused(said())),
    }
}
