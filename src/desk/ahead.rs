//! What a commit reads before it decides: everything that its requests may need, asked for together. Tickets stay in
//! memory; alerts and groups are read each time.

use std::collections::{HashMap, HashSet};

use super::clerk::Queued;
use super::outcome::Failed;
use super::overlay::{Overlay, alert_id};
use super::projections::{alert_of, ticket_of};
use super::refusals::hour_of;
use super::request::{Ask, Request, Who};
use crate::env::Timestamp;
use crate::store::commit::Commit;
use crate::ticket::command::Command;
use crate::ticket::correlation::GroupRecord;
use crate::ticket::number::Number;

/// Repeats that are told in one commit.
const MOST_REPEATS: i64 = 256;

/// Reads everything that the requests may need, before any is decided. Gives the outcomes of retried keys.
pub(super) async fn read_ahead(
    commit: &mut Commit<'_>,
    overlay: &mut Overlay<'_>,
    requests: &[Queued],
) -> Result<HashMap<String, String>, Failed> {
    let keys = requests.iter().filter_map(|q| q.request.dedupe.as_ref().map(|d| d.key.clone())).collect();
    let outcomes = commit.dedupes(keys).await?.into_iter().collect();
    let mut numbers: HashSet<Number> = HashSet::new();
    let mut alerts: HashSet<String> = HashSet::new();
    let mut groups: HashSet<String> = HashSet::new();
    for Queued { request, .. } in requests {
        match &request.ask {
            Ask::Ticket(command) => {
                numbers.extend(numbers_of(command));
                if let Command::Deployed(report) = command.as_ref() {
                    groups.insert(report.group.clone());
                }
                if let Command::Receive(receive) = command.as_ref() {
                    alerts.extend(receive.alerts.iter().map(|a| alert_id(&a.alert.source, &a.alert.fingerprint)));
                    groups.extend(receive.alerts.iter().filter_map(|a| a.matched.as_ref().map(|m| m.group.clone())));
                }
            }
            Ask::TellRepeats => {
                overlay.due_repeats = commit.repeats_due(overlay.now.micros(), MOST_REPEATS).await?;
                alerts.extend(overlay.due_repeats.iter().map(|r| r.id.clone()));
                overlay.past_refusals = commit.refusals_before(hour_of(overlay.now), MOST_REPEATS).await?;
            }
            Ask::SignIn(sign_in) => {
                if let Some(hash) = &sign_in.link
                    && let Some(person) = commit.link(hash, overlay.now.micros()).await?
                {
                    overlay.links.insert(hash.clone(), person);
                }
            }
            Ask::TypeLinkCode { .. } | Ask::ConfirmLink => read_codes(commit, overlay, request).await?,
            _ => {}
        }
    }
    for row in commit.alerts(alerts.into_iter().collect()).await? {
        let record = alert_of(&row).map_err(unreadable)?;
        groups.extend(record.group.clone());
        numbers.extend(record.ticket.clone());
        overlay.alerts.insert(row.id, record);
    }
    let groups: Vec<String> = groups.into_iter().collect();
    for (group, at) in commit.repeated(groups.clone()).await? {
        if let Some(at) = Timestamp::from_micros(at) {
            let last = overlay.repeated.entry(group).or_insert(at);
            *last = (*last).max(at);
        }
    }
    for (id, record) in commit.groups(groups).await? {
        let record: GroupRecord = serde_json::from_str(&record).map_err(|e| unreadable(format!("the projection of group {id}: {e}")))?;
        numbers.insert(record.ticket.clone());
        overlay.groups.insert(id, record);
    }
    read_tickets(commit, overlay, numbers).await?;
    Ok(outcomes)
}

/// Reads what is known of the code that an account presents, and of those that it mistyped.
async fn read_codes(commit: &mut Commit<'_>, overlay: &mut Overlay<'_>, request: &Request) -> Result<(), Failed> {
    let Who::Account(account) = &request.who else { return Ok(()) };
    let id = overlay.account_id(account);
    let now = overlay.now;
    if let Ask::TypeLinkCode { hash } = &request.ask
        && let Some(person) = commit.link_code(hash, now.micros()).await?
    {
        overlay.codes.good.insert(hash.clone(), person);
    }
    if let Some(person) = commit.claimed_code(&id, now.micros()).await? {
        overlay.codes.claimed.insert(id.clone(), person);
    }
    let wrong = commit.wrong_codes(&id, hour_of(now)).await?;
    overlay.codes.wrong.insert(id, wrong);
    Ok(())
}

/// Reads tickets that are not in memory, and those that they were merged into.
async fn read_tickets(commit: &mut Commit<'_>, overlay: &mut Overlay<'_>, mut wanted: HashSet<Number>) -> Result<(), Failed> {
    let mut seen: HashSet<Number> = HashSet::new();
    while !wanted.is_empty() {
        let missing: Vec<String> = wanted.iter().filter(|n| !overlay.known.tickets.contains_key(n)).map(ToString::to_string).collect();
        for held in commit.tickets(missing).await? {
            let ticket = ticket_of(&held).map_err(unreadable)?;
            overlay.known.tickets.insert(ticket.number.clone(), ticket);
        }
        seen.extend(wanted.iter().cloned());
        wanted = wanted
            .iter()
            .filter_map(|n| overlay.known.tickets.get(n))
            .flat_map(|t| t.merged_into.iter().map(|(into, _)| into.clone()).chain(t.merged_from.iter().cloned()))
            .filter(|n| !seen.contains(n))
            .collect();
    }
    Ok(())
}

fn unreadable(error: impl std::fmt::Display) -> Failed {
    Failed::Content(format!("{error}; `countersign verify --database` says more"))
}

/// Every ticket that a command names.
fn numbers_of(command: &Command) -> Vec<Number> {
    let mut numbers: Vec<Number> = command.ticket().cloned().into_iter().collect();
    match command {
        Command::Take(take) => numbers.extend(take.steps.iter().filter_map(|s| s.other.clone())),
        Command::Link { to: Some(to), .. } => numbers.push(to.clone()),
        Command::Oblige { drawn: Some(drawn), .. } => numbers.extend(drawn.drawn.iter().cloned()),
        Command::Deployed(report) => numbers.extend(report.deployment.names.iter().chain(&report.models).cloned()),
        _ => {}
    }
    numbers
}
