//! Tickets and alerts as the database keeps them, and back. What each event changes of its ticket (revision, position,
//! moment, counts of alerts) stands apart from the state, which a storm of alerts then leaves alone.

use super::DeskError;
use crate::env::Timestamp;
use crate::store::commit::{AlertRow, HeldTicket, Latest, TicketRow};
use crate::ticket::alert::AlertStatus;
use crate::ticket::correlation::AlertRecord;
use crate::ticket::state::{AlertCount, Ticket};

/// A ticket's row. The members that stand apart are at their beginning.
#[must_use]
pub fn ticket_row(ticket: &Ticket) -> TicketRow {
    TicketRow {
        number: ticket.number.to_string(),
        kind: ticket.kind.clone(),
        status: ticket.status.clone(),
        ended: ticket.ended,
        opened_seq: ticket.opened_seq,
        state: super::overlay::json(&ticket.settled()),
    }
}

/// What each event changes of a ticket.
#[must_use]
pub fn latest_of(ticket: &Ticket) -> Latest {
    let AlertCount { attached, firing, repeats } = ticket.alerts;
    Latest { rev: ticket.rev, seq: ticket.seq, updated_at: ticket.updated_at.micros(), alerts: (attached, firing, repeats) }
}

/// A ticket out of what the database keeps of it.
///
/// # Errors
/// When it does not read back.
pub fn ticket_of(held: &HeldTicket) -> Result<Ticket, DeskError> {
    let unreadable = |why: String| DeskError::Log(format!("the projection of {}: {why}", held.number));
    let settled: Ticket = serde_json::from_str(&held.state).map_err(|e| unreadable(e.to_string()))?;
    let Latest { rev, seq, updated_at, alerts: (attached, firing, repeats) } = held.latest;
    let updated_at = moment(updated_at).map_err(unreadable)?;
    Ok(Ticket { rev, seq, updated_at, alerts: AlertCount { attached, firing, repeats }, ..settled })
}

/// An alert's row.
#[must_use]
pub fn alert_row(id: String, record: &AlertRecord) -> AlertRow {
    AlertRow {
        id,
        ticket: record.ticket.as_ref().map(ToString::to_string),
        status: record.status.name().to_owned(),
        group: record.group.clone(),
        first_seen: record.first_seen.micros(),
        last_seen: record.last_seen.micros(),
    }
}

/// What the log knows of an alert, out of its row.
///
/// # Errors
/// When it does not read back.
pub fn alert_of(row: &AlertRow) -> Result<AlertRecord, DeskError> {
    let unreadable = |why: String| DeskError::Log(format!("the projection of alert {}: {why}", row.id));
    Ok(AlertRecord {
        ticket: row.ticket.as_ref().map(|t| t.parse()).transpose().map_err(|_| unreadable("its ticket is no number".to_owned()))?,
        status: AlertStatus::named(&row.status).ok_or_else(|| unreadable("its status is none".to_owned()))?,
        group: row.group.clone(),
        first_seen: moment(row.first_seen).map_err(unreadable)?,
        last_seen: moment(row.last_seen).map_err(unreadable)?,
    })
}

fn moment(micros: i64) -> Result<Timestamp, String> {
    Timestamp::from_micros(micros).ok_or_else(|| format!("{micros} is no moment"))
}
