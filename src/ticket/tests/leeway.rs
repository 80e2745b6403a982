//! Where the rules give way, and how far: a renewal with words of its own, an exception for one change, a look back by whoever
//! only reported.

use serde_json::{Value, json};

use super::work::*;
use crate::ticket::approval;
use crate::ticket::bench::{Bench, HOUR, person, text};
use crate::ticket::command::Command;
use crate::ticket::duties::Around;
use crate::ticket::escalate;
use crate::ticket::event::Fact;
use crate::ticket::inbox::{Why, waiting};
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

fn granted(b: &mut Bench) -> Number {
    let raw = json!({
        "title": "Payroll reads prod-db", "system": "prod-db", "role": "read", "requested_for": "p_ana",
        "justification": "Ana joins the payroll team on 1 December and runs the month-end reports from prod-db.",
        "expires_at": b.now.plus(day() * 20).to_string(),
    });
    let n = open(b, "p_ana", "access", &raw).unwrap();
    say(b, "p_chi", &n, "approve", true).unwrap();
    take(b, "p_bo", &n, "grant", &json!({})).unwrap();
    n
}

fn decides(b: &Bench, n: &Number, who: &str) -> bool {
    let kind = &b.library.kinds["access"];
    let around = Around { now: b.now, organisation: &b.library.organisation, people: b, kind, response: None };
    waiting(&around, b.ticket(n), &person(who)).iter().any(|w| w.why == Why::Decide)
}

/// The digest of what is approved by a renewal.
fn statement(b: &Bench, n: &Number) -> Option<String> {
    approval::digest(b.ticket(n), &b.library.kinds["access"].transitions["renew"])
}

#[test]
fn a_renewal_says_for_itself_why_it_is_needed_longer() {
    let mut b = bench("");
    let n = granted(&mut b);
    let first = b.ticket(&n).fields["justification"].clone();
    let longer = json!({ "renew_reason": "Ana runs the month-end reports for good now; payroll asked on 3 February." });
    // Why it was given stays as it was approved; where else to say it is told.
    let other = json!({ "justification": "Ana runs the month-end reports for good now; payroll asked on 3 February." });
    let refused = set(&mut b, "p_ana", &n, &other).unwrap_err();
    assert_eq!(refused.code(), "Fixed");
    assert!(refused.sentence().contains("Say what is different with “Renew” on ACC-000001, which asks them again"), "{refused}");
    take(&mut b, "p_ana", &n, "renew", &longer).unwrap();
    assert!(decides(&b, &n, "p_chi") && decides(&b, &n, "p_cho"));
    let shown = statement(&b, &n);
    set(&mut b, "p_ana", &n, &json!({ "renew_reason": "Ana stays in the payroll team until the audit in June is over." })).unwrap();
    assert_ne!(statement(&b, &n), shown, "what is approved is what is said");
    say(&mut b, "p_chi", &n, "renew", true).unwrap();
    assert_eq!((b.ticket(&n).status.as_str(), &b.ticket(&n).fields["justification"]), ("granted", &first));
    // From here on it is what was agreed to, until it is asked for again.
    let refused = set(&mut b, "p_ana", &n, &longer).unwrap_err();
    assert!(refused.code() == "Fixed" && refused.sentence().contains("Say what is different with “Renew”"), "{refused}");
    b.advance(day() * 10);
    take(&mut b, "p_ana", &n, "renew", &longer).unwrap();
    say(&mut b, "p_cho", &n, "renew", true).unwrap();
    b.assert_replay_equals_state();
}

const FREEZE: &str = "freezes:\n  year-end: { why: The books are closed., from: 2026-12-24, to: 2027-01-02, systems: [prod-db] }\n";

/// An exception that an executive approved, for prod-db on 29 December.
fn excepted(b: &mut Bench) -> Number {
    let asked = json!({
        "title": "Certificate of prod-db", "type": "freeze", "scope": "Only one change on prod-db, on 29 December.",
        "system": "prod-db", "window_start": "2026-12-29T00:00:00Z", "window_end": "2026-12-30T00:00:00Z",
        "justification": "The certificate of prod-db runs out on 30 December, within the freeze.",
        "compensation": "Two people watch; the way back was tested on staging.", "expires_at": "2026-12-31T00:00:00Z",
    });
    let e = open(b, "p_ana", "exception", &asked).unwrap();
    say(b, "p_exe", &e, "approve", true).unwrap();
    e
}

fn within(b: &mut Bench) -> Number {
    let mut raw = request(b, 24);
    for (name, value) in [("system", "prod-db"), ("window_start", "2026-12-29T09:00:00Z"), ("window_end", "2026-12-29T11:00:00Z")] {
        raw[name] = json!(value);
    }
    open(b, "p_ana", "change", &raw).unwrap()
}

fn unlink(b: &mut Bench, on: &Number, to: &Number) -> Result<(), Refusal> {
    let link = b.ticket(on).links.iter().find(|l| l.to.as_ref() == Some(to)).expect("a link").id;
    b.ask(&person("p_ana"), &Command::Unlink { ticket: on.clone(), link, reason: text("It is the wrong one.") }).map(drop)
}

// proves: FRZ-02
#[test]
fn an_exception_to_a_freeze_covers_the_one_change_that_was_linked_first_and_is_not_handed_on() {
    let mut b = bench(FREEZE);
    b.now = at("2026-12-26T09:00:00Z");
    let (e, first, second) = (excepted(&mut b), within(&mut b), within(&mut b));
    for n in [&first, &second] {
        link(&mut b, "p_ana", n, "excepted_by", Some(&e));
    }
    let refused = take(&mut b, "p_ana", &second, "submit", &json!({})).unwrap_err();
    assert_eq!((refused.code(), refused.recorded()), ("Frozen", true));
    assert!(refused.sentence().contains("EXC-000001 was linked to CHG-000001 first, and covers that alone."), "{refused}");
    take(&mut b, "p_ana", &first, "submit", &json!({})).unwrap();
    // Once the first one went on with it, nobody frees it for another.
    for (on, to) in [(&e, &first), (&first, &e)] {
        let refused = unlink(&mut b, on, to).unwrap_err();
        assert_eq!((refused.code(), refused.recorded()), ("LinkUsed", true));
        assert!(refused.sentence().contains("ask for an exception of its own"), "{refused}");
    }
    // The other one's link leads nowhere, and goes; so does a slip that nothing went on with.
    unlink(&mut b, &second, &e).unwrap();
    let (another, slip) = (excepted(&mut b), within(&mut b));
    for n in [&slip, &second] {
        link(&mut b, "p_ana", n, "excepted_by", Some(&another));
    }
    assert_eq!(take(&mut b, "p_ana", &second, "submit", &json!({})).unwrap_err().code(), "Frozen");
    unlink(&mut b, &slip, &another).unwrap();
    take(&mut b, "p_ana", &second, "submit", &json!({})).unwrap();
    b.assert_replay_equals_state();
}

#[test]
fn whoever_only_reported_an_incident_looks_back_on_it_and_whoever_worked_on_it_does_not() {
    let mut b = bench("");
    let n = open(&mut b, "p_mia", "incident", &json!({ "title": "Down", "severity": "sev1" })).unwrap();
    for step in ["acknowledge", "contain", "eradicate", "recover"] {
        take(&mut b, "p_ana", &n, step, &json!({})).unwrap();
    }
    let lead = Command::AssignLead { ticket: n.clone(), person: "p_max".into() };
    b.ask(&person("p_ana"), &lead).unwrap();
    let r = linked(&b, &n, "reviewed_by").pop().expect("its review");
    link(&mut b, "p_sec", &r, "corrected_by", None);
    b.ask(&person("p_ana"), &Command::AssignOwner { ticket: r.clone(), person: "p_ana".into() }).unwrap();
    let found: Value = json!({ "findings": "The disk filled because log rotation was off on one host.", "outcome": "fine" });
    for who in ["p_max", "p_ana"] {
        let refused = take(&mut b, who, &r, "complete", &found).unwrap_err();
        assert!(refused.code() == "DutiesApart" && refused.sentence().contains("You had a part in INC-000001"), "{who}: {refused}");
    }
    take(&mut b, "p_mia", &r, "complete", &found).unwrap();
    // Whoever asked for a change has a part in it all the same.
    let raw = request(&b, 24);
    let n = open(&mut b, "p_sec", "change", &raw).unwrap();
    set(&mut b, "p_ana", &n, &json!({ "type": "emergency", "emergency_reason": "Payments are down; every hour costs 40 orders." }))
        .unwrap();
    take(&mut b, "p_ana", &n, "start", &json!({ "verbal_approver": "p_chi" })).unwrap();
    let r = linked(&b, &n, "reviewed_by").pop().expect("its review");
    link(&mut b, "p_mia", &r, "corrected_by", None);
    assert_eq!(take(&mut b, "p_sec", &r, "complete", &found).unwrap_err().code(), "DutiesApart");
    take(&mut b, "p_mia", &r, "complete", &found).unwrap();
    b.advance(HOUR);
    b.assert_replay_equals_state();
}

/// Clocks for which somebody was called, in order.
fn called_for(b: &Bench, n: &Number) -> Vec<String> {
    let of = |e: &crate::ticket::event::Event| match &e.fact {
        Fact::Escalated { clock, .. } if e.ticket.as_ref() == Some(n) => clock.clone(),
        _ => None,
    };
    b.log.iter().filter_map(of).collect()
}

// proves: SLA-02
#[test]
fn nobody_is_called_any_more_for_what_was_done_late_and_somebody_is_for_what_was_not() {
    let mut b = bench("");
    let raw = json!({
        "title": "Emergency on prod-db", "type": "break-glass", "system": "prod-db", "role": "read", "requested_for": "p_bo",
        "justification": "Payments hang; a blocking query must be killed on prod-db now.",
        "expires_at": b.now.plus(HOUR * 4).to_string(),
    });
    let n = open(&mut b, "p_bo", "access", &raw).unwrap();
    take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
    b.advance(day() + HOUR);
    assert_eq!(called_for(&b, &n), ["endorse"], "nobody approved it afterwards within a day");
    assert!(escalate::calls(b.ticket(&n)));
    // Approved late: the status is the same, and nobody is called for it any more.
    say(&mut b, "p_chi", &n, "endorse_late", true).unwrap();
    assert!(!escalate::calls(b.ticket(&n)));
    // Four hours after it ended, a day later: no record shows that the access is gone, and that is called for at once.
    b.advance(HOUR * 3);
    assert_eq!(called_for(&b, &n), ["endorse", "confirm"]);
    b.advance(HOUR * 4);
    assert_eq!(called_for(&b, &n), ["endorse", "confirm", "confirm"]);
    b.assert_replay_equals_state();
}
