//! An approval that was only spoken: an emergency starts on it, and its giver says with an own click whether it was so.

use serde_json::json;

use super::approval;
use super::authority;
use super::consequences;
use super::draft::{Draft, Pinning};
use super::duties::{Around, held_apart, part_of, requesters, word_of};
use super::event::{Actor, Fact, NewEvent};
use super::judge;
use super::missing::Missing;
use super::number::Number;
use super::refusal::Refusal;
use super::state::{Spoken, Ticket};
use super::view;
use crate::ledger::sealed::Sealed;
use crate::procedure::model::{Kind, Transition};
use crate::procedure::rules::{Verbal, applies};

/// What the step will record of the approval that was spoken.
pub(super) struct ToRecord {
    of: String,
    giver: Option<String>,
}

/// Whether the step goes ahead on a spoken approval, and whose; none when it needs none, or has a written one.
pub(super) fn relied_on(draft: &Draft<'_>, after: &Ticket, pin: Pinning<'_>, transition: &Transition) -> Result<Option<ToRecord>, Refusal> {
    let Some(rule) = &transition.verbal else { return Ok(None) };
    let variables = view::variables(after, pin.kind, pin.response);
    if !applies(rule.when.as_ref(), &variables) {
        return Ok(None);
    }
    let of = pin.kind.transitions.get(&rule.of);
    let around = draft.around(pin);
    let written = |of: &Transition| after.granted.get(&of.name).is_some_and(|granted| approval::is_independent(&around, after, granted));
    if of.is_some_and(|of| written(of) && !approval::is_stale(after, of)) {
        return Ok(None);
    }
    let lacks = |says: String| Refusal::Missing {
        ticket: Some(after.number.clone()),
        verb: transition.name.clone(),
        missing: vec![Missing::Condition { code: "ApprovalMissing", says }],
    };
    match word_of(after, &rule.giver) {
        Some(giver) => {
            let why_not = cannot_give(draft, after, pin, rule, giver);
            why_not.map_or_else(|| Ok(Some(ToRecord { of: rule.of.clone(), giver: Some(giver.to_owned()) })), |says| Err(lacks(says)))
        }
        None => match silence(draft, after, pin, rule) {
            Ok(true) => Ok(Some(ToRecord { of: rule.of.clone(), giver: None })),
            Ok(false) => {
                let label = pin.kind.fields.get(&rule.giver).map_or(rule.giver.as_str(), |f| f.label.as_str());
                Err(lacks(format!("Say who agreed ({label}): it may start on a word that its giver confirms later.")))
            }
            Err(says) => Err(lacks(says)),
        },
    }
}

/// Why this person's word does not count; none when it does.
fn cannot_give(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, rule: &Verbal, giver: &str) -> Option<String> {
    let around = draft.around(pin);
    let approval = pin.kind.transitions.get(&rule.of)?.approval.as_ref()?;
    let taker = draft.ctx.actor.person() == Some(giver);
    if taker || (requesters(&around, ticket).contains(giver) && !authority::single_operator(&around, giver)) {
        return Some("Whoever asks for it or starts it cannot be the one who agreed; name somebody else.".to_owned());
    }
    if held_apart(&around, ticket, &rule.of, giver).is_some() && !authority::single_operator(&around, giver) {
        return Some("The one who agreed had another part in this, which is kept apart from approving; name somebody else.".to_owned());
    }
    let actor = Actor::Person { id: giver.to_owned(), roles: draft.ctx.people.roles(giver) };
    let may = approval.stages.iter().any(|stage| authority::of(&around, ticket, (&rule.of, stage), &actor).is_ok());
    (!draft.ctx.people.is_active(giver) || !may).then(|| "The one who agreed may not approve this; name somebody who may.".to_owned())
}

/// Whether everybody who may approve was reached and nobody answered in time, and what it is for is serious enough. The error
/// says that nobody answered, and why that says nothing.
fn silence(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, verbal: &Verbal) -> Result<bool, String> {
    let Some(rule) = &verbal.silence else { return Ok(false) };
    let Some(notified) = ticket.notified.get(&rule.of).filter(|n| n.overdue && n.acknowledged_by.is_none()) else { return Ok(false) };
    let mut linked = ticket.links.iter().filter(|l| l.link == rule.link).filter_map(|l| draft.other(l.to.as_ref()?));
    let serious = |incident: &Ticket| !incident.ended && incident.severities_seen().iter().any(|s| rule.severities.iter().any(|x| x == s));
    if !linked.any(serious) {
        return Ok(false);
    }
    let around = draft.around(pin);
    let mut asked = waited_for(&around, ticket, &rule.of);
    asked.retain(|person| draft.ctx.actor.person() != Some(person));
    let of_group = pin.kind.notifies.iter().filter(|n| n.groups.contains(&rule.of));
    let within = of_group.filter_map(|n| n.must_acknowledge).max().unwrap_or_default();
    let in_time = |person: &String| notified.reached.get(person).is_some_and(|at| at.plus(within) <= draft.ctx.now);
    let missed: Vec<&String> = asked.iter().filter(|person| !in_time(person)).collect();
    if missed.is_empty() && !asked.is_empty() {
        return Ok(true);
    }
    let act = "Reach somebody who may approve it yourself, and name who agreed.";
    if asked.is_empty() || missed.len() == asked.len() {
        return Err(format!("Nobody who may approve it could be reached by any way in time, so that nobody answered says nothing. {act}"));
    }
    let names: Vec<String> = missed.iter().filter_map(|id| around.people.name(id)).collect();
    Err(format!("Nobody answered, but not everybody who may approve it was reached in time ({}). {act}", names.join(", ")))
}

/// Whether the procedure counts the silence of this group.
#[must_use]
pub fn counts_silence_of(kind: &Kind, group: &str) -> bool {
    silent(kind, group).next().is_some()
}

fn silent<'k>(kind: &'k Kind, group: &'k str) -> impl Iterator<Item = &'k Transition> {
    let verbal = kind.transitions.values().filter_map(|t| t.verbal.as_ref());
    let of_group = verbal.filter(move |v| v.silence.as_ref().is_some_and(|s| s.of == group));
    of_group.filter_map(|v| kind.transitions.get(&v.of))
}

/// Everybody who must be reached before the silence of this group counts: whoever may approve what it is waited for.
#[must_use]
pub fn waited_for(around: &Around<'_>, ticket: &Ticket, group: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for person in silent(around.kind, group).flat_map(|step| judge::approvers(around, ticket, step)) {
        if !out.contains(&person) {
            out.push(person);
        }
    }
    out
}

pub(super) fn record(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, to_record: ToRecord) -> Result<(), Refusal> {
    let ticket = draft.ticket(number)?;
    let digest = pin.kind.transitions.get(&to_record.of).and_then(|t| approval::digest(ticket, t)).unwrap_or_default();
    let fact = Fact::ApprovalSpoken { transition: to_record.of, giver: to_record.giver, digest };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
    consequences::after(draft, number, pin, json!({ "kind": "ApprovalSpoken" }));
    Ok(())
}

/// Whether a decision on `transition` answers a spoken approval: nobody has said yet whether it was so, or what was confirmed
/// is not what stands there now.
#[must_use]
pub fn waits(ticket: &Ticket, transition: &Transition) -> bool {
    let open = |spoken: &Spoken| match spoken.confirmed {
        None => true,
        Some(confirmed) => confirmed && !ticket.ended && !fits(spoken, ticket, transition),
    };
    ticket.spoken.as_ref().is_some_and(|s| s.transition == transition.name && open(s))
}

/// Whether what was spoken of, or confirmed, is what stands there now.
pub(super) fn fits(spoken: &Spoken, ticket: &Ticket, transition: &Transition) -> bool {
    approval::digest(ticket, transition).is_some_and(|now| now == spoken.digest)
}

/// The giver's own click.
pub(super) fn answer(
    draft: &mut Draft<'_>,
    number: &Number,
    pin: Pinning<'_>,
    transition: &Transition,
    (confirmed, shown, reason): (bool, &str, &Sealed),
) -> Result<(), Refusal> {
    let person = draft.person("approve or reject")?;
    let ticket = draft.ticket(number)?;
    let Some(spoken) = ticket.spoken.as_ref() else { return Err(Refusal::NothingToDo) };
    let around = draft.around(pin);
    if !may_answer(&around, ticket, transition, draft.ctx.actor) {
        let giver = spoken.giver.is_some();
        let what = format!("say whether “{}” was approved{}", transition.label, if giver { "; only who gave the word can" } else { "" });
        return Err(Refusal::NotAllowed { what, roles: Vec::new() });
    }
    // Whoever was named may have become somebody who asks for it since; to say that it was not so stays open to them.
    let self_approved = confirmed && not_by_the_same_hand(&around, ticket, transition, person)?;
    let now = approval::digest(ticket, transition).unwrap_or_default();
    if shown != now {
        return Err(Refusal::Stale { ticket: number.clone(), status: ticket.status.clone(), changed: Vec::new() });
    }
    if !confirmed && reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "what was not so must be told apart from what was".into() });
    }
    let fact = Fact::SpokenApprovalAnswered { transition: transition.name.clone(), confirmed, digest: now, self_approved };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    if !reason.bytes.is_empty() {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
    let name = if confirmed { "SpokenApprovalConfirmed" } else { "SpokenApprovalDenied" };
    consequences::after(draft, number, pin, json!({ "kind": name }));
    super::clock::settle(draft, number, pin);
    consequences::follow(draft, number)
}

/// Whether it is this person's to say: whoever gave the word, and where nobody had answered whoever may approve.
fn may_answer(around: &Around<'_>, ticket: &Ticket, transition: &Transition, actor: &Actor) -> bool {
    match ticket.spoken.as_ref().and_then(|s| s.giver.as_deref()) {
        Some(giver) => actor.person() == Some(giver),
        None => {
            let mut stages = transition.approval.iter().flat_map(|a| &a.stages);
            stages.any(|stage| authority::of(around, ticket, (&transition.name, stage), actor).is_ok())
        }
    }
}

/// Whether this person is asked for the click. Where nobody had answered, neither whoever asks for it nor whoever began it is.
#[must_use]
pub fn is_asked(around: &Around<'_>, ticket: &Ticket, transition: &Transition, actor: &Actor) -> bool {
    let Some(person) = actor.person() else { return false };
    let given = ticket.spoken.as_ref().is_some_and(|s| s.giver.is_some());
    may_answer(around, ticket, transition, actor) && (given || not_by_the_same_hand(around, ticket, transition, person).is_ok())
}

/// Refuses a confirmation by whoever asks for it, took the step that relied on it, or had a part that is kept apart; `true`
/// when only the organisation's single operator could have given it.
fn not_by_the_same_hand(around: &Around<'_>, ticket: &Ticket, transition: &Transition, person: &str) -> Result<bool, Refusal> {
    let part = part_of(around, ticket, person);
    let relied = |step: &str| around.kind.transitions.get(step).and_then(|t| t.verbal.as_ref()).is_some_and(|v| v.of == transition.name);
    let took = ticket.steps.iter().rev().find(|s| relied(&s.transition) && s.by.person() == Some(person)).map(|s| s.transition.clone());
    let duty = took.or_else(|| held_apart(around, ticket, &transition.name, person));
    let alone = (part.is_some() || duty.is_some()) && authority::single_operator(around, person);
    match (part, duty) {
        _ if alone => Ok(true),
        (Some(part), _) => Err(Refusal::OwnRequest { ticket: ticket.number.clone(), part, on: Vec::new() }),
        (None, Some(duty)) => {
            let duty = view::label(around.kind, around.response, &duty).to_owned();
            Err(Refusal::DutiesApart { ticket: ticket.number.clone(), label: transition.label.clone(), duty })
        }
        (None, None) => Ok(false),
    }
}
