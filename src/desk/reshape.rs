//! What an earlier program kept of tickets and people, made anew where this one makes more of the same events.
//!
//! Whoever changes what [`crate::ticket::evolve`] or its kin make of an event raises [`SHAPE`] and adds a migration, so that
//! programs which make less of it end before anything is made anew.

use std::collections::{BTreeMap, BTreeSet};

use super::DeskError;
use super::compare::read_all;
use super::overlay::{deadlines_of, json};
use super::projections::{alert_row, latest_of, ticket_row};
use super::rebuild::Rebuilt;
use crate::store::Store;
use crate::store::batch::Batch;
use crate::store::whole::Projection;

/// What this program makes of events. 2 (with migration 5): owners, levels, links that stay, people who were reached.
const SHAPE: i64 = 2;
/// How often it is begun again when somebody else recorded meanwhile.
const TRIES: usize = 20;
/// Under what the database remembers it.
const MARK: &str = "shape";

/// Makes anew what an earlier program kept in another shape; that is once after an upgrade, and reads the whole log.
///
/// # Errors
/// When the database does not answer, or an event does not read back.
pub(super) async fn reshape(store: &Store) -> Result<(), DeskError> {
    let known = store.mark(MARK).await?.and_then(|(_, shape)| shape.parse::<i64>().ok());
    if known.is_some_and(|known| known >= SHAPE) || store.head().await?.is_none() {
        return Ok(());
    }
    let mut rebuilt = Rebuilt::default();
    let mut writer = store.writer_connection().await?;
    for _ in 0..TRIES {
        // All of it is read before the head is taken: nobody is kept waiting for that.
        rebuilt.catch_up(store).await?;
        let mut batch = changed(&rebuilt, store).await?;
        let (tickets, people) = (batch.tickets.len(), batch.people.len() + batch.accounts.len());
        let (mut commit, head) = writer.begin(store).await?;
        if head.size != rebuilt.size {
            commit.roll_back().await?;
            continue;
        }
        batch.marks.push((MARK.to_owned(), i64::MAX, SHAPE.to_string()));
        commit.write(batch, &head).await?;
        commit.commit().await?;
        if rebuilt.size > 0 {
            tracing::info!(events = rebuilt.size, tickets, people, "what an earlier version kept was made anew from the events");
        }
        return Ok(());
    }
    Err(DeskError::Wrong("others recorded all the time".to_owned()))
}

/// What the database holds otherwise than the events make it.
async fn changed(rebuilt: &Rebuilt, store: &Store) -> Result<Batch, DeskError> {
    let mut batch = Batch::default();
    let others = async |which: Projection| -> Result<BTreeSet<String>, DeskError> {
        let held = read_all(store, which).await?;
        let made = rebuilt.table(which);
        Ok(made.into_iter().filter(|(key, row)| held.get(key) != Some(row)).map(|(key, _)| key).collect())
    };
    let mut tickets = others(Projection::Tickets).await?;
    tickets.extend(others(Projection::Latest).await?);
    let mut deadlines: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
    for (key, row) in read_all(store, Projection::Deadlines).await? {
        let at = row.first().and_then(|at| at.as_deref()).and_then(|at| at.parse().ok());
        if let (Some((number, id)), Some(at)) = (key.split_once('/'), at) {
            deadlines.entry(number.to_owned()).or_default().insert(id.to_owned(), at);
        }
    }
    for (number, ticket) in &rebuilt.tickets {
        let name = number.to_string();
        let now = deadlines_of(ticket);
        let before = deadlines.remove(&name).unwrap_or_default();
        if !now.iter().map(|(id, at)| (id.clone(), *at)).collect::<BTreeMap<_, _>>().eq(&before) {
            batch.deadlines.push((name.clone(), now));
        }
        if tickets.contains(&name) {
            batch.tickets.push(ticket_row(ticket));
            batch.latest.push((name, latest_of(ticket)));
        }
    }
    let people = others(Projection::People).await?;
    batch.people = rebuilt.people.iter().filter(|(id, _)| people.contains(*id)).map(|(id, state)| (id.clone(), json(state))).collect();
    let accounts = others(Projection::Accounts).await?;
    batch.accounts =
        rebuilt.accounts.iter().filter(|(id, _)| accounts.contains(*id)).map(|(id, state)| (id.clone(), json(state))).collect();
    let groups = others(Projection::Groups).await?;
    batch.groups = rebuilt.groups.iter().filter(|(id, _)| groups.contains(*id)).map(|(id, record)| (id.clone(), json(record))).collect();
    let alerts = others(Projection::Alerts).await?;
    batch.alerts = rebuilt.alerts.iter().filter(|(id, _)| alerts.contains(*id)).map(|(id, record)| alert_row(id.clone(), record)).collect();
    Ok(batch)
}
