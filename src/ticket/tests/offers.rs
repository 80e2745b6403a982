//! Records that a card offers: an emergency change on an incident, a change under its model; and steps taken in one form.

use serde_json::{Value, json};

use super::work::*;
use crate::ticket::bench::{Bench, HOUR, MINUTE, person};
use crate::ticket::command::{Command, Offer, Step, Take};
use crate::ticket::decide::Decision;
use crate::ticket::event::Fact;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

fn take_up(b: &mut Bench, who: &str, n: &Number, offer: &str, raw: &Value) -> Result<Decision, Refusal> {
    let fields = typed(b, "change", raw);
    let offer = Offer { ticket: n.clone(), offer: offer.into(), fields, received_at: b.now, seed: [9; 32] };
    b.ask(&person(who), &Command::TakeUp(offer))
}

fn change_of(decision: &Decision) -> Number {
    decision.tickets.iter().find(|n| n.prefix() == "CHG").expect("a change").clone()
}

// proves: CHG-16
#[test]
fn an_incident_offers_an_emergency_change_that_starts_on_what_somebody_said_and_owes_the_rest_in_a_day() {
    let mut b = bench("");
    b.now = at("2026-03-02T22:30:00Z");
    let incident = b.open("p_ana", "sev1");
    let asked = json!({ "title": "Restart the payments database", "verbal_approver": "p_chi" });
    let n = change_of(&take_up(&mut b, "p_ana", &incident, "emergency-change", &asked).unwrap());
    let ticket = b.ticket(&n);
    assert_eq!((ticket.status.as_str(), ticket.plain("type")), ("implementing", Some(&json!("emergency"))));
    assert!(ticket.fields.contains_key("emergency_reason"), "the incident is the reason");
    assert_eq!(ticket.spoken.as_ref().unwrap().giver.as_deref(), Some("p_chi"));
    assert_eq!(linked(&b, &incident, "changed_by"), std::slice::from_ref(&n));
    assert_eq!(linked(&b, &n, "change_for"), std::slice::from_ref(&incident));
    assert_eq!(linked(&b, &n, "reviewed_by").len(), 1, "a review is owed");
    // The form is the record of the same day: what is owed is owed within a day, not by midnight.
    assert!(!b.ticket(&n).clocks.contains_key("document"));
    assert_eq!(b.ticket(&n).clocks["complete_record"].due, at("2026-03-03T22:30:00Z"));
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    b.advance(24 * HOUR - MINUTE);
    let late = |b: &Bench| {
        b.facts("ClockBreached").iter().any(|e| matches!(&e.fact, Fact::ClockBreached { clock, .. } if clock == "complete_record"))
    };
    assert!(!late(&b));
    b.advance(2 * MINUTE);
    assert!(late(&b));
    assert_eq!(linked(&b, &n, "excepted_by").len(), 1, "what was written too late is an exception");
    b.assert_replay_equals_state();
}

#[test]
fn whoever_names_themselves_nobody_or_somebody_who_may_not_does_not_begin() {
    let mut b = bench("");
    let incident = b.open("p_ana", "sev1");
    let before = b.log.len();
    for wrong in ["p_ana", "p_vic"] {
        let asked = json!({ "title": "Restart the payments database", "verbal_approver": wrong });
        assert_eq!(take_up(&mut b, "p_ana", &incident, "emergency-change", &asked).unwrap_err().code(), "ApprovalMissing", "{wrong}");
    }
    let odd = json!({ "title": "Restart", "rollback_plan": "Start it again as it was before, in two minutes." });
    assert_eq!(take_up(&mut b, "p_ana", &incident, "emergency-change", &odd).unwrap_err().code(), "BadRequest");
    assert_eq!(take_up(&mut b, "p_ana", &incident, "emergency-change", &json!({})).unwrap_err().code(), "FieldMissing");
    assert_eq!(take_up(&mut b, "p_ana", &incident, "tea", &json!({})).unwrap_err().code(), "NotApplicable");
    assert!(b.log[before..].iter().all(|e| matches!(e.fact, Fact::Refused { .. })), "nothing is opened half");
    // Nobody is named: it is opened, those who may approve are asked, and it waits for them.
    let asked = json!({ "title": "Restart the payments database" });
    let n = change_of(&take_up(&mut b, "p_ana", &incident, "emergency-change", &asked).unwrap());
    assert_eq!((b.ticket(&n).status.as_str(), b.ticket(&n).notified.contains_key("approvers")), ("draft", true));
    assert_eq!(take(&mut b, "p_ana", &n, "start", &json!({})).unwrap_err().code(), "ApprovalMissing");
    reached(&mut b, &n);
    b.advance(15 * MINUTE);
    take(&mut b, "p_ana", &n, "start", &json!({})).unwrap();
    let exceptions = linked(&b, &n, "excepted_by");
    assert_eq!(exceptions.iter().map(|e| b.ticket(e).plain("type").cloned()).collect::<Vec<_>>(), [Some(json!("no-answer"))]);
    assert!(b.ticket(&n).clocks.contains_key("confirm") && linked(&b, &n, "reviewed_by").len() == 1);
    // For a slight incident nobody begins alone, however long nobody answers.
    let slight = b.open("p_ana", "sev3");
    let n = change_of(&take_up(&mut b, "p_ana", &slight, "emergency-change", &asked).unwrap());
    b.advance(HOUR);
    assert_eq!(take(&mut b, "p_ana", &n, "start", &json!({})).unwrap_err().code(), "ApprovalMissing");
}

#[test]
fn a_live_model_begins_a_change_with_one_tap_and_done_and_verified_is_the_second() {
    let mut b = bench("");
    let raw = json!({
        "title": "Deploy prod-db", "system": "prod-db", "expires_at": "2026-06-01T00:00:00Z",
        "description": "Deploy a merged and reviewed pull request of prod-db with the pipeline, between 08:00 and 16:00.",
        "justification": "Forty such deployments went well since January; each alone is of low risk.",
        "security_impact": "None: nothing is open that was closed before.",
        "rollback_plan": "The pipeline deploys the version before; three minutes.",
    });
    let m = open(&mut b, "p_ana", "change-model", &raw).unwrap();
    let asked = json!({ "title": "Index on orders" });
    assert_eq!(take_up(&mut b, "p_bo", &m, "standard-change", &asked).unwrap_err().code(), "NotApplicable", "nobody approved it yet");
    say(&mut b, "p_chi", &m, "approve", true).unwrap();
    let n = change_of(&take_up(&mut b, "p_bo", &m, "standard-change", &asked).unwrap());
    assert_eq!((b.ticket(&n).status.as_str(), b.ticket(&n).plain("system")), ("implementing", Some(&json!("prod-db"))));
    assert_eq!(linked(&b, &n, "modelled_by"), [m]);
    let step = |t: &str, raw: &Value| Step { transition: t.into(), fields: typed(&b, "change", raw), ..Step::default() };
    let empty = vec![step("finish", &json!({})), step("verify", &json!({})), step("close", &json!({}))];
    let asked = |steps| Command::Take(Take { ticket: n.clone(), steps, rev: None, binding: None });
    let refusal = b.ask(&person("p_bo"), &asked(empty)).unwrap_err();
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["outcome"], "how it was checked is said");
    assert_eq!(b.ticket(&n).status, "implementing", "all of it or nothing");
    let steps = vec![
        Step { transition: "finish".into(), fields: typed(&b, "change", &outcome()), ..Step::default() },
        Step { transition: "verify".into(), ..Step::default() },
        Step { transition: "close".into(), ..Step::default() },
    ];
    b.ask(&person("p_bo"), &asked(steps)).unwrap();
    assert_eq!(b.ticket(&n).status, "closed");
}
