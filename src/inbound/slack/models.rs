//! Models: what was approved once for many, and is begun at one press.

use std::sync::Arc;

use super::arrival::Outcome;
use super::lookups::{as_shown, reader, says};
use super::speaker::Speaker;
use crate::card::buttons::Action;
use crate::card::live::Card;
use crate::card::words::{Words, one_line};
use crate::desk::chat::{Does, Offer, Pressed, Reply};
use crate::inbound::app::App;
use crate::inbound::console::view_of::Look;
use crate::procedure::model::Kind;
use crate::ticket::number::Number;

/// Models that are offered at a time: as many buttons as fit below one answer.
const MOST: usize = 20;
/// Characters of a button's text: as many as Slack takes.
const LABEL: usize = 75;

/// Whether records of this kind are begun from records of another kind that are approved once and for all: standard changes
/// from their models.
pub(super) fn any(app: &App, kind: &Kind) -> bool {
    let library = app.desk.snapshot().procedures.current().cloned();
    library.is_some_and(|library| library.kinds.values().any(|model| begins(model, kind)))
}

fn begins(model: &Kind, kind: &Kind) -> bool {
    let approved = model.transitions.values().any(|step| step.approval.is_some());
    approved && model.name != kind.name && model.offers.values().any(|offer| offer.kind == kind.name)
}

/// The models by which one of this kind is begun at one press.
pub(super) async fn list(app: &App, speaker: &Speaker, kind: &Kind) -> Outcome {
    let person = match reader(app, speaker) {
        Ok(person) => person,
        Err(outcome) => return outcome,
    };
    let library = app.desk.snapshot().procedures.current().cloned();
    let of_a_model = |card: &Card| {
        let named = |model: &&Arc<Kind>| card.number.split('-').next() == Some(model.prefix.as_str());
        library.iter().flat_map(|l| l.kinds.values()).find(named).is_some_and(|model| begins(model, kind))
    };
    let found = async { Look::new(app, person)?.open().await };
    let cards = match found.await {
        Ok(cards) => cards,
        Err(error) => return says(error.to_string()),
    };
    let offers = cards.into_iter().filter(of_a_model).filter_map(|card| {
        let card = as_shown(app, card);
        let number: Number = card.number.parse().ok()?;
        let button = card.buttons.iter().chain(&card.more).find(|button| matches!(button.action, Action::Offer(_)))?;
        let label = if card.bare { card.number.clone() } else { one_line(&card.title, LABEL) };
        Some(Offer { label, does: Does::Press(Pressed::of(&number, &card.stands_at, button)), primary: false })
    });
    let buttons: Vec<Offer> = offers.take(MOST).collect();
    let title = kind.title.to_lowercase();
    let words = match buttons.len() {
        0 => format!("There is no model from which you can begin a {title} now."),
        _ => format!("A {title} of one of these sorts was approved before. Press one, and say in one line what is done."),
    };
    Outcome::Says(Reply { paragraphs: vec![Words::of(words)], buttons, ..Reply::default() })
}
