//! Opening tickets: by hand, and for an alert.

use serde_json::json;

use super::command::{FieldInput, Fields, Matched, Open};
use super::draft::{Draft, Pinning};
use super::event::{Actor, Fact, NewEvent, NewTask, Pinned, TicketOpened};
use super::missing::Missing;
use super::number::Number;
use super::offer::may;
use super::refusal::Refusal;
use super::{campaign, clock, conditions, consequences, entry, escalate, fields, links, scores, severity, take};
use crate::env::Timestamp;
use crate::procedure::model::{Kind, Response};

/// Opens what a person asks for; gives its number.
pub(super) fn by_hand(draft: &mut Draft<'_>, open: &Open) -> Result<Number, Refusal> {
    let library = draft.ctx.library;
    let named = |name: &str| name.chars().filter(|c| !c.is_control()).take(60).collect::<String>();
    let kind = library.kinds.get(&open.kind).ok_or_else(|| Refusal::NoSuchKind { kind: named(&open.kind) })?;
    let what = format!("open a ticket of the kind “{}”", kind.title);
    draft.anybody(&what)?;
    // Whoever sees that something is wrong is heard, verified or not, where everybody may report.
    let reports = matches!(draft.ctx.actor, Actor::Account { .. }) && kind.declare.by.iter().any(|role| role == "anyone");
    if !reports && !may(draft.ctx.actor, None, &kind.declare.by) {
        return Err(Refusal::NotAllowed { what, roles: kind.declare.by.clone() });
    }
    let response = match &open.response {
        None => None,
        Some(name) => {
            let found = library.responses.iter().find(|r| r.name == *name && r.kind == kind.name);
            Some(found.ok_or_else(|| Refusal::NoSuchResponse { response: named(name) })?.as_ref())
        }
    };
    draft.check_fields(kind, &open.fields)?;
    draft.claimed(open.occurred_at, "The time at which it began")?;
    let mut filled = filled(kind, response, &open.fields);
    scores::apply(kind, None, &mut filled)?;
    entry::apply(&library.organisation, kind, None, &mut filled);
    let mut missing: Vec<Missing> = kind
        .declare
        .requires
        .iter()
        .filter(|name| !filled.contains_key(*name))
        .map(|name| {
            let label = kind.fields.get(name).map_or(name, |f| &f.label);
            Missing::Field { name: name.clone(), label: label.clone() }
        })
        .collect();
    missing.extend(not_offered(draft, kind, response, &filled));
    if !missing.is_empty() {
        return Err(Refusal::Missing { ticket: None, verb: "be opened".into(), missing });
    }
    let opening = Opening {
        fields: filled,
        group: None,
        window_seconds: 0,
        occurred_at: open.occurred_at,
        intake: open.intake.chars().filter(|c| !c.is_control()).take(32).collect(),
        received_at: open.received_at,
    };
    let number = record(draft, kind, response, opening);
    consequences::follow(draft, &number)?;
    Ok(number)
}

/// What of the request the system's entry does not offer. Looked at on a ticket that is not there yet.
fn not_offered(draft: &Draft<'_>, kind: &Kind, response: Option<&Response>, filled: &Fields) -> Option<Missing> {
    let rule = kind.declare.template.as_ref()?;
    let (plain, _) = take::split(filled);
    let opened = TicketOpened {
        ticket_kind: kind.name.clone(),
        status: kind.statuses.first().cloned().unwrap_or_default(),
        kind_digest: kind.digest.clone(),
        response: None,
        fields: plain,
        sealed_fields: Vec::new(),
        tasks: Vec::new(),
        group: None,
        window_seconds: 0,
        occurred_at: None,
        intake: String::new(),
        received_at: draft.ctx.now,
    };
    let event = NewEvent::on(&Number::new(&kind.prefix, 1), Fact::TicketOpened(opened));
    let ticket = super::evolve::evolve(None, &event.recorded(0, draft.ctx.now, draft.ctx.actor, draft.ctx.via, Some(1)))?;
    conditions::offered(&draft.around(Pinning { kind, response }), &ticket, rule)
}

/// Opens a record that follows from something else.
pub(super) fn as_consequence(draft: &mut Draft<'_>, kind: &Kind, given: Fields) -> Number {
    let opening = Opening {
        fields: filled(kind, None, &given),
        group: None,
        window_seconds: 0,
        occurred_at: None,
        intake: links::CONSEQUENCE.into(),
        received_at: draft.ctx.now,
    };
    record(draft, kind, None, opening)
}

/// Opens a record of what a tool reported.
pub(super) fn for_tool(draft: &mut Draft<'_>, kind: &Kind, given: Fields, received_at: Timestamp) -> Number {
    let opening = Opening {
        fields: filled(kind, None, &given),
        group: None,
        window_seconds: 0,
        occurred_at: None,
        intake: "deployment".into(),
        received_at,
    };
    record(draft, kind, None, opening)
}

/// Opens the ticket of an alert's group; none when the kind is not adopted.
pub(super) fn for_alert(draft: &mut Draft<'_>, matched: &Matched, began: Option<Timestamp>, received_at: Timestamp) -> Option<Number> {
    let library = draft.ctx.library;
    let kind = library.kinds.get(&matched.kind)?;
    let response = draft.ctx.kinds.response(&matched.response.digest)?;
    let mut given: Fields = matched.fields.iter().map(|(name, input)| (name.clone(), input.anew(&matched.seed, name))).collect();
    // A value that does not stand (the procedure moved on since it was matched) is left out: an alert is never lost.
    if let Err(problems) = fields::check(kind, library, &given) {
        for problem in problems {
            given.remove(&problem.field);
        }
    }
    let opening = Opening {
        fields: filled(kind, Some(response), &given),
        group: Some(matched.group.clone()),
        window_seconds: matched.window_seconds,
        occurred_at: began.filter(|at| *at <= draft.ctx.now),
        intake: "alert".into(),
        received_at,
    };
    Some(record(draft, kind, Some(response), opening))
}

struct Opening {
    fields: Fields,
    group: Option<String>,
    window_seconds: i64,
    occurred_at: Option<Timestamp>,
    intake: String,
    received_at: Timestamp,
}

/// What was given, then what the response playbook fills in, then the kind's defaults. Only plain values are
/// filled in here: sealing needs a salt, so sealed prefill comes with the command.
fn filled(kind: &Kind, response: Option<&Response>, given: &Fields) -> Fields {
    let mut out: Fields =
        given.iter().filter(|(_, v)| **v != FieldInput::Plain(serde_json::Value::Null)).map(|(n, v)| (n.clone(), v.clone())).collect();
    severity::propose(kind, None, &mut out);
    let prefilled = response.into_iter().flat_map(|r| &r.prefill);
    let defaults = kind.fields.iter().filter_map(|(n, f)| f.default.as_ref().map(|d| (n, d)));
    for (name, value) in prefilled.chain(defaults) {
        let plain = kind.fields.get(name).is_some_and(|f| !fields::is_sealed(f));
        if plain && !out.contains_key(name) {
            out.insert(name.clone(), FieldInput::Plain(value.clone()));
        }
    }
    out
}

fn record(draft: &mut Draft<'_>, kind: &Kind, response: Option<&Response>, opening: Opening) -> Number {
    let number = draft.allocate(&kind.prefix);
    let status = kind.statuses.first().cloned().unwrap_or_default();
    let texts = response.and_then(|r| r.tasks.get(&status)).map_or(&[][..], Vec::as_slice);
    let tasks = (1..).zip(texts).map(|(task, text)| NewTask { task, on: status.clone(), text: text.clone() }).collect();
    let (plain, sealed) = take::split(&opening.fields);
    let opened = TicketOpened {
        ticket_kind: kind.name.clone(),
        status,
        kind_digest: kind.digest.clone(),
        response: response.map(|r| Pinned { name: r.name.clone(), digest: r.digest.clone() }),
        fields: plain,
        sealed_fields: sealed.iter().map(|(name, _)| name.clone()).collect(),
        tasks,
        group: opening.group,
        window_seconds: opening.window_seconds,
        occurred_at: opening.occurred_at,
        intake: opening.intake,
        received_at: opening.received_at,
    };
    let decided_by = response.map_or(&kind.digest, |r| &r.digest);
    let mut event = NewEvent::on(&number, Fact::TicketOpened(opened)).by(decided_by);
    for (name, value) in sealed {
        event = event.seal(format!("field.{name}"), value.clone());
    }
    draft.push(event);
    let pin = Pinning { kind, response };
    campaign::begin(draft, &number, pin);
    clock::on_open(draft, &number, pin);
    escalate::page(draft, &number, pin);
    consequences::after(draft, &number, pin, json!({ "kind": "TicketOpened" }));
    number
}
