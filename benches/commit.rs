//! What one alert costs, step by step: `cargo bench`. Figures of the whole service come from `tests/load/run`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::collections::{BTreeMap, HashMap};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use countersign::desk::append::{Edge, render};
use countersign::desk::founding::{self, Founding};
use countersign::desk::matching::Matcher;
use countersign::desk::request::{Ask, Request, Who};
use countersign::env::{Env, Timestamp};
use countersign::ledger::chain::Chain;
use countersign::ledger::merkle::{Frontier, Hash};
use countersign::ledger::sealed::Sealed;
use countersign::procedure::model::{Kind, Library, Response};
use countersign::procedure::{built_in, load};
use countersign::store::Store;
use countersign::store::attachments::Attachments;
use countersign::store::commit::Secret;
use countersign::ticket::alert::{Alert, AlertStatus};
use countersign::ticket::command::{Command, MatchedAlert, Receive};
use countersign::ticket::correlation::{AlertRecord, GroupRecord, evolve_group, group_key};
use countersign::ticket::decide::{Context, KindLookup, PeopleView, World, decide};
use countersign::ticket::event::{Actor, Event, Fact, NewEvent, Via};
use countersign::ticket::evolve::evolve;
use countersign::ticket::number::Number;
use countersign::ticket::state::Ticket;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// One incident that a storm has opened, and nothing else.
struct Storm {
    env: Env,
    library: Arc<Library>,
    matcher: Matcher,
    now: Timestamp,
    actor: Actor,
    via: Via,
    tickets: HashMap<Number, Ticket>,
    groups: HashMap<String, GroupRecord>,
    seq: i64,
}

impl World for Storm {
    fn ticket(&self, number: &Number) -> Option<&Ticket> {
        self.tickets.get(number)
    }
    fn alert(&self, _: &str, _: &str) -> Option<&AlertRecord> {
        None
    }
    fn group(&self, group: &str) -> Option<&GroupRecord> {
        self.groups.get(group)
    }
    fn next_number(&self, _: &str) -> u64 {
        1
    }
}

impl KindLookup for Storm {
    fn kind(&self, digest: &str) -> Option<&Kind> {
        self.library.kinds.values().find(|kind| kind.digest == digest).map(AsRef::as_ref)
    }
    fn response(&self, digest: &str) -> Option<&Response> {
        self.library.responses.iter().find(|response| response.digest == digest).map(AsRef::as_ref)
    }
}

impl PeopleView for Storm {
    fn is_active(&self, _: &str) -> bool {
        false
    }
    fn roles(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
    fn has_email(&self, _: &str, _: &str) -> bool {
        false
    }
}

impl Storm {
    fn ahead() -> Self {
        Self {
            env: Env::system(),
            library: Arc::new(load(built_in()).unwrap()),
            matcher: Matcher::default(),
            now: Timestamp::parse("2026-03-02T10:00:00Z").unwrap(),
            actor: Actor::Source { name: "bench".to_owned() },
            via: Via { surface: "hook".to_owned(), auth: "none".to_owned(), credential: None },
            tickets: HashMap::new(),
            groups: HashMap::new(),
            seq: 0,
        }
    }

    /// With its incident open.
    fn under_way() -> Self {
        let mut storm = Self::ahead();
        storm.hit(0);
        storm
    }

    fn hit(&mut self, n: u64) -> Vec<Event> {
        self.decides(&self.delivery(n)).iter().map(|new| self.takes(new)).collect()
    }

    fn delivery(&self, n: u64) -> Command {
        let alert = alert(n);
        let json = serde_json::to_value(&alert).unwrap();
        let matched = MatchedAlert {
            sealed: Sealed::new(self.env.bytes(), json.to_string().into_bytes()),
            payload_sha256: Sealed::new(self.env.bytes(), vec![b'0'; 64]),
            matched: self.matcher.matched(&self.env, &self.library, &Secret(vec![7; 32]), &alert, json),
            alert,
        };
        Command::Receive(Receive { source: "bench".to_owned(), received_at: self.now, alerts: vec![matched], remainder: None })
    }

    fn decides(&self, command: &Command) -> Vec<NewEvent> {
        let context = Context {
            now: self.now,
            next_seq: self.seq,
            actor: &self.actor,
            via: &self.via,
            library: &self.library,
            kinds: self,
            people: self,
            delivery: Some(1),
        };
        decide(&context, self, command).unwrap().events
    }

    fn recorded(&self, new: &NewEvent) -> Event {
        let rev = new.ticket.as_ref().map(|number| self.tickets.get(number).map_or(1, |ticket| ticket.rev + 1));
        new.recorded(self.seq, self.now, &self.actor, &self.via, rev)
    }

    fn takes(&mut self, new: &NewEvent) -> Event {
        let event = self.recorded(new);
        self.seq += 1;
        if let Some(number) = &event.ticket {
            let after = evolve(self.tickets.remove(number), &event).unwrap();
            self.tickets.insert(number.clone(), after);
        }
        if let Some(group) = group_key(&event, None) {
            let record = evolve_group(self.groups.remove(&group), &event).unwrap();
            self.groups.insert(group, record);
        }
        event
    }
}

fn alert(n: u64) -> Alert {
    Alert {
        source: "bench".to_owned(),
        fingerprint: format!("{n:016x}"),
        alert_id: format!("{n:016x}"),
        rule: "HighErrorRate".to_owned(),
        status: AlertStatus::Firing,
        title: "More than 5% of requests fail".to_owned(),
        description: String::new(),
        severity: "critical".to_owned(),
        labels: BTreeMap::from([("service".to_owned(), "checkout".to_owned()), ("instance".to_owned(), format!("checkout-{n}"))]),
        annotations: BTreeMap::from([("summary".to_owned(), "More than 5% of requests fail".to_owned())]),
        starts_at: None,
        ends_at: None,
        url: String::new(),
    }
}

fn decided_and_encoded(c: &mut Criterion) {
    let storm = Storm::under_way();
    c.bench_function("match and seal an alert", |b| b.iter(|| storm.delivery(black_box(1))));
    let command = storm.delivery(1);
    c.bench_function("decide an alert", |b| b.iter(|| storm.decides(black_box(&command))));
    let new = storm.decides(&command).remove(0);
    let event = storm.recorded(&new);
    c.bench_function("encode and hash an event", |b| b.iter(|| render(black_box(&event), BTreeMap::new()).unwrap()));
}

fn appended(c: &mut Criterion) {
    let mut group = c.benchmark_group("append a leaf");
    let leaf = Hash::leaf(b"a leaf");
    for size in [1_000_u64, 100_000, 10_000_000] {
        let mut edge = Edge::new(Frontier::new(), Vec::new());
        for _ in 0..size {
            edge.append(leaf);
        }
        group.bench_function(BenchmarkId::from_parameter(size), |b| b.iter(|| edge.append(black_box(leaf))));
    }
}

fn verified(c: &mut Criterion) {
    let mut storm = Storm::ahead();
    let opened = Fact::LogOpened { origin: "bench.example.com/log".to_owned(), demo: false, schema: 1 };
    let mut log = vec![storm.takes(&NewEvent::outside(opened))];
    log.extend((0..1_000).flat_map(|n| storm.hit(n)));
    let bytes: Vec<Vec<u8>> = log.iter().map(|event| render(event, BTreeMap::new()).unwrap().event.bytes).collect();
    let mut group = c.benchmark_group("verify");
    group.throughput(Throughput::Bytes(bytes.iter().map(Vec::len).sum::<usize>() as u64));
    group.bench_function("the structure of a log of 1,000 alerts", |b| {
        b.iter(|| {
            let (mut chain, mut frontier) = (Chain::new(), Frontier::new());
            for event in &bytes {
                chain.push(event).unwrap();
                frontier.append(Hash::leaf(event));
            }
            frontier
        });
    });
}

fn committed(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let desk = runtime.block_on(async {
        let store = Store::open(&format!("sqlite:{}", folder.path().join("bench.db").display())).await.unwrap();
        let attachments = Attachments::open(&folder.path().join("attachments")).unwrap();
        let founding = Founding { origin: "bench.example.com/log".to_owned(), demo: false, playbooks: built_in(), own: false };
        founding::open(store, attachments, Env::system(), founding).await.unwrap()
    });
    let mut n = 0;
    let mut group = c.benchmark_group("commit");
    for alerts in [1_u64, 64] {
        group.throughput(Throughput::Elements(alerts));
        group.bench_function(BenchmarkId::new("alerts on the disk", alerts), |b| {
            b.iter(|| {
                let asked = (0..alerts).map(|_| {
                    n += 1;
                    let receive = desk.prepare("bench", desk.now(), b"{}", vec![alert(n)]);
                    desk.ask(Request {
                        who: Who::Source { name: "bench".to_owned() },
                        via: Via { surface: "hook".to_owned(), auth: "none".to_owned(), credential: None },
                        ip: None,
                        envelope: None,
                        dedupe: None,
                        ask: Ask::Ticket(Box::new(Command::Receive(receive))),
                    })
                });
                for answer in runtime.block_on(futures_util::future::join_all(asked)) {
                    answer.unwrap();
                }
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    targets = decided_and_encoded, appended, verified, committed
}
criterion_main!(benches);
