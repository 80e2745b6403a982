//! Bytes that nobody would write, at every door that takes bytes: a refusal with a sentence, nothing changed, memory bounded.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use countersign::inbound::listen::{Bounds, Doors};
use countersign::inbound::router;
use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{self, Server};
use crate::world::{BEARER, ROUTING, World, labels, on_both, until};

#[path = "../../fuzz/targets.rs"]
mod targets;

// ── what a fuzzer found, or started from ──────────────────────────────────────────────────────────────────────

#[test]
fn every_seed_of_every_target_keeps_its_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    let mut broken = Vec::new();
    for (name, target) in targets::TARGETS {
        let mut seeds: Vec<_> = std::fs::read_dir(folder.join(name))
            .unwrap_or_else(|error| panic!("{name} has no seeds: {error}"))
            .map(|entry| entry.expect("a folder's entry").path())
            .collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            let bytes = std::fs::read(&seed).expect("a seed can be read");
            if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                broken.push(seed);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    let folders: BTreeSet<String> =
        std::fs::read_dir(folder).expect("the seeds").filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    assert_eq!(folders, targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// A small change to a seed: what a fuzzer without eyes can think of.
fn changed(seed: &[u8], other: &[u8], rng: &mut TestRng) -> Vec<u8> {
    const PIECES: &[&[u8]] = &[
        b"\0",
        b"\xff",
        b"{",
        b"[",
        b"\"",
        b"\\ud800",
        b"\\u0000",
        b"9007199254740993",
        b"-1e400",
        b"\n",
        b"\r\n\r\n",
        b"%00",
        b":",
        b"\xe2\x80\xae",
        b"null",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..rng.random_range(1..5) {
        let at = rng.random_range(0..=bytes.len());
        let to = rng.random_range(at..=bytes.len());
        match rng.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => drop(bytes.drain(at..to)),
            2 => drop(bytes.splice(at..at, PIECES[rng.random_range(0..PIECES.len())].iter().copied())),
            3 if bytes.len() < 20_000 => {
                let again = bytes[at..to].to_vec();
                bytes.splice(at..at, again);
            }
            4 => bytes.truncate(to),
            5 if !other.is_empty() => {
                let from = rng.random_range(0..other.len());
                bytes.splice(at..to, other[from..].iter().copied().take(200));
            }
            _ => drop(bytes.splice(at..at, vec![rng.random::<u8>(); 3])),
        }
    }
    bytes
}

/// A moment of it each time, and a minute a target with COUNTERSIGN_MUTATE=60, where no C++ compiler is at hand for
/// `tests/fuzz/run`.
#[test]
fn seeds_with_small_changes_keep_the_promises_as_well() {
    let seconds = std::env::var("COUNTERSIGN_MUTATE").ok().and_then(|n| n.parse().ok());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds");
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut broken = Vec::new();
    for (name, target) in targets::TARGETS {
        let files = std::fs::read_dir(folder.join(name)).expect("seeds").map(|entry| entry.expect("a folder's entry").path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        let seeds: Vec<Vec<u8>> = files.into_iter().map(|file| std::fs::read(file).expect("a seed can be read")).collect();
        let (started, mut runs, mut slowest) = (Instant::now(), 0_u64, Duration::ZERO);
        // The door commits what it takes and a playbook is compiled with all others, so they get fewer.
        let most = if matches!(name, "door" | "playbook") { 10 } else { 100 };
        let enough = |runs: u64, since: Duration| seconds.map_or(runs >= most, |s| since.as_secs() >= s);
        while !enough(runs, started.elapsed()) {
            let (seed, other) = (rng.random_range(0..seeds.len()), rng.random_range(0..seeds.len()));
            let bytes = changed(&seeds[seed], &seeds[other], &mut rng);
            let asked = Instant::now();
            if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                broken.push(format!("{name}: {}", hex::encode(&bytes)));
                break;
            }
            (runs, slowest) = (runs + 1, slowest.max(asked.elapsed()));
        }
        println!("{name}: {runs} changed seeds, the slowest took {slowest:?}");
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

// ── every door ────────────────────────────────────────────────────────────────────────────────────────────────

/// A body that is wrong wherever it comes.
fn wrong_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let labels: String = (0..100_000).map(|n| format!("\"{n:x}\":0,")).collect();
    vec![
        ("not JSON", b"{".to_vec()),
        ("deep", [vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
        ("deep objects", [b"{\"a\":".repeat(50_000), b"1".to_vec(), vec![b'}'; 50_000]].concat()),
        ("a mebibyte and one", [b"{\"a\":\"".to_vec(), vec![b'x'; (1 << 20) - 7], b"\"}".to_vec()].concat()),
        ("not UTF-8", b"{\"alerts\":[\"\xff\xfe\"]}".to_vec()),
        ("half a surrogate", br#"{"alerts":["\ud800"]}"#.to_vec()),
        ("repeated keys", br#"{"alerts":[],"alerts":[]}"#.to_vec()),
        ("numbers beyond all bounds", b"{\"alerts\":1e999999}".to_vec()),
        ("a hundred thousand labels", format!("{{\"alerts\":[{{\"labels\":{{{}}}}}]}}", labels.trim_end_matches(',')).into_bytes()),
        ("half a million values", [b"[0".to_vec(), b",0".repeat(500_000), b"]".to_vec()].concat()),
        ("zeros", vec![0; 4096]),
    ]
}

/// Where bytes go in, besides files: path and its proof.
fn doors(ticket: &str, key: &str, bearer: &str, routing: &str) -> Vec<(String, Vec<(&'static str, String)>)> {
    let api = [
        "comments",
        "fields",
        "steps",
        "links",
        "links/1/remove",
        "approvals",
        "tasks/1",
        "evidence-waivers",
        "owner",
        "lead",
        "escalate",
        "escalation/acknowledge",
        "notifications/legal/acknowledge",
        "acknowledge",
        "close",
    ];
    let mut doors: Vec<(String, Vec<(&'static str, String)>)> = vec![
        ("/hooks/alertmanager".to_owned(), vec![("authorization", format!("Bearer {bearer}"))]),
        (format!("/v2/enqueue?x={routing}"), Vec::new()),
        ("/v2/change/enqueue".to_owned(), Vec::new()),
        ("/api/v2/alerts".to_owned(), vec![("authorization", "Basic cHJvbTp3cm9uZw==".to_owned())]),
        ("/witness/add-checkpoint".to_owned(), Vec::new()),
        ("/api/v1/tickets".to_owned(), vec![("authorization", format!("Bearer {key}"))]),
    ];
    doors.extend(api.map(|what| (format!("/api/v1/tickets/{ticket}/{what}"), vec![("authorization", format!("Bearer {key}"))])));
    doors
}

/// Sends every wrong body to every door; gives how many there were.
async fn barrage(base: &str, ticket: &str, key: &str, bearer: &str, routing: &str) -> usize {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let mut sent = 0;
    for (path, headers) in doors(ticket, key, bearer, routing) {
        for (what, body) in wrong_bodies() {
            let mut request = client.post(format!("{base}{path}")).body(body).header("content-type", "application/json");
            for (name, value) in &headers {
                request = request.header(*name, value);
            }
            let answered = request.send().await.unwrap_or_else(|error| panic!("{path}, {what}: {error:?}"));
            let (status, kind) = (answered.status(), answered.headers().get("content-type").cloned());
            let text = answered.text().await.expect("an answer arrives whole");
            assert!(status.is_client_error(), "{path}, {what}: {status} {text}");
            assert!(text.len() > 15 && text.len() < 2000, "{path}, {what}: {text}");
            if path.starts_with("/api/v1/") {
                assert_eq!(kind.expect("a type"), "application/problem+json", "{path}, {what}");
                let problem: serde_json::Value = serde_json::from_str(&text).expect("a problem is JSON");
                assert!(problem["detail"].as_str().is_some_and(|d| d.ends_with('.') && d.contains(' ')), "{path}, {what}: {text}");
            }
            sent += 1;
        }
    }
    sent
}

async fn wrong_bodies_change_nothing_at_any_door(w: &mut World) {
    let ana = w.person("ana");
    let inc = ana.declares("At the door", "sev3").await;
    let crate::world::Pass::Key(key) = ana.pass.clone() else { panic!("ana has a key") };
    let size = w.size().await;
    let sent = barrage(&ana.base, &inc, &key, BEARER, ROUTING).await;
    assert!(sent > 200);
    assert_eq!(w.size().await, size, "nothing changed");
    let metrics = ana.gets("/metrics").await.text();
    let counted: u64 = metrics
        .lines()
        .filter(|line| line.starts_with("countersign_answers_total{status=\"4"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
        .sum();
    assert!(counted >= u64::try_from(sent).expect("a count"), "{metrics}");
    assert!(metrics.contains("countersign_deliveries_total{source=\"alertmanager\",outcome=\"TooDeep\"} 2"), "{metrics}");
    // What names nothing in the configuration is no label, and nothing secret stands there.
    for n in 0..20 {
        let answered = ana.without_pass().sends(Method::POST, &format!("/hooks/stranger-{n}"), Some(b"{}".to_vec())).await;
        assert_eq!(answered.status, 404);
    }
    let metrics = ana.gets("/metrics").await.text();
    assert!(
        metrics.lines().count() < 400 && !metrics.contains("stranger-") && !metrics.contains(BEARER) && !metrics.contains(&inc),
        "{metrics}"
    );
}
on_both!(wrong_bodies_change_nothing_at_any_door);

/// Forms of the console: refused in words. Only the one that is far too large may be closed before it was sent whole.
async fn odd_forms(at_console: &crate::world::Person, inc: &str) {
    let crate::world::Pass::Session(token) = &at_console.pass else { panic!("somebody is signed in") };
    let sends = async |path: &str, body: String| {
        let asked = at_console.client.post(format!("{}{path}", at_console.base)).body(body);
        let asked = asked.header("cookie", format!("countersign_session={token}"));
        asked.header("content-type", "application/x-www-form-urlencoded").send().await
    };
    for (path, body) in [
        (format!("/console/c/{inc}/do/note"), format!("text=%00%ff&dedupe={}", "x".repeat(3000))),
        (format!("/console/c/{inc}/do/nothing"), "a=b".to_owned()),
        ("/console/declare".to_owned(), "title=%00".to_owned()),
    ] {
        let answered = sends(&path, body).await.expect("an answer");
        let (status, text) = (answered.status(), answered.text().await.expect("a text"));
        assert!(status.is_client_error() && text.len() > 15, "{path}: {status} {text}");
    }
    if let Ok(answered) = sends(&format!("/console/c/{inc}/do/close"), format!("x={}", "y".repeat(3 << 20))).await {
        assert_eq!(answered.status(), 413);
    }
}

async fn odd_queries_paths_headers_and_forms_are_refused_alike_on_both(w: &mut World) {
    let (ana, at_console) = (w.person("ana"), w.signed_in("ana").await);
    let inc = ana.declares("Odd", "sev3").await;
    let size = w.size().await;
    let long = "x".repeat(3000);
    for path in [
        "/api/v1/tickets?kind=%00",
        "/api/v1/tickets?status=%00%ff",
        "/api/v1/tickets?after=9223372036854775808",
        "/api/v1/tickets?after=1e3",
        "/api/v1/tickets?limit=0",
        "/api/v1/tickets?limit=1001",
        "/api/v1/tickets?after=1&after=2",
        "/api/v1/tickets?nothing=1",
        &format!("/api/v1/tickets?kind={long}"),
        &format!("/api/v1/tickets/{inc}/events?after=x"),
        "/api/v1/tickets/INC-99999999999999999999",
        "/api/v1/tickets/%00",
        "/api/v1/tickets/INC-000001%00",
        "/api/v1/tickets/%ff%fe",
        "/api/v1/alerts/a%00b/c",
        "/api/v1/alerts/a/%00",
        &format!("/api/v1/alerts/{long}/x"),
        "/api/v1/deliveries/99999999999999999999",
        "/api/v1/deliveries/-1",
        &format!("/api/v1/tickets/{inc}/attachments/9999999999999999999"),
    ] {
        let answered = ana.gets(path).await;
        assert!((400..500).contains(&answered.status), "{path}: {} {}", answered.status, answered.text());
        let kind = answered.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        assert_eq!(kind, "application/problem+json", "{path}: {}", answered.text());
    }
    // A cursor that nobody was given is refused, not taken for the end.
    for path in ["/api/v1/tickets?after=9223372036854775807".to_owned(), format!("/api/v1/tickets/{inc}/events?after=9223372036854775807")]
    {
        assert_eq!(ana.gets(&path).await.status, 400, "{path}");
    }
    let odd = |name: &str, value: &[u8]| {
        let request = ana.client.get(format!("{}/api/v1/me", ana.base));
        request.header(name, reqwest::header::HeaderValue::from_bytes(value).expect("bytes of a header"))
    };
    for (name, value) in [
        ("authorization", &b"Bearer \xff\xfe"[..]),
        ("authorization", b"Bearer"),
        ("authorization", b"bearer cs_\xc3_"),
        ("cookie", b"countersign_session=\xff"),
        ("cookie", b"countersign_session=;countersign_session=x"),
        ("x-forwarded-for", b"not, an, address"),
    ] {
        let answered = odd(name, value).send().await.expect("an answer");
        assert_eq!(answered.status(), 401, "{name}: {value:?}");
    }
    let many = (0..200).fold(ana.client.get(format!("{}/api/v1/me", ana.base)), |request, n| request.header(format!("x-{n}"), "x"));
    assert_eq!(many.send().await.expect("an answer").status(), 431);
    // It may be closed before it has sent everything; then there is no answer to read.
    if let Ok(answered) = odd("x-big", &vec![b'x'; 1_000_000]).send().await {
        assert_eq!(answered.status(), 431);
    }
    // Idempotency keys and forms.
    let keyed = ana
        .client
        .post(format!("{}/api/v1/tickets", ana.base))
        .header("authorization", odd_key(&ana))
        .header("idempotency-key", "x".repeat(256));
    assert_eq!(keyed.body("{}").send().await.expect("an answer").status(), 400);
    odd_forms(&at_console, &inc).await;
    // Files: not a form, a broken form, no file, two, too large by what it says, too large by what it is.
    let attach = format!("{}/api/v1/tickets/{inc}/attachments", ana.base);
    let part = |name: &str| format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\nhello\r\n");
    for (kind, body) in [
        ("application/json", "{}".to_owned()),
        ("multipart/form-data", "x".to_owned()),
        ("multipart/form-data; boundary=x", part("file")),
        ("multipart/form-data; boundary=x", format!("{}--x--\r\n", part("phase"))),
        ("multipart/form-data; boundary=x", format!("{}{}--x--\r\n", part("file"), part("file"))),
        ("multipart/form-data; boundary=x", format!("{}--x--\r\n", part("other"))),
        ("multipart/form-data; boundary=x", "\0".repeat(10_000)),
        ("multipart/form-data; boundary=x", format!("--x\r\n{}\r\n", "a".repeat(200_000))),
    ] {
        let asked = ana.client.post(&attach).header("authorization", odd_key(&ana)).header("content-type", kind).body(body.clone());
        let answered = asked.send().await.expect("an answer");
        let status = answered.status();
        assert!(status.is_client_error(), "{kind} {body:.80}: {status} {}", answered.text().await.unwrap_or_default());
        assert_eq!(answered.headers()["content-type"], "application/problem+json", "{kind} {body:.80}");
    }
    assert_eq!(w.size().await, size, "nothing changed");
    ana.notes(&inc, "And all is well.").await.done();
}
on_both!(odd_queries_paths_headers_and_forms_are_refused_alike_on_both);

fn odd_key(person: &crate::world::Person) -> String {
    let crate::world::Pass::Key(key) = &person.pass else { panic!("{} has a key", person.name) };
    format!("Bearer {key}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barrage_at_the_real_program_stays_within_its_memory() {
    let server = Server::start();
    let ada = server.person("ada@example.com", &["administrator", "responder"]).await;
    let body = json!({ "kind": "incident", "fields": { "title": "Before", "severity": "sev3" } });
    let (status, answer) = ada.post("/api/v1/tickets", &body).await;
    assert_eq!(status.as_u16(), 201, "{answer}");
    let ticket = answer["ticket"].as_str().expect("a number").to_owned();
    let before = server.memory();
    let doors = (0..4).map(|_| barrage_at(&server, &ticket, ada.bearer()));
    let sent: usize = futures_util::future::join_all(doors).await.into_iter().sum();
    let after = server.memory();
    println!("{sent} hostile requests, four at a time: memory at most {before} KiB before, {after} KiB after");
    assert!(after < 256 * 1024, "{after} KiB");
    assert_eq!(ada.tickets().await.len(), 1, "nothing changed");
}

async fn barrage_at(server: &Server, ticket: &str, key: &str) -> usize {
    barrage(&server.base(), ticket, key, server::BEARER, server::ROUTING_KEY).await
}

// ── connections ───────────────────────────────────────────────────────────────────────────────────────────────

/// Reads an answer until its sender closes, or there is nothing for a while.
async fn hears(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut heard)).await;
    // A connection that is reset has said what it had to say.
    let _ = read.expect("an answer, or the end");
    String::from_utf8_lossy(&heard).into_owned()
}

#[test]
fn connections_beyond_the_last_place_are_told_so_and_idle_ones_give_theirs_up() {
    crate::world::tell(crate::world::Kind::Sqlite, async |w| {
        let app = w.replica(0).app.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let bounds = Bounds { places: 8, headers: Duration::from_millis(1500), ..Bounds::default() };
        let doors = Doors::new(bounds, Vec::new(), std::sync::Arc::clone(&app.metrics));
        let served = tokio::spawn(doors.serve(listener, router(app), std::future::pending()));
        // One address may hold half of the places: the first four stay silent, or speak slowly.
        let mut silent = Vec::new();
        for n in 0..4 {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            if n % 2 == 0 {
                stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").await.expect("half a request");
            }
            silent.push(stream);
        }
        let mut fifth = TcpStream::connect(address).await.expect("a connection");
        fifth.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a request");
        let told = hears(&mut fifth).await;
        assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after: 5") && told.contains("Too many connections"), "{told}");
        // The slow ones lose their places by themselves.
        for mut stream in silent {
            let told = hears(&mut stream).await;
            assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{told}");
        }
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        until("there are places again", async || {
            client.get(format!("http://{address}/healthz")).send().await.is_ok_and(|a| a.status() == 200)
        })
        .await;
        let metrics = w.person("ana").gets("/metrics").await.text();
        assert!(metrics.contains("countersign_turned_away_total{reason=\"connections\"}"), "{metrics}");
        served.abort();
    });
}

#[test]
fn half_sent_bodies_cannot_hold_more_than_their_budget() {
    crate::world::tell(crate::world::Kind::Sqlite, async |w| {
        let host = w.base(0).trim_start_matches("http://").to_owned();
        let head = format!(
            "POST /hooks/alertmanager HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {BEARER}\r\ncontent-length: 1048576\r\n\r\n"
        );
        let most = vec![b' '; 1_048_000];
        // Forty connections send all but the last bytes of a mebibyte each, and wait.
        let mut waiting = Vec::new();
        for _ in 0..40 {
            let mut stream = TcpStream::connect(&host).await.expect("a connection");
            stream.write_all(head.as_bytes()).await.expect("a head");
            // Whoever is beyond the budget is told so before it has sent everything.
            let _ = stream.write_all(&most).await;
            waiting.push(stream);
        }
        let ana = w.person("ana");
        until("somebody was turned away", async || {
            ana.gets("/metrics").await.text().contains("countersign_turned_away_total{reason=\"body_budget\"}")
        })
        .await;
        // People are served meanwhile: theirs is another budget.
        let inc = ana.declares("Meanwhile", "sev3").await;
        ana.files(&inc, "proof.txt", &vec![b'x'; 1 << 20], None, None).await.done();
        // Those within are given up in time, and told that nothing was recorded.
        let told: Vec<String> = futures_util::future::join_all(waiting.iter_mut().map(hears)).await;
        let of = |start: &str| told.iter().filter(|t| t.starts_with(start)).count();
        assert!(of("HTTP/1.1 408") >= 30, "{} were too slow, {} too many", of("HTTP/1.1 408"), of("HTTP/1.1 503"));
        assert!(told.iter().filter(|t| t.starts_with("HTTP/1.1 408")).all(|t| t.contains("Nothing was recorded")));
        let fired = [labels("HighErrorRate", "shop", "h-1", "warning")];
        w.alertmanager().fires(&fired).await.done();
    });
}
