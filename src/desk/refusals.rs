//! Refusals that an assessor wants to see, so many an hour for each person one by one, beyond that as a number.

use std::collections::BTreeMap;

use crate::env::Timestamp;
use crate::ticket::event::Actor;

/// Refusals that were recorded per person within the running hour.
#[derive(Debug, Default)]
pub struct RefusalCounts {
    hour: i64,
    counts: BTreeMap<String, (u32, i64)>,
}

impl RefusalCounts {
    /// Whether this refusal still gets an event of its own; if not, it is counted.
    pub(super) fn record(&mut self, actor: &Actor, now: Timestamp, most: u32) -> bool {
        let hour = now.seconds() / 3600;
        let Some(person) = actor.person() else { return true };
        if self.hour != hour && self.counts.values().all(|(_, over)| *over == 0) {
            self.counts.clear();
            self.hour = hour;
        }
        let (seen, over) = self.counts.entry(person.to_owned()).or_default();
        if *seen < most {
            *seen += 1;
            return true;
        }
        *over += 1;
        false
    }

    /// Summaries of the hour that has passed.
    pub(super) fn summaries(&mut self, now: Timestamp) -> Vec<(String, Timestamp, i64)> {
        let hour = now.seconds() / 3600;
        if self.hour == hour {
            return Vec::new();
        }
        let of = Timestamp::from_micros(self.hour * 3_600_000_000).unwrap_or(now);
        let counts = std::mem::take(&mut self.counts);
        self.hour = hour;
        counts.into_iter().filter(|(_, (_, over))| *over > 0).map(|(person, (_, over))| (person, of, over)).collect()
    }
}
