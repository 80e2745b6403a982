//! What Slack sent, by whichever transport, and what it is answered.
//!
//! Slack waits three seconds. What changes something is answered after its commit; where that takes longer, a command is
//! told that the answer follows and a button as well, an event is not acknowledged (Slack sends it again, and it is recorded
//! once), and a form stays open with everything in it. What only one person is told is said after Slack was answered.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::speaker::text;
use super::{commands, heard, press};
use crate::card::words::Words;
use crate::card::{chat, replies};
use crate::desk::chat::{Chat, ChatError, Reply, Sheet};
use crate::inbound::app::App;

/// How long Slack is kept waiting; it gives up after three seconds.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// Something that Slack sent.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// What.
    pub what: What,
    /// How its sender proved to be Slack: `signature`, or `socket`.
    pub auth: &'static str,
}

/// What Slack sends.
#[derive(Clone, Debug)]
pub enum What {
    /// A slash command: a flat object of texts.
    Command(Value),
    /// A button, a form, a search in a list.
    Interaction(Value),
    /// Something that happened: Slack's envelope with `event` in it.
    Event(Value),
}

/// What the transport is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Back {
    /// It is taken care of; perhaps with something to show.
    Given(Option<Value>),
    /// It is not recorded yet: no acknowledgement.
    NotYet,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done, or there was nothing to do; nothing is said of it.
    Nothing,
    /// A form stands before whoever asked.
    Opened,
    /// A sentence to whoever asked.
    Says(Reply),
    /// What is wrong with a form, by input.
    Errors(BTreeMap<String, String>),
    /// Something else in the form's place.
    Shows(Sheet),
    /// What a search in a long list found.
    Options(Value),
    /// It could not be recorded; asked again, it may be.
    NotStored,
}

impl Outcome {
    /// One sentence.
    pub(super) fn says(words: Words) -> Self {
        Self::Says(Reply { paragraphs: vec![words], ..Reply::default() })
    }

    /// What is said of it where nothing else shows it; nothing of a form that is open.
    pub(super) fn in_words(&self) -> Option<Reply> {
        match self {
            Self::Opened | Self::Options(_) => None,
            Self::Nothing => Some(Reply::of(chat::SAVED)),
            Self::Says(reply) => Some(reply.clone()),
            Self::Errors(errors) => Some(Reply::of(errors.values().cloned().collect::<Vec<_>>().join(" "))),
            Self::Shows(Sheet::Says(reply)) => Some(reply.as_ref().clone()),
            Self::Shows(Sheet::Form { form, .. }) => {
                let errors = form.error.iter().chain(form.fields.iter().filter_map(|field| field.error.as_ref()));
                Some(Reply::of(errors.cloned().collect::<Vec<_>>().join(" ")))
            }
            Self::Shows(Sheet::Waiting { .. }) => None,
            Self::NotStored => Some(Reply::of(replies::not_stored())),
        }
    }
}

impl Arrival {
    /// Posted to us, signed.
    #[must_use]
    pub fn posted(what: What) -> Self {
        Self { what, auth: "signature" }
    }

    fn response_url(&self) -> Option<String> {
        let payload = match &self.what {
            What::Command(payload) | What::Interaction(payload) => payload,
            What::Event(_) => return None,
        };
        let url = payload["response_url"].as_str().or_else(|| payload["response_urls"][0]["response_url"].as_str());
        url.filter(|url| url.len() <= 1_000).map(str::to_owned)
    }
}

/// Takes something, and says what its transport is answered.
pub async fn take(app: &App, arrival: Arrival) -> Back {
    let (doing, whose) = (app.clone(), arrival.clone());
    // A task of its own: what has begun is finished, whoever stops waiting for it.
    let mut work = tokio::spawn(async move {
        match &whose.what {
            What::Command(payload) => commands::command(&doing, payload, whose.auth).await,
            What::Interaction(payload) => press::interaction(&doing, payload, whose.auth).await,
            What::Event(payload) => heard::event(&doing, payload, whose.auth).await,
        }
    });
    match tokio::time::timeout(PATIENCE, &mut work).await {
        Ok(Ok(outcome)) => back(app, arrival, outcome),
        Ok(Err(_)) => {
            tracing::error!("taking something that Slack sent broke down");
            Back::NotYet
        }
        Err(_) => late(app, arrival, work),
    }
}

/// Answers now, and once more when it is done: whoever was told that it is being saved is told what came of it.
fn late(app: &App, arrival: Arrival, work: JoinHandle<Outcome>) -> Back {
    let still = Reply { paragraphs: vec![chat::still_saving()], ..Reply::default() };
    let (now, first) = match &arrival.what {
        What::Command(_) => (app.chat.as_ref().map(|chat| chat.worded(&still)), None),
        What::Interaction(payload) if payload["type"] == "block_actions" => (None, Some(still)),
        What::Interaction(payload) if payload["type"] == "view_submission" => return not_yet_sent(&payload["view"]),
        What::Interaction(_) | What::Event(_) => return Back::NotYet,
    };
    let later = app.clone();
    app.talk.after.say(async move {
        if let Some(first) = first {
            answer(&later, &arrival, &first).await;
        }
        if let Some(reply) = work.await.unwrap_or(Outcome::NotStored).in_words() {
            answer(&later, &arrival, &reply).await;
        }
    });
    Back::Given(now)
}

/// A form that could not be saved in time stays open, and says so; sent once more, it is recorded once.
fn not_yet_sent(view: &Value) -> Back {
    let Some(input) = view["state"]["values"].as_object().and_then(|inputs| inputs.keys().next()) else { return Back::NotYet };
    Back::Given(Some(json!({ "response_action": "errors", "errors": { input: chat::STILL_SAVING_FORM } })))
}

async fn answer(app: &App, arrival: &Arrival, reply: &Reply) {
    let Some(chat) = &app.chat else { return };
    let said = match arrival.response_url() {
        Some(url) => chat.answer(&url, reply).await,
        None => in_a_window(chat.as_ref(), arrival, reply).await,
    };
    if let Err(error) = said {
        tracing::info!(%error, "an answer to one person was lost");
    }
}

/// What is pressed on the app's own page or in a form has no address for answers: it is said in a window that opens now. What
/// somebody is filling in stays as it is; then, and where no window opens, it is said directly.
async fn in_a_window(chat: &dyn Chat, arrival: &Arrival, reply: &Reply) -> Result<(), ChatError> {
    let What::Interaction(payload) = &arrival.what else { return Ok(()) };
    let sheet = Sheet::Says(Box::new(reply.clone()));
    let shown = payload["view"]["type"] == "home" && chat.open(text(&payload["trigger_id"], 200), &sheet).await.is_ok();
    if shown { Ok(()) } else { chat.tell(text(&payload["user"]["id"], 64), reply, None).await }
}

fn back(app: &App, arrival: Arrival, outcome: Outcome) -> Back {
    let Some(chat) = app.chat.clone() else { return Back::Given(None) };
    let submitted = matches!(&arrival.what, What::Interaction(payload) if payload["type"] == "view_submission");
    match (&arrival.what, outcome) {
        (_, Outcome::NotStored) => Back::NotYet,
        (What::Command(_), Outcome::Says(reply)) => Back::Given(Some(chat.worded(&reply))),
        (_, Outcome::Options(options)) => Back::Given(Some(options)),
        (_, Outcome::Errors(errors)) if submitted => Back::Given(Some(json!({ "response_action": "errors", "errors": errors }))),
        (_, Outcome::Shows(sheet)) if submitted => Back::Given(Some(json!({ "response_action": "update", "view": chat.rendered(&sheet) }))),
        (_, Outcome::Says(reply)) if submitted => {
            let sheet = Sheet::Says(Box::new(reply));
            Back::Given(Some(json!({ "response_action": "update", "view": chat.rendered(&sheet) })))
        }
        (_, Outcome::Nothing) if submitted => Back::Given(Some(json!({ "response_action": "clear" }))),
        (What::Interaction(_), Outcome::Says(reply)) => {
            let later = app.clone();
            app.talk.after.say(async move { answer(&later, &arrival, &reply).await });
            Back::Given(None)
        }
        _ => Back::Given(None),
    }
}
