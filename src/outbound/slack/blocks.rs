//! Cards, messages and answers as Block Kit: at most 50 blocks a message, 25 elements a row of buttons, 75 characters a
//! button, 2,000 its value, 150 a header (<https://docs.slack.dev/reference/block-kit/blocks>).
//!
//! A button's value is [`Pressed`]; its `action_id` only keeps it apart from its neighbours.

use serde_json::{Value, json};

use super::ink::{Ink, clip, escaped, plain};
use crate::card::buttons::{Button, Style};
use crate::card::live::{Card, Progress};
use crate::card::story::{Message, Speaker, Tone};
use crate::card::words::Words;
use crate::desk::chat::{Deed, Does, Home, Offer, Pressed, Reply};
use crate::ticket::number::Number;

/// Blocks of a message at most.
pub(super) const MESSAGE: usize = 50;
/// Blocks of a view at most.
pub(super) const VIEW: usize = 100;
/// Elements of a row at most.
const ROW: usize = 25;
/// Characters on a button at most.
const LABEL: usize = 75;
/// Characters of a header at most.
const HEADER: usize = 150;
/// Lines of a list on a card.
const LINES: usize = 10;
/// Names of a gathered storm's alerts.
const ALERTS: usize = 5;

/// What is posted: blocks, and the sentence for notifications.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// Mark-up, escaped.
    pub text: String,
    /// Blocks.
    pub blocks: Vec<Value>,
}

fn pressing(place: usize, label: &str, pressed: &Pressed, style: Style) -> Value {
    let mut button = json!({
        "type": "button",
        "action_id": format!("{place}.{}", pressed.deed),
        "text": plain(label, LABEL),
        "value": pressed.to_string(),
    });
    match style {
        Style::Primary => button["style"] = json!("primary"),
        Style::Careful => button["style"] = json!("danger"),
        Style::Plain => {}
    }
    button
}

fn leading(place: usize, label: &str, url: &str) -> Value {
    json!({ "type": "button", "action_id": format!("{place}.open"), "text": plain(label, LABEL), "url": clip(url, BUTTON_URL) })
}

/// Characters of a button's address at most.
const BUTTON_URL: usize = 3_000;

fn row(buttons: Vec<Value>) -> Vec<Value> {
    buttons.chunks(ROW).map(|row| json!({ "type": "actions", "elements": row })).collect()
}

fn offers(offers: &[Offer]) -> Vec<Value> {
    let button = |(place, offer): (usize, &Offer)| match &offer.does {
        Does::Press(pressed) => pressing(place, &offer.label, pressed, if offer.primary { Style::Primary } else { Style::Plain }),
        Does::Open(url) => leading(place, &offer.label, url),
    };
    row(offers.iter().enumerate().map(button).collect())
}

fn number_of(card: &Card) -> Option<Number> {
    card.number.parse().ok()
}

/// The buttons of a card, bound to the state that it shows.
fn buttons_of(ink: &Ink<'_>, card: &Card, more: bool) -> Vec<Value> {
    let Some(number) = number_of(card) else { return Vec::new() };
    let press =
        |(place, button): (usize, &Button)| pressing(place, &button.label, &Pressed::of(&number, &card.stands_at, button), button.style);
    let shown = card.buttons.iter().chain(card.more.iter().filter(|_| more));
    let read_by = card.notified.iter().filter_map(|line| line.button.as_ref());
    let mut out: Vec<Value> = shown.chain(read_by).enumerate().map(press).collect();
    if !more && !card.more.is_empty() {
        out.push(pressing(out.len(), "More…", &Pressed::plain(Some(&number), Deed::More), Style::Plain));
    }
    out.push(leading(out.len(), "Open in the console", &ink.page(&card.number)));
    row(out)
}

/// `INC-000042 · sev1 · payments-api is down`
#[must_use]
pub fn headline(card: &Card) -> String {
    let severity = card.severity.as_ref().map_or_else(String::new, |s| format!(" · {}", s.name));
    format!("{}{severity} · {}", card.number, card.title)
}

/// The live card, as everybody in the channel sees it.
#[must_use]
pub fn card(ink: &Ink<'_>, card: &Card) -> Post {
    let mut blocks = vec![json!({ "type": "header", "text": plain(&headline(card), HEADER) })];
    let mut state = Words::new().strong(&card.status).text(" · ").then(card.state.clone());
    for line in &card.for_others {
        state = state.text(format!(" {line}"));
    }
    blocks.push(ink.paragraph(&state));
    if !card.alerts.is_empty() {
        blocks.push(ink.paragraph(&card.alerts));
    }
    blocks.extend(details(ink, card));
    blocks.truncate(MESSAGE - 4);
    blocks.extend(buttons_of(ink, card, false));
    Post { text: format!("{}: {}", escaped(&clip(&headline(card), 300)), ink.fallback(&card.state)), blocks }
}

fn details(ink: &Ink<'_>, card: &Card) -> Vec<Value> {
    let mut out = Vec::new();
    if !card.phases.is_empty() {
        let mark = |progress| match progress {
            Progress::Done => "✓",
            Progress::Skipped => "–",
            Progress::Here => "●",
            Progress::Ahead => "○",
        };
        let phases: Vec<String> = card.phases.iter().map(|p| format!("{} {}", mark(p.progress), p.label)).collect();
        out.push(ink.paragraph(&Words::of(phases.join("   "))));
    }
    let facts: Vec<Words> = card.facts.iter().map(|f| Words::of(format!("{}: ", f.label)).then(f.value.clone())).collect();
    let running = card.clocks.iter().filter(|clock| clock.running);
    let clocks: Vec<Words> = running.map(|c| Words::of(format!("{}: ", c.label)).left(c.due)).collect();
    let task = |t: &crate::card::live::TaskLine| match &t.settled_by {
        Some(who) if t.waived => Words::of(format!("– {} (set aside by {who})", t.text)),
        Some(who) => Words::of(format!("✓ {} ({who})", t.text)),
        None => Words::of(format!("○ {}", t.text)),
    };
    let tasks: Vec<Words> = card.tasks.iter().map(task).collect();
    let links: Vec<Words> = card.links.iter().map(|l| Words::of(format!("{}: ", l.label)).then(l.value.clone())).collect();
    let notified: Vec<Words> = card.notified.iter().map(|n| n.words.clone()).collect();
    let files: Vec<Words> = card.files.iter().map(|f| Words::of(format!("{} ({})", f.name, f.about))).collect();
    let lists = [
        ("What is known", facts),
        ("Clocks", clocks),
        ("Decisions", card.approvals.clone()),
        ("Who was told", notified),
        ("Tasks", tasks),
        ("Owed later", card.owed.clone()),
        ("Links", links),
        ("Files", files),
    ];
    out.extend(lists.iter().filter_map(|(title, lines)| ink.list(title, lines, LINES)));
    out
}

/// `INC-000042 · sev1 · Mitigated`: what may be said of a ticket where no content is shown.
fn bare_line(card: &Card) -> String {
    let severity = card.severity.as_ref().map_or_else(String::new, |s| format!(" · {}", s.name));
    format!("{}{severity} · {}", card.number, card.status)
}

/// What takes effect at one click shows nothing of the content; what a form shows is read in the console.
fn bare_buttons(ink: &Ink<'_>, card: &Card) -> Vec<Value> {
    let mut buttons = Vec::new();
    if let Some(number) = number_of(card) {
        for button in card.buttons.iter().filter(|b| !b.opens_form) {
            buttons.push(pressing(buttons.len(), &button.label, &Pressed::of(&number, &card.stands_at, button), button.style));
        }
    }
    buttons.push(leading(buttons.len(), "Open in the console", &ink.page(&card.number)));
    row(buttons)
}

/// Numbers, status and links only: for sensitive tickets and organisations that want no content in chat.
#[must_use]
pub fn bare_card(ink: &Ink<'_>, card: &Card) -> Post {
    let line = bare_line(card);
    let mut blocks = vec![json!({ "type": "header", "text": plain(&line, HEADER) })];
    blocks.extend(bare_buttons(ink, card));
    Post { text: escaped(&line), blocks }
}

/// A card that says what does not work in chat, above its buttons; nothing where everything does.
#[must_use]
pub fn with_trouble(ink: &Ink<'_>, mut post: Post, trouble: &str) -> Post {
    if !trouble.is_empty() {
        let buttons = post.blocks.iter().position(|block| block["type"] == "actions").unwrap_or(post.blocks.len());
        post.blocks.insert(buttons, ink.paragraph(&Words::of(format!("▲ {trouble}"))));
    }
    post
}

/// One message of the story.
#[must_use]
pub fn message(ink: &Ink<'_>, message: &Message) -> Post {
    let mark = match message.said.tone {
        Tone::Pressing => "▲ ",
        Tone::Refusal => "✕ ",
        _ => "",
    };
    let writer = match &message.who {
        Speaker::Person { name, .. } if message.said.tone == Tone::Note => Words::new().name(name).text(" noted: "),
        _ => Words::new(),
    };
    let words = Words::of(mark).then(writer).then(message.said.text.clone());
    let mut blocks = Vec::new();
    if !words.is_empty() {
        blocks.push(ink.paragraph(&words));
    }
    if let Some(body) = &message.said.body {
        blocks.extend(Ink::quoted(body));
    }
    let names: Vec<Words> =
        if message.events > 1 { message.details.iter().map(|name| Words::new().quote(name)).collect() } else { Vec::new() };
    blocks.extend(ink.list("Among them", &names, ALERTS));
    let spoken = message.said.body.as_ref().map_or_else(Words::new, |body| Words::of(body.clone()));
    blocks.truncate(MESSAGE);
    Post { text: ink.fallback(&words.then(spoken)), blocks }
}

/// An answer to one person.
#[must_use]
pub fn reply(ink: &Ink<'_>, reply: &Reply) -> Post {
    let mut blocks: Vec<Value> = reply.paragraphs.iter().filter(|p| !p.is_empty()).map(|p| ink.paragraph(p)).collect();
    if let Some(of) = reply.card.as_ref().filter(|of| of.bare) {
        blocks.extend(bare_card(ink, of).blocks);
    } else if let Some(of) = &reply.card {
        let shown = card(ink, of);
        // The reader's own card carries everything that the reader may do.
        let kept = shown.blocks.into_iter().filter(|block| block["type"] != "actions");
        blocks.extend(kept);
        blocks.extend(buttons_of(ink, of, true));
    }
    blocks.truncate(MESSAGE - 2);
    blocks.extend(offers(&reply.buttons));
    blocks.truncate(MESSAGE);
    let text: Vec<String> = reply.paragraphs.iter().map(|p| ink.fallback(p)).collect();
    let text = if text.is_empty() {
        reply.card.as_ref().map_or_else(String::new, |of| escaped(&if of.bare { bare_line(of) } else { headline(of) }))
    } else {
        text.join("\n")
    };
    Post { text: clip(&text, super::ink::BLOCK), blocks }
}

/// Paragraphs and buttons of a view.
pub(super) fn says(ink: &Ink<'_>, paragraphs: &[Words], buttons: &[Offer]) -> Vec<Value> {
    let mut blocks: Vec<Value> = paragraphs.iter().filter(|p| !p.is_empty()).map(|p| ink.paragraph(p)).collect();
    blocks.truncate(VIEW - 4);
    blocks.extend(offers(buttons));
    blocks.truncate(VIEW);
    blocks
}

/// What somebody sees who opens the app.
#[must_use]
pub fn home(ink: &Ink<'_>, home: &Home) -> Value {
    let mut blocks = says(ink, &home.paragraphs, &home.buttons);
    for waiting in &home.waiting {
        if blocks.len() + 5 > VIEW {
            blocks.push(ink.paragraph(&Words::of("There is more in the console.")));
            break;
        }
        blocks.push(json!({ "type": "divider" }));
        if waiting.bare {
            blocks.push(ink.paragraph(&Words::new().strong(bare_line(waiting))));
            blocks.extend(bare_buttons(ink, waiting).into_iter().take(1));
        } else {
            blocks.push(ink.paragraph(&Words::new().strong(headline(waiting)).text(" · ").then(waiting.state.clone())));
            blocks.extend(buttons_of(ink, waiting, false).into_iter().take(1));
        }
    }
    json!({ "type": "home", "blocks": blocks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::card::live;
    use crate::card::samples::{Stage, at, contained, opened, recovered};

    fn ink() -> Ink<'static> {
        Ink { console: "https://cs.example.com", now: at("03:03") }
    }

    fn buttons(post: &Post) -> Vec<(String, String)> {
        let rows = post.blocks.iter().filter(|b| b["type"] == "actions");
        let elements = rows.flat_map(|r| r["elements"].as_array().cloned().unwrap_or_default());
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        elements.map(|e| (text(&e["text"]["text"]), text(&e["value"]))).collect()
    }

    #[test]
    fn a_card_says_what_it_is_first_and_its_buttons_are_bound_to_what_it_shows() {
        let (stage, ticket) = (Stage::new(), opened());
        let shown = live::card(&stage.scene(&ticket, at("03:03")));
        let post = card(&ink(), &shown);
        assert_eq!(post.blocks[0]["text"]["text"], "INC-000042 · sev1 · payments-api is down");
        assert_eq!(post.text, "INC-000042 · sev1 · payments-api is down: Nobody has it yet, 14 min left to acknowledge.");
        let labels: Vec<_> = buttons(&post).into_iter().map(|(label, _)| label).collect();
        assert_eq!(labels, ["Acknowledge", "False alarm", "More…", "Open in the console"]);
        let pressed: Pressed = buttons(&post)[0].1.parse().expect("ours");
        assert_eq!((pressed.status.as_str(), pressed.binding), ("open", shown.buttons[0].binding.clone()));
    }

    #[test]
    fn a_card_in_minimal_mode_shows_number_status_and_links_alone() {
        let (stage, ticket) = (Stage::new(), contained());
        let shown = live::card(&stage.scene(&ticket, at("03:40")));
        let post = bare_card(&ink(), &shown);
        assert_eq!(post.text, "INC-000042 · sev1 · Mitigated");
        let all = serde_json::to_string(&post.blocks).expect("JSON");
        assert!(!all.contains("payments") && !all.contains("Ana"), "{all}");
    }

    #[test]
    fn no_card_is_too_large_for_slack() {
        let stage = Stage::new();
        for mut ticket in [opened(), contained(), recovered()] {
            let task = ticket.tasks[0].clone();
            ticket.tasks = vec![task; 400];
            let owed = ticket.owed.clone();
            ticket.owed = owed.into_iter().cycle().take(60).collect();
            let shown = live::card(&stage.scene(&ticket, at("04:20")));
            let post = card(&ink(), &shown);
            assert!(post.blocks.len() <= MESSAGE);
            let whole = reply(&ink(), &Reply { card: Some(Box::new(shown)), ..Reply::of("Here it is.") });
            assert!(whole.blocks.len() <= MESSAGE && buttons(&whole).len() > buttons(&post).len());
        }
    }
}
