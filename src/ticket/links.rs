//! Links to other tickets and to the outside, or the reason for having none.
//!
//! A link is somebody's, who can take it back with a reason, or the procedure's: a step, an obligation or a report made it,
//! later steps rely on it, and it stays. What a person linked never becomes the procedure's.

use super::conditions::EXCEPTION;
use super::draft::{Draft, Pinning};
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;
use super::state::{Link, Ticket};
use super::{authority, campaign, consequences, offer};
use crate::ledger::sealed::Sealed;

/// How a record came in that follows from something else.
pub(super) const CONSEQUENCE: &str = "consequence";

/// The most links on one ticket.
const MAX_LINKS: usize = 1_000;

pub(super) fn link(
    draft: &mut Draft<'_>,
    number: &Number,
    link: &str,
    to: Option<&Number>,
    target: Option<&Sealed>,
    reason: Option<&Sealed>,
) -> Result<(), Refusal> {
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if !is_for_the_taker(draft, ticket, pin, link) {
        draft.worker("add a link")?;
    }
    let word =
        (1..=40).contains(&link.len()) && link.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if !word {
        return Err(Refusal::BadRequest { because: "a link's kind is one lower-case word, such as caused_by".into() });
    }
    if campaign::makes(link) {
        return Err(Refusal::BadRequest { because: format!("only a review makes a link called {link}") });
    }
    if ticket.links.len() >= MAX_LINKS {
        return Err(Refusal::TooMany { what: "links on one ticket".into(), most: MAX_LINKS });
    }
    let target = target.filter(|s| !s.bytes.is_empty());
    let reason = reason.filter(|s| !s.bytes.is_empty());
    match (to, target, reason) {
        (None, None, None) => return Err(Refusal::EmptyLink { link: link.to_owned() }),
        (Some(_), Some(_), _) => {
            return Err(Refusal::BadRequest { because: "a link leads to a ticket or to an address, not to both".into() });
        }
        (None, None, Some(_)) if ticket.ended => {
            // The reason for having no link stands in for a requirement: after the end that would change the record.
            return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
        }
        _ => {}
    }
    if let Some(other) = to {
        if draft.ticket(other)?.number == ticket.number {
            return Err(Refusal::BadRequest { because: "a ticket cannot be linked to itself".into() });
        }
        if ticket.links.iter().any(|l| l.link == link && l.to.as_ref() == Some(other)) {
            return Err(Refusal::NothingToDo);
        }
    }
    let fact = Fact::Linked { link: link.to_owned(), to: to.cloned(), made: false };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    for (name, value) in [("target", target), ("reason", reason)] {
        if let Some(value) = value {
            event = event.seal(name, value.clone());
        }
    }
    draft.push(event);
    if let Some(other) = to {
        back(draft, number, link, other, false);
    }
    consequences::follow(draft, number)
}

/// Whether a step that the asker may take from here requires such a link: whoever may take it may give it as well.
fn is_for_the_taker(draft: &Draft<'_>, ticket: &Ticket, pin: Pinning<'_>, link: &str) -> bool {
    let around = draft.around(pin);
    pin.kind.transitions.values().any(|step| {
        let wanted = step.requires.links.contains_key(link) || step.requires.linked.iter().any(|rule| rule.link == link);
        wanted && offer::starts(ticket, pin.kind, pin.response, step) && authority::may(&around, ticket, draft.ctx.actor, &step.by)
    })
}

/// What a link is called from the other side.
#[must_use]
pub fn inverse(link: &str) -> &str {
    const PAIRS: &[(&str, &str)] = &[
        ("caused_by", "caused"),
        ("remediated_by", "remediates"),
        ("reviewed_by", "reviews"),
        ("corrected_by", "corrects"),
        ("followed_by", "follows"),
        ("excepted_by", "excepts"),
        ("modelled_by", "models"),
        ("changed_by", "change_for"),
        ("renewed_by", "renews"),
        ("duplicated_by", "duplicates"),
        ("shown_by", "shows"),
        ("found_in", "found"),
        ("sampled_in", "samples"),
    ];
    PAIRS
        .iter()
        .find_map(|(a, b)| {
            if *a == link {
                Some(*b)
            } else if *b == link {
                Some(*a)
            } else {
                None
            }
        })
        .unwrap_or(match link {
            "related" => "related",
            _ => "linked_from",
        })
}

/// The same link as the other ticket has it.
fn back(draft: &mut Draft<'_>, number: &Number, link: &str, other: &Number, made: bool) {
    let Some(ticket) = draft.other(other) else { return };
    let word = inverse(link);
    if ticket.links.len() < MAX_LINKS && !ticket.links.iter().any(|l| l.link == word && l.to.as_ref() == Some(number)) {
        let digest = ticket.kind_digest.clone();
        draft.push(NewEvent::on(other, Fact::Linked { link: word.to_owned(), to: Some(number.clone()), made }).by(&digest));
    }
}

/// A link that the procedure makes, on this ticket alone.
pub(super) fn made(link: &str, number: &Number, to: Option<&Number>) -> NewEvent {
    NewEvent::on(number, Fact::Linked { link: link.to_owned(), to: to.cloned(), made: true })
}

/// A link that the procedure makes, on both tickets.
pub(super) fn both_ways(draft: &mut Draft<'_>, number: &Number, link: &str, other: &Number, digest: &str) {
    draft.push(made(link, number, Some(other)).by(digest));
    back(draft, number, link, other, true);
}

pub(super) fn unlink(draft: &mut Draft<'_>, number: &Number, link: i64, reason: &Sealed) -> Result<(), Refusal> {
    draft.worker("take a link back")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if ticket.ended {
        return Err(Refusal::Locked { ticket: number.clone(), status: ticket.status.clone() });
    }
    let Some(found) = ticket.links.iter().find(|l| l.id == link).cloned() else { return Err(Refusal::NoSuchLink { link }) };
    let twin = |other: &Ticket| other.links.iter().find(|l| l.link == inverse(&found.link) && l.to.as_ref() == Some(number)).cloned();
    let twin = found.to.as_ref().and_then(|to| Some((to.clone(), draft.other(to)?))).and_then(|(to, other)| {
        let digest = other.kind_digest.clone();
        Some((to, digest, twin(other)?))
    });
    // The links of a review bore no mark once.
    if found.made || campaign::makes(&found.link) || twin.as_ref().is_some_and(|(.., twin)| twin.made) {
        return Err(Refusal::LinkStays { ticket: number.clone(), link: found.link });
    }
    if let Some((to, ..)) = &twin
        && relied_on(draft, ticket, to, &found)
    {
        return Err(Refusal::LinkUsed { ticket: number.clone(), other: to.clone() });
    }
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "a link is not taken back without saying why".into() });
    }
    draft.push(NewEvent::on(number, Fact::Unlinked { link }).by(&pin.kind.digest).seal("reason", reason.clone()));
    if let Some((other, digest, twin)) = twin {
        draft.push(NewEvent::on(&other, Fact::Unlinked { link: twin.id }).by(&digest).seal("reason", reason.clone()));
    }
    Ok(())
}

/// Whether the link leads from an exception that was approved to a ticket that went on since it was linked, or back: taken back,
/// the same exception would be there for another one.
fn relied_on(draft: &Draft<'_>, ticket: &Ticket, other: &Number, found: &Link) -> bool {
    let Some(other) = draft.other(other) else { return false };
    let (exception, excepted) = match found.link.as_str() {
        EXCEPTION => (other, ticket),
        word if word == inverse(EXCEPTION) => (ticket, other),
        _ => return false,
    };
    exception.granted.values().any(|granted| !granted.given.is_empty()) && excepted.steps.iter().any(|step| step.seq > found.seq)
}
