//! The severity: proposed by the kind's matrix, chosen by people, who say why when they choose another.

use serde_json::Value;

use super::command::{FieldInput, Fields};
use super::state::Ticket;
use crate::procedure::model::Kind;

/// Adds what the matrix proposes, when one of its two fields is given and the severity is not.
pub(super) fn propose(kind: &Kind, ticket: Option<&Ticket>, fields: &mut Fields) {
    let Some(matrix) = &kind.matrix else { return };
    let touched = fields.contains_key(&matrix.rows) || fields.contains_key(&matrix.columns);
    if !touched || fields.contains_key(&matrix.sets) {
        return;
    }
    if let Some(proposed) = proposal(kind, ticket, fields) {
        fields.insert(matrix.sets.clone(), FieldInput::Plain(Value::String(proposed)));
    }
}

/// The severity before and after, when somebody chooses another than what stands or than what is proposed.
pub(super) fn overridden(kind: &Kind, ticket: &Ticket, given: &Fields) -> Option<(String, String)> {
    let Some(FieldInput::Plain(value)) = given.get("severity") else { return None };
    let after = value.as_str().unwrap_or("none");
    let before = ticket.severity();
    let proposed = proposal(kind, Some(ticket), given);
    if after == before || proposed.as_deref() == Some(after) {
        return None;
    }
    match (before, proposed) {
        ("", None) => None,
        ("", Some(proposed)) => Some((proposed, after.to_owned())),
        (before, _) => Some((before.to_owned(), after.to_owned())),
    }
}

fn proposal(kind: &Kind, ticket: Option<&Ticket>, fields: &Fields) -> Option<String> {
    let matrix = kind.matrix.as_ref()?;
    let value = |name: &str| match fields.get(name) {
        Some(FieldInput::Plain(value)) => value.as_str(),
        Some(FieldInput::Sealed(_)) => None,
        None => ticket.and_then(|t| t.plain(name)).and_then(Value::as_str),
    };
    matrix.propose(value(&matrix.rows)?, value(&matrix.columns)?).map(str::to_owned)
}
