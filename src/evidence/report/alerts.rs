//! Reports on how alerts and tickets came in, and whether what the tools say and what we say agree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Found, millis, percentiles};
use crate::env::Timestamp;
use crate::ticket::event::{AlertSeen, Event, Fact};
use crate::ticket::number::Number;
use crate::ticket::state::Ticket;

/// Intake and deliveries later than this are told one by one.
pub const LATE: Duration = Duration::from_secs(15 * 60);

/// Which tickets came in late. Fed with events.
#[derive(Debug, Default)]
pub struct Intake {
    by_channel: BTreeMap<String, i64>,
    began: HashMap<Number, (String, Timestamp, Timestamp, bool)>,
    late: Found,
}

impl Intake {
    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        let Some(number) = &event.ticket else { return };
        match &event.fact {
            Fact::TicketOpened(opened) => {
                *self.by_channel.entry(opened.intake.clone()).or_default() += 1;
                let began = opened.occurred_at.unwrap_or(opened.received_at);
                self.began.insert(number.clone(), (opened.intake.clone(), opened.received_at, event.at, false));
                self.judge(number, began);
            }
            // The alert that opened it says when it began.
            Fact::AlertAttached(AlertSeen { fired_at: Some(fired_at), .. }) => self.judge(number, *fired_at),
            _ => {}
        }
    }

    fn judge(&mut self, number: &Number, began: Timestamp) {
        let Some((intake, received_at, recorded_at, told)) = self.began.get_mut(number) else { return };
        if !*told && received_at.since(began) > LATE {
            *told = true;
            self.late.push(json!({
                "ticket": number, "intake": intake, "began_at": began, "received_at": received_at, "recorded_at": recorded_at,
                "delay_seconds": millis(began, *received_at) / 1000,
            }));
        }
    }

    /// The answer.
    #[must_use]
    pub fn answer(self) -> Value {
        let late = self.late.count();
        self.late.answer(json!({ "opened_by_channel": self.by_channel, "late": late, "late_after_seconds": LATE.as_secs() }))
    }
}

/// How long alerts took. Fed with events.
#[derive(Debug, Default)]
pub struct Latency {
    opened: HashMap<Number, Timestamp>,
    acknowledged: HashSet<Number>,
    to_us: Vec<i64>,
    to_ticket: Vec<i64>,
    to_person: Vec<i64>,
    late: Found,
}

impl Latency {
    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        let Some(number) = &event.ticket else { return };
        match &event.fact {
            Fact::TicketOpened(opened) if opened.group.is_some() => {
                self.opened.insert(number.clone(), event.at);
                self.to_ticket.push(millis(opened.received_at, event.at));
            }
            Fact::AlertAttached(seen) => {
                let Some(fired_at) = seen.fired_at else { return };
                self.to_us.push(millis(fired_at, seen.received_at));
                if seen.received_at.since(fired_at) > LATE {
                    self.late.push(json!({
                        "ticket": number, "source": seen.source, "fingerprint": seen.fingerprint, "delivery": seen.delivery,
                        "alert_fired_at": fired_at, "received_at": seen.received_at, "ticket_created_at": self.opened.get(number),
                        "delay_seconds": millis(fired_at, seen.received_at) / 1000,
                    }));
                }
            }
            // The first step that a person takes says that somebody has it.
            Fact::TransitionTaken(_) if event.actor.person().is_some() => {
                if let Some(opened) = self.opened.get(number).filter(|_| self.acknowledged.insert(number.clone())) {
                    self.to_person.push(millis(*opened, event.at));
                }
            }
            _ => {}
        }
    }

    /// The answer, in milliseconds.
    #[must_use]
    pub fn answer(self) -> Value {
        let late = self.late.count();
        self.late.answer(json!({
            "alert_fired_to_received_ms": percentiles(self.to_us),
            "received_to_ticket_created_ms": percentiles(self.to_ticket),
            "ticket_created_to_acknowledged_ms": percentiles(self.to_person),
            "late_deliveries": late,
            "late_after_seconds": LATE.as_secs(),
        }))
    }
}

/// Whether tickets and tools agree. Fed with tickets as they stand.
#[derive(Debug, Default)]
pub struct Mismatches {
    closed_while_firing: i64,
    open_while_resolved: i64,
    found: Found,
}

impl Mismatches {
    /// Takes the next ticket.
    pub fn take(&mut self, ticket: &Ticket) {
        let alerts = ticket.alerts;
        let what = if ticket.ended && ticket.merged_into.is_none() && alerts.firing > 0 {
            self.closed_while_firing += 1;
            "closed while firing"
        } else if !ticket.ended && alerts.attached > 0 && alerts.firing == 0 {
            self.open_while_resolved += 1;
            "open while resolved"
        } else {
            return;
        };
        self.found.push(json!({
            "ticket": ticket.number, "mismatch": what, "status": ticket.status, "ended_at": ticket.ended_at,
            "alerts": alerts.attached, "firing": alerts.firing,
        }));
    }

    /// The answer.
    #[must_use]
    pub fn answer(self) -> Value {
        let summary = json!({ "closed_while_firing": self.closed_while_firing, "open_while_resolved": self.open_while_resolved });
        self.found.answer(summary)
    }
}
