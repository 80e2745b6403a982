//! A review of many lines: lists are handed in, the lines are frozen, each is decided by whoever was asked, and what was
//! decided is done by records of its own, which say so when they end.

use std::collections::BTreeMap;

use serde_json::json;

use super::command::{AttachEvidence, FieldInput, FreezeLines, LineChoice};
use super::draft::{Draft, Pinning};
use super::duties::Around;
use super::event::{Actor, Fact, NewEvent};
use super::lines::{LineAsked, ListReplaced, Mark, UsersList, Verdict, digest};
use super::number::Number;
use super::offer::may;
use super::population::MOST_LINES;
use super::refusal::Refusal;
use super::state::Ticket;
use super::{authority, lines, links, notes, open, take, view};
use crate::ledger::sealed::Sealed;
use crate::procedure::model::FieldType;
use crate::procedure::rules::{LinesRule, applies};

/// As what a list of users is filed.
pub const USERS: &str = "users";
/// The link from a record to the review that looked at it.
const ATTESTED: &str = "attested_in";
/// The link from what follows to the review that decided it.
const DECIDED: &str = "decided_in";
/// Fields of such a record that say what was decided.
pub(super) const DECIDES: [&str; 4] = ["title", "type", "system", "what"];

/// Whether this is the link of a record to the review that decided what it says.
pub(super) fn decides(link: &str) -> bool {
    link == DECIDED
}

/// Whether only a review makes such a link, and relies on it.
pub(super) fn makes(link: &str) -> bool {
    link == ATTESTED || link == DECIDED
}

/// Lines decided in one request at most.
pub const MOST_CHOICES: usize = 200;

/// The rule, when the ticket is such a review.
#[must_use]
pub fn rule<'a>(around: &Around<'a>, ticket: &Ticket) -> Option<&'a LinesRule> {
    let rule = around.kind.lines.as_ref()?;
    applies(rule.when.as_ref(), &view::variables(ticket, around.kind, around.response)).then_some(rule)
}

/// Lists can be handed in for a while, and it has a day by which it is done.
pub(super) fn begin(draft: &mut Draft<'_>, number: &Number, pin: Pinning<'_>) {
    let Some(ticket) = draft.find(number) else { return };
    let Some(rule) = rule(&draft.around(pin), ticket) else { return };
    let due = matches!(pin.kind.fields.get("due").map(|f| &f.of), Some(FieldType::Time)) && !ticket.fields.contains_key("due");
    let (until, due_at) = (draft.ctx.now.plus(rule.gather), draft.ctx.now.plus(rule.within));
    draft.push(NewEvent::on(number, Fact::LinesGathering { until }).by(&pin.kind.digest));
    if due {
        let fields = BTreeMap::from([("due".to_owned(), json!(due_at.to_string()))]);
        draft.push(
            NewEvent::on(number, Fact::FieldsSet { fields, sealed_fields: Vec::new(), authored: false, asks: None }).by(&pin.kind.digest),
        );
    }
}

/// The ticket, when it is a review whose lines are (or are not yet) frozen.
fn review<'a>(draft: &Draft<'a>, number: &Number, frozen: bool) -> Result<(Pinning<'a>, &'a LinesRule), Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let around = Around { kind: pin.kind, response: pin.response, ..draft.around(pin) };
    let wrong = |because: String| Err(Refusal::BadRequest { because });
    let rule = pin.kind.lines.as_ref().filter(|_| self::rule(&around, ticket).is_some());
    let Some(rule) = rule else { return wrong(format!("{number} has no lines to decide")) };
    if ticket.ended {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    match (ticket.lines.as_ref().is_some_and(lines::Lines::is_frozen), frozen) {
        (true, false) => Err(Refusal::LinesFrozen { ticket: number.clone() }),
        (false, true) => wrong(format!("the lines of {number} are not frozen yet, so nobody is asked about them")),
        _ => Ok((pin, rule)),
    }
}

/// A list of a system's users is handed in.
pub(super) fn list_users(draft: &mut Draft<'_>, given: &AttachEvidence, system: &str, rows: i64) -> Result<(), Refusal> {
    draft.worker("hand in a list of users")?;
    let number = &given.ticket;
    let (pin, rule) = review(draft, number, false)?;
    if !draft.ctx.library.organisation.estate.systems.contains_key(system) {
        let shown: String = system.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(Refusal::BadRequest { because: format!("organisation.yaml has no system “{shown}”") });
    }
    let scope = rule.system.as_ref().and_then(|field| draft.find(number)?.plain(field)?.as_str());
    if scope.is_some_and(|scope| scope != system) {
        return Err(Refusal::BadRequest { because: format!("{number} looks at another system than {system}") });
    }
    let phase = Some(USERS.to_owned()).filter(|p| pin.kind.proofs.contains_key(p));
    notes::attach(draft, &AttachEvidence { phase, ..given.clone() })?;
    let ticket = draft.ticket(number)?;
    let file = ticket.files.iter().map(|f| f.file).max().unwrap_or(0);
    let before = ticket.lines.as_ref().and_then(|l| l.lists.get(system));
    let replaces = before.map(|list| ListReplaced { file: list.file, rows: list.rows, by: giver(ticket, list).unwrap_or_default() });
    draft.push(NewEvent::on(number, Fact::UsersListed { system: system.to_owned(), rows, file, replaces }).by(&pin.kind.digest));
    Ok(())
}

/// Who handed in a list, a person's id.
#[must_use]
pub fn giver(ticket: &Ticket, list: &UsersList) -> Option<String> {
    let file = ticket.files.iter().find(|f| f.file == list.file)?;
    file.by.person().map(str::to_owned)
}

/// The lines are frozen, with a digest, and everybody who is asked has them.
pub(super) fn freeze(draft: &mut Draft<'_>, given: &FreezeLines) -> Result<(), Refusal> {
    let number = &given.ticket;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if *draft.ctx.actor != Actor::Scheduler {
        let what = "freeze the lines of a review";
        draft.person(what)?;
        let by: Vec<String> = pin.kind.declare.by.iter().chain(pin.kind.lines.iter().flat_map(|l| &l.otherwise)).cloned().collect();
        if !may(draft.ctx.actor, Some(ticket), &by) && ticket.owner.as_deref() != draft.ctx.actor.person() {
            return Err(Refusal::NotAllowed { what: what.into(), roles: by });
        }
    }
    // Another replica was quicker, or it ended meanwhile.
    if *draft.ctx.actor == Actor::Scheduler && ticket.lines.as_ref().is_none_or(|l| l.until.is_none() || ticket.ended) {
        return Ok(());
    }
    let (pin, _) = review(draft, number, false)?;
    let ticket = draft.ticket(number)?;
    let lists: BTreeMap<String, i64> = ticket.lines.iter().flat_map(|l| &l.lists).map(|(s, l)| (s.clone(), l.file)).collect();
    if lists != given.lists {
        return Err(Refusal::Stale { ticket: number.clone(), status: ticket.status.clone(), changed: Vec::new() });
    }
    let total: usize = given.listings.iter().map(|l| l.lines.len()).sum();
    if total > MOST_LINES {
        return Err(Refusal::TooMany { what: "lines in one review".into(), most: MOST_LINES });
    }
    let mut first = 1;
    let mut firsts = Vec::new();
    for listing in &given.listings {
        firsts.push((first, listing.lines.as_slice(), listing.sealed.commitment));
        let fact = Fact::LinesListed { first, lines: listing.lines.clone() };
        draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal(lines::SEALED, listing.sealed.clone()));
        first += i64::try_from(listing.lines.len()).unwrap_or(0);
    }
    let (from, scope) = (given.from.clone(), given.scope.clone());
    let frozen = Fact::LinesFrozen { lines: first - 1, from, as_of: given.as_of, digest: digest(firsts.into_iter()), scope };
    draft.push(NewEvent::on(number, frozen).by(&pin.kind.digest));
    Ok(())
}

/// Whoever was asked decides on lines; all of them or none.
pub(super) fn decide(draft: &mut Draft<'_>, number: &Number, choices: &[LineChoice]) -> Result<(), Refusal> {
    let person = draft.person("decide on lines of a review")?.to_owned();
    draft.ticket(number)?;
    if draft.ctx.via.surface == "api" && draft.ctx.via.auth == "key" {
        return Err(Refusal::NotByKey { ticket: number.clone() });
    }
    if choices.is_empty() {
        return Err(Refusal::BadRequest { because: "no line was decided".into() });
    }
    if choices.len() > MOST_CHOICES {
        return Err(Refusal::TooMany { what: "lines at once".into(), most: MOST_CHOICES });
    }
    let (pin, rule) = review(draft, number, true)?;
    // All that is looked at is named before anything is said of it: what is not at hand is fetched together.
    let _ = choices.iter().filter_map(|c| draft.other(c.asked.record.as_ref()?)).count();
    for choice in choices {
        let ticket = draft.ticket(number)?;
        let mark = ticket.lines.as_ref().and_then(|l| l.mark(choice.line));
        let Some(mark) = mark else { return Err(Refusal::BadRequest { because: format!("{number} has no line {}", choice.line) }) };
        let alone = may_decide(&draft.around(pin), ticket, draft.ctx.actor, (&person, choice))?;
        match mark {
            Mark::Open => {}
            Mark::Kept if choice.verdict != Verdict::Keep => {}
            mark => return Err(Refusal::LineDecided { ticket: number.clone(), line: choice.line, mark: mark.name() }),
        }
        let reason = choice.reason.as_ref().filter(|r| !r.bytes.is_empty());
        if reason.is_none() && (choice.verdict != Verdict::Keep || choice.asked.flagged) {
            let because = match choice.verdict {
                Verdict::Keep => format!("something about line {} is odd, so keeping it needs one", choice.line),
                _ => format!("line {} is not kept, and whoever carries it out must know why", choice.line),
            };
            return Err(Refusal::ReasonMissing { because });
        }
        decide_one(draft, number, (pin, rule), choice, (reason, alone))?;
    }
    Ok(())
}

/// Whether this person is asked about a line now, by name or by a role, or because whoever was asked did not answer.
#[must_use]
pub fn is_asked(around: &Around<'_>, ticket: &Ticket, actor: &Actor, asked: &LineAsked) -> bool {
    let Some(person) = actor.person() else { return false };
    if is_kept_out(asked, person) {
        return alone(around, asked, person);
    }
    let left_alone = asked.reviewer.starts_with("p_") && !around.people.is_active(&asked.reviewer);
    let next = around.kind.lines.iter().flat_map(|l| &l.otherwise).any(|role| actor.has_role(role));
    asked.reviewer == person
        || actor.has_role(&asked.reviewer)
        || stands_in(around, asked, person)
        || (next && (left_alone || overdue(ticket)))
}

/// Whether a line is about this person, or off a list that this person handed in.
fn is_kept_out(asked: &LineAsked, person: &str) -> bool {
    asked.subject.as_deref() == Some(person) || asked.giver.as_deref() == Some(person)
}

/// Whether the organisation's single operator decides even so: nobody else could be asked.
fn alone(around: &Around<'_>, asked: &LineAsked, person: &str) -> bool {
    let able = |who: &String| around.people.is_active(who) && !is_kept_out(asked, who);
    let role = |role: &String| around.people.holders(role).iter().any(able);
    let next = around.kind.lines.iter().flat_map(|l| &l.otherwise).any(role);
    authority::single_operator(around, person) && !next && !able(&asked.reviewer) && !role(&asked.reviewer)
}

/// Whether the person may decide this line now; `true` inside when only as the organisation's single operator.
fn may_decide(around: &Around<'_>, ticket: &Ticket, actor: &Actor, (person, choice): (&str, &LineChoice)) -> Result<bool, Refusal> {
    let asked = &choice.asked;
    if is_kept_out(asked, person) {
        let (ticket, line) = (ticket.number.clone(), choice.line);
        return match asked.subject.as_deref() == Some(person) {
            _ if alone(around, asked, person) => Ok(true),
            true => Err(Refusal::OwnAccess { ticket, line }),
            false => Err(Refusal::OwnList { ticket, line }),
        };
    }
    if is_asked(around, ticket, actor, asked) {
        return Ok(false);
    }
    let who = around.people.name(&asked.reviewer).unwrap_or_else(|| asked.reviewer.replace('-', " "));
    let what = format!("decide on line {} of {}, which is another's to decide ({who})", choice.line, ticket.number);
    Err(Refusal::NotAllowed { what, roles: Vec::new() })
}

/// Whether the time in which those who were asked decide is over.
#[must_use]
pub fn overdue(ticket: &Ticket) -> bool {
    ticket.clocks.values().any(|clock| clock.breached && clock.stopped.is_none())
}

fn stands_in(around: &Around<'_>, asked: &LineAsked, person: &str) -> bool {
    let live = around.organisation.estate.delegations.iter().filter(|d| d.is_live(around.now) && around.people.has_email(person, &d.to));
    live.filter_map(|d| Some((d, around.people.by_email(&d.from)?))).any(|(delegation, from)| {
        let whole = delegation.roles.is_empty();
        let role = whole || delegation.roles.contains(&asked.reviewer);
        (whole && from == asked.reviewer) || (role && around.people.roles(&from).contains(&asked.reviewer))
    })
}

fn decide_one(
    draft: &mut Draft<'_>,
    number: &Number,
    (pin, rule): (Pinning<'_>, &LinesRule),
    choice: &LineChoice,
    (reason, alone): (Option<&Sealed>, bool),
) -> Result<(), Refusal> {
    let record = choice.asked.record.as_ref().filter(|n| draft.other(n).is_some());
    if let Some(record) = record {
        attest(draft, number, record);
    }
    let follow_up = match (choice.verdict, record, reason) {
        (Verdict::Revoke, Some(record), Some(reason)) if draft.other(record).is_some_and(|t| t.kind == rule.of) => {
            // The record's own step takes it away, where it stands so that it can.
            take::by_decision(draft, record, &rule.takes, reason)?;
            Some(record.clone())
        }
        (Verdict::Revoke | Verdict::Change, _, _) => follow(draft, number, rule, choice),
        (Verdict::Keep, ..) => None,
    };
    let fact = Fact::LineDecided {
        line: choice.line,
        verdict: choice.verdict,
        reviewer: choice.asked.reviewer.clone(),
        follow_up: follow_up.clone(),
        alone,
    };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    if let Some(reason) = reason {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
    // It was gone before anybody decided that it should be.
    if let Some(record) = follow_up.filter(|r| draft.other(r).is_some_and(|t| t.ended)) {
        let reviewer = choice.asked.reviewer.clone();
        draft.push(NewEvent::on(number, Fact::LineSettled { line: choice.line, record, done: true, reviewer }).by(&pin.kind.digest));
    }
    Ok(())
}

/// The record says in which review somebody looked at it again.
fn attest(draft: &mut Draft<'_>, number: &Number, record: &Number) {
    let Some(ticket) = draft.other(record) else { return };
    if !ticket.links.iter().any(|l| l.link == ATTESTED && l.to.as_ref() == Some(number)) {
        let digest = ticket.kind_digest.clone();
        draft.push(links::made(ATTESTED, record, Some(number)).by(&digest));
    }
}

/// Opens the record by which something is taken away or changed; none when the library has no such kind.
fn follow(draft: &mut Draft<'_>, number: &Number, rule: &LinesRule, choice: &LineChoice) -> Option<Number> {
    let kind = draft.ctx.library.kinds.get(&rule.opens)?;
    let mut fields = choice.opening.clone();
    fields.insert("type".into(), FieldInput::Plain(json!(choice.verdict.name())));
    fields.insert("due".into(), FieldInput::Plain(json!(draft.ctx.now.plus(rule.done_within).to_string())));
    if let Some(subject) = &choice.asked.subject {
        fields.insert("requested_for".into(), FieldInput::Plain(json!(subject)));
    }
    fields.retain(|name, _| kind.fields.contains_key(name));
    let opened = open::as_consequence(draft, kind, fields);
    draft.push(links::made(DECIDED, &opened, Some(number)).by(&kind.digest));
    if let Some(record) = &choice.asked.record {
        links::both_ways(draft, &opened, "related", record, &kind.digest);
    }
    Some(opened)
}

/// A record ended: every review that waits for it learns whether a record shows that it was done.
pub(super) fn settle(draft: &mut Draft<'_>, number: &Number, done: bool) {
    let Some(ticket) = draft.find(number) else { return };
    let reviews: Vec<Number> =
        ticket.links.iter().filter(|l| l.link == ATTESTED || l.link == DECIDED).filter_map(|l| l.to.clone()).collect();
    for review in reviews {
        let Some(ticket) = draft.other(&review) else { continue };
        let digest = ticket.kind_digest.clone();
        let waiting = ticket.lines.iter().flat_map(|l| &l.following).filter(|(_, f)| f.record == *number);
        let facts: Vec<Fact> = waiting
            .map(|(line, f)| Fact::LineSettled { line: *line, record: number.clone(), done, reviewer: f.reviewer.clone() })
            .collect();
        for fact in facts {
            draft.push(NewEvent::on(&review, fact).by(&digest));
        }
    }
}
