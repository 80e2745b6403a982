//! A ticket's way from its opening to its end: what happened, when it really happened, and when it was recorded.

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::{Actor, Event, Fact};
use crate::env::Timestamp;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// `opened`, a status that was reached, or `escalated`.
    pub what: String,
    /// The transition, for a status.
    pub transition: Option<String>,
    /// It was one of the phases of work.
    pub phase: bool,
    /// The tier that was called, for an escalation.
    pub tier: Option<i64>,
    /// Who.
    pub by: Actor,
    /// When it happened: as claimed, otherwise as recorded.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// It was recorded late, by the organisation's rule.
    pub late: bool,
    /// The revision that it made.
    pub rev: i64,
}

/// What happened to a ticket, in the order in which it happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Timeline {
    /// By `occurred_at`, then by revision.
    pub moments: Vec<Moment>,
    /// Whole seconds from the beginning to the latest arrival at each status.
    pub seconds_to: BTreeMap<String, i64>,
    /// The order in which things happened is the order in which they were recorded.
    pub in_order: bool,
}

/// Whether a timeline speaks of the event.
#[must_use]
pub fn matters(event: &Event) -> bool {
    matches!(event.fact, Fact::TicketOpened(_) | Fact::TransitionTaken(_) | Fact::Escalated { .. })
}

/// The timeline that a ticket's events make; they are its own, from its opening.
#[must_use]
pub fn timeline(events: &[Event]) -> Timeline {
    let mut moments: Vec<Moment> = events.iter().filter_map(moment).collect();
    moments.sort_by_key(|m| (m.occurred_at, m.rev));
    let in_order = moments.is_sorted_by_key(|m| m.rev);
    let began = moments.first().map(|m| m.occurred_at);
    let reached = moments.iter().filter(|m| m.transition.is_some());
    let seconds = |m: &Moment| began.map(|began| i64::try_from(m.occurred_at.since(began).as_secs()).unwrap_or(i64::MAX));
    let seconds_to = reached.filter_map(|m| Some((m.what.clone(), seconds(m)?))).collect();
    Timeline { moments, seconds_to, in_order }
}

fn moment(event: &Event) -> Option<Moment> {
    let bare = |what: &str, occurred_at: Option<Timestamp>| Moment {
        what: what.to_owned(),
        transition: None,
        phase: false,
        tier: None,
        by: event.actor.clone(),
        occurred_at: occurred_at.unwrap_or(event.at),
        recorded_at: event.at,
        late: false,
        rev: event.rev.unwrap_or_default(),
    };
    match &event.fact {
        Fact::TicketOpened(opened) => Some(bare("opened", opened.occurred_at)),
        Fact::TransitionTaken(taken) => Some(Moment {
            transition: Some(taken.transition.clone()),
            phase: taken.phase,
            late: taken.late,
            ..bare(&taken.to, taken.occurred_at)
        }),
        Fact::Escalated { to_tier, .. } => Some(Moment { tier: Some(*to_tier), ..bare("escalated", None) }),
        _ => None,
    }
}
