//! Who will be called within some time, by the same rota and calendar that call them, and who of them cannot be reached.

use std::time::Duration;

use super::Snapshot;
use crate::env::Timestamp;
use crate::people::Person;
use crate::ticket::rota;

/// Moments that are looked at are so far apart: no turn is shorter.
const STEP: Duration = Duration::from_secs(30 * 60);

/// People who are the first to be called at some moment from `from` on and before `within` has passed, each with the first
/// such moment; in that order.
#[must_use]
pub fn soon(snapshot: &Snapshot, from: Timestamp, within: Duration) -> Vec<(Person, Timestamp)> {
    let Some(library) = snapshot.procedures.current() else { return Vec::new() };
    let Some(rota) = &library.organisation.estate.on_call else { return Vec::new() };
    let mut found: Vec<(Person, Timestamp)> = Vec::new();
    let mut at = from;
    while at < from.plus(within) {
        if let Some(id) = rota::first(rota, snapshot.directory.as_ref(), at)
            && !found.iter().any(|(known, _)| known.state.id == id)
            && let Some(person) = snapshot.directory.active(&id)
        {
            found.push((person.clone(), at));
        }
        at = at.plus(STEP);
    }
    found
}

/// Of those, whoever cannot be reached on a platform: nobody linked an account of theirs there.
#[must_use]
pub fn unreachable(snapshot: &Snapshot, platform: &str, from: Timestamp, within: Duration) -> Vec<(Person, Timestamp)> {
    let linked = |id: &str| snapshot.directory.accounts_of(id).any(|account| account.state.platform == platform);
    soon(snapshot, from, within).into_iter().filter(|(person, _)| !linked(&person.state.id)).collect()
}
