//! Direct messages: to whoever is called, to a group that must read something, to those whose decision is asked for once
//! more, at a change of turn, and in the morning to whoever was called in the night. They say numbers and severities only;
//! the card is one press away.

use std::sync::Arc;

use super::{NotPaged, Page, Pager, Sent};
use crate::card::buttons::{self, Action, Button};
use crate::card::words::{Words, count, list, number_word};
use crate::desk::chat::{Chat, ChatError, Deed, Does, Mark, Offer, Pressed, Reply};
use crate::desk::paging::CHAT;
use crate::desk::rooms::{Telling, users_of};
use crate::env::Timestamp;
use crate::ticket::event::Fact;
use crate::ticket::state::Ticket;

/// Tickets that one message names.
const NAMED: usize = 10;
/// Words by which a platform says that one account cannot be written to, now or later.
const CLOSED: [&str; 6] =
    ["user_not_found", "channel_not_found", "user_disabled", "user_not_visible", "cannot_dm_bot", "messages_tab_disabled"];

/// Direct messages on a chat platform.
pub struct Direct {
    platform: &'static str,
    chat: Arc<dyn Chat>,
}

impl From<ChatError> for NotPaged {
    fn from(error: ChatError) -> Self {
        match error {
            ChatError::Busy(pause) => Self::NotNow(error.to_string(), pause),
            error if error.passes() => Self::NotNow(error.to_string(), None),
            error => Self::Refused(error.to_string()),
        }
    }
}

impl Direct {
    /// Messages on `platform`, through `chat`.
    #[must_use]
    pub fn new(platform: &'static str, chat: Arc<dyn Chat>) -> Self {
        Self { platform, chat }
    }

    async fn tell(&self, page: &Page<'_>) -> Result<Vec<String>, NotPaged> {
        let team = self.chat.identity().await?.team;
        let users = users_of(&page.desk.snapshot(), self.platform, &team);
        let ticket = page.telling.as_ref().map(|telling| &telling.ticket);
        let called = page.desk.called_by(&page.event, ticket);
        let people = page.person.as_ref().map_or(called.as_slice(), std::slice::from_ref);
        let mark = Mark {
            ticket: ticket.map(|ticket| ticket.number.to_string()).unwrap_or_default(),
            what: page.due.id.to_string(),
            // A morning's message may have been sent already when one more ticket joins it.
            again: page.due.attempts > 0 || matches!(page.event.fact, Fact::MorningTold { .. }),
        };
        let (mut outcomes, mut reached, mut news) = (Vec::new(), Vec::new(), people.is_empty());
        for person in people {
            let Some(reply) = said(page, person).await? else { continue };
            news = true;
            for user in users.get(person).into_iter().flatten() {
                if !page.is_ours() {
                    return Err(NotPaged::RanOut);
                }
                let told = self.chat.tell(user, &reply, Some(&mark)).await;
                if told.is_ok() && reached.last() != Some(person) {
                    reached.push(person.clone());
                }
                outcomes.push(told);
            }
        }
        if !news {
            return Ok(Vec::new());
        }
        judged(page, outcomes, called.iter().any(|person| users.contains_key(person)), called.is_empty()).map(|()| reached)
    }
}

impl Pager for Direct {
    fn channel(&self) -> &'static str {
        CHAT
    }

    fn platform(&self) -> &'static str {
        self.platform
    }

    fn send<'a>(&'a self, page: &'a Page<'_>) -> Sent<'a> {
        Box::pin(self.tell(page))
    }
}

/// What became of it: an account that may not be written to is as good as none, and one of several that works is enough.
fn judged(page: &Page<'_>, outcomes: Vec<Result<(), ChatError>>, any_linked: bool, nobody: bool) -> Result<(), NotPaged> {
    let calls = matches!(page.event.fact, Fact::Escalated { .. });
    if outcomes.is_empty() {
        // Of several who are called together, those with an account are told.
        return match () {
            () if !calls || any_linked => Ok(()),
            () if nobody => Err(NotPaged::Nobody("nobody")),
            () => Err(NotPaged::Nobody("not_linked")),
        };
    }
    let closed = |error: &ChatError| matches!(error, ChatError::Refused(word) if CLOSED.contains(&word.as_str()));
    let told = outcomes.iter().any(Result::is_ok);
    let failed: Vec<ChatError> = outcomes.into_iter().filter_map(Result::err).collect();
    match failed.iter().find(|error| !closed(error)).or(failed.first()) {
        Some(error) if closed(error) && told => Ok(()),
        Some(error) if closed(error) && calls => Err(NotPaged::Nobody("refused")),
        Some(error) => Err(error.clone().into()),
        None => Ok(()),
    }
}

/// What one person is told of the event; none when it is no news any more.
async fn said(page: &Page<'_>, person: &str) -> Result<Option<Reply>, NotPaged> {
    let now = page.desk.now();
    Ok(match (&page.event.fact, &page.telling) {
        (Fact::Escalated { next, .. }, Some(telling)) => called(telling, *next),
        (Fact::GroupNotified { group, due }, Some(telling)) => Some(must_read(telling, group, *due)),
        (Fact::LinesFrozen { .. }, Some(telling)) => lines_wait(page, telling, person),
        (Fact::Nudged { transition, .. }, Some(telling)) => asked_again(page, telling, (person, transition)),
        (Fact::OnCallChanged { from, to }, _) => {
            let open = page.desk.open_where(|t| t.kind == "incident" && !t.ended).await?;
            let name = |id: &Option<String>| id.as_deref().map(|id| page.desk.snapshot().directory.name_of(id));
            let turn = page.desk.on_call_at(now).into_iter().next();
            if to.as_deref() == Some(person) && turn.as_deref() != Some(person) {
                // It was told too late, and somebody else has it by now.
                None
            } else if to.as_deref() == Some(person) {
                Some(turn_begins(page.desk.turn_ends(now), name(from), &open))
            } else {
                Some(turn_ends(name(to)))
            }
        }
        (Fact::MorningTold { .. }, _) => {
            let owing = page.desk.open_where(|t| t.owed.iter().any(|o| o.who == person)).await?;
            Some(morning(person, &owing))
        }
        _ => None,
    })
}

fn offer(telling: &Telling, button: &Button, primary: bool) -> Offer {
    let pressed = Pressed::of(&telling.ticket.number, &telling.ticket.status, button);
    Offer { label: button.label.clone(), does: Does::Press(pressed), primary }
}

fn show(telling: &Telling) -> Offer {
    Offer { label: "Show".to_owned(), does: Does::Press(Pressed::plain(Some(&telling.ticket.number), Deed::Show)), primary: false }
}

/// ` (sev1)`, where a ticket has a severity.
fn severity(ticket: &Ticket) -> String {
    let severity = ticket.severity();
    if severity.is_empty() { String::new() } else { format!(" ({severity})") }
}

/// Somebody is needed now. Whoever was called before somebody else took it is not called any more.
fn called(telling: &Telling, next: Option<Timestamp>) -> Option<Reply> {
    let ticket = &telling.ticket;
    if ticket.escalation.as_ref().is_none_or(|e| e.acknowledged_by.is_some()) {
        return None;
    }
    let mut words = Words::new().ticket(&ticket.number).text(format!("{} needs you now.", severity(ticket)));
    if let Some(next) = next {
        words = words.text(" Without an answer the next person is called at ").time(next).text(".");
    }
    let main = telling.scene(|scene| buttons::main(scene).into_iter().find(|b| matches!(b.action, Action::Step(_))));
    let seen = Button::click("I have seen it", "Nobody else is called.", Action::Seen);
    let mut offers: Vec<Offer> = main.iter().map(|button| offer(telling, button, true)).collect();
    offers.push(offer(telling, &seen, false));
    offers.push(show(telling));
    Some(Reply { paragraphs: vec![words], buttons: offers, ..Reply::default() })
}

/// Lines of a review are to be decided; how many, by when, and how one gets at them.
fn lines_wait(page: &Page<'_>, telling: &Telling, person: &str) -> Option<Reply> {
    let lines = telling.ticket.lines.as_ref()?;
    let directory = page.desk.snapshot().directory;
    let roles = &directory.active(person)?.state.roles;
    let waits: i64 = lines.waits.iter().filter(|(who, _)| *who == person || roles.contains(who)).map(|(_, n)| n).sum();
    if waits == 0 || telling.ticket.ended {
        return None;
    }
    let number = &telling.ticket.number;
    let mut words = Words::new().ticket(number).text(format!(" asks you about {}", count(waits, "line", "lines")));
    words = words.text(": keep, revoke or change each");
    if let Some(due) = telling.ticket.clocks.values().filter(|c| c.stopped.is_none()).map(|c| c.due).min() {
        words = words.text(" by ").time(due);
    }
    let how = Words::of(format!("/review lines {number} shows them here; the console has them as well."));
    Some(Reply { paragraphs: vec![words.text("."), how], buttons: vec![show(telling)], ..Reply::default() })
}

/// Whoever asked for it asks for the decision once more; who has decided meanwhile is not asked.
fn asked_again(page: &Page<'_>, telling: &Telling, (person, transition): (&str, &str)) -> Option<Reply> {
    let waits = telling.waits().filter(|w| w.transition == *transition && w.on.iter().any(|p| p == person))?;
    let who = page.event.actor.person().map(|id| page.desk.snapshot().directory.name_of(id)).unwrap_or_default();
    let label = telling.kind.transitions.get(transition).map_or(transition, |t| t.label.as_str());
    let mut words = Words::new().name(who).text(format!(" asks you to decide on “{label}” of ")).ticket(&telling.ticket.number);
    words = words.text(". It has waited for you since ").time(waits.since);
    if let Some(due) = telling.ticket.clocks.values().filter(|c| c.stopped.is_none() && c.paused.is_none()).map(|c| c.due).min() {
        words = words.text(", and is due by ").time(due);
    }
    Some(Reply { paragraphs: vec![words.text(".")], buttons: vec![show(telling)], ..Reply::default() })
}

fn must_read(telling: &Telling, group: &str, due: Option<Timestamp>) -> Reply {
    let group_name = group.replace('-', " ");
    let words = Words::of(format!("For {group_name}: ")).ticket(&telling.ticket.number).text(severity(&telling.ticket));
    let words = match due {
        Some(due) => words.text(" concerns you. Please read it, and say so by ").time(due).text("."),
        None => words.text(" concerns you."),
    };
    let read = Button::click("I have read it", "Says so for the whole group.", Action::ReadBy(group.to_owned()));
    let mut offers = vec![show(telling)];
    if due.is_some() {
        offers.push(offer(telling, &read, true));
    }
    Reply { paragraphs: vec![words], buttons: offers, ..Reply::default() }
}

fn turn_begins(until: Option<Timestamp>, before: Option<String>, open: &[Ticket]) -> Reply {
    let mut words = Words::of("You are on call now");
    if let Some(until) = until {
        words = words.text(", until ").time(until);
    }
    words = words.text(".");
    if let Some(before) = before {
        words = words.text(" ").name(before).text(" was before you.");
    }
    let mut paragraphs = vec![words];
    paragraphs.push(if open.is_empty() {
        Words::of("No incident is open.")
    } else {
        let text = count(i64::try_from(open.len()).unwrap_or(i64::MAX), "incident is open", "incidents are open");
        open.iter().take(NAMED).fold(Words::of(format!("{text}:")), |words, ticket| {
            words.text(" ").ticket(&ticket.number).text(format!("{}, {}", severity(ticket), ticket.status))
        })
    });
    Reply { paragraphs, ..Reply::default() }
}

fn turn_ends(after: Option<String>) -> Reply {
    let words = match after {
        Some(after) => Words::of("Your turn on call is over. ").name(after).text(" has it from here. Thank you."),
        None => Words::of("Your turn on call is over. Thank you. Nobody follows you on the rota; please tell whoever keeps it."),
    };
    Reply { paragraphs: vec![words], ..Reply::default() }
}

/// One message, however many tickets it was.
fn morning(person: &str, owing: &[Ticket]) -> Reply {
    let mut words = Words::of("You were up at night; thank you.");
    if owing.is_empty() {
        return Reply { paragraphs: vec![words.text(" You owe nothing.")], ..Reply::default() };
    }
    for ticket in owing.iter().take(NAMED) {
        let owed: Vec<_> = ticket.owed.iter().filter(|o| o.who == person).collect();
        let things = if owed.len() == 1 { "one thing".to_owned() } else { format!("{} things", number_word(owed.len())) };
        words = words.text(" ").ticket(&ticket.number).text(format!(" owes {things}"));
        if let Some(by) = owed.iter().map(|o| o.due).min() {
            words = words.text(" by ").time(by);
        }
        words = words.text(".");
    }
    let steps: std::collections::BTreeSet<String> =
        owing.iter().flat_map(|t| &t.owed).filter(|o| o.who == person).map(|o| format!("“{}”", o.by)).collect();
    let steps: Vec<String> = steps.into_iter().collect();
    words = words.text(format!(" Before {}, at your own time of day.", list(&steps, "and")));
    Reply { paragraphs: vec![words], ..Reply::default() }
}
