//! The inbox: what waits for the reader, the most pressing first, with what differs from the last similar request. What is
//! of low risk is decided in place, and access that ends soon is renewed with one press; both send the same forms as the
//! ticket's own page, so the desk sees no difference.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::fragments::ChannelsPart;
use super::html::{Moment, Sentence};
use super::reply;
use super::routes::Visitor;
use super::view_of::Look;
use super::views::{ROOT, Shell};
use super::{assets, html};
use crate::card::action_form;
use crate::card::buttons::Action;
use crate::card::live::FactLine;
use crate::card::words::{Words, remaining};
use crate::env::Timestamp;
use crate::inbound::app::App;
use crate::inbound::inbox as waits;
use crate::inbound::inbox::Ending;
use crate::inbound::stand_ins;
use crate::ticket::inbox::{Waiting, Why};

/// Things that the page shows at most.
const MOST: usize = 100;
/// Of these, so many with what is decided on.
const WHOLE: usize = 40;

/// The page.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    pub(super) shell: Shell,
    pub(super) waiting: Vec<Entry>,
    pub(super) ending: Vec<Ending>,
    /// Who stands in for the reader now, and for whom the reader does.
    pub(super) stand_ins: Vec<Words>,
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
        let (found, more) = waits::read(&look, MOST, WHOLE).await?;
        let waiting = found.into_iter().enumerate().map(|(place, found)| entry(&look, found, place < WHOLE)).collect();
        let ending = waits::ending(&look).await?;
        let shell = look.shell(&look.open().await?, None);
        Ok(inbox_page(&Inbox { shell, waiting, ending, stand_ins: stand_ins::of(&look, &caller.person.email, true), more }))
    };
    match made.await {
        Ok(body) => reply::html(StatusCode::OK, body),
        Err(error) => reply::no_view(&app, &headers, error),
    }
}

/// A thing that waits, with its button; `whole`: with what is decided on.
fn entry(look: &Look<'_>, found: waits::Entry, whole: bool) -> Entry {
    let (why, pinned) = (&found.waiting, &found.pinned);
    let number = pinned.ticket.number.to_string();
    let button = match why.why {
        Why::Confirm => ("Answer", step(&number, "decide", why)),
        Why::Decide => ("Decide", step(&number, "decide", why)),
        Why::Review => ("Look at the lines", format!("{ROOT}/c/{number}/lines?mine=true&open=true")),
        Why::Owed => ("Fill in", format!("{ROOT}/c/{number}/form/edit")),
        Why::Called | Why::Own | Why::Nobodys => ("Open", format!("{ROOT}/c/{number}")),
    };
    let (mut facts, mut in_place) = (Vec::new(), None);
    if let (Why::Decide, Some(transition), true) = (why.why, found.transition(), whole) {
        let people = look.people();
        let action = Action::Decide(transition.name.clone());
        let form = look.scene(pinned, |scene| action_form::form(scene, &action, &people, &look.library.organisation));
        if let Some(form) = form {
            // The ticket and the step stand above it already.
            let held = form.statement.into_iter().skip(2).filter(|f| !f.value.is_empty());
            facts = held.map(|fact| FactLine { value: timed(look, fact.value), ..fact }).collect();
            in_place = form.binding.filter(|_| found.low).map(|binding| (format!("{ROOT}/c/{number}/do/{action}"), binding));
        }
    }
    Entry {
        kind: pinned.kind().title.clone(),
        title: look.scene(pinned, |scene| scene.title()),
        why: found.words.clone(),
        due: why.due,
        level: why.level.clone(),
        since: why.since,
        facts,
        differs: found.differs.clone(),
        in_place,
        button: (button.0.to_owned(), button.1),
        number,
    }
}

/// The same in a page, where it turns into the reader's zone.
fn timed(look: &Look<'_>, words: Words) -> Words {
    let moment = Timestamp::parse_canonical(&words.plain(chrono_tz::UTC, look.now));
    moment.map_or(words, |at| Words::new().time(at))
}

fn step(number: &str, verb: &str, why: &Waiting) -> String {
    format!("{ROOT}/c/{number}/form/{verb}.{}", why.transition.as_deref().unwrap_or_default())
}
