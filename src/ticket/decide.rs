//! The one decision: a command, what stands, and who asks → what happens, or why not.
//!
//! Pure. To add a command: add its variant in `command.rs`, a function in the file of its group (`take.rs`,
//! `notes.rs`, …) that works on the draft (`draft.rs`), and its arm in [`decide`].

use std::collections::BTreeMap;

use super::command::Command;
use super::correlation::{AlertRecord, GroupRecord, Repeat};
use super::draft::Draft;
use super::event::{Actor, Fact, NewEvent, Shift, Via};
use super::number::Number;
use super::refusal::Refusal;
use super::state::Ticket;
use super::{
    approve, assign, campaign, correct, deadlines, deploy, escalate, heard, links, notes, nudge, offers, open, opens, receive, take,
};
use crate::env::Timestamp;
use crate::procedure::model::{Kind, Library, Response};

/// Everything around one decision.
pub struct Context<'a> {
    /// The log's time: every event of the decision bears it.
    pub now: Timestamp,
    /// The sequence number that the decision's first event will have; the others follow without a gap.
    pub next_seq: i64,
    /// Who asks, with the roles held now.
    pub actor: &'a Actor,
    /// By which way.
    pub via: &'a Via,
    /// The playbooks as adopted now.
    pub library: &'a Library,
    /// The playbooks that tickets are pinned to, old versions as well.
    pub kinds: &'a dyn KindLookup,
    /// The directory.
    pub people: &'a dyn PeopleView,
    /// Number of the delivery that brought the alerts, when there is one.
    pub delivery: Option<i64>,
}

/// Playbooks by digest: every version that was ever adopted.
pub trait KindLookup {
    /// The kind read from the file with this digest.
    fn kind(&self, digest: &str) -> Option<&Kind>;
    /// The response playbook read from the file with this digest.
    fn response(&self, digest: &str) -> Option<&Response>;
}

/// What a decision needs to know of people other than the caller.
pub trait PeopleView {
    /// Known, and not disabled.
    fn is_active(&self, person: &str) -> bool;
    /// The roles held now; none for an unknown or disabled person.
    fn roles(&self, person: &str) -> Vec<String>;
    /// Whether this is the person's e-mail address (groups may name people so).
    fn has_email(&self, person: &str, email: &str) -> bool;
    /// Everybody whose this chat account is, or ever was.
    fn owners_of(&self, account: &str) -> Vec<String> {
        let _ = account;
        Vec::new()
    }
    /// Everybody active who holds this role now, in order of name.
    fn holders(&self, role: &str) -> Vec<String> {
        let _ = role;
        Vec::new()
    }
    /// The active person with this e-mail address.
    fn by_email(&self, email: &str) -> Option<String> {
        let _ = email;
        None
    }
    /// What this person is called, where names are known.
    fn name(&self, person: &str) -> Option<String> {
        let _ = person;
        None
    }
    /// What the calendar of shifts says, where there is one.
    fn shifts(&self) -> &[Shift] {
        &[]
    }
}

/// What stands before the decision. The engine keeps its own overlay of what it has decided so far.
pub trait World {
    /// The ticket with this number.
    fn ticket(&self, number: &Number) -> Option<&Ticket>;
    /// A ticket that the command does not name but the decision looks at (a linked one). Whoever keeps tickets elsewhere
    /// may have to fetch it first, and decide again.
    fn linked(&self, number: &Number) -> Option<&Ticket> {
        self.ticket(number)
    }
    /// The latest that the log says of this alert.
    fn alert(&self, source: &str, fingerprint: &str) -> Option<&AlertRecord>;
    /// The latest ticket of this correlation group.
    fn group(&self, group: &str) -> Option<&GroupRecord>;
    /// When the group was last heard of by repeats that no event tells of yet ([`Decision::repeats`]).
    fn repeated_at(&self, group: &str) -> Option<Timestamp> {
        let _ = group;
        None
    }
    /// The count that the next ticket with this prefix gets, from 1.
    fn next_number(&self, prefix: &str) -> u64;
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// What happens, in order; perhaps nothing.
    pub events: Vec<NewEvent>,
    /// The tickets that were opened, changed, or that an alert of a delivery belongs to; each once, in order.
    pub tickets: Vec<Number>,
    /// Tickets of which more changed than each event changes ([`super::evolve::changes_latest_only`]), as they stand once the events are recorded with the sequence numbers from
    /// [`Context::next_seq`] on. What [`super::evolve::evolve`] makes of the events is the same.
    pub after: BTreeMap<Number, Ticket>,
    /// Identical repeats: no event, to be counted durably by the caller and summarised later.
    pub repeats: Vec<Repeat>,
    /// Resolves and acknowledgements of alerts that nobody knows: accepted, and nothing comes of them.
    pub dropped: usize,
}

/// Decides `command`.
///
/// # Errors
/// A [`Refusal`]: nothing happens, and the person reads why.
pub fn decide(ctx: &Context<'_>, world: &dyn World, command: &Command) -> Result<Decision, Refusal> {
    let mut draft = Draft::new(ctx, world);
    match command {
        Command::Open(open) => drop(open::by_hand(&mut draft, open)?),
        Command::TakeUp(offer) => offers::take_up(&mut draft, offer)?,
        Command::Receive(receive) => receive::receive(&mut draft, receive)?,
        Command::Deployed(report) => deploy::deployed(&mut draft, report)?,
        Command::Take(take) => take::take(&mut draft, take)?,
        Command::SetFields { ticket, fields, reason } => correct::set_fields(&mut draft, ticket, fields, reason.as_ref())?,
        Command::AddNote { ticket, note, occurred_at, reason } => {
            notes::add(&mut draft, ticket, note, *occurred_at, reason.as_ref())?;
        }
        Command::AttachEvidence(file) => notes::attach(&mut draft, file)?,
        Command::SettleTask { ticket, task, waived } => notes::settle(&mut draft, ticket, *task, waived.as_ref())?,
        Command::WaiveEvidence { ticket, phase, reason } => notes::waive(&mut draft, ticket, phase, reason)?,
        Command::AssignOwner { ticket, person } => assign::owner(&mut draft, ticket, person)?,
        Command::AssignLead { ticket, person } => assign::lead(&mut draft, ticket, person)?,
        Command::Link { ticket, link, to, target, reason } => {
            links::link(&mut draft, ticket, link, to.as_ref(), target.as_ref(), reason.as_ref())?;
        }
        Command::Unlink { ticket, link, reason } => links::unlink(&mut draft, ticket, *link, reason)?,
        Command::Escalate { ticket, to, reason } => escalate::by_hand(&mut draft, ticket, to.as_deref(), reason)?,
        Command::AcknowledgeEscalation { ticket } => escalate::acknowledge(&mut draft, ticket)?,
        Command::AcknowledgeNotification { ticket, group } => escalate::acknowledge_notification(&mut draft, ticket, group)?,
        Command::Decide { ticket, transition, approve, digest, reason } => {
            approve::decide(&mut draft, ticket, transition, *approve, digest, reason)?;
        }
        Command::Nudge { ticket } => nudge::nudge(&mut draft, ticket)?,
        Command::WithdrawDecision { ticket, transition, reason } => approve::withdraw(&mut draft, ticket, transition, reason)?,
        Command::HearNote { ticket, note, place, said_at } => heard::hear(&mut draft, ticket, note, place, *said_at)?,
        Command::ReviseNote { ticket, note, text, edited_at } => heard::revise(&mut draft, ticket, *note, (text.as_ref(), *edited_at))?,
        Command::Withhold { ticket, found, of, masked } => heard::withhold(&mut draft, ticket.as_ref(), found, of, *masked)?,
        Command::NoticeJoin { ticket, person, handle } => heard::joined(&mut draft, ticket, person.as_deref(), handle)?,
        Command::TellRoom { ticket, news, channel } => heard::room(&mut draft, ticket, news, channel)?,
        Command::AttachTranscript(file) => notes::attach_transcript(&mut draft, file)?,
        Command::ListUsers { file, system, rows } => campaign::list_users(&mut draft, file, system, *rows)?,
        Command::FreezeLines(freeze) => campaign::freeze(&mut draft, freeze)?,
        Command::DecideLines { ticket, choices } => campaign::decide(&mut draft, ticket, choices)?,
        Command::MissPage { ticket, missed } => escalate::missed(&mut draft, ticket, missed)?,
        Command::AnswerPage { ticket, service, answer, agent } => escalate::answered_elsewhere(&mut draft, ticket, service, answer, agent)?,
        Command::NoticeReached { ticket, group, way, people } => escalate::reached(&mut draft, ticket, group, way, people)?,
        Command::Fire { ticket, deadline, came_due } => deadlines::fire(&mut draft, ticket, deadline, *came_due)?,
        Command::Oblige { obligation, due, missed, checked, drawn } => {
            if *ctx.actor != Actor::Scheduler {
                return Err(Refusal::NotForYou { what: "let an obligation come due".into() });
            }
            opens::oblige(&mut draft, obligation, *due, missed, (checked.as_ref(), drawn.as_ref()));
        }
        Command::KeepPack { ticket, pack } => {
            if *ctx.actor != Actor::Scheduler {
                return Err(Refusal::NotForYou { what: "keep a pack of samples".into() });
            }
            let digest = draft.ticket(ticket)?.kind_digest.clone();
            draft.push(NewEvent::on(ticket, Fact::PackWritten(pack.clone())).by(&digest));
        }
    }
    draft.finish()
}

/// The event that tells of a refusal, for those that an assessor wants to see ([`Refusal::recorded`]). On the
/// ticket, when there is one.
#[must_use]
pub fn refused(command: &Command, refusal: &Refusal, world: &dyn World) -> NewEvent {
    let fact = Fact::Refused {
        command: command.name().to_owned(),
        code: refusal.code().to_owned(),
        // What does not look like a name is not repeated: it may be anything.
        transition: command.transition().filter(|t| is_name(t)).map(str::to_owned),
    };
    match command.ticket().filter(|n| world.ticket(n).is_some()) {
        Some(number) => NewEvent::on(number, fact),
        None => NewEvent::outside(fact),
    }
}

fn is_name(word: &str) -> bool {
    (1..=40).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}
