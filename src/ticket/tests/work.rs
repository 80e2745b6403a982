//! The shipped procedures at work: helpers for tests that walk changes, access and reviews.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::env::Timestamp;
use crate::procedure::model::Library;
use crate::procedure::{built_in, load};
use crate::ticket::approval;
use crate::ticket::bench::{Bench, HOUR, person, text};
use crate::ticket::command::{AttachEvidence, Command, Fields, Open, Step, Take};
use crate::ticket::decide::{Decision, KindLookup};
use crate::ticket::fields::seal;
use crate::ticket::number::Number;
use crate::ticket::refusal::Refusal;

/// What the organisation of these tests has, appended to the shipped `organisation.yaml`.
pub(super) const ESTATE: &str = "
systems:
  prod-db:
    title: Production database
    owner: dan@example.com
    roles:
      read:  { title: Reads everything, most: 90d }
      admin: { title: Changes everything, most: 30d, privileged: true }
    break_glass: 4h
  web-shop:
    title: Web shop
    owner: [chi@example.com]
    implementers: [bo@example.com]
reports_to: { ana@example.com: mia@example.com, dan@example.com: exe@example.com }
sources: { pager: chi@example.com }
conflicts: [[administrator, approver]]
";

/// The shipped playbooks with more in `organisation.yaml`.
pub(super) fn playbooks(more: &str) -> Arc<Library> {
    changed(more, |path, text| if path == "organisation.yaml" { format!("{text}{more}") } else { text })
}

/// The shipped playbooks, each file changed: compiled once for each `key`.
pub(super) fn changed(key: &str, change: impl Fn(&str, String) -> String) -> Arc<Library> {
    static KNOWN: Mutex<BTreeMap<String, Arc<Library>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(library) = known.get(key) {
        return Arc::clone(library);
    }
    let files = built_in().into_iter().map(|(path, bytes)| {
        let text = change(&path, String::from_utf8(bytes).unwrap());
        (path, text.into_bytes())
    });
    let library = load(files.collect()).map_err(|f| f.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    let library = Arc::new(library.unwrap());
    known.insert(key.to_owned(), Arc::clone(&library));
    library
}

/// A bench with the shipped playbooks, the systems above, and what a test adds.
pub(super) fn bench(more: &str) -> Bench {
    let mut b = Bench::with(playbooks(&format!("{ESTATE}{more}")));
    b.now = at("2026-03-02T09:00:00Z");
    b
}

pub(super) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(super) fn day() -> Duration {
    24 * HOUR
}

/// What somebody typed, sealed as the procedure wants it.
pub(super) fn typed(b: &Bench, kind: &str, raw: &Value) -> Fields {
    let raw: BTreeMap<String, Value> = raw.as_object().unwrap().clone().into_iter().collect();
    seal(&b.library.kinds[kind], &b.library, &raw, &mut || [3; 32]).unwrap_or_else(|p| panic!("{p:?}"))
}

pub(super) fn open(b: &mut Bench, who: &str, kind: &str, raw: &Value) -> Result<Number, Refusal> {
    let fields = typed(b, kind, raw);
    let (intake, received_at) = ("console".into(), b.now);
    let open = Open { kind: kind.into(), fields, response: None, occurred_at: None, intake, received_at };
    b.ask(&person(who), &Command::Open(open)).map(|d| d.tickets[0].clone())
}

pub(super) fn take(b: &mut Bench, who: &str, n: &Number, step: &str, raw: &Value) -> Result<Decision, Refusal> {
    let fields = typed(b, &b.ticket(n).kind.clone(), raw);
    let step = Step { transition: step.into(), fields, reason: Some(text("as the test says")), ..Step::default() };
    b.ask(&person(who), &Command::Take(Take { ticket: n.clone(), steps: vec![step], rev: None, binding: None }))
}

pub(super) fn set(b: &mut Bench, who: &str, n: &Number, raw: &Value) -> Result<Decision, Refusal> {
    let fields = typed(b, &b.ticket(n).kind.clone(), raw);
    b.ask(&person(who), &Command::SetFields { ticket: n.clone(), fields, reason: Some(text("as the test says")) })
}

/// A decision on what stands there now.
pub(super) fn say(b: &mut Bench, who: &str, n: &Number, step: &str, approve: bool) -> Result<Decision, Refusal> {
    let ticket = b.ticket(n);
    let digest = approval::digest(ticket, &b.kind(&ticket.kind_digest).unwrap().transitions[step]).unwrap();
    let command = Command::Decide { ticket: n.clone(), transition: step.into(), approve, digest, reason: text("looked at it") };
    b.ask(&person(who), &command)
}

pub(super) fn file(b: &mut Bench, who: &str, n: &Number, proof: &str) {
    let (name, sha256, media_type) = (text("proof.txt"), text("00"), "text/plain".into());
    let file = AttachEvidence { ticket: n.clone(), name, sha256, size: 3, media_type, phase: Some(proof.into()), captured_at: None };
    b.ask(&person(who), &Command::AttachEvidence(file)).unwrap();
}

pub(super) fn link(b: &mut Bench, who: &str, n: &Number, word: &str, to: Option<&Number>) {
    let reason = to.is_none().then(|| text("there is none"));
    b.ask(&person(who), &Command::Link { ticket: n.clone(), link: word.into(), to: to.cloned(), target: None, reason }).unwrap();
}

/// Everybody who may approve an emergency was reached in chat.
pub(super) fn reached(b: &mut Bench, n: &Number) {
    let kind = b.kind(&b.ticket(n).kind_digest).unwrap();
    let around = crate::ticket::duties::Around { now: b.now, organisation: &b.library.organisation, people: &*b, kind, response: None };
    let people = crate::ticket::spoken::waited_for(&around, b.ticket(n), "approvers");
    notice(b, n, people);
}

/// These people were reached in chat.
pub(super) fn notice(b: &mut Bench, n: &Number, people: Vec<String>) {
    let command = Command::NoticeReached { ticket: n.clone(), group: "approvers".into(), way: "chat".into(), people };
    b.ask(&crate::ticket::event::Actor::Scheduler, &command).unwrap();
}

/// Everything that a change says before it is judged, with a window from `hours` hours from now on, two hours long.
pub(super) fn request(b: &Bench, hours: u32) -> Value {
    let from = b.now.plus(HOUR * hours);
    json!({
        "title": "More connections for prod-db", "type": "normal", "category": "configuration", "system": "prod-db",
        "description": "Raise the connection limit of prod-db from 100 to 200 in postgresql.conf and reload it.",
        "justification": "Checkout fails at peak since all 100 connections are taken; sales asked on 3 March.",
        "security_impact": "None: the port stays closed to the internet, no controlled information moves.",
        "rollback_plan": "Restore the saved postgresql.conf and reload; takes two minutes.",
        "window_start": from.to_string(), "window_end": from.plus(2 * HOUR).to_string(),
    })
}

pub(super) fn judgement(level: &str) -> Value {
    json!({
        "assessment": "Feasible; tested on staging yesterday, memory suffices for 200 connections.",
        "criticality": level, "exposure": level, "rollback_complexity": level,
    })
}

pub(super) fn outcome() -> Value {
    json!({ "outcome": "The limit shows 200; checkout ran an hour without errors." })
}

/// A change by Ana that stands assessed, of this risk, with its window `hours` hours from now.
pub(super) fn assessed(b: &mut Bench, level: &str, hours: u32) -> Number {
    let raw = request(b, hours);
    let n = open(b, "p_ana", "change", &raw).unwrap();
    take(b, "p_ana", &n, "submit", &json!({})).unwrap();
    take(b, "p_bo", &n, "assess", &judgement(level)).unwrap();
    n
}

/// The same, approved by everybody who must agree.
pub(super) fn approved(b: &mut Bench, level: &str, hours: u32) -> Number {
    let n = assessed(b, level, hours);
    say(b, "p_chi", &n, "approve", true).unwrap();
    if level == "high" {
        say(b, "p_sec", &n, "approve", true).unwrap();
    }
    assert_eq!(b.ticket(&n).status, "approved");
    n
}

/// The record of this kind to which the ticket has this link.
pub(super) fn linked(b: &Bench, n: &Number, word: &str) -> Vec<Number> {
    b.ticket(n).links.iter().filter(|l| l.link == word).filter_map(|l| l.to.clone()).collect()
}

/// Completes a review.
pub(super) fn review(b: &mut Bench, who: &str, n: &Number) {
    link(b, who, n, "corrected_by", None);
    let findings = json!({ "findings": "It went as planned; the window was long enough.", "outcome": "fine" });
    take(b, who, n, "complete", &findings).unwrap();
}

/// A live model of standard changes of this system.
pub(super) fn model(b: &mut Bench, system: &str) -> Number {
    let raw = json!({
        "title": "Deploy it", "system": system, "expires_at": "2026-06-01T00:00:00Z",
        "description": "Deploy a merged and reviewed pull request of it with the pipeline, between 08:00 and 16:00.",
        "justification": "Forty such deployments went well since January; each alone is of low risk.",
        "security_impact": "None: nothing is open that was closed before.",
        "rollback_plan": "The pipeline deploys the version before; three minutes.",
    });
    let n = open(b, "p_ana", "change-model", &raw).unwrap();
    say(b, "p_chi", &n, "approve", true).unwrap();
    n
}
