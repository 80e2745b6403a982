//! What an assessor asks in chat: every change of the last six months, one change's way from end to end, what is promised.

use super::arrival::Outcome;
use super::forms;
use super::lookups::{line, reader, says};
use super::speaker::Speaker;
use crate::card::chat;
use crate::card::live::card;
use crate::card::trace;
use crate::card::words::Words;
use crate::desk::chat::{Does, Offer, Reply};
use crate::inbound::app::App;
use crate::inbound::console::view_of::Look;
use crate::inbound::console::views::ROOT;
use crate::procedure::model::{Kind, Permission};
use crate::procedure::targets::{render, targets};
use crate::ticket::number::Number;
use crate::ticket::period::since;

/// Tickets that the log shows; all of them are counted.
const MOST: i64 = 10;
/// How far back one looks unless something else is said.
const USUAL: &str = "6mo";
/// Bytes of one paragraph with targets.
const PARAGRAPH: usize = 2_500;

fn open(app: &App, label: &str, path: &str) -> Vec<Offer> {
    vec![Offer { label: label.to_owned(), does: Does::Open(format!("{}{ROOT}/{path}", app.config.public_url)), primary: false }]
}

/// `log --since 6mo`: how many tickets of a kind were opened since then, and the latest of them.
pub(super) async fn log(app: &App, speaker: &Speaker, kind: &Kind, asked: &str) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let asked = asked.strip_prefix("--since").unwrap_or(asked).trim_start_matches('=').trim();
    let asked = if asked.is_empty() { USUAL } else { asked };
    let Some(from) = since(asked, app.desk.now()) else { return Outcome::says(chat::how_far_back(&kind.name)) };
    let found = async {
        let look = Look::new(app, person)?;
        let position = app.desk.position_at(person, from).await?;
        let count = app.desk.count_of_kind(person, &kind.name, (position, i64::MAX)).await?;
        let latest = app.desk.tickets_latest(person, &kind.name, (position, i64::MAX), "", MOST).await?;
        let latest = look.pin_all(latest.into_iter().map(|(_, ticket)| ticket).collect()).await?;
        let cards: Vec<_> = latest.iter().map(|pinned| look.scene(pinned, card)).collect();
        Ok::<_, crate::desk::query::NoView>((count, cards))
    };
    match found.await {
        Err(error) => says(error.to_string()),
        Ok((count, cards)) => {
            let mut paragraphs = vec![chat::logged(count, &kind.title, from)];
            paragraphs.extend(cards.iter().map(|card| line(app, card)));
            Outcome::Says(Reply { paragraphs, buttons: open(app, "All of them", &format!("list/{}", kind.name)), ..Reply::default() })
        }
    }
}

/// `trace CHG-000042`: its way from the request to the proof.
pub(super) async fn trace_of(app: &App, speaker: &Speaker, number: &Number) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let buttons = open(app, "Open the trace", &format!("c/{number}/trace"));
    let found = async {
        let look = Look::new(app, person)?;
        let pinned = look.ticket(number).await?;
        let bare = forms::minimal(app) || look.scene(&pinned, card).bare;
        let way = crate::ticket::trace::trace(&pinned.ticket, pinned.kind());
        Ok::<_, crate::desk::query::NoView>((
            bare,
            way.map(|way| look.scene(&pinned, |scene| trace::lines(&way, scene.kind, &scene.known))),
        ))
    };
    match found.await {
        Err(error) => says(error.to_string()),
        Ok((_, None)) => Outcome::says(chat::no_trace(number)),
        Ok((true, _)) => Outcome::Says(Reply { paragraphs: vec![chat::traced_in_the_console(number)], buttons, ..Reply::default() }),
        Ok((false, Some(paragraphs))) => Outcome::Says(Reply { paragraphs, buttons, ..Reply::default() }),
    }
}

/// `sla`: what is promised, line by line as it reads back; of one kind, when it is named.
pub(super) fn promised(app: &App, speaker: &Speaker, kind: &str) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    if let Err(error) = app.desk.allow(person, Permission::Read) {
        return says(error.to_string());
    }
    let snapshot = app.desk.snapshot();
    let Some(library) = snapshot.procedures.current() else { return says("No playbooks were adopted yet.") };
    let kind = kind.trim_start_matches("show").trim();
    let all = targets(library).into_iter().filter(|t| kind.is_empty() || t.kind == kind);
    let mut paragraphs: Vec<String> = Vec::new();
    for target in all {
        let line = render(&target);
        match paragraphs.last_mut() {
            Some(last) if last.len() + line.len() < PARAGRAPH => last.extend(["\n", line.as_str()]),
            _ => paragraphs.push(line),
        }
    }
    if paragraphs.is_empty() {
        let kinds: Vec<&str> = library.kinds.keys().map(String::as_str).collect();
        return says(format!("Nothing is promised of that. There are: {}.", kinds.join(", ")));
    }
    let paragraphs = paragraphs.into_iter().map(Words::of).collect();
    Outcome::Says(Reply { paragraphs, buttons: open(app, "Open the targets", "targets"), ..Reply::default() })
}
