//! What a step requires of time, of approvals that must still stand, and of other records.

use std::time::Duration;

use super::approval;
use super::authority::{system, system_name};
use super::campaign;
use super::duties::{Around, time_of, word_of};
use super::links::inverse;
use super::missing::{Missing, lower_first};
use super::number::Number;
use super::state::Ticket;
use super::view;
use super::{entry, spoken};
use crate::env::Timestamp;
use crate::procedure::estate::{Freeze, OTHER_SYSTEM};
use crate::procedure::expression::Variables;
use crate::procedure::model::Transition;
use crate::procedure::rules::{Approved, Confirmed, Linked, TemplateRule, Unfrozen, Window, WindowMust, applies};

/// The link under which an exception stands.
pub(super) const EXCEPTION: &str = "excepted_by";
/// The kind of record that an exception is.
const EXCEPTION_KIND: &str = "exception";
/// Where an exception counts.
const ACTIVE: &str = "active";
/// Where it counted until its end.
const ENDED: &str = "ended";
/// What an exception to a freeze covers: the field of its system, and those of its window.
const SCOPE_SYSTEM: &str = "system";
const SCOPE_FROM: &str = "window_start";
const SCOPE_TO: &str = "window_end";
/// The value that asks for emergency use.
const BREAK_GLASS: &str = "break-glass";

/// Looks up another ticket.
pub type Others<'o, 't> = &'o dyn Fn(&Number) -> Option<&'t Ticket>;

/// What `transition` lacks of what can only be judged now and here.
#[must_use]
pub fn missing(around: &Around<'_>, ticket: &Ticket, transition: &Transition, others: Others<'_, '_>) -> Vec<Missing> {
    let variables = view::variables(ticket, around.kind, around.response);
    let requires = &transition.requires;
    let mut out = Vec::new();
    for rule in requires.approved.iter().filter(|r| applies(r.when.as_ref(), &variables)) {
        out.extend(approved(around, ticket, rule));
    }
    out.extend(requires.ahead.iter().filter_map(|field| ahead(around, ticket, field)));
    for rule in requires.window.iter().filter(|r| applies(r.when.as_ref(), &variables)) {
        out.extend(window(around, ticket, rule));
    }
    for rule in requires.unfrozen.iter().filter(|r| applies(r.when.as_ref(), &variables)) {
        out.extend(frozen(around, ticket, rule, others));
    }
    out.extend(requires.linked.iter().filter_map(|rule| linked(ticket, rule, &variables, others)));
    out.extend(requires.confirmed.iter().filter_map(|rule| unconfirmed(around, ticket, rule, others)));
    if requires.lines && (ticket.lines.is_some() || campaign::rule(around, ticket).is_some()) {
        out.extend(unsettled(ticket));
    }
    if let (Some(rule), Some(_)) = (&around.kind.declare.template, &transition.approval) {
        out.extend(without_entry(around, ticket));
        out.extend(offered(around, ticket, rule));
    }
    out
}

/// Lines that nobody has decided, or of which what was decided is not done.
fn unsettled(ticket: &Ticket) -> Option<Missing> {
    let lines = ticket.lines.as_ref().filter(|l| l.is_frozen());
    let Some(lines) = lines else { return Some(condition("LinesOpen", "Its lines are not frozen yet, so nobody has looked at them.")) };
    let mut says = Vec::new();
    match lines.open() {
        0 => {}
        1 => says.push(format!("One of {} lines is not decided yet.", lines.total())),
        open => says.push(format!("{open} of {} lines are not decided yet.", lines.total())),
    }
    let mut records: Vec<String> = lines.following.values().map(|f| f.record.to_string()).collect();
    records.dedup();
    if let Some(first) = records.first() {
        let more = if records.len() > 1 { format!(" and {} more", records.len() - 1) } else { String::new() };
        says.push(format!("No record shows yet that what was decided is done: {first}{more}."));
    }
    (!says.is_empty()).then(|| condition("LinesOpen", says.join(" ")))
}

fn condition(code: &'static str, says: impl Into<String>) -> Missing {
    Missing::Condition { code, says: says.into() }
}

/// A moment as the organisation's clocks show it.
fn shown(around: &Around<'_>, at: Timestamp) -> String {
    at.utc().with_timezone(&around.organisation.zone).format("%A %Y-%m-%d %H:%M:%S %Z").to_string()
}

fn label<'a>(around: &Around<'a>, field: &'a str) -> String {
    around.kind.fields.get(field).map_or_else(|| field.to_owned(), |f| lower_first(&f.label))
}

fn approved(around: &Around<'_>, ticket: &Ticket, rule: &Approved) -> Option<Missing> {
    let step = view::label(around.kind, around.response, &rule.by);
    let Some(granted) = ticket.granted.get(&rule.by) else {
        return Some(condition("ApprovalMissing", format!("It is not approved yet: “{step}” comes first.")));
    };
    let transition = around.kind.transitions.get(&rule.by)?;
    let now = approval::digest(ticket, transition).unwrap_or_default();
    if now != granted.digest {
        let changed: Vec<String> = approval::changed(ticket, transition, &granted.fields).iter().map(|f| label(around, f)).collect();
        let (before, after) = (granted.digest.get(..12).unwrap_or_default(), now.get(..12).unwrap_or_default());
        let what = if changed.is_empty() { "something".to_owned() } else { changed.join(", ") };
        let says = format!("What was approved has changed since: {what} (approved {before}…, now {after}…). It must be approved again.");
        return Some(condition("ApprovalStale", says));
    }
    if approval::is_stale(ticket, transition) {
        return Some(condition("ApprovalStale", "An approval was taken back. It must be approved again."));
    }
    if !approval::is_independent(around, ticket, granted) {
        let says = "Who approved it turns out to be who asked for it. That approval must be withdrawn, and somebody else must approve it.";
        return Some(condition("ApprovalStale", says));
    }
    let from = granted.at.plus(rule.lead);
    (around.now < from).then(|| {
        let says = format!("It was approved on {}, and may start on {} or later.", shown(around, granted.at), shown(around, from));
        condition("TooEarly", says)
    })
}

fn ahead(around: &Around<'_>, ticket: &Ticket, field: &str) -> Option<Missing> {
    // An empty field is missed where it is required.
    let at = time_of(ticket, field)?;
    (at <= around.now).then(|| {
        let says = format!("The {} is {}, which has passed. Give a time in the future.", label(around, field), shown(around, at));
        condition("NotInTheFuture", says)
    })
}

fn window(around: &Around<'_>, ticket: &Ticket, rule: &Window) -> Option<Missing> {
    let (from, to) = (time_of(ticket, &rule.from), time_of(ticket, &rule.to));
    let (Some(from), Some(to)) = (from, to) else {
        let what = if from.is_none() { &rule.from } else { &rule.to };
        return Some(condition("OutsideWindow", format!("Say when: the {} is missing.", label(around, what))));
    };
    if to <= from {
        return Some(condition("OutsideWindow", "The window ends before it begins; please set it right."));
    }
    match rule.must {
        WindowMust::EndAhead if to <= around.now => {
            Some(condition("NotInTheFuture", format!("The window ended on {}, which has passed; choose a later one.", shown(around, to))))
        }
        WindowMust::LieAhead if to <= around.now || from < around.now => {
            Some(condition("NotInTheFuture", format!("The window began on {}, which has passed; choose a later one.", shown(around, from))))
        }
        WindowMust::BeOpen if around.now < from => Some(condition(
            "OutsideWindow",
            format!("The window opens on {}; wait, or choose another and have it approved.", shown(around, from)),
        )),
        WindowMust::BeOpen if around.now >= to => {
            Some(condition("OutsideWindow", format!("The window closed on {}; choose another and have it approved.", shown(around, to))))
        }
        _ => None,
    }
}

fn frozen(around: &Around<'_>, ticket: &Ticket, rule: &Unfrozen, others: Others<'_, '_>) -> Option<Missing> {
    let (from, to) = match &rule.window {
        Some((from, to)) => (time_of(ticket, from)?, time_of(ticket, to)?),
        None => (around.now, around.now),
    };
    let system = rule.system.as_ref().and_then(|field| word_of(ticket, field)).filter(|s| *s != OTHER_SYSTEM);
    let mut freezes = around.organisation.estate.freezes.iter().filter(|f| f.covers(from, to, system));
    freezes.find_map(|freeze| held_by(around, ticket, freeze, system, (from.max(freeze.starts), to.min(freeze.ends)), others))
}

/// What keeps a change of the system within this freeze; none when an exception that is linked covers it.
fn held_by(
    around: &Around<'_>,
    ticket: &Ticket,
    freeze: &Freeze,
    system: Option<&str>,
    time: (Timestamp, Timestamp),
    others: Others<'_, '_>,
) -> Option<Missing> {
    let of_freezes = exceptions(ticket, others).filter(|e| word_of(e, "type") == Some("freeze"));
    let why_not: Vec<Option<String>> = of_freezes.map(|exception| uncovered(around, ticket, exception, system, time)).collect();
    if why_not.contains(&None) {
        return None;
    }
    let what = system.map_or_else(|| "a system that has an entry".to_owned(), str::to_owned);
    let to_do = if why_not.is_empty() {
        format!("Choose another time, or link an exception of type freeze that an executive approved, for {what} and this time.")
    } else {
        let why_not: Vec<String> = why_not.into_iter().flatten().collect();
        format!("{} Choose another time, or ask for an exception for {what} and this time.", why_not.join(" "))
    };
    let (from, to) = (shown(around, freeze.starts), shown(around, freeze.ends));
    Some(condition("Frozen", format!("Nothing is changed from {from} until {to} (“{}”: {}). {to_do}", freeze.name, freeze.why)))
}

/// Why this exception does not cover the change of the system at that time; none when it does. It covers the one ticket that
/// was linked to it first: what an executive agreed to is one change, not whatever else fits into its window.
fn uncovered(
    around: &Around<'_>,
    ticket: &Ticket,
    exception: &Ticket,
    system: Option<&str>,
    (from, to): (Timestamp, Timestamp),
) -> Option<String> {
    let number = &exception.number;
    if exception.status != ACTIVE {
        return Some(format!("{number} is {}, so it covers nothing now.", exception.status));
    }
    let covered = word_of(exception, SCOPE_SYSTEM).filter(|s| *s != OTHER_SYSTEM);
    match (covered, system) {
        (None, _) => return Some(format!("{number} names no system, so it covers none.")),
        (Some(covered), None) => return Some(format!("{number} covers {covered} alone, and this names no system that has an entry.")),
        (Some(covered), Some(system)) if covered != system => {
            return Some(format!("{number} covers {covered} alone, and this changes {system}."));
        }
        _ => {}
    }
    let window = time_of(exception, SCOPE_FROM).zip(time_of(exception, SCOPE_TO));
    let Some((opens, closes)) = window else { return Some(format!("{number} names no window, so it covers no time.")) };
    // A moment is covered until before the window closes; a window may end where the other one does.
    let within = opens <= from && if from == to { from < closes } else { to <= closes };
    if !within {
        let time = if from == to { shown(around, from) } else { format!("{} until {}", shown(around, from), shown(around, to)) };
        return Some(format!("{number} covers {} until {}, and this is {time}.", shown(around, opens), shown(around, closes)));
    }
    let first = exception.links.iter().filter(|l| l.link == inverse(EXCEPTION)).find_map(|l| l.to.as_ref());
    first.filter(|first| **first != ticket.number).map(|first| format!("{number} was linked to {first} first, and covers that alone."))
}

/// Exceptions that are linked.
fn exceptions<'t>(ticket: &Ticket, others: Others<'_, 't>) -> impl Iterator<Item = &'t Ticket> {
    let linked = ticket.links.iter().filter(|l| l.link == EXCEPTION).filter_map(move |l| others(l.to.as_ref()?));
    linked.filter(|other| other.kind == EXCEPTION_KIND)
}

/// The approval that was only spoken lacks its giver's click, for exactly what stands there.
fn unconfirmed(around: &Around<'_>, ticket: &Ticket, rule: &Confirmed, others: Others<'_, '_>) -> Option<Missing> {
    let spoken = ticket.spoken.as_ref()?;
    let fits = || around.kind.transitions.get(&spoken.transition).is_some_and(|of| spoken::fits(spoken, ticket, of));
    if spoken.confirmed == Some(true) && fits() || excused(ticket, rule, others) {
        return None;
    }
    let lacks = match (spoken.confirmed, &spoken.giver) {
        (Some(true), _) => "What the giver of the spoken approval has confirmed was changed since; ask for the click once more",
        (Some(false), _) => "The giver of the spoken approval says that it was not so",
        (None, Some(_)) => "The approval that was only spoken is not confirmed by its giver; ask for the click",
        (None, None) => "It began since nobody answered, and nobody who may approve has confirmed it since; ask for the click",
    };
    Some(condition("Unconfirmed", format!("{lacks}, or have an exception approved that was opened for this alone (excepted_by).")))
}

/// Whether an exception of one of these types that was opened for this ticket alone was approved, and none waits undecided.
fn excused(ticket: &Ticket, rule: &Confirmed, others: Others<'_, '_>) -> bool {
    let standing = [ACTIVE, ENDED].map(str::to_owned);
    let fits = |other: &&Ticket| {
        let of_type = rule.or.is_empty() || word_of(other, "type").is_some_and(|t| rule.or.iter().any(|x| x == t));
        of_type && opened_for(other, ticket, EXCEPTION, &standing)
    };
    let counts = counting(exceptions(ticket, others).filter(fits), &standing);
    !counts.is_empty() && !counts.contains(&false)
}

/// Of each record that counts, whether it stands where it must. Those that ended elsewhere do not count.
fn counting<'t>(records: impl Iterator<Item = &'t Ticket>, standing: &[String]) -> Vec<bool> {
    records.filter(|o| !o.ended || standing.contains(&o.status)).map(|o| standing.contains(&o.status)).collect()
}

/// Whether a record was opened for this ticket alone: it was linked to this one before any other, and before it came to
/// where it stands. What was decided for one ticket excuses no other.
fn opened_for(record: &Ticket, ticket: &Ticket, link: &str, standing: &[String]) -> bool {
    let settled = record.steps.iter().find(|s| standing.contains(&s.to)).map_or(i64::MAX, |s| s.seq);
    let word = inverse(link);
    let first = record.links.iter().find(|l| l.link == word && l.to.is_some());
    first.is_some_and(|l| l.to.as_ref() == Some(&ticket.number) && l.seq < settled)
}

fn linked(ticket: &Ticket, rule: &Linked, variables: &Variables, others: Others<'_, '_>) -> Option<Missing> {
    if !applies(rule.when.as_ref(), variables) {
        return None;
    }
    let words = || ticket.links.iter().filter(|l| l.link == rule.link);
    let fits = |other: &&Ticket| {
        let of_type = rule.of_type.is_none() || word_of(other, "type") == rule.of_type.as_deref();
        let same = rule.same.iter().all(|field| word_of(other, field) == word_of(ticket, field));
        other.kind == rule.kind && of_type && same && (!rule.own || opened_for(other, ticket, &rule.link, &rule.standing))
    };
    let linked: Vec<&Ticket> = words().filter_map(|l| others(l.to.as_ref()?)).filter(fits).collect();
    let counts = counting(linked.iter().copied(), &rule.standing);
    // What came to nothing leaves nothing linked, once somebody says why there is none.
    let none_needed = rule.if_any && counts.is_empty() && (linked.is_empty() || words().any(|l| l.reason_only));
    (!none_needed && (counts.is_empty() || counts.contains(&false))).then(|| condition("RecordMissing", rule.says.clone()))
}

/// A length of time in the largest unit that says it exactly.
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let (count, unit) = match seconds {
        s if s >= 86_400 && s.is_multiple_of(86_400) => (s / 86_400, "day"),
        s if s >= 3_600 && s.is_multiple_of(3_600) => (s / 3_600, "hour"),
        s => (s / 60, "minute"),
    };
    if count == 1 { format!("one {unit}") } else { format!("{count} {unit}s") }
}

/// What is asked for has no entry yet: it is asked for all the same, and approved once whoever answers for it has made one.
fn without_entry(around: &Around<'_>, ticket: &Ticket) -> Option<Missing> {
    let other = system_name(around.kind, ticket) == Some(OTHER_SYSTEM);
    let says =
        "The system has no entry yet. Whoever answers for it makes one in organisation.yaml and names it here; then this can be approved.";
    other.then(|| condition("NotOffered", says))
}

/// How long the role that was asked for is given at most.
pub(super) fn longest(around: &Around<'_>, ticket: &Ticket) -> Option<Duration> {
    let rule = around.kind.declare.template.as_ref()?;
    let role = word_of(ticket, &rule.role)?;
    Some(system(around, ticket)?.roles.get(role)?.most)
}

/// What of the request the system's entry does not offer.
pub(super) fn offered(around: &Around<'_>, ticket: &Ticket, rule: &TemplateRule) -> Option<Missing> {
    let name = system_name(around.kind, ticket)?;
    // Something else: whoever answers for it makes an entry of it.
    let found = system(around, ticket)?;
    let refuse = |says: String| Some(condition("NotOffered", says));
    let until = time_of(ticket, &rule.until);
    let asked = rule.way.as_ref().and_then(|field| word_of(ticket, field));
    if asked == Some(BREAK_GLASS) {
        let Some(most) = found.break_glass else {
            return refuse(format!("Emergency use of {name} is not allowed; ask for access the usual way."));
        };
        return match until {
            Some(until) if until <= ticket.opened_at.max(around.now).plus(most) => None,
            _ => refuse(format!("Emergency use of {name} ends by itself: say when, at most {} from now.", span(most))),
        };
    }
    let role = word_of(ticket, &rule.role).unwrap_or_default();
    if entry::is_privileged(around.organisation, around.kind, |name| word_of(ticket, name)) && asked != Some(entry::PRIVILEGED) {
        return refuse(format!("The role “{role}” on {name} is privileged: say so, and it is approved as such."));
    }
    let Some(offered) = found.roles.get(role) else {
        if found.roles.is_empty() {
            return None;
        }
        let known: Vec<&str> = found.roles.keys().map(String::as_str).collect();
        return refuse(format!("{name} has no role “{role}”; there are {}.", known.join(", ")));
    };
    match until {
        Some(until) if until <= ticket.opened_at.max(around.now).plus(offered.most) => None,
        Some(_) => refuse(format!("The role “{role}” on {name} is given for {} at most; choose an earlier end.", span(offered.most))),
        None => refuse(format!("Say until when: the role “{role}” on {name} is given for {} at most.", span(offered.most))),
    }
}
