//! Direct messages on what concerns somebody: see [`crate::desk::news`]. Each says one thing, with the button that answers it;
//! what has been done meanwhile is not said any more.

use std::sync::Arc;

use super::{NotPaged, Page, Pager, Sent};
use crate::card::approvals::to_decide;
use crate::card::buttons::{Action, Button};
use crate::card::clocks::Called;
use crate::card::words::{Words, any_of, one_line, remaining, uncapitalise};
use crate::desk::chat::{Chat, Deed, Does, Mark, Offer, Pressed, Reply};
use crate::desk::news::NEWS;
use crate::desk::rooms::{Telling, users_of};
use crate::env::Timestamp;
use crate::ticket::approval;
use crate::ticket::duties::{Around, requesters};
use crate::ticket::event::{Actor, Fact, TransitionTaken};
use crate::ticket::inbox::{self, Waiting, Why};

/// Characters of a title.
const TITLE: usize = 120;

/// Direct messages on a chat platform.
pub struct News {
    platform: &'static str,
    chat: Arc<dyn Chat>,
    titles: bool,
}

impl News {
    /// Messages on `platform`, through `chat`. `titles`: tickets are called by their titles as well as by their numbers.
    #[must_use]
    pub fn new(platform: &'static str, chat: Arc<dyn Chat>, titles: bool) -> Self {
        Self { platform, chat, titles }
    }

    async fn tell(&self, page: &Page<'_>) -> Result<Vec<String>, NotPaged> {
        let Some(person) = page.person.as_deref() else { return Ok(Vec::new()) };
        let team = self.chat.identity().await?.team;
        let snapshot = page.desk.snapshot();
        let users = users_of(&snapshot, self.platform, &team).remove(person).unwrap_or_default();
        let Some(name) = snapshot.directory.active(person).map(|_| snapshot.directory.name_of(person)) else { return Ok(Vec::new()) };
        let trouble = format!("{person}, not linked");
        let reply = said(page, person, self.titles);
        if users.is_empty() {
            if reply.is_some() {
                let words = format!(
                    "{name} has no linked account in chat, so nothing that waits for them is told to them there; it stands in the console's inbox. /countersign link links one."
                );
                page.desk.chat_trouble(NEWS, &trouble, Some(&words)).await.map_err(crate::desk::query::NoView::from)?;
            }
            return Ok(Vec::new());
        }
        page.desk.chat_trouble(NEWS, &trouble, None).await.map_err(crate::desk::query::NoView::from)?;
        let Some(reply) = reply else { return Ok(Vec::new()) };
        // The same numbers stand for what others are called for.
        let ticket = page.telling.as_ref().map(|telling| telling.ticket.number.to_string()).unwrap_or_default();
        let mark = Mark { ticket, what: format!("news-{}", page.due.id), again: page.due.attempts > 0 };
        let mut failed = None;
        for user in &users {
            if !page.is_ours() {
                return Err(NotPaged::RanOut);
            }
            if let Err(error) = self.chat.tell(user, &reply, Some(&mark)).await {
                failed = Some(error);
            }
        }
        failed.map_or_else(|| Ok(vec![person.to_owned()]), |error| Err(error.into()))
    }
}

impl Pager for News {
    fn channel(&self) -> &'static str {
        NEWS
    }

    fn platform(&self) -> &'static str {
        self.platform
    }

    fn send<'a>(&'a self, page: &'a Page<'_>) -> Sent<'a> {
        Box::pin(self.tell(page))
    }
}

/// A ticket with its reader.
struct Told<'a> {
    page: &'a Page<'a>,
    telling: &'a Telling,
    person: &'a str,
    titles: bool,
}

/// What one person is told of the event; none when it is no news any more.
fn said(page: &Page<'_>, person: &str, titles: bool) -> Option<Reply> {
    let telling = page.telling.as_ref()?;
    let told = Told { page, telling, person, titles };
    match &page.event.fact {
        Fact::ApprovalDecided { transition, approved, .. } if told.asked_for_it() => Some(told.decided(transition, *approved)),
        Fact::ApprovalWithdrawn { transition } if told.asked_for_it() => Some(told.taken_back(transition)),
        Fact::SpokenApprovalAnswered { confirmed, .. } => Some(told.answered(*confirmed)),
        Fact::TransitionTaken(taken) if told.asked_for_it() => Some(told.taken(taken)),
        Fact::ApprovalSpoken { .. } => told.confirm(),
        Fact::ClockWarned { clock, due, .. } => told.warned(clock, *due),
        Fact::ClockBreached { clock, due, .. } => told.late(clock, *due),
        _ => told.decide(),
    }
}

impl Told<'_> {
    fn around(&self) -> Around<'_> {
        let people = self.page.snapshot.directory.as_ref();
        let organisation = &self.telling.library.organisation;
        Around { now: self.page.desk.now(), organisation, people, kind: &self.telling.kind, response: self.telling.response.as_deref() }
    }

    fn asked_for_it(&self) -> bool {
        requesters(&self.around(), &self.telling.ticket).contains(self.person)
    }

    /// What of the ticket waits for the reader for this reason.
    fn waits(&self, why: Why) -> Option<Waiting> {
        let roles = self.page.snapshot.directory.active(self.person)?.state.roles.clone();
        let actor = Actor::Person { id: self.person.to_owned(), roles };
        inbox::waiting(&self.around(), &self.telling.ticket, &actor).into_iter().find(|w| w.why == why)
    }

    /// `CHG-000042 “More connections”`
    fn ticket(&self, words: Words) -> Words {
        let words = words.ticket(&self.telling.ticket.number);
        let title = self.page.title().filter(|_| self.titles).map(|title| one_line(&title, TITLE));
        title.map_or_else(|| words.clone(), |title| words.clone().text(" ").quote(title))
    }

    fn label(&self, transition: &str) -> String {
        let step = self.telling.kind.transitions.get(transition);
        step.map_or_else(|| transition.to_owned(), |step| self.telling.scene(|scene| scene.label(step)))
    }

    fn who(&self) -> String {
        self.page.event.actor.person().map_or_else(|| "Time".to_owned(), |id| self.page.snapshot.directory.name_of(id))
    }

    fn reply(&self, paragraphs: Vec<Words>, first: Option<Button>) -> Reply {
        let number = &self.telling.ticket.number;
        let first = first.map(|button| Offer {
            does: Does::Press(Pressed::of(number, &self.telling.ticket.status, &button)),
            label: button.label,
            primary: true,
        });
        let show = Offer { label: "Show".to_owned(), does: Does::Press(Pressed::plain(Some(number), Deed::Show)), primary: false };
        Reply { paragraphs, buttons: first.into_iter().chain([show]).collect(), ..Reply::default() }
    }

    fn decides(&self, transition: &str) -> Button {
        let label = to_decide(&self.label(transition));
        Button::form(&label, "Shows what is approved, and asks for your reason.", Action::Decide(transition.to_owned()))
    }

    /// A decision waits for the reader.
    fn decide(&self) -> Option<Reply> {
        let waits = self.waits(Why::Decide)?;
        let transition = waits.transition.as_deref()?;
        let mut words = self.ticket(Words::new()).text(format!(" needs your decision: {}.", uncapitalise(&self.label(transition))));
        if let Some(asked) = self.telling.ticket.opened_by.person() {
            words = words.text(" ").name(self.page.snapshot.directory.name_of(asked)).text(" asked for it");
            words = match waits.due {
                Some(due) => words.text("; it is due ").time(due).text("."),
                None => words.text("."),
            };
        }
        Some(self.reply(vec![words], Some(self.decides(transition))))
    }

    /// The reader is said to have agreed.
    fn confirm(&self) -> Option<Reply> {
        let waits = self.waits(Why::Confirm)?;
        let transition = waits.transition.as_deref()?;
        let named = self.telling.ticket.spoken.as_ref().is_some_and(|s| s.giver.as_deref() == Some(self.person));
        let words = self.ticket(Words::new().name(self.who()).text(" began "));
        let words = if named {
            words.text(" and says that you agreed. Was it so?")
        } else {
            words.text(" without an answer from anybody who approves. Was it right?")
        };
        Some(self.reply(vec![words], Some(self.decides(transition))))
    }

    /// Somebody decided on what the reader asked for.
    fn decided(&self, transition: &str, approved: bool) -> Reply {
        let verb = if approved { " approved " } else { " rejected " };
        let ticket = &self.telling.ticket;
        // “Approve” says nothing that the verb does not.
        let step =
            Some(self.label(transition)).filter(|label| label != "Approve").map(|label| format!("“{label}” of ")).unwrap_or_default();
        let words = self.ticket(Words::new().name(self.who()).text(format!("{verb}{step}"))).text(".");
        let more = approved.then(|| self.still_needs(transition)).flatten().unwrap_or_else(|| {
            let status = self.telling.scene(|scene| scene.status_label(&ticket.status));
            format!(" It is {} now.", uncapitalise(&status))
        });
        self.reply(vec![words.text(more)], None)
    }

    /// ` It still needs an approval by a security officer.`
    fn still_needs(&self, transition: &str) -> Option<String> {
        let (ticket, step) = (&self.telling.ticket, self.telling.kind.transitions.get(transition)?);
        let rule = step.approval.as_ref().filter(|_| !approval::stands(ticket, step))?;
        let standing = approval::standing(ticket, step, self.page.snapshot.directory.as_ref());
        let stage = self.telling.scene(|scene| approval::open_stage(rule, &standing, scene.variables()))?.0;
        Some(format!(" It still needs an approval by {}.", any_of(&rule.stages.get(stage)?.by)))
    }

    fn taken_back(&self, transition: &str) -> Reply {
        let words = Words::new().name(self.who()).text(format!(" took back the decision on “{}” of ", self.label(transition)));
        self.reply(vec![self.ticket(words).text(". It needs a new one.")], None)
    }

    fn answered(&self, confirmed: bool) -> Reply {
        let words = self.ticket(Words::new().name(self.who()).text(if confirmed {
            " confirmed having agreed to "
        } else {
            " says that it was not so: nobody agreed to "
        }));
        let more = if confirmed { "." } else { ". An exception and its decision are owed now." };
        self.reply(vec![words.text(more)], None)
    }

    /// Somebody ended what the reader asked for, or gave it.
    fn taken(&self, taken: &TransitionTaken) -> Reply {
        let status = self.telling.scene(|scene| scene.status_label(&taken.to));
        let words = self.ticket(Words::new()).text(format!(" is {} now, by ", uncapitalise(&status))).name(self.who()).text(".");
        self.reply(vec![words], None)
    }

    /// Time runs out.
    fn warned(&self, clock: &str, due: Timestamp) -> Option<Reply> {
        let state = self.telling.ticket.clocks.get(clock).filter(|c| c.stopped.is_none() && c.paused.is_none())?;
        if self.telling.ticket.ended || state.due <= self.page.desk.now() {
            return None;
        }
        let ends = self.telling.kind.clocks.get(clock).is_some_and(|c| c.timing.takes.is_some());
        if ends {
            let words = self.ticket(Words::new()).text(" ends by itself ").time(state.due).text(".");
            let renews =
                self.telling.kind.transitions.values().find(|t| t.proposes && !self.telling.ticket.fields.contains_key("renew_until"));
            let (more, renew) = match renews {
                Some(step) => (
                    " If it is needed as long again, one press asks for it.",
                    Some(Button::form(&self.label(&step.name), &step.help, Action::Step(step.name.clone()))),
                ),
                None => ("", None),
            };
            return Some(self.reply(vec![words.text(more)], renew));
        }
        let called = Called::of(Some(&self.telling.kind), self.telling.response.as_deref(), clock);
        let left = remaining(due, self.page.desk.now());
        let words = Words::of(format!("{left} {} {}", called.aim(), called.on()));
        Some(self.reply(vec![self.ticket(words).text(", by ").time(due).text(".")], self.owes()))
    }

    fn late(&self, clock: &str, due: Timestamp) -> Option<Reply> {
        self.telling.ticket.clocks.get(clock).filter(|c| c.stopped.is_none() && !self.telling.ticket.ended)?;
        let called = Called::of(Some(&self.telling.kind), self.telling.response.as_deref(), clock);
        let words = Words::of(format!("The time {} {}", called.aim(), called.on()));
        Some(self.reply(vec![self.ticket(words).text(" ran out ").time(due).text(".")], self.owes()))
    }

    /// The button of the decision that waits for the reader.
    fn owes(&self) -> Option<Button> {
        let waits = self.waits(Why::Confirm).or_else(|| self.waits(Why::Decide))?;
        Some(self.decides(&waits.transition?))
    }
}
