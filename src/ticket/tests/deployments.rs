//! Deployments: what covers one, what it starts, finishes and confirms, and what becomes of the others.

use serde_json::json;

use super::work::*;
use crate::ticket::bench::{Bench, HOUR, MINUTE, text};
use crate::ticket::command::{Command, Deployed};
use crate::ticket::decide::Decision;
use crate::ticket::deployment::{Deployment, DeploymentState, numbers_in};
use crate::ticket::event::{Actor, Fact};
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;
use DeploymentState::{Failed, Started, Succeeded};

/// A report on deployment `id`, which says `title`.
fn report(b: &Bench, id: &str, state: DeploymentState, title: &str) -> Deployed {
    let deployment = Deployment {
        source: "ci".into(),
        id: id.into(),
        state,
        repository: "acme/web-shop".into(),
        environment: "production".into(),
        transient: false,
        revision: "1a2b3c".into(),
        title: title.into(),
        names: numbers_in(title),
        pull_request: "https://git.example.com/acme/web-shop/pull/12".into(),
        author: "ana".into(),
        reviewers: vec!["bo".into()],
        by: "pipeline".into(),
        url: String::new(),
        began_at: None,
        ended_at: None,
    };
    Deployed {
        group: format!("deployment-{id}"),
        system: Some("prod-db".into()),
        // As the desk looks them up: those that count now.
        models: b.tickets.values().filter(|t| t.kind == "change-model" && t.status == "live").map(|t| t.number.clone()).collect(),
        received_at: b.now,
        sealed: text("{}"),
        payload_sha256: text("00"),
        seed: [7; 32],
        deployment,
    }
}

fn told(b: &mut Bench, report: Deployed) -> Result<Decision, Refusal> {
    b.ask(&Actor::Source { name: "ci".into() }, &Command::Deployed(Box::new(report)))
}

fn tell(b: &mut Bench, id: &str, state: DeploymentState, title: &str) -> Vec<Number> {
    let report = report(b, id, state, title);
    told(b, report).unwrap().tickets
}

fn findings(b: &Bench) -> Vec<&crate::ticket::state::Ticket> {
    b.tickets.values().filter(|t| t.kind == "finding").collect()
}

/// Why nothing covers the deployments of the latest finding.
fn lacks(b: &Bench) -> Vec<String> {
    findings(b).last().expect("a finding").deployments[0].lacks.clone()
}

fn model(b: &mut Bench, needs: &str) -> Number {
    let raw = json!({
        "title": "Deploy prod-db's schema", "system": "prod-db", "expires_at": "2026-06-01T00:00:00Z", "deployed_when": needs,
        "description": "Deploy a merged and reviewed pull request of prod-db with the pipeline, between 08:00 and 16:00.",
        "justification": "Forty such deployments went well since January; each alone is of low risk.",
        "security_impact": "None: nothing is open that was closed before.",
        "rollback_plan": "The pipeline deploys the version before; three minutes.",
    });
    let n = open(b, "p_ana", "change-model", &raw).unwrap();
    say(b, "p_chi", &n, "approve", true).unwrap();
    n
}

// proves: CHG-23, CHG-24
#[test]
fn a_deployment_that_names_a_change_starts_it_within_its_window_confirms_it_and_is_its_proof() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 25);
    b.advance(25 * HOUR);
    assert_eq!(tell(&mut b, "7", Started, &format!("{n}: more connections")), std::slice::from_ref(&n));
    let ticket = b.ticket(&n);
    assert_eq!((ticket.status.as_str(), &ticket.steps.last().unwrap().by), ("implementing", &Actor::Source { name: "ci".into() }));
    let before = b.log.len();
    assert_eq!(tell(&mut b, "7", Started, &format!("{n}: more connections")), std::slice::from_ref(&n), "answered as before");
    assert_eq!(b.log.len(), before, "a repeat is recorded once");
    b.advance(10 * MINUTE);
    tell(&mut b, "7", Succeeded, &format!("{n}: more connections"));
    let ticket = b.ticket(&n);
    assert_eq!((ticket.status.as_str(), ticket.deployments.len(), ticket.evidence_of("deployment-report")), ("implemented", 1, 1));
    let before = b.log.len();
    tell(&mut b, "7", Succeeded, &format!("{n}: more connections"));
    tell(&mut b, "7", Started, &format!("{n}: more connections"));
    assert_eq!(b.log.len(), before, "nor does a late report undo what is known");
    assert!(findings(&b).is_empty());
    // Nobody was made its owner, and people verify it.
    file(&mut b, "p_bo", &n, "before");
    file(&mut b, "p_bo", &n, "after");
    take(&mut b, "p_bo", &n, "verify", &outcome()).unwrap();
    b.assert_replay_equals_state();
}

#[test]
fn what_a_person_started_is_confirmed_and_what_a_person_finished_as_well() {
    let mut b = bench("");
    let n = approved(&mut b, "low", 25);
    b.advance(25 * HOUR);
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    tell(&mut b, "7", Succeeded, &n.to_string());
    assert_eq!(b.ticket(&n).status, "implementing", "whoever started it says when it is done");
    take(&mut b, "p_bo", &n, "finish", &json!({})).unwrap();
    tell(&mut b, "8", Succeeded, &n.to_string());
    assert_eq!(b.ticket(&n).deployments.len(), 2);
    assert!(findings(&b).is_empty());
    // The window is over: the number covers nothing more.
    b.advance(2 * HOUR);
    tell(&mut b, "9", Succeeded, &n.to_string());
    assert_eq!((findings(&b).len(), lacks(&b)), (1, vec!["OutsideWindow".to_owned()]));
}

// proves: CHG-01
#[test]
fn a_deployment_that_its_change_does_not_cover_is_a_finding_linked_both_ways() {
    let mut b = bench("");
    let n = assessed(&mut b, "low", 25);
    let expect = |b: &mut Bench, id: &str, why: &[&str]| {
        tell(b, id, Started, &n.to_string());
        let number = findings(b).last().unwrap().number.clone();
        assert_eq!(lacks(b), why, "{id}");
        assert_eq!(b.ticket(&number).plain("type"), Some(&json!("deployment-outside-change")));
        assert!(linked(b, &number, "shows").contains(&n) && linked(b, &n, "shown_by").contains(&number));
    };
    expect(&mut b, "1", &["NotApproved"]);
    say(&mut b, "p_chi", &n, "approve", true).unwrap();
    expect(&mut b, "2", &["TooEarly", "OutsideWindow"]);
    b.advance(28 * HOUR);
    expect(&mut b, "3", &["OutsideWindow"]);
    assert_eq!(b.ticket(&n).status, "approved", "nothing of it was started");
    assert_eq!(findings(&b).len(), 3);
    // The same deployment goes on: one finding holds all of it.
    tell(&mut b, "3", Succeeded, &n.to_string());
    assert_eq!((findings(&b).len(), findings(&b)[2].deployments[0].state), (3, Succeeded));
    // Of another system, though everything else is right.
    let other = approved(&mut b, "low", 25);
    b.advance(25 * HOUR);
    let mut elsewhere = report(&b, "4", Started, &other.to_string());
    elsewhere.system = Some("web-shop".into());
    told(&mut b, elsewhere).unwrap();
    assert_eq!(lacks(&b), ["OtherSystem"]);
    // What nobody started, and no system says that it is deployed from there.
    let mut unknown = report(&b, "5", Started, &other.to_string());
    unknown.system = None;
    told(&mut b, unknown).unwrap();
    assert_eq!(lacks(&b), ["NotStarted"]);
    tell(&mut b, "6", Started, &other.to_string());
    assert_eq!(b.ticket(&other).status, "implementing");
    b.assert_replay_equals_state();
}

#[test]
fn an_emergency_is_started_by_a_person_and_a_stale_approval_covers_nothing() {
    let mut b = bench("");
    let urgent =
        open(&mut b, "p_ana", "change", &json!({ "title": "Restart payments", "type": "emergency", "system": "prod-db" })).unwrap();
    tell(&mut b, "1", Started, &urgent.to_string());
    assert_eq!(lacks(&b), ["NotStarted"]);
    let n = approved(&mut b, "low", 25);
    set(&mut b, "p_ana", &n, &json!({ "description": "Raise the connection limit of prod-db from 100 to 900 and reload it at once." }))
        .unwrap();
    b.advance(25 * HOUR);
    tell(&mut b, "2", Started, &n.to_string());
    assert_eq!(lacks(&b), ["ApprovalStale"]);
    // A claim of long ago puts nothing into a window that is over.
    let n = approved(&mut b, "low", 25);
    b.advance(28 * HOUR);
    let mut late = report(&b, "3", Succeeded, &n.to_string());
    late.deployment.began_at = Some(b.now.minus(2 * HOUR));
    told(&mut b, late).unwrap();
    assert_eq!(lacks(&b), ["OutsideWindow"]);
    // A delivery takes a moment: what began a minute before the end was within it.
    let n = approved(&mut b, "low", 25);
    b.advance(27 * HOUR + MINUTE);
    let mut just = report(&b, "4", Succeeded, &n.to_string());
    just.deployment.began_at = Some(b.now.minus(2 * MINUTE));
    told(&mut b, just).unwrap();
    assert_eq!(b.ticket(&n).status, "implemented");
}

// proves: CHG-19
#[test]
fn a_live_model_covers_a_reviewed_deployment_which_opens_starts_and_finishes_its_own_change() {
    let mut b = bench("");
    let m = model(&mut b, "reviewed");
    let n = tell(&mut b, "41", Started, "Faster search")[0].clone();
    let ticket = b.ticket(&n);
    assert_eq!((ticket.kind.as_str(), ticket.status.as_str()), ("change", "implementing"));
    assert_eq!((ticket.plain("type"), ticket.plain("system")), (Some(&json!("standard")), Some(&json!("prod-db"))));
    assert_eq!(linked(&b, &n, "modelled_by"), std::slice::from_ref(&m));
    assert!(ticket.links.iter().any(|l| l.link == "pull_request" && l.to.is_none() && !l.reason_only));
    assert!(ticket.approvals.is_empty() && ticket.granted.is_empty(), "nothing was approved by it");
    tell(&mut b, "41", Failed, "Faster search");
    assert_eq!(b.ticket(&n).status, "implementing", "whether it is taken back, a person says");
    tell(&mut b, "41", Succeeded, "Faster search");
    let ticket = b.ticket(&n);
    assert_eq!((ticket.status.as_str(), ticket.fields.contains_key("outcome")), ("implemented", true));
    take(&mut b, "p_bo", &n, "verify", &json!({})).expect("the report is what was looked at");
    take(&mut b, "p_bo", &n, "close", &json!({})).unwrap();
    assert!(findings(&b).is_empty() && b.tickets.values().filter(|t| t.kind == "change").count() == 1);
    // Its next one is another change.
    assert_ne!(tell(&mut b, "42", Succeeded, "Faster still")[0], n);
    b.assert_replay_equals_state();
}

#[test]
fn without_a_live_model_a_review_or_while_frozen_a_deployment_is_a_finding_and_no_change_is_opened() {
    let freeze = "freezes: { quarter: { why: The quarter is closed., from: 2026-03-03, to: 2026-03-04 } }\n";
    let mut b = bench(freeze);
    let expect = |b: &mut Bench, id: &str, change: &dyn Fn(&mut Deployed), why: &str| {
        let mut report = report(b, id, Succeeded, "Faster search");
        change(&mut report);
        let tickets = told(b, report).unwrap().tickets;
        assert_eq!((lacks(b), tickets.len()), (vec![why.to_owned()], 1), "{id}");
        assert_eq!(findings(b).last().unwrap().plain("type"), Some(&json!("deployment-without-change")));
    };
    expect(&mut b, "1", &|_| {}, "NoModel");
    expect(&mut b, "2", &|r| r.system = None, "NoSystem");
    let m = model(&mut b, "reviewed");
    expect(&mut b, "3", &|r| r.deployment.reviewers = vec!["ANA".into()], "NotReviewed");
    expect(&mut b, "4", &|r| r.system = Some("web-shop".into()), "NoModel");
    // A number that is nobody's is none: the model covers it.
    let mut nobodys = report(&b, "5", Succeeded, "CHG-99 and TASK-7: faster search");
    assert_eq!(nobodys.deployment.names.len(), 2);
    nobodys.models = vec![m.clone()];
    assert_eq!(told(&mut b, nobodys).unwrap().tickets[0].prefix(), "CHG");
    let changes = |b: &Bench| b.tickets.values().filter(|t| t.kind == "change").count();
    assert_eq!(changes(&b), 1);
    b.now = at("2026-03-03T00:00:00Z");
    expect(&mut b, "6", &|_| {}, "Frozen");
    assert_eq!(changes(&b), 1, "none was opened for it");
    b.now = at("2026-03-04T00:00:00Z");
    tell(&mut b, "7", Succeeded, "Faster search");
    assert_eq!(changes(&b), 2);
    take(&mut b, "p_sec", &m, "retire", &json!({})).unwrap();
    expect(&mut b, "8", &|r| r.models = vec![m.clone()], "NoModel");
}

#[test]
fn only_a_tool_reports_and_only_for_itself() {
    let mut b = bench("");
    let report = report(&b, "1", Started, "x");
    for actor in [crate::ticket::bench::person("p_ana"), Actor::Scheduler, Actor::Source { name: "other".into() }] {
        let refusal = b.ask(&actor, &Command::Deployed(Box::new(report.clone()))).unwrap_err();
        assert!(matches!(refusal, Refusal::NotForYou { .. }), "{refusal}");
    }
    assert!(b.facts("DeploymentSeen").is_empty());
    // A report names at most so much, and each change is judged by itself.
    let (one, two) = (approved(&mut b, "low", 25), assessed(&mut b, "low", 25));
    b.advance(25 * HOUR);
    tell(&mut b, "2", Succeeded, &format!("{one} {two}"));
    assert_eq!((b.ticket(&one).status.as_str(), b.ticket(&two).status.as_str()), ("implemented", "assessed"));
    assert_eq!((findings(&b).len(), lacks(&b)), (1, vec!["NotApproved".to_owned()]));
    tell(&mut b, "2", Succeeded, &format!("{one} {two}"));
    assert_eq!(findings(&b).len(), 1);
    let seen = b.facts("DeploymentSeen").iter().filter(|e| matches!(&e.fact, Fact::DeploymentSeen(s) if s.cover == "approval")).count();
    assert_eq!(seen, 1);
}

#[test]
fn a_change_that_somebody_began_covers_nothing_without_the_review_that_its_model_wants_or_after_its_giver_said_no() {
    let mut b = bench("");
    let m = model(&mut b, "reviewed");
    let n = open(&mut b, "p_bo", "change", &json!({ "title": "Deploy", "type": "standard", "system": "prod-db" })).unwrap();
    link(&mut b, "p_bo", &n, "modelled_by", Some(&m));
    take(&mut b, "p_bo", &n, "start", &json!({})).unwrap();
    let mut alone = report(&b, "1", Started, &n.to_string());
    alone.deployment.reviewers.clear();
    told(&mut b, alone).unwrap();
    assert_eq!((findings(&b).len(), lacks(&b)), (1, vec!["NotReviewed".to_owned()]), "to name the change is no way around it");
    tell(&mut b, "2", Started, &n.to_string());
    assert_eq!(findings(&b).len(), 1, "a review is named");
    // An emergency that a person began, until its giver says that it was not so.
    let n = open(&mut b, "p_ana", "change", &json!({ "title": "Restart", "type": "emergency", "system": "prod-db" })).unwrap();
    let agreed = json!({ "emergency_reason": "Payments are down; every hour costs 40 orders.", "verbal_approver": "p_chi" });
    take(&mut b, "p_ana", &n, "start", &agreed).unwrap();
    tell(&mut b, "3", Started, &n.to_string());
    assert_eq!(findings(&b).len(), 1);
    say(&mut b, "p_chi", &n, "approve", false).unwrap();
    tell(&mut b, "4", Started, &n.to_string());
    assert_eq!((findings(&b).len(), lacks(&b)), (2, vec!["NotApproved".to_owned()]));
    b.assert_replay_equals_state();
}
