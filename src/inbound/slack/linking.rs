//! How an account becomes somebody's, and what it had filled in before that.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::arrival::Outcome;
use super::forms::{self, Context};
use super::speaker::{Speaker, person_of};
use super::state::Filled;
use crate::card::buttons::Action;
use crate::card::chat;
use crate::card::words::Words;
use crate::desk::chat::{Deed, Does, Handle, Offer, Pressed, Reply};
use crate::desk::request::Ask;
use crate::inbound::app::App;
use crate::people::Person;

/// Forms that wait for one account at most: beyond it, the latest is not kept, and that is said.
const MOST_HELD: usize = 10;

/// Bytes of what was typed into one at most.
const MOST_TYPED: usize = 256 << 10;
/// How often everything that waits is looked at.
const ALL_HELD: Duration = Duration::from_secs(30);

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
            tell(app, speaker, reply.clone());
            Outcome::Says(reply)
        }
        Err(error) => Outcome::Says(Reply { replaces: true, ..Reply::of(error.to_string()) }),
    }
}

/// Said directly, where it stays: an answer to a button is gone with the next look.
pub(super) fn tell(app: &App, speaker: &Speaker, reply: Reply) {
    let Some(chat) = app.chat.clone() else { return };
    let user = speaker.handle.user.clone();
    app.talk.after.say(async move {
        if let Err(error) = chat.tell(&user, &reply, None).await {
            tracing::info!(%error, "an answer to one person was lost");
        }
    });
}

/// "This is not me."
pub(super) async fn refuse(app: &App, speaker: &Speaker) -> Outcome {
    match speaker.ask(app, Ask::RefuseLink, "refuse").await {
        Ok(_) => Outcome::Says(Reply { paragraphs: vec![chat::not_me()], replaces: true, ..Reply::default() }),
        Err(error) => Outcome::says(Words::of(error.to_string())),
    }
}

/// Keeps what somebody filled in who is nobody yet. That they tried is on record, and what they typed is sealed with it.
pub(super) async fn hold(app: &App, speaker: &Speaker, context: &Context, filled: &Filled) -> Outcome {
    let kept = async {
        let ticket = context.ticket.clone()?;
        let many = app.desk.held_for(&speaker.handle).await.ok()?.len() >= MOST_HELD;
        let waiting = Waiting { context: context.clone(), values: filled.values().clone() };
        let form = serde_json::to_string(&waiting).ok().filter(|form| !many && form.len() <= MOST_TYPED).unwrap_or_default();
        let transition = match context.action.parse() {
            Ok(Action::Step(transition) | Action::Decide(transition)) => Some(transition),
            _ => None,
        };
        let ask = Ask::HoldForm { ticket, transition, form: app.desk.seal(form.clone()) };
        let answer = speaker.ask(app, ask, "unlinked").await.ok()?;
        let seq = answer.events.last().copied().filter(|_| !form.is_empty())?;
        app.desk.hold(&format!("{}/{}", speaker.handle, context.key), seq, &speaker.handle).await.ok()
    };
    Outcome::Says(forms::not_linked(app, kept.await.is_some()))
}

/// Completes what waited for those who were linked in another way than by a code: by an administrator, or by an address. A
/// process that died while it completed the others' forms is made up for as well.
pub async fn complete_held(app: App, mut stopped: watch::Receiver<bool>) {
    let mut sizes = app.desk.sizes();
    let mut all = tokio::time::interval(ALL_HELD);
    loop {
        let by_code_too = tokio::select! {
            changed = sizes.changed() => if changed.is_err() { return } else { false },
            _ = all.tick() => true,
            _ = stopped.wait_for(|stop| *stop) => return,
        };
        if app.desk.is_held() {
            continue;
        }
        let waiting = match app.desk.held_accounts().await {
            Ok(waiting) => waiting,
            Err(error) => {
                tracing::warn!(%error, "the forms that wait could not be read; they are read again");
                continue;
            }
        };
        for handle in waiting {
            let directory = app.desk.snapshot().directory;
            let by_code = directory.by_handle(&handle).is_some_and(|account| account.state.method == "code");
            let Some(person) = directory.by_account(&handle).filter(|_| by_code_too || !by_code).cloned() else { continue };
            let Some((team, user)) = handle.split_once(':').and_then(|(_, rest)| rest.split_once('/')) else { continue };
            let handle = Handle { platform: "slack".to_owned(), team: team.to_owned(), user: user.to_owned() };
            let speaker = Speaker::of(handle, None, "held");
            let paragraphs = complete(&app, &speaker, person).await;
            if !paragraphs.is_empty() {
                tell(&app, &speaker, Reply { paragraphs, ..Reply::default() });
            }
        }
    }
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
        if outcome == Outcome::NotStored {
            // It waits on.
            continue;
        }
        let why = match outcome {
            Outcome::Nothing | Outcome::Opened => None,
            Outcome::Shows(crate::desk::chat::Sheet::Says(_)) if waiting.context.ticket.is_none() => None,
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
            Some(why) => {
                let typed = filled.values().values().flatten().cloned();
                let bare = forms::is_bare(app, &speaker, &waiting.context).await;
                chat::not_completed(&what, &why, &typed.filter(|_| !bare).collect::<Vec<_>>())
            }
        });
    }
    said
}

fn what(context: &Context) -> String {
    let deed = context.action.split_once('.').map_or(context.action.as_str(), |(_, of)| of).replace(['_', '-'], " ");
    context.ticket.as_ref().map_or_else(|| deed.clone(), |number| format!("{deed} on {number}"))
}
