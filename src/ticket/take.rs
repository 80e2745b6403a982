//! Taking transitions: who may, from where, what must be there, and everything that follows at once.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::binding::binding;
use super::command::{FieldInput, Fields, Step, Take};
use super::draft::{Draft, Pinning};
use super::event::{Fact, NewEvent, NewTask, TransitionTaken};
use super::missing::{Missing, missing};
use super::nearest::nearest;
use super::number::Number;
use super::refusal::Refusal;
use super::state::{Held, SealedRef, Ticket};
use super::{
    approval, authority, campaign, clock, conditions, consequences, duties, entry, fixed, links, merge, offer, owed, scores, second,
    severity, spoken, view,
};
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;
use crate::procedure::model::{Ask, FieldType, Transition};

/// Microseconds of a minute.
const MINUTE: i64 = 60_000_000;
/// The most transitions in one request.
const MAX_STEPS: usize = 8;

pub(super) fn take(draft: &mut Draft<'_>, take: &Take) -> Result<(), Refusal> {
    let Some(first) = take.steps.first() else {
        return Err(Refusal::BadRequest { because: "no step was named".into() });
    };
    if take.steps.len() > MAX_STEPS {
        return Err(Refusal::TooMany { what: "steps at once".into(), most: MAX_STEPS });
    }
    fresh(draft, take, first)?;
    for step in &take.steps {
        if propose(draft, &take.ticket, step)? {
            continue;
        }
        let taken = check(draft, &take.ticket, step)?;
        record(draft, &take.ticket, step, taken)?;
    }
    consequences::follow(draft, &take.ticket)
}

/// Refuses when what the person saw is not what stands there. Asked after the role, so that a stale button tells
/// nothing to somebody who may not press it.
fn fresh(draft: &Draft<'_>, take: &Take, first: &Step) -> Result<(), Refusal> {
    let ticket = draft.ticket(&take.ticket)?;
    let pin = draft.pinning(ticket)?;
    let transition = named(pin, &first.transition)?;
    permitted(draft, ticket, pin, transition)?;
    let moved = take.rev.is_some_and(|rev| rev != ticket.rev);
    let unbound = take.binding.as_ref().is_some_and(|bound| *bound != binding(ticket, pin.kind, transition));
    if moved || unbound {
        return Err(Refusal::Stale { ticket: ticket.number.clone(), status: ticket.status.clone(), changed: Vec::new() });
    }
    Ok(())
}

/// The transition of that name.
pub(super) fn named<'a>(pin: Pinning<'a>, name: &str) -> Result<&'a Transition, Refusal> {
    pin.kind.transitions.get(name).ok_or_else(|| Refusal::NoSuchTransition {
        transition: name.chars().filter(|c| !c.is_control()).take(60).collect(),
        nearest: nearest(name, pin.kind.transitions.keys().map(String::as_str)).unwrap_or_default().to_owned(),
    })
}

/// Whether the asker may take the step; `true` when only as the organisation's single operator.
fn permitted(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, transition: &Transition) -> Result<bool, Refusal> {
    let label = view::label(pin.kind, pin.response, &transition.name);
    let what = format!("take “{label}”");
    let person = draft.person(&what)?;
    let around = draft.around(pin);
    if !authority::may(&around, ticket, draft.ctx.actor, &transition.by) {
        return Err(Refusal::NotAllowed { what, roles: transition.by.clone() });
    }
    let apart = duties::held_apart(&around, ticket, &transition.name, person);
    let own = own_work(draft, ticket, pin, transition, person);
    let alone = (apart.is_some() || own.is_some()) && authority::single_operator(&around, person);
    if let Some(duty) = apart.filter(|_| !alone) {
        let duty = view::label(pin.kind, pin.response, &duty).to_owned();
        return Err(Refusal::DutiesApart { ticket: ticket.number.clone(), label: label.to_owned(), duty });
    }
    if let Some(of) = own.filter(|_| !alone) {
        return Err(Refusal::OwnWork { ticket: ticket.number.clone(), label: label.to_owned(), of });
    }
    if transition.fresh_auth && draft.ctx.via.auth != "passkey" {
        return Err(Refusal::PasskeyNeeded { label: label.to_owned() });
    }
    Ok(alone)
}

/// The ticket that this one reviews and in which the person had a part, where the procedure keeps the two apart.
fn own_work(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, transition: &Transition, person: &str) -> Option<Number> {
    let around = draft.around(pin);
    if !duties::keeps_reviewed_apart(&around, ticket, &transition.name) {
        return None;
    }
    let reviewed = ticket.links.iter().filter(|l| l.link == duties::REVIEWS).filter_map(|l| draft.other(l.to.as_ref()?));
    let had_a_part = |other: &&Ticket| draft.pinning(other).is_ok_and(|pin| duties::had_a_part(&draft.around(pin), other).contains(person));
    reviewed.into_iter().find(had_a_part).map(|other| other.number.clone())
}

/// A step that was checked and is not yet recorded.
pub(super) struct Checked<'a> {
    transition: &'a Transition,
    pin: Pinning<'a>,
    /// What it sets: the form's fields and the procedure's own.
    fields: Fields,
    to: String,
    late: bool,
    automatic: bool,
    /// A tool takes it, which was allowed to beforehand.
    by_tool: bool,
    /// Only the organisation's single operator may take it so.
    alone: bool,
    /// The approval that was only spoken, on which it goes ahead.
    spoken: Option<spoken::ToRecord>,
}

/// Asking for a step that somebody must approve first records what was asked for. `true` when that was all.
fn propose(draft: &mut Draft<'_>, number: &Number, step: &Step) -> Result<bool, Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let transition = named(pin, &step.transition)?;
    if !transition.proposes {
        return Ok(false);
    }
    permitted(draft, ticket, pin, transition)?;
    let before = ticket.clone();
    let fields = as_long_again(draft, ticket, pin, transition, &step.fields)?;
    let mut asked = with_fields(ticket, &fields);
    // What was decided on the last asking is no answer to this one.
    asked.approvals.remove(&transition.name);
    startable(&asked, pin, transition)?;
    draft.check_fields(pin.kind, &fields)?;
    fixed::stands(draft, ticket, pin, &fields)?;
    // What it comes to once it is approved must be possible as well: nobody is asked in vain.
    let mut moved = fields.clone();
    settled(ticket, transition, &mut moved);
    let mut lacking = lacking(draft, &asked, pin, transition);
    let entry = conditions::missing(&draft.around(pin), &with_fields(ticket, &moved), transition, &|number| draft.other(number));
    lacking.extend(entry.into_iter().filter(|m| m.code() == "NotOffered"));
    let waits = lacking.iter().any(|m| matches!(m, Missing::Approval { .. }));
    if lacking.iter().any(|m| !matches!(m, Missing::Approval { .. })) {
        return Err(Refusal::Missing { ticket: Some(number.clone()), verb: transition.name.clone(), missing: lacking });
    }
    if !waits {
        return Ok(false);
    }
    let (plain, sealed) = split(&fields);
    if plain.is_empty() && sealed.is_empty() {
        return Err(Refusal::Missing { ticket: Some(number.clone()), verb: transition.name.clone(), missing: lacking });
    }
    let (sealed_fields, asks) = (sealed.iter().map(|(name, _)| name.clone()).collect(), Some(transition.name.clone()));
    let fact = Fact::FieldsSet { fields: plain, sealed_fields, authored: true, asks };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    for (name, value) in sealed {
        event = event.seal(format!("field.{name}"), value.clone());
    }
    if let Some(reason) = step.reason.as_ref().filter(|r| !r.bytes.is_empty()) {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
    clock::after_fields(draft, number, pin, &before);
    consequences::after(draft, number, pin, json!({ "kind": "FieldsSet" }));
    Ok(true)
}

/// A step that was asked for and rejected is not asked for any more: what it would have moved is empty again.
pub(super) fn no_longer_asked(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, transition: &Transition) {
    let Some(ticket) = draft.find(number) else { return };
    let asked = transition.moves.iter().filter(|(_, from)| ticket.fields.contains_key(from));
    let fields: BTreeMap<String, Value> = asked.map(|(_, from)| (from.clone(), Value::Null)).collect();
    if !fields.is_empty() {
        let fact = Fact::FieldsSet { fields, sealed_fields: Vec::new(), authored: false, asks: None };
        draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
    }
}

/// What is asked for, with the time that nobody gave: as long again as the ticket was given for last, and no longer than the
/// system's entry allows.
fn as_long_again(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, transition: &Transition, given: &Fields) -> Result<Fields, Refusal> {
    let mut fields = given.clone();
    for (until, wanted) in &transition.moves {
        let time = pin.kind.fields.get(wanted).is_some_and(|f| matches!(f.of, FieldType::Time));
        if !time || fields.contains_key(wanted) || ticket.fields.contains_key(wanted) {
            continue;
        }
        let Some(ends) = duties::time_of(ticket, until) else { continue };
        let Some(again) = again(ticket, ends, conditions::longest(&draft.around(pin), ticket), draft.ctx.now) else { continue };
        if again <= ends {
            // It is given for as long as may be already.
            return Err(Refusal::NothingToDo);
        }
        fields.insert(wanted.clone(), FieldInput::Plain(json!(again.to_string())));
    }
    Ok(fields)
}

/// As long again as the ticket was given for last, from its end on, to the minute; `longest` from now at most.
#[must_use]
pub fn again(ticket: &Ticket, ends: Timestamp, longest: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
    let began = ticket.steps.last()?.at;
    let again = ends.max(now).plus(ends.since(began));
    let again = longest.map_or(again, |longest| again.min(now.plus(longest)));
    Timestamp::from_micros(again.micros().div_euclid(MINUTE) * MINUTE)
}

/// Everything that the step lacks on the ticket as it will be.
fn lacking(draft: &Draft<'_>, after: &Ticket, pin: Pinning<'_>, transition: &Transition) -> Vec<Missing> {
    let mut out = missing(after, pin.kind, pin.response, transition, draft.ctx.people);
    out.extend(conditions::missing(&draft.around(pin), after, transition, &|number| draft.other(number)));
    out
}

fn check<'a>(draft: &Draft<'a>, number: &Number, step: &Step) -> Result<Checked<'a>, Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let transition = named(pin, &step.transition)?;
    let alone = permitted(draft, ticket, pin, transition)?;
    startable(ticket, pin, transition)?;
    if ticket.ended && !transition.reopens && !step.fields.is_empty() {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    draft.check_fields(pin.kind, &step.fields)?;
    fixed::stands(draft, ticket, pin, &step.fields)?;
    let late = draft.claimed(step.occurred_at, "The time that you gave")?;
    let to = destination(draft, ticket, transition, step)?;
    let mut fields = step.fields.clone();
    severity::propose(pin.kind, Some(ticket), &mut fields);
    scores::apply(pin.kind, Some(ticket), &mut fields)?;
    if !step.fields.is_empty() {
        entry::apply(&draft.ctx.library.organisation, pin.kind, Some(ticket), &mut fields);
    }
    settled(ticket, transition, &mut fields);
    let after = with_fields(ticket, &fields);
    // Asked of the ticket as it stands and as it will be: the form that closes cannot also lower the bar.
    second_person(draft, ticket, pin, transition)?;
    second_person(draft, &after, pin, transition)?;
    // One answer names everything that is missing, the reason as well.
    let reason = reason_missing(ticket, pin, transition, step, late);
    complete(draft, &after, pin, transition, reason)?;
    let spoken = spoken::relied_on(draft, &after, pin, transition)?;
    Ok(Checked { transition, pin, fields, to, late, automatic: false, by_tool: false, alone, spoken })
}

/// What the step sets by itself, and what it moves from one field to another.
fn settled(ticket: &Ticket, transition: &Transition, fields: &mut Fields) {
    for (name, value) in &transition.sets {
        fields.insert(name.clone(), FieldInput::Plain(value.clone()));
    }
    for (name, other) in &transition.moves {
        let given = fields.get(other).cloned();
        let held = ticket.plain(other).cloned().map(FieldInput::Plain);
        if let Some(value) = given.or(held) {
            fields.insert(name.clone(), value);
            fields.insert(other.clone(), FieldInput::Plain(Value::Null));
        }
    }
}

/// Whether the transition can start where the ticket stands: its statuses and their conditions, passing over
/// phases that the response playbook says do not apply.
pub(super) fn startable(ticket: &Ticket, pin: Pinning<'_>, transition: &Transition) -> Result<(), Refusal> {
    if !view::applies(pin.response, &transition.name) {
        let label = view::label(pin.kind, pin.response, &transition.name).to_owned();
        return Err(Refusal::NotApplicable { ticket: ticket.number.clone(), label });
    }
    if offer::starts(ticket, pin.kind, pin.response, transition) {
        return Ok(());
    }
    Err(Refusal::WrongStatus {
        ticket: ticket.number.clone(),
        status: ticket.status.clone(),
        transition: view::label(pin.kind, pin.response, &transition.name).to_owned(),
        offered: offer::offered(ticket, pin.kind, pin.response)
            .iter()
            .map(|t| view::label(pin.kind, pin.response, &t.name).to_owned())
            .collect(),
    })
}

/// Why a reason is wanted, when none was given.
fn reason_missing(ticket: &Ticket, pin: Pinning<'_>, transition: &Transition, step: &Step, late: bool) -> Option<String> {
    if step.reason.as_ref().is_some_and(|r| !r.bytes.is_empty()) {
        return None;
    }
    if transition.asks.contains(&Ask::Reason) {
        Some(format!("“{}” is not taken without saying why", transition.label))
    } else if late {
        Some("it happened long before now, so this is a late entry".to_owned())
    } else {
        severity::overridden(pin.kind, ticket, &step.fields).map(|(before, after)| format!("the severity changes from {before} to {after}"))
    }
}

fn destination(draft: &Draft<'_>, ticket: &Ticket, transition: &Transition, step: &Step) -> Result<String, Refusal> {
    if transition.unmerges {
        let status = ticket.merged_into.as_ref().map(|(_, status)| status.clone());
        return status.ok_or_else(|| Refusal::BadMerge { because: "it was not merged".into() });
    }
    if transition.merges || transition.asks.contains(&Ask::Ticket) {
        merge::partner(draft, ticket, step.other.as_ref())?;
    }
    Ok(transition.to.clone())
}

/// The ticket as it would be with these values, to look at only: references are provisional.
pub(super) fn with_fields(ticket: &Ticket, fields: &Fields) -> Ticket {
    let mut after = ticket.clone();
    for (name, input) in fields {
        match input {
            FieldInput::Plain(Value::Null) => {
                after.fields.remove(name);
            }
            FieldInput::Plain(value) => {
                after.fields.insert(name.clone(), Held::Plain(value.clone()));
            }
            FieldInput::Sealed(sealed) => {
                let held = SealedRef { seq: -1, name: format!("field.{name}"), commitment: sealed.commitment };
                after.fields.insert(name.clone(), Held::Sealed(held));
            }
        }
    }
    after
}

/// Refuses when the taker is one of those whose work this is ([`second::first_persons`]).
fn second_person(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, transition: &Transition) -> Result<(), Refusal> {
    let first = second::first_persons(ticket, pin.kind, pin.response, transition);
    if draft.ctx.actor.person().is_some_and(|person| second::is_one_of(&first, person, draft.ctx.people)) {
        let label = view::label(pin.kind, pin.response, &transition.name).to_owned();
        return Err(Refusal::SecondPersonNeeded { ticket: ticket.number.clone(), label });
    }
    Ok(())
}

fn complete(draft: &Draft<'_>, after: &Ticket, pin: Pinning<'_>, transition: &Transition, reason: Option<String>) -> Result<(), Refusal> {
    let mut missing = lacking(draft, after, pin, transition);
    match (reason, missing.is_empty()) {
        (None, true) => return Ok(()),
        (Some(because), true) => return Err(Refusal::ReasonMissing { because }),
        (reason, false) => missing.extend(reason.map(|because| Missing::Reason { because })),
    }
    Err(Refusal::Missing { ticket: Some(after.number.clone()), verb: transition.name.clone(), missing })
}

fn record(draft: &mut Draft<'_>, number: &Number, step: &Step, checked: Checked<'_>) -> Result<(), Refusal> {
    let ticket = draft.ticket(number)?;
    let Checked { transition, pin, fields, to, late, automatic, by_tool, alone, spoken } = checked;
    let before = ticket.status.clone();
    let stood = ticket.clone();
    let skipped = skipped(ticket, pin, transition);
    let after = with_fields(ticket, &fields);
    let (plain, sealed) = split(&fields);
    let ended = pin.kind.ended.contains(&to);
    let taken = TransitionTaken {
        transition: transition.name.clone(),
        from: before.clone(),
        to: to.clone(),
        fields: plain,
        sealed_fields: sealed.iter().map(|(name, _)| name.clone()).collect(),
        tasks: new_tasks(ticket, pin, &to),
        owed: owed::left_by(draft, &after, pin, transition),
        phase: transition.phase,
        skipped: skipped.clone(),
        occurred_at: step.occurred_at,
        late,
        automatic,
        ended,
        alone,
        authored: !automatic && duties::authored(pin.kind, &fields),
        approved: approval::as_approved(ticket, transition),
        levels: scores::judged(pin.kind, transition, &after),
    };
    let decided_by = if skipped.is_empty() { None } else { pin.response.map(|r| r.digest.as_str()) };
    let mut event = NewEvent::on(number, Fact::TransitionTaken(taken)).by(decided_by.unwrap_or(&pin.kind.digest));
    for (name, value) in sealed {
        event = event.seal(format!("field.{name}"), value.clone());
    }
    for (name, value) in [("line", &step.line), ("reason", &step.reason)] {
        if let Some(value) = value.as_ref().filter(|v| !v.bytes.is_empty()) {
            event = event.seal(name, value.clone());
        }
    }
    if automatic && !by_tool {
        event.actor = Some(super::event::Actor::Scheduler);
    }
    draft.push(event);
    let unowned = draft.ticket(number)?.owner.is_none();
    if let (true, false, Some(person)) = (unowned, ended || automatic, draft.ctx.actor.person()) {
        // Whoever takes the first step has it.
        draft.push(NewEvent::on(number, Fact::OwnerAssigned { person: person.to_owned() }).by(&pin.kind.digest));
    }
    if transition.unmerges {
        merge::undone(draft, number, pin);
    }
    match &step.other {
        Some(other) if transition.merges => merge::merged(draft, number, other, before.clone(), pin),
        Some(other) if transition.asks.contains(&Ask::Ticket) => {
            draft.push(links::made(&transition.name, number, Some(other)).by(&pin.kind.digest));
        }
        _ => {}
    }
    if ended {
        // What was to be done is done when a record had to show it.
        campaign::settle(draft, number, !transition.requires.evidence.is_empty());
    }
    clock::after_step(draft, number, pin, transition, &skipped);
    clock::after_fields(draft, number, pin, &stood);
    if let Some(to_record) = spoken {
        spoken::record(draft, number, pin, to_record)?;
    }
    let happened = json!({ "kind": "TransitionTaken", "transition": transition.name, "from": before, "to": to });
    consequences::after(draft, number, pin, happened);
    Ok(())
}

/// Takes by itself what nothing keeps from being taken. `true` when something was taken.
pub(super) fn automatic(draft: &mut Draft<'_>, number: &Number) -> Result<bool, Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let ready = pin.kind.transitions.values().filter(|t| t.automatic && view::applies(pin.response, &t.name)).find(|t| {
        let mut sets = Fields::new();
        settled(ticket, t, &mut sets);
        let after = with_fields(ticket, &sets);
        // What needs somebody's word cannot be taken by nobody.
        let unattended = t.asks.iter().all(|a| matches!(a, Ask::Line | Ask::Field(_) | Ask::When));
        unattended
            && !t.merges
            && !t.unmerges
            && !t.fresh_auth
            && t.requires.second_person.is_none()
            && offer::starts(ticket, pin.kind, pin.response, t)
            && !approval::stands(ticket, t)
            // What it sets by itself may be among what was approved: approvals are judged on what stands.
            && lacking(draft, ticket, pin, t).is_empty()
            && lacking(draft, &after, pin, t).iter().all(|m| matches!(m, Missing::Approval { .. }))
    });
    let Some(transition) = ready else { return Ok(false) };
    by_itself(draft, number, pin, transition, None)?;
    Ok(true)
}

/// Takes a step that the engine itself decides on, or that follows from a person's decision.
fn by_itself(
    draft: &mut Draft<'_>,
    number: &Number,
    pin: Pinning<'_>,
    transition: &Transition,
    reason: Option<&Sealed>,
) -> Result<(), Refusal> {
    let step = Step { transition: transition.name.clone(), reason: reason.cloned(), ..Step::default() };
    let mut fields = Fields::new();
    settled(draft.ticket(number)?, transition, &mut fields);
    // What follows from a decision is the deciding person's; what nobody decided is nobody's.
    let automatic = reason.is_none();
    let to = transition.to.clone();
    let checked = Checked { transition, pin, fields, to, late: false, automatic, by_tool: false, alone: false, spoken: None };
    record(draft, number, &step, checked)
}

/// Takes a step for a tool; whoever calls this has made sure that it may be taken so.
pub(super) fn by_tool(draft: &mut Draft<'_>, number: &Number, transition: &Transition, step: Step) -> Result<(), Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    startable(ticket, pin, transition)?;
    draft.check_fields(pin.kind, &step.fields)?;
    let mut fields = step.fields.clone();
    settled(ticket, transition, &mut fields);
    let to = transition.to.clone();
    let checked = Checked { transition, pin, fields, to, late: false, automatic: true, by_tool: true, alone: false, spoken: None };
    record(draft, number, &step, checked)
}

/// The time has come for a step to be taken by itself. `false` when it cannot be taken where the ticket stands.
pub(super) fn by_time(draft: &mut Draft<'_>, number: &Number, name: &str) -> Result<bool, Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let Some(transition) = pin.kind.transitions.get(name).filter(|t| offer::starts(ticket, pin.kind, pin.response, t)) else {
        return Ok(false);
    };
    by_itself(draft, number, pin, transition, None)?;
    consequences::follow(draft, number)?;
    Ok(true)
}

/// A person's decision takes this step.
pub(super) fn by_decision(draft: &mut Draft<'_>, number: &Number, name: &str, reason: &Sealed) -> Result<(), Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    match pin.kind.transitions.get(name).filter(|t| offer::starts(ticket, pin.kind, pin.response, t)) {
        Some(transition) => by_itself(draft, number, pin, transition, Some(reason)),
        None => Ok(()),
    }
}

/// Phases that this step passes over: between where the ticket stands and where the step leads.
fn skipped(ticket: &Ticket, pin: Pinning<'_>, transition: &Transition) -> Vec<String> {
    if !transition.phase {
        return Vec::new();
    }
    let position = |status: &str| pin.kind.statuses.iter().position(|s| s == status);
    let (here, there) = (position(&ticket.status), position(&transition.to));
    pin.kind
        .transitions
        .values()
        .filter(|t| t.phase && t.name != transition.name && position(&t.to) > here && position(&t.to) < there)
        .map(|t| t.name.clone())
        .collect()
}

/// Tasks of a status appear when it is reached for the first time.
pub(super) fn new_tasks(ticket: &Ticket, pin: Pinning<'_>, status: &str) -> Vec<NewTask> {
    if ticket.tasks.iter().any(|t| t.on == status) {
        return Vec::new();
    }
    let next = ticket.tasks.iter().map(|t| t.task).max().unwrap_or(0) + 1;
    let texts = pin.response.and_then(|r| r.tasks.get(status)).map_or(&[][..], Vec::as_slice);
    (next..).zip(texts).map(|(task, text)| NewTask { task, on: status.to_owned(), text: text.clone() }).collect()
}

/// Plain values (null clears) and sealed ones.
pub(super) fn split(fields: &Fields) -> (BTreeMap<String, Value>, Vec<(String, &Sealed)>) {
    let mut plain = BTreeMap::new();
    let mut sealed = Vec::new();
    for (name, input) in fields {
        match input {
            FieldInput::Plain(value) => {
                plain.insert(name.clone(), value.clone());
            }
            FieldInput::Sealed(value) => sealed.push((name.clone(), value)),
        }
    }
    (plain, sealed)
}
