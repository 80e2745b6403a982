//! Answers that change nothing: what is open, one ticket's card, what waits for me, who I am, who is called.

use std::collections::BTreeSet;

use super::arrival::Outcome;
use super::forms;
use super::speaker::Speaker;
use crate::card::buttons::{Action, Button};
use crate::card::freezes;
use crate::card::live::Card;
use crate::card::words::{Words, count, list as listed, uncapitalise};
use crate::desk::chat::{Deed, Does, Home, Offer, Pressed, Reply};
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::calendar::freezes_around;
use crate::inbound::console::view_of::Look;
use crate::inbound::console::views::ROOT;
use crate::inbound::{inbox, stand_ins};
use crate::people::Person;
use crate::procedure::model::Permission;
use crate::ticket::inbox::Why;
use crate::ticket::number::Number;
use crate::ticket::rota;

/// Tickets that a list shows.
const MOST: usize = 20;
/// Tickets of a list that have a button.
const OFFERED: usize = 5;
/// Kinds of ticket that are offered to be opened.
const MOST_KINDS: usize = 15;

pub(super) fn says(text: impl Into<String>) -> Outcome {
    Outcome::says(Words::of(text))
}

/// The reader, or the way to become one.
pub(super) fn reader<'s>(app: &App, speaker: &'s Speaker) -> Result<&'s Person, Outcome> {
    speaker.person.as_ref().ok_or_else(|| Outcome::Says(forms::not_linked(app, false)))
}

/// A card as this organisation shows it in chat.
pub(super) fn as_shown(app: &App, card: Card) -> Card {
    Card { bare: card.bare || forms::minimal(app), ..card }
}

/// What a ticket is: its number, how bad it is, its title or (without content) where it stands.
fn headline(app: &App, card: &Card) -> Words {
    let severity = card.severity.as_ref().map_or_else(String::new, |s| format!(" · {}", s.name));
    let what = if card.bare || forms::minimal(app) { &card.status } else { &card.title };
    Words::new().strong(&card.number).text(format!("{severity} · {what}"))
}

pub(super) fn line(app: &App, card: &Card) -> Words {
    let words = headline(app, card);
    if card.bare || forms::minimal(app) { words } else { words.text(" · ").then(card.state.clone()) }
}

/// Open tickets of this kind, the worst and then the latest first.
pub(super) async fn list(app: &App, speaker: &Speaker, kind: &str) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let found = async { Look::new(app, person)?.open_of(kind).await };
    match found.await {
        Err(error) => says(error.to_string()),
        Ok(of_kind) => {
            let mut paragraphs: Vec<Words> = of_kind.iter().take(MOST).map(|card| line(app, card)).collect();
            if paragraphs.is_empty() {
                paragraphs.push(Words::of("Nothing is open."));
            }
            if of_kind.len() > MOST {
                paragraphs.push(Words::of(format!("And {} more, in the console.", of_kind.len() - MOST)));
            }
            let console =
                Offer { label: "Console".to_owned(), does: Does::Open(format!("{}{ROOT}/", app.config.public_url)), primary: false };
            Outcome::Says(Reply { paragraphs, buttons: vec![console], ..Reply::default() })
        }
    }
}

async fn card(app: &App, person: &Person, number: &Number) -> Result<Card, NoView> {
    let look = Look::new(app, person)?;
    let pinned = look.ticket(number).await?;
    Ok(as_shown(app, look.card(&pinned)))
}

/// One ticket's card, with what the reader may do.
pub(super) async fn show(app: &App, speaker: &Speaker, number: &Number) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    match card(app, person, number).await {
        Ok(card) => Outcome::Says(Reply { card: Some(Box::new(card)), ..Reply::default() }),
        Err(error) => says(error.to_string()),
    }
}

/// What else the reader may do with a ticket.
pub(super) async fn more(app: &App, speaker: &Speaker, number: &Number) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    match card(app, person, number).await {
        Err(error) => says(error.to_string()),
        Ok(card) => {
            let offer = |button: &Button| Offer {
                label: button.label.clone(),
                does: Does::Press(Pressed::of(number, &card.stands_at, button)),
                primary: false,
            };
            let paragraphs = vec![Words::of("What else you can do with ").ticket(number).text(".")];
            let note = Button::form("Add a note", "What was seen, tried or found.", Action::Note);
            // What a press on the card does is not offered again as a form: a press here would do the same.
            let other = |button: &&Button| !card.buttons.iter().any(|first| first.action == button.action);
            let more = card.more.iter().filter(other);
            let mut buttons: Vec<Offer> = card.may_work.then_some(&note).into_iter().chain(more).map(offer).collect();
            buttons.push(forms::page(app, number));
            Outcome::Says(Reply { paragraphs, buttons, ..Reply::default() })
        }
    }
}

/// Who I am here.
pub(super) fn whoami(app: &App, speaker: &Speaker) -> Outcome {
    let Some(person) = &speaker.person else { return Outcome::Says(forms::not_linked(app, false)) };
    let stand_ins = Look::new(app, person).map(|look| stand_ins::of(&look, &person.email, true)).unwrap_or_default();
    let roles: Vec<String> = person.state.roles.iter().map(|role| role.replace('-', " ")).collect();
    let roles = if roles.is_empty() { "no role".to_owned() } else { listed(&roles, "and") };
    let me = Words::of("You are ").strong(&person.name).text(format!(" ({}), as {roles}.", person.email));
    Outcome::Says(Reply { paragraphs: std::iter::once(me).chain(stand_ins).collect(), ..Reply::default() })
}

/// Whose turn it is by the rota, and who comes after; nothing without a rota.
fn turns(app: &App) -> Option<Words> {
    let (now, directory) = (app.desk.now(), app.desk.snapshot().directory);
    let asked = app.desk.on_call_at(now);
    let (first, after) = asked.split_first()?;
    let mut words = Words::new().strong(directory.name_of(first)).text(" is on call now");
    if let Some(until) = app.desk.turn_ends(now) {
        words = words.text(", until ").time(until);
    }
    let after: Vec<String> = after.iter().take(5).map(|id| directory.name_of(id)).collect();
    let after =
        if after.is_empty() { String::new() } else { format!(" Whoever does not answer is followed by {}.", listed(&after, "then")) };
    Some(words.text(format!(".{after}")))
}

/// A place of the rota, or a role, as people say it.
fn place_word(to: &str) -> String {
    match to {
        "on-call" => "on call".to_owned(),
        "on-call.next" => "next on call".to_owned(),
        "on-call.manager" => "manager on call".to_owned(),
        role => role.replace(['-', '.'], " "),
    }
}

/// Who is called, tier by tier, and whether chat can reach them.
pub(super) fn oncall(app: &App, speaker: &Speaker) -> Outcome {
    let Some(person) = &speaker.person else { return Outcome::Says(forms::not_linked(app, false)) };
    if let Err(error) = app.desk.allow(person, Permission::Read) {
        return says(error.to_string());
    }
    let snapshot = app.desk.snapshot();
    let Some(library) = snapshot.procedures.current() else { return says("No playbooks were adopted yet.") };
    let holders = |role: &str| -> Vec<String> {
        // A place of the rota is one person's, now.
        let by_rota = rota::place(&library.organisation, snapshot.directory.as_ref(), role, app.desk.now());
        let holds = |p: &&Person| p.state.roles.iter().any(|r| r == role) || by_rota.as_deref() == Some(p.state.id.as_str());
        let held = snapshot.directory.iter().filter(|p| !p.state.disabled).filter(holds);
        let name = |p: &Person| {
            let linked = snapshot.directory.accounts_of(&p.state.id).next().is_some();
            if linked { p.name.clone() } else { format!("{} (not linked in chat)", p.name) }
        };
        let mut names: Vec<String> = held.map(name).collect();
        names.sort_unstable_by_key(|name| name.to_lowercase());
        names
    };
    let mut paragraphs: Vec<Words> = turns(app).into_iter().collect();
    for kind in library.kinds.values().filter(|kind| kind.escalate.is_some()) {
        let tiers = kind.escalate.iter().flat_map(|e| e.to.iter()).map(|to| {
            let who = holders(to);
            let who = if who.is_empty() { "nobody now".to_owned() } else { listed(&who, "and") };
            format!("{}: {who}", place_word(to))
        });
        let tiers: Vec<String> = tiers.collect();
        paragraphs.push(Words::new().strong(&kind.title).text(format!(": {}.", tiers.join("; then "))));
    }
    if paragraphs.is_empty() {
        paragraphs.push(Words::of("No procedure here names anybody to call."));
    }
    Outcome::Says(Reply { paragraphs, ..Reply::default() })
}

/// When nothing is changed, from now on.
pub(super) fn freezes(app: &App, speaker: &Speaker) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    if let Err(error) = app.desk.allow(person, Permission::Read) {
        return says(error.to_string());
    }
    let (snapshot, now) = (app.desk.snapshot(), app.desk.now());
    let declared = snapshot.procedures.current().map(|library| library.organisation.estate.freezes.clone()).unwrap_or_default();
    let ahead = freezes_around(&declared, now).into_iter().filter(|freeze| freeze.ends > now);
    let mut paragraphs: Vec<Words> = ahead.take(MOST).map(freezes::freeze).collect();
    if forms::minimal(app) && !paragraphs.is_empty() {
        paragraphs = vec![Words::of("There are freezes ahead. The calendar shows when nothing is changed.")];
    }
    if paragraphs.is_empty() {
        paragraphs.push(Words::of("No freeze is ahead."));
    }
    let calendar = Does::Open(format!("{}{ROOT}/calendar", app.config.public_url));
    let buttons = vec![Offer { label: "Calendar".to_owned(), does: calendar, primary: false }];
    Outcome::Says(Reply { paragraphs, buttons, ..Reply::default() })
}

/// Where an assessor looks: the record of this channel's ticket, or of everything.
pub(super) async fn audit(app: &App, speaker: &Speaker, channel: &str) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    if let Err(error) = app.desk.allow(person, Permission::Read) {
        return says(error.to_string());
    }
    let snapshot = app.desk.snapshot();
    let signed = match app.desk.signing().refused {
        None => "signed".to_owned(),
        Some(why) => format!("not signed: {why}"),
    };
    let mut paragraphs = vec![Words::of(format!("The record holds {}, {signed}.", count(snapshot.size, "event", "events")))];
    let mut address = format!("{}{ROOT}/", app.config.public_url);
    if let Ok(Some(number)) = app.desk.ticket_at("slack", channel, "").await {
        paragraphs
            .push(Words::of("The timeline of ").ticket(&number).text(" says who did what, when it happened, and when it was recorded."));
        address = format!("{address}c/{number}/timeline");
    }
    paragraphs.push(Words::of("An evidence bundle is made with countersign export; it can be checked without us."));
    let buttons = vec![Offer { label: "Open the record".to_owned(), does: Does::Open(address), primary: true }];
    Outcome::Says(Reply { paragraphs, buttons, ..Reply::default() })
}

/// What waits for me: by deadline, then by how bad it is; and access of mine that ends soon.
pub(super) async fn inbox(app: &App, speaker: &Speaker) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let found = async {
        let look = Look::new(app, person)?;
        let (waiting, more) = inbox::read(&look, MOST, MOST).await?;
        Ok::<_, NoView>((told(app, &look, waiting), more, inbox::ending(&look).await?))
    };
    match found.await {
        Err(error) => says(error.to_string()),
        Ok((found, _, ending)) if found.is_empty() && ending.is_empty() => says("Nothing waits for you."),
        Ok((found, more, ending)) => {
            let mut offers: Vec<Offer> = found.iter().filter_map(offered).take(OFFERED).collect();
            offers.extend(ending.iter().filter_map(renewal).take(OFFERED));
            let said = |one: &Mine| {
                let due = one.due.map_or_else(Words::new, |due| Words::of(", ").left(due));
                [headline(app, &one.card).text(format!(" · {}", one.why.trim_end_matches('.'))).then(due).text("."), one.differs.clone()]
            };
            let mut paragraphs: Vec<Words> = found.iter().flat_map(said).filter(|words| !words.is_empty()).collect();
            paragraphs.extend(ending.iter().take(MOST).map(|one| ends(app, one)));
            if more {
                paragraphs.push(Words::of("There is more; it comes up as these are done."));
            }
            Outcome::Says(Reply { paragraphs, buttons: offers, ..Reply::default() })
        }
    }
}

/// Something that waits for somebody, as chat shows it.
struct Mine {
    card: Card,
    why: String,
    due: Option<Timestamp>,
    /// What differs from the last one like it, when it is to be decided.
    differs: Words,
    /// What is to be decided, and whether it is decided where it is listed.
    decides: Option<(Button, bool)>,
}

/// What waits, without content where chat shows none: then nothing is decided on unread.
fn told(app: &App, look: &Look<'_>, waiting: Vec<inbox::Entry>) -> Vec<Mine> {
    let mine = |entry: inbox::Entry| {
        let card = as_shown(app, look.card(&entry.pinned));
        let decision = entry.waiting.transition.as_ref().filter(|_| matches!(entry.waiting.why, Why::Decide | Why::Confirm));
        let action = decision.map(|name| Action::Decide(name.clone()));
        let button = action.and_then(|action| card.buttons.iter().find(|button| button.action == action)).cloned();
        let quick = entry.low && !card.bare;
        let differs = match &entry.differs {
            _ if card.bare || entry.waiting.why != Why::Decide => Words::new(),
            None => Words::of("Nothing like it was approved lately."),
            Some((number, differ)) if differ.is_empty() => Words::of(format!("As {number}, which was approved.")),
            Some((number, differ)) => Words::of(format!("Since {number}, which was approved: {}.", differ.join("; "))),
        };
        Mine { why: entry.words, due: entry.waiting.due, differs, decides: button.map(|button| (button, quick)), card }
    };
    waiting.into_iter().map(mine).collect()
}

/// The button of something that waits: to decide it at once where the risk is low, otherwise to look at it.
fn offered(one: &Mine) -> Option<Offer> {
    let number: Number = one.card.number.parse().ok()?;
    let (label, pressed) = match &one.decides {
        Some((button, true)) => (format!("Decide on {number}"), Pressed::of(&number, &one.card.stands_at, button)),
        _ => (format!("Show {number}"), Pressed::plain(Some(&number), Deed::Show)),
    };
    Some(Offer { label, does: Does::Press(pressed), primary: false })
}

/// Access of the reader that ends soon, in words.
fn ends(app: &App, ending: &inbox::Ending) -> Words {
    let words = Words::new().strong(&ending.number);
    let words = if forms::minimal(app) { words } else { words.text(" · ").text(&ending.title) };
    let words = words.text(" · your access ends ").time(ending.ends).text(".");
    if ending.asked { words.text(" Its renewal was asked for.") } else { words }
}

/// The press that asks for it as long again.
fn renewal(ending: &inbox::Ending) -> Option<Offer> {
    let number: Number = ending.number.parse().ok()?;
    ending.until?;
    let pressed = Pressed::plain(Some(&number), Deed::Act(Action::Step(inbox::RENEW.to_owned())));
    Some(Offer { label: format!("Renew {number}"), does: Does::Press(pressed), primary: false })
}

/// The kinds of ticket that the reader may open, each with its button.
pub(super) fn new(app: &App, speaker: &Speaker) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let buttons = kinds(app, person);
    if buttons.is_empty() {
        return says("Your roles let you open nothing here. Ask an administrator.");
    }
    Outcome::Says(Reply { paragraphs: vec![Words::of("What is to be opened?")], buttons, ..Reply::default() })
}

fn kinds(app: &App, person: &Person) -> Vec<Offer> {
    let Ok(look) = Look::new(app, person) else { return Vec::new() };
    let offer = |kind: &crate::procedure::model::Kind| Offer {
        label: format!("New {}", uncapitalise(&kind.title)),
        does: Does::Press(Pressed::plain(None, Deed::Act(Action::Declare(kind.name.clone())))),
        primary: false,
    };
    look.declarable().into_iter().map(offer).take(MOST_KINDS).collect()
}

/// Shows somebody the app's own page as it is now, once Slack was answered.
pub(super) fn show_home(app: &App, speaker: &Speaker) {
    let Some(chat) = app.chat.clone() else { return };
    let (of, speaker) = (app.clone(), speaker.clone());
    app.talk.after.say(async move {
        let page = home(&of, &speaker).await;
        if let Err(error) = chat.publish_home(&speaker.handle.user, &page).await {
            tracing::info!(%error, "somebody's first page in Slack could not be shown");
        }
    });
}

/// What somebody sees who opens the app itself.
async fn home(app: &App, speaker: &Speaker) -> Home {
    let Some(person) = &speaker.person else {
        let reply = forms::not_linked(app, false);
        return Home { paragraphs: reply.paragraphs, buttons: reply.buttons, waiting: Vec::new() };
    };
    let found = async {
        let look = Look::new(app, person)?;
        let (waiting, _) = inbox::read(&look, MOST, OFFERED).await?;
        Ok::<_, NoView>((told(app, &look, waiting), inbox::ending(&look).await?))
    };
    let (mut waiting, ending) = found.await.unwrap_or_default();
    // A ticket may wait for more than one reason; its card stands there once.
    let mut seen = BTreeSet::new();
    waiting.retain(|one| seen.insert(one.card.number.clone()));
    let words = match waiting.len() {
        0 => Words::of("Nothing waits for you."),
        n => Words::of(format!("{} for you.", count(i64::try_from(n).unwrap_or(i64::MAX), "thing waits", "things wait"))),
    };
    let mut paragraphs = vec![Words::new().strong(&person.name).text(". ").then(words)];
    paragraphs.extend(ending.iter().take(OFFERED).map(|one| ends(app, one)));
    // The cards below hold the buttons; what an approver looks at first stands above them.
    let differ = waiting.iter().filter(|one| !one.differs.is_empty()).take(OFFERED);
    paragraphs.extend(differ.map(|one| Words::new().strong(&one.card.number).text(": ").then(one.differs.clone())));
    let buttons = ending.iter().filter_map(renewal).take(OFFERED).chain(kinds(app, person)).collect();
    Home { paragraphs, buttons, waiting: waiting.into_iter().map(|one| one.card).collect() }
}
