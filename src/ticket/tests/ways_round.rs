//! Ways round the rules that people found, and that lead nowhere any more.

use serde_json::{Value, json};

use super::work::*;
use crate::ticket::bench::{Bench, HOUR, person, text};
use crate::ticket::command::Command;
use crate::ticket::decide::{KindLookup, PeopleView};
use crate::ticket::duties::Around;
use crate::ticket::event::{Actor, Fact};
use crate::ticket::inbox::{Why, waiting};
use crate::ticket::number::Number;
use crate::ticket::{judge, nudge};

fn emergency(b: &mut Bench, giver: &str) -> Number {
    let n = open(b, "p_ana", "change", &json!({ "title": "Restart", "type": "emergency", "system": "prod-db" })).unwrap();
    let agreed = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": giver });
    take(b, "p_ana", &n, "start", &agreed).unwrap();
    n
}

/// What is written down afterwards.
fn written(b: &mut Bench, who: &str, n: &Number) {
    let mut said = request(b, 24);
    for name in ["title", "type", "system", "window_start", "window_end"] {
        said.as_object_mut().unwrap().remove(name);
    }
    for (name, value) in [("criticality", "low"), ("exposure", "low"), ("rollback_complexity", "low")] {
        said[name] = json!(value);
    }
    set(b, who, n, &said).unwrap();
}

fn emergency_use(b: &mut Bench) -> Number {
    let raw = json!({
        "title": "Emergency on prod-db", "type": "break-glass", "system": "prod-db", "role": "read", "requested_for": "p_bo",
        "justification": "Payments hang; a blocking query must be killed on prod-db now.",
        "expires_at": b.now.plus(HOUR * 4).to_string(),
    });
    let n = open(b, "p_bo", "access", &raw).unwrap();
    take(b, "p_bo", &n, "grant", &json!({})).unwrap();
    n
}

fn exception(b: &mut Bench, who: &str, of_type: &str) -> Number {
    let raw = json!({
        "title": "Nobody confirmed it", "type": of_type, "scope": "Only one change, on prod-db, on 2 March.",
        "justification": "Chidi was in the air and had only spoken with the team lead.",
        "compensation": "The whole team looked at the change on the next morning.", "expires_at": "2026-04-01T00:00:00Z",
    });
    open(b, who, "exception", &raw).unwrap()
}

fn access(b: &Bench, role: &str) -> Value {
    json!({
        "title": "Payroll reads prod-db", "system": "prod-db", "role": role, "requested_for": "p_ana",
        "justification": "Ana joins the payroll team on 1 December and runs the month-end reports from prod-db.",
        "expires_at": b.now.plus(day() * 20).to_string(),
    })
}

fn around<'b>(b: &'b Bench, n: &Number) -> Around<'b> {
    let kind = b.kind(&b.ticket(n).kind_digest).unwrap();
    Around { now: b.now, organisation: &b.library.organisation, people: b, kind, response: None }
}

fn inbox(b: &Bench, n: &Number, who: &str) -> Vec<Why> {
    waiting(&around(b, n), b.ticket(n), &person(who)).into_iter().map(|w| w.why).collect()
}

/// Everybody on the bench who is offered to decide on the step.
fn deciders(b: &Bench, n: &Number, step: &str) -> Vec<&'static str> {
    let all = ["p_ana", "p_bo", "p_chi", "p_cho", "p_dan", "p_exe", "p_sec", "p_mia", "p_vic", "p_all", "p_adm"];
    let kind = b.kind(&b.ticket(n).kind_digest).unwrap();
    let offered = |who: &&&str| b.is_active(who) && judge::decides(&around(b, n), b.ticket(n), &kind.transitions[step], &person(who));
    all.iter().filter(offered).copied().collect()
}

#[test]
fn emergency_use_stays_emergency_use_once_it_was_given() {
    let mut b = bench("");
    let n = emergency_use(&mut b);
    for other in
        [json!({ "type": "standard" }), json!({ "role": "admin" }), json!({ "system": "web-shop" }), json!({ "requested_for": "p_ana" })]
    {
        let refused = set(&mut b, "p_bo", &n, &other).unwrap_err();
        assert_eq!((refused.code(), refused.recorded()), ("Fixed", true), "{other}");
        assert!(refused.sentence().contains("“Grant” was taken") && refused.sentence().contains("Open a new record"), "{refused}");
    }
    // The line of another step does it as little, and what nothing relied on is still corrected.
    let asked = take(&mut b, "p_bo", &n, "revoke", &json!({ "type": "standard" })).unwrap_err();
    assert_eq!(asked.code(), "Fixed");
    set(&mut b, "p_bo", &n, &json!({ "revocation": "The account was deleted on prod-db." })).unwrap();
    b.advance(4 * HOUR);
    file(&mut b, "p_bo", &n, "deprovisioning");
    file(&mut b, "p_bo", &n, "activity");
    assert_eq!(take(&mut b, "p_ana", &n, "confirm", &json!({})).unwrap_err().code(), "RecordMissing");
}

#[test]
fn an_emergency_or_a_standard_change_stays_one_once_it_began() {
    let mut b = bench("");
    let n = emergency(&mut b, "p_chi");
    for other in
        [json!({ "type": "standard" }), json!({ "type": "normal" }), json!({ "system": "web-shop" }), json!({ "verbal_approver": "p_cho" })]
    {
        assert_eq!(set(&mut b, "p_ana", &n, &other).unwrap_err().code(), "Fixed", "{other}");
    }
    written(&mut b, "p_ana", &n);
    let m = model(&mut b, "web-shop");
    let n = open(&mut b, "p_bo", "change", &json!({ "title": "Deploy", "type": "standard", "system": "web-shop" })).unwrap();
    link(&mut b, "p_bo", &n, "modelled_by", Some(&m));
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    assert_eq!(set(&mut b, "p_bo", &n, &json!({ "system": "prod-db" })).unwrap_err().code(), "Fixed");
    set(&mut b, "p_bo", &n, &json!({ "category": "software" })).expect("what nothing relied on");
}

#[test]
fn what_was_confirmed_is_what_stands_when_an_emergency_closes() {
    let mut b = bench("");
    let n = emergency(&mut b, "p_chi");
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert!(!inbox(&b, &n, "p_chi").contains(&Why::Confirm));
    take(&mut b, "p_ana", &n, "finish", &json!({})).unwrap();
    written(&mut b, "p_ana", &n);
    file(&mut b, "p_ana", &n, "before");
    file(&mut b, "p_ana", &n, "after");
    take(&mut b, "p_dan", &n, "verify", &outcome()).unwrap();
    let r = linked(&b, &n, "reviewed_by")[0].clone();
    review(&mut b, "p_sec", &r);
    let refused = take(&mut b, "p_dan", &n, "close", &json!({})).unwrap_err();
    assert_eq!(refused.code(), "Unconfirmed");
    assert!(refused.sentence().contains("ask for the click once more"), "{refused}");
    assert!(inbox(&b, &n, "p_chi").contains(&Why::Confirm), "the giver is asked again");
    assert_eq!(say(&mut b, "p_cho", &n, "approve", true).unwrap_err().code(), "NotAllowed");
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    take(&mut b, "p_dan", &n, "close", &json!({})).unwrap();
    b.assert_replay_equals_state();
}

#[test]
fn a_risk_that_was_judged_high_needs_what_a_high_risk_needs_however_the_answers_are_changed() {
    let mut b = bench("");
    let n = assessed(&mut b, "high", 24);
    let lower = json!({ "criticality": "low", "exposure": "low", "rollback_complexity": "low" });
    set(&mut b, "p_dan", &n, &lower).unwrap();
    assert_eq!(b.ticket(&n).plain("risk"), Some(&json!("low")));
    say(&mut b, "p_dan", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "assessed", "the second approval is needed all the same");
    say(&mut b, "p_sec", &n, "approve", true).unwrap();
    b.wait(day());
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "finish", &json!({})).unwrap();
    assert_eq!(linked(&b, &n, "reviewed_by").len(), 1, "and so is the review");
    file(&mut b, "p_bo", &n, "before");
    file(&mut b, "p_bo", &n, "after");
    assert_eq!(take(&mut b, "p_bo", &n, "verify", &outcome()).unwrap_err().code(), "DutiesApart");
    // What somebody only typed before anybody judged is no judgement.
    let raw = request(&b, 24);
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    set(&mut b, "p_ana", &n, &json!({ "criticality": "high", "exposure": "high", "rollback_complexity": "high" })).unwrap();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "approved");
    b.assert_replay_equals_state();
}

// proves: ACC-08
#[test]
fn a_role_that_its_system_marks_as_privileged_is_privileged_whatever_is_said() {
    for said in [None, Some("standard")] {
        let mut b = bench("");
        let mut raw = access(&b, "admin");
        if let Some(said) = said {
            raw["type"] = json!(said);
        }
        let n = open(&mut b, "p_ana", "access", &raw).unwrap();
        assert_eq!(b.ticket(&n).plain("type"), Some(&json!("privileged")));
        let refused = set(&mut b, "p_bo", &n, &json!({ "type": "standard" })).unwrap_err();
        assert!(refused.code() == "NotOffered" && refused.sentence().contains("choose a smaller role"), "{refused}");
        say(&mut b, "p_dan", &n, "approve", true).unwrap();
        assert_eq!(b.ticket(&n).status, "requested", "one approval is not enough");
        say(&mut b, "p_sec", &n, "approve", true).unwrap();
        assert_eq!(take(&mut b, "p_dan", &n, "grant", &json!({})).unwrap_err().code(), "DutiesApart");
        take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
    }
    // Asked for as an everyday role, and corrected to the other one before it is approved.
    let mut b = bench("");
    let raw = access(&b, "read");
    let n = open(&mut b, "p_ana", "access", &raw).unwrap();
    set(&mut b, "p_ana", &n, &json!({ "role": "admin" })).unwrap();
    assert_eq!(b.ticket(&n).plain("type"), Some(&json!("privileged")));
    // The entry says so only since it was asked for: then it is approved as such, or not at all.
    let plain = ESTATE.replace(", privileged: true", "");
    let mut b = Bench::with(playbooks(&plain));
    b.now = at("2026-03-02T09:00:00Z");
    let raw = access(&b, "admin");
    let n = open(&mut b, "p_ana", "access", &raw).unwrap();
    b.library = playbooks(ESTATE);
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "requested", "it waits until it says what it is");
    set(&mut b, "p_dan", &n, &json!({ "type": "privileged" })).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    say(&mut b, "p_sec", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "approved");
}

#[test]
fn nobody_looks_back_on_what_they_had_a_part_in() {
    // Each of these may complete reviews in general.
    let mut b = bench("");
    let n = approved(&mut b, "high", 24);
    b.wait(day());
    take(&mut b, "p_all", &n, "start", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "finish", &json!({})).unwrap();
    let r = linked(&b, &n, "reviewed_by")[0].clone();
    link(&mut b, "p_sec", &r, "corrected_by", None);
    let findings = json!({ "findings": "It went as planned; the window was long enough.", "outcome": "fine" });
    b.ask(&person("p_bo"), &Command::AssignOwner { ticket: r.clone(), person: "p_bo".into() }).unwrap();
    for (who, part) in [("p_bo", "did it, and owns the review"), ("p_all", "began it"), ("p_chi", "approved it"), ("p_sec", "approved it")]
    {
        let refused = take(&mut b, who, &r, "complete", &findings).unwrap_err();
        assert!(refused.code() == "DutiesApart" && refused.recorded(), "{who} {part}: {refused}");
        assert!(refused.sentence().contains("You had a part in CHG-000001"), "{refused}");
    }
    assert_eq!(take(&mut b, "p_sec", &r, "void", &json!({})).unwrap_err().code(), "DutiesApart");
    take(&mut b, "p_mia", &r, "complete", &findings).unwrap();
}

// proves: BGL-05
#[test]
fn emergency_use_ends_with_what_was_done_on_file_and_somebody_elses_review() {
    let mut b = bench("");
    let n = emergency_use(&mut b);
    say(&mut b, "p_dan", &n, "endorse", true).unwrap();
    b.advance(4 * HOUR);
    file(&mut b, "p_bo", &n, "deprovisioning");
    let r = linked(&b, &n, "reviewed_by")[0].clone();
    b.ask(&person("p_bo"), &Command::AssignOwner { ticket: r.clone(), person: "p_bo".into() }).unwrap();
    link(&mut b, "p_bo", &r, "corrected_by", None);
    let findings = json!({ "findings": "It went as planned; the window was long enough.", "outcome": "fine" });
    assert_eq!(take(&mut b, "p_bo", &r, "complete", &findings).unwrap_err().code(), "DutiesApart");
    take(&mut b, "p_sec", &r, "complete", &findings).unwrap();
    assert_eq!(take(&mut b, "p_ana", &n, "confirm", &json!({})).unwrap_err().code(), "EvidenceMissing", "what was done with it");
    file(&mut b, "p_bo", &n, "activity");
    take(&mut b, "p_ana", &n, "confirm", &json!({})).unwrap();
}

#[test]
fn a_record_excuses_only_what_it_was_opened_for() {
    let mut b = bench("");
    let begun = |b: &mut Bench| {
        let n = emergency(b, "p_chi");
        take(b, "p_ana", &n, "finish", &json!({})).unwrap();
        written(b, "p_ana", &n);
        file(b, "p_ana", &n, "before");
        file(b, "p_ana", &n, "after");
        take(b, "p_dan", &n, "verify", &outcome()).unwrap();
        n
    };
    let (first, second) = (begun(&mut b), begun(&mut b));
    let reviews = [&first, &second].map(|n| linked(&b, n, "reviewed_by")[0].clone());
    review(&mut b, "p_sec", &reviews[0]);
    link(&mut b, "p_ana", &second, "reviewed_by", Some(&reviews[0]));
    assert_eq!(take(&mut b, "p_dan", &second, "close", &json!({})).unwrap_err().code(), "RecordMissing", "another one's review");
    review(&mut b, "p_sec", &reviews[1]);
    let close = |b: &mut Bench, n: &Number| take(b, "p_dan", n, "close", &json!({})).map(drop).map_err(|r| r.code());
    // Approved before it was linked, and of another type: neither says anything of this change.
    let early = exception(&mut b, "p_ana", "spoken-approval");
    say(&mut b, "p_sec", &early, "approve", true).unwrap();
    link(&mut b, "p_ana", &first, "excepted_by", Some(&early));
    let other = exception(&mut b, "p_ana", "other");
    link(&mut b, "p_ana", &first, "excepted_by", Some(&other));
    say(&mut b, "p_sec", &other, "approve", true).unwrap();
    assert_eq!(close(&mut b, &first), Err("Unconfirmed"));
    // Opened for the first one: it excuses the first, and not the second.
    let own = exception(&mut b, "p_ana", "spoken-approval");
    link(&mut b, "p_ana", &first, "excepted_by", Some(&own));
    link(&mut b, "p_ana", &second, "excepted_by", Some(&own));
    say(&mut b, "p_sec", &own, "approve", true).unwrap();
    assert_eq!((close(&mut b, &second), close(&mut b, &first)), (Err("Unconfirmed"), Ok(())));
}

#[test]
fn the_exception_that_follows_by_itself_is_decided_and_no_other_stands_in_for_it() {
    let mut b = bench("");
    let n = emergency(&mut b, "p_chi");
    take(&mut b, "p_ana", &n, "finish", &json!({})).unwrap();
    written(&mut b, "p_ana", &n);
    file(&mut b, "p_ana", &n, "before");
    file(&mut b, "p_ana", &n, "after");
    take(&mut b, "p_dan", &n, "verify", &outcome()).unwrap();
    let r = linked(&b, &n, "reviewed_by")[0].clone();
    review(&mut b, "p_sec", &r);
    say(&mut b, "p_chi", &n, "approve", false).unwrap();
    let by_itself = linked(&b, &n, "excepted_by")[0].clone();
    let own = exception(&mut b, "p_ana", "spoken-approval");
    link(&mut b, "p_ana", &n, "excepted_by", Some(&own));
    say(&mut b, "p_sec", &own, "approve", true).unwrap();
    assert_eq!(take(&mut b, "p_dan", &n, "close", &json!({})).unwrap_err().code(), "Unconfirmed", "{by_itself} waits undecided");
    say(&mut b, "p_sec", &by_itself, "approve", false).unwrap();
    take(&mut b, "p_dan", &n, "close", &json!({})).unwrap();
}

#[test]
fn an_exception_of_something_else_does_not_close_emergency_use_that_nobody_approved() {
    let mut b = bench("");
    let n = emergency_use(&mut b);
    b.advance(4 * HOUR);
    file(&mut b, "p_bo", &n, "deprovisioning");
    file(&mut b, "p_bo", &n, "activity");
    let r = linked(&b, &n, "reviewed_by")[0].clone();
    review(&mut b, "p_sec", &r);
    let printer = exception(&mut b, "p_ana", "other");
    say(&mut b, "p_sec", &printer, "approve", true).unwrap();
    link(&mut b, "p_ana", &n, "excepted_by", Some(&printer));
    assert_eq!(take(&mut b, "p_ana", &n, "confirm", &json!({})).unwrap_err().code(), "RecordMissing");
    let own = exception(&mut b, "p_ana", "other");
    link(&mut b, "p_ana", &n, "excepted_by", Some(&own));
    say(&mut b, "p_sec", &own, "approve", true).unwrap();
    take(&mut b, "p_ana", &n, "confirm", &json!({})).unwrap();
}

#[test]
fn whoever_ever_owned_it_does_not_void_it() {
    let mut b = bench("");
    let n = open(&mut b, "p_sec", "finding", &json!({ "title": "A firewall rule", "description": "Nobody knows who opened the port." }))
        .unwrap();
    for owner in ["p_sec", "p_bo"] {
        b.ask(&person("p_sec"), &Command::AssignOwner { ticket: n.clone(), person: owner.into() }).unwrap();
    }
    assert_eq!(take(&mut b, "p_sec", &n, "void", &json!({})).unwrap_err().code(), "DutiesApart");
    take(&mut b, "p_mia", &n, "void", &json!({})).unwrap();
    b.assert_replay_equals_state();
}

#[test]
fn the_next_authority_is_found_when_nobody_of_those_who_are_named_is_there_and_apart() {
    let mut b = bench("");
    // Nobody approves, nobody leads Dan, and the only owner of the system asks.
    b.disabled = ["p_chi", "p_cho", "p_all", "p_exe", "p_adm"].map(str::to_owned).to_vec();
    let mut raw = access(&b, "read");
    raw["requested_for"] = json!("p_dan");
    let n = open(&mut b, "p_dan", "access", &raw).unwrap();
    assert_eq!(deciders(&b, &n, "approve"), ["p_sec"]);
    let waits = nudge::waits(&around(&b, &n), b.ticket(&n)).unwrap();
    assert_eq!(waits.on, ["p_sec"], "and it is said for whom it waits");
    let refused = say(&mut b, "p_dan", &n, "approve", true).unwrap_err();
    assert!(refused.code() == "OwnRequest" && refused.sentence().contains("It waits for Sec."), "{refused}");
    say(&mut b, "p_sec", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "approved");
    // While somebody is there, the next authority is not asked.
    let mut b = bench("");
    b.disabled = ["p_chi", "p_cho", "p_exe", "p_adm"].map(str::to_owned).to_vec();
    let n = open(&mut b, "p_dan", "access", &raw).unwrap();
    assert_eq!(say(&mut b, "p_sec", &n, "approve", true).unwrap_err().code(), "NotAllowed");
    assert_eq!(deciders(&b, &n, "approve"), ["p_all"]);
}

#[test]
fn whose_own_request_it_is_reads_why() {
    let mut b = bench("");
    let raw = request(&b, 48);
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    set(&mut b, "p_all", &n, &json!({ "rollback_plan": "Restore yesterday's snapshot of prod-db within an hour." })).unwrap();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
    let refused = say(&mut b, "p_all", &n, "approve", true).unwrap_err();
    assert_eq!(
        refused.sentence(),
        "You wrote a part of what is approved on CHG-000001, so somebody else must approve it. It waits for Dan or Chi or Cho."
    );
    let mut raw = access(&b, "read");
    raw["requested_for"] = json!("p_chi");
    let n = open(&mut b, "p_bo", "access", &raw).unwrap();
    let refused = say(&mut b, "p_chi", &n, "approve", true).unwrap_err();
    assert!(refused.sentence().starts_with("What ACC-000001 asks for is for you, so somebody else must approve it."), "{refused}");
}

#[test]
fn a_renewal_that_was_rejected_can_be_asked_for_again() {
    let mut b = bench("");
    let raw = access(&b, "read");
    let n = open(&mut b, "p_ana", "access", &raw).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
    take(&mut b, "p_ana", &n, "renew", &json!({})).unwrap();
    let asked = b.ticket(&n).plain("renew_until").cloned();
    assert!(asked.is_some() && inbox(&b, &n, "p_chi").contains(&Why::Decide));
    say(&mut b, "p_chi", &n, "renew", false).unwrap();
    assert_eq!(b.ticket(&n).plain("renew_until"), None, "it is not asked for any more");
    assert!(!inbox(&b, &n, "p_cho").contains(&Why::Decide));
    // The very same is asked for again, by the same person, and decided anew.
    take(&mut b, "p_ana", &n, "renew", &json!({})).unwrap();
    assert_eq!(b.ticket(&n).plain("renew_until"), asked.as_ref());
    assert!(inbox(&b, &n, "p_cho").contains(&Why::Decide) && inbox(&b, &n, "p_chi").contains(&Why::Decide));
    say(&mut b, "p_cho", &n, "renew", true).unwrap();
    assert_eq!(b.ticket(&n).plain("expires_at"), asked.as_ref());
    // Asked for once more, and taken back by whoever asked.
    b.advance(day() * 10);
    take(&mut b, "p_ana", &n, "renew", &json!({})).unwrap();
    set(&mut b, "p_ana", &n, &json!({ "renew_until": null })).unwrap();
    assert!(!inbox(&b, &n, "p_cho").contains(&Why::Decide));
    b.assert_replay_equals_state();
}

#[test]
fn a_program_takes_no_decision_back() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 24);
    b.via = crate::ticket::event::Via { surface: "api".into(), auth: "key".into(), credential: Some("k_1".into()) };
    let back = Command::WithdrawDecision { ticket: n, transition: "approve".into(), reason: text("by a script") };
    assert_eq!(b.ask(&person("p_chi"), &back).unwrap_err().code(), "NotByKey");
}

#[test]
fn the_click_for_what_began_in_silence_is_asked_of_those_who_may_approve() {
    let mut b = bench("");
    let incident = b.open("p_ana", "sev1");
    let n = open(&mut b, "p_ana", "change", &json!({ "title": "Restart", "type": "emergency", "system": "prod-db" })).unwrap();
    link(&mut b, "p_ana", &n, "change_for", Some(&incident));
    reached(&mut b, &n);
    b.advance(HOUR);
    take(&mut b, "p_all", &n, "start", &json!({ "emergency_reason": "Payments are down; every hour costs 40 orders." })).unwrap();
    for who in ["p_chi", "p_cho", "p_dan"] {
        assert!(inbox(&b, &n, who).contains(&Why::Confirm), "{who}");
    }
    for who in ["p_ana", "p_all", "p_vic", "p_bo"] {
        assert!(!inbox(&b, &n, who).contains(&Why::Confirm), "{who}");
    }
    assert!(matches!(b.ticket(&n).opened_by, Actor::Person { .. }));
}

fn called(b: &Bench, n: &Number) -> Vec<String> {
    let of = b.facts("Escalated").into_iter().filter(|e| e.ticket.as_ref() == Some(n));
    of.filter_map(|e| if let Fact::Escalated { to, .. } = &e.fact { Some(to.clone()) } else { None }).collect()
}

fn revoked(b: &mut Bench) -> Number {
    let raw = access(b, "read");
    let n = open(b, "p_ana", "access", &raw).unwrap();
    say(b, "p_chi", &n, "approve", true).unwrap();
    take(b, "p_bo", &n, "grant", &json!({})).unwrap();
    take(b, "p_bo", &n, "revoke", &json!({})).unwrap();
    n
}

// proves: ACC-07
#[test]
fn somebody_is_called_again_and_again_until_a_record_shows_that_access_is_gone() {
    let mut b = bench("");
    let n = revoked(&mut b);
    b.advance(day() + 4 * HOUR * 3);
    // The rota's place is passed over, since there is no rota; then round again.
    assert_eq!(called(&b, &n), ["system-owner", "security-officer", "system-owner", "security-officer"]);
    // To have seen it is not to have done it: a day later they are called again.
    b.ask(&person("p_sec"), &Command::AcknowledgeEscalation { ticket: n.clone() }).unwrap();
    b.advance(day() - HOUR);
    assert_eq!(called(&b, &n).len(), 4);
    b.advance(HOUR);
    assert_eq!(called(&b, &n).len(), 5);
    file(&mut b, "p_bo", &n, "deprovisioning");
    take(&mut b, "p_bo", &n, "confirm", &json!({})).unwrap();
    b.advance(day() * 5);
    assert_eq!(called(&b, &n).len(), 5, "not after it was shown");
    b.assert_replay_equals_state();
}

#[test]
fn a_tier_behind_which_nobody_stands_costs_no_time() {
    let mut b = bench("");
    b.disabled = ["p_dan", "p_all"].map(str::to_owned).to_vec();
    let n = revoked(&mut b);
    b.advance(day() + 4 * HOUR);
    assert_eq!(called(&b, &n), ["security-officer"; 2]);
}

#[test]
fn whoever_is_called_answers_and_whoever_may_take_a_step_gives_the_links_that_it_requires() {
    let mut b = bench("");
    let raw = json!({ "title": "Look back", "due": b.now.plus(day()).to_string() });
    let n = open(&mut b, "p_ana", "review", &raw).unwrap();
    b.advance(day() * 3);
    // The incident manager, the security officer, then the executive, who only reads otherwise.
    assert_eq!(called(&b, &n), ["incident-manager", "security-officer", "executive"]);
    let seen = Command::AcknowledgeEscalation { ticket: n.clone() };
    assert_eq!(b.ask(&person("p_vic"), &seen).unwrap_err().code(), "NotAllowed");
    b.ask(&person("p_exe"), &seen).unwrap();
    let findings = json!({ "findings": "It went as planned; the window was long enough.", "outcome": "fine" });
    assert_eq!(take(&mut b, "p_exe", &n, "complete", &findings).unwrap_err().code(), "LinkMissing");
    let given = |link: &str| Command::Link { ticket: n.clone(), link: link.into(), to: None, target: None, reason: Some(text("nothing")) };
    assert_eq!(b.ask(&person("p_exe"), &given("related")).unwrap_err().code(), "NotAllowed", "no other link");
    assert_eq!(b.ask(&person("p_vic"), &given("corrected_by")).unwrap_err().code(), "NotAllowed");
    b.ask(&person("p_exe"), &given("corrected_by")).unwrap();
    take(&mut b, "p_exe", &n, "complete", &findings).unwrap();
}

#[test]
fn a_renewal_ends_on_a_whole_minute() {
    let mut b = bench("");
    b.now = at("2026-03-02T09:00:00.123456Z");
    let raw = access(&b, "read");
    let n = open(&mut b, "p_ana", "access", &raw).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
    b.wait(HOUR + std::time::Duration::from_millis(7_777));
    take(&mut b, "p_ana", &n, "renew", &json!({})).unwrap();
    assert_eq!(b.ticket(&n).plain("renew_until"), Some(&json!("2026-04-11T09:00:00.000000Z")));
}

// proves: CHG-17
#[test]
fn that_nobody_answered_counts_only_when_everybody_was_reached_in_time() {
    let reason = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders." });
    let waits = |b: &mut Bench| {
        let incident = b.open("p_ana", "sev1");
        let n = open(b, "p_ana", "change", &json!({ "title": "Restart", "type": "emergency", "system": "prod-db" })).unwrap();
        link(b, "p_ana", &n, "change_for", Some(&incident));
        n
    };
    let mut b = bench("");
    let n = waits(&mut b);
    b.advance(HOUR);
    let refused = take(&mut b, "p_ana", &n, "start", &reason).unwrap_err();
    assert_eq!(refused.code(), "ApprovalMissing");
    assert!(refused.sentence().contains("Nobody who may approve it could be reached by any way in time"), "{refused}");
    // Some were reached, not everybody.
    notice(&mut b, &n, vec!["p_chi".into(), "p_cho".into(), "p_all".into()]);
    b.advance(HOUR);
    let refused = take(&mut b, "p_ana", &n, "start", &reason).unwrap_err();
    assert!(refused.sentence().contains("not everybody who may approve it was reached in time (Dan)"), "{refused}");
    // The last one was reached, and has as long to answer as everybody.
    notice(&mut b, &n, vec!["p_dan".into()]);
    b.advance(HOUR / 4 - std::time::Duration::from_secs(1));
    assert_eq!(take(&mut b, "p_ana", &n, "start", &reason).unwrap_err().code(), "ApprovalMissing");
    b.advance(std::time::Duration::from_secs(1));
    take(&mut b, "p_ana", &n, "start", &reason).unwrap();
    // Somebody answered: that is no silence.
    let n = waits(&mut b);
    reached(&mut b, &n);
    b.ask(&person("p_chi"), &Command::AcknowledgeNotification { ticket: n.clone(), group: "approvers".into() }).unwrap();
    b.advance(HOUR);
    assert_eq!(take(&mut b, "p_ana", &n, "start", &reason).unwrap_err().code(), "ApprovalMissing");
    b.assert_replay_equals_state();
}

#[test]
fn whoever_may_approve_hears_of_a_change_that_becomes_an_emergency_later() {
    let mut b = bench("");
    let raw = request(&b, 24);
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    assert!(b.ticket(&n).notified.is_empty());
    set(&mut b, "p_ana", &n, &json!({ "type": "emergency" })).unwrap();
    assert!(b.ticket(&n).notified.contains_key("approvers"));
}

#[test]
fn whoever_stands_in_does_not_do_what_is_kept_apart_for_the_other() {
    let mut b = bench("delegations: [{ of: chi@example.com, by: vic@example.com, from: 2026-03-01, to: 2026-04-01 }]\n");
    let raw = request(&b, 48);
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_chi", &n, "assess", &judgement("high")).unwrap();
    for who in ["p_chi", "p_vic"] {
        assert_eq!(say(&mut b, who, &n, "approve", true).unwrap_err().code(), "DutiesApart", "{who}");
        assert!(!inbox(&b, &n, who).contains(&Why::Decide), "nor is it offered: {who}");
    }
}

#[test]
fn a_review_that_gathers_lists_is_corrected_until_the_first_one_is_there() {
    let mut b = bench("");
    let raw = json!({ "title": "Quarterly", "type": "access", "system": "web-shop", "due": b.now.plus(day() * 14).to_string() });
    let n = open(&mut b, "p_sec", "review", &raw).unwrap();
    set(&mut b, "p_sec", &n, &json!({ "system": "prod-db" })).expect("nobody has looked at anything yet");
    let (name, sha256, media_type) = (text("users.csv"), text("00"), "text/csv".into());
    let phase = Some("users".into());
    let file = crate::ticket::command::AttachEvidence { ticket: n.clone(), name, sha256, size: 3, media_type, phase, captured_at: None };
    b.ask(&person("p_sec"), &Command::ListUsers { file, system: "prod-db".into(), rows: 1 }).unwrap();
    let refused = set(&mut b, "p_sec", &n, &json!({ "system": "web-shop" })).unwrap_err();
    assert_eq!(refused.code(), "Fixed");
    assert!(refused.sentence().contains("lists of users were handed in") && !refused.sentence().contains("agreed"), "{refused}");
}

#[test]
fn how_long_a_role_is_given_is_said_in_a_unit_that_fits() {
    let estate = ESTATE.replace("most: 90d", "most: 12h");
    let mut b = Bench::with(playbooks(&estate));
    b.now = at("2026-03-02T09:00:00Z");
    let raw = access(&b, "read");
    let refused = open(&mut b, "p_ana", "access", &raw).unwrap_err();
    assert_eq!(refused.sentence(), "The role “read” on prod-db is given for 12 hours at most; choose an earlier end.");
}

#[test]
fn nobody_agrees_to_what_is_not_written_yet_and_nobody_is_asked_to() {
    let mut b = bench("");
    let raw = json!({ "title": "Port 8443 stays open", "scope": "Only the load balancer, until it is replaced." });
    let n = open(&mut b, "p_ana", "exception", &raw).unwrap();
    assert!(!inbox(&b, &n, "p_sec").contains(&Why::Decide), "it is not asked for yet");
    let refused = say(&mut b, "p_sec", &n, "approve", true).unwrap_err();
    assert_eq!(refused.code(), "FieldMissing");
    assert!(refused.sentence().contains("justification"), "{refused}");
    let rest = json!({
        "justification": "The new load balancer arrives in May; the old one cannot close it.",
        "compensation": "The firewall lets in our two offices only.", "expires_at": "2026-06-01T00:00:00Z",
    });
    set(&mut b, "p_ana", &n, &rest).unwrap();
    assert!(inbox(&b, &n, "p_sec").contains(&Why::Decide));
    say(&mut b, "p_sec", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "active");
    // To say no needs no more than the request.
    let n = open(&mut b, "p_ana", "exception", &json!({ "title": "No logs on the build host" })).unwrap();
    say(&mut b, "p_sec", &n, "approve", false).unwrap();
    assert_eq!(b.ticket(&n).status, "rejected");
}

#[test]
fn a_risk_that_was_raised_after_the_approval_stops_the_work_until_it_was_approved_as_such() {
    let mut b = bench("");
    let n = assessed(&mut b, "low", 24);
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    set(&mut b, "p_ana", &n, &judgement("high")).unwrap();
    b.wait(day());
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "ApprovalStale");
    assert_eq!(set(&mut b, "p_ana", &n, &judgement("low")).unwrap_err().code(), "Fixed", "nor is it lowered again");
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "ApprovalStale", "one is not enough now");
}
