//! The window in which a form opens. Slack's trigger lasts three seconds: while something else is still being looked up, the
//! window is opened with nothing in it but "one moment", and what belongs there follows. What turns out to be no form is
//! said in the open window.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::arrival::Outcome;
use crate::card::chat;
use crate::desk::chat::Sheet;
use crate::inbound::app::App;

/// So long the rest may take before the window is opened without it.
const HURRY: Duration = Duration::from_millis(300);
/// The title of a form that is not known yet.
const WAITING: &str = "One moment";

/// See the module.
pub(super) struct Window<'p> {
    trigger: &'p str,
    /// Slack's id of the open view.
    view: Mutex<Option<String>>,
}

impl<'p> Window<'p> {
    /// The window that this trigger opens.
    pub(super) fn of(trigger: &'p str) -> Self {
        Self { trigger, view: Mutex::new(None) }
    }

    fn opened(&self) -> Option<String> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn open(&self, app: &App) -> Option<String> {
        if let Some(view) = self.opened() {
            return Some(view);
        }
        let waiting = Sheet::Waiting { title: WAITING.to_owned() };
        match app.chat.as_ref()?.open(self.trigger, &waiting).await {
            Ok(id) => {
                *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
                Some(id)
            }
            Err(error) => {
                tracing::info!(%error, "a form could not be opened");
                None
            }
        }
    }

    /// Looks something up; where that takes a while, and a form `may` come of it, the window is open by then.
    pub(super) async fn meanwhile<T>(&self, app: &App, may: bool, look: impl Future<Output = T>) -> T {
        tokio::pin!(look);
        if !may || self.trigger.is_empty() {
            return look.await;
        }
        match tokio::time::timeout(HURRY, &mut look).await {
            Ok(found) => found,
            Err(_) => tokio::join!(look, self.open(app)).0,
        }
    }

    /// Shows a form as soon as it is made; the window is opened at once.
    pub(super) async fn show(&self, app: &App, sheet: impl Future<Output = Sheet>) -> Outcome {
        let (view, sheet) = tokio::join!(self.open(app), sheet);
        let (Some(view), Some(chat)) = (view, app.chat.as_ref()) else { return Outcome::says(chat::too_slow()) };
        if let Err(error) = chat.update(&view, None, &sheet).await {
            tracing::info!(%error, "a form could not be filled");
            return Outcome::says(chat::too_slow());
        }
        Outcome::Opened
    }

    /// What came of it, where that is no form: said in the window, if it is open already.
    pub(super) async fn close(&self, app: &App, outcome: Outcome) -> Outcome {
        let (Some(view), Some(chat)) = (self.opened(), app.chat.as_ref()) else { return outcome };
        let Some(reply) = outcome.in_words().filter(|reply| !reply.paragraphs.is_empty()) else { return outcome };
        let sheet = Sheet::Says { title: "Countersign".to_owned(), paragraphs: reply.paragraphs, buttons: reply.buttons };
        match chat.update(&view, None, &sheet).await {
            // A card does not stand in a window; it is said beside it.
            Ok(()) if reply.card.is_none() => Outcome::Opened,
            _ => outcome,
        }
    }
}
