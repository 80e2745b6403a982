//! Requests that break something below the door: answered alone, and their neighbours are recorded. And whatever passes
//! the door is taken by both databases alike.

use std::collections::BTreeMap;
use std::sync::mpsc;

use countersign::desk::request::{Ask, Dedupe, Request, SignIn, Unanswered, Who};
use countersign::ledger::sealed::Sealed;
use countersign::people::PeopleCommand;
use countersign::ticket::command::{AttachEvidence, Command, Open};
use countersign::ticket::event::Via;
use countersign::ticket::number::Number;
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::world::{Kind, World, labels, on_both, tell};

/// From now on the database refuses a sealed value that says POISON.
async fn refuses_poison(w: &World) {
    let sql = match w.database.kind {
        Kind::Sqlite => {
            "CREATE TRIGGER poison BEFORE INSERT ON sealed WHEN NEW.bytes = CAST('POISON' AS BLOB) BEGIN SELECT RAISE(ABORT, 'refused'); END"
        }
        Kind::Postgres => {
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.bytes = 'POISON'::bytea THEN RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$;
             CREATE TRIGGER poison BEFORE INSERT ON sealed FOR EACH ROW EXECUTE FUNCTION refuse()"
        }
    };
    w.database.execute(sql).await.expect("a trigger");
}

async fn what_only_the_database_refuses_is_answered_alone(w: &mut World) {
    let inc = w.person("ana").declares("A batch", "sev3").await;
    refuses_poison(w).await;
    let (ana, tool) = (w.person("ana"), w.alertmanager());
    let notes = join_all((0..40).map(|n| {
        let (ana, inc) = (ana.clone(), inc.clone());
        let text = if n % 13 == 7 { "POISON".to_owned() } else { format!("Note {n}") };
        async move { (n, ana.notes(&inc, &text).await) }
    }));
    let alerts = join_all((0..10).map(|n| {
        let tool = tool.clone();
        async move { tool.fires(&[labels("HighErrorRate", "shop", &format!("h-{n}"), "warning")]).await }
    }));
    let (notes, alerts) = tokio::join!(notes, alerts);
    for (n, answered) in notes {
        if n % 13 == 7 {
            answered.refused("Unfit").with_status(422).says("trying again will not help");
        } else {
            answered.done();
        }
    }
    for answered in alerts {
        answered.done();
    }
    assert_eq!((w.log_of("NoteAdded").await.len(), w.log_of("AlertAttached").await.len()), (37, 10));
    let metrics = ana.gets("/metrics").await.text();
    assert!(metrics.contains("countersign_requests_total{outcome=\"quarantined\"} 3"), "{metrics}");
    // The service is as well as before.
    assert_eq!(ana.gets("/readyz").await.status, 200);
    ana.notes(&inc, "Afterwards.").await.done();
}
on_both!(what_only_the_database_refuses_is_answered_alone);

async fn a_row_that_does_not_read_back_stops_only_those_who_need_it(w: &mut World) {
    let (damaged, sound) = (w.person("ana").declares("Damaged", "sev3").await, w.person("ana").declares("Sound", "sev3").await);
    let state = w.database.texts(&format!("SELECT state FROM ticket WHERE number = '{damaged}'")).await.remove(0);
    w.stops().await;
    w.database.execute(&format!("UPDATE ticket SET state = '{{' WHERE number = '{damaged}'")).await.expect("damage");
    w.starts().await;
    let ana = w.person("ana");
    let answers = join_all((0..24).map(|n| {
        let (ana, inc) = (ana.clone(), if n % 8 == 3 { damaged.clone() } else { sound.clone() });
        async move { (n, ana.notes(&inc, &format!("Note {n}")).await) }
    }));
    for (n, answered) in answers.await {
        assert_eq!(answered.status, if n % 8 == 3 { 422 } else { 200 }, "{n}: {}", answered.text());
    }
    w.stops().await;
    let put_back = sqlx::query(sqlx::AssertSqlSafe(format!("UPDATE ticket SET state = $1 WHERE number = '{damaged}'")));
    put_back.bind(state).execute(w.database.root()).await.expect("as it was");
    w.starts().await;
    w.person("ana").notes(&damaged, "Mended.").await.done();
}
on_both!(a_row_that_does_not_read_back_stops_only_those_who_need_it);

// ── both databases alike ──────────────────────────────────────────────────────────────────────────────────────

/// A request at the desk, below every door, with whatever text in it.
#[derive(Clone, Debug)]
enum Odd {
    Note(Vec<u8>),
    File(Vec<u8>, String, i64),
    Open(String, Vec<u8>),
    Task(i64),
    Fields(String, i64),
    Owner(String),
    Link(String, Vec<u8>),
    Unlink(i64),
    Escalate(String),
    Add(String, Vec<u8>, String),
    Roles(String),
    Key(String, String),
    SignIn(String, String),
    SignOut(String),
    Forgeries(String, String, i64),
    Who(String),
    Source(String),
    Via(String, String),
    Dedupe(String, String),
}

fn texts() -> impl Strategy<Value = String> {
    const ODD: &[&str] = &[
        "",
        " ",
        "\0",
        "a\0b",
        "\u{1}",
        "\u{7f}",
        "\r\n",
        "\u{feff}",
        "\u{202e}x",
        "\u{fffd}",
        "\u{10ffff}",
        "😀",
        "e\u{301}",
        "é",
        "'; DROP TABLE event; --",
        "\\u0000",
        "\\",
        "\"",
        "%00",
        "$1",
        "NULL",
        "1e400",
        "-9223372036854775809",
        "9007199254740993",
        "p_",
        "INC-000001",
    ];
    prop_oneof![prop::sample::select(ODD).prop_map(str::to_owned), any::<String>(), "[a-z_]{1,12}", "x{250,300}"]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..64), texts().prop_map(String::into_bytes)]
}

fn numbers() -> impl Strategy<Value = i64> {
    prop_oneof![prop::sample::select(vec![i64::MIN, -1, 0, 1, 2, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, i64::MAX]), any::<i64>()]
}

fn odd() -> impl Strategy<Value = Odd> {
    prop_oneof![
        bytes().prop_map(Odd::Note),
        (bytes(), texts(), numbers()).prop_map(|(name, kind, size)| Odd::File(name, kind, size)),
        (texts(), bytes()).prop_map(|(kind, title)| Odd::Open(kind, title)),
        numbers().prop_map(Odd::Task),
        (texts(), numbers()).prop_map(|(name, value)| Odd::Fields(name, value)),
        texts().prop_map(Odd::Owner),
        (texts(), bytes()).prop_map(|(link, to)| Odd::Link(link, to)),
        numbers().prop_map(Odd::Unlink),
        texts().prop_map(Odd::Escalate),
        (texts(), bytes(), texts()).prop_map(|(id, email, role)| Odd::Add(id, email, role)),
        texts().prop_map(Odd::Roles),
        (texts(), texts()).prop_map(|(key, hash)| Odd::Key(key, hash)),
        (texts(), texts()).prop_map(|(link, session)| Odd::SignIn(link, session)),
        texts().prop_map(Odd::SignOut),
        (texts(), texts(), numbers()).prop_map(|(source, reason, count)| Odd::Forgeries(source, reason, count)),
        texts().prop_map(Odd::Who),
        texts().prop_map(Odd::Source),
        (texts(), texts()).prop_map(|(surface, credential)| Odd::Via(surface, credential)),
        (texts(), texts()).prop_map(|(key, digest)| Odd::Dedupe(key, digest)),
    ]
}

fn sealed(bytes: &[u8]) -> Sealed {
    Sealed::new([7; 32], bytes.to_vec())
}

/// The request that it is, by the person `ana` on the incident `inc`, or by the administrator `ada`.
fn request(odd: &Odd, w: &World, inc: &Number) -> Request {
    let (ana, ada) = (w.person("ana").id, w.person("ada").id);
    let via = Via { surface: "api".to_owned(), auth: "key".to_owned(), credential: None };
    let of = |ask: Ask| Request { who: Who::Person { id: ana.clone() }, via: via.clone(), ip: None, envelope: None, dedupe: None, ask };
    let by_ada = |command: PeopleCommand| Request { who: Who::Person { id: ada.clone() }, ..of(Ask::People(command)) };
    let on = |command: Command| of(Ask::Ticket(Box::new(command)));
    let note = |bytes: &[u8]| Command::AddNote { ticket: inc.clone(), note: sealed(bytes), occurred_at: None, reason: None };
    match odd {
        Odd::Note(text) => on(note(text)),
        Odd::File(name, media_type, size) => on(Command::AttachEvidence(AttachEvidence {
            ticket: inc.clone(),
            name: sealed(name),
            sha256: sealed(b"00"),
            size: *size,
            media_type: media_type.clone(),
            phase: Some(media_type.clone()).filter(|t| t.len() % 2 == 1),
            captured_at: None,
        })),
        Odd::Open(kind, title) => {
            let fields = BTreeMap::from([("title".to_owned(), countersign::ticket::command::FieldInput::Sealed(sealed(title)))]);
            let kind = if kind.len() % 2 == 0 { "incident".to_owned() } else { kind.clone() };
            let open = Open { kind, fields, response: None, occurred_at: None, intake: "api".to_owned(), received_at: w.now() };
            on(Command::Open(open))
        }
        Odd::Task(task) => on(Command::SettleTask { ticket: inc.clone(), task: *task, waived: None }),
        Odd::Fields(name, value) => {
            let fields = BTreeMap::from([(name.clone(), countersign::ticket::command::FieldInput::Plain((*value).into()))]);
            on(Command::SetFields { ticket: inc.clone(), fields, reason: None })
        }
        Odd::Owner(person) => on(Command::AssignOwner { ticket: inc.clone(), person: person.clone() }),
        Odd::Link(link, to) => {
            on(Command::Link { ticket: inc.clone(), link: link.clone(), to: None, target: Some(sealed(to)), reason: Some(sealed(to)) })
        }
        Odd::Unlink(link) => on(Command::Unlink { ticket: inc.clone(), link: *link, reason: sealed(b"why") }),
        Odd::Escalate(to) => on(Command::Escalate { ticket: inc.clone(), to: Some(to.clone()), reason: sealed(b"why") }),
        Odd::Add(id, email, role) => {
            by_ada(PeopleCommand::Add { id: id.clone(), name: sealed(email), email: sealed(email), roles: vec![role.clone()] })
        }
        Odd::Roles(role) => by_ada(PeopleCommand::SetRoles { person: w.person("nil").id, roles: vec![role.clone()] }),
        Odd::Key(key, sha256) => by_ada(PeopleCommand::IssueKey { person: ana.clone(), key: key.clone(), sha256: sha256.clone() }),
        Odd::SignIn(link, session) => {
            let expires_at = w.now();
            let sign_in =
                SignIn { link: Some(link.clone()), person: None, session: session.clone(), session_id: session.clone(), expires_at };
            Request::of_scheduler(Ask::SignIn(sign_in))
        }
        Odd::SignOut(hash) => of(Ask::SignOut { hash: hash.clone() }),
        Odd::Forgeries(source, reason, count) => {
            Request::of_scheduler(Ask::CountForgeries { source: source.clone(), reason: reason.clone(), minute: w.now(), count: *count })
        }
        Odd::Who(id) => Request { who: Who::Person { id: id.clone() }, ..on(note(b"x")) },
        Odd::Source(name) => Request { who: Who::Source { name: name.clone() }, ..on(note(b"x")) },
        Odd::Via(surface, credential) => {
            let via = Via { surface: surface.clone(), auth: credential.clone(), credential: Some(credential.clone()) };
            Request { via, ..on(note(b"x")) }
        }
        Odd::Dedupe(key, digest) => Request { dedupe: Some(Dedupe { key: key.clone(), digest: digest.clone() }), ..on(note(b"x")) },
    }
}

/// What each request came to on one database: the events that it became, or the refusal's name.
async fn outcomes(w: &mut World, requests: &[Odd]) -> Vec<String> {
    let inc: Number = w.person("ana").declares("Odd things", "sev3").await.parse().expect("a number");
    let mut out = Vec::new();
    // Some in company, some alone.
    for together in requests.chunks(7) {
        let asks = together.iter().map(|odd| w.desk().ask(request(odd, w, &inc)));
        for answer in join_all(asks).await {
            out.push(match answer {
                Ok(answer) => format!("{} events, {:?}", answer.events.len(), answer.tickets),
                Err(Unanswered::Refused(refused)) => refused.code().to_owned(),
                Err(other) => other.to_string(),
            });
        }
    }
    out
}

#[test]
fn what_passes_the_door_is_taken_by_both_databases_alike() {
    // The same requests every time; more of them with COUNTERSIGN_ODD=10000.
    let count = std::env::var("COUNTERSIGN_ODD").ok().and_then(|n| n.parse().ok()).unwrap_or(400);
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let requests: Vec<Odd> = (0..count).map(|_| odd().new_tree(&mut runner).expect("a request").current()).collect();
    let (sender, receiver) = mpsc::channel();
    for kind in [Kind::Sqlite, Kind::Postgres] {
        tell(kind, async |w| sender.send(outcomes(w, &requests).await).expect("somebody listens"));
    }
    let (file, server) = (receiver.recv().expect("outcomes"), receiver.recv().expect("outcomes"));
    let recorded = file.iter().filter(|o| o.contains("events")).count();
    assert!(recorded * 5 > count, "only {recorded} of {count} were recorded");
    for ((odd, on_file), on_server) in requests.iter().zip(&file).zip(&server) {
        assert_eq!(on_file, on_server, "{odd:?}");
    }
}
