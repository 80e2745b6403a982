//! Refusals that an assessor wants to see: so many an hour for each person one by one, beyond that as a number.
//!
//! How many a person had is counted by the events themselves and kept beside them, in the same commit. So neither a
//! commit that fails, nor a restart, nor a second replica gives anybody a second helping of the log.

use std::collections::BTreeMap;

use super::turn::teller;
use crate::env::Timestamp;
use crate::store::commit::RefusalRow;
use crate::ticket::event::{Event, Fact};

/// Microseconds of an hour.
const HOUR: i64 = 3_600_000_000;

/// The hour that a moment lies in, counted from 1970.
#[must_use]
pub fn hour_of(at: Timestamp) -> i64 {
    at.micros().div_euclid(HOUR)
}

/// The beginning of an hour.
#[must_use]
pub fn beginning_of(hour: i64) -> Option<Timestamp> {
    Timestamp::from_micros(hour.checked_mul(HOUR)?)
}

/// How many refusals of each person have an event of their own, in the latest hour that had one.
#[derive(Debug, Default)]
pub struct Recorded {
    hour: i64,
    by_person: BTreeMap<String, i64>,
}

impl Recorded {
    /// As the database has it.
    #[must_use]
    pub fn of(rows: Vec<RefusalRow>) -> Self {
        let hour = rows.iter().map(|row| row.hour).max().unwrap_or(0);
        let by_person = rows.into_iter().filter(|row| row.hour == hour).map(|row| (row.person, row.recorded)).collect();
        Self { hour, by_person }
    }

    /// Notices an event, whichever replica wrote it.
    pub fn note(&mut self, event: &Event) {
        if let (Fact::Refused { .. }, Some(person)) = (&event.fact, teller(&event.actor)) {
            let hour = hour_of(event.at);
            if self.hour != hour {
                *self = Self { hour, by_person: BTreeMap::new() };
            }
            *self.by_person.entry(person.to_owned()).or_default() += 1;
        }
    }

    /// How many this person has in this hour.
    #[must_use]
    pub fn so_far(&self, person: &str, hour: i64) -> i64 {
        if self.hour == hour { self.by_person.get(person).copied().unwrap_or(0) } else { 0 }
    }
}
