//! Refusals that keep duties apart where people seldom go: who stands in for whom, what was only spoken, what is asked for
//! again, what a deployment names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::work::*;
use crate::ledger::sealed::Sealed;
use crate::ticket::approval;
use crate::ticket::bench::{Bench, person, text};
use crate::ticket::command::{AttachEvidence, Command, FreezeLines, LineChoice, Listing};
use crate::ticket::decide::KindLookup;
use crate::ticket::lines::{LineAsked, Verdict};
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

fn agreed(by: &str) -> Value {
    json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": by })
}

fn emergency(b: &mut Bench) -> Number {
    open(b, "p_ana", "change", &json!({ "title": "Restart", "type": "emergency", "system": "prod-db" })).unwrap()
}

#[test]
fn who_had_another_part_or_has_left_did_not_agree_to_an_emergency() {
    let mut b = bench("");
    let mut raw = request(&b, 24);
    (raw["type"], raw["emergency_reason"]) = (json!("emergency"), json!("Payments are down; every hour costs 40 orders."));
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    take(&mut b, "p_all", &n, "submit", &json!({})).unwrap();
    let refused = take(&mut b, "p_ana", &n, "start", &agreed("p_all")).unwrap_err();
    assert_eq!(refused.code(), "ApprovalMissing");
    assert!(refused.sentence().contains("had another part in this, which is kept apart from approving"), "{refused}");
    b.disabled = vec!["p_chi".to_owned()];
    let refused = take(&mut b, "p_ana", &n, "start", &agreed("p_chi")).unwrap_err();
    assert!(refused.sentence().contains("Who agreed must be an active person"), "{refused}");
    // Named in time, and gone when it is to start.
    b.disabled.clear();
    set(&mut b, "p_ana", &n, &json!({ "verbal_approver": "p_chi" })).unwrap();
    b.disabled = vec!["p_chi".to_owned()];
    let refused = take(&mut b, "p_ana", &n, "start", &json!({})).unwrap_err();
    assert!(refused.sentence().contains("may not approve this; name somebody who may"), "{refused}");
    b.disabled.clear();
    take(&mut b, "p_ana", &n, "start", &agreed("p_chi")).unwrap();
}

#[test]
fn an_answer_is_about_what_stands_there_and_a_no_says_why() {
    let mut b = bench("");
    let n = emergency(&mut b);
    take(&mut b, "p_ana", &n, "start", &agreed("p_chi")).unwrap();
    let approve = &b.kind(&b.ticket(&n).kind_digest).unwrap().transitions["approve"];
    let shown = approval::digest(b.ticket(&n), approve).unwrap();
    let answer = |approve: bool, digest: &str, reason: Sealed| Command::Decide {
        ticket: n.clone(),
        transition: "approve".into(),
        approve,
        digest: digest.to_owned(),
        reason,
    };
    set(&mut b, "p_ana", &n, &json!({ "description": "Restart the database and drop the table of sessions as well." })).unwrap();
    let stale = b.ask(&person("p_chi"), &answer(true, &shown, text("yes"))).unwrap_err();
    assert_eq!(stale.code(), "Stale", "that is not what chi was shown");
    let approve = &b.kind(&b.ticket(&n).kind_digest).unwrap().transitions["approve"];
    let now = approval::digest(b.ticket(&n), approve).unwrap();
    assert_eq!(b.ask(&person("p_chi"), &answer(false, &now, text(""))).unwrap_err().code(), "ReasonMissing");
    assert_eq!(b.ticket(&n).spoken.as_ref().unwrap().confirmed, None, "nothing was said yet");
    b.ask(&person("p_chi"), &answer(true, &now, text(""))).unwrap();
    assert_eq!(b.ticket(&n).spoken.as_ref().unwrap().confirmed, Some(true));
}

#[test]
fn a_second_renewal_is_asked_for_with_other_words_taken_back_and_ended_earlier_by_its_own_step() {
    let mut b = bench("");
    let raw = json!({
        "title": "Payroll reads prod-db", "system": "prod-db", "role": "read", "requested_for": "p_ana",
        "justification": "Ana joins the payroll team on 1 December and runs the month-end reports from prod-db.",
        "expires_at": b.now.plus(day() * 5).to_string(),
    });
    let n = open(&mut b, "p_ana", "access", &raw).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
    take(&mut b, "p_ana", &n, "renew", &json!({})).unwrap();
    say(&mut b, "p_chi", &n, "renew", true).unwrap();
    b.advance(day());
    // Asked for a second time, with a reason of its own, by somebody who thinks better of it.
    let why = "Ana stays with payroll until the end of the quarter, since Cho is on leave.";
    let until = b.now.plus(day() * 20).to_string();
    take(&mut b, "p_ana", &n, "renew", &json!({ "renew_until": until })).unwrap();
    assert_eq!(b.ticket(&n).plain("renew_until"), Some(&json!(until)));
    set(&mut b, "p_ana", &n, &json!({ "renew_until": null })).expect("a request is taken back the second time as the first");
    // People agreed to the time: it is not shortened in the record, but ended by the step that ends it.
    let sooner = json!({ "expires_at": b.now.plus(day()).to_string() });
    let refused = set(&mut b, "p_bo", &n, &sooner).unwrap_err();
    assert_eq!((refused.code(), refused.recorded()), ("Fixed", true));
    assert!(refused.sentence().contains("Take “Revoke” to end it earlier, or open a new record"), "{refused}");
    let reworded = set(&mut b, "p_ana", &n, &json!({ "justification": why }));
    assert_eq!(reworded.unwrap_err().code(), "Fixed", "what was agreed to is not said otherwise afterwards");
    take(&mut b, "p_bo", &n, "revoke", &json!({})).unwrap();
}

/// A review of prod-db that waits for its lists.
fn gathering(b: &mut Bench) -> Number {
    let raw = json!({ "title": "Quarterly", "type": "access", "system": "prod-db", "due": b.now.plus(day() * 14).to_string() });
    open(b, "p_sec", "review", &raw).unwrap()
}

fn freezes(b: &mut Bench, n: &Number, asked: Vec<LineAsked>, lists: &[(&str, i64)]) -> Result<(), Refusal> {
    let freeze = FreezeLines {
        ticket: n.clone(),
        listings: vec![Listing { lines: asked, sealed: text("[]") }],
        from: BTreeMap::new(),
        as_of: 1,
        lists: lists.iter().map(|(system, file)| ((*system).to_owned(), *file)).collect(),
        scope: None,
    };
    b.ask(&person("p_sec"), &Command::FreezeLines(freeze)).map(drop)
}

fn line(reviewer: &str) -> LineAsked {
    LineAsked { reviewer: reviewer.to_owned(), subject: Some("p_ana".to_owned()), record: None, flagged: false, giver: None }
}

fn keeps(b: &mut Bench, who: &str, n: &Number, of: (i64, &str)) -> Result<(), Refusal> {
    let choice = LineChoice { asked: line(of.1), ..LineChoice::of(of.0, Verdict::Keep, Some(text("needed"))) };
    b.ask(&person(who), &Command::DecideLines { ticket: n.clone(), choices: vec![choice] }).map(drop)
}

#[test]
fn lines_are_frozen_with_the_lists_that_are_there_and_stay_as_they_are() {
    let mut b = bench("");
    let n = gathering(&mut b);
    let (name, sha256, media_type) = (text("users.csv"), text("00"), "text/csv".into());
    let phase = Some("users".into());
    let file = AttachEvidence { ticket: n.clone(), name, sha256, size: 3, media_type, phase, captured_at: None };
    b.ask(&person("p_bo"), &Command::ListUsers { file, system: "prod-db".into(), rows: 1 }).unwrap();
    for other in [&[][..], &[("prod-db", 9)], &[("web-shop", 1)], &[("prod-db", 1), ("web-shop", 2)]] {
        let refused = freezes(&mut b, &n, vec![line("p_chi")], other).unwrap_err();
        assert_eq!(refused.code(), "Stale", "{other:?}: a list came or went while the lines were made");
    }
    freezes(&mut b, &n, vec![line("p_chi")], &[("prod-db", 1)]).unwrap();
    let refused = set(&mut b, "p_sec", &n, &json!({ "system": "web-shop" })).unwrap_err();
    assert!(refused.code() == "Fixed" && refused.sentence().contains("the lines of REV-000001 are frozen"), "{refused}");
    assert_eq!(set(&mut b, "p_sec", &n, &json!({ "type": "qa" })).unwrap_err().code(), "Fixed");
    set(&mut b, "p_sec", &n, &json!({ "findings": "Everybody on it is still needed; nothing was taken away." })).unwrap();
}

#[test]
fn lines_are_decided_by_whoever_stands_in_for_the_whole_or_for_that_role_and_only_meanwhile() {
    let live = "delegations:\n  - { of: chi@example.com, by: vic@example.com, from: 2026-03-01, to: 2026-03-10 }\n  - { of: dan@example.com, by: lea@example.com, roles: [system-owner], from: 2026-03-01, to: 2026-03-10 }\n  - { of: dan@example.com, by: max@example.com, roles: [approver], from: 2026-03-01, to: 2026-03-10 }\n";
    let begun = || {
        let mut b = bench(live);
        let n = gathering(&mut b);
        freezes(&mut b, &n, vec![line("p_chi"), line("system-owner")], &[]).unwrap();
        (b, n)
    };
    let (mut b, n) = begun();
    // One line is chi's own to decide, the other one every system owner's.
    for (who, of) in [("p_vic", (2, "system-owner")), ("p_lea", (1, "p_chi")), ("p_max", (2, "system-owner")), ("p_bo", (1, "p_chi"))] {
        assert_eq!(keeps(&mut b, who, &n, of).unwrap_err().code(), "NotAllowed", "{who}");
    }
    keeps(&mut b, "p_vic", &n, (1, "p_chi")).expect("the whole of what chi decides");
    keeps(&mut b, "p_lea", &n, (2, "system-owner")).expect("by the role that was handed over");
    // After the last day nobody stands in any more.
    let (mut b, n) = begun();
    b.advance(day() * 8);
    for (who, of) in [("p_vic", (1, "p_chi")), ("p_lea", (2, "system-owner"))] {
        assert_eq!(keeps(&mut b, who, &n, of).unwrap_err().code(), "NotAllowed", "{who}");
    }
}

#[test]
fn nobody_is_offered_what_they_would_be_refused() {
    let mut b = bench("");
    let raw = request(&b, 48);
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_chi", &n, "assess", &judgement("high")).unwrap();
    let offered = |b: &Bench, who: &str| {
        let kind = b.kind(&b.ticket(&n).kind_digest).unwrap();
        let around = crate::ticket::duties::Around { now: b.now, organisation: &b.library.organisation, people: b, kind, response: None };
        crate::ticket::judge::decides(&around, b.ticket(&n), &kind.transitions["approve"], &person(who))
    };
    let everybody = ["p_ana", "p_bo", "p_chi", "p_cho", "p_dan", "p_sec", "p_exe", "p_all", "p_adm", "p_vic", "p_mia"];
    for approved in [false, true] {
        for who in everybody {
            let mut trial = bench("");
            trial.tickets = b.tickets.clone();
            trial.now = b.now;
            assert_eq!(offered(&b, who), say(&mut trial, who, &n, "approve", true).is_ok(), "{who}, second stage: {approved}");
        }
        if !approved {
            say(&mut b, "p_cho", &n, "approve", true).unwrap();
        }
    }
}
