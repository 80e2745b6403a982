//! What a look of the scheduler costs with a million clocks that run, of which a hundred are due: `cargo bench --bench tick`.
//! They are found by an index on when they are due, so the others cost nothing.
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on stops")]

use std::path::Path;
use std::time::{Duration, Instant};

use countersign::desk::Desk;
use countersign::desk::founding::{self, Founding};
use countersign::desk::request::{Ask, Request, Who};
use countersign::env::{Env, ManualClock, Timestamp};
use countersign::people::PeopleCommand;
use countersign::procedure::built_in;
use countersign::store::Store;
use countersign::store::attachments::Attachments;
use countersign::ticket::command::{Command, FieldInput, Open};
use countersign::ticket::event::Via;
use criterion::{Criterion, criterion_group, criterion_main};

/// Clocks that run and are not due.
const RUNNING: i64 = 1_000_000;
/// Clocks that are due at each look.
const DUE: usize = 100;

async fn founded(folder: &Path, env: &Env) -> (Desk, String) {
    let store = Store::open(&format!("sqlite:{}", folder.join("bench.db").display())).await.unwrap();
    let attachments = Attachments::open(&folder.join("attachments")).unwrap();
    let founding = Founding { origin: "bench.example.com/log".to_owned(), demo: false, playbooks: built_in(), own: false };
    let desk = founding::open(store, attachments, env.clone(), founding).await.unwrap();
    let id = env.id("p_");
    let roles = ["administrator", "responder"].map(str::to_owned).to_vec();
    let add = PeopleCommand::Add { id: id.clone(), name: desk.seal("Ada"), email: desk.seal("ada@example.com"), roles };
    desk.ask(Request::of_operator(None, Ask::People(add))).await.unwrap();
    (desk, id)
}

/// Rows of tickets that are not looked at, a century ahead.
fn fill(folder: &Path, now: Timestamp) {
    let mut database = rusqlite::Connection::open(folder.join("bench.db")).unwrap();
    let rows = database.transaction().unwrap();
    {
        let mut insert = rows.prepare("INSERT INTO deadline (ticket, id, due) VALUES (?1, 'clock:resolve:due', ?2)").unwrap();
        for n in 0..RUNNING {
            insert.execute((format!("XXX-{n:07}"), now.micros() + (36_500 + n % 365) * 86_400_000_000)).unwrap();
        }
    }
    rows.commit().unwrap();
}

async fn opens(desk: &Desk, person: &str) {
    let asked = (0..DUE).map(|n| {
        let title = FieldInput::Sealed(desk.seal(format!("Number {n}")));
        let fields = [("title".to_owned(), title), ("severity".to_owned(), FieldInput::Plain("sev1".into()))].into();
        let open = Open {
            kind: "incident".to_owned(),
            fields,
            response: None,
            occurred_at: None,
            intake: "api".to_owned(),
            received_at: desk.now(),
        };
        desk.ask(Request {
            who: Who::Person { id: person.to_owned() },
            via: Via { surface: "api".to_owned(), auth: "key".to_owned(), credential: None },
            ip: None,
            envelope: None,
            dedupe: None,
            ask: Ask::Ticket(Box::new(Command::Open(open))),
        })
    });
    for answer in futures_util::future::join_all(asked).await {
        answer.unwrap();
    }
}

fn looked(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let clock = ManualClock::at(Timestamp::parse("2026-03-02T10:00:00Z").unwrap());
    let env = Env::manual(clock.clone());
    let (desk, person) = runtime.block_on(founded(folder.path(), &env));
    fill(folder.path(), desk.now());
    c.bench_function("a look with a million clocks, a hundred of them due", |b| {
        b.iter_custom(|times| {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                took += runtime.block_on(async {
                    opens(&desk, &person).await;
                    // Half of the fifteen minutes to acknowledge: one reminder each.
                    clock.advance(Duration::from_secs(450));
                    let started = Instant::now();
                    desk.tick().await.unwrap();
                    let took = started.elapsed();
                    // Everything else that they will ever ask for, so that it is not due at the next look.
                    for _ in 0..40 {
                        clock.advance(Duration::from_secs(86_400));
                        desk.tick().await.unwrap();
                    }
                    took
                });
            }
            took
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(1));
    targets = looked
}
criterion_main!(benches);
