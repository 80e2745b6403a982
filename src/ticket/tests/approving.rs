//! Approvals: what was shown, by whom, and never by the one who asked.

use serde_json::json;

use crate::ticket::approval::{digest, statement};
use crate::ticket::bench::{Bench, person, text};
use crate::ticket::command::{Command, FieldInput, Open};
use crate::ticket::event::Via;
use crate::ticket::missing::Missing;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

fn change(b: &mut Bench, by: &str) -> Number {
    let fields = [("title".to_owned(), FieldInput::Sealed(text("new disk"))), ("risk".to_owned(), FieldInput::Plain(json!("low")))];
    let open = Open {
        kind: "change".into(),
        fields: fields.into(),
        response: None,
        occurred_at: None,
        intake: "console".into(),
        received_at: b.now,
    };
    b.ask(&person(by), &Command::Open(open)).unwrap().tickets[0].clone()
}

fn shown(b: &Bench, n: &Number) -> String {
    digest(b.ticket(n), &b.library.kinds["change"].transitions["start"]).unwrap()
}

fn say(b: &mut Bench, who: &str, n: &Number, approve: bool) -> Result<(), Refusal> {
    let digest = shown(b, n);
    let command = Command::Decide { ticket: n.clone(), transition: "start".into(), approve, digest, reason: text("looks right") };
    b.ask(&person(who), &command).map(drop)
}

// proves: APR-01
#[test]
fn two_stages_and_a_quorum_stand_before_the_change_starts() {
    let mut b = Bench::new();
    let n = change(&mut b, "p_ana");
    let refusal = b.take("p_ana", &n, "start").unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("ApprovalMissing", true));
    insta::assert_snapshot!(refusal.sentence(), @"CHG-000001 can start once one thing is there: two approvals by incident-manager.");
    assert_eq!(say(&mut b, "p_lea", &n, true).unwrap_err().code(), "NotAllowed", "the second stage waits for the first");
    say(&mut b, "p_mia", &n, true).unwrap();
    assert_eq!(say(&mut b, "p_mia", &n, true).unwrap_err().code(), "AlreadyDecided");
    say(&mut b, "p_max", &n, true).unwrap();
    assert_eq!(b.take("p_ana", &n, "start").unwrap_err().code(), "ApprovalMissing");
    say(&mut b, "p_lea", &n, true).unwrap();
    b.take("p_ana", &n, "start").unwrap();
    assert_eq!(b.ticket(&n).status, "implementing");
    assert!(b.ticket(&n).approvals.is_empty(), "an approval is for one taking");
}

// proves: APR-02
#[test]
fn a_requester_cannot_approve_and_the_attempt_is_on_record() {
    let mut b = Bench::new();
    let n = change(&mut b, "p_mia");
    let refusal = say(&mut b, "p_mia", &n, true).unwrap_err();
    assert_eq!(refusal.code(), "OwnRequest");
    assert_eq!(refusal.sentence(), "You asked for CHG-000001, so somebody else must approve it. It waits for Max.");
    assert_eq!(b.facts("Refused").len(), 1);
    assert!(b.ticket(&n).approvals.is_empty());
    // By another route it is the same person.
    b.via = Via { surface: "slack".into(), auth: "hmac".into(), credential: None };
    assert_eq!(say(&mut b, "p_mia", &n, true).unwrap_err().code(), "OwnRequest");
}

// proves: APR-10
#[test]
fn an_api_key_cannot_approve() {
    let mut b = Bench::new();
    let n = change(&mut b, "p_ana");
    b.via = Via { surface: "api".into(), auth: "key".into(), credential: Some("k_1".into()) };
    let refusal = say(&mut b, "p_mia", &n, true).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("NotByKey", true));
}

// proves: APR-12, REC-18
#[test]
fn changing_an_approved_field_makes_the_approval_stale_and_another_field_does_not() {
    let mut b = Bench::new();
    let n = change(&mut b, "p_ana");
    let before = shown(&b, &n);
    for who in ["p_mia", "p_max", "p_lea"] {
        say(&mut b, who, &n, true).unwrap();
    }
    let comment = [("comment".to_owned(), FieldInput::Sealed(text("a word")))];
    b.ask(&person("p_ana"), &Command::SetFields { ticket: n.clone(), fields: comment.into(), reason: None }).unwrap();
    assert_eq!(shown(&b, &n), before);
    b.set("p_ana", &n, "risk", json!("high")).unwrap();
    assert_eq!(b.take("p_ana", &n, "start").unwrap_err().code(), "ApprovalMissing");
    let old = Command::Decide { ticket: n.clone(), transition: "start".into(), approve: true, digest: before, reason: text("yes") };
    assert_eq!(b.ask(&person("p_mia"), &old).unwrap_err().code(), "Stale");
    say(&mut b, "p_mia", &n, true).expect("deciding again on what stands there now");
    let shown = statement(b.ticket(&n), &b.library.kinds["change"].transitions["start"]).unwrap();
    assert_eq!(shown["fields"]["risk"]["value"], "high");
    assert!(shown["fields"]["title"]["commitment"].is_string(), "sealed values as their commitments");
}

// proves: APR-13
#[test]
fn a_rejection_needs_a_reason_stands_and_can_be_taken_back() {
    let mut b = Bench::new();
    let n = change(&mut b, "p_ana");
    let digest = shown(&b, &n);
    let silent = Command::Decide { ticket: n.clone(), transition: "start".into(), approve: false, digest, reason: text("") };
    assert_eq!(b.ask(&person("p_mia"), &silent).unwrap_err().code(), "ReasonMissing");
    say(&mut b, "p_mia", &n, false).unwrap();
    let Refusal::Missing { missing, .. } = b.take("p_ana", &n, "start").unwrap_err() else { panic!() };
    assert_eq!(missing, [Missing::Rejected { person: "p_mia".into() }]);
    let back = Command::WithdrawDecision { ticket: n.clone(), transition: "start".into(), reason: text("misread") };
    assert_eq!(b.ask(&person("p_max"), &back).unwrap_err().code(), "NoDecision");
    b.ask(&person("p_mia"), &back).unwrap();
    assert_eq!(b.take("p_ana", &n, "start").unwrap_err().code(), "ApprovalMissing");
}

// proves: ATT-03
#[test]
fn a_leavers_pending_approval_no_longer_counts() {
    let mut b = Bench::new();
    let n = change(&mut b, "p_ana");
    for who in ["p_mia", "p_max", "p_lea"] {
        say(&mut b, who, &n, true).unwrap();
    }
    b.disabled.push("p_max".into());
    assert_eq!(b.take("p_ana", &n, "start").unwrap_err().code(), "ApprovalMissing");
}

#[test]
fn a_passkey_step_is_not_taken_without_one() {
    let mut b = Bench::changed(|kind| kind.transitions["acknowledge"].fresh_auth = true);
    let n = b.open("p_ana", "sev3");
    let refusal = b.take("p_ana", &n, "acknowledge").unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("PasskeyNeeded", true));
    b.via.auth = "passkey".into();
    b.take("p_ana", &n, "acknowledge").unwrap();
}

#[test]
fn an_approval_of_a_passkey_step_is_not_given_without_one() {
    let mut b = Bench::changed_in("change", |kind| kind.transitions["start"].fresh_auth = true);
    let n = change(&mut b, "p_ana");
    let refusal = say(&mut b, "p_mia", &n, true).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("PasskeyNeeded", true));
    b.via.auth = "passkey".into();
    say(&mut b, "p_mia", &n, true).unwrap();
}

#[test]
fn what_needs_no_approval_cannot_be_approved_and_an_automatic_step_takes_itself() {
    let mut b = Bench::new();
    let n = b.open("p_ana", "sev3");
    let decide = Command::Decide { ticket: n, transition: "acknowledge".into(), approve: true, digest: String::new(), reason: text("x") };
    assert_eq!(b.ask(&person("p_mia"), &decide).unwrap_err().code(), "NoApprovalNeeded");
    let n = change(&mut b, "p_ana");
    for who in ["p_mia", "p_max", "p_lea"] {
        say(&mut b, who, &n, true).unwrap();
    }
    b.take("p_ana", &n, "start").unwrap();
    b.note("p_ana", &n).unwrap();
    let ticket = b.ticket(&n);
    assert_eq!(ticket.status, "done");
    assert_eq!(ticket.steps.last().unwrap().by, crate::ticket::event::Actor::Scheduler);
}

#[test]
fn who_may_is_asked_before_anything_is_told() {
    let mut b = Bench::new();
    let n = change(&mut b, "p_ana");
    for who in ["p_mia", "p_max"] {
        say(&mut b, who, &n, true).unwrap();
    }
    let digest = shown(&b, &n);
    b.set("p_ana", &n, "risk", json!("high")).unwrap();
    let decide = |transition: &str, digest: &str| Command::Decide {
        ticket: n.clone(),
        transition: transition.into(),
        approve: true,
        digest: digest.into(),
        reason: text(""),
    };
    // Neither that it is stale, nor where it stands, nor that a passkey or a reason is missing.
    let refusal = b.ask(&person("p_bo"), &decide("start", &digest)).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("NotAllowed", true));
    assert_eq!(b.ask(&person("p_mia"), &decide("start", &digest)).unwrap_err().code(), "Stale", "who may is told");
    b.via = Via { surface: "api".into(), auth: "key".into(), credential: Some("k_1".into()) };
    assert_eq!(b.ask(&person("p_bo"), &decide("start", &digest)).unwrap_err().code(), "NotAllowed", "nor that it was a key");
    assert_eq!(b.ask(&person("p_nil"), &decide("finish", &digest)).unwrap_err().code(), "NotAllowed", "nor that nobody need approve");
}
