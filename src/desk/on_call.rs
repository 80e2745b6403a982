//! Who will be called within some time, by the same rota that calls them: so that they can be reached by then.

use std::time::Duration;

use super::Snapshot;
use crate::env::Timestamp;
use crate::people::Person;

/// Moments that are looked at are so far apart: no turn is shorter.
const STEP: Duration = Duration::from_secs(30 * 60);

/// People who are the first to be called at some moment from `from` on and before `within` has passed, each with the first
/// such moment; in that order.
#[must_use]
pub fn soon(snapshot: &Snapshot, from: Timestamp, within: Duration) -> Vec<(Person, Timestamp)> {
    let Some(rota) = snapshot.procedures.current().and_then(|library| library.organisation.estate.on_call.clone()) else {
        return Vec::new();
    };
    let mut found: Vec<(Person, Timestamp)> = Vec::new();
    let mut at = from;
    while at < from.plus(within) {
        let order = rota.order(at);
        let active = |email: &&str| snapshot.directory.by_email(email).filter(|person| !person.state.disabled);
        if let Some(person) = order.iter().find_map(active)
            && !found.iter().any(|(known, _)| known.state.id == person.state.id)
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
