//! What people add to a ticket: notes, evidence, settled tasks. Notes and evidence can still be added after the
//! work has ended (they change nothing that was there); what would change the record is locked.

use super::command::AttachEvidence;
use super::draft::{Draft, Pinning};
use super::event::{EvidenceAttached, Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;
use super::state::Ticket;
use super::{consequences, view};
use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;

/// The most files on one ticket.
const MAX_FILES: usize = 1_000;

pub(super) fn add(
    draft: &mut Draft<'_>,
    number: &Number,
    note: &Sealed,
    occurred_at: Option<Timestamp>,
    reason: Option<&Sealed>,
) -> Result<(), Refusal> {
    // A note of somebody whom nobody has verified is kept; the event says whose it is.
    if draft.ctx.actor.person().is_some() {
        draft.worker("add a note")?;
    } else {
        draft.anybody("add a note")?;
    }
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if note.bytes.is_empty() {
        return Err(Refusal::BadRequest { because: "the note is empty".into() });
    }
    let late = draft.claimed(occurred_at, "The time that the note speaks of")?;
    let reason = reason.filter(|r| !r.bytes.is_empty());
    if late && reason.is_none() {
        return Err(Refusal::ReasonMissing { because: "it happened long before now, so this is a late entry".into() });
    }
    let fact = Fact::NoteAdded { note: ticket.notes + 1, occurred_at, late };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest).seal("note", note.clone());
    if let Some(reason) = reason {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
    consequences::follow(draft, number)
}

pub(super) fn attach(draft: &mut Draft<'_>, given: &AttachEvidence) -> Result<(), Refusal> {
    // A file from an account that nobody has verified is kept; the event says whose it is.
    if draft.ctx.actor.person().is_some() {
        draft.worker("file evidence")?;
    } else {
        draft.anybody("file evidence")?;
    }
    file(draft, given)
}

/// What was said in the channel, filed by the service itself when the work ends.
pub(super) fn attach_transcript(draft: &mut Draft<'_>, given: &AttachEvidence) -> Result<(), Refusal> {
    draft.house("file a transcript")?;
    file(draft, given)
}

fn file(draft: &mut Draft<'_>, given: &AttachEvidence) -> Result<(), Refusal> {
    // What nobody has verified proves no phase: somebody who is verified files it as that.
    let phase = given.phase.clone().filter(|_| draft.ctx.actor.person().is_some());
    let ticket = draft.ticket(&given.ticket)?;
    let pin = draft.pinning(ticket)?;
    if ticket.files.len() >= MAX_FILES {
        return Err(Refusal::TooMany { what: "files on one ticket".into(), most: MAX_FILES });
    }
    if given.size < 0 || given.name.bytes.is_empty() || given.media_type.len() > 255 {
        return Err(Refusal::BadRequest { because: "a file needs a name, a size and a type".into() });
    }
    if let Some(phase) = phase.as_ref().filter(|p| !pin.kind.proofs.contains_key(*p)) {
        phase_of(pin, phase)?;
    }
    draft.claimed(given.captured_at, "The time at which it was captured")?;
    let fact = Fact::EvidenceAttached(EvidenceAttached {
        file: ticket.files.iter().map(|f| f.file).max().unwrap_or(0) + 1,
        size: given.size,
        media_type: given.media_type.clone(),
        phase,
        captured_at: given.captured_at,
        outside_window: given.captured_at.is_some_and(|at| at < ticket.opened_at),
    });
    let event = NewEvent::on(&given.ticket, fact).by(&pin.kind.digest);
    draft.push(event.seal("name", given.name.clone()).seal("sha256", given.sha256.clone()));
    consequences::follow(draft, &given.ticket)
}

pub(super) fn settle(draft: &mut Draft<'_>, number: &Number, task: i64, waived: Option<&Sealed>) -> Result<(), Refusal> {
    draft.worker("settle a task")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    unlocked(ticket)?;
    let found = ticket.tasks.iter().find(|t| t.task == task).ok_or(Refusal::NoSuchTask { task })?;
    if found.settled_by.is_some() {
        return Err(Refusal::AlreadySettled { task });
    }
    if waived.is_some_and(|r| r.bytes.is_empty()) {
        return Err(Refusal::ReasonMissing { because: "a task is not waived without saying why".into() });
    }
    let mut event = NewEvent::on(number, Fact::TaskSettled { task, waived: waived.is_some() }).by(&pin.kind.digest);
    if let Some(reason) = waived {
        event = event.seal("reason", reason.clone());
    }
    draft.push(event);
    consequences::follow(draft, number)
}

pub(super) fn waive(draft: &mut Draft<'_>, number: &Number, phase: &str, reason: &Sealed) -> Result<(), Refusal> {
    draft.worker("waive evidence")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    unlocked(ticket)?;
    phase_of(pin, phase)?;
    if reason.bytes.is_empty() {
        return Err(Refusal::ReasonMissing { because: "evidence is not waived without saying why".into() });
    }
    if ticket.evidence_waived.contains(phase) {
        return Err(Refusal::NothingToDo);
    }
    let fact = Fact::EvidenceWaived { phase: phase.to_owned() };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("reason", reason.clone()));
    consequences::follow(draft, number)
}

fn phase_of(pin: Pinning<'_>, phase: &str) -> Result<(), Refusal> {
    let known = pin.kind.transitions.get(phase).is_some_and(|t| t.phase) && view::applies(pin.response, phase);
    if known { Ok(()) } else { Err(Refusal::NoSuchPhase { phase: phase.chars().filter(|c| !c.is_control()).take(60).collect() }) }
}

fn unlocked(ticket: &Ticket) -> Result<(), Refusal> {
    if ticket.ended { Err(Refusal::Locked { ticket: ticket.number.clone(), status: ticket.status.clone() }) } else { Ok(()) }
}
