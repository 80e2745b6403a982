//! Every shipped procedure walked to its ends: each status is reached and left, nothing gets past an approval, nobody
//! approves their own request, and nothing closes with a gap, whatever is pressed by whom in which order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::sound::unsound;
use super::work::*;
use crate::procedure::model::Transition;
use crate::ticket::bench::{Bench, HOUR, person, text};
use crate::ticket::command::{Command, Step};
use crate::ticket::event::Fact;
use crate::ticket::number::Number;

const PERSONS: [&str; 5] = ["p_ana", "p_bo", "p_chi", "p_sec", "p_exe"];

/// The same for incidents: two who work on them, and one who leads and closes them.
const AT_WORK: [&str; 3] = ["p_ana", "p_bo", "p_mia"];

/// The same, with somebody who holds nearly every role, and who decides and does whatever can be decided and done.
pub(super) const HOSTILE: [&str; 6] = ["p_ana", "p_bo", "p_chi", "p_sec", "p_exe", "p_all"];

/// Places that differ by nothing but who took steps, of which one walk looks at so many.
const MOST_PLACES: usize = 4;

/// Something that somebody presses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Press {
    Take(&'static str, String),
    Approve(&'static str, String),
    Reject(&'static str, String),
    /// Fields are set, as JSON.
    Set(&'static str, &'static str),
    /// Somebody makes it their own.
    Own(&'static str),
    /// The first link of this word is taken back.
    Unlink(&'static str, &'static str),
    /// The review, or whatever else is linked, is done.
    Settle,
    /// Much time passes; deadlines fire.
    Wait,
    /// So many hours pass.
    Hours(u32),
}

/// What is walked: a kind, what it is opened with, by whom.
struct Walk {
    kind: &'static str,
    by: &'static str,
    raw: fn(&Bench) -> Value,
    /// Evidence that is filed at the beginning, so that nothing but order and persons is in question.
    proofs: &'static [&'static str],
    more: fn(&mut Bench, &Number),
}

fn begun(walk: &Walk) -> (Bench, Number) {
    let mut b = bench("");
    let raw = (walk.raw)(&b);
    let n = open(&mut b, walk.by, walk.kind, &raw).unwrap();
    for proof in walk.proofs {
        file(&mut b, "p_bo", &n, proof);
    }
    (walk.more)(&mut b, &n);
    (b, n)
}

pub(super) fn press(b: &mut Bench, n: &Number, press: &Press) -> bool {
    match press {
        Press::Take(who, step) if step == "merge" => {
            // Into the one that was opened beside it.
            let other = b.tickets.keys().find(|other| other.prefix() == n.prefix() && *other != n).cloned();
            let step = Step { transition: step.clone(), other, reason: Some(text("It is the same.")), ..Step::default() };
            b.step(who, n, step).is_ok()
        }
        Press::Take(who, step) => {
            let extra = match (b.ticket(n).kind.as_str(), step.as_str()) {
                ("access", "renew") => json!({ "renew_until": b.now.plus(day() * 20).to_string() }),
                _ => json!({}),
            };
            take(b, who, n, step, &extra).is_ok()
        }
        Press::Approve(who, step) => say(b, who, n, step, true).is_ok(),
        Press::Reject(who, step) => say(b, who, n, step, false).is_ok(),
        Press::Set(who, fields) => set(b, who, n, &serde_json::from_str(fields).unwrap()).is_ok(),
        Press::Own(who) => b.ask(&person(who), &Command::AssignOwner { ticket: n.clone(), person: (*who).to_owned() }).is_ok(),
        Press::Unlink(who, word) => {
            let Some(link) = b.ticket(n).links.iter().find(|l| l.link == *word).map(|l| l.id) else { return false };
            b.ask(&person(who), &Command::Unlink { ticket: n.clone(), link, reason: text("It is in the way.") }).is_ok()
        }
        Press::Settle => settle(b, n),
        Press::Wait => {
            b.advance(30 * HOUR);
            true
        }
        Press::Hours(hours) => {
            b.advance(HOUR * *hours);
            true
        }
    }
}

/// Completes the reviews that are linked.
fn settle(b: &mut Bench, n: &Number) -> bool {
    let open: Vec<Number> = linked(b, n, "reviewed_by").into_iter().filter(|r| !b.ticket(r).ended).collect();
    // By somebody who presses nothing else.
    let who = if b.ticket(n).kind == "incident" { "p_sec" } else { "p_mia" };
    open.iter().for_each(|r| review(b, who, r));
    !open.is_empty()
}

/// Steps of which it matters who took them.
const JUDGED_APART: [&str; 10] = ["submit", "finish", "start", "assess", "confirm", "verify", "grant", "contain", "eradicate", "recover"];

/// What of a ticket matters to where one can go from it.
fn key(b: &Bench, n: &Number) -> String {
    let t = b.ticket(n);
    let approvals: Vec<(&String, Vec<&str>)> =
        t.approvals.iter().map(|(s, g)| (s, g.iter().map(|a| a.person.as_str()).collect())).collect();
    let steps: BTreeSet<(&str, Option<&str>)> = t.steps.iter().map(|s| (s.transition.as_str(), s.by.person())).collect();
    // Who took steps matters only where duties are kept apart.
    let apart: BTreeSet<_> = steps.into_iter().filter(|(s, _)| JUDGED_APART.contains(s)).collect();
    format!("{} {approvals:?} {:?} {apart:?}", stage(b, n), t.owner)
}

/// Where a ticket stands, whoever brought it there.
fn stage(b: &Bench, n: &Number) -> String {
    let t = b.ticket(n);
    let granted: Vec<(&String, bool)> = t.granted.iter().map(|(s, g)| (s, g.at.plus(day()) <= b.now)).collect();
    // Each time that an incident is reopened and over again, it has one more.
    let reviews: BTreeSet<bool> = linked(b, n, "reviewed_by").iter().map(|r| b.ticket(r).ended).collect();
    let spoken = t.spoken.as_ref().map(|s| s.confirmed);
    format!("{} {granted:?} {reviews:?} {spoken:?}", t.status)
}

/// What no walk may ever show.
fn assert_sound(b: &Bench, n: &Number) {
    assert_eq!(unsound(b, n), None);
}

/// Every place that can be reached from the opening by any press, and the ways between them.
fn walked(walk: &Walk) -> BTreeMap<String, BTreeSet<String>> {
    let (b, n) = begun(walk);
    let kind = b.library.kinds[walk.kind].clone();
    let steps: Vec<String> = kind.transitions.keys().cloned().collect();
    let decided: Vec<String> = kind.transitions.values().filter(|t| t.approval.is_some()).map(|t| t.name.clone()).collect();
    let mut presses = vec![Press::Settle, Press::Wait];
    for &who in if walk.kind == "incident" { &AT_WORK[..] } else { &PERSONS[..] } {
        presses.extend(steps.iter().map(|s| Press::Take(who, s.clone())));
        presses.extend(decided.iter().map(|s| Press::Approve(who, s.clone())));
    }
    presses.extend(decided.iter().map(|s| Press::Reject("p_chi", s.clone())));
    presses.extend(decided.iter().map(|s| Press::Reject("p_exe", s.clone())));
    let mut seen = BTreeSet::from([key(&b, &n)]);
    let mut ways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut open: VecDeque<Bench> = VecDeque::from([b]);
    while let Some(here) = open.pop_front() {
        for next in &presses {
            let mut b = here.clone();
            let before = b.ticket(&n).status.clone();
            if !press(&mut b, &n, next) {
                continue;
            }
            assert_sound(&b, &n);
            ways.entry(before).or_default().insert(b.ticket(&n).status.clone());
            if seen.insert(key(&b, &n)) {
                let places = places.entry(stage(&b, &n)).or_default();
                *places += 1;
                if *places <= MOST_PLACES {
                    open.push_back(b);
                }
            }
        }
    }
    ways
}

/// Everything that a change can say, so that only order and persons are left to judge.
pub(super) fn full(b: &Bench, kind: &str, risk: &str) -> Value {
    let mut raw = request(b, 26);
    raw["window_end"] = json!(b.now.plus(day() * 90).to_string());
    raw["type"] = json!(kind);
    for (name, value) in judgement(risk).as_object().unwrap().iter().chain(outcome().as_object().unwrap()) {
        raw[name] = value.clone();
    }
    raw["emergency_reason"] = json!("Payments are down; every hour costs 40 orders.");
    raw
}

fn assert_whole(walks: &[Walk]) {
    let kind = bench("").library.kinds[walks[0].kind].clone();
    let mut ways: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for walk in walks {
        for (from, to) in walked(walk) {
            ways.entry(from).or_default().extend(to);
        }
    }
    let reached: BTreeSet<&String> = ways.values().flatten().chain(kind.statuses.first()).collect();
    for status in &kind.statuses {
        assert!(reached.contains(status), "{}: nobody ever comes to {status}: {ways:?}", kind.name);
        let left = ways.get(status).is_some_and(|to| to.iter().any(|s| s != status));
        // Where work has ended, nothing leads on but what takes that back openly.
        let taken_back = |t: &&Transition| (t.reopens || t.unmerges) && t.from.iter().any(|from| from.status == *status);
        let back = kind.transitions.values().any(|t| taken_back(&t));
        assert_eq!(left, back || !kind.ended.contains(status), "{}: {status}", kind.name);
    }
}

#[test]
fn a_normal_change_and_an_emergency_reach_and_leave_every_status_and_never_get_past_an_approval() {
    let walks = [
        Walk { kind: "change", by: "p_ana", raw: |b| full(b, "normal", "low"), proofs: &["before", "after"], more: |_, _| {} },
        Walk {
            kind: "change",
            by: "p_ana",
            raw: |b| {
                let mut raw = full(b, "emergency", "low");
                raw["verbal_approver"] = json!("p_chi");
                raw
            },
            proofs: &["before", "after"],
            more: |_, _| {},
        },
    ];
    assert_whole(&walks);
}

#[test]
fn a_standard_change_goes_no_way_round_its_model() {
    let raw = |b: &Bench| full(b, "standard", "low");
    let more = |b: &mut Bench, n: &Number| {
        let model = model(b, "prod-db");
        link(b, "p_ana", n, "modelled_by", Some(&model));
    };
    let ways = walked(&Walk { kind: "change", by: "p_ana", raw, proofs: &["before", "after"], more });
    assert!(ways["draft"].contains("implementing") && ways["verified"].contains("closed"), "{ways:?}");
}

/// An incident with everything that closing wants but for its review, and another one beside it.
fn incident(severity: &'static str) -> Walk {
    let raw = match severity {
        "sev1" => |_: &Bench| down("sev1"),
        _ => |_: &Bench| down("sev3"),
    };
    let more = |b: &mut Bench, n: &Number| {
        b.note("p_ana", n).unwrap();
        link(b, "p_ana", n, "caused_by", None);
        link(b, "p_ana", n, "remediated_by", None);
        open(b, "p_bo", "incident", &down("sev3")).unwrap();
    };
    Walk { kind: "incident", by: "p_ana", raw, proofs: &["contain", "eradicate"], more }
}

fn down(severity: &str) -> Value {
    json!({
        "title": "Everything is down", "severity": severity, "class": "availability/outage", "vector": "other", "detection_source": "alert",
        "data_involved": ["none"], "systems_affected": ["payments"], "reporting_duties": ["none"], "root_cause": "A full disk.",
        "resolution": "Made room.", "disposition": "remediated",
    })
}

#[test]
fn an_incident_reaches_and_leaves_every_status_and_a_serious_one_is_judged_by_somebody_else() {
    assert_whole(&[incident("sev1"), incident("sev3")]);
}

fn needed(b: &Bench, way: &str, role: &str, hours: u32) -> Value {
    json!({
        "title": "Somebody needs prod-db", "type": way, "system": "prod-db", "role": role, "requested_for": "p_ana",
        "justification": "Payments hang; a blocking query must be killed on prod-db now.",
        "expires_at": b.now.plus(HOUR * hours).to_string(),
    })
}

#[test]
fn emergency_use_and_privileged_access_go_no_way_round_those_who_judge_them() {
    let walk =
        |raw: fn(&Bench) -> Value| Walk { kind: "access", by: "p_ana", raw, proofs: &["deprovisioning", "activity"], more: |_, _| {} };
    let ways = walked(&walk(|b| needed(b, "break-glass", "read", 4)));
    assert!(ways["requested"].contains("granted") && ways["revoked"].contains("closed"), "{ways:?}");
    let ways = walked(&walk(|b| needed(b, "privileged", "admin", 240)));
    assert!(!ways["requested"].contains("granted") && ways["approved"].contains("granted"), "{ways:?}");
}

#[test]
fn access_reaches_and_leaves_every_status_and_is_never_given_unapproved() {
    let raw = |b: &Bench| {
        json!({
            "title": "Payroll reads prod-db", "system": "prod-db", "role": "read", "requested_for": "p_ana",
            "justification": "Ana joins the payroll team on 1 December and runs the month-end reports from prod-db.",
            "expires_at": b.now.plus(day() * 10).to_string(),
        })
    };
    assert_whole(&[Walk { kind: "access", by: "p_ana", raw, proofs: &["deprovisioning"], more: |_, _| {} }]);
}

#[test]
fn what_a_review_takes_away_and_what_was_found_reach_and_leave_every_status() {
    let removal =
        |_: &Bench| json!({ "title": "Take away: admin on prod-db", "type": "revoke", "system": "prod-db", "requested_for": "p_bo" });
    assert_whole(&[Walk { kind: "removal", by: "p_dan", raw: removal, proofs: &["deprovisioning"], more: |_, _| {} }]);
    assert_whole(&[Walk {
        kind: "finding",
        by: "p_ana",
        raw: |_| json!({ "title": "Deployed by hand", "description": "Deployment 7 of web-shop names no change.", "system": "prod-db" }),
        proofs: &[],
        more: |b, n| {
            let raw = json!({ "explanation": "Ana deployed the fix by hand at night; its change was opened the next morning." });
            set(b, "p_ana", n, &raw).unwrap();
            link(b, "p_ana", n, "corrected_by", None);
        },
    }]);
}

#[test]
fn exceptions_models_reviews_and_actions_reach_and_leave_every_status() {
    let exception = |b: &Bench| {
        json!({
            "title": "Port 8443 stays open", "type": "control", "scope": "Only the load balancer, until it is replaced.",
            "justification": "The new load balancer arrives in May; the old one cannot close it.",
            "compensation": "The firewall lets in our two offices only.", "expires_at": b.now.plus(day() * 5).to_string(),
        })
    };
    assert_whole(&[Walk { kind: "exception", by: "p_ana", raw: exception, proofs: &[], more: |_, _| {} }]);
    let model = |b: &Bench| {
        json!({
            "title": "Deploy web-shop", "system": "prod-db", "expires_at": b.now.plus(day() * 5).to_string(),
            "description": "Deploy a merged and reviewed pull request of web-shop with the pipeline, between 08:00 and 16:00.",
            "justification": "Forty such deployments went well since January; each alone is of low risk.",
            "security_impact": "None: nothing is open that was closed before.",
            "rollback_plan": "The pipeline deploys the version before; three minutes.",
        })
    };
    assert_whole(&[Walk { kind: "change-model", by: "p_ana", raw: model, proofs: &[], more: |_, _| {} }]);
    assert_whole(&[Walk {
        kind: "review",
        by: "p_ana",
        raw: |_| json!({ "title": "Look back" }),
        proofs: &[],
        more: |b, n| {
            let raw = json!({ "findings": "It went as planned; the window was long enough.", "outcome": "fine" });
            set(b, "p_ana", n, &raw).unwrap();
            link(b, "p_ana", n, "corrected_by", None);
        },
    }]);
    let action = |b: &Bench| {
        json!({
            "title": "Rotate logs", "due": b.now.plus(day() * 30).to_string(),
            "description": "Rotate logs on all hosts by the base role, and alert at 80 % of the disk.",
        })
    };
    assert_whole(&[Walk {
        kind: "corrective-action",
        by: "p_ana",
        raw: action,
        proofs: &[],
        more: |b, n| {
            let raw = json!({ "result": "Rotation runs on all 14 hosts; the alert fired in a test on 9 March." });
            set(b, "p_ana", n, &raw).unwrap();
        },
    }]);
}

/// Corrections of a change by which somebody might get round a rule.
const SETS: [&str; 5] =
    [r#"{"type":"normal"}"#, r#"{"type":"standard"}"#, r#"{"type":"emergency"}"#, r#"{"system":"web-shop"}"#, r#"{"system":"prod-db"}"#];
/// Answers from which the risk follows.
const SCORES: [&str; 2] = [
    r#"{"criticality":"low","exposure":"low","rollback_complexity":"low"}"#,
    r#"{"criticality":"high","exposure":"high","rollback_complexity":"high"}"#,
];

fn a_press() -> impl Strategy<Value = (usize, Press)> {
    let who = || prop::sample::select(HOSTILE.to_vec());
    let step = prop::sample::select(vec![
        "submit",
        "submit",
        "assess",
        "assess",
        "start",
        "start",
        "start",
        "finish",
        "verify",
        "close",
        "cancel",
        "roll_back",
        "reject",
    ]);
    let press = prop_oneof![
        8 => (who(), step).prop_map(|(w, s)| Press::Take(w, s.to_owned())),
        4 => who().prop_map(|w| Press::Approve(w, "approve".to_owned())),
        1 => who().prop_map(|w| Press::Reject(w, "approve".to_owned())),
        // What somebody writes who approves it is their own from then on; these two approve nothing.
        2 => (prop::sample::select(vec!["p_ana", "p_bo"]), prop::sample::select(SETS.to_vec())).prop_map(|(w, s)| Press::Set(w, s)),
        1 => (who(), prop::sample::select(SCORES.to_vec())).prop_map(|(w, s)| Press::Set(w, s)),
        1 => who().prop_map(Press::Own),
        1 => (who(), prop::sample::select(vec!["reviewed_by", "modelled_by", "excepted_by"])).prop_map(|(w, l)| Press::Unlink(w, l)),
        1 => Just(Press::Settle),
        2 => Just(Press::Wait),
    ];
    (0..4_usize, press)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn in_any_order_of_presses_the_dates_of_a_change_are_in_order_or_a_record_says_why(presses in prop::collection::vec(a_press(), 1..60)) {
        let mut b = bench("");
        let model = json!({
            "title": "Deploy web-shop", "system": "web-shop", "expires_at": b.now.plus(day() * 9).to_string(),
            "description": "Deploy a merged and reviewed pull request of web-shop with the pipeline, between 08:00 and 16:00.",
            "justification": "Forty such deployments went well since January; each alone is of low risk.",
            "security_impact": "None: nothing is open that was closed before.",
            "rollback_plan": "The pipeline deploys the version before; three minutes.",
        });
        let model = open(&mut b, "p_ana", "change-model", &model).unwrap();
        say(&mut b, "p_chi", &model, "approve", true).unwrap();
        let numbers: Vec<Number> = [("normal", "low"), ("emergency", "low"), ("standard", "low"), ("normal", "high")]
            .into_iter()
            .map(|(kind, risk)| {
                let mut raw = full(&b, kind, risk);
                raw["verbal_approver"] = json!("p_chi");
                let n = open(&mut b, "p_ana", "change", &raw).unwrap();
                file(&mut b, "p_bo", &n, "before");
                file(&mut b, "p_bo", &n, "after");
                n
            })
            .collect();
        link(&mut b, "p_ana", &numbers[2], "modelled_by", Some(&model));
        for (which, pressed) in &presses {
            press(&mut b, &numbers[*which], pressed);
            numbers.iter().for_each(|n| assert_sound(&b, n));
        }
        b.assert_replay_equals_state();
        // What began as an emergency has exactly one review, and is one for ever.
        for n in &numbers {
            let t = b.ticket(n);
            let started = t.steps.iter().filter(|s| s.transition == "start").count();
            prop_assert!(started <= 1);
            if started == 1 && (t.plain("type") == Some(&json!("emergency")) || t.spoken.is_some()) {
                prop_assert_eq!((t.plain("type"), linked(&b, n, "reviewed_by").len()), (Some(&json!("emergency")), 1));
            }
        }
        let alone = b.log.iter().filter(|e| matches!(&e.fact, Fact::ApprovalDecided { self_approved: true, .. })).count();
        prop_assert_eq!(alone, 0);
    }
}
