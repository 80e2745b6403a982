//! Clocks, escalations, debts and notified groups, on a clock that moves when told.

use serde_json::json;

use super::shipped::shipped;
use crate::ticket::alert::AlertStatus;
use crate::ticket::bench::{Bench, HOUR, MINUTE, person, text};
use crate::ticket::command::{Command, FieldInput};
use crate::ticket::deadlines::deadlines;
use crate::ticket::event::{Actor, Fact};

fn told(b: &Bench) -> Vec<String> {
    b.log
        .iter()
        .filter_map(|e| {
            let minutes = e.at.since(b.log[0].at).as_secs() / 60;
            match &e.fact {
                Fact::ClockWarned { clock, percent, .. } => Some(format!("{minutes} {clock} {percent} %")),
                Fact::ClockBreached { clock, .. } => Some(format!("{minutes} {clock} missed")),
                Fact::Escalated { from_tier, to_tier, to, .. } => Some(format!("{minutes} {from_tier} → {to_tier} {to}")),
                _ => None,
            }
        })
        .collect()
}

// proves: SLA-04, INC-07
#[test]
fn an_unanswered_sev1_reminds_is_missed_and_escalates_tier_by_tier_each_once() {
    let mut b = Bench::new();
    b.alert("aa", AlertStatus::Firing, Some("g"));
    b.advance(61 * MINUTE);
    insta::assert_snapshot!(told(&b).join("\n"), @r"
    7 acknowledge 50 %
    11 acknowledge 75 %
    15 acknowledge missed
    15 0 → 1 responder
    30 1 → 2 incident-manager
    ");
    b.assert_replay_equals_state();
}

#[test]
fn somebody_who_says_that_they_have_seen_it_ends_the_escalation() {
    let mut b = Bench::new();
    let n = b.alert("aa", AlertStatus::Firing, Some("g")).tickets[0].clone();
    let seen = Command::AcknowledgeEscalation { ticket: n.clone() };
    assert_eq!(b.ask(&person("p_ana"), &seen).unwrap_err().code(), "NoEscalation");
    b.advance(16 * MINUTE);
    b.ask(&person("p_ana"), &seen).unwrap();
    assert_eq!(b.ask(&person("p_ana"), &seen).unwrap_err().code(), "NoEscalation");
    b.advance(HOUR);
    assert_eq!(b.facts("Escalated").len(), 1);
}

#[test]
fn taking_it_stops_the_clock_and_the_escalation() {
    let mut b = Bench::new();
    let n = b.alert("aa", AlertStatus::Firing, Some("g")).tickets[0].clone();
    b.advance(16 * MINUTE);
    b.take("p_ana", &n, "acknowledge").unwrap();
    let Fact::ClockStopped { elapsed_seconds, late, .. } = &b.facts("ClockStopped")[0].fact else { panic!() };
    assert_eq!((*elapsed_seconds, *late), (16 * 60, true));
    assert!(b.ticket(&n).escalation.is_none());
    b.advance(30 * MINUTE);
    assert_eq!(b.facts("Escalated").len(), 1);
    assert_eq!(b.facts("ClockBreached").len(), 1);
}

#[test]
fn a_miss_that_nobody_looked_at_is_recorded_when_the_clock_stops() {
    let mut b = Bench::new();
    let n = b.alert("aa", AlertStatus::Firing, Some("g")).tickets[0].clone();
    b.wait(20 * MINUTE);
    b.take("p_ana", &n, "acknowledge").unwrap();
    let Fact::ClockBreached { due, .. } = &b.facts("ClockBreached")[0].fact else { panic!() };
    assert_eq!(*due, b.log[0].at.plus(15 * MINUTE));
    b.advance(HOUR);
    assert_eq!(b.facts("ClockBreached").len(), 1, "counted once");
}

#[test]
fn what_came_due_while_nobody_looked_is_recorded_with_both_times() {
    let mut b = Bench::new();
    let n = b.alert("aa", AlertStatus::Firing, Some("g")).tickets[0].clone();
    let came_due = b.now.plus(7 * MINUTE + MINUTE / 2);
    b.wait(HOUR);
    let fire = |id: &str| Command::Fire { ticket: n.clone(), deadline: id.into(), came_due };
    b.ask(&Actor::Scheduler, &fire("clock:acknowledge:50")).unwrap();
    let event = b.facts("ClockWarned")[0];
    let Fact::ClockWarned { came_due: recorded, .. } = event.fact else { panic!() };
    assert_eq!((recorded, event.at), (came_due, b.now));
    // Once more, or for something that never was: nothing happens.
    for id in ["clock:acknowledge:50", "clock:nothing:due", "escalation:9", "notified:x", "owed", "", ":::"] {
        assert!(b.ask(&Actor::Scheduler, &fire(id)).unwrap().events.is_empty(), "{id}");
    }
    assert_eq!(b.ask(&person("p_ana"), &fire("clock:acknowledge:due")).unwrap_err().code(), "NotForYou");
}

#[test]
fn a_deadline_that_is_not_due_yet_does_not_fire() {
    let mut b = Bench::new();
    let n = b.alert("aa", AlertStatus::Firing, Some("g")).tickets[0].clone();
    let fire = Command::Fire { ticket: n, deadline: "clock:acknowledge:due".into(), came_due: b.now };
    assert!(b.ask(&Actor::Scheduler, &fire).unwrap().events.is_empty());
}

#[test]
fn another_severity_needs_a_reason_and_moves_the_targets_from_their_original_start() {
    let mut b = Bench::new();
    let n = b.alert("aa", AlertStatus::Firing, Some("g")).tickets[0].clone();
    let start = b.now;
    b.wait(5 * MINUTE);
    assert_eq!(b.set("p_ana", &n, "severity", json!("sev3")).unwrap_err().code(), "ReasonMissing");
    let to = |severity: &str| Command::SetFields {
        ticket: n.clone(),
        fields: [("severity".to_owned(), FieldInput::Plain(json!(severity)))].into(),
        reason: Some(text("no customer notices")),
    };
    b.ask(&person("p_ana"), &to("sev3")).unwrap();
    assert!(b.facts("FieldsSet")[0].sealed.contains_key("reason"));
    let ticket = b.ticket(&n);
    assert!(ticket.clocks["acknowledge"].due > start.plus(15 * MINUTE));
    assert!(ticket.clocks["contain"].stopped.is_some(), "a sev3 has no target to contain");
    b.ask(&person("p_ana"), &to("sev1")).unwrap();
    assert_eq!(b.ticket(&n).clocks["acknowledge"].due, start.plus(15 * MINUTE));
    b.assert_replay_equals_state();
}

#[test]
fn a_clock_that_does_not_count_in_a_status_pauses_and_goes_on_with_what_was_left() {
    let mut b = Bench::changed(|kind| kind.clocks["contain"].pauses = ["acknowledged".to_owned()].into());
    let n = b.alert("aa", AlertStatus::Firing, Some("g")).tickets[0].clone();
    let due = b.ticket(&n).clocks["contain"].due;
    b.wait(10 * MINUTE);
    b.take("p_ana", &n, "acknowledge").unwrap();
    assert_eq!(b.facts("ClockPaused").len(), 1);
    b.advance(6 * HOUR);
    assert!(!b.ticket(&n).clocks["contain"].breached, "it does not count here");
    b.step("p_ana", &n, crate::ticket::command::Step { transition: "recover".into(), ..Default::default() }).unwrap();
    assert!(b.ticket(&n).clocks["contain"].stopped.is_some());
    let m = b.alert("zz", AlertStatus::Firing, Some("h")).tickets[0].clone();
    b.wait(10 * MINUTE);
    b.take("p_ana", &m, "acknowledge").unwrap();
    b.wait(HOUR);
    let other = b.open("p_bo", "sev3");
    let merge = crate::ticket::command::Step { transition: "merge".into(), other: Some(other), ..Default::default() };
    b.step("p_ana", &m, merge).unwrap();
    let paused = &b.ticket(&m).clocks["contain"];
    assert!(paused.paused.is_none() && paused.due > due, "the target moved by the hour that did not count");
}

// proves: SLA-09
#[test]
fn what_counted_and_what_did_not_add_up_to_what_passed_and_each_pause_has_its_step_and_reason() {
    let mut b = Bench::changed(|kind| {
        let clock = &mut kind.clocks["acknowledge"];
        clock.stops = vec!["eradicate".to_owned()];
        clock.pauses = ["acknowledged".to_owned()].into();
    });
    let n = b.open("p_ana", "sev3");
    let due = b.ticket(&n).clocks["acknowledge"].due;
    b.wait(HOUR);
    b.take("p_ana", &n, "acknowledge").unwrap();
    b.wait(5 * HOUR);
    b.take("p_ana", &n, "contain").unwrap();
    // It counts working hours in Berlin: of the five, from five to ten in the morning, one.
    assert_eq!(b.ticket(&n).clocks["acknowledge"].due, due.plus(HOUR));
    b.wait(2 * HOUR);
    b.take("p_ana", &n, "eradicate").unwrap();
    let of = |kind: &str| {
        let clock = |e: &&&crate::ticket::event::Event| serde_json::to_value(&e.fact).unwrap()["data"]["clock"] == "acknowledge";
        b.facts(kind).iter().find(clock).map(|e| (e.at, e.cause)).unwrap()
    };
    let ((started, _), (paused, _), (resumed, _), (stopped, _)) =
        (of("ClockStarted"), of("ClockPaused"), of("ClockResumed"), of("ClockStopped"));
    let (active, still) = (paused.since(started) + stopped.since(resumed), resumed.since(paused));
    assert_eq!((active, still), (3 * HOUR, 5 * HOUR));
    assert_eq!(active + still, stopped.since(started));
    // The pause is an event of the step that led there: who took it, and why, stands beside it.
    let step = b.facts("TransitionTaken")[0].seq;
    assert!(b.facts("ClockPaused").iter().all(|e| e.seq > step && e.at == b.facts("TransitionTaken")[0].at));
}

#[test]
fn what_is_owed_is_asked_for_every_working_day_until_it_is_there() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    b.take("p_ana", &n, "acknowledge").unwrap();
    b.take("p_ana", &n, "contain").unwrap();
    // 2026-03-02 is a Monday; 04:00 in Berlin. The next working day's morning is Tuesday, 09:00 there.
    assert_eq!(b.ticket(&n).owed[0].due.to_string(), "2026-03-03T08:00:00.000000Z");
    b.advance(30 * HOUR);
    assert_eq!(b.facts("OwedReminded").len(), 1);
    assert_eq!(b.ticket(&n).owed[0].due.to_string(), "2026-03-04T08:00:00.000000Z");
    b.file("p_ana", &n, "contain").unwrap();
    assert!(!deadlines(b.ticket(&n)).iter().any(|d| d.id == "owed"));
}

// proves: SLA-08
#[test]
fn a_target_in_working_hours_waits_for_the_morning() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    // Opened at 04:00 in Berlin on a Monday: four working hours end at 13:00 there.
    assert_eq!(b.ticket(&n).clocks["acknowledge"].due.to_string(), "2026-03-02T12:00:00.000000Z");
}

#[test]
fn a_group_is_told_once_and_must_say_that_it_read_this() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    b.set("p_ana", &n, "data_involved", json!(["cui"])).unwrap();
    b.set("p_ana", &n, "hosts", json!(3)).unwrap();
    assert_eq!(b.facts("GroupNotified").len(), 1);
    let read = Command::AcknowledgeNotification { ticket: n.clone(), group: "legal".into() };
    assert_eq!(b.ask(&person("p_ana"), &read).unwrap_err().code(), "NotAllowed");
    b.advance(3 * HOUR);
    assert_eq!(b.facts("NotificationOverdue").len(), 1);
    b.ask(&person("p_bo"), &read).expect("named by address");
    assert_eq!(b.ask(&person("p_lea"), &read).unwrap_err().code(), "NothingToDo");
    let other = Command::AcknowledgeNotification { ticket: n.clone(), group: "press".into() };
    assert_eq!(b.ask(&person("p_lea"), &other).unwrap_err().code(), "NoSuchGroup");
}

#[test]
fn a_person_can_call_the_next_one_with_a_reason() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    let call = |to: Option<&str>, reason: &str| Command::Escalate { ticket: n.clone(), to: to.map(str::to_owned), reason: text(reason) };
    assert_eq!(b.ask(&person("p_ana"), &call(None, "")).unwrap_err().code(), "ReasonMissing");
    assert_eq!(b.ask(&person("p_ana"), &call(Some("nobody"), "help")).unwrap_err().code(), "NoSuchPerson");
    b.ask(&person("p_ana"), &call(None, "help")).unwrap();
    b.ask(&person("p_ana"), &call(Some("legal"), "data leaves")).unwrap();
    let tiers: Vec<(i64, i64, String)> = b
        .facts("Escalated")
        .iter()
        .map(|e| match &e.fact {
            Fact::Escalated { from_tier, to_tier, to, .. } => (*from_tier, *to_tier, to.clone()),
            _ => unreachable!(),
        })
        .collect();
    assert_eq!(tiers, [(0, 1, "responder".into()), (1, 2, "legal".into())]);
}

// proves: INC-04
#[test]
fn impact_and_urgency_propose_the_severity_and_choosing_another_needs_a_reason() {
    let mut b = shipped();
    let n = b.open("p_ana", "sev3");
    b.set("p_ana", &n, "impact", json!("high")).unwrap();
    assert_eq!(b.ticket(&n).severity(), "sev3", "one of the two proposes nothing");
    b.set("p_ana", &n, "urgency", json!("high")).unwrap();
    assert_eq!(b.ticket(&n).severity(), "sev1");
    assert_eq!(b.set("p_ana", &n, "severity", json!("sev2")).unwrap_err().code(), "ReasonMissing");
    let with_reason = Command::SetFields {
        ticket: n.clone(),
        fields: [("severity".to_owned(), FieldInput::Plain(json!("sev2")))].into(),
        reason: Some(text("a workaround exists")),
    };
    b.ask(&person("p_ana"), &with_reason).unwrap();
    assert!(b.log.iter().rev().find(|e| matches!(e.fact, Fact::FieldsSet { .. })).unwrap().sealed.contains_key("reason"));
    b.set("p_ana", &n, "severity", json!("sev1")).expect("what the matrix proposes needs none");
    let cells = b.library.kinds["incident"].matrix.as_ref().unwrap().cells.clone();
    for (impact, row) in &cells {
        for (urgency, severity) in row {
            let mut b = shipped();
            let n = b.open("p_ana", "sev3");
            b.set("p_ana", &n, "impact", json!(impact)).unwrap();
            b.set("p_ana", &n, "urgency", json!(urgency)).unwrap();
            assert_eq!(b.ticket(&n).severity(), severity, "{impact} impact, {urgency} urgency");
        }
    }
}
