//! What the log knows of alerts and of their groups: two projections, evolved from events alone.
//!
//! The caller evolves the alert first ([`alert_key`], [`evolve_alert`]), then its group ([`group_key`],
//! [`evolve_group`]): an event of repeats names the alert only, and the alert's record knows the group.

use serde::{Deserialize, Serialize};

use super::alert::AlertStatus;
use super::event::{AlertSeen, Event, Fact, NewEvent};
use super::number::Number;
use crate::env::Timestamp;

/// One alert of one source, as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// The ticket that it was attached to last; none while no response playbook takes it.
    pub ticket: Option<Number>,
    /// What the tool said last.
    pub status: AlertStatus,
    /// Its correlation group (hex), when one takes it.
    pub group: Option<String>,
    /// When it was first received.
    pub first_seen: Timestamp,
    /// When it was last received, as far as events tell.
    pub last_seen: Timestamp,
}

/// The latest ticket of a correlation group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// The ticket that was opened for it (perhaps merged into another since).
    pub ticket: Number,
    /// When an alert of it was last received, as far as events tell.
    pub last_seen: Timestamp,
    /// Seconds of quiet that end it.
    pub window_seconds: i64,
}

/// One identical repeat: nothing new, and not an event of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The source's name.
    pub source: String,
    /// The alert.
    pub fingerprint: String,
    /// The ticket that it belongs to; none when unmapped.
    pub ticket: Option<Number>,
    /// The group that it keeps awake ([`super::decide::World::repeated_at`]).
    pub group: Option<String>,
    /// When the delivery reached us.
    pub received_at: Timestamp,
}

/// Source and fingerprint of the alert that the event speaks of.
#[must_use]
pub fn alert_key(event: &Event) -> Option<(&str, &str)> {
    match &event.fact {
        Fact::AlertAttached(seen) | Fact::AlertChanged(seen) | Fact::AlertUnmapped(seen) => Some((&seen.source, &seen.fingerprint)),
        Fact::AlertRepeated { source, fingerprint, .. } => Some((source, fingerprint)),
        _ => None,
    }
}

/// The alert's record after `event`, which must be one of its own ([`alert_key`]).
#[must_use]
pub fn evolve_alert(record: Option<AlertRecord>, event: &Event) -> Option<AlertRecord> {
    match &event.fact {
        Fact::AlertAttached(seen) | Fact::AlertChanged(seen) | Fact::AlertUnmapped(seen) => {
            let (first, last) = record.map_or((seen.received_at, seen.received_at), |r| (r.first_seen, r.last_seen));
            Some(AlertRecord {
                ticket: event.ticket.clone(),
                status: seen.status,
                group: seen.group.clone(),
                first_seen: first,
                last_seen: last.max(seen.received_at),
            })
        }
        Fact::AlertRepeated { last, .. } => record.map(|mut r| {
            r.last_seen = r.last_seen.max(*last);
            r
        }),
        _ => record,
    }
}

/// The group that the event speaks of; `alert` is the record of its alert after it.
#[must_use]
pub fn group_key(event: &Event, alert: Option<&AlertRecord>) -> Option<String> {
    match &event.fact {
        Fact::TicketOpened(opened) => opened.group.clone(),
        Fact::AlertAttached(AlertSeen { group, .. }) | Fact::AlertChanged(AlertSeen { group, .. }) => group.clone(),
        Fact::AlertRepeated { .. } => alert.and_then(|a| a.group.clone()),
        // Reports on one deployment find the ticket that the one before was told of on.
        Fact::DeploymentSeen(seen) if event.ticket.is_some() => Some(seen.deployment.clone()),
        _ => None,
    }
}

/// The group's record after `event`, which must be one of its own ([`group_key`]).
#[must_use]
pub fn evolve_group(record: Option<GroupRecord>, event: &Event) -> Option<GroupRecord> {
    match &event.fact {
        Fact::TicketOpened(opened) => event.ticket.clone().map(|ticket| GroupRecord {
            ticket,
            last_seen: record.map_or(opened.received_at, |r| r.last_seen.max(opened.received_at)),
            window_seconds: opened.window_seconds,
        }),
        // A tool that says "over" after the work has ended keeps nothing awake.
        Fact::AlertAttached(seen) | Fact::AlertChanged(seen) if !seen.after_end => heard(record, seen.received_at),
        Fact::AlertRepeated { last, .. } => heard(record, *last),
        Fact::DeploymentSeen(seen) => {
            event.ticket.clone().map(|ticket| GroupRecord { ticket, last_seen: seen.received_at, window_seconds: 0 })
        }
        _ => record,
    }
}

fn heard(record: Option<GroupRecord>, at: Timestamp) -> Option<GroupRecord> {
    record.map(|mut r| {
        r.last_seen = r.last_seen.max(at);
        r
    })
}

/// How often an alert repeated, as the delivery table has counted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatCount {
    /// How many.
    pub count: i64,
    /// When the first of them was received.
    pub first: Timestamp,
    /// When the last of them was received.
    pub last: Timestamp,
    /// Number of the first delivery.
    pub first_delivery: i64,
    /// Number of the last delivery.
    pub last_delivery: i64,
}

/// The event that summarises repeats, on the alert's ticket if it has one.
#[must_use]
pub fn repeated(source: &str, fingerprint: &str, record: Option<&AlertRecord>, counted: &RepeatCount) -> NewEvent {
    let fact = Fact::AlertRepeated {
        source: source.to_owned(),
        fingerprint: fingerprint.to_owned(),
        count: counted.count,
        first: counted.first,
        last: counted.last,
        first_delivery: counted.first_delivery,
        last_delivery: counted.last_delivery,
    };
    match record.and_then(|r| r.ticket.as_ref()) {
        Some(ticket) => NewEvent::on(ticket, fact),
        None => NewEvent::outside(fact),
    }
}
