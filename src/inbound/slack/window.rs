//! The window in which a form opens. Slack's trigger lasts three seconds: while something else is still being looked up, the
//! window is opened with nothing in it but "one moment", and what belongs there follows. What turns out to be no form is
//! said in the open window. What is pressed in a window goes on in that one.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;

use super::arrival::Outcome;
use super::speaker::text;
use crate::card::chat;
use crate::desk::chat::Sheet;
use crate::inbound::app::App;

/// So long the rest may take before the window is opened without it.
const HURRY: Duration = Duration::from_millis(300);
/// The title of a form that is not known yet.
const WAITING: &str = "One moment";

/// See the module.
pub(super) struct Window<'p> {
    /// It opens over the app's own page.
    pub(super) on_home: bool,
    trigger: &'p str,
    /// Slack's id of the open view. Whoever comes second waits for the first: a trigger is good once.
    view: OnceCell<String>,
}

/// Whether something is filled in there.
pub(super) fn is_filled_in(view: &Value) -> bool {
    view["blocks"].as_array().is_some_and(|blocks| blocks.iter().any(|block| block["type"] == "input"))
}

impl<'p> Window<'p> {
    /// The window that this trigger opens.
    pub(super) fn of(trigger: &'p str) -> Self {
        Self { on_home: false, trigger, view: OnceCell::new() }
    }

    /// The window of an interaction: one that is open already and in which nothing is filled in, or the one that its trigger
    /// opens.
    pub(super) fn around(payload: &'p Value) -> Self {
        let view = &payload["view"];
        let open = Some(text(&view["id"], 200)).filter(|id| !id.is_empty() && view["type"] == "modal" && !is_filled_in(view));
        Self {
            on_home: view["type"] == "home",
            trigger: text(&payload["trigger_id"], 200),
            view: OnceCell::new_with(open.map(str::to_owned)),
        }
    }

    async fn open(&self, app: &App) -> Option<&str> {
        let chat = app.chat.as_ref()?;
        let waiting = Sheet::Waiting { title: WAITING.to_owned() };
        let opened = self.view.get_or_try_init(|| chat.open(self.trigger, &waiting)).await;
        opened.inspect_err(|error| tracing::info!(%error, "a form could not be opened")).ok().map(String::as_str)
    }

    /// Looks something up; where that takes a while, and a form `may` come of it, the window is open by then.
    pub(super) async fn meanwhile<T>(&self, app: &App, may: bool, look: impl Future<Output = T>) -> T {
        tokio::pin!(look);
        if !may || self.trigger.is_empty() || self.view.initialized() {
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
        if let Err(error) = chat.update(view, None, &sheet).await {
            tracing::info!(%error, "a form could not be filled");
            return Outcome::says(chat::too_slow());
        }
        Outcome::Opened
    }

    /// What came of it, where that is no form: said in the window, if it is open already.
    pub(super) async fn close(&self, app: &App, outcome: Outcome) -> Outcome {
        let (Some(view), Some(chat)) = (self.view.get(), app.chat.as_ref()) else { return outcome };
        let Some(reply) = outcome.in_words() else { return outcome };
        match chat.update(view, None, &Sheet::Says(Box::new(reply))).await {
            Ok(()) => Outcome::Opened,
            Err(_) => outcome,
        }
    }
}
