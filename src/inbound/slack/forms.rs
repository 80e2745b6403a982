//! Forms: opened at once and filled a moment later, and what was typed into them.
//!
//! A form carries what it is of ([`Context`]) and comes back with it. What is wrong stands at its input. A ticket that
//! moved on while the form was open is said in the form, and nothing typed is lost: sent once more, it counts for what
//! stands there now.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::arrival::Outcome;
use super::speaker::Speaker;
use super::state::Filled;
use super::window::Window;
use super::{files, lines, linking, press};
use crate::card::action_form::{declare_form, form};
use crate::card::buttons::Action;
use crate::card::chat;
use crate::card::form::{Choice, Form, Typed};
use crate::card::freezes;
use crate::card::scene::{Known, Scene};
use crate::card::words::Words;
use crate::desk::chat::{Does, Offer, Reply, Sheet};
use crate::desk::query::NoView;
use crate::desk::request::{Answer, Ask, Refused, Unanswered};
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::console::act::form_of;
use crate::inbound::console::typed::{self, Data, Reading};
use crate::inbound::console::view_of::{Look, Pinned};
use crate::inbound::console::views::ROOT;
use crate::people::Person;
use crate::procedure::model::{Kind, Library};
use crate::ticket::command::Command;
use crate::ticket::guard::Found;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

/// Options of a search in a long list at most.
const OPTIONS: usize = 100;

/// What a form is of; it travels in the form and comes back unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The ticket; none when one is declared.
    #[serde(rename = "t")]
    pub ticket: Option<Number>,
    /// What it does, as a button has it.
    #[serde(rename = "a")]
    pub action: String,
    /// What it is bound to: what its reader saw.
    #[serde(rename = "b")]
    pub binding: Option<String>,
    /// Sent twice, it is recorded once.
    #[serde(rename = "k")]
    pub key: String,
    /// It was opened on the app's own page, which shows what waits: it is shown anew afterwards.
    #[serde(rename = "h", default)]
    pub home: bool,
}

/// A form, and what reading it needs.
pub(super) struct Made<'a> {
    pub form: Form,
    /// No content of its ticket is shown in chat.
    bare: bool,
    shown: Shown<'a>,
    library: std::sync::Arc<Library>,
}

enum Shown<'a> {
    Declare(std::sync::Arc<Kind>),
    On(Box<(Look<'a>, Pinned)>),
    /// By somebody who is nobody yet: a note is kept, and everything else waits for them to be linked.
    Blank(Number),
}

/// What a person of this console is shown of a ticket, with the address of its page.
pub(super) fn page(app: &App, number: &Number) -> Offer {
    let address = format!("{}{ROOT}/c/{number}", app.config.public_url);
    Offer { label: "Open in the console".to_owned(), does: Does::Open(address), primary: false }
}

fn no_such() -> NoView {
    NoView::NotFound("such action".to_owned())
}

/// Makes a form as the ticket stands now.
pub(super) async fn make<'a>(
    app: &'a App,
    person: Option<&'a Person>,
    action: &Action,
    ticket: Option<&Number>,
) -> Result<Made<'a>, NoView> {
    let snapshot = app.desk.snapshot();
    let library = snapshot.procedures.current().cloned().ok_or(NoView::NotAllowed)?;
    let (form, shown) = match (action, ticket, person) {
        (Action::Declare(kind), _, _) => {
            let kind = library.kinds.get(kind).cloned().ok_or_else(no_such)?;
            let people = person.map(|person| Look::new(app, person)).transpose()?.map(|look| look.people()).unwrap_or_default();
            (declare(&kind, &library, &people, app.desk.now()), Shown::Declare(kind))
        }
        (action, Some(number), Some(person)) => {
            let look = Look::new(app, person)?;
            let pinned = look.ticket(number).await?;
            let mut form = form_of(&look, &pinned, &action.to_string())?;
            if let Action::Line(line) = action {
                form.statement = lines::line_facts(app, person, number, *line).await?;
            }
            (form, Shown::On(Box::new((look, pinned))))
        }
        (action, Some(number), None) => (blank(app, &library, action, number).await?, Shown::Blank(number.clone())),
        (_, None, _) => return Err(no_such()),
    };
    let bare = match &shown {
        Shown::On(on) => minimal(app) || on.0.scene(&on.1, |scene| scene.is_sensitive()),
        // Nothing of a ticket stands in it.
        Shown::Declare(_) | Shown::Blank(_) => false,
    };
    Ok(Made { form, bare, shown, library })
}

/// The organisation wants numbers, status and links alone in chat.
pub(super) fn minimal(app: &App) -> bool {
    app.config.slack.as_ref().is_some_and(|slack| slack.minimal_content)
}

/// Whether chat shows no content of what a form is of.
pub(super) async fn is_bare(app: &App, speaker: &Speaker, context: &Context) -> bool {
    let Ok(action) = context.action.parse::<Action>() else { return true };
    minimal(app) || make(app, speaker.person.as_ref(), &action, context.ticket.as_ref()).await.is_ok_and(|made| made.bare)
}

/// Where what a form is of can be read and done, when chat does not show it.
fn in_the_console(app: &App, number: &Number, action: &Action) -> Sheet {
    let address = format!("{}{ROOT}/c/{number}/form/{action}", app.config.public_url);
    let button = Offer { label: "Read and decide".to_owned(), does: Does::Open(address), primary: true };
    says(vec![chat::decided_in_the_console(number)], vec![button])
}

fn declare(kind: &Kind, library: &Library, people: &[Choice], now: Timestamp) -> Form {
    let responses = library.responses.iter().filter(|response| response.kind == kind.name);
    let responses: Vec<Choice> = responses.map(|r| Choice { value: r.name.clone(), label: r.title.clone() }).collect();
    let mut form = declare_form(kind, &library.taxonomies, people, &responses);
    form.notices.extend(freezes::ahead(kind, &library.organisation, now));
    form
}

/// The form as the procedure has it, with nothing of the ticket in it.
async fn blank(app: &App, library: &Library, action: &Action, number: &Number) -> Result<Form, NoView> {
    let ticket = app.desk.ticket_unchecked(number).await?;
    let snapshot = app.desk.snapshot();
    let kind = snapshot.procedures.kind(&ticket.kind_digest).cloned().ok_or_else(no_such)?;
    let response = ticket.response.as_ref().and_then(|pinned| snapshot.procedures.response(&pinned.digest)).cloned();
    let known = Known { name: &|_| None, plaintext: &|_, _| None };
    let procedure = (kind.as_ref(), response.as_deref(), &library.taxonomies);
    let scene = Scene::new(&ticket, procedure, known, snapshot.directory.as_ref(), app.desk.now()).within(library);
    let mut form = form(&scene, action, &[], &library.organisation).ok_or_else(no_such)?;
    form.fields.iter_mut().for_each(|field| field.values.clear());
    form.statement.clear();
    form.missing.clear();
    form.first = None;
    Ok(form)
}

impl Made<'_> {
    /// The form as chat may show it.
    fn shown_form(&self) -> Form {
        if self.bare { self.form.clone().without_content() } else { self.form.clone() }
    }

    /// A refusal as chat may say it: what changed meanwhile is content.
    pub(super) fn fit_to_say(&self, error: Unanswered) -> Unanswered {
        match error {
            Unanswered::Refused(Refused::Ticket(Refusal::Stale { ticket, status, .. })) if self.bare => {
                Refused::Ticket(Refusal::Stale { ticket, status, changed: Vec::new() }).into()
            }
            error => error,
        }
    }

    /// The command that the typed texts make.
    pub(super) fn command(&self, app: &App, data: &Data, saving: bool) -> Result<Option<Command>, Typed> {
        let salt = || app.desk.env().bytes();
        let reading = Reading { data, salt: &salt, library: &self.library };
        match &self.shown {
            Shown::Blank(number) if self.form.action == Action::Note => typed::note(number.clone(), &reading).map(Some),
            Shown::Blank(_) => Ok(None),
            Shown::Declare(kind) => typed::declare(kind, &self.form, &reading, app.desk.now()).map(|command| Some(by_chat(command))),
            Shown::On(on) => {
                let (look, pinned) = on.as_ref();
                let read = |scene: &Scene<'_>| {
                    if saving { typed::save(scene, &self.form, &reading) } else { typed::command(scene, &self.form, &reading) }
                };
                look.scene(pinned, read).map(Some)
            }
        }
    }

    pub(super) fn ticket(&self) -> Option<&crate::ticket::state::Ticket> {
        match &self.shown {
            Shown::On(on) => Some(&on.1.ticket),
            Shown::Declare(_) | Shown::Blank(_) => None,
        }
    }

    /// Whether the button that opened it showed something else than what stands there now.
    pub(super) fn moved(&self, seen: Option<&str>) -> bool {
        seen.is_some_and(|seen| self.form.binding.as_deref().is_some_and(|now| now != seen))
    }
}

/// The ticket was opened from chat, says its record.
fn by_chat(command: Command) -> Command {
    match command {
        Command::Open(open) => Command::Open(crate::ticket::command::Open { intake: "slack".to_owned(), ..open }),
        other => other,
    }
}

/// Opens a form: something at once, since a trigger lasts three seconds, and the form as soon as it is made.
pub(super) async fn open(app: &App, speaker: &Speaker, window: &Window<'_>, context: Context, prefilled: &Typed) -> Outcome {
    window.show(app, sheet(app, speaker, context, prefilled)).await
}

async fn sheet(app: &App, speaker: &Speaker, context: Context, prefilled: &Typed) -> Sheet {
    let Ok(action) = context.action.parse::<Action>() else { return says(vec![chat::no_such_action()], Vec::new()) };
    match make(app, speaker.person.as_ref(), &action, context.ticket.as_ref()).await {
        Ok(made) => match (&action, &context.ticket) {
            // A decision is bound to what was shown, and here nothing would be.
            (Action::Decide(_) | Action::Line(_), Some(number)) if made.bare => in_the_console(app, number, &action),
            (Action::Decide(_) | Action::Line(_), Some(_)) if matches!(made.shown, Shown::Blank(_)) => {
                let reply = not_linked(app, false);
                says(reply.paragraphs, reply.buttons)
            }
            _ => shown(made.shown_form().with(prefilled), &context),
        },
        Err(error) => says(vec![Words::of(error.to_string())], Vec::new()),
    }
}

/// A form with its context; bound to what its reader saw, or else to what it shows.
fn shown(form: Form, context: &Context) -> Sheet {
    let binding = context.binding.clone().or_else(|| form.binding.clone());
    let context = Context { binding, ..context.clone() };
    Sheet::Form { form: Box::new(form), context: serde_json::to_string(&context).unwrap_or_default() }
}

fn says(paragraphs: Vec<Words>, buttons: Vec<Offer>) -> Sheet {
    Sheet::Says(Box::new(Reply { paragraphs, buttons, ..Reply::default() }))
}

/// What a form is of, as it came back.
pub(super) fn context(view: &Value) -> Option<Context> {
    view["private_metadata"].as_str().filter(|text| text.len() <= 3_000).and_then(|text| serde_json::from_str(text).ok())
}

/// Takes what was typed into a form. `saving`: the fields are kept, the step is not taken.
pub(super) async fn submitted(app: &App, speaker: &Speaker, view: &Value, saving: bool) -> Outcome {
    let Some(context) = context(view) else { return Outcome::says(chat::not_my_form()) };
    let filled = Filled::read(view, app.desk.now());
    send(app, speaker, &context, &filled, saving).await
}

/// Sends a form, as it stands now, with what was typed.
pub(super) async fn send(app: &App, speaker: &Speaker, context: &Context, filled: &Filled, saving: bool) -> Outcome {
    let Ok(action) = context.action.parse::<Action>() else { return Outcome::says(chat::no_such_action()) };
    let made = match make(app, speaker.person.as_ref(), &action, context.ticket.as_ref()).await {
        Ok(made) => made,
        Err(error) => return Outcome::says(Words::of(error.to_string())),
    };
    // A decision counts for what its giver was shown; where nothing was, there is nothing to decide on.
    if matches!(action, Action::Decide(_) | Action::Line(_)) {
        match (&made.shown, &context.ticket) {
            (Shown::Blank(_), _) => return Outcome::Says(not_linked(app, false)),
            (_, Some(number)) if made.bare => return Outcome::Shows(in_the_console(app, number, &action)),
            _ => {}
        }
    }
    let unfit = filled.unfit(&made.form);
    if !unfit.is_empty() {
        return withheld(app, speaker, context, &unfit).await;
    }
    if let Action::Evidence(_) = &action {
        return files::submitted(app, speaker, context, filled).await;
    }
    let data = filled.data(&made.form, context.binding.as_deref());
    match made.command(app, &data, saving) {
        Ok(Some(command)) => {
            let answered = speaker
                .ask_under(app, Ask::Ticket(Box::new(command)), &format!("slack:form:{}", context.key), &digest(context, filled, saving))
                .await;
            done(app, &made, context, filled, answered).await
        }
        Ok(None) => linking::hold(app, speaker, context, filled).await,
        Err(wrong) => at_their_inputs(&made, context, &wrong),
    }
}

/// What was pressed and typed, not what was made of it: the same form sent a minute later is the same form.
fn digest(context: &Context, filled: &Filled, saving: bool) -> String {
    hex::encode(Sha256::digest(json!([context.ticket, context.action, filled.pressed(), saving]).to_string()))
}

/// What must not stand here goes back to whoever typed it; that it was tried is on record, without the content.
async fn withheld(app: &App, speaker: &Speaker, context: &Context, unfit: &BTreeMap<String, BTreeSet<Found>>) -> Outcome {
    let found: BTreeSet<Found> = unfit.values().flatten().copied().collect();
    let found = found.into_iter().map(|f| f.name().to_owned()).collect();
    let command = Command::Withhold { ticket: context.ticket.clone(), found, of: "form".to_owned(), masked: false };
    if let Err(error) = speaker.ask(app, Ask::Ticket(Box::new(command)), "withheld").await {
        tracing::info!(%error, "that something was withheld could not be recorded");
    }
    Outcome::Errors(
        unfit.iter().map(|(name, found)| (name.clone(), chat::withheld_field(&found.iter().copied().collect::<Vec<_>>()))).collect(),
    )
}

/// What became of a form that was sent.
async fn done(app: &App, made: &Made<'_>, context: &Context, filled: &Filled, answered: Result<Answer, Unanswered>) -> Outcome {
    match answered.map_err(|error| made.fit_to_say(error)) {
        Ok(answer) => recorded(app, context, &answer),
        Err(Unanswered::Refused(Refused::NotLinked)) => Outcome::Says(not_linked(app, false)),
        Err(Unanswered::Refused(Refused::KeyReused)) => Outcome::says(chat::form_recorded_before()),
        Err(Unanswered::Refused(Refused::Ticket(refusal))) if made.form.fields.is_empty() && press::wants_a_link(&refusal) => {
            Outcome::Says(press::refused(&Refused::Ticket(refusal).into(), context.ticket.as_ref()))
        }
        Err(Unanswered::Refused(Refused::Ticket(refusal))) => {
            let stale = matches!(refusal, Refusal::Stale { .. });
            let errors = refusal.fields();
            let typed = Typed {
                values: filled.values().clone(),
                errors: if stale { BTreeMap::new() } else { errors },
                error: Some(refusal.sentence()),
            };
            if stale {
                return moved_on(app, made, context, &typed).await;
            }
            at_their_inputs(made, context, &typed)
        }
        Err(error) => {
            let typed = Typed { values: filled.values().clone(), errors: BTreeMap::new(), error: Some(error.to_string()) };
            again(made, context, &typed)
        }
    }
}

fn recorded(app: &App, context: &Context, answer: &Answer) -> Outcome {
    // A form on a ticket may open another one, which is told.
    let opens = context.ticket.is_none() || matches!(context.action.parse(), Ok(Action::Offer(_)));
    let mut numbers = answer.tickets.iter().filter_map(|number| number.parse::<Number>().ok());
    let opened = numbers.find(|number| Some(number) != context.ticket.as_ref()).filter(|_| opens);
    let Some(number) = opened else { return Outcome::Nothing };
    let words = Words::new().ticket(&number).text(" is open. Everything else can follow later.");
    Outcome::Shows(says(vec![words], vec![page(app, &number)]))
}

/// The answer to somebody who is nobody yet.
pub(super) fn not_linked(app: &App, kept: bool) -> Reply {
    let mut reply = Reply { paragraphs: vec![chat::not_linked(kept)], ..Reply::default() };
    reply.paragraphs.extend(chat::how_to_link());
    reply.buttons.push(linking::console(app));
    reply
}

/// The ticket moved on: the form says so, keeps what was typed, and is bound to what stands there now.
async fn moved_on(app: &App, made: &Made<'_>, context: &Context, typed: &Typed) -> Outcome {
    let fresh = match (made.ticket(), context.action.parse::<Action>()) {
        (Some(_), Ok(_)) => made.shown_form(),
        _ => return again(made, context, typed),
    };
    let binding = fresh.binding.clone();
    let key = app.desk.env().id("");
    Outcome::Shows(shown(fresh.with(typed), &Context { binding, key, ..context.clone() }))
}

/// Errors at their inputs, where every one of them has an input; otherwise the form again, with all of it above.
fn at_their_inputs(made: &Made<'_>, context: &Context, typed: &Typed) -> Outcome {
    let again_with = made.shown_form().with(typed);
    let errors: BTreeMap<String, String> =
        again_with.fields.iter().filter_map(|field| Some((field.name.clone(), field.error.clone()?))).collect();
    let all_at_home = errors.len() >= typed.errors.len() && !errors.is_empty();
    if all_at_home && !made.form.fields.is_empty() { Outcome::Errors(errors) } else { again(made, context, typed) }
}

fn again(made: &Made<'_>, context: &Context, typed: &Typed) -> Outcome {
    if made.form.fields.is_empty() {
        let text: Vec<String> = typed.error.iter().chain(typed.errors.values()).cloned().collect();
        return Outcome::says(Words::of(text.join(" ")));
    }
    Outcome::Shows(shown(made.shown_form().with(typed), context))
}

/// Options of a long list that fit what is typed.
pub(super) async fn options(app: &App, speaker: &Speaker, payload: &Value) -> Outcome {
    let found = async {
        let context: Context = serde_json::from_str(payload["view"]["private_metadata"].as_str()?).ok()?;
        let made = make(app, speaker.person.as_ref(), &context.action.parse().ok()?, context.ticket.as_ref()).await.ok()?;
        let field = made.form.fields.into_iter().find(|field| payload["block_id"] == field.name)?;
        let typed = payload["value"].as_str().unwrap_or_default().to_lowercase();
        let (crate::card::form::Input::Choice(choices) | crate::card::form::Input::Pick(choices)) = field.input else { return None };
        let fits = choices.into_iter().filter(|c| !c.value.is_empty() && c.label.to_lowercase().contains(&typed)).take(OPTIONS);
        let option = |choice: Choice| {
            let label: String = choice.label.chars().take(75).collect();
            json!({ "text": { "type": "plain_text", "text": label }, "value": choice.value })
        };
        Some(fits.map(option).collect::<Vec<_>>())
    };
    Outcome::Options(json!({ "options": found.await.unwrap_or_default() }))
}
