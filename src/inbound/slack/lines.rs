//! The lines of a review in chat: those that wait for somebody, each with a button that opens its form.

use super::arrival::Outcome;
use super::forms;
use super::lookups::{reader, says};
use super::speaker::Speaker;
use crate::card::buttons::Action;
use crate::card::live::FactLine;
use crate::card::scene::Scene;
use crate::card::words::{Words, capitalise};
use crate::desk::campaign::{LineView, Wanted, flag_words};
use crate::desk::chat::{Deed, Does, Offer, Pressed, Reply};
use crate::desk::query::NoView;
use crate::inbound::app::App;
use crate::inbound::console::view_of::Look;
use crate::inbound::console::views::ROOT;
use crate::people::Person;
use crate::ticket::number::Number;

/// Lines that one answer shows.
const LINES: usize = 10;

/// The lines of a review that wait for me, each with a button that opens its form.
pub(super) async fn lines(app: &App, speaker: &Speaker, number: &Number) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let wanted = Wanted { mine: true, open: true };
    let found = match app.desk.lines(person, number, wanted, 0, LINES + 1).await {
        Ok(found) => found,
        Err(error) => return says(error.to_string()),
    };
    let page = Offer {
        label: "All of them in the console".to_owned(),
        does: Does::Open(format!("{}{ROOT}/c/{number}/lines", app.config.public_url)),
        primary: false,
    };
    if found.is_empty() {
        let paragraphs = vec![Words::of("No line of ").ticket(number).text(" waits for you.")];
        return Outcome::Says(Reply { paragraphs, buttons: vec![page], ..Reply::default() });
    }
    // Where chat shows no content, nobody decides there either.
    if forms::minimal(app) || is_sensitive(app, person, number).await {
        let paragraphs = vec![Words::of("Lines of ").ticket(number).text(" wait for you. Read them and decide in the console.")];
        return Outcome::Says(Reply { paragraphs, buttons: vec![page], ..Reply::default() });
    }
    let shown = found.iter().take(LINES);
    let mut paragraphs: Vec<Words> = shown.clone().map(line_words).collect();
    if found.len() > LINES {
        paragraphs.push(Words::of("There are more; they come up as these are decided."));
    }
    let offers = shown.map(|view| Offer {
        label: format!("Decide line {}", view.line),
        does: Does::Press(Pressed::plain(Some(number), Deed::Act(Action::Line(view.line)))),
        primary: false,
    });
    Outcome::Says(Reply { paragraphs, buttons: offers.chain([page]).collect(), ..Reply::default() })
}

/// Whether chat bears no content of it; what cannot be looked at bears none.
async fn is_sensitive(app: &App, person: &Person, number: &Number) -> bool {
    let Ok(look) = Look::new(app, person) else { return true };
    look.ticket(number).await.map_or(true, |pinned| look.scene(&pinned, |scene: &Scene<'_>| scene.is_sensitive()))
}

/// `12. Ana: admin on prod-db (ACC-000001). privileged`
fn line_words(view: &LineView) -> Words {
    let role = if view.shown.role.is_empty() { "access" } else { view.shown.role.as_str() };
    let mut words = Words::of(format!("{}. ", view.line)).strong(&view.shown.name).text(format!(": {role} on {}", view.shown.system));
    if let Some(record) = &view.shown.record {
        words = words.text(" (").ticket(record).text(")");
    }
    let flags = flag_words(&view.shown.flags).join(", ");
    if flags.is_empty() { words } else { words.text(format!(". {}", capitalise(&flags))) }
}

/// What a line says, for the form that decides on it.
pub(super) async fn line_facts(app: &App, person: &Person, number: &Number, line: i64) -> Result<Vec<FactLine>, NoView> {
    let found = app.desk.lines(person, number, Wanted::default(), line - 1, 1).await?;
    let Some(view) = found.first() else { return Ok(Vec::new()) };
    let shown = &view.shown;
    let facts = [
        ("Who", shown.name.as_str()),
        ("Account", &shown.account),
        ("System", &shown.system),
        ("Role", &shown.role),
        ("Last used", &shown.last_used),
        ("To know", &flag_words(&shown.flags).join(", ")),
    ];
    let fact = |(label, value): &(&str, &str)| FactLine { label: (*label).to_owned(), value: Words::of(*value) };
    Ok(facts.iter().filter(|(_, value)| !value.is_empty()).map(fact).collect())
}
