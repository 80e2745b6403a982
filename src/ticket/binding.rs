//! What a button is bound to: the ticket, its status, and the fields that its transition reads. Notes and alerts
//! change none of these, so a storm does not make buttons stale.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::state::{Held, Ticket};
use crate::procedure::model::{Ask, Kind, Transition};

/// Domain separation for [`binding`].
const DOMAIN: &[u8] = b"countersign/binding/v1\0";

/// Lower-case hex SHA-256 of what `transition` reads of the ticket.
#[must_use]
pub fn binding(ticket: &Ticket, kind: &Kind, transition: &Transition) -> String {
    let fields: Map<String, Value> =
        reads(kind, transition).into_iter().map(|name| (name.to_owned(), shown(ticket.fields.get(name)))).collect();
    let bound = json!({
        "fields": fields,
        "kind": ticket.kind_digest,
        "status": ticket.status,
        "ticket": ticket.number.to_string(),
        "transition": transition.name,
    });
    digest(DOMAIN, &bound)
}

/// A field as it is bound: its plain value, its commitment, or null.
pub(super) fn shown(held: Option<&Held>) -> Value {
    match held {
        None => Value::Null,
        Some(Held::Plain(value)) => json!({ "value": value }),
        Some(Held::Sealed(sealed)) => json!({ "commitment": sealed.commitment }),
    }
}

/// Hex SHA-256 over a domain and RFC 8785 canonical JSON.
pub(super) fn digest(domain: &[u8], value: &Value) -> String {
    let mut hash = Sha256::new();
    hash.update(domain);
    // Canonicalising fails on floats out of range only, and no field can hold one; the fallback is as stable.
    hash.update(serde_json_canonicalizer::to_vec(value).unwrap_or_else(|_| value.to_string().into_bytes()));
    hex::encode(hash.finalize())
}

/// Names of the fields that the transition asks for, requires, binds or has a condition on, in the kind's order.
pub(super) fn reads<'a>(kind: &'a Kind, transition: &Transition) -> Vec<&'a str> {
    let conditions: Vec<&str> = transition
        .from
        .iter()
        .filter_map(|f| f.when.as_ref())
        .chain(transition.requires.second_person.iter().filter_map(|s| s.when.as_ref()))
        .chain(transition.requires.not.iter().map(|g| &g.when))
        .map(crate::procedure::expression::Expression::source)
        .collect();
    let named = |name: &str| {
        transition.requires.fields.iter().any(|f| f == name)
            || transition.asks.iter().any(|a| matches!(a, Ask::Field(f) if f == name))
            || transition.approval.as_ref().is_some_and(|a| a.of.iter().any(|f| f == name))
            || conditions.iter().any(|c| mentions(c, name))
    };
    kind.fields.keys().map(String::as_str).filter(|name| named(name)).collect()
}

/// Whether the expression holds `name` as a whole word.
fn mentions(source: &str, name: &str) -> bool {
    source.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == name)
}
