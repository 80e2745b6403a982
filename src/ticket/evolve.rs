//! What each event makes of a ticket: the only way in which one changes.
//!
//! Reads the event and the ticket, nothing else: no playbook, no clock, no plaintext. Total: an event that does not
//! apply leaves the ticket as it was, apart from its revision. To give a new kind of event its meaning, add an arm
//! to `apply` (or say there that it has none).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::alert::AlertStatus;
use super::event::{AlertSeen, DeploymentSeen, Event, EvidenceAttached, Fact, NewTask, OwedItem, Reminder, TicketOpened, TransitionTaken};
use super::number::Number;
use super::state::{
    AlertCount, ApprovalGiven, ClockState, DeploymentHeld, EscalationState, File, Granted, Held, Link, NotifiedState, SealedRef,
    SeverityChange, Spoken, StepTaken, Task, Ticket,
};

/// The ticket after `event`. `None` stays `None` until an event opens the ticket; an event of another ticket
/// changes nothing at all.
#[must_use]
pub fn evolve(ticket: Option<Ticket>, event: &Event) -> Option<Ticket> {
    match (ticket, &event.fact) {
        (None, Fact::TicketOpened(opened)) => event.ticket.clone().map(|number| open(number, opened, event)),
        (None, _) => None,
        (Some(ticket), _) if event.ticket.as_ref() != Some(&ticket.number) => Some(ticket),
        (Some(mut ticket), fact) => {
            apply(&mut ticket, fact, event);
            ticket.rev += 1;
            ticket.seq = event.seq;
            ticket.updated_at = event.at;
            Some(ticket)
        }
    }
}

/// Whether an event of this kind changes nothing of its ticket but the revision, the position and moment of its latest
/// event, and the counts of alerts.
#[must_use]
pub fn changes_latest_only(fact: &Fact) -> bool {
    matches!(fact, Fact::AlertAttached(_) | Fact::AlertChanged(_) | Fact::AlertRepeated { .. } | Fact::Refused { .. })
}

fn open(number: Number, opened: &TicketOpened, event: &Event) -> Ticket {
    let mut ticket = Ticket {
        number,
        kind: opened.ticket_kind.clone(),
        kind_digest: opened.kind_digest.clone(),
        response: opened.response.clone(),
        status: opened.status.clone(),
        ended: false,
        rev: 1,
        seq: event.seq,
        opened_seq: event.seq,
        opened_at: event.at,
        updated_at: event.at,
        ended_at: None,
        opened_by: event.actor.clone(),
        intake: opened.intake.clone(),
        fields: BTreeMap::new(),
        owner: None,
        owners: BTreeSet::new(),
        lead: None,
        steps: Vec::new(),
        notes: 0,
        files: Vec::new(),
        evidence_waived: BTreeSet::new(),
        tasks: Vec::new(),
        links: Vec::new(),
        clocks: BTreeMap::new(),
        owed: Vec::new(),
        woken: BTreeMap::new(),
        revised: BTreeMap::new(),
        approvals: BTreeMap::new(),
        escalation: None,
        notified: BTreeMap::new(),
        alerts: AlertCount::default(),
        severities: BTreeSet::new(),
        severity_changes: BTreeSet::new(),
        levels: BTreeMap::new(),
        merged_from: Vec::new(),
        brought: BTreeMap::new(),
        merged_into: None,
        granted: BTreeMap::new(),
        authors: BTreeSet::new(),
        spoken: None,
        nudged: None,
        deployments: Vec::new(),
        lines: None,
    };
    set_fields(&mut ticket, &opened.fields, &opened.sealed_fields, event);
    add_tasks(&mut ticket, &opened.tasks);
    ticket
}

fn apply(ticket: &mut Ticket, fact: &Fact, event: &Event) {
    match fact {
        Fact::TransitionTaken(taken) => step(ticket, taken, event),
        Fact::FieldsSet { fields, sealed_fields, authored, asks } => {
            // Asked for anew: what was decided on the last asking counts no longer.
            if let Some(step) = asks {
                ticket.approvals.remove(step);
            }
            set_fields(ticket, fields, sealed_fields, event);
            remember_author(ticket, *authored, event);
        }
        Fact::NoteAdded { note, .. } => ticket.notes = ticket.notes.max(*note),
        Fact::EvidenceAttached(file) => attach(ticket, file, event),
        Fact::TaskSettled { task, waived } => settle(ticket, *task, *waived, event),
        Fact::EvidenceWaived { phase } => {
            ticket.evidence_waived.insert(phase.clone());
            ticket.owed.retain(|o| !(o.what == "evidence" && o.of == *phase));
        }
        Fact::OwnerAssigned { person } => {
            ticket.owner = Some(person.clone());
            ticket.owners.insert(person.clone());
        }
        Fact::LeadAssigned { person } => ticket.lead = Some(person.clone()),
        Fact::Linked { .. } | Fact::Unlinked { .. } => links(ticket, fact, event),
        Fact::MergedInto { into, from_status } => ticket.merged_into = Some((into.clone(), from_status.clone())),
        Fact::MergeReceived { from, brought } => {
            ticket.brought.insert(from.clone(), brought.clone());
            if !ticket.merged_from.contains(from) {
                ticket.merged_from.push(from.clone());
            }
        }
        Fact::MergeUndone { other } => {
            ticket.merged_from.retain(|n| n != other);
            ticket.brought.remove(other);
            if ticket.merged_into.as_ref().is_some_and(|(into, _)| into == other) {
                ticket.merged_into = None;
            }
        }
        Fact::Escalated { .. } | Fact::EscalationAcknowledged { .. } => escalation(ticket, fact, event),
        Fact::NoteRevised { note, edited_at: Some(at), .. } => revised(ticket, *note, *at),
        Fact::MorningTold { person, .. } => drop(ticket.woken.remove(person)),
        Fact::GroupNotified { .. }
        | Fact::GroupReached { .. }
        | Fact::NotificationAcknowledged { .. }
        | Fact::NotificationOverdue { .. } => notification(ticket, fact, event),
        Fact::OwedReminded { owed, .. } => remind_owed(ticket, owed),
        Fact::ApprovalDecided { .. } | Fact::ApprovalWithdrawn { .. } => approval(ticket, fact, event),
        Fact::ApprovalSpoken { .. } | Fact::SpokenApprovalAnswered { .. } => spoken(ticket, fact, event),
        Fact::LinesGathering { .. }
        | Fact::UsersListed { .. }
        | Fact::LinesListed { .. }
        | Fact::LinesFrozen { .. }
        | Fact::LineDecided { .. }
        | Fact::LineSettled { .. } => ticket.lines.get_or_insert_default().evolve(event),
        Fact::AlertAttached(_) | Fact::AlertChanged(_) | Fact::AlertRepeated { .. } => alert(ticket, fact),
        Fact::DeploymentSeen(seen) => deployed(ticket, seen, event),
        Fact::Nudged { .. } => ticket.nudged = Some(event.at),
        Fact::ClockStarted { .. }
        | Fact::ClockRetargeted { .. }
        | Fact::ClockPaused { .. }
        | Fact::ClockResumed { .. }
        | Fact::ClockStopped { .. }
        | Fact::ClockWarned { .. }
        | Fact::ClockBreached { .. } => clock(ticket, fact, event),
        // A second opening cannot be; a refusal, and what is said or done in chat beside it, changes nothing; the rest never stand on a ticket.
        Fact::TicketOpened(_)
        | Fact::Refused { .. }
        | Fact::PageAnswered { .. }
        | Fact::PageMissed { .. }
        | Fact::OnCallChanged { .. }
        | Fact::RotaRead { .. }
        | Fact::NoteRevised { edited_at: None, .. }
        | Fact::ContentWithheld { .. }
        | Fact::ChannelOpened { .. }
        | Fact::ChannelArchived { .. }
        | Fact::ChannelJoined { .. }
        | Fact::AccountSeen { .. }
        | Fact::AccountLinked { .. }
        | Fact::AccountUnlinked { .. }
        | Fact::LinkCodeIssued { .. }
        | Fact::AlertUnmapped(_)
        | Fact::DeliveryKept { .. }
        | Fact::LogOpened { .. }
        | Fact::EpochOpened(_)
        | Fact::PlaybooksAdopted { .. }
        | Fact::ForgeriesCounted { .. }
        | Fact::RefusalsCounted { .. }
        | Fact::Exported { .. }
        | Fact::ClockStepConfirmed { .. }
        | Fact::PersonAdded { .. }
        | Fact::RolesChanged { .. }
        | Fact::PersonDisabled { .. }
        | Fact::KeyIssued { .. }
        | Fact::KeyRevoked { .. }
        | Fact::LinkIssued { .. }
        | Fact::ObligationBegan { .. }
        | Fact::ObligationRun { .. }
        | Fact::PackWritten(_)
        | Fact::ObligationMissed { .. }
        | Fact::SignedIn { .. } => {}
    }
}

fn set_fields(ticket: &mut Ticket, fields: &BTreeMap<String, Value>, sealed_fields: &[String], event: &Event) {
    let severity = ticket.severity().to_owned();
    for (name, value) in fields {
        if value.is_null() {
            ticket.fields.remove(name);
        } else {
            ticket.fields.insert(name.clone(), Held::Plain(value.clone()));
        }
    }
    for name in sealed_fields {
        let sealed_name = format!("field.{name}");
        if let Some(commitment) = event.sealed.get(&sealed_name) {
            let held = SealedRef { seq: event.seq, name: sealed_name, commitment: *commitment };
            ticket.fields.insert(name.clone(), Held::Sealed(held));
        }
    }
    remember_severity(ticket, severity, event);
    let held = &ticket.fields;
    ticket.owed.retain(|o| !(o.what == "field" && held.contains_key(&o.of)));
}

/// A severity is never forgotten, nor who changed it.
fn remember_severity(ticket: &mut Ticket, before: String, event: &Event) {
    let after = ticket.severity().to_owned();
    if after == before {
        return;
    }
    if !after.is_empty() {
        ticket.severities.insert(after.clone());
    }
    if let (false, Some(person)) = (before.is_empty(), event.actor.person()) {
        ticket.severity_changes.insert(SeverityChange { from: before, to: after, by: person.to_owned() });
    }
}

fn remember_author(ticket: &mut Ticket, authored: bool, event: &Event) {
    if let (true, Some(person)) = (authored, event.actor.person()) {
        ticket.authors.insert(person.to_owned());
    }
}

fn add_tasks(ticket: &mut Ticket, tasks: &[NewTask]) {
    for new in tasks {
        ticket.tasks.push(Task { task: new.task, on: new.on.clone(), text: new.text.clone(), settled_by: None, waived: false });
    }
}

fn step(ticket: &mut Ticket, taken: &TransitionTaken, event: &Event) {
    ticket.steps.push(StepTaken {
        transition: taken.transition.clone(),
        from: taken.from.clone(),
        to: taken.to.clone(),
        by: event.actor.clone(),
        at: event.at,
        occurred_at: taken.occurred_at,
        phase: taken.phase,
        skipped: taken.skipped.clone(),
        seq: event.seq,
    });
    ticket.status.clone_from(&taken.to);
    ticket.ended_at = taken.ended.then_some(event.at);
    ticket.ended = taken.ended;
    for owed in &taken.owed {
        ticket.owed.retain(|o| !(o.what == owed.what && o.of == owed.of && o.by == owed.by));
        ticket.owed.push(owed.clone());
    }
    set_fields(ticket, &taken.fields, &taken.sealed_fields, event);
    add_tasks(ticket, &taken.tasks);
    remember_author(ticket, taken.authored, event);
    for (field, level) in &taken.levels {
        ticket.levels.entry(field.clone()).or_default().insert(level.clone());
    }
    // Approvals are for one taking: after a reopening they must be asked for again.
    let given = ticket.approvals.remove(&taken.transition).unwrap_or_default();
    if let Some(approved) = &taken.approved {
        let given: Vec<ApprovalGiven> = given.into_iter().filter(|a| a.approved && a.digest == approved.digest).collect();
        let needed = given.len();
        let granted = Granted { at: event.at, digest: approved.digest.clone(), fields: approved.fields.clone(), given, needed };
        ticket.granted.insert(taken.transition.clone(), granted);
    }
    if ticket.escalation.as_ref().is_some_and(|e| e.status != taken.to) {
        ticket.escalation = None;
    }
}

fn attach(ticket: &mut Ticket, file: &EvidenceAttached, event: &Event) {
    ticket.files.push(File {
        file: file.file,
        seq: event.seq,
        size: file.size,
        media_type: file.media_type.clone(),
        phase: file.phase.clone(),
        at: event.at,
        by: event.actor.clone(),
    });
    if let Some(phase) = &file.phase {
        let filed = i64::try_from(ticket.evidence_of(phase)).unwrap_or(i64::MAX);
        ticket.owed.retain(|o| !(o.what == "evidence" && o.of == *phase && o.count <= filed));
    }
}

fn settle(ticket: &mut Ticket, number: i64, waived: bool, event: &Event) {
    if let Some(task) = ticket.tasks.iter_mut().find(|t| t.task == number) {
        task.settled_by = Some(event.actor.person().unwrap_or("scheduler").to_owned());
        task.waived = waived;
    }
}

fn links(ticket: &mut Ticket, fact: &Fact, event: &Event) {
    match fact {
        Fact::Linked { link, to, made } => {
            // The revision that it came with: never used twice, even when the latest link is taken back.
            let id = ticket.rev + 1;
            let reason_only = to.is_none() && !event.sealed.contains_key("target");
            ticket.links.push(Link { id, link: link.clone(), to: to.clone(), reason_only, seq: event.seq, made: *made });
        }
        Fact::Unlinked { link } => ticket.links.retain(|l| l.id != *link),
        _ => {}
    }
}

/// A note was changed in chat at this moment, or earlier than another change of it that is known.
fn revised(ticket: &mut Ticket, note: i64, at: crate::env::Timestamp) {
    let last = ticket.revised.entry(note).or_insert(at);
    *last = (*last).max(at);
}

fn escalation(ticket: &mut Ticket, fact: &Fact, event: &Event) {
    match fact {
        Fact::Escalated { clock, to_tier, to, next, person, morning, .. } => {
            if let (Some(person), Some(morning)) = (person, morning) {
                ticket.woken.insert(person.clone(), *morning);
            }
            ticket.escalation = Some(EscalationState {
                tier: *to_tier,
                to: to.clone(),
                person: person.clone(),
                clock: clock.clone(),
                at: event.at,
                status: ticket.status.clone(),
                acknowledged_by: None,
                next: *next,
            });
        }
        Fact::EscalationAcknowledged { morning, next, .. } => {
            if let (Some(person), Some(morning)) = (event.actor.person(), morning) {
                ticket.woken.insert(person.to_owned(), *morning);
            }
            if let Some(under_way) = &mut ticket.escalation {
                under_way.acknowledged_by = event.actor.person().map(str::to_owned);
                under_way.next = *next;
            }
        }
        _ => {}
    }
}

fn notification(ticket: &mut Ticket, fact: &Fact, event: &Event) {
    match fact {
        Fact::GroupNotified { group, due } => {
            ticket
                .notified
                .insert(group.clone(), NotifiedState { due: *due, acknowledged_by: None, overdue: false, reached: BTreeMap::new() });
        }
        Fact::GroupReached { group, people, .. } => {
            if let Some(notified) = ticket.notified.get_mut(group) {
                for person in people {
                    notified.reached.entry(person.clone()).or_insert(event.at);
                }
            }
        }
        Fact::NotificationAcknowledged { group } => {
            if let Some(notified) = ticket.notified.get_mut(group) {
                notified.acknowledged_by = event.actor.person().map(str::to_owned);
            }
        }
        Fact::NotificationOverdue { group, .. } => {
            if let Some(notified) = ticket.notified.get_mut(group) {
                notified.overdue = true;
            }
        }
        _ => {}
    }
}

fn remind_owed(ticket: &mut Ticket, owed: &[OwedItem]) {
    for asked in owed {
        for item in &mut ticket.owed {
            if item.what == asked.what && item.of == asked.of && item.by == asked.by {
                item.due = asked.due;
                item.who.clone_from(&asked.who);
            }
        }
    }
}

fn approval(ticket: &mut Ticket, fact: &Fact, event: &Event) {
    let super::event::Actor::Person { id, roles } = &event.actor else { return };
    match fact {
        Fact::ApprovalDecided { transition, stage, approved, digest, instead_of, self_approved } => {
            let standing = ticket.approvals.entry(transition.clone()).or_default();
            standing.retain(|a| a.person != *id);
            standing.push(ApprovalGiven {
                person: id.clone(),
                roles: roles.clone(),
                stage: *stage,
                approved: *approved,
                digest: digest.clone(),
                at: event.at,
                seq: event.seq,
                instead_of: instead_of.clone(),
                self_approved: *self_approved,
            });
        }
        Fact::ApprovalWithdrawn { transition } => {
            if let Some(granted) = ticket.granted.get_mut(transition) {
                granted.given.retain(|a| a.person != *id);
            }
            if let Some(standing) = ticket.approvals.get_mut(transition) {
                standing.retain(|a| a.person != *id);
            }
        }
        _ => {}
    }
}

fn spoken(ticket: &mut Ticket, fact: &Fact, event: &Event) {
    match fact {
        Fact::ApprovalSpoken { transition, giver, digest } => {
            let (transition, giver, digest) = (transition.clone(), giver.clone(), digest.clone());
            ticket.spoken = Some(Spoken { transition, giver, digest, at: event.at, confirmed: None });
        }
        Fact::SpokenApprovalAnswered { confirmed, digest, .. } => {
            if let Some(spoken) = &mut ticket.spoken {
                spoken.digest.clone_from(digest);
                spoken.confirmed = Some(*confirmed);
                // Where nobody had answered, whoever did is the giver from now on.
                spoken.giver = event.actor.person().map(str::to_owned);
            }
        }
        _ => {}
    }
}

fn alert(ticket: &mut Ticket, fact: &Fact) {
    let counts = &mut ticket.alerts;
    match fact {
        Fact::AlertAttached(AlertSeen { status, .. }) => {
            counts.attached += 1;
            counts.firing += i64::from(*status != AlertStatus::Resolved);
        }
        Fact::AlertChanged(AlertSeen { status, was, .. }) => {
            let before = was.is_some_and(|w| w != AlertStatus::Resolved);
            let after = *status != AlertStatus::Resolved;
            counts.firing = (counts.firing + i64::from(after) - i64::from(before)).max(0);
        }
        Fact::AlertRepeated { count, .. } => counts.repeats = counts.repeats.saturating_add(*count),
        _ => {}
    }
}

fn deployed(ticket: &mut Ticket, seen: &DeploymentSeen, event: &Event) {
    let first = ticket.deployments.iter().find(|d| d.deployment == seen.deployment).map_or(event.at, |d| d.first);
    ticket.deployments.retain(|d| d.deployment != seen.deployment);
    ticket.deployments.push(DeploymentHeld {
        deployment: seen.deployment.clone(),
        source: seen.source.clone(),
        state: seen.state,
        cover: seen.cover.clone(),
        lacks: seen.lacks.clone(),
        drives: seen.drives,
        proof: seen.proof.clone(),
        first,
        at: event.at,
        seq: event.seq,
    });
}

fn clock(ticket: &mut Ticket, fact: &Fact, event: &Event) {
    if let Fact::ClockStarted { clock, due, reminders } = fact {
        let fresh = ClockState { started: event.at, due: *due, reminders: reminders.clone(), stopped: None, breached: false, paused: None };
        ticket.clocks.insert(clock.clone(), fresh);
        return;
    }
    let (Fact::ClockRetargeted { clock, .. }
    | Fact::ClockPaused { clock }
    | Fact::ClockResumed { clock, .. }
    | Fact::ClockStopped { clock, .. }
    | Fact::ClockWarned { clock, .. }
    | Fact::ClockBreached { clock, .. }) = fact
    else {
        return;
    };
    let Some(state) = ticket.clocks.get_mut(clock) else { return };
    match fact {
        Fact::ClockRetargeted { due, reminders, .. } => {
            // A target that was missed stays missed unless the new one is still ahead.
            state.breached = state.breached && *due <= event.at;
            retarget(state, *due, reminders);
        }
        Fact::ClockResumed { due, reminders, .. } => {
            state.paused = None;
            retarget(state, *due, reminders);
        }
        Fact::ClockPaused { .. } => state.paused = Some(event.at),
        Fact::ClockStopped { .. } => state.stopped = Some(event.at),
        Fact::ClockWarned { percent, .. } => state.reminders.retain(|r| r.percent > *percent),
        Fact::ClockBreached { .. } => {
            state.breached = true;
            state.reminders.clear();
        }
        _ => {}
    }
}

fn retarget(state: &mut ClockState, due: crate::env::Timestamp, reminders: &[Reminder]) {
    state.due = due;
    state.reminders = reminders.to_vec();
}
