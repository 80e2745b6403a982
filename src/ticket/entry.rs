//! What follows from a system's entry in organisation.yaml: a role that stands there as privileged is privileged, whatever the
//! requester says.

use serde_json::{Value, json};

use super::command::{FieldInput, Fields};
use super::duties::word_of;
use super::state::Ticket;
use crate::procedure::model::{FieldType, Kind, Organisation};

/// The value that asks for a privileged role.
pub(super) const PRIVILEGED: &str = "privileged";
/// The value that asks for emergency use, which has rules of its own.
const BREAK_GLASS: &str = "break-glass";

/// Whether the entry of the named system marks the named role as privileged, and the kind can say so.
pub(super) fn is_privileged<'v>(organisation: &Organisation, kind: &Kind, word: impl Fn(&str) -> Option<&'v str>) -> bool {
    let Some(rule) = &kind.declare.template else { return false };
    let says = |way: &String| matches!(kind.fields.get(way).map(|f| &f.of), Some(FieldType::Choice(of)) if of.contains_key(PRIVILEGED));
    let system = word(&rule.system).and_then(|name| organisation.estate.systems.get(name));
    let role = word(&rule.role).and_then(|name| system?.roles.get(name));
    rule.way.as_ref().is_some_and(says) && role.is_some_and(|role| role.privileged)
}

/// Adds that the role is privileged where its entry says so. `true` when something else was said of it.
pub(super) fn apply(organisation: &Organisation, kind: &Kind, ticket: Option<&Ticket>, fields: &mut Fields) -> bool {
    let Some(way) = kind.declare.template.as_ref().and_then(|rule| rule.way.as_ref()) else { return false };
    let word = |name: &str| match fields.get(name) {
        Some(FieldInput::Plain(value)) => value.as_str(),
        Some(FieldInput::Sealed(_)) => None,
        None => ticket.and_then(|t| word_of(t, name)),
    };
    let said = word(way).filter(|way| *way == PRIVILEGED || *way == BREAK_GLASS);
    if said.is_some() || !is_privileged(organisation, kind, word) {
        return false;
    }
    let otherwise = fields.get(way).is_some_and(|given| *given != FieldInput::Plain(Value::Null));
    fields.insert(way.clone(), FieldInput::Plain(json!(PRIVILEGED)));
    otherwise
}
