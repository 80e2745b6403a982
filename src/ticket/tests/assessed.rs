//! What an assessor asks of the shipped procedures: the same gates for every sort of change, a way that can be followed, who
//! had the authority, and that what happened is looked back on.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::work::*;
use crate::procedure::model::{Kind, Transition};
use crate::ticket::bench::{Bench, HOUR};
use crate::ticket::number::Number;
use crate::ticket::trace::{Deed, trace};

/// The gates of a change of this category: what each step of assessment, approval and verification asks for, by whom, and which
/// duties are kept apart. Read off the model, with the conditions judged on such a change.
fn gates(kind: &Kind, category: &str) -> Vec<(String, Vec<String>)> {
    let fields = json!({ "type": "normal", "category": category, "risk": "high" });
    let mut variables = crate::procedure::expression::Variables::new();
    variables.insert(
        "ticket".into(),
        json!({ "fields": fields, "levels_seen": { "risk": ["high"] }, "severity": "", "taken": [], "stale": false, "spoken": "none" }),
    );
    let holds = |when: Option<&crate::procedure::expression::Expression>| crate::procedure::rules::applies(when, &variables);
    let of = |t: &Transition| {
        let mut out: Vec<String> = t.by.iter().map(|by| format!("by {by}")).collect();
        out.extend(t.requires.fields.iter().map(|f| format!("field {f}")));
        for also in t.requires.also.iter().filter(|also| holds(Some(&also.when))) {
            out.extend(also.fields.iter().map(|f| format!("field {f}")).chain(also.evidence.iter().map(|e| format!("evidence {e}"))));
        }
        for stage in t.approval.iter().flat_map(|a| &a.stages).filter(|s| holds(s.when.as_ref())) {
            out.push(format!("{} of {:?} or {:?}", stage.count, stage.by, stage.otherwise));
        }
        out.extend(t.requires.approved.iter().filter(|a| holds(a.when.as_ref())).map(|a| format!("approved {} {:?}", a.by, a.lead)));
        out.extend(t.requires.linked.iter().filter(|l| holds(l.when.as_ref())).map(|l| format!("linked {}", l.link)));
        out.extend(t.requires.window.iter().filter(|w| holds(w.when.as_ref())).map(|w| format!("window {:?}", w.must)));
        out.extend(t.requires.unfrozen.iter().filter(|u| holds(u.when.as_ref())).map(|_| "no freeze".to_owned()));
        (t.name.clone(), out)
    };
    let mut out: Vec<_> = kind.transitions.values().map(of).collect();
    let apart = kind.separate.iter().filter(|s| holds(s.when.as_ref())).map(|s| s.duties.join("/")).collect();
    out.push(("separate".to_owned(), apart));
    out
}

// proves: CHG-26
#[test]
fn a_change_of_access_passes_the_same_gates_as_a_change_of_configuration() {
    let b = bench("");
    let kind = &b.library.kinds["change"];
    let (access, configuration) = (gates(kind, "user-access"), gates(kind, "configuration"));
    for ((step, of_access), (_, of_configuration)) in access.iter().zip(&configuration) {
        let (a, c): (BTreeSet<_>, BTreeSet<_>) = (of_access.iter().collect(), of_configuration.iter().collect());
        let more: Vec<&str> = a.difference(&c).map(|w| w.as_str()).collect();
        // Whose access it is has to be said; nothing else differs, and nothing is missing.
        let expected: &[&str] = if step == "submit" { &["field requested_for"] } else { &[] };
        assert!(c.is_subset(&a) && more == expected, "{step}: {more:?}");
    }
    let asked = |step: &str, what: &str| access.iter().any(|(name, of)| name == step && of.iter().any(|w| w.contains(what)));
    assert!(
        asked("assess", "field assessment") && asked("approve", "1 of [\"owner-of-system\"") && asked("start", "approved approve 86400s")
    );
    assert!(asked("verify", "evidence before") && asked("verify", "evidence after") && asked("close", "linked reviewed_by"));
    assert!(asked("separate", "request/approve") && asked("separate", "finish/verify"));
    // A gate less would be seen.
    assert_ne!(gates(kind, "software"), configuration);
}

// proves: CHG-08
#[test]
fn a_change_is_approved_by_the_authority_of_that_moment_and_the_event_says_as_what() {
    let share = |owner: &str| {
        let systems =
            ESTATE.replace("  web-shop:", &format!("  share:\n    title: File share\n    owner: {owner}@example.com\n  web-shop:"));
        playbooks(&systems)
    };
    let mut b = Bench::with(share("vic"));
    b.now = at("2026-03-02T09:00:00Z");
    let mut raw = request(&b, 26);
    raw["system"] = json!("share");
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(&mut b, "p_bo", &n, "assess", &judgement("high")).unwrap();
    // Somebody without any of the roles, somebody who answers for another system, and yesterday's owner.
    for who in ["p_max", "p_bo"] {
        let refusal = say(&mut b, who, &n, "approve", true).unwrap_err();
        assert_eq!((refusal.code(), refusal.recorded()), ("NotAllowed", true), "{who}");
    }
    b.library = share("lea");
    assert_eq!(say(&mut b, "p_vic", &n, "approve", true).unwrap_err().code(), "NotAllowed", "the owner of yesterday");
    say(&mut b, "p_lea", &n, "approve", true).expect("the owner of today");
    // High risk wants the security officer or an executive as well; an approver is neither.
    assert_eq!(say(&mut b, "p_chi", &n, "approve", true).unwrap_err().code(), "NotAllowed");
    say(&mut b, "p_sec", &n, "approve", true).unwrap();
    let given = &b.ticket(&n).granted["approve"].given;
    let as_what: Vec<(&str, &[String])> = given.iter().map(|a| (a.person.as_str(), a.roles.as_slice())).collect();
    assert_eq!(as_what[0].0, "p_lea");
    assert_eq!(as_what[1], ("p_sec", &["security-officer".to_owned()][..]));
    assert_eq!(b.facts("Refused").len(), 4, "every attempt is on record");
}

// proves: CHG-11
#[test]
fn no_change_is_approved_or_covered_without_a_word_on_its_security_impact() {
    let mut b = bench("");
    // A normal one does not get as far as being judged; an empty phrase is none.
    let mut raw = request(&b, 26);
    raw.as_object_mut().unwrap().remove("security_impact");
    let n = open(&mut b, "p_ana", "change", &raw).unwrap();
    let refusal = take(&mut b, "p_ana", &n, "submit", &json!({})).unwrap_err();
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["security_impact"]);
    let kind = &b.library.kinds["change"];
    let empty = crate::ticket::fields::seal(kind, &b.library, &[("security_impact".to_owned(), json!("none"))].into(), &mut || [3; 32]);
    assert!(empty.is_err());
    let said = json!({ "security_impact": "None: the port stays closed to the internet, no controlled information moves." });
    take(&mut b, "p_ana", &n, "submit", &said).unwrap();
    // How exposed the data is belongs to it: nobody is asked to approve what was not judged.
    let mut judged = judgement("low");
    judged.as_object_mut().unwrap().remove("exposure");
    let refusal = take(&mut b, "p_bo", &n, "assess", &judged).unwrap_err();
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["exposure"]);
    take(&mut b, "p_bo", &n, "assess", &judgement("low")).unwrap();
    // A model covers many changes in advance: it says so once, and its approvers bind it.
    let mut model = json!({
        "title": "Deploy web-shop", "system": "web-shop", "expires_at": b.now.plus(day() * 90).to_string(),
        "description": "Deploy a merged and reviewed pull request of web-shop with the pipeline, between 08:00 and 16:00.",
        "justification": "Forty such deployments went well since January; each alone is of low risk.",
        "rollback_plan": "The pipeline deploys the version before; three minutes.",
    });
    let refusal = open(&mut b, "p_ana", "change-model", &model).unwrap_err();
    assert_eq!(refusal.fields().keys().collect::<Vec<_>>(), ["security_impact"]);
    model["security_impact"] = said["security_impact"].clone();
    open(&mut b, "p_ana", "change-model", &model).unwrap();
    assert!(b.library.kinds["change-model"].transitions["approve"].approval.as_ref().unwrap().of.contains(&"security_impact".to_owned()));
}

/// Brings a change to its end; of a type that turns with `i`.
fn closed(b: &mut Bench, i: usize) -> Number {
    let level = if i.is_multiple_of(3) { "high" } else { "low" };
    let n = approved(b, level, 25);
    b.advance(25 * HOUR);
    take(b, "p_bo", &n, "start", &json!({})).unwrap();
    take(b, "p_bo", &n, "finish", &json!({})).unwrap();
    file(b, "p_bo", &n, "before");
    file(b, "p_bo", &n, "after");
    take(b, "p_dan", &n, "verify", &outcome()).unwrap();
    for review_of in linked(b, &n, "reviewed_by") {
        review(b, "p_mia", &review_of);
    }
    take(b, "p_dan", &n, "close", &json!({})).unwrap();
    n
}

// proves: CHG-30
#[test]
fn twenty_five_changes_picked_at_random_can_each_be_followed_from_the_request_to_the_proof() {
    let mut b = bench("");
    let population: Vec<Number> = (0..40).map(|i| closed(&mut b, i)).collect();
    let kind = b.library.kinds["change"].clone();
    let mut drawn: Vec<&Number> = population.iter().collect();
    drawn.sort_by_key(|n| Sha256::digest(format!("draw of 2026 {n}")).to_vec());
    for n in drawn.into_iter().take(25) {
        let way = trace(b.ticket(n), &kind).expect("a way");
        assert!(way.complete && way.lacks.is_empty() && way.in_order, "{n}: {way:?}");
        let parts: Vec<&str> = way.entries.iter().map(|e| e.part.as_str()).collect();
        assert!(parts.is_sorted_by_key(|part| kind.trace.get_index_of(*part)), "{parts:?}");
        assert!(way.entries.iter().all(|e| e.by.is_some() && e.at.is_some()), "{n}: everybody and every time is named");
        assert!(way.entries.iter().any(|e| matches!(&e.deed, Deed::Approved { digest, .. } if digest.len() == 64)));
    }
    // What is not there is said to be missing, and nothing stands in for it.
    let n = assessed(&mut b, "low", 30);
    let way = trace(b.ticket(&n), &kind).unwrap();
    assert!(!way.complete);
    assert_eq!(way.lacks, ["approval", "implementation", "verification"]);
    let mut forged = b.ticket(&population[0]).clone();
    forged.granted.clear();
    forged.steps.retain(|s| s.transition != "approve");
    let way = trace(&forged, &kind).unwrap();
    assert_eq!((way.complete, way.lacks), (false, vec!["approval".to_owned()]));
    let mut forged = b.ticket(&population[0]).clone();
    let late = forged.ended_at.unwrap().plus(HOUR);
    forged.granted.get_mut("approve").unwrap().given.iter_mut().for_each(|a| a.at = late);
    forged.steps.iter_mut().filter(|s| s.transition == "approve").for_each(|s| s.at = late);
    assert!(!trace(&forged, &kind).unwrap().in_order, "approved after it was done");
}

/// A serious incident that stands recovered, with everything that closing wants but for its review.
fn recovered(b: &mut Bench, severity: &str) -> Number {
    let raw = json!({
        "title": "Everything is down", "severity": severity, "class": "availability/outage", "vector": "other", "detection_source": "alert",
        "data_involved": ["none"], "systems_affected": ["payments"], "reporting_duties": ["none"], "root_cause": "A full disk.",
        "resolution": "Made room.", "disposition": "remediated",
    });
    let n = open(b, "p_ana", "incident", &raw).unwrap();
    for step in ["acknowledge", "contain", "eradicate", "recover"] {
        take(b, "p_ana", &n, step, &json!({})).unwrap();
    }
    complete(b, &n);
    n
}

fn complete(b: &mut Bench, n: &Number) {
    b.note("p_ana", n).unwrap();
    file(b, "p_ana", n, "contain");
    file(b, "p_ana", n, "eradicate");
    link(b, "p_ana", n, "caused_by", None);
    link(b, "p_ana", n, "remediated_by", None);
}

fn closes(b: &mut Bench, who: &str, n: &Number) -> Result<(), crate::ticket::refusal::Refusal> {
    take(b, who, n, "close", &json!({})).map(drop)
}

// proves: INC-13
#[test]
fn a_serious_incident_closes_only_with_its_review_completed_or_waived_by_somebody_apart() {
    let mut b = bench("");
    let n = recovered(&mut b, "sev2");
    let review_of = linked(&b, &n, "reviewed_by").pop().expect("opened when service was back");
    let due = b.ticket(&review_of).plain("due").cloned().expect("a day");
    assert_eq!(due, json!(b.now.plus(day() * 5).to_string()));
    assert_eq!(b.ticket(&review_of).clocks["complete"].due, b.now.plus(day() * 5));
    let refusal = closes(&mut b, "p_mia", &n).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("RecordMissing", true));
    assert!(refusal.sentence().contains("post-incident review"), "{refusal}");
    // A review of something else, or of another sort, does not stand in for it; nor is its own review got rid of.
    let other = open(&mut b, "p_mia", "review", &json!({ "title": "Looked at tickets", "type": "qa" })).unwrap();
    review(&mut b, "p_mia", &other);
    link(&mut b, "p_mia", &n, "reviewed_by", Some(&other));
    assert_eq!(closes(&mut b, "p_mia", &n).unwrap_err().code(), "RecordMissing");
    let own = b.ticket(&n).links.iter().find(|l| l.to.as_ref() == Some(&review_of)).unwrap().id;
    let unlink =
        crate::ticket::command::Command::Unlink { ticket: n.clone(), link: own, reason: crate::ticket::bench::text("it is in the way") };
    assert_eq!(b.ask(&crate::ticket::bench::person("p_mia"), &unlink).unwrap_err().code(), "LinkStays");
    let back = b.ticket(&review_of).links.iter().find(|l| l.to.as_ref() == Some(&n)).unwrap().id;
    let unlink =
        crate::ticket::command::Command::Unlink { ticket: review_of.clone(), link: back, reason: crate::ticket::bench::text("in the way") };
    assert_eq!(b.ask(&crate::ticket::bench::person("p_mia"), &unlink).unwrap_err().code(), "LinkStays");
    review(&mut b, "p_mia", &review_of);
    closes(&mut b, "p_mia", &n).unwrap();
    // Waived: not by the lead, not by whoever worked on it, and with a reason.
    let n = recovered(&mut b, "sev1");
    let review_of = linked(&b, &n, "reviewed_by").pop().unwrap();
    let lead = crate::ticket::command::Command::AssignLead { ticket: n.clone(), person: "p_mia".into() };
    b.ask(&crate::ticket::bench::person("p_ana"), &lead).unwrap();
    assert_eq!(take(&mut b, "p_ana", &review_of, "void", &json!({})).unwrap_err().code(), "NotAllowed");
    let refusal = take(&mut b, "p_mia", &review_of, "void", &json!({})).unwrap_err();
    assert_eq!((refusal.code(), refusal.recorded()), ("DutiesApart", true));
    assert!(refusal.sentence().contains(&format!("You had a part in {n}")), "{refusal}");
    let mute = crate::ticket::command::Step { transition: "void".into(), ..Default::default() };
    assert_eq!(b.step("p_sec", &review_of, mute).unwrap_err().code(), "ReasonMissing");
    take(&mut b, "p_sec", &review_of, "void", &json!({})).unwrap();
    closes(&mut b, "p_max", &n).unwrap();
    b.assert_replay_equals_state();
}

// proves: INC-13
#[test]
fn lowering_a_severity_does_not_spare_the_review_and_a_small_incident_needs_none() {
    let mut b = bench("");
    let n = recovered(&mut b, "sev3");
    assert!(linked(&b, &n, "reviewed_by").is_empty());
    closes(&mut b, "p_mia", &n).unwrap();
    let raw = json!({ "title": "Down", "severity": "sev1" });
    let n = open(&mut b, "p_ana", "incident", &raw).unwrap();
    take(&mut b, "p_ana", &n, "acknowledge", &json!({})).unwrap();
    set(&mut b, "p_ana", &n, &json!({ "severity": "sev4" })).unwrap();
    for step in ["contain", "eradicate", "recover"] {
        take(&mut b, "p_ana", &n, step, &json!({})).unwrap();
    }
    complete(&mut b, &n);
    assert_eq!(linked(&b, &n, "reviewed_by").len(), 1, "opened all the same");
    let rest: Value = json!({
        "class": "availability/outage", "vector": "other", "data_involved": ["none"], "systems_affected": ["payments"],
        "reporting_duties": ["none"], "root_cause": "A full disk.", "resolution": "Made room.", "disposition": "remediated",
    });
    set(&mut b, "p_ana", &n, &rest).unwrap();
    assert_eq!(closes(&mut b, "p_mia", &n).unwrap_err().code(), "RecordMissing");
    // Raised only after service was back: no review was opened, and one is wanted all the same.
    let n = recovered(&mut b, "sev3");
    set(&mut b, "p_ana", &n, &json!({ "severity": "sev2" })).unwrap();
    assert_eq!(closes(&mut b, "p_mia", &n).unwrap_err().code(), "RecordMissing");
    let by_hand = open(&mut b, "p_mia", "review", &json!({ "title": "Look back", "type": "post-incident" })).unwrap();
    link(&mut b, "p_mia", &n, "reviewed_by", Some(&by_hand));
    assert_eq!(closes(&mut b, "p_mia", &n).unwrap_err().code(), "RecordMissing");
    review(&mut b, "p_mia", &by_hand);
    closes(&mut b, "p_mia", &n).unwrap();
}

// proves: RCA-02
#[test]
fn nothing_is_final_before_each_corrective_action_was_taken_on_by_somebody() {
    let mut b = bench("");
    let n = recovered(&mut b, "sev3");
    let action = |b: &mut Bench| open(b, "p_mia", "corrective-action", &json!({ "title": "Rotate logs everywhere" })).unwrap();
    let (first, second) = (action(&mut b), action(&mut b));
    let accepted = |b: &Bench| json!({ "description": "Rotate logs on all hosts by the base role, and alert at 80 % of the disk.", "due": b.now.plus(day() * 10).to_string() });
    link(&mut b, "p_mia", &n, "corrected_by", Some(&first));
    link(&mut b, "p_mia", &n, "corrected_by", Some(&second));
    let refusal = closes(&mut b, "p_mia", &n).unwrap_err();
    assert!(refusal.code() == "RecordMissing" && refusal.sentence().contains("taken on"), "{refusal}");
    let fields = accepted(&b);
    take(&mut b, "p_bo", &first, "start", &fields).unwrap();
    assert_eq!(closes(&mut b, "p_mia", &n).unwrap_err().code(), "RecordMissing", "one of two");
    take(&mut b, "p_bo", &second, "start", &fields).unwrap();
    closes(&mut b, "p_mia", &n).unwrap();
    // What came to nothing does not count, and that nothing follows has to be said.
    let n = recovered(&mut b, "sev3");
    let third = action(&mut b);
    link(&mut b, "p_mia", &n, "corrected_by", Some(&third));
    take(&mut b, "p_mia", &third, "void", &json!({})).unwrap();
    assert_eq!(closes(&mut b, "p_mia", &n).unwrap_err().code(), "RecordMissing");
    link(&mut b, "p_mia", &n, "corrected_by", None);
    closes(&mut b, "p_mia", &n).unwrap();
    // A review is complete on the same condition.
    let rev = open(&mut b, "p_mia", "review", &json!({ "title": "Look back", "type": "post-incident" })).unwrap();
    let fourth = action(&mut b);
    link(&mut b, "p_mia", &rev, "corrected_by", Some(&fourth));
    let findings = json!({ "findings": "Log rotation was off on one host; the alert came an hour late.", "outcome": "improve" });
    assert_eq!(take(&mut b, "p_mia", &rev, "complete", &findings).unwrap_err().code(), "RecordMissing");
    take(&mut b, "p_bo", &fourth, "start", &fields).unwrap();
    take(&mut b, "p_mia", &rev, "complete", &findings).unwrap();
}
