//! A ticket as programs see it: its state with the plaintext that the viewer may read, and what can be done next.

use serde_json::{Map, Value, json};

use crate::desk::Snapshot;
use crate::desk::query::Texts;
use crate::inbound::inbox::Ending;
use crate::ticket::binding::binding;
use crate::ticket::inbox::Waiting;
use crate::ticket::missing::{Missing, missing};
use crate::ticket::offer::{offered, starts};
use crate::ticket::state::{Held, Ticket};
use crate::ticket::version::{Change, Part, Touch};
use crate::ticket::{approval, spoken, view};

/// A ticket in full, and what can be done next.
pub(super) fn ticket(ticket: &Ticket, texts: &Texts, snapshot: &Snapshot) -> Value {
    let mut shown = version(ticket, texts);
    shown["can"] = json!(can(ticket, snapshot));
    shown
}

/// A version of a ticket in full.
pub(super) fn version(ticket: &Ticket, texts: &Texts) -> Value {
    let mut shown = summary(ticket, texts);
    let more = json!({
        "kind_digest": ticket.kind_digest,
        "response": ticket.response,
        "opened_by": ticket.opened_by,
        "intake": ticket.intake,
        "lead": ticket.lead,
        "fields": fields(ticket, texts),
        "steps": ticket.steps,
        "notes": ticket.notes,
        "tasks": ticket.tasks,
        "files": files(ticket, texts),
        "evidence_waived": ticket.evidence_waived,
        "links": links(ticket, texts),
        "clocks": ticket.clocks,
        "owed": ticket.owed,
        "approvals": ticket.approvals,
        "granted": ticket.granted,
        "spoken": ticket.spoken,
        "escalation": ticket.escalation,
        "notified": ticket.notified,
        "merged_from": ticket.merged_from,
        "merged_into": ticket.merged_into.as_ref().map(|(into, _)| into),
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

/// A ticket as lists show it.
pub(super) fn summary(ticket: &Ticket, texts: &Texts) -> Value {
    let field = |name: &str| ticket.fields.get(name).map(|held| value_of(held, texts));
    json!({
        "number": ticket.number,
        "kind": ticket.kind,
        "title": field("title").unwrap_or_default(),
        "severity": field("severity"),
        "status": ticket.status,
        "ended": ticket.ended,
        "rev": ticket.rev,
        "owner": ticket.owner,
        "opened_at": ticket.opened_at,
        "updated_at": ticket.updated_at,
        "ended_at": ticket.ended_at,
        "alerts": ticket.alerts,
    })
}

fn value_of(held: &Held, texts: &Texts) -> Value {
    match held {
        Held::Plain(value) => value.clone(),
        // Structured sealed values (lists of systems) are JSON; free text is itself.
        Held::Sealed(sealed) => match texts.get(&(sealed.seq, sealed.name.clone())) {
            None => json!({ "redacted": sealed.commitment }),
            Some(text) if text.starts_with('[') => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
            Some(text) => Value::String(text.clone()),
        },
    }
}

/// What differs between two versions, with who made it so. A sealed value that was written again with the same words did
/// not change.
pub(super) fn changes(changes: &[(Change, Vec<Touch>)], old: &Texts, new: &Texts) -> Vec<Value> {
    let shown = |(change, touches): &(Change, Vec<Touch>)| {
        let before = change.before.as_ref().map(|held| value_of(held, old));
        let after = change.after.as_ref().map(|held| value_of(held, new));
        let by: Vec<Value> = touches.iter().map(|t| json!({ "rev": t.rev, "seq": t.seq, "at": t.at, "actor": t.actor })).collect();
        let of = if change.part == Part::Field { "fields" } else { "ticket" };
        (before != after).then(|| json!({ "of": of, "field": change.name, "before": before, "after": after, "by": by }))
    };
    changes.iter().filter_map(shown).collect()
}

fn fields(ticket: &Ticket, texts: &Texts) -> Map<String, Value> {
    ticket.fields.iter().map(|(name, held)| (name.clone(), value_of(held, texts))).collect()
}

fn files(ticket: &Ticket, texts: &Texts) -> Vec<Value> {
    let text = |seq: i64, name: &str| texts.get(&(seq, name.to_owned()));
    let shown = |f: &crate::ticket::state::File| {
        let mut value = serde_json::to_value(f).unwrap_or_default();
        value["name"] = json!(text(f.seq, "name"));
        value["sha256"] = json!(text(f.seq, "sha256"));
        value
    };
    ticket.files.iter().map(shown).collect()
}

fn links(ticket: &Ticket, texts: &Texts) -> Vec<Value> {
    let shown = |l: &crate::ticket::state::Link| {
        let mut value = serde_json::to_value(l).unwrap_or_default();
        for name in ["target", "reason"] {
            if let Some(text) = texts.get(&(l.seq, name.to_owned())) {
                value[name] = json!(text);
            }
        }
        value
    };
    ticket.links.iter().map(shown).collect()
}

/// What can be done next, with what is missing for it and what a button would be bound to.
fn can(ticket: &Ticket, snapshot: &Snapshot) -> Vec<Value> {
    let Some(kind) = snapshot.procedures.kind(&ticket.kind_digest) else { return Vec::new() };
    let response = ticket.response.as_ref().and_then(|r| snapshot.procedures.response(&r.digest)).map(AsRef::as_ref);
    let shown = |t: &&crate::procedure::model::Transition| {
        let lacks = missing(ticket, kind, response, t, snapshot.directory.as_ref());
        let lacks: Vec<Value> = lacks.iter().map(lack).collect();
        json!({
            "transition": t.name,
            "label": view::label(kind, response, &t.name),
            "to": t.to,
            "binding": binding(ticket, kind, t),
            "approval": approval::digest(ticket, t),
            "missing": lacks,
        })
    };
    let offered = offered(ticket, kind, response);
    // What takes itself once it is approved is not offered to be taken, but to be decided on.
    let decided = kind.transitions.values().filter(|t| {
        let starts = t.automatic && starts(ticket, kind, response, t) && !approval::stands(ticket, t);
        t.approval.is_some() && (starts || spoken::waits(ticket, t))
    });
    decided.chain(offered).collect::<Vec<_>>().iter().map(shown).collect()
}

/// One thing that waits for somebody.
pub(super) fn waiting(waiting: &Waiting, ticket: &Ticket, texts: &Texts) -> Value {
    json!({
        "why": waiting.why.word(),
        "transition": waiting.transition,
        "due": waiting.due,
        "since": waiting.since,
        "level": waiting.level,
        "ticket": summary(ticket, texts),
    })
}

/// Access of the caller that ends soon; `renew_until`: what one step asks for.
pub(super) fn ending(ending: &Ending) -> Value {
    json!({
        "ticket": ending.number,
        "title": ending.title,
        "ends": ending.ends,
        "renew_until": ending.until,
        "renewal_asked": ending.asked,
    })
}

fn lack(missing: &Missing) -> Value {
    json!({ "code": missing.code(), "what": missing.words(), "field": missing.field_problem().map(|(field, _)| field) })
}
