//! What an assessor asks in chat: every change of the last six months, one change's way from end to end, what is promised,
//! and what a report counts.

use serde_json::Value;

use super::arrival::Outcome;
use super::forms;
use super::lookups::{line, reader, says};
use super::speaker::Speaker;
use crate::card::chat;
use crate::card::live::card;
use crate::card::trace;
use crate::card::words::{Words, count, humanise, list, one_line};
use crate::desk::chat::{Does, Offer, Reply};
use crate::evidence::report::ALL;
use crate::inbound::app::App;
use crate::inbound::console::view_of::Look;
use crate::inbound::console::views::ROOT;
use crate::inbound::reports::{self, Wanted};
use crate::procedure::model::{Kind, Permission};
use crate::procedure::targets::{render, targets};
use crate::ticket::number::Number;
use crate::ticket::period::since;

/// Tickets that the log shows; all of them are counted.
const MOST: i64 = 10;
/// How far back one looks unless something else is said.
const USUAL: &str = "6mo";
/// Tickets that a report names, and characters of one thing that it counts.
const NAMED: usize = 10;
const SUMMARY: usize = 300;
/// Bytes of one paragraph with targets.
const PARAGRAPH: usize = 2_500;

fn open(app: &App, label: &str, path: &str) -> Vec<Offer> {
    vec![Offer { label: label.to_owned(), does: Does::Open(format!("{}{ROOT}/{path}", app.config.public_url)), primary: false }]
}

/// What follows `--since`; none when nothing does.
fn length(asked: &str) -> Option<&str> {
    let asked = asked.strip_prefix("--since").unwrap_or(asked).trim_start_matches('=').trim();
    Some(asked).filter(|asked| !asked.is_empty())
}

/// `report reviews --since 30d`: what a report counts, and which tickets it names; without a name, the reports that there are.
pub(super) async fn report(app: &App, speaker: &Speaker, asked: &str) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    if let Err(error) = app.desk.allow(person, Permission::Read) {
        return says(error.to_string());
    }
    let (name, rest) = asked.split_once(char::is_whitespace).unwrap_or((asked, ""));
    if name.is_empty() {
        let paragraphs = ALL.iter().map(|report| Words::new().strong(report.name).text(format!(": {}.", report.answers))).collect();
        return Outcome::Says(Reply { paragraphs, buttons: open(app, "All reports", "reports"), ..Reply::default() });
    }
    let Some(report) = reports::find(name) else { return says(reports::none_of_that_name()) };
    let asked = length(rest.trim());
    if asked.is_some() && !report.takes.contains(&"from") {
        return says(format!("The report {name} is of this moment, and takes no period."));
    }
    let back = asked.or(reports::usual(report));
    let from = back.and_then(|back| since(back, app.desk.now()));
    if back.is_some() && from.is_none() {
        return says(format!("How far back? Like this: /countersign report {name} --since 6mo, 30d, 2w, 1y, or a day like 2026-03-01."));
    }
    let answer = match reports::report(&app.desk, person, report, &Wanted { from, ..Wanted::default() }).await {
        Ok(answer) => answer,
        Err(error) => return says(error.to_string()),
    };
    let first = Words::of(format!("{}.", report.answers));
    let mut paragraphs = vec![from.map_or_else(|| first.clone(), |from| first.clone().text(" Since ").time(from).text("."))];
    let summary = answer["summary"].as_object().into_iter().flatten().map(|(name, value)| (humanise(name), reports::words(value)));
    // Where chat bears no content, it bears counts.
    let bare = forms::minimal(app);
    let summary = summary.filter(|(_, value)| !value.is_empty() && (!bare || value.parse::<f64>().is_ok()));
    paragraphs.extend(summary.map(|(name, value)| Words::of(format!("{name}: ")).strong(one_line(&value, SUMMARY))));
    paragraphs.push(named(&answer));
    let buttons = open(app, "Open the report", &format!("reports/{name}"));
    Outcome::Says(Reply { paragraphs, buttons, ..Reply::default() })
}

/// How many rows there are, and the first tickets among them.
fn named(answer: &Value) -> Words {
    let rows = answer["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    let all = i64::try_from(rows.len()).unwrap_or(i64::MAX).saturating_add(answer["rows_left_out"].as_i64().unwrap_or(0));
    let words = Words::of(format!("{} to look at", count(all, "row", "rows")));
    let mut numbers: Vec<String> = rows.iter().filter_map(|row| row["ticket"].as_str()).map(str::to_owned).collect();
    numbers.dedup();
    if numbers.len() > NAMED {
        numbers.truncate(NAMED);
        numbers.push("others".to_owned());
    }
    if numbers.is_empty() { words.text(".") } else { words.text(format!(": {}.", list(&numbers, "and"))) }
}

/// `log --since 6mo`: how many tickets of a kind were opened since then, and the latest of them.
pub(super) async fn log(app: &App, speaker: &Speaker, kind: &Kind, asked: &str) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let asked = length(asked).unwrap_or(USUAL);
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
