//! How an account becomes somebody's, and what it had filled in before that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arrival::Outcome;
use super::forms::{self, Context};
use super::speaker::{Speaker, person_of};
use super::state::Filled;
use crate::card::buttons::Action;
use crate::card::chat;
use crate::card::words::Words;
use crate::desk::accounts::HeldForm;
use crate::desk::chat::{Deed, Does, Offer, Pressed, Reply};
use crate::desk::request::Ask;
use crate::inbound::app::App;
use crate::people::Person;
use crate::ticket::command::{Command, Step, Take};

/// Forms that wait for one account at most: beyond it, the latest is not kept, and that is said.
const MOST_HELD: usize = 10;

/// A form that waits.
#[derive(Serialize, Deserialize)]
struct Waiting {
    context: Context,
    values: BTreeMap<String, Vec<String>>,
}

/// The way to the console's page that gives a code.
pub(super) fn console(app: &App) -> Offer {
    Offer { label: "Link my account".to_owned(), does: Does::Open(format!("{}/auth/link", app.config.public_url)), primary: true }
}

/// `/countersign link`, with a code or without.
pub(super) async fn link(app: &App, speaker: &Speaker, code: &str) -> Outcome {
    if let Some(person) = &speaker.person {
        return Outcome::says(chat::linked(&person.name));
    }
    if code.is_empty() {
        let buttons = vec![console(app)];
        return Outcome::Says(Reply { paragraphs: chat::how_to_link(), buttons, ..Reply::default() });
    }
    let hash = app.desk.digest_of_code(&code.chars().take(40).collect::<String>());
    match speaker.ask(app, Ask::TypeLinkCode { hash }, "code").await {
        Ok(answer) => {
            let name = app.desk.snapshot().directory.name_of(&answer.person.unwrap_or_default());
            let shown = if speaker.shown_as.is_empty() { &speaker.handle.user } else { &speaker.shown_as };
            let paragraphs = chat::is_this_you(&name, shown);
            let reply = Reply { paragraphs, ..Reply::default() };
            let reply = reply.offering("This is me: link it", Does::Press(Pressed::plain(None, Deed::ConfirmLink)));
            Outcome::Says(reply.offering("This is not me", Does::Press(Pressed::plain(None, Deed::RefuseLink))))
        }
        Err(error) => Outcome::says(Words::of(error.to_string())),
    }
}

/// "This is me."
pub(super) async fn confirm(app: &App, speaker: &Speaker) -> Outcome {
    match speaker.ask(app, Ask::ConfirmLink, "confirm").await {
        Ok(answer) => {
            let person = person_of(app, &speaker.handle).await;
            let name = app.desk.snapshot().directory.name_of(&answer.person.unwrap_or_default());
            let mut paragraphs = vec![chat::linked(&name)];
            if let Some(person) = person {
                paragraphs.extend(complete(app, speaker, person).await);
            }
            let reply = Reply { paragraphs, replaces: true, ..Reply::default() };
            tell(app, speaker, &reply).await;
            Outcome::Says(reply)
        }
        Err(error) => Outcome::Says(Reply { replaces: true, ..Reply::of(error.to_string()) }),
    }
}

/// Said directly as well, where it stays: an answer to a button is gone with the next look.
async fn tell(app: &App, speaker: &Speaker, reply: &Reply) {
    if let Some(chat) = &app.chat
        && let Err(error) = chat.tell(&speaker.handle.user, reply).await
    {
        tracing::info!(%error, "an answer to one person was lost");
    }
}

/// "This is not me."
pub(super) async fn refuse(app: &App, speaker: &Speaker) -> Outcome {
    match speaker.ask(app, Ask::RefuseLink, "refuse").await {
        Ok(_) => Outcome::Says(Reply { paragraphs: vec![chat::not_me()], replaces: true, ..Reply::default() }),
        Err(error) => Outcome::says(Words::of(error.to_string())),
    }
}

/// Keeps what somebody filled in who is nobody yet. That they tried is on record.
pub(super) async fn hold(app: &App, speaker: &Speaker, context: &Context, filled: &Filled) -> Outcome {
    if let Some(tried) = tried(context)
        && let Err(error) = speaker.ask(app, Ask::Ticket(Box::new(tried)), "unlinked").await
    {
        tracing::debug!(%error, "somebody who is nobody yet filled in a form");
    }
    let kept = async {
        if app.desk.held_for(&speaker.handle).await.ok()?.len() >= MOST_HELD {
            return None;
        }
        let waiting = Waiting { context: context.clone(), values: filled.values().clone() };
        let form = HeldForm { id: format!("{}/{}", speaker.handle, context.key), payload: serde_json::to_string(&waiting).ok()? };
        app.desk.hold(&form, &speaker.handle).await.ok()
    };
    Outcome::Says(forms::not_linked(app, kept.await.is_some()))
}

/// The deed that was tried, for the record of its refusal: nothing of what was typed.
fn tried(context: &Context) -> Option<Command> {
    let transition = match context.action.parse() {
        Ok(Action::Step(transition) | Action::Decide(transition)) => transition,
        _ => String::new(),
    };
    let steps = vec![Step { transition, ..Step::default() }];
    context.ticket.clone().map(|ticket| Command::Take(Take { ticket, steps, rev: None, binding: None }))
}

/// Sends what waited, in the order in which it was filled in; what cannot be recorded any more is said, with everything
/// that was typed.
async fn complete(app: &App, speaker: &Speaker, person: Person) -> Vec<Words> {
    let held = app.desk.held_for(&speaker.handle).await.unwrap_or_default();
    let speaker = speaker.known_as(person);
    let mut said = Vec::new();
    for form in held {
        let Ok(waiting) = serde_json::from_str::<Waiting>(&form.payload) else { continue };
        let filled = Filled::of(waiting.values);
        let what = what(&waiting.context);
        let outcome = forms::send(app, &speaker, &waiting.context, &filled, false).await;
        let why = match outcome {
            Outcome::Nothing => None,
            Outcome::Shows(crate::desk::chat::Sheet::Says { .. }) if waiting.context.ticket.is_none() => None,
            Outcome::Shows(crate::desk::chat::Sheet::Form { form, .. }) => {
                Some(form.error.clone().unwrap_or_else(|| "it is not complete.".to_owned()))
            }
            Outcome::Errors(errors) => Some(errors.into_values().collect::<Vec<_>>().join(" ")),
            Outcome::Says(reply) => {
                Some(reply.paragraphs.iter().map(|w| w.plain(chrono_tz::UTC, app.desk.now())).collect::<Vec<_>>().join(" "))
            }
            Outcome::NotStored | Outcome::Options(_) | Outcome::Shows(_) => Some("it could not be saved.".to_owned()),
        };
        if !app.desk.take_held(&form.id).await.unwrap_or(false) {
            continue;
        }
        said.push(match why {
            None => chat::completed(&what),
            Some(why) => chat::not_completed(&what, &why, &filled.values().values().flatten().cloned().collect::<Vec<_>>()),
        });
    }
    said
}

fn what(context: &Context) -> String {
    let deed = context.action.split_once('.').map_or(context.action.as_str(), |(_, of)| of).replace(['_', '-'], " ");
    context.ticket.as_ref().map_or_else(|| deed.clone(), |number| format!("{deed} on {number}"))
}
