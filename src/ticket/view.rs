//! A ticket as conditions of the procedure see it, and as its response playbook words it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::approval;
use super::state::{Held, Ticket};
use crate::procedure::expression::Variables;
use crate::procedure::model::{Kind, Response};

/// `ticket` and `phases` for CEL. Plain fields only: what is sealed is never looked at, so it can be redacted
/// without changing a decision. `phases.skippable`, and `phases.<name>`: whether the phase applies.
#[must_use]
pub fn variables(ticket: &Ticket, kind: &Kind, response: Option<&Response>) -> Variables {
    let fields: Map<String, Value> = ticket
        .fields
        .iter()
        .filter_map(|(name, held)| match held {
            Held::Plain(value) => Some((name.clone(), value.clone())),
            Held::Sealed(_) => None,
        })
        .collect();
    let mut phases = Map::new();
    phases.insert("skippable".into(), Value::Bool(response.is_some_and(|r| r.skippable)));
    for transition in kind.transitions.values().filter(|t| t.phase) {
        phases.insert(transition.name.clone(), Value::Bool(applies(response, &transition.name)));
    }
    let mut out = Variables::new();
    out.insert(
        "ticket".into(),
        json!({
            "number": ticket.number.to_string(),
            "kind": ticket.kind,
            "status": ticket.status,
            "severity": ticket.severity(),
            "severities_seen": ticket.severities_seen(),
            "levels_seen": levels_seen(ticket, kind),
            "intake": ticket.intake,
            "response": ticket.response.as_ref().map_or("", |r| r.name.as_str()),
            "owner": ticket.owner.as_deref().unwrap_or_default(),
            "lead": ticket.lead.as_deref().unwrap_or_default(),
            "fields": fields,
            "alerts": ticket.alerts,
            "taken": ticket.steps.iter().map(|s| s.transition.as_str()).collect::<BTreeSet<_>>(),
            "overdue": overdue(ticket),
            "stale": kind.transitions.values().any(|t| approval::is_stale(ticket, t)),
            "spoken": ticket.spoken.as_ref().map_or("none", |s| match (s.confirmed, &s.giver) {
                (Some(true), _) => "confirmed",
                (Some(false), _) => "denied",
                (None, Some(_)) => "waiting",
                (None, None) => "silence",
            }),
        }),
    );
    out.insert("phases".into(), Value::Object(phases));
    out
}

/// Of each score, the levels that the ticket was ever judged to have, and the one that stands now.
fn levels_seen(ticket: &Ticket, kind: &Kind) -> Value {
    let of = |sets: &str| {
        let now = ticket.plain(sets).and_then(Value::as_str);
        ticket.levels.get(sets).into_iter().flatten().map(String::as_str).chain(now).collect::<BTreeSet<_>>()
    };
    Value::Object(kind.scores.iter().map(|score| (score.sets.clone(), json!(of(&score.sets)))).collect())
}

/// Names of the clocks that were missed and still run.
fn overdue(ticket: &Ticket) -> Vec<&str> {
    ticket.clocks.iter().filter(|(_, clock)| clock.breached && clock.stopped.is_none()).map(|(name, _)| name.as_str()).collect()
}

/// Whether the response playbook lets this phase apply.
#[must_use]
pub fn applies(response: Option<&Response>, phase: &str) -> bool {
    response.is_none_or(|r| !r.not_applicable.contains(phase))
}

/// What this ticket calls a transition: the response playbook's word, or the kind's.
#[must_use]
pub fn label<'a>(kind: &'a Kind, response: Option<&'a Response>, transition: &'a str) -> &'a str {
    response
        .and_then(|r| r.labels.get(transition))
        .or_else(|| kind.transitions.get(transition).map(|t| &t.label))
        .or_else(|| kind.proofs.get(transition))
        .map_or(transition, String::as_str)
}
