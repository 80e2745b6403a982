//! What was said in a ticket's channel. Hearing is not working: whoever speaks there is heard, also somebody whom nobody
//! has verified, and the event says who it was. What was said can be changed and taken away in chat; the record keeps it.

use super::command::RoomNews;
use super::consequences;
use super::draft::Draft;
use super::event::{Fact, NewEvent};
use super::number::Number;
use super::refusal::Refusal;

use crate::env::Timestamp;
use crate::ledger::sealed::Sealed;

/// Said so long ago, it bears the time at which it was said: before that, the record's own time is as good.
const APART: u64 = 60;

pub(super) fn hear(draft: &mut Draft<'_>, number: &Number, note: &Sealed, place: &Sealed, said_at: Timestamp) -> Result<(), Refusal> {
    draft.anybody("say something here")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if note.bytes.is_empty() {
        return Err(Refusal::BadRequest { because: "nothing was said".into() });
    }
    // A platform's clock may be a little ahead of ours.
    let said_at = said_at.min(draft.ctx.now);
    let apart = draft.ctx.now.since(said_at).as_secs() >= APART;
    let late = draft.claimed(Some(said_at), "The time at which it was said")?;
    let fact = Fact::NoteAdded { note: ticket.notes + 1, occurred_at: apart.then_some(said_at), late };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("note", note.clone()).seal("place", place.clone()));
    consequences::follow(draft, number)
}

/// A note is changed, or taken away (without `text`), at this moment as the platform says. A platform may tell of two changes
/// in the wrong order: what was changed before the last change that is known stands in the record, and not as the last word.
pub(super) fn revise(
    draft: &mut Draft<'_>,
    number: &Number,
    note: i64,
    (text, edited_at): (Option<&Sealed>, Option<Timestamp>),
) -> Result<(), Refusal> {
    draft.anybody("change what was said")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    if !(1..=ticket.notes).contains(&note) {
        return Err(Refusal::BadRequest { because: format!("{number} has no note {note}") });
    }
    let edited_at = edited_at.map(|at| at.min(draft.ctx.now));
    let superseded = edited_at.is_some_and(|at| ticket.revised.get(&note).is_some_and(|last| at < *last));
    let fact = Fact::NoteRevised { note, removed: text.is_none(), edited_at, superseded };
    let mut event = NewEvent::on(number, fact).by(&pin.kind.digest);
    if let Some(text) = text {
        event = event.seal("note", text.clone());
    }
    draft.push(event);
    Ok(())
}

pub(super) fn withhold(draft: &mut Draft<'_>, number: Option<&Number>, found: &[String], of: &str, masked: bool) -> Result<(), Refusal> {
    draft.anybody("say something here")?;
    let fact = Fact::ContentWithheld { found: found.to_vec(), of: of.to_owned(), masked };
    let Some(number) = number else {
        draft.push(NewEvent::outside(fact));
        return Ok(());
    };
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest));
    Ok(())
}

pub(super) fn joined(draft: &mut Draft<'_>, number: &Number, person: Option<&str>, handle: &Sealed) -> Result<(), Refusal> {
    draft.house("tell who joined")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let fact = Fact::ChannelJoined { person: person.map(str::to_owned) };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("handle", handle.clone()));
    Ok(())
}

pub(super) fn room(draft: &mut Draft<'_>, number: &Number, news: &RoomNews, channel: &Sealed) -> Result<(), Refusal> {
    draft.house("tell of channels")?;
    let ticket = draft.ticket(number)?;
    let pin = draft.pinning(ticket)?;
    let fact = match news {
        RoomNews::Opened { platform, own } => Fact::ChannelOpened { platform: platform.clone(), own: *own },
        RoomNews::Archived { platform } => Fact::ChannelArchived { platform: platform.clone() },
    };
    draft.push(NewEvent::on(number, fact).by(&pin.kind.digest).seal("channel", channel.clone()));
    Ok(())
}
