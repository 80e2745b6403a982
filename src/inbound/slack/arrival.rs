//! What Slack sent, by whichever transport, and what it is answered.
//!
//! Slack waits three seconds. What changes something is answered after its commit; where that takes longer, a command is
//! told that the answer follows, an event is not acknowledged (Slack sends it again, and it is recorded once), and a form
//! stays open with everything in it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{commands, heard, press};
use crate::card::chat;
use crate::card::words::Words;
use crate::desk::chat::{Reply, Sheet};
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
    /// Nothing to say.
    Nothing,
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
        Ok(Ok(outcome)) => back(app, &arrival, outcome).await,
        Ok(Err(_)) => {
            tracing::error!("taking something that Slack sent broke down");
            Back::NotYet
        }
        Err(_) => late(app, arrival, work),
    }
}

/// Answers now, and once more when it is done.
fn late(app: &App, arrival: Arrival, work: JoinHandle<Outcome>) -> Back {
    let now = match &arrival.what {
        What::Command(_) => {
            app.chat.as_ref().map(|chat| chat.worded(&Reply { paragraphs: vec![chat::still_saving()], ..Reply::default() }))
        }
        What::Interaction(payload) if payload["type"] == "block_actions" => None,
        What::Interaction(_) | What::Event(_) => return Back::NotYet,
    };
    let app = app.clone();
    tokio::spawn(async move {
        if let Ok(Outcome::Says(reply)) = work.await {
            answer(&app, &arrival, &reply).await;
        }
    });
    Back::Given(now)
}

async fn answer(app: &App, arrival: &Arrival, reply: &Reply) {
    let (Some(chat), Some(url)) = (&app.chat, arrival.response_url()) else { return };
    if let Err(error) = chat.answer(&url, reply).await {
        tracing::info!(%error, "an answer to one person was lost");
    }
}

async fn back(app: &App, arrival: &Arrival, outcome: Outcome) -> Back {
    let Some(chat) = app.chat.clone() else { return Back::Given(None) };
    let submitted = matches!(&arrival.what, What::Interaction(payload) if payload["type"] == "view_submission");
    match (&arrival.what, outcome) {
        (_, Outcome::NotStored) => Back::NotYet,
        (What::Command(_), Outcome::Says(reply)) => Back::Given(Some(chat.worded(&reply))),
        (_, Outcome::Options(options)) => Back::Given(Some(options)),
        (_, Outcome::Errors(errors)) if submitted => Back::Given(Some(json!({ "response_action": "errors", "errors": errors }))),
        (_, Outcome::Shows(sheet)) if submitted => Back::Given(Some(json!({ "response_action": "update", "view": chat.rendered(&sheet) }))),
        (_, Outcome::Says(reply)) if submitted => {
            let sheet = Sheet::Says { title: "Countersign".to_owned(), paragraphs: reply.paragraphs, buttons: reply.buttons };
            Back::Given(Some(json!({ "response_action": "update", "view": chat.rendered(&sheet) })))
        }
        (_, Outcome::Nothing) if submitted => Back::Given(Some(json!({ "response_action": "clear" }))),
        (What::Interaction(_), Outcome::Says(reply)) => {
            answer(app, arrival, &reply).await;
            Back::Given(None)
        }
        _ => Back::Given(None),
    }
}
