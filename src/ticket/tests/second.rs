//! Whoever did the work does not judge it, however they go about it.

use std::sync::Arc;

use serde_json::json;

use crate::ticket::alert::AlertStatus::Firing;
use crate::ticket::bench::{Bench, matched, text};
use crate::ticket::command::{Command, FieldInput, Step};
use crate::ticket::event::Fact;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

fn reasoned(transition: &str) -> Step {
    Step { transition: transition.into(), reason: Some(text("because")), ..Step::default() }
}

fn merge(into: &Number) -> Step {
    Step { transition: "merge".into(), other: Some(into.clone()), ..Step::default() }
}

fn severity(b: &mut Bench, who: &str, n: &Number, severity: &str) {
    let fields = [("severity".to_owned(), FieldInput::Plain(json!(severity)))].into();
    let change = Command::SetFields { ticket: n.clone(), fields, reason: Some(text("it is less bad than it looked")) };
    b.ask(&crate::ticket::bench::person(who), &change).expect("lowering with a reason is always possible");
}

fn refused(b: &mut Bench, who: &str, n: &Number, step: Step) {
    let refusal = b.step(who, n, step).unwrap_err();
    assert!(matches!(refusal, Refusal::SecondPersonNeeded { .. }) && refusal.recorded(), "{refusal}");
}

// proves: INC-12
#[test]
fn lowering_a_sev1_first_does_not_let_its_worker_close_it() {
    let mut b = Bench::new();
    let n = b.recovered("sev1");
    b.fill(&n);
    severity(&mut b, "p_ana", &n, "sev4");
    assert_eq!(b.ticket(&n).severity(), "sev4");
    refused(&mut b, "p_ana", &n, reasoned("close"));
    b.step("p_mia", &n, reasoned("close")).expect("somebody else may");
    b.assert_replay_equals_state();
}

#[test]
fn a_ticket_that_was_a_sev1_only_for_a_while_needs_the_second_person_too() {
    let mut b = Bench::new();
    let n = b.recovered("sev3");
    b.fill(&n);
    severity(&mut b, "p_mia", &n, "sev1");
    severity(&mut b, "p_mia", &n, "sev3");
    refused(&mut b, "p_ana", &n, reasoned("close"));
    let mut b = Bench::new();
    let n = b.recovered("sev3");
    b.fill(&n);
    severity(&mut b, "p_ana", &n, "sev4");
    b.step("p_ana", &n, reasoned("close")).expect("it was never worse than sev3");
}

#[test]
fn merging_a_sev1_into_an_own_sev4_brings_along_what_it_was_and_who_worked_on_it() {
    let mut b = Bench::new();
    let small = b.recovered("sev4");
    b.fill(&small);
    let big = b.open("p_ana", "sev1");
    b.take("p_ana", &big, "acknowledge").unwrap();
    b.step("p_ana", &big, merge(&small)).unwrap();
    let Some(Fact::MergeReceived { brought, .. }) = b.facts("MergeReceived").last().map(|e| &e.fact) else { panic!() };
    assert!(brought.severities.contains("sev1") && brought.opened_by.contains("p_ana"), "{brought:?}");
    refused(&mut b, "p_ana", &small, reasoned("close"));
    b.take("p_ana", &big, "unmerge").unwrap();
    b.step("p_ana", &small, reasoned("close")).expect("a merge that is taken back takes its severity back");
    b.assert_replay_equals_state();
}

#[test]
fn who_worked_on_a_merged_sev1_does_not_close_the_one_that_it_lives_on_in() {
    let mut b = Bench::new();
    let (big, middle) = (b.open("p_bo", "sev1"), b.open("p_bo", "sev4"));
    for step in ["acknowledge", "contain"] {
        b.take("p_ana", &big, step).unwrap();
    }
    b.step("p_ana", &big, merge(&middle)).unwrap();
    let last = b.open("p_bo", "sev4");
    b.step("p_ana", &middle, merge(&last)).unwrap();
    refused(&mut b, "p_ana", &last, reasoned("false_positive"));
    b.step("p_bo", &last, reasoned("false_positive")).expect("Bo only opened them; Ana worked");
    b.assert_replay_equals_state();
}

#[test]
fn having_somebody_else_take_only_the_last_phase_is_not_enough() {
    let mut b = Bench::new();
    let n = b.open("p_mia", "sev1");
    for (who, step) in [("p_ana", "acknowledge"), ("p_ana", "contain"), ("p_ana", "eradicate"), ("p_bo", "recover")] {
        b.take(who, &n, step).unwrap();
    }
    b.fill(&n);
    refused(&mut b, "p_ana", &n, reasoned("close"));
    b.note("p_ana", &n).unwrap();
    b.file("p_ana", &n, "contain").unwrap();
    b.file("p_ana", &n, "eradicate").unwrap();
    let why = Command::Link { ticket: n.clone(), link: "caused_by".into(), to: None, target: None, reason: Some(text("unknown")) };
    b.ask(&crate::ticket::bench::person("p_ana"), &why).unwrap();
    b.step("p_mia", &n, reasoned("close")).expect("whoever opened it by hand may, once others did the work");
}

#[test]
fn a_false_alarm_of_a_tool_can_be_called_so_by_whoever_is_awake() {
    let mut b = Bench::new();
    let mut alert = matched("00000000000000aa", Firing, Some("g"));
    let matched = alert.matched.as_mut().unwrap();
    Arc::make_mut(&mut matched.fields).insert("severity".to_owned(), FieldInput::Plain(json!("sev1")));
    let n = b.alerts_of("am", vec![alert]).unwrap().tickets[0].clone();
    assert_eq!(b.ticket(&n).severity(), "sev1");
    b.take("p_ana", &n, "acknowledge").unwrap();
    b.step("p_ana", &n, reasoned("false_positive")).expect("at three in the morning nobody else is there");
}

#[test]
fn a_sev1_that_a_person_opened_or_lowered_is_called_false_by_somebody_else() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev1");
    severity(&mut b, "p_ana", &n, "sev4");
    refused(&mut b, "p_ana", &n, reasoned("false_positive"));
    b.step("p_bo", &n, reasoned("false_positive")).unwrap();

    let n = b.open("p_bo", "sev2");
    severity(&mut b, "p_ana", &n, "sev3");
    refused(&mut b, "p_ana", &n, reasoned("false_positive"));
    refused(&mut b, "p_bo", &n, reasoned("false_positive"));

    let n = b.open("p_bo", "sev3");
    severity(&mut b, "p_ana", &n, "sev1");
    b.step("p_ana", &n, reasoned("false_positive")).expect("raising it is no way to hide it");
    let n = b.open("p_ana", "sev3");
    b.step("p_ana", &n, reasoned("false_positive")).expect("a sev3 needs nobody else");
}
