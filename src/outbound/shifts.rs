//! The calendar of shifts, fetched from its address through the one outgoing client. When it cannot be fetched, what was
//! read last goes on counting, and its age is said.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::http::{Asking, Client, HttpError, host_of};
use crate::card::words::duration;
use crate::config::Secret;
use crate::desk::oncall::NotLearned;
use crate::desk::{Desk, StoreError};
use crate::env::Timestamp;
use crate::procedure::ics::MAX_BYTES;

/// How often it is fetched.
const EVERY: Duration = Duration::from_secs(600);
/// How soon again after a failure.
const AGAIN: Duration = Duration::from_secs(60);
/// The name under which trouble with it is told.
pub const TROUBLE: &str = "on-call";
/// Unknown names that are told.
const NAMES: usize = 5;

/// The calendar.
pub struct Shifts {
    url: Secret,
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: Option<Timestamp>,
    read: Option<Timestamp>,
}

/// Why it was not read.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    /// No answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Another answer than the calendar.
    #[error("it was answered {0}")]
    Status(u16),
    /// Not understood, or not recorded.
    #[error(transparent)]
    NotLearned(#[from] NotLearned),
}

impl Shifts {
    /// The calendar at `url`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(url: Secret) -> Result<Self, HttpError> {
        let client = Client::new(host_of(url.expose()))?;
        Ok(Self { url, client, state: Mutex::default() })
    }

    /// Fetches the text.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn fetch(&self) -> Result<Vec<u8>, NotFetched> {
        let answered = self.client.ask(Asking { url: self.url.expose(), body: None, bearer: None, at_most: MAX_BYTES }).await?;
        if answered.status == 200 { Ok(answered.body) } else { Err(NotFetched::Status(answered.status)) }
    }

    /// Fetches and learns it, when that is due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&self, desk: &Desk) -> Result<(), StoreError> {
        let now = desk.now();
        if self.state().next.is_some_and(|next| now < next) {
            return Ok(());
        }
        let learned = async { Ok::<_, NotFetched>(desk.learn_shifts(self.fetch().await?).await?) }.await;
        let words = match learned {
            Ok(read) => {
                *self.state() = State { next: Some(now.plus(EVERY)), read: Some(now) };
                let names: Vec<&str> = read.unknown.iter().take(NAMES).map(String::as_str).collect();
                let unknown =
                    format!("The calendar of shifts names nobody whom I know: {}. Whoever comes next is called.", names.join(", "));
                (!names.is_empty()).then_some(unknown)
            }
            Err(NotFetched::NotLearned(NotLearned::Store(error))) => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "the calendar of shifts could not be read; it is tried again");
                let read = self.state().read;
                self.state().next = Some(now.plus(AGAIN));
                let age = match read {
                    Some(read) => format!("what was read {} ago counts", duration(now.since(read))),
                    None => "what was read before this start counts".to_owned(),
                };
                Some(format!("The calendar of shifts cannot be read ({error}); {age}."))
            }
        };
        desk.chat_trouble(TROUBLE, "", words.as_deref()).await
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
