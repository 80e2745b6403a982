//! The inbox: what waits for the reader, the most pressing first, with what differs from the last similar request. What is
//! of low risk is decided in place, and access that ends soon is renewed with one press; both send the same forms as the
//! ticket's own page, so the desk sees no difference.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;

use super::fragments::ChannelsPart;
use super::html::{Moment, Sentence};
use super::reply;
use super::routes::Visitor;
use super::view_of::{Look, Pinned};
use super::views::{ROOT, Shell};
use super::{assets, html};
use crate::card::action_form;
use crate::card::buttons::Action;
use crate::card::live::FactLine;
use crate::card::words::{Words, count, one_line, remaining, uncapitalise};
use crate::desk::query::NoView;
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::procedure::model::{Permission, Transition};
use crate::ticket::duties::Around;
use crate::ticket::event::Actor;
use crate::ticket::inbox::{Waiting, Why, lines_for};
use crate::ticket::state::{Held, Ticket};
use crate::ticket::take::again;

/// Things that the page shows at most.
const MOST: usize = 100;
/// Of these, so many with what is decided on.
const WHOLE: usize = 40;
/// How far back a similar request is looked for.
const BACK: i64 = 200;
/// So long before its end, access is offered for renewal.
const SOON: std::time::Duration = std::time::Duration::from_secs(14 * 86_400);
/// A value of a difference is shown with so many characters.
const SHORT: usize = 90;

/// The page.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    pub(super) shell: Shell,
    pub(super) waiting: Vec<Entry>,
    pub(super) ending: Vec<Ending>,
    pub(super) more: bool,
}

/// One thing that waits.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) number: String,
    pub(super) kind: String,
    pub(super) title: String,
    pub(super) why: String,
    pub(super) due: Option<Timestamp>,
    pub(super) level: String,
    pub(super) since: Timestamp,
    pub(super) facts: Vec<FactLine>,
    /// The last similar request, and what is other than there.
    pub(super) differs: Option<(String, Vec<String>)>,
    /// Where a decision is sent, and what it is bound to, when it can be made here.
    pub(super) in_place: Option<(String, String)>,
    /// What its button says, and where it leads.
    pub(super) button: (String, String),
}

/// Access of the reader that ends soon.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    pub(super) number: String,
    pub(super) title: String,
    pub(super) ends: Timestamp,
    /// Until when one press asks for it.
    pub(super) until: Option<Timestamp>,
    /// A renewal was asked for.
    pub(super) asked: bool,
}

#[derive(Template)]
#[template(path = "console/inbox.html")]
struct InboxPage<'a> {
    shell: &'a Shell,
    channels: ChannelsPart<'a>,
    view: &'a Inbox,
}

impl InboxPage<'_> {
    fn said<'w>(&self, words: &'w Words) -> Sentence<'w> {
        Sentence { words, now: self.shell.now }
    }

    fn at(&self, at: &Timestamp) -> Moment {
        Moment { at: *at, now: self.shell.now }
    }

    fn left(&self, due: &Timestamp) -> String {
        remaining(*due, self.shell.now)
    }

    fn late(&self, due: &Timestamp) -> bool {
        *due <= self.shell.now
    }
}

/// The page as HTML.
pub(super) fn inbox_page(view: &Inbox) -> String {
    InboxPage { shell: &view.shell, channels: ChannelsPart::of(&view.shell, false), view }.to_string()
}

/// What waits for the reader.
pub(super) async fn inbox(State(app): State<App>, Visitor(caller): Visitor, headers: HeaderMap) -> Response {
    let made = async {
        let look = Look::new(&app, &caller.person)?;
        let found = app.desk.inbox(&caller.person, MOST + 1).await?;
        let more = found.len() > MOST;
        let (why, tickets): (Vec<Waiting>, Vec<Ticket>) = found.into_iter().take(MOST).unzip();
        let pinned = look.pin_all(tickets).await?;
        let mut similar = Similar::default();
        let mut waiting: Vec<Entry> = Vec::new();
        for (why, pinned) in why.iter().zip(&pinned) {
            let whole = waiting.len() < WHOLE;
            waiting.push(entry(&look, why, pinned, whole.then_some(&mut similar)).await?);
        }
        let ending = ending(&look).await?;
        let shell = look.shell(&look.open().await?, None);
        Ok(inbox_page(&Inbox { shell, waiting, ending, more }))
    };
    match made.await {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

/// The latest requests of each kind, read once for a page.
#[derive(Default)]
pub(in crate::inbound) struct Similar(BTreeMap<String, Vec<Pinned>>);

async fn entry(look: &Look<'_>, why: &Waiting, pinned: &Pinned, similar: Option<&mut Similar>) -> Result<Entry, NoView> {
    let ticket = &pinned.ticket;
    let transition = why.transition.as_ref().and_then(|name| pinned.kind().transitions.get(name));
    let label = transition.map(|t| look.scene(pinned, |scene| scene.label(t))).unwrap_or_default();
    let number = ticket.number.to_string();
    let (words, button) = match why.why {
        Why::Confirm => (format!("You are said to have agreed to “{label}”. Was it so?"), ("Answer", step(&number, "decide", why))),
        Why::Decide => (format!("Needs your decision: {label}."), ("Decide", step(&number, "decide", why))),
        Why::Review => (lines_words(look, pinned), ("Look at the lines", format!("{ROOT}/c/{number}/lines?mine=true&open=true"))),
        Why::Called => ("You were called for it.".to_owned(), ("Open", format!("{ROOT}/c/{number}"))),
        Why::Owed => (format!("It owes something before “{label}”."), ("Fill in", format!("{ROOT}/c/{number}/form/edit"))),
        Why::Own => ("It is yours.".to_owned(), ("Open", format!("{ROOT}/c/{number}"))),
    };
    let mut made = Entry {
        kind: pinned.kind().title.clone(),
        title: look.scene(pinned, |scene| scene.title()),
        why: words,
        due: why.due,
        level: why.level.clone(),
        since: why.since,
        facts: Vec::new(),
        differs: None,
        in_place: None,
        button: (button.0.to_owned(), button.1),
        number,
    };
    if let (Why::Decide, Some(transition), Some(similar)) = (why.why, transition, similar) {
        let people = look.people();
        let action = Action::Decide(transition.name.clone());
        let form = look.scene(pinned, |scene| action_form::form(scene, &action, &people, &look.library.organisation));
        if let Some(form) = form {
            // The ticket and the step stand above it already.
            let held = form.statement.into_iter().skip(2).filter(|f| !f.value.is_empty());
            made.facts = held.map(|fact| FactLine { value: timed(look, fact.value), ..fact }).collect();
            made.in_place =
                form.binding.filter(|_| is_low(ticket)).map(|binding| (format!("{ROOT}/c/{}/do/{action}", ticket.number), binding));
        }
        made.differs = differs(look, pinned, transition, similar).await?;
    }
    Ok(made)
}

/// A moment as one reads it, instead of as it is stored.
fn readable(text: String) -> String {
    Timestamp::parse_canonical(&text).map_or(text, |at| at.utc().format("%-d %b %Y %H:%M UTC").to_string())
}

/// The same in a page, where it turns into the reader's zone.
fn timed(look: &Look<'_>, words: Words) -> Words {
    let moment = Timestamp::parse_canonical(&words.plain(chrono_tz::UTC, look.now));
    moment.map_or(words, |at| Words::new().time(at))
}

fn step(number: &str, verb: &str, why: &Waiting) -> String {
    format!("{ROOT}/c/{number}/form/{verb}.{}", why.transition.as_deref().unwrap_or_default())
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
pub(in crate::inbound) fn is_low(ticket: &Ticket) -> bool {
    let word = |field: &str| ticket.plain(field).and_then(Value::as_str);
    match word("risk").or_else(|| word("severity")) {
        Some(level) => level == "low" || level == "sev4",
        None => word("type") == Some("standard"),
    }
}

/// The latest earlier request of the same kind for the same thing, and what of what is approved is other now.
pub(in crate::inbound) async fn differs(
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

/// The reader's own access that ends soon.
async fn ending(look: &Look<'_>) -> Result<Vec<Ending>, NoView> {
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
