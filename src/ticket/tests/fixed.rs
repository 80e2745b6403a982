//! What was approved stays as it was approved, and counts for nothing else.

use serde_json::json;

use super::work::*;
use crate::ticket::bench::{Bench, HOUR, person, text};
use crate::ticket::command::Command;
use crate::ticket::number::Number;

fn access(b: &Bench, way: &str, role: &str, until: u32) -> serde_json::Value {
    json!({
        "title": "Payroll reads prod-db", "type": way, "system": "prod-db", "role": role, "requested_for": "p_bo",
        "justification": "Bo joins the payroll team on 1 December and runs the month-end reports from prod-db.",
        "expires_at": b.now.plus(HOUR * until).to_string(),
    })
}

#[test]
fn a_live_model_is_what_was_approved_and_nobody_rewrites_it() {
    let mut b = bench("");
    let m = model(&mut b, "web-shop");
    for other in [json!({ "system": "prod-db" }), json!({ "deployed_when": "reported" }), json!({ "expires_at": "2099-01-01T00:00:00Z" })] {
        let refused = set(&mut b, "p_ana", &m, &other).unwrap_err();
        assert_eq!(refused.code(), "Fixed", "{other}");
        assert!(refused.sentence().contains("pen a new record"), "{refused}");
        assert!(refused.recorded());
    }
    assert_eq!(b.ticket(&m).plain("system"), Some(&json!("web-shop")));
}

#[test]
fn a_model_of_one_system_covers_no_change_of_another() {
    let mut b = bench("");
    let m = model(&mut b, "web-shop");
    let n = open(&mut b, "p_bo", "change", &json!({ "title": "Deploy", "type": "standard", "system": "prod-db" })).unwrap();
    link(&mut b, "p_bo", &n, "modelled_by", Some(&m));
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "RecordMissing");
    set(&mut b, "p_bo", &n, &json!({ "system": "web-shop" })).unwrap();
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
}

#[test]
fn a_change_that_was_started_is_the_one_that_was_approved() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 25);
    // Where it can be approved again, it may be written anew.
    let other = json!({ "description": "Raise the connection limit of prod-db from 100 to 900 and reload it at once." });
    set(&mut b, "p_ana", &n, &other).unwrap();
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "ApprovalStale");
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    b.advance(25 * HOUR);
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    for other in [json!({ "type": "standard" }), json!({ "rollback_plan": "Nothing is needed, since nothing can go wrong with it." })] {
        assert_eq!(set(&mut b, "p_ana", &n, &other).unwrap_err().code(), "Fixed", "{other}");
    }
    assert_eq!(
        take(&mut b, "p_bo", &n, "finish", &json!({ "rollback_plan": "Restore nothing; hope that it goes well." })).unwrap_err().code(),
        "Fixed"
    );
    take(&mut b, "p_bo", &n, "finish", &json!({})).unwrap();
}

#[test]
fn what_went_ahead_as_an_emergency_does_not_become_ordinary_afterwards() {
    let mut b = bench("");
    let raw = json!({ "title": "Restart", "type": "emergency", "system": "prod-db" });
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    let agreed = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": "p_chi" });
    take(&mut b, "p_ana", &n, "start", &agreed).unwrap();
    for other in ["normal", "standard"] {
        let refused = set(&mut b, "p_bo", &n, &json!({ "type": other })).unwrap_err();
        assert_eq!((refused.code(), refused.recorded()), ("Fixed", true), "its review would not be owed any more");
        assert!(refused.sentence().contains("Type") && refused.sentence().contains("“Start”"), "{refused}");
        let form = json!({ "type": other });
        assert_eq!(take(&mut b, "p_ana", &n, "finish", &form).unwrap_err().code(), "Fixed", "nor by the form of a step");
    }
    // What is written down afterwards is written down.
    set(&mut b, "p_bo", &n, &json!({ "category": "configuration", "rollback_plan": "Start the old version again; two minutes." })).unwrap();
    // The same for a standard change, and for emergency use.
    let m = model(&mut b, "web-shop");
    let n = open(&mut b, "p_bo", "change", &json!({ "title": "Deploy", "type": "standard", "system": "web-shop" })).unwrap();
    link(&mut b, "p_bo", &n, "modelled_by", Some(&m));
    set(&mut b, "p_bo", &n, &json!({ "type": "normal" })).unwrap();
    set(&mut b, "p_bo", &n, &json!({ "type": "standard" })).unwrap();
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    assert_eq!(set(&mut b, "p_bo", &n, &json!({ "type": "normal" })).unwrap_err().code(), "Fixed");
    let raw = access(&b, "break-glass", "read", 1);
    let n = open(&mut b, "p_bo", "access", &raw).unwrap();
    take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
    assert_eq!(set(&mut b, "p_ana", &n, &json!({ "type": "standard" })).unwrap_err().code(), "Fixed");
    b.advance(HOUR);
    assert_eq!(set(&mut b, "p_ana", &n, &json!({ "type": "standard" })).unwrap_err().code(), "Fixed", "nor once it has ended");
}

// proves: ACC-05
#[test]
fn access_that_was_given_ends_when_it_was_approved_to_end() {
    let mut b = bench("");
    let raw = access(&b, "standard", "read", 48);
    let n = open(&mut b, "p_bo", "access", &raw).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    take(&mut b, "p_dan", &n, "grant", &json!({})).unwrap();
    for other in [json!({ "expires_at": null }), json!({ "expires_at": "2099-01-01T00:00:00Z" }), json!({ "role": "admin" })] {
        assert_eq!(set(&mut b, "p_bo", &n, &other).unwrap_err().code(), "Fixed", "{other}");
    }
    b.advance(48 * HOUR);
    assert_eq!(b.ticket(&n).status, "revoked");
}

#[test]
fn emergency_use_stays_within_what_its_system_allows() {
    let mut b = bench("");
    let raw = access(&b, "break-glass", "admin", 1);
    let n = open(&mut b, "p_bo", "access", &raw).unwrap();
    take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
    assert_eq!(set(&mut b, "p_bo", &n, &json!({ "expires_at": "2099-01-01T00:00:00Z" })).unwrap_err().code(), "NotOffered");
    b.advance(HOUR);
    assert_eq!(b.ticket(&n).status, "revoked");
}

#[test]
fn who_stands_in_may_not_do_what_a_conflict_forbids_the_other() {
    let delegated = "delegations: [{ of: adm@example.com, by: vic@example.com, roles: [approver], from: 2026-03-01, to: 2026-04-01 }]\n";
    let mut b = bench(delegated);
    let n = assessed(&mut b, "low", 25);
    assert_eq!(say(&mut b, "p_adm", &n, "approve", true).unwrap_err().code(), "ConflictingRoles", "an administrator does not approve");
    assert_eq!(say(&mut b, "p_vic", &n, "approve", true).unwrap_err().code(), "NotAllowed", "nor does whoever stands in");
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
}

/// The id of a link, by its word.
fn link_of(b: &Bench, n: &Number, word: &str) -> i64 {
    b.ticket(n).links.iter().find(|l| l.link == word).unwrap_or_else(|| panic!("{n} has no link {word}")).id
}

#[test]
fn a_link_that_the_procedure_made_stays_on_both_sides_and_a_persons_link_goes() {
    let mut b = bench("");
    let unlink = |b: &mut Bench, n: &Number, word: &str| {
        let command = Command::Unlink { ticket: n.clone(), link: link_of(b, n, word), reason: text("It looks untidy.") };
        b.ask(&person("p_bo"), &command).map(drop)
    };
    let raw = json!({ "title": "Restart", "type": "emergency", "system": "prod-db" });
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    let agreed = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": "p_chi" });
    take(&mut b, "p_ana", &n, "start", &agreed).unwrap();
    let opened = linked(&b, &n, "reviewed_by").remove(0);
    for (ticket, word) in [(&n, "reviewed_by"), (&opened, "reviews")] {
        let refused = unlink(&mut b, ticket, word).unwrap_err();
        assert_eq!((refused.code(), refused.recorded()), ("LinkStays", true), "{word}");
        assert!(refused.sentence().contains("relies on it, so it stays. If it is wrong, say so in a note"), "{refused}");
    }
    // The same review, linked once more by hand under another word: that one is a person's.
    link(&mut b, "p_bo", &n, "related", Some(&opened));
    unlink(&mut b, &opened, "related").unwrap();
    assert!(linked(&b, &n, "related").is_empty() && linked(&b, &opened, "related").is_empty());
    // A missed record opens its exception, an incident its emergency change, a step its link.
    b.advance(day() * 2);
    let exception = linked(&b, &n, "excepted_by").remove(0);
    assert_eq!(unlink(&mut b, &n, "excepted_by").unwrap_err().code(), "LinkStays");
    assert_eq!(unlink(&mut b, &exception, "excepts").unwrap_err().code(), "LinkStays");
    b.assert_replay_equals_state();
}

#[test]
fn an_exception_of_one_ticket_excuses_no_other() {
    let mut b = bench("");
    let agreed = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": "p_chi" });
    let mut started = || {
        let raw = json!({ "title": "Restart", "type": "emergency", "system": "prod-db" });
        let n = open(&mut b, "p_ana", "change", &raw).unwrap();
        take(&mut b, "p_ana", &n, "start", &agreed).unwrap();
        n
    };
    let (one, other) = (started(), started());
    b.advance(day() * 2);
    let of_type = |b: &Bench, n: &Number| {
        let all = linked(b, n, "excepted_by");
        all.into_iter().find(|e| b.ticket(e).plain("type") == Some(&json!("spoken-approval"))).expect("nobody confirmed it")
    };
    let exception = of_type(&b, &one);
    let said = json!({
        "scope": "Only this change, on 2 March.", "justification": "Chi was on a plane when the others looked for an approval.",
        "compensation": "Two people watched; the logs were read afterwards.", "expires_at": b.now.plus(day() * 9).to_string(),
    });
    set(&mut b, "p_sec", &exception, &said).unwrap();
    say(&mut b, "p_exe", &exception, "approve", true).unwrap();
    link(&mut b, "p_ana", &other, "excepted_by", Some(&exception));
    let unconfirmed = |b: &Bench, n: &Number| {
        let kind = &b.library.kinds["change"];
        let around = crate::ticket::duties::Around { now: b.now, organisation: &b.library.organisation, people: b, kind, response: None };
        let lacks = crate::ticket::conditions::missing(&around, b.ticket(n), &kind.transitions["close"], &|n| b.tickets.get(n));
        lacks.iter().any(|m| m.code() == "Unconfirmed")
    };
    assert!(!unconfirmed(&b, &one) && unconfirmed(&b, &other));
}
