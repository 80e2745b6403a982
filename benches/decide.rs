//! What one decision on the largest shipped procedure costs: `cargo bench --bench decide`. The aim is 20 µs.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use countersign::env::Timestamp;
use countersign::ledger::sealed::Sealed;
use countersign::procedure::model::{Kind, Library, Response};
use countersign::procedure::{built_in, load};
use countersign::ticket::approval;
use countersign::ticket::command::{Command, Fields, Open, Step, Take};
use countersign::ticket::correlation::{AlertRecord, GroupRecord};
use countersign::ticket::decide::{Context, Decision, KindLookup, PeopleView, World, decide};
use countersign::ticket::event::{Actor, Via};
use countersign::ticket::evolve::evolve;
use countersign::ticket::fields::seal;
use countersign::ticket::number::Number;
use countersign::ticket::state::Ticket;
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};

const SYSTEMS: &str = "systems: { shop: { title: Shop, owner: chi@example.com, implementers: [ben@example.com] } }\n";

/// An organisation with one system, some people, and the tickets so far.
struct Office {
    library: Arc<Library>,
    now: Timestamp,
    tickets: HashMap<Number, Ticket>,
    via: Via,
    seq: i64,
}

impl World for Office {
    fn ticket(&self, number: &Number) -> Option<&Ticket> {
        self.tickets.get(number)
    }
    fn alert(&self, _: &str, _: &str) -> Option<&AlertRecord> {
        None
    }
    fn group(&self, _: &str) -> Option<&GroupRecord> {
        None
    }
    fn next_number(&self, prefix: &str) -> u64 {
        self.tickets.keys().filter(|n| n.prefix() == prefix).count() as u64 + 1
    }
}

impl KindLookup for Office {
    fn kind(&self, digest: &str) -> Option<&Kind> {
        self.library.kinds.values().find(|kind| kind.digest == digest).map(AsRef::as_ref)
    }
    fn response(&self, digest: &str) -> Option<&Response> {
        self.library.responses.iter().find(|response| response.digest == digest).map(AsRef::as_ref)
    }
}

impl PeopleView for Office {
    fn is_active(&self, _: &str) -> bool {
        true
    }
    fn roles(&self, person: &str) -> Vec<String> {
        roles_of(person)
    }
    fn has_email(&self, person: &str, email: &str) -> bool {
        email.split_once('@').map(|(name, _)| name) == person.strip_prefix("p_")
    }
    fn by_email(&self, email: &str) -> Option<String> {
        email.split_once('@').map(|(name, _)| format!("p_{name}"))
    }
}

fn roles_of(person: &str) -> Vec<String> {
    let role = if person == "p_chi" { "approver" } else { "responder" };
    vec![role.to_owned()]
}

fn person(id: &str) -> Actor {
    Actor::Person { id: id.to_owned(), roles: roles_of(id) }
}

impl Office {
    fn open() -> Self {
        let mut files = built_in();
        for (path, bytes) in &mut files {
            if path == "organisation.yaml" {
                bytes.extend_from_slice(SYSTEMS.as_bytes());
            }
        }
        let via = Via { surface: "console".to_owned(), auth: "session".to_owned(), credential: None };
        let now = Timestamp::parse("2026-03-02T09:00:00Z").unwrap();
        Self { library: Arc::new(load(files).unwrap()), now, tickets: HashMap::new(), via, seq: 0 }
    }

    fn typed(&self, raw: &Value) -> Fields {
        let raw: BTreeMap<String, Value> = raw.as_object().unwrap().clone().into_iter().collect();
        seal(&self.library.kinds["change"], &self.library, &raw, &mut || [3; 32]).unwrap()
    }

    fn decides(&self, who: &str, command: &Command) -> Decision {
        let actor = person(who);
        let context = Context {
            now: self.now,
            next_seq: self.seq,
            actor: &actor,
            via: &self.via,
            library: &self.library,
            kinds: self,
            people: self,
            delivery: None,
        };
        decide(&context, self, command).unwrap()
    }

    fn does(&mut self, who: &str, command: &Command) {
        for new in self.decides(who, command).events {
            let number = new.ticket.clone().unwrap();
            let rev = self.tickets.get(&number).map_or(1, |ticket| ticket.rev + 1);
            let event = new.recorded(self.seq, self.now, &person(who), &self.via, Some(rev));
            self.seq += 1;
            let after = evolve(self.tickets.remove(&number), &event).unwrap();
            self.tickets.insert(number, after);
        }
    }

    fn request(&self) -> Command {
        let from = self.now.plus(Duration::from_secs(25 * 3600));
        let fields = self.typed(&json!({
            "title": "More connections", "category": "configuration", "system": "shop",
            "description": "Raise the connection limit of the shop from 100 to 200 in postgresql.conf and reload it.",
            "justification": "Checkout fails at peak since all 100 connections are taken; sales asked on 3 March.",
            "security_impact": "None: the port stays closed to the internet, no controlled information moves.",
            "rollback_plan": "Restore the saved postgresql.conf and reload; takes two minutes.",
            "window_start": from.to_string(), "window_end": from.plus(Duration::from_secs(7200)).to_string(),
        }));
        let (kind, intake, received_at) = ("change".to_owned(), "console".to_owned(), self.now);
        Command::Open(Open { kind, fields, response: None, occurred_at: None, intake, received_at })
    }

    fn step(&self, number: &Number, name: &str, raw: &Value) -> Command {
        let step = Step { transition: name.to_owned(), fields: self.typed(raw), ..Step::default() };
        Command::Take(Take { ticket: number.clone(), steps: vec![step], rev: None, binding: None })
    }

    fn approval(&self, number: &Number) -> Command {
        let digest = approval::digest(&self.tickets[number], &self.library.kinds["change"].transitions["approve"]).unwrap();
        let reason = Sealed::new([3; 32], b"Looked at it.".to_vec());
        Command::Decide { ticket: number.clone(), transition: "approve".to_owned(), approve: true, digest, reason }
    }
}

fn decided(c: &mut Criterion) {
    let mut office = Office::open();
    let number = Number::new("CHG", 1);
    let request = office.request();
    c.bench_function("decide that a change is opened", |b| b.iter(|| office.decides("p_ana", black_box(&request))));
    office.does("p_ana", &request);
    let submit = office.step(&number, "submit", &json!({}));
    c.bench_function("decide that it is submitted", |b| b.iter(|| office.decides("p_ana", black_box(&submit))));
    office.does("p_ana", &submit);
    let judged = json!({
        "assessment": "Feasible; tested on staging yesterday, memory suffices for 200 connections.",
        "criticality": "low", "exposure": "low", "rollback_complexity": "low",
    });
    let assess = office.step(&number, "assess", &judged);
    c.bench_function("decide that it is assessed", |b| b.iter(|| office.decides("p_ben", black_box(&assess))));
    office.does("p_ben", &assess);
    let approve = office.approval(&number);
    c.bench_function("decide that it is approved", |b| b.iter(|| office.decides("p_chi", black_box(&approve))));
    office.does("p_chi", &approve);
    office.now = office.now.plus(Duration::from_secs(26 * 3600));
    let start = office.step(&number, "start", &json!({}));
    c.bench_function("decide that it is started", |b| b.iter(|| office.decides("p_ben", black_box(&start))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = decided
}
criterion_main!(benches);
