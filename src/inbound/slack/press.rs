//! Interactions: a button that was pressed, a form that was sent, a search in a long list.
//!
//! A button carries what its card showed. Where that is no longer so, nothing happens, and whoever pressed it is told what
//! changed.

use serde_json::Value;

use super::arrival::Outcome;
use super::forms::{self, Context, Made};
use super::speaker::{Origin, Speaker, speaker, text};
use super::window::Window;
use super::{linking, lookups};
use crate::card::buttons::Action;
use crate::card::chat;
use crate::card::form::Typed;
use crate::card::words::Words;
use crate::desk::chat::{Deed, Does, Pressed, Reply, Sheet};
use crate::desk::request::{Ask, Refused, Unanswered};
use crate::inbound::app::App;
use crate::ticket::command::{Command, Step, Take};
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

/// Takes an interaction.
pub async fn interaction(app: &App, payload: &Value, auth: &'static str) -> Outcome {
    let kind = text(&payload["type"], 64);
    if !matches!(kind, "block_actions" | "view_submission" | "block_suggestion") {
        // Shortcuts, closed views and what Slack thinks of next: nothing is asked of us.
        return Outcome::Nothing;
    }
    let team = text(&payload["team"]["id"], 64);
    let pressed = payload["actions"][0]["value"].as_str().and_then(|value| value.parse::<Pressed>().ok());
    let origin = Origin {
        payload,
        // An app of a whole organisation of workspaces is sent none.
        team: if team.is_empty() { text(&payload["user"]["team_id"], 64) } else { team },
        user: text(&payload["user"]["id"], 64),
        user_team: text(&payload["user"]["team_id"], 64),
        once: once(payload),
        tries: "Press",
        ticket: pressed.as_ref().and_then(|pressed| pressed.ticket.as_ref()),
        auth,
    };
    let window = Window::around(payload);
    let forms = pressed.as_ref().is_some_and(|pressed| matches!(pressed.deed, Deed::Act(_)));
    let speaker = match window.meanwhile(app, forms, speaker(app, origin)).await {
        Ok(speaker) => speaker,
        Err(unheard) => return window.close(app, unheard.into()).await,
    };
    let outcome = match (kind, pressed) {
        ("view_submission", _) => forms::submitted(app, &speaker, &payload["view"], false).await,
        ("block_suggestion", _) => forms::options(app, &speaker, payload).await,
        (_, Some(pressed)) => {
            let outcome = deed(app, &speaker, &pressed, &window).await;
            window.close(app, outcome).await
        }
        (_, None) if payload["actions"][0]["action_id"] == "save" => saved(app, &speaker, payload).await,
        // A button that only leads somewhere is told to us as well.
        (_, None) => return Outcome::Nothing,
    };
    let of_home = window.on_home || forms::context(&payload["view"]).is_some_and(|context| context.home);
    if of_home && matches!(outcome, Outcome::Nothing | Outcome::Shows(Sheet::Says(_))) {
        lookups::show_home(app, &speaker);
    }
    outcome
}

/// What Slack repeats when it sends the same interaction again.
fn once(payload: &Value) -> &str {
    let trigger = text(&payload["trigger_id"], 200);
    if trigger.is_empty() { text(&payload["view"]["hash"], 200) } else { trigger }
}

async fn deed(app: &App, speaker: &Speaker, pressed: &Pressed, window: &Window<'_>) -> Outcome {
    match (&pressed.deed, &pressed.ticket) {
        (Deed::Link, _) => Outcome::Says(forms::not_linked(app, false)),
        (Deed::ConfirmLink, _) => linking::confirm(app, speaker).await,
        (Deed::RefuseLink, _) => linking::refuse(app, speaker).await,
        (Deed::Show, Some(number)) => lookups::show(app, speaker, number).await,
        (Deed::More, Some(number)) => lookups::more(app, speaker, number).await,
        (Deed::Act(action), ticket) => act(app, speaker, pressed, (action, ticket.as_ref()), window).await,
        (Deed::Show | Deed::More, None) => Outcome::Nothing,
    }
}

async fn act(
    app: &App,
    speaker: &Speaker,
    pressed: &Pressed,
    (action, ticket): (&Action, Option<&Number>),
    window: &Window<'_>,
) -> Outcome {
    let made = match window.meanwhile(app, true, forms::make(app, speaker.person.as_ref(), action, ticket)).await {
        Ok(made) => made,
        Err(error) => return Outcome::says(Words::of(error.to_string())),
    };
    let context = Context {
        ticket: ticket.cloned(),
        action: action.to_string(),
        binding: pressed.binding.clone(),
        key: speaker.form_key(),
        home: window.on_home,
    };
    if speaker.person.is_some()
        && made.moved(pressed.binding.as_deref())
        && let Some(command) = stale(app, pressed)
    {
        // The desk refuses it, says what changed, and keeps that it was tried.
        return asked(app, speaker, command, (&made, ticket)).await;
    }
    let moved = made.moved(pressed.binding.as_deref());
    if !made.form.fields.is_empty() && !made.form.at_once && !moved {
        return forms::open(app, speaker, window, context, &Typed::default()).await;
    }
    let nothing = super::state::Filled::default();
    let data = nothing.data(&made.form, pressed.binding.as_deref());
    match made.command(app, &data, false) {
        Ok(Some(command)) => asked(app, speaker, command, (&made, ticket)).await,
        Ok(None) => linking::hold(app, speaker, &context, &nothing).await,
        Err(_) => forms::open(app, speaker, window, Context { binding: None, ..context }, &Typed::default()).await,
    }
}

/// What an old button asks for, bound to what it showed. A decision has no reason, so that it is none even if what it showed
/// came back in this very moment.
fn stale(app: &App, pressed: &Pressed) -> Option<Command> {
    let (Deed::Act(action), Some(ticket)) = (&pressed.deed, pressed.ticket.clone()) else { return None };
    let digest = pressed.binding.clone()?;
    match action {
        Action::Decide(transition) => {
            let (transition, reason) = (transition.clone(), app.desk.seal(""));
            Some(Command::Decide { ticket, transition, approve: false, digest, reason })
        }
        Action::Step(transition) => {
            let steps = vec![Step { transition: transition.clone(), ..Step::default() }];
            Some(Command::Take(Take { ticket, steps, rev: None, binding: Some(digest) }))
        }
        _ => None,
    }
}

async fn asked(app: &App, speaker: &Speaker, command: Command, (made, ticket): (&Made<'_>, Option<&Number>)) -> Outcome {
    match speaker.ask(app, Ask::Ticket(Box::new(command)), "press").await {
        Ok(_) => Outcome::Nothing,
        Err(Unanswered::Refused(Refused::NotLinked)) => Outcome::Says(forms::not_linked(app, false)),
        Err(error) => Outcome::Says(refused(&made.fit_to_say(error), ticket)),
    }
}

/// A refusal, with a way to look again.
pub(super) fn refused(error: &Unanswered, ticket: Option<&Number>) -> Reply {
    let reply = Reply::of(error.to_string());
    let Some(number) = ticket else { return reply };
    let press = |deed: Deed| Does::Press(Pressed::plain(Some(number), deed));
    match error {
        Unanswered::Refused(Refused::Ticket(refusal)) if wants_a_link(refusal) => {
            reply.offering("Link", press(Deed::Act(Action::Link(None)))).offering("Show", press(Deed::Show))
        }
        _ => reply.offering("Show", press(Deed::Show)),
    }
}

/// Whether a link to another record answers the refusal.
pub(super) fn wants_a_link(refusal: &Refusal) -> bool {
    let Refusal::Missing { missing, .. } = refusal else { return false };
    missing.iter().any(|lack| matches!(lack.code(), "RecordMissing" | "LinkMissing" | "Frozen" | "Unconfirmed"))
}

/// The fields of an open form are kept without taking its step.
async fn saved(app: &App, speaker: &Speaker, payload: &Value) -> Outcome {
    let view = &payload["view"];
    let outcome = forms::submitted(app, speaker, view, true).await;
    let says = |reply: Reply| Sheet::Says(Box::new(reply));
    let Some(chat) = app.chat.as_ref() else { return outcome };
    let sheet = match outcome {
        Outcome::Shows(sheet) => sheet,
        Outcome::Nothing => says(Reply { paragraphs: vec![chat::saved_without_the_step()], ..Reply::default() }),
        Outcome::Says(reply) => says(reply),
        // Slack shows errors at inputs only where a form was sent; here they are said beside it, and the form stays.
        Outcome::Errors(errors) => {
            let said: Vec<String> = errors.into_values().collect();
            let to = Reply::of(said.join(" "));
            linking::tell(app, speaker, to);
            return Outcome::Nothing;
        }
        other => return other,
    };
    if chat.update(text(&view["id"], 200), None, &sheet).await.is_err() {
        return Outcome::says(chat::too_slow());
    }
    Outcome::Nothing
}
