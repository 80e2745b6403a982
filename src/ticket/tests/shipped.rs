//! The incident as it is shipped, worked through.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::json;

use crate::procedure::model::Library;
use crate::procedure::{built_in, load};
use crate::ticket::alert::AlertStatus::{Firing, Resolved};
use crate::ticket::bench::{Bench, HOUR, MINUTE, person, text};
use crate::ticket::command::{Command, FieldInput, Fields, Matched, MatchedAlert, Step, Take};
use crate::ticket::event::{Fact, Pinned};
use crate::ticket::fields::seal;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

/// A bench with the built-in playbooks.
pub(super) fn shipped() -> Bench {
    static SHIPPED: OnceLock<Arc<Library>> = OnceLock::new();
    Bench::with(Arc::clone(SHIPPED.get_or_init(|| Arc::new(load(built_in()).unwrap()))))
}

/// An alert as the shipped outage takes it.
fn outage(b: &Bench, fingerprint: &str, status: crate::ticket::alert::AlertStatus) -> MatchedAlert {
    let response = b.library.responses.iter().find(|r| r.name == "outage").unwrap();
    let mut alert = crate::ticket::bench::matched(fingerprint, status, None);
    let raw = BTreeMap::from([("title".to_owned(), json!("payments: down")), ("severity".to_owned(), json!("sev1"))]);
    alert.matched = Some(Matched {
        response: Pinned { name: response.name.clone(), digest: response.digest.clone() },
        kind: "incident".into(),
        group: "ab".into(),
        window_seconds: 7200,
        fields: form(b, &raw).into(),
        seed: [5; 32],
    });
    alert
}

fn form(b: &Bench, raw: &BTreeMap<String, serde_json::Value>) -> Fields {
    seal(&b.library.kinds["incident"], &b.library, raw, &mut || [3; 32]).unwrap()
}

fn what_closing_needs() -> BTreeMap<String, serde_json::Value> {
    let values = json!({
        "class": "availability/outage", "vector": "other", "detection_source": "alert", "data_involved": ["none"],
        "systems_affected": ["payments"], "reporting_duties": ["none"], "root_cause": "A full disk.", "resolution": "Made room.",
        "disposition": "remediated",
    });
    values.as_object().unwrap().clone().into_iter().collect()
}

fn link(b: &mut Bench, n: &Number, link: &str) {
    let reason = Some(text("not determined"));
    b.ask(&person("p_ana"), &Command::Link { ticket: n.clone(), link: link.into(), to: None, target: None, reason }).unwrap();
}

#[test]
fn an_outage_is_light_at_night_and_complete_by_closure() {
    let mut b = shipped();
    let storm = (0..200).map(|i| outage(&b, &format!("{i:016x}"), Firing)).collect();
    let n = b.alerts_of("am", storm).unwrap().tickets[0].clone();
    for step in ["acknowledge", "contain", "eradicate", "recover"] {
        b.advance(5 * MINUTE);
        b.take("p_ana", &n, step).expect("a click at night asks for nothing");
    }
    assert!(b.facts("ClockBreached").is_empty());
    let resolved = outage(&b, &format!("{:016x}", 0), Resolved);
    b.alerts_of("am", vec![resolved]).unwrap();
    assert_eq!((b.ticket(&n).status.as_str(), b.ticket(&n).alerts.firing), ("recovered", 199));
    b.advance(31 * HOUR);
    assert!(!b.ticket(&n).owed.is_empty() && !b.facts("OwedReminded").is_empty(), "the owner is asked in the morning");

    let close = |fields: Fields| Step { transition: "close".into(), fields, reason: Some(text("done")), ..Step::default() };
    let refusal = b.step("p_mia", &n, close(Fields::new())).unwrap_err();
    assert!(refusal.fields().contains_key("root_cause"), "{refusal}");
    assert!(refusal.sentence().contains("a “caused by” link") && refusal.sentence().contains("a “remediated by” link"), "{refusal}");
    b.note("p_ana", &n).unwrap();
    b.file("p_ana", &n, "contain").unwrap();
    b.file("p_ana", &n, "eradicate").unwrap();
    link(&mut b, &n, "caused_by");
    link(&mut b, &n, "remediated_by");
    for task in 1..=i64::try_from(b.ticket(&n).tasks.len()).unwrap() {
        b.ask(&person("p_ana"), &Command::SettleTask { ticket: n.clone(), task, waived: None }).unwrap();
    }
    let complete = form(&b, &what_closing_needs());
    assert_eq!(b.step("p_ana", &n, close(complete.clone())).unwrap_err().code(), "SecondPersonNeeded");
    assert_eq!(b.step("p_mia", &n, close(complete.clone())).unwrap_err().code(), "RecordMissing", "nobody has looked back yet");
    let look_back = super::work::linked(&b, &n, "reviewed_by").pop().unwrap();
    super::work::review(&mut b, "p_mia", &look_back);
    b.step("p_mia", &n, close(complete)).unwrap();
    assert_eq!(b.ticket(&n).status, "closed");
    assert!(b.ticket(&n).clocks.values().all(|c| c.stopped.is_some()));
    b.assert_replay_equals_state();
}

// proves: INC-01
#[test]
fn closing_with_each_required_field_blank_in_turn_names_it() {
    for (blank, _) in what_closing_needs() {
        let mut b = shipped();
        let n = recovered(&mut b);
        let mut raw = what_closing_needs();
        raw.insert(blank.clone(), json!(null));
        let fields = form(&b, &raw);
        let step = Step { transition: "close".into(), fields, reason: Some(text("done")), ..Step::default() };
        let Refusal::Missing { .. } = b.step("p_mia", &n, step.clone()).unwrap_err() else { panic!("{blank} is not asked for") };
        assert_eq!(b.step("p_mia", &n, step).unwrap_err().fields().keys().collect::<Vec<_>>(), [&blank]);
    }
}

fn recovered(b: &mut Bench) -> Number {
    let n = b.open("p_ana", "sev3");
    let steps = ["acknowledge", "contain", "eradicate", "recover"].map(|s| Step { transition: s.into(), ..Step::default() }).to_vec();
    b.ask(&person("p_ana"), &Command::Take(Take { ticket: n.clone(), steps, rev: None, binding: None })).unwrap();
    b.note("p_ana", &n).unwrap();
    b.file("p_ana", &n, "contain").unwrap();
    b.file("p_ana", &n, "eradicate").unwrap();
    link(b, &n, "caused_by");
    link(b, &n, "remediated_by");
    n
}

#[test]
fn nobody_at_three_in_the_morning_is_called_tier_by_tier() {
    let mut b = shipped();
    let alert = outage(&b, "00000000000000aa", Firing);
    b.alerts_of("am", vec![alert]).unwrap();
    b.advance(2 * HOUR);
    let called: Vec<String> = b
        .facts("Escalated")
        .iter()
        .map(|e| match &e.fact {
            Fact::Escalated { to, .. } => to.clone(),
            _ => unreachable!(),
        })
        .collect();
    // Without a rota nobody stands behind its places: they are passed over, and no time is lost.
    assert_eq!(called, ["incident-manager"; 3], "from 15 minutes on, one every 15, three times");
}

#[test]
fn a_sev1_tells_leadership_and_controlled_information_tells_the_lawyers() {
    let mut b = shipped();
    let n = b.open("p_ana", "sev1");
    b.set("p_ana", &n, "data_involved", json!(["cui"])).unwrap();
    let told: Vec<&String> = b.ticket(&n).notified.keys().collect();
    assert_eq!(told, ["communications", "compliance", "leadership", "legal"]);
}

#[test]
fn a_reopened_incident_runs_the_clocks_of_the_steps_ahead() {
    let mut b = shipped();
    let n = recovered(&mut b);
    let fields = form(&b, &what_closing_needs());
    let step = |t: &str, fields: Fields| Step { transition: t.into(), fields, reason: Some(text("because")), ..Step::default() };
    b.step("p_mia", &n, step("close", fields)).unwrap();
    b.step("p_mia", &n, step("reopen", Fields::new())).unwrap();
    let running: Vec<&String> = b.ticket(&n).clocks.iter().filter(|(_, c)| c.stopped.is_none()).map(|(name, _)| name).collect();
    assert_eq!(running, ["contain", "resolve"]);
}

#[test]
fn what_a_form_leaves_out_is_taken_from_the_ticket_and_never_from_the_form_of_another_kind() {
    let b = shipped();
    let wrong = BTreeMap::from([("rollback_plan".to_owned(), json!("undo"))]);
    assert_eq!(seal(&b.library.kinds["incident"], &b.library, &wrong, &mut || [3; 32]).unwrap_err().len(), 1);
    let plain = form(&b, &BTreeMap::from([("severity".to_owned(), json!("sev1"))]));
    assert_eq!(plain["severity"], FieldInput::Plain(json!("sev1")));
}
