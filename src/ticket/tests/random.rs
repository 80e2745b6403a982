//! Random people press everything in any order.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::ticket::alert::AlertStatus;
use crate::ticket::bench::{Bench, MINUTE, number, person, text};
use crate::ticket::command::{Command, FieldInput, Step};
use crate::ticket::decide::{KindLookup, PeopleView};
use crate::ticket::event::{Actor, Fact};
use crate::ticket::missing::missing;
use crate::ticket::number::Number;

#[derive(Clone, Debug)]
enum Act {
    Open(&'static str),
    Alert(u8, AlertStatus, u8),
    Step(&'static str, u64, &'static str, u64),
    Set(&'static str, u64, &'static str, bool),
    Note(u64),
    File(u64, &'static str),
    Waive(u64, &'static str),
    Task(u64, i64),
    Link(u64),
    Wait(u64),
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    let who = || prop::sample::select(vec!["p_ana", "p_bo", "p_mia", "p_vic"]);
    let ticket = || 1u64..4;
    let phase = || prop::sample::select(vec!["contain", "eradicate", "recover"]);
    let steps =
        vec!["acknowledge", "contain", "eradicate", "recover", "close", "close", "false_positive", "merge", "unmerge", "reopen", "void"];
    let status = prop::sample::select(vec![AlertStatus::Firing, AlertStatus::Acknowledged, AlertStatus::Resolved]);
    prop_oneof![
        1 => prop::sample::select(vec!["sev1", "sev3"]).prop_map(Act::Open),
        1 => (0u8..4, status, 0u8..2).prop_map(|(f, s, g)| Act::Alert(f, s, g)),
        4 => (who(), ticket(), prop::sample::select(steps), ticket()).prop_map(|(w, t, s, o)| Act::Step(w, t, s, o)),
        3 => (who(), ticket(), prop::sample::select(vec!["root_cause", "data_involved", "data_unknown", "severity"]), any::<bool>())
            .prop_map(|(w, t, f, c)| Act::Set(w, t, f, c)),
        2 => ticket().prop_map(Act::Note),
        2 => (ticket(), phase()).prop_map(|(t, p)| Act::File(t, p)),
        1 => (ticket(), phase()).prop_map(|(t, p)| Act::Waive(t, p)),
        1 => (ticket(), 1i64..3).prop_map(|(t, n)| Act::Task(t, n)),
        2 => ticket().prop_map(Act::Link),
        1 => (1u64..200).prop_map(Act::Wait),
        1 => Just(Act::Tick),
    ]
}

/// Acts around the closing of one ticket.
fn last_act() -> impl Strategy<Value = Act> {
    let who = || prop::sample::select(vec!["p_ana", "p_bo", "p_mia"]);
    let again = prop::sample::select(vec!["contain", "eradicate", "recover", "reopen"]);
    let field = prop::sample::select(vec!["root_cause", "data_involved", "data_involved", "data_unknown", "severity"]);
    prop_oneof![
        3 => who().prop_map(|w| Act::Step(w, 1, "close", 2)),
        2 => (who(), again).prop_map(|(w, s)| Act::Step(w, 1, s, 2)),
        4 => (who(), field, prop::bool::weighted(0.2)).prop_map(|(w, f, c)| Act::Set(w, 1, f, c)),
        1 => act(),
    ]
}

fn perform(b: &mut Bench, act: &Act) {
    // Refusals are part of the game; what they may not do is checked by the bench and below.
    let _ = match act.clone() {
        Act::Open(severity) => return drop(b.open("p_ana", severity)),
        Act::Alert(fingerprint, status, group) => return drop(b.alert(&format!("{fingerprint:016x}"), status, Some(&format!("g{group}")))),
        Act::Step(who, n, transition, other) => {
            let step = Step { transition: transition.into(), reason: Some(text("why")), other: Some(number(other)), ..Step::default() };
            b.step(who, &number(n), step)
        }
        Act::Set(who, n, field, clear) => {
            let value = match (clear, field) {
                (true, _) => FieldInput::Plain(json!(null)),
                (false, "root_cause") => FieldInput::Sealed(text("a full disk")),
                (false, "data_involved") => FieldInput::Plain(json!(["none"])),
                (false, "data_unknown") => FieldInput::Plain(json!(["unknown"])),
                (false, _) => FieldInput::Plain(json!("sev2")),
            };
            let field = if field == "data_unknown" { "data_involved" } else { field };
            let fields = [(field.to_owned(), value)].into();
            b.ask(&person(who), &Command::SetFields { ticket: number(n), fields, reason: Some(text("why")) })
        }
        Act::Note(n) => b.note("p_ana", &number(n)),
        Act::File(n, phase) => b.file("p_bo", &number(n), phase),
        Act::Waive(n, phase) => {
            b.ask(&person("p_mia"), &Command::WaiveEvidence { ticket: number(n), phase: phase.into(), reason: text("why") })
        }
        Act::Task(n, task) => b.ask(&person("p_ana"), &Command::SettleTask { ticket: number(n), task, waived: None }),
        Act::Link(n) => {
            let link = Command::Link { ticket: number(n), link: "caused_by".into(), to: None, target: None, reason: Some(text("unknown")) };
            b.ask(&person("p_ana"), &link)
        }
        Act::Wait(minutes) => return b.wait(MINUTE * u32::try_from(minutes).unwrap()),
        Act::Tick => {
            for (ticket, deadline, at) in b.pending() {
                if at <= b.now {
                    b.ask(&Actor::Scheduler, &Command::Fire { ticket, deadline, came_due: at }).unwrap();
                }
            }
            return;
        }
    };
}

/// Every severity that the log says a ticket, or what is merged into it at that point, ever had.
fn severities_in_the_log(b: &Bench, n: &Number, before: i64) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut merged = BTreeSet::new();
    for event in b.log.iter().filter(|e| e.ticket.as_ref() == Some(n) && e.seq < before) {
        let fields = match &event.fact {
            Fact::TicketOpened(opened) => &opened.fields,
            Fact::TransitionTaken(taken) => &taken.fields,
            Fact::FieldsSet { fields, .. } => fields,
            Fact::MergeReceived { from, .. } => {
                merged.insert(from.clone());
                continue;
            }
            Fact::MergeUndone { other } => {
                merged.remove(other);
                continue;
            }
            _ => continue,
        };
        seen.extend(fields.get("severity").and_then(|v| v.as_str()).map(str::to_owned));
    }
    // A ticket that is merged is locked, and what is merged into it later comes along no more.
    merged.iter().for_each(|other| seen.extend(severities_in_the_log(b, other, before)));
    seen
}

/// Nothing that `close` requires is missing on any ticket that was just closed by it.
fn assert_closed_means_complete(b: &Bench, before: usize) {
    for event in &b.log[before..] {
        let (Fact::TransitionTaken(taken), Some(n)) = (&event.fact, &event.ticket) else { continue };
        if taken.transition != "close" {
            continue;
        }
        let ticket = &b.tickets[n];
        let kind = b.kind(&ticket.kind_digest).unwrap();
        let response = ticket.response.as_ref().and_then(|r| b.response(&r.digest));
        let lacking = missing(ticket, kind, response, &kind.transitions["close"], b as &dyn PeopleView);
        assert!(lacking.is_empty(), "{n} closed without {lacking:?}");
        let ever = severities_in_the_log(b, n, event.seq);
        if ever.contains("sev1") || ever.contains("sev2") {
            let worked = ticket.steps.iter().any(|s| s.phase && s.by.person() == event.actor.person());
            assert!(!worked, "{n} was {ever:?} and was closed by somebody who did the work");
        }
    }
}

fn assert_sound(b: &Bench) {
    let mut counts: Vec<u64> = b.tickets.keys().map(Number::count).collect();
    counts.sort_unstable();
    assert_eq!(counts, (1..=counts.len() as u64).collect::<Vec<_>>(), "numbers have no gaps");
    for ticket in b.tickets.values() {
        let kind = b.kind(&ticket.kind_digest).unwrap();
        assert_eq!(ticket.ended, kind.ended.contains(&ticket.status));
        assert!(ticket.alerts.firing >= 0 && ticket.alerts.firing <= ticket.alerts.attached);
        // Every status was reached by steps that follow one upon the other.
        let mut status = kind.statuses[0].as_str();
        for step in &ticket.steps {
            assert_eq!(step.from, status);
            status = &step.to;
        }
        assert_eq!(status, ticket.status);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    // proves: QAH-05
    #[test]
    fn no_sequence_of_commands_closes_with_something_missing(acts in prop::collection::vec(act(), 1..80)) {
        let mut b = Bench::new();
        for act in &acts {
            let before = b.log.len();
            perform(&mut b, act);
            assert_closed_means_complete(&b, before);
        }
        assert_sound(&b);
        b.assert_replay_equals_state();
    }
}

/// From where only little is missing, so that closures really happen: the last line makes sure that they did.
#[test]
fn no_shuffle_of_the_last_steps_closes_with_something_missing() {
    let closed = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&prop::collection::vec(last_act(), 1..40), |acts| {
        let mut b = Bench::new();
        let n = b.recovered("sev1");
        b.set("p_ana", &n, "root_cause", json!("a full disk")).unwrap();
        for act in &acts {
            let before = b.log.len();
            perform(&mut b, act);
            assert_closed_means_complete(&b, before);
        }
        assert_sound(&b);
        b.assert_replay_equals_state();
        let closures = b.tickets.values().flat_map(|t| &t.steps).filter(|s| s.transition == "close").count();
        closed.set(closed.get() + closures);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    assert!(closed.get() > 5, "only {} closures were tried", closed.get());
}
