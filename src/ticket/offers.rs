//! Records that a ticket's card lets one open, linked: an emergency change for an incident, a change under its model.
//!
//! It is opened, linked both ways and, where the procedure says so, its first step is taken, all in one commit or not at
//! all: whoever may not take that step is refused as on the record itself.

use serde_json::Value;

use super::command::{FieldInput, Fields, Offer, Open, Step, Take};
use super::draft::Draft;
use super::offer::may;
use super::refusal::Refusal;
use super::state::Ticket;
use super::{links, open, take, view};
use crate::ledger::sealed::Sealed;
use crate::procedure::model::{FieldType, Kind};
use crate::procedure::rules::Offered;

/// The offers that the ticket makes now, in the procedure's order; whether each is to be seen at first sight.
#[must_use]
pub fn offered<'k>(ticket: &Ticket, kind: &'k Kind, response: Option<&crate::procedure::model::Response>) -> Vec<(&'k Offered, bool)> {
    if kind.offers.is_empty() || ticket.ended {
        return Vec::new();
    }
    let variables = view::variables(ticket, kind, response);
    let holds = |when: Option<&crate::procedure::expression::Expression>| when.is_none_or(|w| w.holds(&variables).unwrap_or(false));
    kind.offers.values().filter(|o| holds(o.when.as_ref())).map(|o| (o, holds(o.prominent.as_ref()))).collect()
}

pub(super) fn take_up(draft: &mut Draft<'_>, asked: &Offer) -> Result<(), Refusal> {
    draft.person("do that")?;
    let ticket = draft.ticket(&asked.ticket)?.clone();
    let pin = draft.pinning(&ticket)?;
    let rule = offered(&ticket, pin.kind, pin.response).into_iter().find(|(o, _)| o.name == asked.offer).map(|(o, _)| o);
    let Some(rule) = rule else {
        let label = pin.kind.offers.get(&asked.offer).map_or(asked.offer.as_str(), |o| o.label.as_str());
        let label: String = label.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(Refusal::NotApplicable { ticket: asked.ticket.clone(), label });
    };
    let library = draft.ctx.library;
    let kind = library.kinds.get(&rule.kind).ok_or_else(|| Refusal::NoSuchKind { kind: rule.kind.clone() })?;
    if !may(draft.ctx.actor, None, &kind.declare.by) {
        let what = format!("open a ticket of the kind “{}”", kind.title);
        return Err(Refusal::NotAllowed { what, roles: kind.declare.by.clone() });
    }
    if let Some(odd) = asked.fields.keys().find(|name| !rule.asks.contains(*name)) {
        let odd: String = odd.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(Refusal::BadRequest { because: format!("“{}” does not ask for {odd}", rule.label) });
    }
    let fields = filled(asked, &ticket, rule, kind, pin.response, pin.kind);
    let open = Open {
        kind: kind.name.clone(),
        fields,
        response: None,
        occurred_at: None,
        intake: pin.kind.name.clone(),
        received_at: asked.received_at,
    };
    let number = open::by_hand(draft, &open)?;
    links::both_ways(draft, &asked.ticket, &rule.link, &number, &pin.kind.digest);
    let given = rule.once.as_ref().is_none_or(|field| draft.find(&number).is_some_and(|t| t.fields.contains_key(field)));
    if let (Some(step), true) = (&rule.takes, given) {
        let steps = vec![Step { transition: step.clone(), ..Step::default() }];
        take::take(draft, &Take { ticket: number, steps, rev: None, binding: None })?;
    }
    Ok(())
}

/// What the form held, what the procedure sets and says, and what is copied from the ticket.
fn filled(
    asked: &Offer,
    ticket: &Ticket,
    rule: &Offered,
    kind: &Kind,
    response: Option<&crate::procedure::model::Response>,
    own: &Kind,
) -> Fields {
    let mut fields: Fields =
        asked.fields.iter().filter(|(_, v)| **v != FieldInput::Plain(Value::Null)).map(|(n, v)| (n.clone(), v.clone())).collect();
    for (name, value) in &rule.sets {
        fields.insert(name.clone(), FieldInput::Plain(Value::String(value.clone())));
    }
    let variables = view::variables(ticket, own, response);
    for (name, template) in &rule.says {
        if fields.contains_key(name) {
            continue;
        }
        let words = template.render(&variables);
        let plain = kind.fields.get(name).is_some_and(|f| !matches!(f.of, FieldType::Line | FieldType::Text));
        let value = if plain {
            FieldInput::Plain(Value::String(words))
        } else {
            FieldInput::Sealed(Sealed::new([0; 32], words.into_bytes()).anew(&asked.seed, &format!("field.{name}")))
        };
        fields.insert(name.clone(), value);
    }
    for name in &rule.copies {
        if let (Some(value), false) = (ticket.plain(name), fields.contains_key(name)) {
            fields.insert(name.clone(), FieldInput::Plain(value.clone()));
        }
    }
    fields
}
