//! Access, exceptions, reviews and corrective actions as they are shipped.

use serde_json::json;

use super::work::*;
use crate::ticket::bench::{Bench, HOUR};
use crate::ticket::event::{Actor, Fact};
use crate::ticket::number::Number;

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

fn wanted(role: &str, subject: &str, days: u32, b: &Bench) -> serde_json::Value {
    json!({
        "title": "Payroll reads prod-db", "system": "prod-db", "role": role, "requested_for": subject,
        "justification": "Ana joins the payroll team on 1 December and runs the month-end reports from prod-db.",
        "expires_at": b.now.plus(day() * days).to_string(),
    })
}

fn granted(b: &mut Bench, days: u32) -> Number {
    let raw = wanted("read", "p_ana", days, b);
    let n = open(b, "p_ana", "access", &raw).unwrap();
    say(b, "p_chi", &n, "approve", true).unwrap();
    take(b, "p_bo", &n, "grant", &json!({})).unwrap();
    n
}

// proves: ACC-01, ACC-02, ACC-12
#[test]
fn what_is_asked_for_is_what_the_system_offers_and_says_why() {
    let mut b = bench("");
    let mut refused = |change: serde_json::Value| {
        let mut raw = wanted("read", "p_ana", 30, &b);
        for (name, value) in change.as_object().unwrap() {
            raw[name] = value.clone();
        }
        open(&mut b, "p_ana", "access", &raw).map(drop).map_err(|r| (r.code(), r.sentence()))
    };
    let told = |answer: Result<(), (&'static str, String)>| answer.unwrap_err();
    assert_eq!(told(refused(json!({ "role": "root" }))).1, "prod-db has no role “root”; there are read, admin.");
    assert_eq!(told(refused(json!({ "expires_at": "2026-08-01T00:00:00Z" }))).0, "NotOffered", "91 days are too long");
    assert_eq!(told(refused(json!({ "expires_at": null }))).0, "NotOffered");
    assert_eq!(told(refused(json!({ "justification": null }))).0, "FieldMissing");
    let kind = &b.library.kinds["access"];
    for (field, value) in [("system", "prod-dv"), ("justification", "Updated user permissions"), ("justification", "   ")] {
        let sealed = crate::ticket::fields::seal(kind, &b.library, &[(field.to_owned(), json!(value))].into(), &mut || [3; 32]);
        let empty = sealed.as_ref().is_ok_and(|f| f[field] == crate::ticket::command::FieldInput::Plain(json!(null)));
        assert!(sealed.is_err() || empty, "{field}: {value}");
    }
}

// proves: ACC-03, ACC-04
#[test]
fn the_manager_and_the_systems_owner_approve_as_they_stand_at_that_time() {
    let share = |owner: &str| {
        let systems =
            ESTATE.replace("  web-shop:", &format!("  share:\n    title: File share\n    owner: {owner}@example.com\n  web-shop:"));
        playbooks(&systems)
    };
    let mut b = Bench::with(share("vic"));
    b.now = at("2026-03-02T09:00:00Z");
    let ask = |b: &mut Bench, subject: &str, system: &str| {
        let mut raw = wanted("read", subject, 30, b);
        raw["system"] = json!(system);
        open(b, "p_bo", "access", &raw).unwrap()
    };
    let n = ask(&mut b, "p_ana", "prod-db");
    say(&mut b, "p_mia", &n, "approve", true).expect("Ana's manager");
    let n = ask(&mut b, "p_max", "prod-db");
    assert_eq!(say(&mut b, "p_mia", &n, "approve", true).unwrap_err().code(), "NotAllowed", "the manager of another person");
    let n = ask(&mut b, "p_max", "share");
    b.library = share("lea");
    assert_eq!(say(&mut b, "p_vic", &n, "approve", true).unwrap_err().code(), "NotAllowed", "the owner of yesterday");
    say(&mut b, "p_lea", &n, "approve", true).expect("the owner of today");
    assert_eq!(b.facts("Refused").len(), 2, "both attempts are on record");
}

// proves: ACC-05, ACC-07, ACC-10, BGL-04
#[test]
fn a_grant_ends_by_itself_at_its_time_and_is_chased_until_a_record_shows_that_it_is_gone() {
    let mut b = bench("");
    let n = granted(&mut b, 30);
    let end = at("2026-04-01T09:00:00Z");
    let left = end.since(b.now);
    b.advance(left - SECOND);
    assert_eq!(b.ticket(&n).status, "granted");
    let reminded: Vec<_> = b
        .facts("ClockWarned")
        .iter()
        .filter_map(|e| match &e.fact {
            Fact::ClockWarned { clock, came_due, .. } if clock == "expiry" => Some(*came_due),
            _ => None,
        })
        .collect();
    assert!(reminded.contains(&end.minus(day())) && reminded.contains(&end.minus(day() * 7)), "{reminded:?}");
    b.advance(SECOND);
    let ticket = b.ticket(&n);
    assert_eq!((ticket.status.as_str(), &ticket.steps.last().unwrap().by), ("revoked", &Actor::Scheduler));
    assert!(!ticket.ended && !ticket.clocks["expiry"].breached, "to end in time is no miss");
    assert_eq!(take(&mut b, "p_bo", &n, "confirm", &json!({})).unwrap_err().code(), "EvidenceMissing");
    b.advance(day());
    let called = |b: &Bench| b.facts("Escalated").len();
    assert_eq!(called(&b), 1, "somebody is called for what is not confirmed");
    b.advance(5 * HOUR);
    assert!(called(&b) > 1, "and the next one after that");
    file(&mut b, "p_bo", &n, "deprovisioning");
    take(&mut b, "p_bo", &n, "confirm", &json!({})).unwrap();
    let ticket = b.ticket(&n);
    let steps: Vec<&str> = ticket.steps.iter().map(|s| s.transition.as_str()).collect();
    assert_eq!(steps, ["approve", "grant", "revoke", "confirm"]);
    assert!(ticket.opened_at <= ticket.steps[0].at && ticket.steps.is_sorted_by_key(|s| s.at));
    b.assert_replay_equals_state();
}

#[test]
fn a_renewal_is_asked_for_in_one_step_and_goes_on_once_it_is_approved() {
    let mut b = bench("");
    let n = granted(&mut b, 30);
    assert_eq!(say(&mut b, "p_chi", &n, "renew", true).unwrap_err().code(), "WrongStatus", "nobody asked for it");
    let until = b.now.plus(day() * 60).to_string();
    take(&mut b, "p_ana", &n, "renew", &json!({ "renew_until": until })).unwrap();
    assert_eq!(b.ticket(&n).plain("expires_at"), Some(&json!("2026-04-01T09:00:00.000000Z")), "nothing changed yet");
    assert_eq!(say(&mut b, "p_ana", &n, "renew", true).unwrap_err().code(), "OwnRequest");
    say(&mut b, "p_chi", &n, "renew", true).unwrap();
    let ticket = b.ticket(&n);
    assert_eq!((ticket.status.as_str(), ticket.plain("expires_at"), ticket.plain("renew_until")), ("granted", Some(&json!(until)), None));
    assert_eq!(ticket.clocks["expiry"].due, at(&until));
    b.advance(day() * 59);
    assert_eq!(b.ticket(&n).status, "granted");
    b.advance(day());
    assert_eq!(b.ticket(&n).status, "revoked");
    b.assert_replay_equals_state();
}

// proves: ACC-08
#[test]
fn privileged_access_is_approved_twice_and_given_by_somebody_else() {
    let mut b = bench("");
    let raw = wanted("admin", "p_ana", 20, &b);
    let n = open(&mut b, "p_ana", "access", &raw).unwrap();
    say(&mut b, "p_dan", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "requested");
    say(&mut b, "p_sec", &n, "approve", true).unwrap();
    assert_eq!(take(&mut b, "p_dan", &n, "grant", &json!({})).unwrap_err().code(), "DutiesApart");
    take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
}

// proves: BGL-01, BGL-05, BGL-06
#[test]
fn an_emergency_use_is_given_at_once_where_it_is_allowed_ends_soon_is_told_to_all_and_reviewed() {
    let mut b = bench("");
    let use_of = |b: &Bench, system: &str, hours: u32| {
        json!({
            "title": "Emergency on prod-db", "type": "break-glass", "system": system, "role": "admin", "requested_for": "p_bo",
            "justification": "Payments hang; a blocking query must be killed on prod-db now.",
            "expires_at": b.now.plus(HOUR * hours).to_string(),
        })
    };
    let raw = use_of(&b, "web-shop", 1);
    assert_eq!(open(&mut b, "p_bo", "access", &raw).unwrap_err().code(), "NotOffered", "not allowed there");
    let raw = use_of(&b, "prod-db", 5);
    assert_eq!(open(&mut b, "p_bo", "access", &raw).unwrap_err().code(), "NotOffered", "four hours at most");
    let raw = use_of(&b, "prod-db", 4);
    let n = open(&mut b, "p_bo", "access", &raw).unwrap();
    take(&mut b, "p_bo", &n, "grant", &json!({})).unwrap();
    assert!(b.ticket(&n).notified.contains_key("approvers"));
    let reviews = linked(&b, &n, "reviewed_by");
    assert_eq!(reviews.len(), 1);
    b.advance(4 * HOUR);
    assert_eq!(b.ticket(&n).status, "revoked");
    file(&mut b, "p_bo", &n, "deprovisioning");
    file(&mut b, "p_bo", &n, "activity");
    let own = take(&mut b, "p_bo", &n, "confirm", &json!({})).unwrap_err();
    assert_eq!((own.code(), own.recorded()), ("DutiesApart", true));
    assert!(own.sentence().contains("ACC-000001 is about you, so “Confirm that it is gone” is somebody else's"), "{own}");
    assert_eq!(take(&mut b, "p_ana", &n, "confirm", &json!({})).unwrap_err().code(), "RecordMissing");
    review(&mut b, "p_sec", &reviews[0]);
    let refusal = take(&mut b, "p_ana", &n, "confirm", &json!({})).unwrap_err();
    assert!(refusal.sentence().contains("Nobody has approved this emergency use afterwards"), "{refusal}");
    assert_eq!(say(&mut b, "p_bo", &n, "endorse_late", true).unwrap_err().code(), "OwnRequest");
    say(&mut b, "p_chi", &n, "endorse_late", true).unwrap();
    assert_eq!(take(&mut b, "p_bo", &n, "confirm", &json!({})).unwrap_err().code(), "DutiesApart");
    take(&mut b, "p_ana", &n, "confirm", &json!({})).unwrap();
    b.assert_replay_equals_state();
}

fn emergency_use(b: &mut Bench) -> Number {
    let raw = json!({
        "title": "Emergency on prod-db", "type": "break-glass", "system": "prod-db", "role": "admin", "requested_for": "p_bo",
        "justification": "Payments hang; a blocking query must be killed on prod-db now.",
        "expires_at": b.now.plus(HOUR * 4).to_string(),
    });
    let n = open(b, "p_bo", "access", &raw).unwrap();
    take(b, "p_bo", &n, "grant", &json!({})).unwrap();
    n
}

// proves: BGL-03
#[test]
fn an_emergency_use_is_approved_afterwards_or_somebody_is_called_and_a_no_ends_it_at_once() {
    let mut b = bench("");
    let n = emergency_use(&mut b);
    assert_eq!(say(&mut b, "p_ana", &n, "endorse", true).unwrap_err().code(), "NotAllowed");
    say(&mut b, "p_dan", &n, "endorse", true).expect("the system's owner");
    assert!(b.ticket(&n).clocks["endorse"].stopped.is_some() && b.ticket(&n).status == "granted");
    assert_eq!(say(&mut b, "p_chi", &n, "endorse", true).unwrap_err().code(), "WrongStatus", "once is enough");
    let n = emergency_use(&mut b);
    say(&mut b, "p_dan", &n, "endorse", false).unwrap();
    assert_eq!(b.ticket(&n).status, "revoked");
    // Nobody says anything: after a day somebody is called for it.
    let n = emergency_use(&mut b);
    b.advance(day() - SECOND);
    let missed = |b: &Bench| {
        b.facts("ClockBreached")
            .iter()
            .any(|e| e.ticket.as_ref() == Some(&n) && matches!(&e.fact, Fact::ClockBreached { clock, .. } if clock == "endorse"))
    };
    assert!(!missed(&b));
    b.advance(SECOND);
    assert!(missed(&b));
    assert!(b.facts("Escalated").iter().any(|e| e.ticket.as_ref() == Some(&n)));
}

// proves: ACC-01
#[test]
fn something_else_is_asked_for_told_to_those_who_approve_and_approved_once_it_has_an_entry() {
    let mut b = bench("");
    let mut raw = wanted("read", "p_ana", 30, &b);
    raw["system"] = json!("other");
    let n = open(&mut b, "p_ana", "access", &raw).unwrap();
    assert!(b.ticket(&n).notified.contains_key("approvers"));
    // The click is recorded; the step waits for the entry.
    let lacks = |b: &Bench| {
        let kind = &b.library.kinds["access"];
        let around = crate::ticket::duties::Around { now: b.now, organisation: &b.library.organisation, people: b, kind, response: None };
        crate::ticket::conditions::missing(&around, b.ticket(&n), &kind.transitions["approve"], &|_| None)
    };
    assert!(lacks(&b).iter().any(|m| m.words().contains("has no entry yet")), "{:?}", lacks(&b));
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "requested");
    assert_eq!(take(&mut b, "p_ana", &n, "sort_in", &json!({ "system": "prod-db" })).unwrap_err().code(), "NotAllowed");
    assert_eq!(take(&mut b, "p_dan", &n, "sort_in", &json!({})).unwrap_err().code(), "ConditionNotMet");
    take(&mut b, "p_dan", &n, "sort_in", &json!({ "system": "prod-db" })).unwrap();
    assert_eq!(b.ticket(&n).status, "requested", "what changed is approved anew");
    assert_eq!(say(&mut b, "p_dan", &n, "approve", true).unwrap_err().code(), "OwnRequest", "whoever wrote it does not approve it");
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "approved");
}

#[test]
fn a_renewal_without_a_date_asks_for_as_long_again_and_no_longer_than_the_role_is_given_for() {
    let mut b = bench("");
    let n = granted(&mut b, 30);
    b.advance(day() * 20);
    take(&mut b, "p_ana", &n, "renew", &json!({})).unwrap();
    assert_eq!(b.ticket(&n).plain("renew_until"), Some(&json!("2026-05-01T09:00:00.000000Z")), "thirty days more");
    say(&mut b, "p_chi", &n, "renew", true).unwrap();
    assert_eq!(b.ticket(&n).plain("expires_at"), Some(&json!("2026-05-01T09:00:00.000000Z")));
    let n = granted(&mut b, 80);
    b.advance(day() * 10);
    take(&mut b, "p_ana", &n, "renew", &json!({})).unwrap();
    let most = b.now.plus(day() * 90).to_string();
    assert_eq!(b.ticket(&n).plain("renew_until"), Some(&json!(most)), "ninety days from now at most");
    let n = granted(&mut b, 90);
    assert_eq!(take(&mut b, "p_ana", &n, "renew", &json!({})).unwrap_err().code(), "NothingToDo", "it has all that it can have");
}

#[test]
fn whoever_asked_sees_whom_it_waits_for_and_asks_once_a_day() {
    let mut b = bench("");
    let raw = wanted("read", "p_ana", 30, &b);
    let n = open(&mut b, "p_ana", "access", &raw).unwrap();
    let waits = |b: &Bench| {
        let kind = &b.library.kinds["access"];
        let around = crate::ticket::duties::Around { now: b.now, organisation: &b.library.organisation, people: b, kind, response: None };
        crate::ticket::nudge::waits(&around, b.ticket(&n))
    };
    let asked = waits(&b).unwrap();
    assert_eq!((asked.transition.as_str(), asked.since), ("approve", b.ticket(&n).opened_at));
    // The system's owner, Ana's manager, and everybody who approves.
    for who in ["p_dan", "p_mia", "p_chi", "p_cho"] {
        assert!(asked.on.iter().any(|p| p == who), "{who}: {asked:?}");
    }
    assert!(!asked.on.iter().any(|p| p == "p_ana" || p == "p_adm"), "{asked:?}");
    let nudge = |b: &mut Bench, who: &str| {
        b.ask(&crate::ticket::bench::person(who), &crate::ticket::command::Command::Nudge { ticket: n.clone() })
            .map(drop)
            .map_err(|r| (r.code(), r.sentence()))
    };
    assert_eq!(nudge(&mut b, "p_bo").unwrap_err().0, "NotAllowed", "for whoever asked");
    nudge(&mut b, "p_ana").unwrap();
    b.wait(day() - SECOND);
    let (code, says) = nudge(&mut b, "p_ana").unwrap_err();
    assert_eq!(code, "NudgedLately");
    assert!(says.contains("You can ask again from Tuesday 09:00 UTC on"), "{says}");
    b.wait(SECOND);
    nudge(&mut b, "p_ana").unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(waits(&b), None);
    assert_eq!(nudge(&mut b, "p_ana").unwrap_err().0, "NothingToNudge");
    b.assert_replay_equals_state();
}

#[test]
fn an_exception_is_the_executives_or_the_officers_to_decide_and_ends_by_itself() {
    let mut b = bench("");
    let raw = json!({
        "title": "Port 8443 stays open", "type": "risk", "scope": "Only the load balancer, until it is replaced.",
        "justification": "The new load balancer arrives in May; the old one cannot close it.",
        "compensation": "The firewall lets in our two offices only.", "expires_at": "2026-06-01T00:00:00Z",
    });
    let n = open(&mut b, "p_ana", "exception", &raw).unwrap();
    assert_eq!(say(&mut b, "p_sec", &n, "approve", true).unwrap_err().code(), "NotAllowed", "a risk is an executive's to accept");
    say(&mut b, "p_exe", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "active");
    let left = at("2026-06-01T00:00:00Z").since(b.now);
    b.advance(left - SECOND);
    assert_eq!(b.ticket(&n).status, "active");
    b.advance(SECOND);
    assert_eq!(b.ticket(&n).status, "ended");
}

// proves: RCA-03
#[test]
fn a_serious_incident_opens_its_review_and_a_review_ends_with_an_action_or_a_reason() {
    let mut b = bench("");
    for (severity, reviews) in [("sev1", 1), ("sev2", 1), ("sev3", 0)] {
        let n = b.open("p_ana", severity);
        for step in ["acknowledge", "contain", "eradicate", "recover"] {
            b.take("p_ana", &n, step).unwrap();
        }
        assert_eq!(linked(&b, &n, "reviewed_by").len(), reviews, "{severity}");
    }
    let n = b.tickets.keys().find(|n| n.prefix() == "REV").unwrap().clone();
    let incident = linked(&b, &n, "reviews")[0].clone();
    assert_eq!(b.ticket(&incident).kind, "incident");
    assert_eq!(b.ticket(&n).plain("due"), Some(&json!(b.now.plus(day() * 5).to_string())));
    let findings = json!({ "findings": "The disk filled because log rotation was off on one host.", "outcome": "improve" });
    assert_eq!(take(&mut b, "p_sec", &n, "complete", &findings).unwrap_err().code(), "LinkMissing");
    let action = open(&mut b, "p_bo", "corrective-action", &json!({ "title": "Rotate logs everywhere" })).unwrap();
    link(&mut b, "p_bo", &n, "corrected_by", Some(&action));
    assert_eq!(linked(&b, &action, "corrects"), std::slice::from_ref(&n));
    let description = "Rotate logs on all hosts by the base role, and alert at 80 % of the disk.";
    let taken_on = json!({ "description": description, "due": b.now.plus(day() * 9).to_string() });
    take(&mut b, "p_bo", &action, "start", &taken_on).unwrap();
    take(&mut b, "p_sec", &n, "complete", &findings).unwrap();
}

// proves: RCA-05
#[test]
fn an_action_has_an_owner_and_a_day_and_is_verified_by_somebody_else() {
    let mut b = bench("");
    let raw = json!({ "title": "Playbook for full disks", "type": "playbook" });
    let n = open(&mut b, "p_sec", "corrective-action", &raw).unwrap();
    let refusal = take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err();
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["description", "due"]);
    let past = json!({ "description": "Write down how to make room on a full disk, step by step.", "due": "2026-03-02T08:59:59Z" });
    assert_eq!(take(&mut b, "p_bo", &n, "start", &past).unwrap_err().code(), "NotInTheFuture");
    let good = json!({ "description": "Write down how to make room on a full disk, step by step.", "due": "2026-03-09T09:00:00Z" });
    take(&mut b, "p_bo", &n, "start", &good).unwrap();
    assert_eq!(b.ticket(&n).owner.as_deref(), Some("p_bo"));
    let result = json!({ "result": "The playbook disk-full stands under responses and was tried." });
    let refusal = take(&mut b, "p_bo", &n, "finish", &result).unwrap_err();
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["playbook_version"], "a changed playbook names its version");
    assert_eq!(take(&mut b, "p_ana", &n, "finish", &result).unwrap_err().code(), "NotAllowed", "only its owner says that it is done");
    let mut result = result;
    result["playbook_version"] = json!("d41d8cd9");
    take(&mut b, "p_bo", &n, "finish", &result).unwrap();
    let refusal = take(&mut b, "p_bo", &n, "verify", &json!({})).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("DutiesApart", true));
    take(&mut b, "p_ana", &n, "verify", &json!({})).unwrap();
    assert_eq!(b.ticket(&n).status, "closed");
}

#[test]
fn a_link_stands_on_both_tickets_and_is_taken_back_on_both() {
    let mut b = bench("");
    let (cause, remedy) = (b.open("p_ana", "sev3"), b.open("p_ana", "sev3"));
    link(&mut b, "p_ana", &cause, "remediated_by", Some(&remedy));
    assert_eq!(linked(&b, &remedy, "remediates"), std::slice::from_ref(&cause));
    let id = b.ticket(&cause).links[0].id;
    let back = crate::ticket::command::Command::Unlink { ticket: cause.clone(), link: id, reason: crate::ticket::bench::text("wrong one") };
    b.ask(&crate::ticket::bench::person("p_ana"), &back).unwrap();
    assert!(b.ticket(&cause).links.is_empty() && b.ticket(&remedy).links.is_empty());
}
