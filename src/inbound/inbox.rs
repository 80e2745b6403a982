//! What waits for somebody, as every surface shows it: one reading of the desk's inbox, the words for why each thing waits,
//! what differs from the last similar request, whether it may be decided where it is listed; and the reader's own access that
//! ends soon. The console makes a page of it, Slack a list and the app's home, the API JSON.
//!
//! To let something else wait: a [`Why`] in `ticket::inbox`, its words in [`Entry::words`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::console::view_of::{Look, Pinned};
use crate::card::words::{count, one_line, uncapitalise};
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::procedure::model::{Permission, Transition};
use crate::ticket::duties::Around;
use crate::ticket::event::Actor;
use crate::ticket::inbox::{Waiting, Why, lines_for};
use crate::ticket::state::{Held, Ticket};
use crate::ticket::take::again;

/// How far back a similar request is looked for.
const BACK: i64 = 200;
/// So long before its end, access is offered for renewal.
const SOON: std::time::Duration = std::time::Duration::from_secs(14 * 86_400);
/// The step that asks for access as long again.
pub(in crate::inbound) const RENEW: &str = "renew";
/// A value of a difference is shown with so many characters.
const SHORT: usize = 90;

/// One thing that waits.
pub(in crate::inbound) struct Entry {
    /// Why, since when and by when.
    pub(in crate::inbound) waiting: Waiting,
    /// Its ticket.
    pub(in crate::inbound) pinned: Pinned,
    /// Why, in a sentence.
    pub(in crate::inbound) words: String,
    /// The last similar request, and what is other than there; none where there was none, or nothing is to be decided.
    pub(in crate::inbound) differs: Option<(String, Vec<String>)>,
    /// Little can come of a quick decision, so that it may be made where it is listed.
    pub(in crate::inbound) low: bool,
}

impl Entry {
    /// The step that waits, where one does.
    pub(in crate::inbound) fn transition(&self) -> Option<&Transition> {
        self.pinned.kind().transitions.get(self.waiting.transition.as_ref()?)
    }
}

/// What waits for the reader, the most pressing first, and whether there is more. What a decision differs in is looked up for
/// the first `whole`.
pub(in crate::inbound) async fn read(look: &Look<'_>, at_most: usize, whole: usize) -> Result<(Vec<Entry>, bool), NoView> {
    let found = look.app.desk.inbox(look.viewer, at_most + 1).await?;
    let more = found.len() > at_most;
    let (why, tickets): (Vec<Waiting>, Vec<Ticket>) = found.into_iter().take(at_most).unzip();
    let pinned = look.pin_all(tickets).await?;
    let mut similar = Similar::default();
    let mut out = Vec::with_capacity(pinned.len());
    for (place, (waiting, pinned)) in why.into_iter().zip(pinned).enumerate() {
        let words = words(look, &waiting, &pinned);
        let mut entry = Entry { waiting, words, differs: None, low: false, pinned };
        if entry.waiting.why == Why::Decide
            && let Some(transition) = entry.transition().filter(|_| place < whole)
        {
            entry.differs = differs(look, &entry.pinned, transition, &mut similar).await?;
            entry.low = is_low(&entry.pinned.ticket);
        }
        out.push(entry);
    }
    Ok((out, more))
}

/// Why it waits, in a sentence.
fn words(look: &Look<'_>, waiting: &Waiting, pinned: &Pinned) -> String {
    let transition = waiting.transition.as_ref().and_then(|name| pinned.kind().transitions.get(name));
    let label = transition.map(|t| look.scene(pinned, |scene| scene.label(t))).unwrap_or_default();
    match waiting.why {
        Why::Confirm if pinned.ticket.spoken.as_ref().is_some_and(|s| s.giver.is_none()) => {
            format!("It began since nobody who approves answered. Was “{label}” right?")
        }
        Why::Confirm => format!("You are said to have agreed to “{label}”. Was it so?"),
        Why::Decide => format!("Needs your decision: {label}."),
        Why::Review => lines_words(look, pinned),
        Why::Called => "You were called for it.".to_owned(),
        Why::Owed => format!("It owes something before “{label}”."),
        Why::Own => "It is yours.".to_owned(),
        Why::Nobodys => "Nobody has it yet.".to_owned(),
    }
}

/// The latest requests of each kind, read once for a list.
#[derive(Default)]
struct Similar(BTreeMap<String, Vec<Pinned>>);

/// A moment as one reads it, instead of as it is stored.
fn readable(text: String) -> String {
    Timestamp::parse_canonical(&text).map_or(text, |at| at.utc().format("%-d %b %Y %H:%M UTC").to_string())
}

fn lines_words(look: &Look<'_>, pinned: &Pinned) -> String {
    let viewer = &look.viewer.state;
    let actor = Actor::Person { id: viewer.id.clone(), roles: viewer.roles.clone() };
    let around = Around {
        now: look.now,
        organisation: &look.library.organisation,
        people: look.snapshot.directory.as_ref(),
        kind: pinned.kind(),
        response: None,
    };
    let lines = lines_for(&around, &pinned.ticket, &actor);
    format!("{} for you to keep, revoke or change.", count(lines, "line waits", "lines wait"))
}

/// Whether little can come of a quick decision: the ticket says that its risk is low, or it is an everyday request.
fn is_low(ticket: &Ticket) -> bool {
    let word = |field: &str| ticket.plain(field).and_then(Value::as_str);
    match word("risk").or_else(|| word("severity")) {
        Some(level) => level == "low" || level == "sev4",
        None => word("type") == Some("standard"),
    }
}

/// The latest earlier request of the same kind for the same thing, and what of what is approved is other now.
async fn differs(
    look: &Look<'_>,
    pinned: &Pinned,
    transition: &Transition,
    similar: &mut Similar,
) -> Result<Option<(String, Vec<String>)>, NoView> {
    let ticket = &pinned.ticket;
    if !similar.0.contains_key(&ticket.kind) {
        let latest = look.app.desk.tickets_latest(look.viewer, &ticket.kind, (0, i64::MAX), "", BACK).await?;
        let latest = look.pin_all(latest.into_iter().map(|(_, t)| t).collect()).await?;
        similar.0.insert(ticket.kind.clone(), latest);
    }
    let same = |other: &Ticket, field: &str| ticket.plain(field) == other.plain(field);
    let asked = |other: &&Pinned| {
        let other = &other.ticket;
        let thing =
            ["system", "role", "category"].iter().filter(|f| pinned.kind().fields.contains_key(**f)).all(|field| same(other, field));
        thing && other.opened_seq < ticket.opened_seq && !other.granted.is_empty()
    };
    let Some(last) = similar.0.get(&ticket.kind).into_iter().flatten().find(asked) else { return Ok(None) };
    let mut out = Vec::new();
    for name in transition.approval.iter().flat_map(|a| &a.of) {
        let Some(field) = pinned.kind().fields.get(name) else { continue };
        let shown = |pinned: &Pinned| readable(look.scene(pinned, |scene| scene.shown(field).join(", ")));
        let (before, now) = (shown(last), shown(pinned));
        if before == now {
            continue;
        }
        let label = &field.label;
        out.push(match ticket.fields.get(name) {
            Some(Held::Sealed(_)) => format!("{label} reads differently"),
            _ if before.is_empty() => format!("{label}: {}", one_line(&now, SHORT)),
            _ if now.is_empty() => format!("no {} (it was {})", uncapitalise(label), one_line(&before, SHORT)),
            _ => format!("{label}: {} (it was {})", one_line(&now, SHORT), one_line(&before, SHORT)),
        });
    }
    Ok(Some((last.ticket.number.to_string(), out)))
}

/// Access of the reader that ends soon.
#[derive(Clone, Debug)]
pub(in crate::inbound) struct Ending {
    pub(in crate::inbound) number: String,
    pub(in crate::inbound) title: String,
    pub(in crate::inbound) ends: Timestamp,
    /// Until when one press asks for it.
    pub(in crate::inbound) until: Option<Timestamp>,
    /// A renewal was asked for.
    pub(in crate::inbound) asked: bool,
}

/// The reader's own access that ends soon.
pub(in crate::inbound) async fn ending(look: &Look<'_>) -> Result<Vec<Ending>, NoView> {
    let me = look.viewer.state.id.as_str();
    if look.app.desk.allow(look.viewer, Permission::Read).is_err() {
        return Ok(Vec::new());
    }
    let (mut tickets, mut after) = (Vec::new(), -1);
    loop {
        let page = look.app.desk.tickets(look.viewer, after, "access", "granted", 500).await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        tickets.extend(page.into_iter().map(|(_, t)| t).filter(|t| {
            let soon = ends(t).is_some_and(|at| at <= look.now.plus(SOON));
            soon && (t.plain("requested_for").and_then(Value::as_str) == Some(me) || t.opened_by.person() == Some(me))
        }));
    }
    let mut out: Vec<Ending> = look.pin_all(tickets).await?.iter().filter_map(|pinned| ending_of(look, pinned)).collect();
    out.sort_by_key(|e| e.ends);
    Ok(out)
}

fn ends(ticket: &Ticket) -> Option<Timestamp> {
    ticket.plain("expires_at").and_then(Value::as_str).and_then(Timestamp::parse)
}

fn ending_of(look: &Look<'_>, pinned: &Pinned) -> Option<Ending> {
    let ticket = &pinned.ticket;
    let ends = ends(ticket)?;
    let word = |field: &str| ticket.plain(field).and_then(Value::as_str).unwrap_or_default();
    let role = look.library.organisation.estate.systems.get(word("system")).and_then(|s| s.roles.get(word("role")));
    // What the step asks for when nobody says more.
    let again = again(ticket, ends, role.map(|role| role.most), look.now);
    let asked = ticket.fields.contains_key("renew_until") || word("type") == "break-glass";
    let until = again.filter(|until| !asked && *until > ends);
    Some(Ending {
        number: ticket.number.to_string(),
        title: look.scene(pinned, |scene| scene.title()),
        ends,
        until,
        asked: ticket.fields.contains_key("renew_until"),
    })
}
