//! Slash commands: `/incident …` (and every other kind of ticket by its name), `/countersign …`.
//!
//! A word is a step of the procedure or one of [`WORDS`]. What follows it is the number of a ticket, which can be left out
//! in the ticket's own channel, and the text. Without a text, what asks for one opens its form.

use std::collections::BTreeMap;

use serde_json::Value;

use super::arrival::Outcome;
use super::forms::{self, Context};
use super::speaker::{Origin, Speaker, person_by_user, speaker, text};
use super::state::Filled;
use super::window::Window;
use super::{lines, linking, lookups, models, record};
use crate::card::buttons::{Action, more, possible};
use crate::card::chat;
use crate::card::form::{FIELD, Form, Input, Needed, Typed};
use crate::card::words::Words;
use crate::desk::chat::Reply;
use crate::desk::query::NoView;
use crate::desk::request::Ask;
use crate::inbound::app::App;
use crate::inbound::console::view_of::Look;
use crate::people::Person;
use crate::procedure::model::{Kind, Transition};
use crate::ticket::command::Command;
use crate::ticket::guard;
use crate::ticket::nearest::nearest;
use crate::ticket::number::Number;

/// What every kind of ticket knows beside its own steps.
const WORDS: [&str; 18] = [
    "declare", "request", "list", "log", "show", "trace", "note", "assign", "lead", "severity", "evidence", "escalate", "page", "edit",
    "nudge", "link", "withdraw", "help",
];
/// Lists the freezes, for kinds of ticket that may not pass through one.
const FREEZES: &str = "freezes";
/// Kinds of ticket that have a command in `deploy/slack-manifest.yaml`.
pub const COMMANDS: [&str; 8] = ["incident", "change", "access", "review", "exception", "change-model", "corrective-action", "finding"];
/// What `/countersign` knows.
const HOUSE: [&str; 11] = ["link", "whoami", "inbox", "new", "oncall", "freezes", "help", "audit", "report", "sla", "trace"];
/// The command for emergency use of access, and what its form says of that already.
const BREAK_GLASS: (&str, &str, &str) = ("breakglass", "access", "break-glass");
/// Bytes of a command's text at most.
const MOST: usize = 8_000;
/// Words that are proposed for one that is unknown.
const PROPOSED: usize = 3;

/// A command as it was typed.
struct Typing<'p> {
    /// `/incident`
    command: &'p str,
    /// The first word, lower case.
    word: String,
    /// What follows it.
    rest: &'p str,
    /// The channel that it was typed in.
    channel: &'p str,
    window: Window<'p>,
}

impl<'p> Typing<'p> {
    fn read(payload: &'p Value) -> Self {
        let typed = text(&payload["text"], MOST).trim();
        let (word, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        Self {
            command: text(&payload["command"], 64),
            word: word.chars().take(64).collect::<String>().to_lowercase(),
            rest: rest.trim(),
            channel: text(&payload["channel_id"], 64),
            window: Window::of(text(&payload["trigger_id"], 200)),
        }
    }

    /// Whether a form may come of it: everything else is said.
    fn may_open_a_form(&self) -> bool {
        self.command != "/countersign" && !matches!(self.word.as_str(), "list" | "log" | "show" | "trace" | "help" | FREEZES)
    }
}

/// Takes a command.
pub async fn command(app: &App, payload: &Value, auth: &'static str) -> Outcome {
    let typing = Typing::read(payload);
    let origin = Origin {
        payload,
        team: text(&payload["team_id"], 64),
        user: text(&payload["user_id"], 64),
        user_team: "",
        once: text(&payload["trigger_id"], 200),
        tries: "Type",
        ticket: None,
        auth,
    };
    let speaker = match typing.window.meanwhile(app, typing.may_open_a_form(), speaker(app, origin)).await {
        Ok(speaker) => speaker,
        Err(unheard) => return typing.window.close(app, unheard.into()).await,
    };
    let outcome = typed(app, &speaker, &typing).await;
    typing.window.close(app, outcome).await
}

async fn typed(app: &App, speaker: &Speaker, typing: &Typing<'_>) -> Outcome {
    if typing.command == "/countersign" {
        return house(app, speaker, typing).await;
    }
    let name = typing.command.trim_start_matches('/');
    let library = app.desk.snapshot().procedures.current().cloned();
    let (break_glass, kind, _) = BREAK_GLASS;
    if let Some(kind) = library.as_ref().and_then(|library| library.kinds.get(kind)).filter(|_| name == break_glass) {
        return declare(app, speaker, kind, typing).await;
    }
    match library.as_ref().and_then(|library| library.kinds.get(name)) {
        Some(kind) => of_kind(app, speaker, kind, typing).await,
        None => Outcome::says(chat::no_procedure(&format!("“{}”", name.chars().take(40).collect::<String>()))),
    }
}

async fn house(app: &App, speaker: &Speaker, typing: &Typing<'_>) -> Outcome {
    match typing.word.as_str() {
        "" | "help" => help(app),
        "link" => linking::link(app, speaker, typing.rest).await,
        "whoami" => lookups::whoami(app, speaker),
        "inbox" => lookups::inbox(app, speaker).await,
        "new" => lookups::new(app, speaker),
        "oncall" => lookups::oncall(app, speaker),
        "report" | "reports" => record::report(app, speaker, typing.rest).await,
        "sla" => record::promised(app, speaker, typing.rest),
        "trace" => match typing.rest.to_uppercase().parse() {
            Ok(number) => record::trace_of(app, speaker, &number).await,
            Err(_) => Outcome::says(chat::which_ticket(typing.command, "trace")),
        },
        FREEZES => lookups::freezes(app, speaker),
        "audit" => lookups::audit(app, speaker, typing.channel).await,
        word => Outcome::says(chat::unknown_word(typing.command, word, &near(word, &HOUSE))),
    }
}

/// Every command that there is here: each kind that the app's manifest gives one, with its steps.
fn help(app: &App) -> Outcome {
    let library = app.desk.snapshot().procedures.current().cloned();
    let kinds = library.iter().flat_map(|library| COMMANDS.iter().filter_map(|name| library.kinds.get(*name)));
    let steps = |kind: &Kind| {
        let lines = kind.lines.is_some().then(|| "lines".to_owned());
        let freezes = is_frozen(kind).then(|| FREEZES.to_owned());
        let standard = models::any(app, kind).then(|| "standard".to_owned());
        let steps = kind.transitions.values().filter(|t| takes(t) || decides(t)).map(|t| t.name.clone());
        lines.into_iter().chain(freezes).chain(standard).chain(steps).collect()
    };
    let kinds: Vec<(String, Vec<String>)> = kinds.map(|kind| (kind.name.clone(), steps(kind))).collect();
    Outcome::Says(Reply { paragraphs: chat::help(&kinds), ..Reply::default() })
}

/// The nearest known words, the nearest first.
fn near<'a>(word: &str, known: &[&'a str]) -> Vec<&'a str> {
    let mut left = known.to_vec();
    let mut found = Vec::new();
    while let Some(next) = nearest(word, left.iter().copied())
        && found.len() < PROPOSED
    {
        left.retain(|known| *known != next);
        found.push(next);
    }
    found
}

async fn of_kind(app: &App, speaker: &Speaker, kind: &Kind, typing: &Typing<'_>) -> Outcome {
    let (word, rest) = (typing.word.as_str(), typing.rest);
    match word {
        "" | "declare" | "request" => return declare(app, speaker, kind, typing).await,
        "help" => return help(app),
        FREEZES if is_frozen(kind) => return lookups::freezes(app, speaker),
        "list" => return lookups::list(app, speaker, &kind.name).await,
        "log" => return record::log(app, speaker, kind, rest).await,
        "standard" if models::any(app, kind) => return models::list(app, speaker, kind).await,
        "lines" if kind.lines.is_some() => {
            let number = match number_and_text(&kind.prefix, rest).0 {
                Some(number) => Some(number),
                None => app.desk.ticket_at("slack", typing.channel, "").await.unwrap_or_default().filter(|n| n.prefix() == kind.prefix),
            };
            let Some(number) = number else { return Outcome::says(chat::which_ticket(typing.command, word)) };
            return lines::lines(app, speaker, &number).await;
        }
        _ => {}
    }
    let known = WORDS.contains(&word) || kind.transitions.get(word).is_some_and(|t| takes(t) || decides(t));
    if !known {
        let steps = kind.transitions.values().filter(|t| takes(t) || decides(t)).map(|t| t.name.as_str());
        let freezes = is_frozen(kind).then_some(FREEZES);
        let known: Vec<&str> = WORDS.into_iter().chain(freezes).chain(steps).collect();
        return Outcome::says(chat::unknown_word(typing.command, word, &near(word, &known)));
    }
    let (named, text) = number_and_text(&kind.prefix, rest);
    let number = match named {
        Some(number) if !(word == "merge" && text.is_empty()) => Some(number),
        _ => app.desk.ticket_at("slack", typing.channel, "").await.unwrap_or_default().filter(|n| n.prefix() == kind.prefix),
    };
    let Some(number) = number else { return Outcome::says(chat::which_ticket(typing.command, word)) };
    let text = if word == "merge" && text.is_empty() { rest } else { text };
    if let Some(refused) = unfit(app, speaker, Some(&number), text).await {
        return refused;
    }
    match word {
        "show" => return lookups::show(app, speaker, &number).await,
        "trace" => return record::trace_of(app, speaker, &number).await,
        _ => {}
    }
    on_ticket(app, speaker, kind, typing, number, text).await
}

/// Whether somebody takes the step; others take themselves.
fn takes(step: &Transition) -> bool {
    !step.automatic
}

/// Whether freezes keep tickets of this kind from going on.
fn is_frozen(kind: &Kind) -> bool {
    kind.transitions.values().any(|step| !step.requires.unfrozen.is_empty())
}

/// Whether its word asks for a decision: the step takes itself once all have agreed. What is approved is always shown first.
fn decides(step: &Transition) -> bool {
    step.automatic && step.approval.is_some()
}

/// `INC-000042 because` or `42 because`: the number, if one is named, and the text.
fn number_and_text<'t>(prefix: &str, rest: &'t str) -> (Option<Number>, &'t str) {
    let (first, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let first = first.to_uppercase();
    let count = first.strip_prefix(prefix).map_or(first.as_str(), |rest| rest.trim_start_matches('-'));
    // A number alone may be the beginning of a sentence: as a ticket's it has six digits, or a prefix before it.
    let plain = first.len() == 6 || first.starts_with(prefix);
    match count.parse::<u64>() {
        Ok(n) if plain && n > 0 && count.bytes().all(|b| b.is_ascii_digit()) => (Some(Number::new(prefix, n)), text.trim()),
        _ => (None, rest),
    }
}

/// Refuses a text that must not be kept, and keeps that it was tried.
async fn unfit(app: &App, speaker: &Speaker, ticket: Option<&Number>, text: &str) -> Option<Outcome> {
    let screened = guard::screen(text);
    if screened.found.is_empty() {
        return None;
    }
    let ticket = ticket.cloned();
    let command = Command::Withhold { ticket, found: screened.names(), of: "command".to_owned(), masked: false };
    if let Err(error) = speaker.ask(app, Ask::Ticket(Box::new(command)), "withheld").await {
        tracing::info!(%error, "that something was withheld could not be recorded");
    }
    Some(Outcome::says(chat::withheld("text", &screened.found.into_iter().collect::<Vec<_>>(), false)))
}

async fn declare(app: &App, speaker: &Speaker, kind: &Kind, typing: &Typing<'_>) -> Outcome {
    let action = Action::Declare(kind.name.clone());
    let context = Context { ticket: None, action: action.to_string(), binding: None, key: speaker.form_key(), home: false };
    let emergency = typing.command.trim_start_matches('/') == BREAK_GLASS.0;
    let whole = [typing.word.as_str(), typing.rest].join(" ");
    let title = if emergency {
        whole.trim()
    } else if typing.word.is_empty() {
        ""
    } else {
        typing.rest
    };
    if let Some(refused) = unfit(app, speaker, None, title).await {
        return refused;
    }
    if emergency {
        let mut values = BTreeMap::from([(format!("{FIELD}type"), vec![BREAK_GLASS.2.to_owned()])]);
        if !title.is_empty() {
            values.insert(format!("{FIELD}title"), vec![title.to_owned()]);
        }
        return forms::open(app, speaker, &typing.window, context, &Typed { values, ..Typed::default() }).await;
    }
    if title.is_empty() {
        return forms::open(app, speaker, &typing.window, context, &Typed::default()).await;
    }
    // "sev1 the database is down" says how bad it is as well.
    let (first, others) = title.split_once(' ').unwrap_or((title, ""));
    let severities = kind.fields.get("severity").map(|field| &field.of);
    let known =
        matches!(severities, Some(crate::procedure::model::FieldType::Choice(values)) if values.contains_key(&first.to_lowercase()));
    let mut values = BTreeMap::new();
    if known && !others.is_empty() {
        values.insert(format!("{FIELD}severity"), vec![first.to_lowercase()]);
        values.insert(format!("{FIELD}title"), vec![others.trim().to_owned()]);
    } else {
        values.insert(format!("{FIELD}title"), vec![title.to_owned()]);
    }
    filled_in(app, speaker, typing, context, values).await
}

/// Somebody whom a command names: `@somebody`, `me`, or an address.
fn somebody(app: &App, speaker: &Speaker, named: &str) -> Result<Person, Words> {
    let directory = app.desk.snapshot().directory;
    let found = if let Some(mention) = named.strip_prefix("<@").and_then(|rest| rest.split(['|', '>']).next()) {
        person_by_user(&directory, &speaker.handle.team, mention).cloned()
    } else if named == "me" {
        speaker.person.clone()
    } else {
        directory.by_email(named).filter(|person| !person.state.disabled).cloned()
    };
    found.ok_or_else(|| chat::nobody_behind(named))
}

/// What a word does, which input its text is for, and what else it fills in.
fn meaning(app: &App, speaker: &Speaker, kind: &Kind, word: &str, text: &str) -> Result<(Action, BTreeMap<String, Vec<String>>), Words> {
    let mut values = BTreeMap::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            values.insert(name.to_owned(), vec![value.to_owned()]);
        }
    };
    let (first, others) = text.split_once(char::is_whitespace).map_or((text, ""), |(first, others)| (first, others.trim()));
    let action = match word {
        "note" => {
            put("note", text);
            Action::Note
        }
        "assign" | "lead" => {
            if !first.is_empty() {
                put("person", &somebody(app, speaker, first)?.state.id);
            }
            if word == "assign" { Action::Owner } else { Action::Lead }
        }
        "severity" => {
            put(&format!("{FIELD}severity"), &first.to_lowercase());
            put("reason", others);
            Action::Edit
        }
        "evidence" => Action::Evidence(None),
        "edit" => Action::Edit,
        "nudge" => Action::Nudge,
        "escalate" => {
            put("reason", text);
            Action::Escalate
        }
        "page" => {
            if !first.is_empty() {
                put("to", &somebody(app, speaker, first)?.state.id);
            }
            put("reason", others);
            Action::Escalate
        }
        "link" => {
            // `modelled_by MOD-000001`, `dashboard https://…`, `caused_by It was a drill.`; a number alone is simply related.
            let numbered = |text: &str| text.to_uppercase().parse::<Number>().is_ok();
            let (link, to) = if numbered(first) { ("related", text) } else { (first, others) };
            put("link", &link.to_lowercase());
            let name = if numbered(to) {
                "to"
            } else if to.starts_with("https://") || to.starts_with("http://") {
                "target"
            } else {
                "reason"
            };
            put(name, &if name == "to" { to.to_uppercase() } else { to.to_owned() });
            Action::Link(Some(link.to_lowercase()).filter(|link| !link.is_empty()))
        }
        "withdraw" => {
            put("reason", text);
            Action::Withdraw(String::new())
        }
        "merge" => {
            put("other", &first.to_uppercase());
            put("reason", others);
            Action::Step("merge".to_owned())
        }
        step if kind.transitions.get(step).is_some_and(decides) => {
            put("reason", text);
            Action::Decide(step.to_owned())
        }
        step => {
            put("line", text);
            Action::Step(step.to_owned())
        }
    };
    Ok((action, values))
}

async fn on_ticket(app: &App, speaker: &Speaker, kind: &Kind, typing: &Typing<'_>, number: Number, text: &str) -> Outcome {
    let (action, values) = match meaning(app, speaker, kind, &typing.word, text) {
        Ok(meaning) => meaning,
        Err(nobody) => return Outcome::says(nobody),
    };
    let action = match typing.window.meanwhile(app, true, as_it_stands(app, speaker, kind, &number, action)).await {
        Ok(action) => action,
        Err(error) => return Outcome::says(Words::of(error.to_string())),
    };
    let context = Context { ticket: Some(number), action: action.to_string(), binding: None, key: speaker.form_key(), home: false };
    filled_in(app, speaker, typing, context, values).await
}

/// What a word means on the ticket as it stands: what is proposed first is asked for until it was, and decided after that; and
/// a decision that is taken back is the one that whoever types it made.
async fn as_it_stands(app: &App, speaker: &Speaker, kind: &Kind, number: &Number, action: Action) -> Result<Action, NoView> {
    let proposes = |step: &String| kind.transitions.get(step).is_some_and(|t| t.proposes);
    let open = match &action {
        Action::Decide(step) => proposes(step),
        Action::Withdraw(_) => true,
        _ => false,
    };
    let Some(person) = speaker.person.as_ref().filter(|_| open) else { return Ok(action) };
    let look = Look::new(app, person)?;
    let pinned = look.ticket(number).await?;
    Ok(look.scene(&pinned, |scene| match action {
        Action::Decide(step) if possible(scene).iter().any(|t| t.name == step) => Action::Step(step),
        Action::Withdraw(_) => {
            let offered = more(scene).into_iter().map(|button| button.action).find(|action| matches!(action, Action::Withdraw(_)));
            // Where nothing can be taken back any more, the desk says why.
            let given = || scene.ticket.granted.iter().find(|(_, g)| g.given.iter().any(|a| a.person == person.state.id));
            let of = given()
                .map(|(name, _)| name.clone())
                .or_else(|| kind.transitions.values().find(|t| t.approval.is_some()).map(|t| t.name.clone()));
            offered.unwrap_or_else(|| Action::Withdraw(of.unwrap_or_default()))
        }
        action => action,
    }))
}

/// Sends a form that a command filled in; where something is still needed, or nothing was said, it opens.
async fn filled_in(
    app: &App,
    speaker: &Speaker,
    typing: &Typing<'_>,
    context: Context,
    mut values: BTreeMap<String, Vec<String>>,
) -> Outcome {
    let Ok(action) = context.action.parse::<Action>() else { return Outcome::Nothing };
    let made = forms::make(app, speaker.person.as_ref(), &action, context.ticket.as_ref());
    let made = match typing.window.meanwhile(app, true, made).await {
        Ok(made) => made,
        Err(error) => return Outcome::says(Words::of(error.to_string())),
    };
    told_elsewhere(&made.form, &mut values);
    let said_nothing = values.is_empty() && !made.form.fields.is_empty() && !made.form.at_once;
    if said_nothing || lacks(&made.form, &values) {
        let prefilled = Typed { values, ..Typed::default() };
        return forms::open(app, speaker, &typing.window, context, &prefilled).await;
    }
    let filled = Filled::of(values);
    confirmed(forms::send(app, speaker, &context, &filled, false).await, &context)
}

/// A step without a line takes its text as the reason; one that a press takes, as what its form asks for first.
fn told_elsewhere(form: &Form, values: &mut BTreeMap<String, Vec<String>>) {
    let has = |name: &str| form.fields.iter().any(|field| field.name == name);
    let first = form.fields.iter().find(|field| matches!(field.input, Input::Text(_))).filter(|_| form.at_once && !has("reason"));
    if let Some(field) = first
        && let Some(said) = values.remove("reason").or_else(|| values.remove("line"))
    {
        values.insert(field.name.clone(), said);
    }
    if !has("line")
        && has("reason")
        && let Some(line) = values.remove("line")
    {
        values.entry("reason".to_owned()).or_insert(line);
    }
}

/// Whether something that must be there now is not.
fn lacks(form: &Form, values: &BTreeMap<String, Vec<String>>) -> bool {
    let empty = |field: &&crate::card::form::FormField| field.values.is_empty() && !values.contains_key(&field.name);
    form.fields.iter().filter(|field| field.needed == Needed::Now).any(|field| empty(&field))
}

/// What a form would show in its own place, said in a sentence.
fn confirmed(outcome: Outcome, context: &Context) -> Outcome {
    match (outcome, &context.ticket) {
        (Outcome::Nothing, Some(number)) => Outcome::says(Words::of("Recorded on ").ticket(number).text(".")),
        (outcome @ (Outcome::Errors(_) | Outcome::Shows(_)), _) => outcome.in_words().map_or(outcome, Outcome::Says),
        (outcome, _) => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_may_be_written_short_and_a_sentence_may_begin_with_one() {
        let number = |n| Some(Number::new("INC", n));
        assert_eq!(number_and_text("INC", "INC-000042 cut off"), (number(42), "cut off"));
        assert_eq!(number_and_text("INC", "inc-42"), (number(42), ""));
        assert_eq!(number_and_text("INC", "000042 cut off"), (number(42), "cut off"));
        for text in ["3 hosts are cut off", "CHG-000001 x", "", "incoming traffic", "INC", "-1"] {
            assert_eq!(number_and_text("INC", text), (None, text), "{text}");
        }
    }

    #[test]
    fn the_nearest_words_come_first_and_a_strange_one_finds_none() {
        assert_eq!(near("nte", &WORDS), ["note"]);
        assert_eq!(near("esc", &["escalate", "close"]), ["escalate"]);
        assert!(near("zebra", &HOUSE).is_empty());
    }
}
