//! Calling the next one, and saying that one has seen it.

use super::command::MissedPage;
use super::draft::{Draft, Pinning};
use super::event::{Actor, Fact, NewEvent};
use super::number::Number;
use super::offer::may;
use super::refusal::Refusal;
use super::state::{EscalationState, Ticket};
use super::{rota, view};
use crate::ledger::sealed::Sealed;
use crate::procedure::model::Escalate;

/// Who is on call: the place of the rota, and what the other places begin with.
const ON_CALL: &str = "on-call";

/// After a missed target: the first tier is called, unless somebody is being called already. Leaving the status ends
/// it ([`super::evolve`]), and so does somebody who says that they have seen it; a later clock calls anew.
pub(super) fn begin(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>, clock: &str) {
    let under_way = |t: &Ticket| calls(t) && t.escalation.as_ref().is_some_and(|e| e.next.is_some());
    if !draft.find(number).is_some_and(under_way) {
        call(draft, number, pin, Some(clock), 0, None);
    }
}

/// Whoever is on call is called at once, where the procedure says so and the organisation has a rota.
pub(super) fn page(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>) {
    let Some(pages) = pin.kind.escalate.as_ref().and_then(|e| e.pages.as_ref()) else { return };
    let Some(ticket) = draft.find(number) else { return };
    let untouched = pin.kind.statuses.first() == Some(&ticket.status) && ticket.escalation.is_none();
    // A condition that cannot be evaluated calls somebody: better once too often.
    let wanted = untouched && pages.when.holds(&view::variables(ticket, pin.kind, pin.response)).unwrap_or(true);
    let Some(person) = draft.on_call(ON_CALL).filter(|_| wanted) else { return };
    let next = Some(draft.ctx.now.plus(pages.answer));
    let morning = rota::morning_after(&draft.ctx.library.organisation, draft.ctx.now);
    let fact = Fact::Escalated { clock: None, from_tier: 0, to_tier: 0, to: ON_CALL.to_owned(), next, person: Some(person), morning };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
}

/// Nobody said in time that they have seen it, or whoever did has not put it right since.
pub(super) fn next_tier(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>) -> Result<(), Refusal> {
    let ticket = draft.ticket(number)?;
    let Some(EscalationState { tier, clock, acknowledged_by, .. }) = ticket.escalation.clone() else { return Ok(()) };
    // What began without a clock goes on until somebody has seen it; what a clock began, until that clock stops. What another
    // one missed meanwhile, for which nobody was called anew, is called for then.
    let goes_on = if clock.is_none() { acknowledged_by.is_none() } else { is_missed(ticket, clock.as_deref()) };
    let other = ticket.clocks.keys().find(|name| is_missed(ticket, Some(name.as_str()))).filter(|_| !goes_on).cloned();
    let from = if acknowledged_by.is_none() && goes_on { tier } else { 0 };
    let clock = other.clone().or(clock);
    if !(goes_on || other.is_some()) || !call(draft, number, pin, clock.as_deref(), from, None) {
        // It was put right meanwhile, or there is nobody left: nobody is called, and nobody need look again.
        draft.push(NewEvent::on(number, Fact::EscalationAcknowledged { tier, morning: None, next: None }).by(&pin.kind.digest));
    }
    Ok(())
}

/// Whether somebody is called and has not said that they have seen it: until what was missed is put right.
#[must_use]
pub fn calls(ticket: &Ticket) -> bool {
    let under_way = ticket.escalation.as_ref().filter(|e| e.acknowledged_by.is_none());
    under_way.is_some_and(|e| e.clock.is_none() || is_missed(ticket, e.clock.as_deref()))
}

/// Whether the clock that began an escalation still runs, beyond its target.
fn is_missed(ticket: &Ticket, clock: Option<&str>) -> bool {
    let state = clock.and_then(|name| ticket.clocks.get(name));
    !ticket.ended && state.is_some_and(|c| c.breached && c.stopped.is_none())
}

/// The tiers of a procedure, gone through as often as it says.
struct Tiers<'p> {
    rule: Option<&'p Escalate>,
    /// They are gone through again and again.
    endless: bool,
}

impl<'p> Tiers<'p> {
    /// Where no number of rounds is said, they go on until the status that ends them, or until the clock has stopped.
    fn of(ticket: &Ticket, pin: Pinning<'p>, clock: Option<&str>) -> Self {
        let rule = pin.kind.escalate.as_ref();
        let place = |status: &str| pin.kind.statuses.iter().position(|s| s == status);
        let before = |rule: &Escalate| place(&ticket.status) < place(&rule.until);
        Self { rule, endless: rule.is_some_and(|r| r.rounds.is_none() && before(r)) && is_missed(ticket, clock) }
    }

    /// The place or role of a tier, from 1.
    fn get(&self, n: i64) -> Option<&'p str> {
        let escalate = self.rule?;
        let at = usize::try_from(n - 1).ok()?;
        let all = escalate.to.len().saturating_mul(usize::try_from(escalate.rounds.unwrap_or(1)).unwrap_or(1));
        (self.endless || at < all).then(|| escalate.to.get(at % escalate.to.len().max(1)).map(String::as_str))?
    }

    /// The first tier from `n` on behind which somebody stands; the next one at all where nobody stands behind any.
    fn from(&self, draft: &Draft<'_>, n: i64) -> Option<(i64, &'p str)> {
        let most = i64::try_from(self.rule.map_or(0, |r| r.to.len())).unwrap_or(0);
        let somebody =
            |to: &str| if to.starts_with(ON_CALL) { draft.on_call(to).is_some() } else { !draft.ctx.people.holders(to).is_empty() };
        let ahead = || (n..n.saturating_add(most)).map_while(|at| Some((at, self.get(at)?)));
        let first = self.rule.and_then(|r| r.to.iter().find(|to| somebody(to)));
        if first.is_none() { ahead().next() } else { ahead().find(|(_, to)| somebody(to)) }
    }
}

/// Calls the tier after `from_tier`, or the role that a person named. `false` when there is nobody left to call.
fn call(
    draft: &mut Draft<'_>,
    number: &Number,
    pin: Pinning<'_>,
    clock: Option<&str>,
    from_tier: i64,
    by_hand: Option<(&str, &Sealed)>,
) -> bool {
    let Some(ticket) = draft.find(number) else { return false };
    let tiers = Tiers::of(ticket, pin, clock);
    let found = match by_hand {
        Some((to, _)) => Some((from_tier + 1, to.to_owned())),
        None => tiers.from(draft, from_tier + 1).map(|(n, to)| (n, to.to_owned())),
    };
    let Some((to_tier, to)) = found else { return false };
    // What began with a page goes on as fast.
    let answer = tiers.rule.and_then(|e| e.pages.as_ref()).map(|pages| pages.answer).filter(|_| clock.is_none() && by_hand.is_none());
    let every = answer.or(tiers.rule.map(|e| e.every));
    let next = if tiers.from(draft, to_tier + 1).is_some() { every.map(|e| draft.ctx.now.plus(e)) } else { None };
    let person = draft.on_call(&to).or_else(|| draft.ctx.people.is_active(&to).then(|| to.clone()));
    let morning = person.as_ref().and_then(|_| rota::morning_after(&draft.ctx.library.organisation, draft.ctx.now));
    let fact = Fact::Escalated { clock: clock.map(str::to_owned), from_tier, to_tier, to, next, person, morning };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    if let Some((_, reason)) = by_hand {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
    true
}

/// A person calls somebody.
pub(super) fn by_hand(draft: &mut Draft<'_>, number: &Number, to: Option<&str>, reason: &Sealed) -> Result<(), Refusal> {
    draft.worker("escalate")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if ticket.ended {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "whoever is called must know why".into() });
    }
    let tiers = pin.kind.escalate.as_ref().map_or(&[][..], |e| e.to.as_slice());
    let from_tier = ticket.escalation.as_ref().map_or(0, |e| e.tier);
    let next = usize::try_from(from_tier).ok().and_then(|i| tiers.get(i)).or(tiers.last()).map(String::as_str);
    let Some(to) = to.or(next) else {
        return Err(Refusal::BadRequest { because: "say which role to call; this procedure names none".into() });
    };
    let known = draft.ctx.library.organisation.roles.contains_key(to)
        || to == ON_CALL
        || tiers.iter().any(|t| t == to)
        || draft.ctx.people.is_active(to);
    if !known {
        return Err(Refusal::NoSuchPerson {
            person: format!("“{}”", to.chars().filter(|c| !c.is_control()).take(60).collect::<String>())
        });
    }
    let clock = ticket.escalation.as_ref().and_then(|e| e.clock.clone()).filter(|clock| is_missed(ticket, Some(clock)));
    call(draft, number, pin, clock.as_deref(), from_tier, Some((to, reason)));
    Ok(())
}

/// Whether the ticket is calling for this person now, by name or by a role, and nobody has answered.
#[must_use]
pub fn is_called(ticket: &Ticket, actor: &Actor) -> bool {
    let called = |e: &EscalationState| {
        e.acknowledged_by.is_none() && (actor.has_role(&e.to) || (e.person.is_some() && e.person.as_deref() == actor.person()))
    };
    calls(ticket) && ticket.escalation.as_ref().is_some_and(called)
}

/// "I have seen it."
pub(super) fn acknowledge(draft: &mut Draft<'_>, number: &Number) -> Result<(), Refusal> {
    if !draft.find(number).is_some_and(|ticket| is_called(ticket, draft.ctx.actor)) {
        draft.worker("answer an escalation")?;
    }
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    match &ticket.escalation {
        Some(EscalationState { acknowledged_by: None, tier, clock, .. }) => {
            let morning = rota::morning_after(&draft.ctx.library.organisation, draft.ctx.now);
            let again = pin.kind.escalate.as_ref().and_then(|e| e.again).filter(|_| is_missed(ticket, clock.as_deref()));
            let next = again.map(|again| draft.ctx.now.plus(again));
            let fact = Fact::EscalationAcknowledged { tier: *tier, morning, next };
            draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
            Ok(())
        }
        _ => Err(Refusal::NoEscalation { ticket: number.clone() }),
    }
}

/// A call reached nobody. That is on record, and whoever comes next is called at once rather than when the time for an answer
/// has passed, unless they are paged in another way as well. It is so in the first round only: later on somebody may have
/// linked an account meanwhile, and the rounds are not to be over within a moment.
pub(super) fn missed(draft: &mut Draft<'_>, number: &Number, missed: &MissedPage) -> Result<(), Refusal> {
    draft.house("say that a page reached nobody")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    // Whoever answered, or was called after them, makes it old news.
    let still = |e: &&EscalationState| e.acknowledged_by.is_none() && e.tier == missed.tier && e.to == missed.to;
    let Some(under_way) = ticket.escalation.as_ref().filter(still).filter(|_| !ticket.ended) else { return Ok(()) };
    let clock = under_way.clock.clone();
    let tiers = Tiers::of(ticket, pin, clock.as_deref());
    let first_round = pin.kind.escalate.as_ref().is_some_and(|e| usize::try_from(missed.tier).is_ok_and(|tier| tier < e.to.len()));
    let next = missed.alone && first_round && tiers.from(draft, missed.tier + 1).is_some();
    let MissedPage { tier, to, person, platform, why, .. } = missed.clone();
    draft.push(NewEvent::on(number, Fact::PageMissed { tier, to, person, platform, why, next }).by(&pin.kind.digest));
    if next {
        call(draft, number, pin, clock.as_deref(), missed.tier, None);
    }
    Ok(())
}

/// A pager outside says that somebody answered there whom we do not know: that is recorded, and stops nothing.
pub(super) fn answered_elsewhere(
    draft: &mut Draft<'_>,
    number: &Number,
    service: &str,
    answer: &str,
    agent: &Sealed,
) -> Result<(), Refusal> {
    draft.house("say that somebody answered a page elsewhere")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let fact = Fact::PageAnswered { service: service.to_owned(), answer: answer.to_owned() };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("agent", agent.clone()));
    Ok(())
}

/// People were reached with what a group must read. Each is recorded once.
pub(super) fn reached(draft: &mut Draft<'_>, number: &Number, group: &str, way: &str, people: &[String]) -> Result<(), Refusal> {
    draft.house("say who was reached")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let Some(notified) = ticket.notified.get(group) else {
        return Err(Refusal::NoSuchGroup { group: group.chars().filter(|c| !c.is_control()).take(60).collect() });
    };
    let people: Vec<String> = people.iter().filter(|p| !notified.reached.contains_key(*p)).cloned().collect();
    if !people.is_empty() {
        let fact = Fact::GroupReached { group: group.to_owned(), way: way.to_owned(), people };
        draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
    }
    Ok(())
}

/// A group says that it read this; anybody of the group may, and whoever was asked with it.
pub(super) fn acknowledge_notification(draft: &mut Draft<'_>, number: &Number, group: &str) -> Result<(), Refusal> {
    let person = draft.person("say that a group has read this")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let Some(notified) = ticket.notified.get(group) else {
        return Err(Refusal::NoSuchGroup { group: group.chars().filter(|c| !c.is_control()).take(60).collect() });
    };
    let members = draft.ctx.library.organisation.groups.get(group).map_or(&[][..], Vec::as_slice);
    let belongs =
        may(draft.ctx.actor, Some(ticket), members) || members.iter().any(|m| m.contains('@') && draft.ctx.people.has_email(person, m));
    if !belongs && !notified.reached.contains_key(person) {
        return Err(Refusal::NotAllowed { what: format!("answer for {group}"), roles: Vec::new() });
    }
    if notified.acknowledged_by.is_some() {
        return Err(Refusal::NothingToDo);
    }
    draft.push(NewEvent::on(number, Fact::NotificationAcknowledged { group: group.to_owned() }).by(&pin.kind.digest));
    Ok(())
}
