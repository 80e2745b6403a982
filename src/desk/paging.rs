//! Who is paged, and how. A commit that calls somebody leaves entries in the outbox for each way of paging that is
//! configured: [`CHAT`], one entry for each person; [`WEBHOOK`] and [`PAGERDUTY`], one for all. Whoever delivers one reads
//! here what it is about, and records here what reached nobody. Each says what is so when it is sent, so none waits for
//! another: one that cannot be delivered holds no call back.
//!
//! To page one more way: a channel here, what it is told in [`pages`], and its deliverer in `outbound`.

use std::collections::BTreeSet;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::known::{Known, read_event};
use super::procedures::Procedures;
use super::query::NoView;
use super::request::{Ask, Dedupe, Request, Unanswered};
use super::{Desk, DeskError};
use crate::env::Timestamp;
use crate::people::{Directory, Person};
use crate::store::commit::OutboxRow;
use crate::ticket::command::{Command, MissedPage};
use crate::ticket::duties::Around;
use crate::ticket::event::{Event, Fact};
use crate::ticket::number::Number;
use crate::ticket::spoken;
use crate::ticket::state::Ticket;

/// The outbox's channel of direct messages.
pub const CHAT: &str = "page:chat";
/// The outbox's channel of the outgoing webhook.
pub const WEBHOOK: &str = "page:webhook";
/// The outbox's channel of PagerDuty.
pub const PAGERDUTY: &str = "page:pagerduty";

/// So long a message in the morning waits, so that it says everything at once.
const GATHERED: Duration = Duration::from_secs(60);
/// Entries of one event stand in the order of the log: its position times this, and whom of those it calls.
const OF_ONE_EVENT: i64 = 1 << 20;

/// What an entry of the outbox says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Entry {
    /// The event that it is about.
    pub seq: i64,
    /// Its ticket.
    pub ticket: Option<Number>,
    /// Who is told; none for everybody whom the event calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// What of an event is to be told to people directly.
pub(super) fn pages(event: &Event, known: &Known, ways: &BTreeSet<&'static str>, now: Timestamp) -> Vec<OutboxRow> {
    if ways.is_empty() {
        return Vec::new();
    }
    let row = |channel: &str, id: i64, not_before: i64, person: Option<String>| OutboxRow {
        channel: channel.to_owned(),
        id,
        queued_at: now.micros(),
        not_before,
        payload: super::overlay::json(&Entry { seq: event.seq, ticket: event.ticket.clone(), person }),
    };
    let mut rows = Vec::new();
    let ticket = event.ticket.as_ref().and_then(|number| known.tickets.get(number));
    // Pagers wake people: only for kinds that page at all. A late review is told in chat, in words.
    let wakes = |ticket: &&Ticket| {
        let kind = known.procedures.kind(&ticket.kind_digest);
        kind.and_then(|kind| kind.escalate.as_ref()).is_some_and(|escalate| escalate.pages.is_some())
    };
    match &event.fact {
        Fact::MorningTold { person, came_due } => {
            rows.push(row(CHAT, morning(person, *came_due), now.plus(GATHERED).micros(), Some(person.clone())));
        }
        fact if calls(fact) => {
            let people = called(event, ticket, (known.directory.as_ref(), &known.procedures), now);
            let first = event.seq.saturating_mul(OF_ONE_EVENT);
            // Where nobody stands behind what is called, that must come out as well.
            if people.is_empty() && matches!(fact, Fact::Escalated { .. }) {
                rows.push(row(CHAT, first, 0, None));
            }
            rows.extend((first..first.saturating_add(OF_ONE_EVENT)).zip(people).map(|(id, person)| row(CHAT, id, 0, Some(person))));
        }
        _ => {}
    }
    // Where a group's silence counts, everybody who may approve is reached by every way there is.
    let silence = |ticket: &Ticket, group: &str| {
        known.procedures.kind(&ticket.kind_digest).is_some_and(|kind| spoken::counts_silence_of(kind, group))
    };
    if let (Fact::GroupNotified { group, .. }, Some(ticket)) = (&event.fact, ticket)
        && silence(ticket, group)
    {
        rows.push(row(WEBHOOK, event.seq, 0, None));
    }
    if matches!(event.fact, Fact::Escalated { .. }) {
        rows.extend(ticket.filter(wakes).map(|_| row(WEBHOOK, event.seq, 0, None)));
    }
    let moves = matches!(event.fact, Fact::Escalated { .. } | Fact::EscalationAcknowledged { .. } | Fact::TransitionTaken(_));
    // It is told where the ticket stands, so a newer entry takes the place of an older one.
    rows.extend(ticket.filter(|_| moves).filter(wakes).map(|ticket| row(PAGERDUTY, ticket.opened_seq, 0, None)));
    rows.retain(|row| ways.contains(row.channel.as_str()));
    rows
}

/// Whether whoever an event calls is told directly, at once.
fn calls(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::Escalated { .. } | Fact::GroupNotified { .. } | Fact::OnCallChanged { .. } | Fact::LinesFrozen { .. } | Fact::Nudged { .. }
    )
}

/// The subject of a message in the morning: one message, whatever number of tickets it was.
fn morning(person: &str, came_due: Timestamp) -> i64 {
    let digest = Sha256::digest(format!("{person}\n{came_due}"));
    -1 - digest.iter().take(7).fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte))
}

/// Persons whom an event calls: of an escalation's tier, of a group, of a turn, of a night, of lines that are frozen, of a
/// decision that is asked for again. Active ones only. With a group whose silence counts, everybody who may approve.
fn called(event: &Event, ticket: Option<&Ticket>, (directory, procedures): (&Directory, &Procedures), now: Timestamp) -> Vec<String> {
    let organisation = procedures.current().map(|library| library.organisation.as_ref());
    let named = |names: &[String]| -> Vec<String> {
        let holds = |p: &&Person| names.iter().any(|n| p.state.id == *n || p.state.roles.contains(n) || p.email == n.to_lowercase());
        directory.iter().filter(|p| !p.state.disabled).filter(holds).map(|p| p.state.id.clone()).collect()
    };
    match &event.fact {
        Fact::Escalated { person: Some(person), .. } | Fact::MorningTold { person, .. } => named(std::slice::from_ref(person)),
        Fact::Escalated { to, .. } => named(std::slice::from_ref(to)),
        Fact::GroupNotified { group, .. } => {
            let mut people = organisation.and_then(|o| o.groups.get(group)).map(|members| named(members)).unwrap_or_default();
            if let (Some(organisation), Some(ticket)) = (organisation, ticket)
                && let Some(kind) = procedures.kind(&ticket.kind_digest)
            {
                let response = ticket.response.as_ref().and_then(|pin| procedures.response(&pin.digest)).map(AsRef::as_ref);
                let around = Around { now, organisation, people: directory, kind, response };
                people.extend(spoken::waited_for(&around, ticket, group));
                people.sort();
                people.dedup();
            }
            people
        }
        Fact::OnCallChanged { from, to } => named(&[from.clone(), to.clone()].into_iter().flatten().collect::<Vec<_>>()),
        Fact::Nudged { to, .. } => named(to),
        Fact::LinesFrozen { .. } => {
            let asked: Vec<String> = ticket.and_then(|t| t.lines.as_ref()).into_iter().flat_map(|l| l.waits.keys().cloned()).collect();
            named(&asked)
        }
        _ => Vec::new(),
    }
}

impl Desk {
    /// The event that a page is about.
    ///
    /// # Errors
    /// When the database does not answer, or the event does not read.
    pub async fn paged(&self, entry: &Entry) -> Result<Event, NoView> {
        let found = self.store().events_from(entry.seq, 1).await?.into_iter().next();
        let (seq, bytes) = found.ok_or_else(|| DeskError::Log(format!("event {} is missing", entry.seq)))?;
        Ok(read_event(seq, &bytes)?)
    }

    /// Persons whom an event calls, as of now; `ticket` is its ticket. Active ones only.
    #[must_use]
    pub fn called_by(&self, event: &Event, ticket: Option<&Ticket>) -> Vec<String> {
        let snapshot = self.snapshot();
        called(event, ticket, (&snapshot.directory, &snapshot.procedures), self.now())
    }

    /// Records that a call reached nobody in chat; the same call once. Where no other way of paging is configured, whoever
    /// comes next is called at once.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub async fn page_missed(&self, event: &Event, platform: &str, why: &str) -> Result<(), Unanswered> {
        let (Fact::Escalated { to_tier, to, person, .. }, Some(ticket)) = (&event.fact, &event.ticket) else { return Ok(()) };
        let alone = !self.inner().pagers().iter().any(|way| *way != CHAT);
        let missed = MissedPage {
            tier: *to_tier,
            to: to.clone(),
            person: person.clone(),
            platform: platform.to_owned(),
            why: why.to_owned(),
            alone,
        };
        let key = format!("missed:{platform}:{}", event.seq);
        let command = Command::MissPage { ticket: ticket.clone(), missed };
        let dedupe = Some(Dedupe { digest: key.clone(), key });
        self.ask(Request { dedupe, ..Request::of_scheduler(Ask::Ticket(Box::new(command))) }).await.map(drop)
    }

    /// Records who was reached with what a group must read, by `way`.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub async fn reached(&self, ticket: &Number, group: &str, way: &str, people: Vec<String>) -> Result<(), Unanswered> {
        let command = Command::NoticeReached { ticket: ticket.clone(), group: group.to_owned(), way: way.to_owned(), people };
        self.ask(Request::of_scheduler(Ask::Ticket(Box::new(command)))).await.map(drop)
    }

    /// Records that somebody whom we do not know answered a page elsewhere; the same answer once.
    ///
    /// # Errors
    /// As [`Desk::ask`].
    pub async fn answered_elsewhere(&self, ticket: Number, service: &str, answer: &str, agent: &str, id: &str) -> Result<(), Unanswered> {
        let key = format!("answered:{service}:{id}");
        let command = Command::AnswerPage { ticket, service: service.to_owned(), answer: answer.to_owned(), agent: self.seal(agent) };
        let dedupe = Some(Dedupe { digest: key.clone(), key });
        self.ask(Request { dedupe, ..Request::of_scheduler(Ask::Ticket(Box::new(command))) }).await.map(drop)
    }
}
