//! Changes as they are shipped: normal, standard and emergency.

use serde_json::json;

use super::work::*;
use crate::ticket::bench::{HOUR, MINUTE, person};
use crate::ticket::command::{Command, Step, Take};
use crate::ticket::event::{Actor, Fact};
use crate::ticket::refusal::Refusal;

// proves: CHG-13, CHG-14, CHG-25, APR-06
#[test]
fn a_normal_change_is_requested_assessed_approved_done_verified_and_closed_in_this_order() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 25);
    b.advance(25 * HOUR);
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    b.advance(HOUR);
    assert_eq!(take(&mut b, "p_bo", &n, "verify", &outcome()).unwrap_err().code(), "WrongStatus");
    take(&mut b, "p_bo", &n, "finish", &json!({})).unwrap();
    assert_eq!(take(&mut b, "p_bo", &n, "close", &json!({})).unwrap_err().code(), "WrongStatus");
    let refusal = take(&mut b, "p_bo", &n, "verify", &outcome()).unwrap_err();
    assert_eq!(
        refusal.sentence(),
        "CHG-000001 can verify once two things are there: evidence for “How it stood before”, and evidence for “How it stands now”."
    );
    file(&mut b, "p_bo", &n, "before");
    file(&mut b, "p_bo", &n, "after");
    take(&mut b, "p_bo", &n, "verify", &outcome()).unwrap();
    take(&mut b, "p_bo", &n, "close", &json!({})).unwrap();
    let ticket = b.ticket(&n);
    let steps: Vec<&str> = ticket.steps.iter().map(|s| s.transition.as_str()).collect();
    assert_eq!(steps, ["submit", "assess", "approve", "start", "finish", "verify", "close"]);
    assert!(ticket.steps.is_sorted_by_key(|s| s.at));
    let given = &ticket.granted["approve"].given[0];
    assert_eq!((given.person.as_str(), given.roles.as_slice()), ("p_chi", &["approver".to_owned()][..]));
    b.assert_replay_equals_state();
}

// proves: CHG-15
#[test]
fn a_normal_change_starts_a_whole_day_after_its_approval_and_not_a_second_before() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 1);
    b.wait(day() - std::time::Duration::from_secs(1));
    set(&mut b, "p_ana", &n, &json!({ "deployment": "pipeline 7" })).expect("what nobody approved may change");
    let refusal = take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("TooEarly", true));
    assert!(refusal.sentence().contains("may start on Tuesday 2026-03-03 09:00:00 UTC or later"), "{refusal}");
    let mut b = bench("");
    let n = approved(&mut b, "low", 24);
    b.wait(day());
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
}

#[test]
fn a_change_starts_within_its_window_only() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 30);
    b.wait(30 * HOUR - MINUTE);
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "OutsideWindow");
    b.wait(2 * HOUR + MINUTE);
    let refusal = take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err();
    assert!(refusal.sentence().contains("The window closed on"), "the end itself is outside: {refusal}");
    b.now = at("2026-03-03T16:59:59Z");
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
}

// proves: CHG-02, CHG-03
#[test]
fn each_sort_of_change_has_fields_and_proofs_of_its_own() {
    let sorts = [
        ("user-access", Some("requested_for"), json!({ "requested_for": "p_max" }), vec!["before", "after"]),
        ("configuration", None, json!({}), vec!["before", "after"]),
        ("software", Some("version"), json!({ "version": "v1.2" }), vec!["deployment-report"]),
        ("hardware", Some("asset_tag"), json!({ "asset_tag": "hw-17" }), vec!["photo", "invoice"]),
        ("patch", Some("version"), json!({ "version": "v1.2.3" }), vec!["version-shown"]),
        ("upgrade", Some("version"), json!({ "version": "v2" }), vec!["version-shown"]),
    ];
    for (sort, own, value, proofs) in sorts {
        let mut b = bench("");
        let mut raw = request(&b, 24);
        raw["category"] = json!(sort);
        let n = open(&mut b, "p_ana", "change", &raw).unwrap();
        if let Some(own) = own {
            let refusal = take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap_err();
            assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), [own], "{sort}");
        }
        take(&mut b, "p_ana", &n, "submit", &value).unwrap();
        take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
        say(&mut b, "p_chi", &n, "approve", true).unwrap();
        b.wait(day());
        take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
        take(&mut b, "p_bo", &n, "finish", &json!({})).unwrap();
        for proof in proofs {
            assert_eq!(take(&mut b, "p_bo", &n, "verify", &outcome()).unwrap_err().code(), "EvidenceMissing", "{sort} without {proof}");
            file(&mut b, "p_bo", &n, proof);
        }
        take(&mut b, "p_bo", &n, "verify", &outcome()).unwrap();
    }
}

// proves: CHG-04, CHG-05, CHG-12
#[test]
fn what_must_be_said_is_asked_for_by_name_and_an_empty_phrase_is_answered_with_a_good_one() {
    for blank in ["description", "justification", "security_impact", "rollback_plan", "window_start", "window_end", "category", "system"] {
        let mut b = bench("");
        let mut raw = request(&b, 24);
        raw.as_object_mut().unwrap().remove(blank);
        let n = open(&mut b, "p_ana", "change", &raw).unwrap();
        let refusal = take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap_err();
        assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), [blank]);
    }
    let b = bench("");
    let kind = &b.library.kinds["change"];
    for (field, said) in [("justification", "Updated user permissions"), ("description", "Fix the config"), ("rollback_plan", "n/a")] {
        let raw = [(field.to_owned(), json!(said))].into();
        let problems = crate::ticket::fields::seal(kind, &b.library, &raw, &mut || [3; 32]).unwrap_err();
        let example = &kind.fields[field].substance.as_ref().unwrap().example;
        assert!(problems[0].sentence().contains(example.as_str()), "{}", problems[0].sentence());
    }
}

// proves: CHG-06
#[test]
fn a_window_that_is_missing_past_or_upside_down_is_refused() {
    let mut b = bench("");
    let mut submit = |from: &str, to: &str| {
        let mut raw = request(&b, 24);
        raw["window_start"] = json!(from);
        raw["window_end"] = json!(to);
        let n = open(&mut b, "p_ana", "change", &raw).unwrap();
        take(&mut b, "p_ana", &n, "submit", &json!({})).map(drop).map_err(|r| r.code())
    };
    assert_eq!(submit("2026-03-02T08:59:59Z", "2026-03-02T10:00:00Z"), Err("NotInTheFuture"));
    assert_eq!(submit("2026-03-04T10:00:00Z", "2026-03-04T10:00:00Z"), Err("OutsideWindow"));
    assert_eq!(submit("2026-03-04T10:00:00Z", "2026-03-04T09:00:00Z"), Err("OutsideWindow"));
    assert_eq!(submit("2026-03-04T10:00:00+02:00", "2026-03-04T10:00:00+01:00"), Ok(()), "an hour long, as the zones say");
}

// proves: CHG-09, CHG-10
#[test]
fn nothing_is_approved_before_it_was_assessed() {
    let mut b = bench("");
    let raw = request(&b, 24);
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    assert_eq!(say(&mut b, "p_chi", &n, "approve", true).unwrap_err().code(), "WrongStatus");
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    assert_eq!(say(&mut b, "p_chi", &n, "approve", true).unwrap_err().code(), "WrongStatus");
    let refusal = take(&mut b, "p_bo", &n, "assess", &json!({})).unwrap_err();
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["assessment", "criticality", "exposure", "rollback_complexity"]);
}

// proves: CHG-21
#[test]
fn the_risk_follows_from_three_answers_in_all_27_combinations_and_nobody_sets_it() {
    let levels = ["low", "medium", "high"];
    let mut seen = Vec::new();
    for (i, criticality) in levels.iter().enumerate() {
        for (j, exposure) in levels.iter().enumerate() {
            for (k, back) in levels.iter().enumerate() {
                let mut b = bench("");
                let raw = request(&b, 24);
                let n = open(&mut b, "p_ana", "change", &raw).unwrap();
                set(&mut b, "p_ana", &n, &json!({ "criticality": criticality, "exposure": exposure, "rollback_complexity": back }))
                    .unwrap();
                let expected = match i + j + k + 3 {
                    3 | 4 => "low",
                    5 | 6 => "medium",
                    _ => "high",
                };
                assert_eq!(b.ticket(&n).plain("risk"), Some(&json!(expected)), "{criticality} {exposure} {back}");
                seen.push(expected);
                let reasons = crate::ticket::scores::reasons(&b.library.kinds["change"], b.ticket(&n), "risk");
                assert!(reasons.len() == 3 && reasons[0].starts_with("System criticality: "), "{reasons:?}");
                assert_eq!(set(&mut b, "p_ana", &n, &json!({ "risk": "low" })).unwrap_err().code(), "BadFields");
            }
        }
    }
    let count = |level: &str| seen.iter().filter(|s| **s == level).count();
    assert_eq!((count("low"), count("medium"), count("high")), (4, 13, 10));
}

// proves: CHG-22, APR-07
#[test]
fn a_risky_change_is_approved_twice_and_reviewed_before_it_closes() {
    let mut b = bench("");
    let n = assessed(&mut b, "high", 24);
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).status, "assessed", "one approval is not enough");
    say(&mut b, "p_sec", &n, "approve", true).unwrap();
    b.wait(day());
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "finish", &json!({})).unwrap();
    let reviews = linked(&b, &n, "reviewed_by");
    assert_eq!(reviews.len(), 1);
    assert_eq!(linked(&b, &reviews[0], "reviews"), std::slice::from_ref(&n), "the way back");
    file(&mut b, "p_bo", &n, "before");
    file(&mut b, "p_bo", &n, "after");
    assert_eq!(take(&mut b, "p_bo", &n, "verify", &outcome()).unwrap_err().code(), "DutiesApart", "whoever did it does not verify it");
    take(&mut b, "p_dan", &n, "verify", &outcome()).unwrap();
    let refusal = take(&mut b, "p_bo", &n, "close", &json!({})).unwrap_err();
    assert_eq!(refusal.code(), "RecordMissing", "{refusal}");
    review(&mut b, "p_mia", &reviews[0]);
    take(&mut b, "p_bo", &n, "close", &json!({})).unwrap();
    b.assert_replay_equals_state();
}

// proves: CHG-28
#[test]
fn only_whoever_the_system_lists_carries_out_its_changes() {
    let mut b = bench("");
    let mut raw = request(&b, 24);
    raw["system"] = json!("web-shop");
    let n = open(&mut b, "p_max", "change", &raw).unwrap();
    take(&mut b, "p_max", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_dan", &n, "assess", &judgement("low")).unwrap();
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    b.wait(day());
    let refused = take(&mut b, "p_ana", &n, "start", &json!({})).unwrap_err();
    assert_eq!((refused.code(), refused.recorded()), ("NotAllowed", true), "a responder whom the system does not list");
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    assert_eq!(take(&mut b, "p_ana", &n, "finish", &json!({})).unwrap_err().code(), "NotAllowed");
    assert_eq!(take(&mut b, "p_ana", &n, "roll_back", &json!({})).unwrap_err().code(), "NotAllowed");
    take(&mut b, "p_bo", &n, "finish", &json!({})).unwrap();
    // Where the system lists nobody, whoever responds may.
    let n = approved(&mut b, "low", 24);
    b.wait(day());
    take(&mut b, "p_ana", &n, "start", &json!({})).unwrap();
}

fn model(b: &mut crate::ticket::bench::Bench, until: &str) -> crate::ticket::number::Number {
    let raw = json!({
        "title": "Deploy web-shop", "system": "web-shop", "expires_at": until,
        "description": "Deploy a merged and reviewed pull request of web-shop with the pipeline, between 08:00 and 16:00.",
        "justification": "Forty such deployments went well since January; each alone is of low risk.",
        "security_impact": "None: nothing is open that was closed before.",
        "rollback_plan": "The pipeline deploys the version before; three minutes.",
    });
    open(b, "p_ana", "change-model", &raw).unwrap()
}

// proves: CHG-19
#[test]
fn a_standard_change_is_two_taps_under_a_live_model_and_none_under_one_that_is_not() {
    let mut b = bench("");
    let m = model(&mut b, "2026-06-01T00:00:00Z");
    let n =
        open(&mut b, "p_bo", "change", &json!({ "title": "Deploy 41", "type": "standard", "system": "web-shop", "category": "software" }))
            .unwrap();
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "RecordMissing", "no model");
    link(&mut b, "p_bo", &n, "modelled_by", Some(&m));
    assert_eq!(take(&mut b, "p_bo", &n, "start", &json!({})).unwrap_err().code(), "RecordMissing", "a model that nobody approved");
    assert_eq!(say(&mut b, "p_ana", &m, "approve", true).unwrap_err().code(), "OwnRequest");
    say(&mut b, "p_chi", &m, "approve", true).unwrap();
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    let step = |t: &str, raw: &serde_json::Value| Step { transition: t.into(), fields: typed(&b, "change", raw), ..Step::default() };
    let steps = vec![step("finish", &json!({})), step("verify", &outcome()), step("close", &json!({}))];
    b.ask(&person("p_bo"), &Command::Take(Take { ticket: n.clone(), steps, rev: None, binding: None })).unwrap();
    assert_eq!(b.ticket(&n).status, "closed");
    // The model runs out by itself, and from that moment on covers nothing.
    let late = open(&mut b, "p_bo", "change", &json!({ "title": "Deploy 42", "type": "standard", "system": "web-shop" })).unwrap();
    link(&mut b, "p_bo", &late, "modelled_by", Some(&m));
    let left = at("2026-06-01T00:00:00Z").since(b.now);
    b.advance(left);
    assert_eq!(b.ticket(&m).status, "retired");
    assert_eq!(b.ticket(&m).steps.last().unwrap().by, Actor::Scheduler);
    assert_eq!(take(&mut b, "p_bo", &late, "start", &json!({})).unwrap_err().code(), "RecordMissing");
    b.assert_replay_equals_state();
}

fn emergency(b: &mut crate::ticket::bench::Bench) -> crate::ticket::number::Number {
    open(b, "p_ana", "change", &json!({ "title": "Restart payments", "type": "emergency", "system": "prod-db" })).unwrap()
}

fn agreed(by: &str) -> serde_json::Value {
    json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": by })
}

// proves: CHG-16, CHG-17, CHG-20
#[test]
fn an_emergency_starts_on_a_spoken_approval_that_its_giver_confirms_with_an_own_click() {
    let mut b = bench("");
    let n = emergency(&mut b);
    let refusal = take(&mut b, "p_ana", &n, "start", &json!({ "verbal_approver": "p_chi" })).unwrap_err();
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["emergency_reason"], "an emergency says why it cannot wait");
    let nobody = take(&mut b, "p_ana", &n, "start", &json!({ "emergency_reason": "Payments are down; every hour costs 40 orders." }));
    assert_eq!(nobody.unwrap_err().code(), "ApprovalMissing");
    for wrong in ["p_ana", "p_vic", "p_bo"] {
        assert_eq!(take(&mut b, "p_ana", &n, "start", &agreed(wrong)).unwrap_err().code(), "ApprovalMissing", "{wrong}");
    }
    take(&mut b, "p_ana", &n, "start", &agreed("p_chi")).unwrap();
    let spoken = b.ticket(&n).spoken.clone().unwrap();
    assert_eq!((spoken.giver.as_deref(), spoken.confirmed), (Some("p_chi"), None));
    assert_eq!(linked(&b, &n, "reviewed_by").len(), 1, "its review is opened at once");
    assert_eq!(say(&mut b, "p_cho", &n, "approve", true).unwrap_err().code(), "NotAllowed", "another one's click confirms nothing");
    assert_eq!(say(&mut b, "p_ana", &n, "approve", true).unwrap_err().code(), "NotAllowed");
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).spoken.as_ref().unwrap().confirmed, Some(true));
    assert!(b.ticket(&n).clocks["confirm"].stopped.is_some());
    b.assert_replay_equals_state();
}

/// What somebody does to a change that is under way.
type Part = fn(&mut crate::ticket::bench::Bench, &crate::ticket::number::Number);

#[test]
fn a_spoken_approval_is_not_confirmed_by_whoever_asks_for_it_by_then_or_wrote_it_or_started_it() {
    // Named when they had no part in it; the part came afterwards.
    let parts: [(&str, Part); 2] = [
        ("it is for them", |b, n| {
            set(b, "p_ana", n, &json!({ "requested_for": "p_all" })).unwrap();
        }),
        ("wrote it", |b, n| {
            set(b, "p_all", n, &json!({ "rollback_plan": "Restore yesterday's snapshot of prod-db within an hour." })).unwrap();
        }),
    ];
    for (part, plays) in parts {
        let mut b = bench("");
        let n = emergency(&mut b);
        take(&mut b, "p_ana", &n, "start", &agreed("p_all")).unwrap();
        plays(&mut b, &n);
        let refusal = say(&mut b, "p_all", &n, "approve", true).unwrap_err();
        assert!(refusal.code() == "OwnRequest" && refusal.recorded(), "{part}: {refusal}");
        assert_eq!(b.ticket(&n).spoken.as_ref().unwrap().confirmed, None);
        // To say that it was not so stays open to them.
        say(&mut b, "p_all", &n, "approve", false).unwrap();
    }
    // Nobody answered, and whoever started it may approve such changes.
    let mut b = bench("");
    let incident = b.open("p_ana", "sev1");
    let n = emergency(&mut b);
    link(&mut b, "p_ana", &n, "change_for", Some(&incident));
    reached(&mut b, &n);
    b.advance(15 * MINUTE);
    let reason = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders." });
    take(&mut b, "p_all", &n, "start", &reason).unwrap();
    assert!(matches!(say(&mut b, "p_all", &n, "approve", true).unwrap_err().code(), "DutiesApart" | "OwnRequest"));
    say(&mut b, "p_cho", &n, "approve", true).unwrap();
}

#[test]
fn a_spoken_approval_that_is_denied_or_never_confirmed_is_an_exception_and_keeps_the_change_open() {
    for denied in [true, false] {
        let mut b = bench("");
        let n = emergency(&mut b);
        take(&mut b, "p_ana", &n, "start", &agreed("p_chi")).unwrap();
        if denied {
            say(&mut b, "p_chi", &n, "approve", false).unwrap();
        } else {
            b.advance(day() - std::time::Duration::from_secs(1));
            assert!(b.facts("ClockBreached").iter().all(|e| !matches!(&e.fact, Fact::ClockBreached { clock, .. } if clock == "confirm")));
            b.advance(std::time::Duration::from_secs(1));
        }
        let exceptions: Vec<_> =
            linked(&b, &n, "excepted_by").into_iter().filter(|e| b.ticket(e).plain("type") == Some(&json!("spoken-approval"))).collect();
        assert_eq!(exceptions.len(), 1, "denied: {denied}");
        finish_emergency(&mut b, &n);
        let refusal = take(&mut b, "p_dan", &n, "close", &json!({})).unwrap_err();
        assert_eq!(refusal.code(), "Unconfirmed", "{refusal}");
        let accept = json!({
            "scope": "Only this change, on prod-db, on 2 March.", "expires_at": "2026-04-01T00:00:00Z",
            "justification": "Chidi was in the air and had only spoken with the team lead.",
            "compensation": "The whole team looked at the change on the next morning.",
        });
        set(&mut b, "p_ana", &exceptions[0], &accept).unwrap();
        say(&mut b, "p_sec", &exceptions[0], "approve", true).unwrap();
        take(&mut b, "p_dan", &n, "close", &json!({})).unwrap();
    }
}

/// Everything that an emergency owes before it closes, but the confirmation.
fn finish_emergency(b: &mut crate::ticket::bench::Bench, n: &crate::ticket::number::Number) {
    take(b, "p_ana", n, "finish", &json!({})).unwrap();
    let mut said = request(b, 24);
    for name in ["title", "type", "system", "window_start", "window_end"] {
        said.as_object_mut().unwrap().remove(name);
    }
    set(b, "p_ana", n, &said).unwrap();
    set(b, "p_ana", n, &json!({ "criticality": "high", "exposure": "low", "rollback_complexity": "low" })).unwrap();
    file(b, "p_ana", n, "before");
    file(b, "p_ana", n, "after");
    assert_eq!(take(b, "p_ana", n, "verify", &outcome()).unwrap_err().code(), "DutiesApart");
    take(b, "p_dan", n, "verify", &outcome()).unwrap();
    assert_eq!(take(b, "p_dan", n, "close", &json!({})).unwrap_err().code(), "RecordMissing", "the review comes first");
    let reviews = linked(b, n, "reviewed_by");
    review(b, "p_sec", &reviews[0]);
}

#[test]
fn when_nobody_answers_in_time_a_serious_incident_goes_on_and_the_record_says_so() {
    let mut b = bench("");
    let incident = b.open("p_ana", "sev1");
    let n = emergency(&mut b);
    let reason = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders." });
    link(&mut b, "p_ana", &n, "change_for", Some(&incident));
    assert_eq!(linked(&b, &incident, "changed_by"), std::slice::from_ref(&n));
    reached(&mut b, &n);
    b.advance(15 * MINUTE - std::time::Duration::from_secs(1));
    assert_eq!(take(&mut b, "p_ana", &n, "start", &reason).unwrap_err().code(), "ApprovalMissing", "they still have a second");
    b.advance(std::time::Duration::from_secs(1));
    take(&mut b, "p_ana", &n, "start", &reason).unwrap();
    assert_eq!(b.ticket(&n).spoken.as_ref().unwrap().giver, None);
    assert_eq!(say(&mut b, "p_ana", &n, "approve", true).unwrap_err().code(), "NotAllowed");
    say(&mut b, "p_cho", &n, "approve", true).unwrap();
    assert_eq!(b.ticket(&n).spoken.as_ref().unwrap().giver.as_deref(), Some("p_cho"));
    // For an incident that is not serious nobody goes ahead alone.
    let mut b = bench("");
    let incident = b.open("p_ana", "sev3");
    let n = emergency(&mut b);
    link(&mut b, "p_ana", &n, "change_for", Some(&incident));
    b.advance(HOUR);
    assert_eq!(take(&mut b, "p_ana", &n, "start", &reason).unwrap_err().code(), "ApprovalMissing");
}

#[test]
fn a_rejection_says_why_and_ends_it_and_a_change_that_failed_is_rolled_back_with_its_reason() {
    let mut b = bench("");
    let n = assessed(&mut b, "low", 24);
    say(&mut b, "p_chi", &n, "approve", false).unwrap();
    assert_eq!(b.ticket(&n).status, "rejected");
    assert_eq!(b.ticket(&n).steps.last().unwrap().by.person(), Some("p_chi"));
    let last = &b.log[b.log.len() - 4..];
    let reasoned = last.iter().filter(|e| e.sealed.contains_key("reason")).count();
    assert_eq!(reasoned, 2, "the decision and the step that follows from it: {last:?}");
    let mut b = bench("");
    let n = approved(&mut b, "low", 24);
    b.wait(day());
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    let silent = Step { transition: "roll_back".into(), ..Step::default() };
    let asked = Command::Take(Take { ticket: n.clone(), steps: vec![silent], rev: None, binding: None });
    assert!(matches!(b.ask(&person("p_bo"), &asked).unwrap_err(), Refusal::ReasonMissing { .. }));
    take(&mut b, "p_bo", &n, "roll_back", &json!({})).unwrap();
    assert_eq!(b.ticket(&n).status, "rolled_back");
}
