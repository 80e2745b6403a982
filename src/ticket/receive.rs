//! Alerts of a delivery: which ticket each belongs to.
//!
//! A group is a response playbook and the values that it groups by. While its ticket has not ended and it was heard
//! of within its window, its alerts go there (or to the ticket that one was merged into); otherwise they open a new
//! one, linked as a recurrence. An alert that never stopped firing is no news, however long its tool was quiet. What a tool says of an alert that is known stays with the alert's own ticket.

use std::time::Duration;

use super::alert::AlertStatus;
use super::command::{MatchedAlert, Receive, Remainder};
use super::correlation::{AlertRecord, Repeat};
use super::draft::Draft;
use super::event::{AlertSeen, Fact, NewEvent};
use super::merge::survivor;
use super::number::Number;
use super::refusal::Refusal;
use super::{consequences, links, open};

/// The most alerts in one delivery.
pub const MAX_ALERTS: usize = 5_000;

pub(super) fn receive(draft: &mut Draft<'_>, delivery: &Receive) -> Result<(), Refusal> {
    if !matches!(draft.ctx.actor, super::event::Actor::Source { name } if *name == delivery.source) {
        return Err(Refusal::NotForYou { what: "act for themselves; alerts come from a configured source".into() });
    }
    if delivery.alerts.len() > MAX_ALERTS {
        return Err(Refusal::TooMany { what: "alerts in one delivery".into(), most: MAX_ALERTS });
    }
    for alert in &delivery.alerts {
        one(draft, delivery, alert)?;
    }
    if let Some(remainder) = &delivery.remainder {
        keep(draft, delivery, remainder);
    }
    Ok(())
}

/// What became no alert is kept with the bytes that it came in.
fn keep(draft: &mut Draft<'_>, delivery: &Receive, remainder: &Remainder) {
    let kept = Fact::DeliveryKept {
        source: delivery.source.clone(),
        delivery: draft.ctx.delivery.unwrap_or(0),
        unmapped: remainder.unmapped,
        truncated: remainder.truncated,
        received_at: delivery.received_at,
    };
    let event = NewEvent::outside(kept);
    draft.push(event.seal("body", remainder.body.clone()).seal("payload_sha256", remainder.payload_sha256.clone()));
}

fn one(draft: &mut Draft<'_>, delivery: &Receive, matched: &MatchedAlert) -> Result<(), Refusal> {
    let record = draft.alert(&delivery.source, &matched.alert.fingerprint).cloned();
    match (record, matched.alert.status) {
        (None, AlertStatus::Firing) => fresh(draft, delivery, matched, None),
        // Nothing is open that this could speak of: accepted, and nothing comes of it.
        (None, status) => {
            draft.drop_alert(status);
            Ok(())
        }
        (Some(record), AlertStatus::Acknowledged) if record.status == AlertStatus::Resolved => {
            draft.drop_alert(AlertStatus::Acknowledged);
            Ok(())
        }
        (Some(record), _) => known(draft, delivery, matched, record),
    }
}

/// An alert that the log has seen before.
fn known(draft: &mut Draft<'_>, delivery: &Receive, matched: &MatchedAlert, record: AlertRecord) -> Result<(), Refusal> {
    let status = matched.alert.status;
    let Some(home) = record.ticket.clone() else {
        // Seen, but nothing took it. If something takes it now, it is new.
        return match (status, &matched.matched) {
            (AlertStatus::Firing, Some(_)) => fresh(draft, delivery, matched, Some(&record)),
            _ if status == record.status => {
                repeat(draft, delivery, matched, &record, None);
                Ok(())
            }
            _ => {
                unmapped(draft, delivery, matched, Some(&record));
                Ok(())
            }
        };
    };
    let lives_on = survivor(draft, &home);
    let ended = lives_on.is_none_or(|t| t.ended);
    let ended_at = lives_on.and_then(|t| t.ended_at);
    if status != AlertStatus::Firing {
        if status == record.status {
            repeat(draft, delivery, matched, &record, Some(&home));
        } else {
            change(draft, delivery, matched, &record, &home, ended);
        }
        return Ok(());
    }
    // What never stopped firing is not new, however seldom its tool says so (Alertmanager repeats every 4 h).
    let goes_on = record.status == AlertStatus::Firing || awake(draft, delivery, &record, matched);
    if !ended && goes_on {
        if record.status == AlertStatus::Firing {
            repeat(draft, delivery, matched, &record, Some(&home));
        } else {
            change(draft, delivery, matched, &record, &home, false);
        }
        return Ok(());
    }
    // The work has ended and the tool still says the same: it has one window to notice before that counts as new.
    let window = window_of(draft, &record, matched);
    let elsewhere = record.group.as_deref().and_then(|g| draft.group(g)).and_then(|g| survivor(draft, &g.ticket)).is_some_and(|t| !t.ended);
    if ended && !elsewhere && record.status == AlertStatus::Firing && ended_at.is_some_and(|at| delivery.received_at.since(at) <= window) {
        repeat(draft, delivery, matched, &record, Some(&home));
        return Ok(());
    }
    fresh(draft, delivery, matched, Some(&record))
}

/// Whether the alert's group was heard of within its window.
fn awake(draft: &Draft<'_>, delivery: &Receive, record: &AlertRecord, matched: &MatchedAlert) -> bool {
    let heard = record.group.as_deref().and_then(|g| draft.heard_at(g)).unwrap_or(record.last_seen);
    delivery.received_at.since(heard) <= window_of(draft, record, matched)
}

fn window_of(draft: &Draft<'_>, record: &AlertRecord, matched: &MatchedAlert) -> Duration {
    let grouped = record.group.as_deref().and_then(|g| draft.group(g)).map(|g| g.window_seconds);
    let seconds = grouped.or(matched.matched.as_ref().map(|m| m.window_seconds)).unwrap_or(0);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// A firing alert that belongs to no ticket that is at work: its group's ticket takes it, or a new one.
fn fresh(draft: &mut Draft<'_>, delivery: &Receive, matched: &MatchedAlert, record: Option<&AlertRecord>) -> Result<(), Refusal> {
    let Some(by) = &matched.matched else {
        if record.is_some_and(|r| r.ticket.is_none() && r.status == matched.alert.status) {
            return Ok(());
        }
        unmapped(draft, delivery, matched, record);
        return Ok(());
    };
    let window = Duration::from_secs(u64::try_from(by.window_seconds).unwrap_or(0));
    let previous = draft.group(&by.group).map(|g| g.ticket.clone());
    let heard = draft.heard_at(&by.group);
    let within = heard.is_some_and(|at| delivery.received_at.since(at) <= window);
    let open = previous.as_ref().and_then(|n| survivor(draft, n)).filter(|t| !t.ended).map(|t| t.number.clone());
    if let (true, Some(ticket)) = (within, open) {
        attach(draft, delivery, matched, &ticket);
        return Ok(());
    }
    let began = matched.alert.starts_at;
    let Some(number) = open::for_alert(draft, by, began, delivery.received_at) else {
        unmapped(draft, delivery, matched, record);
        return Ok(());
    };
    if let Some(previous) = previous {
        draft.push(links::made("recurrence", &number, Some(&previous)).by(&by.response.digest));
    }
    attach(draft, delivery, matched, &number);
    consequences::follow(draft, &number)
}

fn attach(draft: &mut Draft<'_>, delivery: &Receive, matched: &MatchedAlert, ticket: &Number) {
    let group = matched.matched.as_ref().map(|m| m.group.clone());
    let seen = seen(draft, delivery, matched, None, group, false);
    let mut event = NewEvent::on(ticket, Fact::AlertAttached(seen));
    event.playbook = matched.matched.as_ref().map(|m| m.response.digest.clone());
    draft.push(event.seal("alert", matched.sealed.clone()).seal("payload_sha256", matched.payload_sha256.clone()));
}

fn change(draft: &mut Draft<'_>, delivery: &Receive, matched: &MatchedAlert, record: &AlertRecord, home: &Number, after_end: bool) {
    let seen = seen(draft, delivery, matched, Some(record.status), record.group.clone(), after_end);
    let event = NewEvent::on(home, Fact::AlertChanged(seen));
    draft.push(event.seal("alert", matched.sealed.clone()).seal("payload_sha256", matched.payload_sha256.clone()));
}

fn unmapped(draft: &mut Draft<'_>, delivery: &Receive, matched: &MatchedAlert, record: Option<&AlertRecord>) {
    let seen = seen(draft, delivery, matched, record.map(|r| r.status), None, false);
    let event = NewEvent::outside(Fact::AlertUnmapped(seen));
    draft.push(event.seal("alert", matched.sealed.clone()).seal("payload_sha256", matched.payload_sha256.clone()));
}

fn repeat(draft: &mut Draft<'_>, delivery: &Receive, matched: &MatchedAlert, record: &AlertRecord, home: Option<&Number>) {
    if let Some(home) = home {
        draft.touch(home);
    }
    draft.repeat(Repeat {
        source: delivery.source.clone(),
        fingerprint: matched.alert.fingerprint.clone(),
        ticket: home.cloned(),
        group: record.group.clone(),
        received_at: delivery.received_at,
    });
}

fn seen(
    draft: &Draft<'_>,
    delivery: &Receive,
    matched: &MatchedAlert,
    was: Option<AlertStatus>,
    group: Option<String>,
    after_end: bool,
) -> AlertSeen {
    AlertSeen {
        source: delivery.source.clone(),
        fingerprint: matched.alert.fingerprint.clone(),
        status: matched.alert.status,
        was,
        delivery: draft.ctx.delivery.unwrap_or(0),
        fired_at: matched.alert.starts_at,
        ended_at: matched.alert.ends_at,
        received_at: delivery.received_at,
        group,
        after_end,
    }
}
