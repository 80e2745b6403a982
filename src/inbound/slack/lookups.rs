//! Answers that change nothing: what is open, one ticket's card, what waits for me, who I am, who is called.

use super::arrival::Outcome;
use super::forms;
use super::speaker::Speaker;
use crate::card::buttons::{Action, Button};
use crate::card::live::Card;
use crate::card::words::{Words, count, list as listed};
use crate::desk::chat::{Deed, Does, Home, Offer, Pressed, Reply};
use crate::desk::query::NoView;
use crate::inbound::app::App;
use crate::inbound::console::inbox;
use crate::inbound::console::view_of::{Look, Pinned};
use crate::inbound::console::views::ROOT;
use crate::people::Person;
use crate::procedure::model::Permission;
use crate::ticket::number::Number;
use crate::ticket::rota;

/// Tickets that a list shows.
const MOST: usize = 20;
/// Tickets of a list that have a button.
const OFFERED: usize = 5;

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

pub(super) fn line(app: &App, card: &Card) -> Words {
    if card.bare || forms::minimal(app) {
        let severity = card.severity.as_ref().map_or_else(String::new, |s| format!(" · {}", s.name));
        return Words::new().strong(&card.number).text(format!("{severity} · {}", card.status));
    }
    let severity = card.severity.as_ref().map_or_else(String::new, |s| format!("{} · ", s.name));
    Words::new().strong(&card.number).text(format!(" · {severity}{} · ", card.title)).then(card.state.clone())
}

/// Open tickets with this prefix, the worst first.
pub(super) async fn list(app: &App, speaker: &Speaker, prefix: &str) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let found = async { Look::new(app, person)?.open().await };
    match found.await {
        Err(error) => says(error.to_string()),
        Ok(cards) => {
            let of_kind: Vec<&Card> = cards.iter().filter(|card| card.number.starts_with(prefix)).collect();
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
            let mut buttons: Vec<Offer> = card.may_work.then_some(&note).into_iter().chain(&card.more).map(offer).collect();
            buttons.push(forms::page(app, number));
            Outcome::Says(Reply { paragraphs, buttons, ..Reply::default() })
        }
    }
}

/// Who I am here.
pub(super) fn whoami(app: &App, speaker: &Speaker) -> Outcome {
    let Some(person) = &speaker.person else { return Outcome::Says(forms::not_linked(app, false)) };
    let roles: Vec<String> = person.state.roles.iter().map(|role| role.replace('-', " ")).collect();
    let roles = if roles.is_empty() { "no role".to_owned() } else { listed(&roles, "and") };
    Outcome::says(Words::of("You are ").strong(&person.name).text(format!(" ({}), as {roles}.", person.email)))
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
        held.map(name).collect()
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

/// What waits for me: by deadline, then by how bad it is.
pub(super) async fn inbox(app: &App, speaker: &Speaker) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    match waiting(app, person).await {
        Err(error) => says(error.to_string()),
        Ok(found) if found.is_empty() => says("Nothing waits for you."),
        Ok(found) => {
            let offers = found.iter().take(OFFERED).filter_map(offered).collect();
            let said = found.iter().take(MOST).flat_map(|one| [line(app, &one.card), one.differs.clone()]);
            Outcome::Says(Reply { paragraphs: said.filter(|words| !words.is_empty()).collect(), buttons: offers, ..Reply::default() })
        }
    }
}

/// Something that waits for somebody.
pub(super) struct Mine {
    card: Card,
    /// What differs from the last one like it, when it is to be decided.
    differs: Words,
    /// It is decided where it is listed.
    quick: bool,
}

/// The button of something that waits: to decide it at once where the risk is low, otherwise to look at it.
fn offered(one: &Mine) -> Option<Offer> {
    let number: Number = one.card.number.parse().ok()?;
    let decides = one.card.buttons.iter().find(|button| matches!(button.action, Action::Decide(_)));
    let (label, pressed) = match decides.filter(|_| one.quick) {
        Some(button) => (format!("Decide on {number}"), Pressed::of(&number, &one.card.stands_at, button)),
        None => (format!("Show {number}"), Pressed::plain(Some(&number), Deed::Show)),
    };
    Some(Offer { label, does: Does::Press(pressed), primary: false })
}

/// What differs from the last request like this one: what an approver looks at first.
async fn told(look: &Look<'_>, pinned: &Pinned, transition: &str, similar: &mut inbox::Similar) -> Result<Words, NoView> {
    let Some(transition) = pinned.kind().transitions.get(transition) else { return Ok(Words::new()) };
    Ok(match inbox::differs(look, pinned, transition, similar).await? {
        None => Words::of("Nothing like it was approved lately."),
        Some((number, differ)) if differ.is_empty() => Words::of(format!("As {number}, which was approved.")),
        Some((number, differ)) => Words::of(format!("Since {number}, which was approved: {}.", differ.join("; "))),
    })
}

/// What waits for somebody.
pub(super) async fn waiting(app: &App, person: &Person) -> Result<Vec<Mine>, NoView> {
    let look = Look::new(app, person)?;
    let open = app.desk.tickets_open(person, -1, crate::inbound::console::view_of::MOST_OPEN).await?;
    let pinned = look.pin_all(open.into_iter().map(|(_, ticket)| ticket).collect()).await?;
    let mut mine: Vec<(i64, u8, Card, &Pinned)> = Vec::new();
    for pinned in &pinned {
        let card = look.card(pinned);
        if let Some(due) = waits(person, pinned, &card) {
            let level = card.severity.as_ref().map_or(u8::MAX, |s| s.level);
            mine.push((due, level, card, pinned));
        }
    }
    mine.sort_by_key(|(due, level, _, _)| (*due, *level));
    let (mut out, mut similar) = (Vec::new(), inbox::Similar::default());
    for (place, (_, _, card, pinned)) in mine.into_iter().enumerate() {
        let decides = card.buttons.iter().find_map(|button| match &button.action {
            Action::Decide(transition) => Some(transition.clone()),
            _ => None,
        });
        let (mut differs, mut quick) = (Words::new(), false);
        // Where no content is wanted in chat, neither is what differs, nor anything that could be decided on unread.
        let card = as_shown(app, card);
        if let Some(transition) = decides.filter(|_| place < MOST && !card.bare) {
            differs = told(&look, pinned, &transition, &mut similar).await?;
            quick = inbox::is_low(&pinned.ticket);
        }
        out.push(Mine { card, differs, quick });
    }
    Ok(out)
}

/// By when a ticket waits for somebody, microseconds; none when it does not.
fn waits(person: &Person, pinned: &Pinned, card: &Card) -> Option<i64> {
    let (ticket, id) = (&pinned.ticket, person.state.id.as_str());
    let mine = |who: &str| who == id || person.state.roles.iter().any(|role| role == who);
    let owed = ticket.owed.iter().filter(|owed| mine(&owed.who)).map(|owed| owed.due.micros()).min();
    let has_it = ticket.owner.as_deref() == Some(id) || ticket.lead.as_deref() == Some(id);
    let called =
        ticket.escalation.as_ref().is_some_and(|e| e.acknowledged_by.is_none() && e.person.as_deref().map_or_else(|| mine(&e.to), mine));
    let nobodys = ticket.owner.is_none() && card.may_work;
    let decides = card.buttons.iter().any(|button| matches!(button.action, Action::Decide(_)));
    if owed.is_none() && !(has_it || called || nobodys || decides) {
        return None;
    }
    let clock = ticket.clocks.values().filter(|c| c.stopped.is_none() && c.paused.is_none()).map(|c| c.due.micros()).min();
    Some(owed.into_iter().chain(clock).min().unwrap_or(i64::MAX))
}

/// What somebody sees who opens the app itself.
pub(super) async fn home(app: &App, speaker: &Speaker) -> Home {
    let Some(person) = &speaker.person else {
        let reply = forms::not_linked(app, false);
        return Home { paragraphs: reply.paragraphs, buttons: reply.buttons, waiting: Vec::new() };
    };
    let waiting = waiting(app, person).await.unwrap_or_default();
    let kinds = Look::new(app, person)
        .map(|look| look.declarable().into_iter().map(|kind| (kind.name.clone(), kind.title.clone())).collect::<Vec<_>>());
    let buttons = kinds.unwrap_or_default().into_iter().take(4).map(|(name, title)| Offer {
        label: format!("New {}", title.to_lowercase()),
        does: Does::Press(Pressed::plain(None, Deed::Act(Action::Declare(name)))),
        primary: false,
    });
    let words = match waiting.len() {
        0 => Words::of("Nothing waits for you."),
        n => Words::of(format!("{} for you.", count(i64::try_from(n).unwrap_or(i64::MAX), "thing waits", "things wait"))),
    };
    let mut paragraphs = vec![Words::new().strong(&person.name).text(". ").then(words)];
    // The cards below hold the buttons; what an approver looks at first stands above them.
    let told = waiting.iter().filter(|one| !one.differs.is_empty()).take(OFFERED);
    paragraphs.extend(told.map(|one| Words::new().strong(&one.card.number).text(": ").then(one.differs.clone())));
    Home { paragraphs, buttons: buttons.collect(), waiting: waiting.into_iter().map(|one| one.card).collect() }
}
